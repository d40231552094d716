"""Ranges beyond what was captured: limits, printed forms, and where the pointer stands."""

from __future__ import annotations

import pytest

from imagesetter.golang.errors import InvalidConstraint
from imagesetter.golang.semver.constraints import MAX_GROUPS, parse_constraints
from imagesetter.golang.semver.version import parse_version
from imagesetter.golang.strings import quote


def admits(text: str, version: str) -> bool:
    return parse_constraints(text).admits(parse_version(version))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("~>1.2.3", "1.2.9 1.2.3", "1.2.2 1.3.0 1.2.3-a"),
        ("=<1.2.x", "1.2.9 0.1.0", "1.3.0"),
        ("<=*", "0.0.9", "0.1.0"),
        ("<*", "", "0.0.0"),
        (">*", "0.0.1", "0.0.0"),
        ("=>1.x", "1.0.0 9.0.0", "0.9.9"),
        ("!=1.2.x", "1.3.0 1.1.9", "1.2.0 1.2.9"),
        ("!=1", "2.0.0 0.9.0", "1.0.0 1.9.9"),
        ("!=*", "0.0.1", "0.0.0"),
        ("!=1.2.x-beta", "1.2.0 1.2.3 1.2.3-alpha", "1.2.0-beta 1.2.9-beta"),
        ("!=1.2.x >=0-0", "1.2.0-alpha", "1.2.0"),
        ("^0.0.x", "0.0.0 0.0.9", "0.1.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("^*", "0.0.0", "0.0.1 1.0.0"),
        ("*", "0.0.0 99.0.0", "1.0.0-rc.1"),
        ("1.x.5", "1.9.0", "2.0.0"),
        (">1.2.3-rc.1", "1.2.3-rc.2 1.2.3", "1.2.3-rc.1 1.2.3-beta"),
        ("1 - 2", "1.0.0 2.9.9", "3.0.0 0.9.0"),
        ("1.x || >=3.0.0-0 <4", "1.2.0 3.0.0-rc.1", "1.0.0-rc.1 2.0.0"),
    ],
)
def test_range_admits(text: str, inside: str, outside: str) -> None:
    assert [version for version in inside.split() if not admits(text, version)] == []
    assert [version for version in outside.split() if admits(text, version)] == []


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("1.2.3.4", 'improper constraint: "1.2.3.4"', "1.2.3.4\n~~~~~^"),
        (">=1.0.0<2", 'improper constraint: ">=1.0.0<2"', ">=1.0.0<2\n~~~~~~~^"),
        (">=1 and <2", 'improper constraint: ">=1 and <2"', ">=1 and <2\n~~~~^"),
        (">=1,", 'improper constraint: ">=1,"', ">=1,\n~~~~^"),
        ("==1", 'improper constraint: "==1"', "==1\n~^"),
        ("1 - 2 - 3", 'improper constraint: ">= 1, <= 2 - 3"', ">= 1, <= 2 - 3\n~~~~~~~~~~~^"),
        (">=1 - 2", 'improper constraint: ">=>= 1, <= 2 "', ">=>= 1, <= 2 \n~~^"),
        ("1.x || la", 'improper constraint: " la"', " la\n~^"),
        ("\tfoo", r'improper constraint: "\tfoo"', " foo\n~^"),
        ("1.x ||", 'improper constraint: ""', '"*" is any release'),
        ("  ", 'improper constraint: "  "', '"*" is any release'),
        (">=1x", "constraint parser error", ">=1x\n~~^^"),
        ("1.2.3-rc.01", "constraint parser error", "version segment starts with 0\n1.2.3-rc.01\n^^^^^^^^^^^"),
        (">18446744073709551616", "constraint parser error", "value out of range"),
        ("é" * 257, "constraint string is too long (max 512 bytes)", "it has 514 bytes"),
        ("||" * MAX_GROUPS, "too many constraint groups (max 32)", "it has 33"),
    ],
)
def test_range_is_refused_with_a_pointer(text: str, message: str, hint: str) -> None:
    with pytest.raises(InvalidConstraint) as caught:
        parse_constraints(text)
    assert str(caught.value) == message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (" >= 1.0 ,  <2.x ", ">=1.0 <2.x"),
        ("~> v1.2||=1", "~>v1.2 || =1"),
        ("1.2.3+build", "1.2.3+build"),
        ("1 - 2 || 3.0.0-0 - 4", ">=1 <=2 || >=3.0.0-0 <=4"),
    ],
)
def test_range_is_printed_as_upstream_prints_it(text: str, printed: str) -> None:
    assert str(parse_constraints(text)) == printed


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("1.x || ~1.2 || >=1.5.0 <3.0.0", [((1, 0, 0), (3, 0, 0))]),
        (">=1.0.0 !=1.2.x <1.4.0", [((1, 0, 0), (1, 2)), ((1, 3), (1, 4, 0))]),
        (">1.0.0 <=1.0.0", []),
        ("<1.0.0-0 || 2.0.0-0", [((), (1, 0, 0))]),
        (">1.0.0-rc.1 <=2.0.0-rc.1", [((1, 0, 0), (2, 0, 0))]),
    ],
)
def test_releases_of_a_range_are_few_disjoint_spans(text: str, spans: list[object]) -> None:
    assert list(parse_constraints(text).release_spans) == spans


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", '"plain"'),
        ('a"b\\', r'"a\"b\\"'),
        ("\a\b\f\n\r\t\v", r'"\a\b\f\n\r\t\v"'),
        ("\x00\x7f", r'"\x00\x7f"'),
        ("\u200b\u00a0é😀", r'"\u200b\u00a0é😀"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_text_is_quoted_as_go_quotes_it(text: str, quoted: str) -> None:
    assert quote(text) == quoted
