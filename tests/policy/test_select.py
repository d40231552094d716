"""What a policy chooses where it takes more than one rule to say so, and what it says when it chooses nothing."""

from __future__ import annotations

import pytest

from imagesetter.errors import InvalidFilter, InvalidPolicy, NoTags, NothingSelected, PolicyError
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import Rule
from imagesetter.policy.select import check, compare, ranking, select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy

SUFFIX = FilterTags(r"^(?P<v>.+)-(?:a|b|c)$", "$v")


@pytest.mark.parametrize(
    ("policy", "tags", "choice"),
    [
        pytest.param(TagPolicy(SemverRule("*")), "1.0.0 v1.0.0 01.0.0", "v1.0.0", id="equal versions: the last"),
        pytest.param(TagPolicy(NumericalRule()), "1 1.0 01 +1", "+1", id="equal numbers: the first"),
        pytest.param(TagPolicy(NumericalRule("desc")), "1 1.0 01 2", "01", id="equal numbers, smallest: the first"),
        pytest.param(
            TagPolicy(SemverRule("*"), FilterTags("")), "1.0.0 v1.0.0 01.0.0", "v1.0.0", id="equal versions, filtered"
        ),
        pytest.param(
            TagPolicy(SemverRule("*"), SUFFIX), "1.0.0-b 01.0.0-c v1.0.0-a", "v1.0.0-a", id="equal versions, extracted"
        ),
        pytest.param(TagPolicy(NumericalRule(), SUFFIX), "1-c 01-b 1.0-a", "01-b", id="equal numbers, extracted"),
        pytest.param(
            TagPolicy(SemverRule("*"), SUFFIX), "1.0.0-b 1.0.0-c", "1.0.0-b", id="two tags, one text: the first"
        ),
        pytest.param(
            TagPolicy(AlphabeticalRule(), SUFFIX), "x-c x-a a-b", "x-a", id="one text of two tags, alphabetical"
        ),
        pytest.param(TagPolicy(NumericalRule()), "inf NaN 5 3", "5", id="what follows a NaN replaces it"),
        pytest.param(TagPolicy(NumericalRule()), "inf NaN", "NaN", id="a NaN that nothing follows"),
        pytest.param(TagPolicy(NumericalRule("desc")), "3 NaN inf 5 -inf", "-inf", id="the smallest that follows"),
        pytest.param(
            TagPolicy(NumericalRule()), "9007199254740992 9007199254740993", "9007199254740993", id="beyond float64"
        ),
        pytest.param(
            TagPolicy(NumericalRule("desc")),
            "9007199254740993.5 0x20000000000001p0",
            "0x20000000000001p0",
            id="two bases",
        ),
        pytest.param(TagPolicy(NumericalRule()), "1e-400 0", "0", id="too small for float64 is zero"),
        pytest.param(TagPolicy(AlphabeticalRule("")), "a B _ é", "é", id="bytes, not letters"),
        pytest.param(TagPolicy(AlphabeticalRule("Desc")), "a B _ é", "B", id="order in any case"),
        pytest.param(TagPolicy(AlphabeticalRule()), "a b.sig", "a", id="signatures are excluded"),
        pytest.param(
            TagPolicy(AlphabeticalRule(), None, ()), "a b.sig", "a", id="an empty exclusion list is the default"
        ),
        pytest.param(
            TagPolicy(AlphabeticalRule(), None, ("^a",)), "a b.sig", "b.sig", id="a list replaces the default"
        ),
        pytest.param(TagPolicy(SemverRule("<2.0.0-0")), "2.0.0-rc.1 1.0.0-rc.1", "1.0.0-rc.1", id="a prerelease only"),
        pytest.param(TagPolicy(SemverRule(">=1.0.0-0")), "1.0.0-rc.01 1.0.0-rc.1 1.0.0-1", "1.0.0-rc.1", id="rc.01"),
        pytest.param(
            TagPolicy(SemverRule("1.x")), "1.0.0+b 1.0.0+a 1.0.0 1.0.0-rc", "1.0.0+b", id="metadata is no order"
        ),
        pytest.param(
            TagPolicy(SemverRule("*")),
            f"1.2.3 {'9' * 5000}.0.0 18446744073709551616.0.0",
            "1.2.3",
            id="numbers too large",
        ),
        pytest.param(
            TagPolicy(SemverRule(">=1.0.0-0")),
            "18446744073709551616.0.0 1.0.0 2.0.0-0",
            "2.0.0-0",
            id="a number too large hides no prerelease",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            f"1.{'0' * 200}9.0 1.2.0 1.{'0' * 260}10.0",
            f"1.{'0' * 200}9.0",
            id="zeros ahead",
        ),
        pytest.param(TagPolicy(SemverRule("!=1.2.x =1.2.2-a")), "1.2.3 1.2.2-a 1.2.1-a", "1.2.2-a", id="odd !="),
        pytest.param(
            TagPolicy(SemverRule(">=0-0")),
            f"1.0.0 2.0.0-{'a' * 250} 3.0.0-{'a' * 251}",
            f"2.0.0-{'a' * 250}",
            id="256 bytes",
        ),
        pytest.param(
            TagPolicy(SemverRule(">=1-0")), "1.2+b.1 1.2-rc.1 1-a.b.c 1.1.0", "1.2+b.1", id="short of numbers"
        ),
        pytest.param(TagPolicy(SemverRule("*")), "1.0.0+a 1.0.0+b 1.0.0", "1.0.0+b", id="metadata in any range"),
        pytest.param(
            TagPolicy(SemverRule(">=0-0")), "v1.0.0-a 1.0.0-a+x", "v1.0.0-a", id="metadata is no order, prereleases"
        ),
        pytest.param(TagPolicy(SemverRule("^0")), "000.1.2 0.1.1 1.0.0", "000.1.2", id="only zeros"),
        pytest.param(TagPolicy(SemverRule("=1.2.3")), "1.2.3 1.2.30 11.2.3", "1.2.3", id="one version"),
        pytest.param(TagPolicy(SemverRule("1.x || 3.x")), "1.2.3 2.0.0 3.0.0", "3.0.0", id="alternatives"),
    ],
)
def test_choice(policy: TagPolicy, tags: str, choice: str) -> None:
    assert select(policy, tags.split()) == choice
    assert select(policy, reversed(tags.split())) == choice


def test_tag_that_holds_a_newline_is_one_tag() -> None:
    assert select(TagPolicy(SemverRule("*")), ["1.0.0", "x\n2.0.0", "3.0.0\n"]) == "1.0.0"
    assert select(TagPolicy(AlphabeticalRule()), ["a", "b\nc.sig", "d.sig"]) == "b\nc.sig"


def test_ranking_lists_what_would_be_chosen_next() -> None:
    tags = ["1.0.0", "1.1.0", "v1.1.0", "2.0.0", "1.2.0-rc.1", "latest"]
    assert ranking(TagPolicy(SemverRule("1.x")), tags) == ["v1.1.0", "1.1.0", "1.0.0"]
    assert ranking(TagPolicy(SemverRule(">=1-0 <2")), tags) == ["1.2.0-rc.1", "v1.1.0", "1.1.0", "1.0.0"]
    assert ranking(TagPolicy(AlphabeticalRule("desc")), ["b", "a", "b"]) == ["a", "b"]
    assert ranking(TagPolicy(NumericalRule()), ["1", "01", "3", "NaN", "inf", "2"]) == [
        "3",
        "2",
        "01",
        "1",
        "NaN",
        "inf",
    ]


def test_ranking_lists_of_tags_with_one_text_only_the_one_that_counts() -> None:
    assert ranking(TagPolicy(AlphabeticalRule(), SUFFIX), ["y-b", "x-c", "x-a"]) == ["y-b", "x-a"]


def test_ranking_leaves_out_numbers_beyond_64_bits() -> None:
    assert ranking(TagPolicy(SemverRule("*")), ["18446744073709551616.0.0", "1.0.0"]) == ["1.0.0"]


@pytest.mark.parametrize(
    ("policy", "a", "b", "place"),
    [
        pytest.param(TagPolicy(SemverRule("1.x")), "1.2.0", "1.10.0", -1, id="a lower version"),
        pytest.param(TagPolicy(SemverRule("1.x")), "2.0.0", "1.10.0", 1, id="a version outside the range"),
        pytest.param(TagPolicy(SemverRule("1.x")), "1.0.0", "v1.0.0", 0, id="the same version"),
        pytest.param(TagPolicy(SemverRule("1.x")), "1.0.0", "latest", None, id="no version"),
        pytest.param(TagPolicy(NumericalRule("desc")), "1", "2", 1, id="a smaller number"),
        pytest.param(TagPolicy(NumericalRule()), "1", "01", 0, id="the same number"),
        pytest.param(TagPolicy(NumericalRule()), "1", "nan", None, id="not a number"),
        pytest.param(TagPolicy(NumericalRule()), "x", "1", None, id="no number"),
        pytest.param(TagPolicy(AlphabeticalRule()), "b", "a", 1, id="later in byte order"),
        pytest.param(TagPolicy(AlphabeticalRule("desc")), "b", "a", -1, id="later in byte order, first wanted"),
        pytest.param(TagPolicy(NumericalRule(), SUFFIX), "3-a", "20-b", -1, id="extracted numbers"),
        pytest.param(TagPolicy(NumericalRule(), SUFFIX), "3-a", "20-d", None, id="a tag that the filter drops"),
        pytest.param(TagPolicy(AlphabeticalRule()), "b.sig", "a", 1, id="a tag that is excluded"),
    ],
)
def test_comparison(policy: TagPolicy, a: str, b: str, place: int | None) -> None:
    assert compare(policy, a, b) == place


@pytest.mark.parametrize(
    ("policy", "tags", "error", "message", "hint"),
    [
        pytest.param(
            TagPolicy(None),
            "a",
            InvalidPolicy,
            "invalid policy: given ImagePolicyChoice object is invalid",
            "policy.semver",
            id="no rule",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x.")),
            "a",
            InvalidPolicy,
            'invalid policy: improper constraint: "1.x."',
            "^",
            id="range",
        ),
        pytest.param(
            TagPolicy(NumericalRule("up\x1b")),
            "a",
            InvalidPolicy,
            r"invalid policy: invalid order argument provided: 'UP\x1b', must be one of: ASC, DESC",
            "",
            id="order",
        ),
        pytest.param(
            TagPolicy(AlphabeticalRule(), FilterTags("(")),
            "a",
            InvalidFilter,
            "failed to filter tags: invalid regular expression pattern '(': "
            "error parsing regexp: missing closing ): `(`",
            "pkg.go.dev",
            id="filter",
        ),
        pytest.param(
            TagPolicy(AlphabeticalRule(), None, ("(?!a)",)),
            "a",
            InvalidFilter,
            "failed to compile regex (?!a): error parsing regexp: invalid or unsupported Perl syntax: `(?!`",
            "look-around",
            id="exclusion",
        ),
        pytest.param(TagPolicy(SemverRule("*")), "", NoTags, "no tags in database", "no tags", id="no tags"),
        pytest.param(
            TagPolicy(SemverRule("*")),
            "a.sig b.sig",
            NoTags,
            "no tags in database",
            "excludes all of them (2)",
            id="all excluded",
        ),
        pytest.param(
            TagPolicy(SemverRule("*"), FilterTags("^x")),
            "a b",
            NothingSelected,
            "version list argument cannot be empty",
            "no tag matches filterTags.pattern ^x (2 checked)",
            id="nothing passes the filter",
        ),
        pytest.param(
            TagPolicy(SemverRule("*")),
            "latest 1.2",
            NothingSelected,
            "unable to determine latest version from provided list",
            "two dots",
            id="no versions",
        ),
        pytest.param(
            TagPolicy(SemverRule("2.x")),
            "1.0.0 1.1.0 x",
            NothingSelected,
            "unable to determine latest version from provided list",
            "2 tags are versions, but none is in the range 2.x",
            id="no version in range",
        ),
        pytest.param(
            TagPolicy(SemverRule("2.x")),
            "2.0.0-rc.1",
            NothingSelected,
            "unable to determine latest version from provided list",
            ">=1.0.0-0",
            id="prereleases only",
        ),
        pytest.param(
            TagPolicy(SemverRule("<2-0 >3")),
            "1.0.0-a 4.0.0 1.0.0",
            NothingSelected,
            "unable to determine latest version from provided list",
            "3 tags are versions, but none is in the range <2-0 >3",
            id="a range of nothing",
        ),
        pytest.param(
            TagPolicy(NumericalRule()),
            "1 latest main",
            NothingSelected,
            "failed to parse invalid numeric value 'main'",
            "the tag is not a number (invalid syntax)",
            id="no number",
        ),
        pytest.param(
            TagPolicy(NumericalRule(), FilterTags("^r(.*)$", "$1")),
            "r1 rx",
            NothingSelected,
            "failed to parse invalid numeric value 'x'",
            "the text that filterTags.extract gives for the tag rx is not a number",
            id="no number extracted",
        ),
    ],
)
def test_nothing_is_chosen_in_flux_s_words_with_advice(
    policy: TagPolicy, tags: str, error: type[PolicyError], message: str, hint: str
) -> None:
    with pytest.raises(error) as caught:
        select(policy, tags.split())
    assert str(caught.value) == message
    assert hint in caught.value.hint
    with pytest.raises(error) as caught:
        ranking(policy, tags.split())
    assert str(caught.value) == message


@pytest.mark.parametrize("rule", [None, SemverRule(""), AlphabeticalRule("up")])
def test_a_wrong_rule_is_told_without_tags(rule: Rule | None) -> None:
    with pytest.raises(InvalidPolicy):
        check(TagPolicy(rule))


def test_a_wrong_rule_is_told_before_a_wrong_filter_and_both_before_a_lack_of_tags() -> None:
    with pytest.raises(InvalidPolicy):
        select(TagPolicy(SemverRule(""), FilterTags("(")), [])
    with pytest.raises(InvalidFilter):
        select(TagPolicy(SemverRule("*"), FilterTags("(")), [])
