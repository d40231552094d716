"""The step between two tags is the first part of their versions that differs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from semver import Version

from imagesetter.golang.semver.version import parse_tag
from imagesetter.policy.semver_delta import between
from krm_functions.errors import InputError
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


@pytest.mark.parametrize(
    ("tag", "flux", "library"),
    [
        ("1.2.3", True, True),
        ("1.2.3-rc.1+build.5", True, True),
        ("v1.2.3", True, False),
        ("01.2.3", True, False),
        ("1.2-rc.1", True, False),
        ("1.2", False, False),
        ("1.2.3-rc.01", False, False),
        ("1.2.3+01", True, True),
        ("18446744073709551616.0.0", False, True),
        ("1.2.3-" + "a" * 300, False, True),
    ],
)
def test_flux_and_the_library_read_different_tags_as_versions(tag: str, flux: bool, library: bool) -> None:
    assert reads(parse_tag, tag) == flux
    assert reads(Version.parse, tag) == library


def reads(parse: Callable[[str], object], tag: str) -> bool:
    try:
        parse(tag)
    except (InputError, ValueError):
        return False
    return True
