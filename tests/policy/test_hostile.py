"""Tags and patterns made to hurt: each is answered, and none of them costs more than its length allows.

Nothing here is timed. What would be exponential or quadratic without the bounds does not end within any test run.
"""

from __future__ import annotations

import pytest

from imagesetter.errors import InvalidFilter, NothingSelected, PolicyError
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.explain import explain, why_not
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import Rule
from imagesetter.policy.select import compare, ranking, select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy

HOSTILE_TAGS = [
    "",
    "\x00",
    "\x1b[31m\x1b]0;title\x07",
    "a\nb\r\nc",
    "1.0.0\n2.0.0",
    "\u202e0.0.1",
    "é" * 5000,
    "\ud800\udfff",
    "a" * 10_000,
    "1" * 10_000,
    "1." * 5000 + "0",
    "." * 10_000,
    "1.2.3-" + "a." * 5000 + "b",
    "1.2.3-" + "0" * 10_000,
    "1e" + "9" * 10_000,
    "0x" + "f" * 10_000 + "p-" + "9" * 1000,
    "-" * 10_000,
    "v" + "9" * 10_000 + ".0.0",
]
RULES: list[Rule] = [SemverRule("*"), SemverRule(">=0.0.0-0"), SemverRule("1.x"), AlphabeticalRule(), NumericalRule()]
PATTERNS = {
    "nested repeats": "^(a+)+$",
    "nested alternatives": "^(a|a|aa)+$",
    "repeats in a row": "^a*a*a*a*a*a*a*a*a*a*a*b$",
    "anything in a row": ".*.*.*.*.*.*.*.*.*=.*",
    "large counts": "(?:a{500}){2}b",
    "anything but one": "^[^-]*-[^-]*-x$",
    "unanchored repeat": "[0-9a-z]+X",
    "anything, then one": "^.*x$",
}


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("pattern", [None, *PATTERNS.values()], ids=["none", *PATTERNS])
def test_hostile_tags_and_patterns_are_answered(rule: Rule, pattern: str | None) -> None:
    policy = TagPolicy(rule, None if pattern is None else FilterTags(pattern, "$0"))
    tags = [*HOSTILE_TAGS, *("a" * length + "!" for length in range(1, 128)), *("1" * 128 for _ in range(9))]
    try:
        assert select(policy, tags) == ranking(policy, tags)[0]
    except PolicyError as err:
        assert str(err).isprintable()
        assert len(str(err)) < 500
    for each in explain(policy, tags).rejected:
        assert str(each).isprintable()
        assert len(str(each)) < 1000
    for tag in HOSTILE_TAGS:
        assert str(why_not(policy, tags, tag)).isprintable()
        assert compare(policy, tag, "1.0.0") in (None, -1, 0, 1)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=list(PATTERNS))
def test_hostile_patterns_take_time_in_proportion_to_a_long_list(pattern: str) -> None:
    tags = [f"{'a' * 40}{number}" for number in range(20_000)]
    policy = TagPolicy(AlphabeticalRule(), FilterTags(pattern))
    with pytest.raises(NothingSelected, match="version list argument cannot be empty"):
        select(policy, tags)


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(TagPolicy(AlphabeticalRule(), FilterTags("(a+)+$" * 200_000)), id="a pattern of a megabyte"),
        pytest.param(TagPolicy(AlphabeticalRule(), None, ("[a-z]" * 200_000,)), id="an exclusion of a megabyte"),
        pytest.param(TagPolicy(AlphabeticalRule(), FilterTags("(a)", "$1" * 500_000)), id="a template of a megabyte"),
        pytest.param(TagPolicy(AlphabeticalRule(), FilterTags("(a)", "$1" * 500)), id="a template that multiplies"),
        pytest.param(TagPolicy(AlphabeticalRule(), FilterTags(r"(?:\pL{1000}|a)" * 100)), id="a program too large"),
    ],
)
def test_what_is_too_large_is_refused_in_a_few_words(policy: TagPolicy) -> None:
    with pytest.raises(InvalidFilter) as caught:
        select(policy, ["a"])
    assert len(str(caught.value)) < 13_000
    assert explain(policy, ["a"]).chosen is None


def test_many_tags_of_one_version_are_one_pass() -> None:
    tags = [f"1.0.0+{number}" for number in range(20_000)] + [f"1.0.0-rc.{number}" for number in range(20_000)]
    assert select(TagPolicy(SemverRule(">=1.0.0-0")), tags) == "1.0.0+9999"


def test_a_range_of_many_exclusions_is_bounded() -> None:
    text = "*" + "".join(f" !={number}.x" for number in range(60))
    assert select(TagPolicy(SemverRule(text)), [f"{number}.0.0" for number in range(62)]) == "61.0.0"


def test_a_tag_of_ten_thousand_digits_is_compared_exactly() -> None:
    zeros = "0" * 10_000
    assert select(TagPolicy(NumericalRule()), [f"0.{zeros}1e10001", f"0.{zeros}1e10002"]) == f"0.{zeros}1e10002"
    assert select(TagPolicy(NumericalRule()), [f"1.{zeros}1", f"1.{zeros}2"]) == f"1.{zeros}2"
