"""Plain patterns give what RE2 gives, and are only those of which that can be said."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesetter.golang.regexp.pattern import Regexp, compile_pattern, compile_re2
from imagesetter.golang.regexp.plain import MAX_LINE, compile_plain_regexp

PLAIN = [
    "",
    "^$",
    "^main-[a-f0-9]+-(?P<ts>[0-9]+)$",
    r"^(?P<v>\d+\.\d+\.\d+)-alpine$",
    r"^RELEASE\.(?<t>.*)Z$",
    "-alpine$",
    r"(\d+)",
    r"^v?(\d+)\.(\d+)\.(\d+)$",
    "^[^-]+-[^-]+$",
    "^(?:main)-(?:.+)$",
    r"^a\$$",
    r"[\w.-]{2,}",
    "a{0}",
    "a{1000}",
    r"^[\D]\S\s\W$",
    "^(?:RELEASE|EDGE)-(.*)$",
    "^v-(?P<arch>amd64|arm64)$",
    r"^(?:v|release-)?(\d+)$",
    r"(?:-rc\.|\+)?[ab]",
    ".*-alpine$",
    ".*-alpine",
    "(.+)-(?:rc|beta)$",
    r"^v?(?P<ver>\d+\.\d+\.\d+)$",
    r"^v?(?P<ver>\d+\.\d+\.\d+)(?P<pre>-rc\.\d+)?$",
    r"^(v)?(\d+)(?:\.(\d+)(?:\.(\d+))?)?$",
    "^(main|dev)?-[0-9]+$",
    "^main-[a-f0-9]+-(?P<ts>[0-9]+)",
    "^(?i)release-(?P<n>[0-9a-f]+)$",
    "(?i)^(?:RC|Beta)-[^a]+",
]
LEFT_TO_RE2 = {
    "alternatives of the whole": "a|b",
    "alternatives of which one begins another": "^(?:rc|r)$",
    "the same alternative twice": "^(?:a|b|a)$",
    "an empty alternative": "^(a|)$",
    "alternatives that are no words": "^(a|b+)$",
    "alternatives behind an atom": "^(a+b|c)$",
    "repeated alternatives": "^(?:a|b)*$",
    "an escaped bar in a word": r"^(a\||b)$",
    "a repeated group": "^(a)+$",
    "an optional group that may be empty": "^(v*)?a$",
    "an optional group that may be empty in two ways": "^(v?(?:a*))?b$",
    "two optional groups that compete": "^(?:ab)?(ac)?(?:[ab])?$",
    "words that are alike but for their case": "(?i)^(?:a|Ab)$",
    "a flag behind something": "^a(?i)b",
    "another flag": "(?s)a",
    "a lazy optional group": "^(a)??b",
    "an optional word that competes from anywhere": "(?:ab)?a",
    "a lazy repeat": "^a+?b",
    "a possessive repeat": "^a++b",
    "a repeat of nothing": "^*a",
    "an anchor inside": "a^b",
    "an end inside": "a$b",
    "a word boundary": r"\bmain",
    "the beginning in other words": r"\Amain",
    "quoted text": r"\Qa.b\E",
    "a class of letters": r"\pL",
    "a named class": "[[:alpha:]]",
    "a hyphen inside a class": "[a-c-e]",
    "a hyphen behind a class": r"[\d-z]",
    "a bracket in a class": "[]a]",
    "an empty class": "[]",
    "all but nothing": "[^]",
    "what no character is": r"[^\d\D]",
    "a range upside down": "[z-a]",
    "a count upside down": "a{3,1}",
    "a count without a least": "a{,2}",
    "a count too large": "a{1001}",
    "counts too large together": "[ab]{600}[cd]{600}",
    "a letter beyond ASCII": "é",
    "a dangling escape": "a\\",
    "an open group": "(a",
    "a closed group": "a)b",
    "a name twice": "(?P<n>a)(?P<n>b)",
    "a name beyond ASCII": "(?P<é>a)",
    "two repeats that compete": "^.*a.*b$",
    "repeats that compete past what may be missing": "^a+b?a+b?a$",
    "a repeat that competes with itself": "^[ab]+[bc]+[cd]+$",
    "a repeat that competes from anywhere": "[a-z]*-?alpine",
    "anything in an optional group": "(?:.*-)?alpine",
}


@pytest.mark.parametrize("pattern", PLAIN)
def test_a_row_of_character_classes_is_plain(pattern: str) -> None:
    assert compile_plain_regexp(pattern) is not None


@pytest.mark.parametrize("pattern", [pytest.param(text, id=why) for why, text in LEFT_TO_RE2.items()])
def test_what_is_not_plain_is_left_to_re2(pattern: str) -> None:
    assert compile_plain_regexp(pattern) is None


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(["a", "é"], id="not ASCII"),
        pytest.param(["a", "a\nb"], id="a newline"),
        pytest.param(["a" * (MAX_LINE + 1)], id="too long"),
    ],
)
def test_texts_that_are_no_lines_of_ascii_are_left_to_re2(texts: list[str]) -> None:
    plain = compile_plain_regexp("a")
    assert plain is not None
    assert plain.find_all(texts) is None
    assert [match[0] for match in compile_pattern("a").find_all(texts)] == [text for text in texts if "a" in text]


def test_no_texts_hold_no_match() -> None:
    plain = compile_plain_regexp("^$")
    assert plain is not None
    assert plain.find_all([]) == []
    assert plain.find_all([""]) == [("", "")]
    assert plain.find_all(["", "a", ""]) == [("", ""), ("", "")]


def test_groups_are_numbered_as_in_go() -> None:
    plain = compile_plain_regexp("(?:x)(a)(?P<n>b(c))")
    assert plain is not None
    assert plain.names == ("", "", "n", "")
    assert plain.find_all(["-xabc-"]) == [("-xabc-", "xabc", "a", "bc", "c")]


def test_google_re2_is_not_asked_about_plain_patterns() -> None:
    class Unused:
        def find_all(self, texts: object) -> list[tuple[str, str]]:
            return [("asked", str(texts))]

    assert Regexp("(", ("",), Unused()).find_all(["a"]) == [("asked", "['a']")]  # type: ignore[arg-type]


_CLASSES = ["[ab]", "[^a]", "[a-c]", "[-1]", "[1-]", "[^-]", r"[\d.]", r"[^\w]", r"[\-a]", "[[:digit:]]"]
_ESCAPES = [r"\.", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S"]
atoms = st.sampled_from(["a", "b", "a", "b", "-", "1", ".", *_ESCAPES, *_CLASSES, "A", "{", "|", "$", "^", "(?i)", "é"])
_WORDS = ["(?:ab|b)", "(a|ba|-)", "(?:a|b1)?", "(?:ab)?", "(?:b|bb)", "(a|b|)", r"(?:\.|a-)"]
counts = st.sampled_from(["", "", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "{0}", "{,2}", "*?"])
groups = st.sampled_from(
    ["{}", "{}", "{}", "({})", "(?:{})", "(?P<n>{})", "(?<m>{})", "({})?", "({})?", "(?:{})?", "(a({})?)?", *_WORDS]
)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    pieces = draw(st.lists(st.tuples(groups, st.lists(st.tuples(atoms, counts), max_size=3)), max_size=4))
    body = "".join(group.replace("{}", "".join(map("".join, inner))) for group, inner in pieces)
    return (
        draw(st.sampled_from(["", "^", "^", ".*", "(?i)", "^(?i)", "(?i)^"])) + body + draw(st.sampled_from(["", "$"]))
    )


@given(patterns(), st.lists(st.text(st.sampled_from("abAB1-. \t\r\x0b\x00\x7f"), max_size=8), max_size=6))
@example("^a?b?a$", ["a", "aa", "ba", "aba", "abab"])
@example("[^a]*", ["", "b\rc", "ab"])
@example("^(a)?(b)?$", ["", "a", "b", "ab", "ba"])
@example(".*a", ["ba", "aab", "b"])
@example("(?i)[^a]b", ["AB", "bB", "aab"])
def test_plain_patterns_find_what_re2_finds(pattern: str, texts: list[str]) -> None:
    plain = compile_plain_regexp(pattern)
    if plain is not None:
        found = Regexp(pattern, plain.names, None).find_all(texts)
        assert plain.find_all(texts) == [tuple(part or "" for part in match) for match in found]
        compiled, groups = compile_re2(pattern), range(len(plain.names))
        for text in texts:
            for start in range(len(text) + 1):
                ours, theirs = plain.search(text, start), compiled.search(text.encode(), start)
                assert (ours and [ours.span(group) for group in groups]) == (
                    theirs and [theirs.span(group) for group in groups]
                )
