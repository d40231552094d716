"""Which strings need quotes, and that a scalar written anew reads as the string in every style and for every reader."""

from __future__ import annotations

import itertools
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from krm_functions.yaml.load import load
from krm_functions.yaml.proof import rewrite
from krm_functions.yaml.quoting import double_quoted, needs_quotes, render_scalar, single_quoted
from krm_functions.yaml.scan import scalars
from support.tables import each_row

READERS = {
    "YAML 1.1 numbers": "1.10 1. .5 -1 +1 0 00 007 0644 08 0b11 0x1F 0x1f 1_000 1__0 12.5 1e3 1E5 0e7 12e03 0.1e5 "
    "1.5e+3 1:30 12:30:45 190:20:30.15 20240131123456 123456789012345678901234567890",
    "YAML 1.2 and Go numbers": "0o17 0o+7 0O17 0B1 0X1F -0x1 +0o7 5e3 1.e2",
    "floats beyond 64 bits": "123e4567 1e400",
    "special floats": ".inf .Inf .INF -.inf +.inf .nan .NaN .NAN",
    "booleans": "y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE",
    "null": "~ null Null NULL",
    "dates": "2024-01-31 2024-1-1 2024-01-31T10:00:00Z 2001-12-14t21:59:43.10-05:00",
    "keywords": "= <<",
    "indicators": "- ? : --- ... # & * ! | > ' \" % @ ` [ ] { } ,",
    "structure": "a: :x ?x #x &x *x !x |x >x @x `x %x",
}
STRINGS = " ".join(
    (
        "v1 1.2.3 1.2.3.4 v1.10 1-2 -x --x _1 1_a 1.0e 1e 1.10-rc.1 inf nan yes1 nO tRUE 2024-01-31T10-00-00",
        "2024-01 12-31-2024 nginx:1.27 ghcr.io/acme/app:v1.2@sha256:0a registry:5000/a/b x#y a-b http://x/y 0xg 0b2",
        ".x ..5 a! é 🚢 --",
    )
).split()


@each_row([value for values in READERS.values() for value in values.split()])
def test_what_some_reader_takes_for_more_than_a_string_needs_quotes(value: str) -> None:
    assert needs_quotes(value)


@pytest.mark.parametrize(
    "value", ["", " ", "a b ", " a", "a: b", "a #b", "a\nb", "a\tb", "\x07", "\ufeff", "\u2028", "a,b", "[a]", "a?"]
)
def test_what_is_no_plain_scalar_everywhere_needs_quotes(value: str) -> None:
    assert needs_quotes(value)


@pytest.mark.parametrize("value", STRINGS)
def test_usual_tags_and_references_stay_plain(value: str) -> None:
    assert not needs_quotes(value)
    assert yaml.safe_load(value) == value
    assert load(value) == value


# YAML 1.2's core schema, copied from its definition (§10.3.2), as a second witness beside PyYAML (1.1) and `load` (Go).
CORE = re.compile(
    r"null|Null|NULL|~|true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN"
)
NEAR = st.text(alphabet="0123456789.eE+-_:xXobTZnaifyNtrul~ ", max_size=12)


@given(NEAR | st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_plain_value_is_that_string_to_every_reader(value: str) -> None:
    if not needs_quotes(value):
        assert yaml.safe_load(value) == value
        assert yaml.safe_load(f"[{value}, {{a: {value}}}]") == [value, {"a": value}]
        assert load(value) == value
        assert not CORE.fullmatch(value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ufffe\uffff"), max_size=12))
def test_quoted_values_read_as_themselves(value: str) -> None:
    for written in (double_quoted(value), single_quoted(value)):
        assert "\n" not in written
        assert yaml.safe_load(written) == value
        assert yaml.safe_load(f"- [{written}, x]") == [[value, "x"]]


STYLES = {
    "plain": "k: old # c\n",
    "plain over two lines": "k: old\n  more # c\n",
    "single": "k: 'old' # c\n",
    "double": 'k: "old" # c\n',
    "double over two lines": 'k: "old\n  more" # c\n',
    "literal": "k: | # c\n  old\n",
    "literal, kept": "k: |+ # c\n   old\n\n\n",
    "literal with a digit": "k: |1- # c\n   old\n",
    "literal without text": "k: | # c\n\nl: x\n",
    "literal with blanks only": "k: |+ # c\n      \n  \nl: x\n",
    "literal behind blanks": "k: | # c\n\n  \n   old\n       \n",
    "literal item without text": "- - | # c\n  - x\n",
    "literal under a ? key": "? k\n: |2 # c\n    old\n",
    "folded": "k: > # c\n  old\n  more\n",
    "folded without a final line end": "k: > # c\n  old",
    "literal, header only": "k: | # c",
    "literal root": "--- |2 # c\n  old\n",
    "flow": "k: [old, x] # c\n",
    "flow, quoted": "k: {a: 'old', b: x} # c\n",
    "CR LF literal": "k: | # c\r\n\r\n  old\r\nl: x\r\n",
    "CR LF, nothing": "k: | # c\r\nl: x\r\n",
    "anchor": "k: &a old # c\n",
    "number tag": "k: !!int 5 # c\n",
    "tag on its own line": "k: !!int\n  5 # c\n",
}
VALUES = ["new", "1.10", "on", "it's", 'a "b" \\', "a: b #c", " x ", "a\nb\n", "\t", "🚢", "{{ x }}", "---", "\x85"]


@each_row(itertools.product(STYLES, VALUES))
def test_every_style_takes_every_value(row: tuple[str, str]) -> None:
    style, value = row
    text = STYLES[style]
    scalar = next(iter(scalars(text)))
    after = rewrite(text, [(scalar, value)])
    again = list(scalars(after))
    assert [each.value for each in again] == [value, *[each.value for each in scalars(text)][1:]]
    assert again[0].path == scalar.path
    assert "# c" in after
    assert after.count("\r") == after.count("\r\n")


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES.keys())
def test_an_ordinary_value_keeps_the_style(text: str) -> None:
    scalar = next(iter(scalars(text)))
    again = next(iter(scalars(rewrite(text, [(scalar, "new:1")]))))
    assert (again.style, again.anchor) == (scalar.style, scalar.anchor)
    assert render_scalar("new:1", scalar, text)[:1] == (scalar.style or "n")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("k: !!int 5\n", "k: 6.7.1\n"),
        ("k: !!int &a 5\n", "k: &a 6.7.1\n"),
        ("k: &a !!float   1.5\n", "k: &a 6.7.1\n"),
        ("k: !!null ''\n", "k: '6.7.1'\n"),
        ("k: !<tag:yaml.org,2002:bool> true\n", "k: 6.7.1\n"),
        ("%TAG !y! tag:yaml.org,2002:\n---\nk: !y!int 5\n", "%TAG !y! tag:yaml.org,2002:\n---\nk: 6.7.1\n"),
        ("k: !!int # why\n  5\n", "k: # why\n  6.7.1\n"),
        ("k: [!!int 5, !!int 6]\n", "k: [6.7.1, !!int 6]\n"),
        ("k: !!str 5\n", "k: !!str 6.7.1\n"),
        ("k: ! 5\n", "k: ! 6.7.1\n"),
        ("k: !env 5\n", "k: !env 6.7.1\n"),
    ],
)
def test_a_string_never_keeps_the_tag_of_another_type(text: str, after: str) -> None:
    assert rewrite(text, [(next(iter(scalars(text))), "6.7.1")]) == after
