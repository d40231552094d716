"""Funnels, and the reasons why tags were not chosen."""

from __future__ import annotations

import pytest

from imagesetter.errors import InvalidPolicy, NoTags, NothingSelected
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.explain import Funnel, explain, why_not
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy

RELEASE = FilterTags(r"^release-(?P<v>.+)-(?:amd64|arm64)$", "$v")
TAGS = [
    *("1.0.0", "v1.0.0", "1.2.3", "2.0.0", "2.0.0-rc.1", "1.5.0-rc.1"),
    *("latest", "1.2", "1.2.3-rc.01", "cosign.sig", "\x1b[31mred"),
]


def test_funnel_counts_what_each_step_took() -> None:
    explanation = explain(TagPolicy(SemverRule("1.x")), [*TAGS, "1.0.0"])
    assert explanation.chosen == "1.2.3"
    assert explanation.error is None
    assert explanation.funnel == Funnel(listed=11, excluded=1, unparsed=4, out_of_range=3, candidates=3)


def test_funnel_counts_what_a_filter_took() -> None:
    tags = ["release-1.0.0-amd64", "release-1.0.0-arm64", "release-1.1.0-amd64", "main", "x.sig"]
    explanation = explain(TagPolicy(SemverRule("*"), RELEASE), tags)
    assert explanation.chosen == "release-1.1.0-amd64"
    assert explanation.funnel == Funnel(listed=5, excluded=1, filtered_out=1, shadowed=1, candidates=2)


def test_dropped_tags_come_furthest_first_and_high_versions_first() -> None:
    dropped = [(each.tag, each.step) for each in explain(TagPolicy(SemverRule("1.x")), TAGS).rejected]
    assert dropped == [
        ("2.0.0", "out of range"),
        ("2.0.0-rc.1", "out of range"),
        ("1.5.0-rc.1", "out of range"),
        ("latest", "unparsed"),
        ("1.2.3-rc.01", "unparsed"),
        ("1.2", "unparsed"),
        ("\x1b[31mred", "unparsed"),
        ("cosign.sig", "excluded"),
    ]
    assert [each.tag for each in explain(TagPolicy(SemverRule("1.x")), TAGS, limit=2).rejected] == [
        "2.0.0",
        "2.0.0-rc.1",
    ]


def test_invalid_policy_is_explained_by_its_error() -> None:
    explanation = explain(TagPolicy(SemverRule("nonsense")), TAGS)
    assert isinstance(explanation.error, InvalidPolicy)
    assert (explanation.chosen, explanation.funnel, explanation.rejected) == (None, Funnel(listed=11), ())


def test_one_tag_that_is_no_number_leaves_candidates_but_no_choice() -> None:
    explanation = explain(TagPolicy(NumericalRule()), ["1", "2", "latest"])
    assert isinstance(explanation.error, NothingSelected)
    assert explanation.chosen is None
    assert explanation.funnel == Funnel(listed=3, unparsed=1, candidates=2)


def test_no_tags_are_explained() -> None:
    explanation = explain(TagPolicy(SemverRule("*")), [])
    assert isinstance(explanation.error, NoTags)
    assert explanation.funnel == Funnel(listed=0)


@pytest.mark.parametrize(
    ("policy", "tags", "tag", "step", "reason"),
    [
        pytest.param(
            TagPolicy(SemverRule("1.x"), None, ("^x", r"\.sig$")),
            TAGS,
            "cosign.sig",
            "excluded",
            r"the exclusion list excludes it: it matches \.sig$",
            id="excluded",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x"), FilterTags("^v")),
            TAGS,
            "1.2.3",
            "filtered",
            "it does not match filterTags.pattern ^v",
            id="filtered",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x"), RELEASE),
            ["release-1.0.0-amd64", "release-1.0.0-arm64"],
            "release-1.0.0-arm64",
            "shadowed",
            "filterTags.extract gives '1.0.0', the same as for release-1.0.0-amd64, which is used because",
            id="shadowed",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            TAGS,
            "1.2",
            "unparsed",
            "it is not a version: Flux requires two dots",
            id="two dots",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            TAGS,
            "1.2.3-rc.01",
            "unparsed",
            "it is not a version: version segment starts with 0",
            id="a zero ahead",
        ),
        pytest.param(
            TagPolicy(NumericalRule(), RELEASE),
            ["release-x-amd64"],
            "release-x-amd64",
            "unparsed",
            "the text that filterTags.extract gives, 'x', is not a number: invalid syntax",
            id="no number",
        ),
        pytest.param(
            TagPolicy(SemverRule(">=1.0.0 <2.0.0")),
            TAGS,
            "2.0.0",
            "out of range",
            "2.0.0 is not <2.0.0",
            id="out of range",
        ),
        pytest.param(
            TagPolicy(SemverRule(">=3 <2-0")),
            TAGS,
            "2.0.0-rc.1",
            "out of range",
            "2.0.0-rc.1 is not >=3 and <2-0",
            id="out of range twice",
        ),
        pytest.param(
            TagPolicy(SemverRule("3.x || 4.x")),
            TAGS,
            "2.0.0",
            "out of range",
            "2.0.0 is not in any part of 3.x || 4.x",
            id="parts",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            TAGS,
            "1.5.0-rc.1",
            "out of range",
            "1.5.0-rc.1 is a prerelease, which 1.x does not allow; a range such as >=1.0.0-0 does",
            id="a prerelease",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            TAGS,
            "2.0.0-rc.1",
            "out of range",
            "2.0.0-rc.1 is a prerelease, and its release is not in 1.x either",
            id="a prerelease of another release",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            TAGS,
            "1.0.0",
            "candidate",
            "it is a candidate, but 1.2.3 ranks higher",
            id="outranked",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.0.x")),
            TAGS,
            "1.0.0",
            "candidate",
            "it ranks the same as v1.0.0, which is selected because it comes last in byte order",
            id="the same version",
        ),
        pytest.param(
            TagPolicy(NumericalRule()),
            ["1", "01"],
            "1",
            "candidate",
            "it ranks the same as 01, which is selected because it comes first in byte order",
            id="the same number",
        ),
        pytest.param(
            TagPolicy(NumericalRule()),
            ["1", "x"],
            "1",
            "candidate",
            "it is a candidate, but the policy selects nothing: failed to parse invalid numeric value 'x'",
            id="a policy that fails",
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")), TAGS, "1.2.3", "chosen", "it is the tag that the policy selects", id="chosen"
        ),
        pytest.param(
            TagPolicy(SemverRule("1.x")),
            TAGS,
            "1.9.0",
            "unlisted",
            "it is not one of the 11 tags; if it were: it is the tag that the policy selects",
            id="unlisted",
        ),
        pytest.param(
            TagPolicy(AlphabeticalRule()),
            [],
            "a",
            "unlisted",
            "it is not one of the 0 tags; if it were: it is",
            id="no tags",
        ),
    ],
)
def test_reason(policy: TagPolicy, tags: list[str], tag: str, step: str, reason: str) -> None:
    answer = why_not(policy, tags, tag)
    assert (answer.tag, answer.step) == (tag, step)
    assert answer.reason.startswith(reason)


def test_reason_is_a_line_that_a_terminal_can_show() -> None:
    assert str(why_not(TagPolicy(SemverRule("*")), TAGS, "\x1b[31mred")).startswith(r"\x1b[31mred: it is not a version")
    assert len(str(why_not(TagPolicy(NumericalRule()), ["x" * 10_000], "x" * 10_000))) < 300


def test_invalid_policy_cannot_be_asked_why_not() -> None:
    with pytest.raises(InvalidPolicy):
        why_not(TagPolicy(SemverRule("nonsense")), TAGS, "1.0.0")
