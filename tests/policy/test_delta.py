"""The step between two tags is the first part of their versions that differs."""

from __future__ import annotations

import pytest
from semver import Version

from imagesetter.policy.semver_delta import between
from policy.rows import load


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ("1.0.0", "2.0.0", "major"),
        ("1.0.0", "1.1.0", "minor"),
        ("1.0.0", "1.0.1", "patch"),
        ("1.0.0-rc.1", "1.0.0", "prerelease"),
        ("1.0.0+a", "1.0.0+b", "build"),
        ("v1.0", "1.0.1", "patch"),
        ("1", "v2", "major"),
        ("1.10.0", "1.9.0", "minor, down"),
        ("1.0.0", "1.0.0-rc.1", "prerelease, down"),
        ("1.0", "1.0.0", "changed"),
        ("main-abc", "main-def", "changed"),
        ("", "1.0.0", "changed"),
        ("1.0.0", "9" * 120 + ".0.0", "major"),
        ("1.0.0", "9" * 5000 + ".0.0", "changed"),
    ],
)
def test_the_step_between_two_tags(old: str, new: str, step: str) -> None:
    assert str(between(old, new)) == step


def test_the_library_orders_versions_as_masterminds_does_but_for_numbers_beyond_64_bits() -> None:
    differing = []
    for row in load("semver.json")["compare"]:
        try:
            first, second = (Version.parse(row[side].removeprefix("v")) for side in "ab")
        except ValueError:
            continue
        if first.compare(second) != row["cmp"]:
            differing.append((row["a"], row["b"]))
    assert differing == [("1.2.3-0a", "1.2.3-99999999999999999999")]
