"""Releases compared by their numbers are compared as every semver rule compares them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagesetter.policy.release import release
from imagesetter.policy.select import compare
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy

NUMBERS = st.integers(min_value=0, max_value=10**19).map(str) | st.sampled_from(["00", "007", "9" * 18])
RELEASES = st.builds("{}{}.{}.{}".format, st.sampled_from(["", "v"]), NUMBERS, NUMBERS, NUMBERS)


@given(RELEASES, RELEASES)
@example("1.10.0", "1.9.0")
@example("v1.2.3", "01.2.03")
def test_two_releases_rank_by_their_numbers(a: str, b: str) -> None:
    first, second = release(a), release(b)
    if first and second:
        assert compare(TagPolicy(SemverRule("1.x")), a, b) == (first > second) - (first < second)


@pytest.mark.parametrize(
    "tag",
    ["", "latest", "1.2", "1.2.3.4", "1.2.3-rc.1", "1.2.3+build", "V1.2.3", "vv1.2.3", "1.2.\u0663", "1..3", "1.2.+3",
     "1.2.3 ", "1_0.2.3", f"1.2.{'9' * 19}"],
)  # fmt: skip
def test_any_other_tag_is_left_to_the_rule(tag: str) -> None:
    assert release(tag) is None
