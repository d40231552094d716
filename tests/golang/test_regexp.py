"""Go's regular expressions: what is refused, in Go's words, and what is found."""

from __future__ import annotations

import sys

import pytest

from imagesetter.golang.errors import InvalidPattern
from imagesetter.golang.regexp.pattern import MAX_PATTERN_BYTES, compile_pattern

# Captured from Go 1.26: regexp.Compile of each.
REFUSED = {
    r"\C": r"invalid escape sequence: `\C`",
    r"a(\C)+": r"invalid escape sequence: `\C`",
    "(?P<é>a)": "invalid named capture: `(?P<é>`",
    "(?P<n-1>a|b)": "invalid named capture: `(?P<n-1>`",
    "(?<=a)b": "invalid named capture: `(?<=a)b`",
    "(?<!a)(?P<n>b)": "invalid named capture: `(?<!a)(?P<n>`",
    "(?=a)": "invalid or unsupported Perl syntax: `(?=`",
    "(?!a)": "invalid or unsupported Perl syntax: `(?!`",
    "(?>a)": "invalid or unsupported Perl syntax: `(?>`",
    "(?P=n)": "invalid or unsupported Perl syntax: `(?P`",
    "[a": "missing closing ]: `[a`",
    "(a": "missing closing ): `(a`",
    "a)": "unexpected ): `a)`",
    "*": "missing argument to repetition operator: `*`",
    "a**": "invalid nested repetition operator: `**`",
    "a{1001}": "invalid repeat count: `{1001}`",
    "(?:(?:a{100}){100})": "invalid repeat count: `{100}`",
    "a\\": "trailing backslash at end of expression: ``",
    r"\Z": r"invalid escape sequence: `\Z`",
    r"\1": r"invalid escape sequence: `\1`",
    "[z-a]": "invalid character class range: `z-a`",
    "a++": "invalid nested repetition operator: `++`",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_pattern_is_refused_in_go_s_words(pattern: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(pattern)
    assert str(caught.value) == f"error parsing regexp: {REFUSED[pattern]}"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?!latest)", "look-around"),
        ("(?<=v)1", "look-around"),
        (r"(a)\1", "back-references"),
        ("(?P=n)", "back-references"),
        ("(?>a)", "atomic groups"),
        ("a++", "possessive"),
        (r"a\Z", r"\z"),
        ("[a", "pkg.go.dev/regexp/syntax"),
    ],
)
def test_hint_says_what_the_syntax_lacks(pattern: str, words: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(pattern)
    assert words in caught.value.hint


@pytest.mark.parametrize("pattern", [r"\QC\C\E", r"\\C", r"[(?P<é>x)]", r"\Q(?P<é>\E", r"\(?P<é>"])
def test_refused_constructs_may_stand_where_they_mean_nothing(pattern: str) -> None:
    assert compile_pattern(pattern).names[0] == ""


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("(a|b)(?:c)(?P<x>d)(?<y>e)", ("", "", "x", "y")),
        ("(?P<n>a)|(?P<n>b)", ("", "n", "n")),
        (r"[(](a|b)\((?i)([^]()]+)", ("", "", "")),
        (r"\Q((\E(a|b)", ("", "")),
        ("[[:alpha:](]+(a|b)", ("", "")),
    ],
)
def test_groups_are_counted_and_named(pattern: str, names: tuple[str, ...]) -> None:
    assert compile_pattern(pattern).names == names


@pytest.mark.parametrize(
    ("pattern", "text", "match"),
    [
        pytest.param("a|ab", "xab", ("a",), id="the first alternative wins"),
        pytest.param("b$", "a\nb", ("b",), id="the end of the text"),
        pytest.param("(?m)a$|x", "a\nb", ("a",), id="the end of a line"),
        pytest.param("(a)|(b)", "b", ("b", None, "b"), id="a group without part"),
        pytest.param("(é|e)+", "xéé", ("éé", "é"), id="letters beyond ASCII"),
        pytest.param(r"\d|x", "٣", None, id="digits are ASCII"),
        pytest.param(r"\z|x", "a", ("",), id="nothing, at the end"),
        pytest.param("a|[?]", "\ud800", ("?",), id="what is no character"),
    ],
)
def test_search_is_leftmost_and_unanchored(pattern: str, text: str, match: tuple[str | None, ...] | None) -> None:
    assert compile_pattern(pattern).find_all([text]) == ([] if match is None else [(text, *match)])


def test_pattern_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern("\ud800")
    assert str(caught.value) == r"error parsing regexp: invalid UTF-8: `\ud800`"


@pytest.mark.parametrize(
    "pattern", ["a" * (MAX_PATTERN_BYTES + 1), "é" * (MAX_PATTERN_BYTES // 2 + 1), "(" * 1_000_000]
)
def test_pattern_longer_than_the_bound_is_refused_briefly(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match="expression too large") as caught:
        compile_pattern(pattern)
    assert len(str(caught.value)) < 120
    assert str(MAX_PATTERN_BYTES) in caught.value.hint


def test_pattern_whose_program_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidPattern, match="pattern too large"):
        compile_pattern(r"(?:\pL{900}|b){1}" * 30)


def test_re2_writes_nothing_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidPattern):
        compile_pattern("(?P<x")
    sys.stderr.flush()
    assert capfd.readouterr() == ("", "")
