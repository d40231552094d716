"""Versions beyond what was captured."""

from __future__ import annotations

import pytest

from imagesetter.golang.semver.version import MAX_VERSION_BYTES, Version, parse_tag, parse_version
from krm_functions.errors import InputError


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("v1", "1.0.0"),
        ("1.2", "1.2.0"),
        ("01.002.0003", "1.2.3"),
        ("1-beta.2.3", "1.0.0-beta.2.3"),
        ("1.2.3-0a.-", "1.2.3-0a.-"),
        ("1.2+a.01", "1.2.0+a.01"),
        ("18446744073709551615.0.0", "18446744073709551615.0.0"),
        ("1.2.3-" + "a" * (MAX_VERSION_BYTES - 6), "1.2.3-" + "a" * (MAX_VERSION_BYTES - 6)),
    ],
)
def test_version_is_read_leniently(text: str, printed: str) -> None:
    version = parse_version(text)
    assert str(version) == printed
    assert version.original == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("V1.2.3", "invalid semantic version"),
        ("1.2.3.4", "invalid semantic version"),
        ("1.2.3 ", "invalid semantic version"),
        ("1.2.3\n", "invalid semantic version"),
        ("١.2.3", "invalid semantic version"),
        ("1.2.3-a..b", "invalid semantic version"),
        ("1.2.3-00", "version segment starts with 0"),
        ("1.2.3-a.01.b", "version segment starts with 0"),
        ("1.2.3-" + "a" * (MAX_VERSION_BYTES - 5), "version string is too long (max 256 bytes)"),
        ("é" * (MAX_VERSION_BYTES // 2 + 1), "version string is too long (max 256 bytes)"),
        (
            "1.2.18446744073709551616",
            'error parsing version segment: strconv.ParseUint: parsing "18446744073709551616": value out of range',
        ),
    ],
)
def test_what_is_no_version_is_refused_in_upstream_s_words(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_version(text)
    assert str(caught.value) == words


@pytest.mark.parametrize(("text", "accepted"), [("1.2", False), ("v1", False), ("1.2-rc.1", True), ("1.2+a.b", True)])
def test_tag_is_a_version_with_two_dots(text: str, accepted: bool) -> None:
    if accepted:
        assert parse_tag(text) == parse_version(text)
    else:
        with pytest.raises(InputError):
            parse_tag(text)


def test_prereleases_order_by_part_and_below_their_release() -> None:
    ascending = [
        "1.0.0-0",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0-18446744073709551615",
        "1.0.0--",
        "1.0.0-18446744073709551616",
        "1.0.0-A",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-rc10",
        "1.0.0-rc2",
        "1.0.0",
    ]
    descending = ascending[::-1]
    assert sorted(descending, key=lambda text: parse_version(text).key) == ascending


def test_metadata_and_spelling_do_not_tell_versions_apart() -> None:
    assert parse_version("v1.0.0+a") == parse_version("01.0.0+b") == Version(1, 0, 0)
