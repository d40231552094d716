"""YAML as data: what yaml.v3 reads, without what hostile texts would make of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krm_functions.errors import TextError
from krm_functions.yaml.emit import dump
from krm_functions.yaml.load import load, load_all


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("", None),
        ("''", ""),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", 8.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-1.5E-2", -0.015),
        ("1e400", "1e400"),
        ("1e-400", 0.0),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("inf", "inf"),
        ("1.2.3", "1.2.3"),
        ("_1", "_1"),
        ("-x", "-x"),
        (".", "."),
        ("10:30", "10:30"),
        ("2024-01-31", "2024-01-31"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("|\n  1\n", "1\n"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int 1", 1),
        ("!!float 1", 1.0),
        ("!!null ''", None),
        ("!!binary aGk=", "aGk="),
        ("!custom x", "x"),
        ("!!timestamp 2024-01-31", "2024-01-31"),
        ("9" * 5000, "9" * 5000),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2**64),
        ("-9223372036854775809", -(2**63) - 1),
    ],
)
def test_scalars_read_as_yaml_v3_reads_them(text: str, value: object) -> None:
    found = load(f"- {text}")
    assert found == [value]
    assert type(found[0]) is type(value)  # type: ignore[index]


def test_not_a_number_reads_as_one() -> None:
    assert math.isnan(load(".nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("1: a\ntrue: b\n~: c\n1.10: d\n", {"1": "a", "true": "b", "~": "c", "1.10": "d"}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x v\n*x : w\n", {"a": "v", "v": "w"}),
        ("b: &x {k: 1, l: 2}\n<<: *x\nl: 3\n", {"b": {"k": 1, "l": 2}, "l": 3, "k": 1}),
        ("<<: [{a: 1}, {a: 2, b: 2}]\n", {"a": 1, "b": 2}),
        ("'<<': {a: 1}\n", {"<<": {"a": 1}}),
        ("a: [1, [2], {b: 3}]\n", {"a": [1, [2], {"b": 3}]}),
        ("# nothing\n", None),
    ],
    ids=[
        "keys are texts",
        "alias",
        "alias as key",
        "merge",
        "merge of several",
        "a quoted <<",
        "nested",
        "comments only",
    ],
)
def test_collections_read_as_json_would_have_them(text: str, data: object) -> None:
    assert load(text) == data


@pytest.mark.parametrize(
    ("text", "reason", "where"),
    [
        ("a: 1\nb: 2\na: 3\n", "key 'a' is given twice, first on line 1", "f.yaml:12:1"),
        ("a: [\n", "did not find expected node content", "f.yaml:11:1"),
        ("a: *x\n", "undefined alias", "f.yaml:10:4"),
        ("&x a: *x\nb: &y [*y]\n", "stands inside what it repeats", "f.yaml:11:8"),
        ("? [a]\n: b\n", "a mapping key has to be a text", "f.yaml:10:3"),
        ("<<: 1\n", "<< needs a mapping", "f.yaml:10:5"),
        ("a: !!int x\n", "is not a value of !!int", "f.yaml:10:4"),
        ("a: 1\n---\nb: 2\n", "more than one document", "f.yaml:12:1"),
        ("a: \x00\n", "U\\+0000 is not allowed", "f.yaml:10:4"),
        ("[" * 600 + "]" * 600, "nested more than 500 deep", "f.yaml:10:502"),
    ],
)
def test_what_cannot_be_read_is_refused_with_file_line_and_column(text: str, reason: str, where: str) -> None:
    with pytest.raises(TextError, match=reason) as caught:
        load(text, name="f.yaml", first_line=10)
    assert caught.value.where == where


def test_aliases_cannot_make_the_data_explode() -> None:
    laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for name, inner in zip("bcdefghij", "abcdefghi", strict=True):
        laughs += f"{name}: &{name} [{', '.join([f'*{inner}'] * 10)}]\n"
    with pytest.raises(TextError, match="larger than 1000000 nodes"):
        load(laughs)


def test_all_documents_come_with_their_lines() -> None:
    text = "# head\n---\na: 1\n---\n# nothing\n---\n\n- 2\n...\n"
    assert list(load_all(text)) == [({"a": 1}, 3), ([2], 8)]


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff\ufffe\uffff"))
DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | PLAIN
    | st.sampled_from(["1e3", "on", "a: b", "a #b", "- a", "x\ny\n", " x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=8,
)


@given(DATA)
def test_what_is_dumped_loads_as_itself(data: object) -> None:
    assert load(dump(data)) == data


@given(PLAIN)
def test_dumped_strings_are_strings_for_yaml_1_1_too(value: str) -> None:
    import yaml

    assert yaml.safe_load(dump({"key": value, value: 1}))["key"] == value or value == "key"


def test_dumps_are_block_style_in_the_order_given() -> None:
    data: dict[str, Any] = {"b": ["1", {"y": None, "x": []}], "a": "x\ny\n", "on": True}
    assert dump(data) == 'b:\n- "1"\n- "y": null\n  x: []\na: |\n  x\n  y\n"on": true\n'
