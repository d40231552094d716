"""What is written without PyYAML must be what PyYAML writes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krm_functions.yaml.emit import dump_any, dump_simple
from krm_functions.yaml.load import load

TEXTS = st.one_of(
    st.sampled_from(["[x]", "", "a", "true", "1.10", "y",
                     "a: b", "- a", "-a", "a #b", 'say "so"', "back\\slash", "é→", "x,y",
                     "nginx:1.2", "tab\there", " a", "a ", "two\nlines", "null", "2024-01-01", "\U0001f600", "a:", "=",
                     "\x85", "\ufeff", "\xa0", "\xad", "'\U00010800"]),
    st.text(max_size=12),
    st.text("ab:# -'\"{}[],&*!|>%@`?", max_size=8),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-5, 500), st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=1500, deadline=None)
@given(data=st.one_of(st.lists(VALUES, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=4)))
def test_what_is_written_is_what_pyyaml_writes(data: object) -> None:
    ours = dump_simple(data)
    if ours is not None:
        assert ours == dump_any(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param([{"message": "0 fields", "tags": {"summary": "true"}}], id="a result"),
        pytest.param({"a": [[1, 2], [{"b": None}]], "c": {"d": []}, "e": {}}, id="nested"),
        pytest.param(["a: b", 'say "so"', "", "1.10", "→"], id="strings that need quotes"),
    ],
)
def test_plain_data_is_written_without_pyyaml(data: object) -> None:
    ours = dump_simple(data)
    assert ours is not None
    assert load(ours) == data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("text", id="a scalar alone"),
        pytest.param([], id="nothing"),
        pytest.param([1.5], id="a float"),
        pytest.param(["two\nlines"], id="two lines"),
        pytest.param({"k" * 200: 1}, id="a long key"),
        pytest.param({1: 2}, id="a key that is no string"),
        pytest.param(["\x1b[31m"], id="a control character"),
    ],
)
def test_other_data_is_left_to_pyyaml(data: object) -> None:
    assert dump_simple(data) is None
