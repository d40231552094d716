"""Templates as Go's Regexp.Expand reads them."""

from __future__ import annotations

import pytest

from imagesetter.golang.errors import InvalidExpansion
from imagesetter.golang.regexp.expand import MAX_REFERENCES, MAX_TEMPLATE_BYTES, parse_expansion
from imagesetter.golang.regexp.pattern import compile_pattern


def expand(template: str, pattern: str = r"(?P<a>\w)(?P<b>\d)?-(?:(?P<n>x)|(?P<n>y))", text: str = "<q-y>") -> str:
    regexp = compile_pattern(pattern)
    return parse_expansion(template, regexp).expand_all(regexp.find_all([text]))[0]


@pytest.mark.parametrize(
    ("template", "result"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("plain", "plain", id="no reference"),
        pytest.param("$0", "q-y", id="the whole match"),
        pytest.param("$1", "q", id="a number"),
        pytest.param("$a", "q", id="a name"),
        pytest.param("${a}x", "qx", id="a name in braces"),
        pytest.param("$ax", "", id="a name is as long as it can be"),
        pytest.param("$1x", "", id="a number that goes on is a name"),
        pytest.param("${1}x", "qx", id="a number in braces"),
        pytest.param("[$b]", "[]", id="a group without part"),
        pytest.param("$n", "y", id="the first of two groups that took part"),
        pytest.param("$9", "", id="no such number"),
        pytest.param("$nope", "", id="no such name"),
        pytest.param("$01", "", id="a leading zero"),
        pytest.param("$1234567890", "", id="a number beyond nine digits"),
        pytest.param("$$1", "$1", id="an escaped dollar"),
        pytest.param("$$$1", "$q", id="an escaped dollar before a reference"),
        pytest.param("a$", "a$", id="a dollar at the end"),
        pytest.param("$-", "$-", id="a dollar before something else"),
        pytest.param("${", "${", id="an open brace"),
        pytest.param("${a", "${a", id="a brace that does not close"),
        pytest.param("${}", "${}", id="empty braces"),
        pytest.param("${a b}", "${a b}", id="no name in braces"),
        pytest.param("$é", "", id="letters beyond ASCII are of the name"),
        pytest.param("$1²", "q²", id="a superscript is not of the name"),
        pytest.param("$a.$n", "q.y", id="two references"),
        pytest.param(r"\1\g<1>", r"\1\g<1>", id="what Python would read"),
    ],
)
def test_template_is_read_as_go_reads_it(template: str, result: str) -> None:
    assert expand(template) == result


def test_plain_pattern_has_the_same_groups() -> None:
    assert expand("$v/$2/$0/$3", r"^v(?P<v>\d+)\.(\d+)", "v1.22.333") == "1/22/v1.22/"


def test_group_that_took_part_with_nothing_counts_before_one_with_something() -> None:
    assert expand("[$n]", "(?P<n>a*)(?P<n>b)", "b") == "[]"


def test_group_whose_name_is_a_long_number_is_found_by_it() -> None:
    assert expand("$1234567890", "(?P<1234567890>a)|x", "a") == "a"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("a" * (MAX_TEMPLATE_BYTES + 1), "longer than 1024 bytes"),
        ("é" * (MAX_TEMPLATE_BYTES // 2 + 1), "longer than 1024 bytes"),
        ("$1" * (MAX_REFERENCES + 1), "more than 32 times"),
    ],
)
def test_template_beyond_the_bounds_is_refused(template: str, words: str) -> None:
    with pytest.raises(InvalidExpansion, match=words):
        parse_expansion(template, compile_pattern("(a)"))
