"""The one writer: whatever is written is read back by every reader."""

from __future__ import annotations

import json
from enum import Enum

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from krm_functions.errors import SpliceError
from krm_functions.yaml.emit import dump, json_text
from krm_functions.yaml.insertion import block_entries
from krm_functions.yaml.load import load

TEXTS = st.one_of(
    st.sampled_from(["[x]", "", "a", "true", "1.10", "y",
                     "a: b", "- a", "-a", "a #b", 'say "so"', "back\\slash", "é→", "x,y",
                     "nginx:1.2", "tab\there", " a", "a ", "two\nlines", "null", "2024-01-01", "\U0001f600", "a:", "=",
                     "\x85", "\ufeff", "\xa0", "\xad", "'\U00010800"]),
    st.text(max_size=12),
    st.text("ab:# -'\"{}[],&*!|>%@`?\n", max_size=8),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(TEXTS, st.integers(-5, 500), st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(data=VALUES)
def test_what_is_written_reads_as_it_was(data: object) -> None:
    for text in (dump(data), json_text(data)):
        assert load(text) == data
        assert yaml.safe_load(text) == data


@settings(max_examples=100, deadline=None)
@given(data=st.lists(VALUES, min_size=1, max_size=4), column=st.integers(0, 4), newline=st.sampled_from(["\n", "\r\n"]))
def test_entries_of_a_list_read_as_they_were_also_where_a_comment_follows(
    data: list[object], column: int, newline: str
) -> None:
    text = "items:" + newline + block_entries(data, column, newline, closed=True) + newline + "# a comment" + newline
    assert load(text) == {"items": data}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param([{"message": "0 fields", "tags": {"a": "true"}}], '- message: 0 fields\n  tags:\n    a: "true"\n',
                     id="a result"),
        pytest.param({"a": [[1, 2], [{"b": None}]], "c": {"d": []}, "e": {}},
                     "a:\n- - 1\n  - 2\n- - b: null\nc:\n  d: []\ne: {}\n", id="nested"),
        pytest.param(["a: b", 'say "so"', "", "1.10", "→"], '- "a: b"\n- say "so"\n- ""\n- "1.10"\n- →\n',
                     id="strings that need quotes"),
        pytest.param("text", "text\n", id="a scalar alone"),
        pytest.param([], "[]\n", id="nothing"),
        pytest.param([1.5, 1e20, float("inf")], "- 1.5\n- 1.0e+20\n- .inf\n", id="floats"),
        pytest.param(["two\nlines", "two\nlines\n"], "- |-\n  two\n  lines\n- |\n  two\n  lines\n", id="lines"),
        pytest.param({"k" * 200: 1}, "k" * 200 + ": 1\n", id="a long key"),
        pytest.param(["\x1b[31m"], '- "\\e[31m"\n', id="a control character"),
        pytest.param(({"a": Enum("Color", {"RED": "red"}, type=str).RED},),  # type: ignore[attr-defined]
                     "- a: red\n", id="a tuple, and a string of an enumeration"),
    ],
)  # fmt: skip
def test_data_in_block_style(data: object, text: str) -> None:
    assert dump(data) == text


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param({1: 2}, "the key 1 is a int, expected a string", id="a key that is not a string"),
        pytest.param([{"a": {1, 2}}], "a set cannot be written as YAML", id="a set"),
        pytest.param([b"a"], "a bytes cannot be written as YAML", id="bytes"),
    ],
)
def test_what_yaml_cannot_hold_is_refused(data: object, complaint: str) -> None:
    for write in (dump, json_text):
        with pytest.raises(SpliceError, match=complaint):
            write(data)


def test_json_is_also_yaml() -> None:
    data = {"a": ["\x7f\u2028", 1.0, {"b": None}]}
    assert json_text(data) == '{"a": ["\\u007f\\u2028", 1.0, {"b": null}]}'
    assert json.loads(json_text(data)) == data
