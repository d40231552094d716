"""Semantic versions as Flux reads them from tags: Masterminds/semver 3.5.0's lenient reading, then Flux's two dots.

``parse_version`` is ``semver.NewVersion``: an optional lower-case ``v``, one to three numbers (leading zeros allowed),
a prerelease, build metadata. ``parse_tag`` is ``fluxcd/pkg/version.ParseVersion``, which the semver policy applies to
tags: the text must hold two dots, wherever they are, so ``1.2`` is not a version and ``1.2-rc.1`` is ``1.2.0-rc.1``.

Order is a matter of plain tuples, so that a hundred thousand tags can be compared without an object each: see
:data:`Key`. Departures from upstream: none.
"""

from __future__ import annotations

import re
from typing import Any

from krm_functions.errors import InputError

MAX_VERSION_BYTES = 256
"""A longer text is not a version; everything a version may hold is ASCII, so characters and bytes are the same."""

MAX_NUMBER = 2**64 - 1
"""The largest major, minor or patch number."""

PrereleaseKey = tuple[tuple[int, int, str] | tuple[int] | tuple[()], ...]
"""What a prerelease sorts by: one entry a part, ``(0, number, "")`` or ``(1, 0, text)``, after a leading ``(0,)``.

A release has :data:`RELEASE`, which is above every prerelease of the same three numbers.
"""

Key = tuple[int, int, int, PrereleaseKey]
"""What a version sorts by: major, minor, patch, prerelease. Build metadata plays no part."""

RELEASE: PrereleaseKey = ((1,),)

# The grammar, as regular expressions; `bulk` and `constraints` are made of the same parts.
NUMBER = "[0-9]++"
IDENTIFIERS = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*"
_LOOSE = re.compile(rf"v?({NUMBER})(?:\.({NUMBER}))?(?:\.({NUMBER}))?(?:-({IDENTIFIERS}))?(?:\+({IDENTIFIERS}))?")
_LEADING_ZERO = re.compile(r"(?:^|\.)0[0-9]+(?:\.|$)")


class Version:
    """A semantic version: three numbers, a prerelease and metadata, and the text it was read from; never changed.

    Two versions are equal when all four of their ranked parts are; *metadata* and *original* are not compared. No data
    class, since a locked run compares versions and `dataclasses` would take 14 ms of it.
    """

    __slots__ = ("major", "metadata", "minor", "original", "patch", "prerelease")

    def __init__(
        self, major: int, minor: int, patch: int, prerelease: str = "", metadata: str = "", original: str = ""
    ) -> None:
        self.major = major
        self.minor = minor
        self.patch = patch
        self.prerelease = prerelease
        self.metadata = metadata
        self.original = original

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Version({str(self)!r})"

    @property
    def key(self) -> Key:
        """The tuple that orders versions (Masterminds/semver ``Version.Compare``)."""
        return self.major, self.minor, self.patch, prerelease_key(self.prerelease)

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += f"-{self.prerelease}"
        if self.metadata:
            text += f"+{self.metadata}"
        return text


def prerelease_key(prerelease: str) -> PrereleaseKey:
    """The sort key of a prerelease: numbers by value and below words, words by their bytes, fewer parts first.

    A number beyond 64 bits counts as a word, as it does upstream. The empty text is a release.
    """
    if not prerelease:
        return RELEASE
    return ((0,), *[_part_key(part) for part in prerelease.split(".")])


def _part_key(part: str) -> tuple[int, int, str]:
    if part.isdigit():
        number = int(part)
        if number <= MAX_NUMBER:
            return 0, number, ""
    return 1, 0, part


def parse_version(text: str) -> Version:
    """Read a semantic version leniently: ``v1``, ``1.2`` and ``01.2.3`` are versions too.

    The grammar is ``v? NUM [.NUM] [.NUM] [-PRE] [+META]`` with dot-separated ``[0-9A-Za-z-]+`` in PRE and META
    (Masterminds/semver ``NewVersion``). Missing numbers are 0.

    Raises:
        InputError: with upstream's words, for example ``invalid semantic version``.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_VERSION_BYTES:
        raise InputError(f"version string is too long (max {MAX_VERSION_BYTES} bytes)")
    match = _LOOSE.fullmatch(text)
    if match is None:
        raise InputError("invalid semantic version")
    major, minor, patch, prerelease, metadata = match.groups("")
    numbers = _number(major), _number(minor or "0"), _number(patch or "0")
    if not valid_prerelease(prerelease):
        raise InputError("version segment starts with 0")
    return Version(*numbers, prerelease, metadata, text)


def valid_prerelease(prerelease: str) -> bool:
    """Has no number in it a leading zero? ``rc.1`` and ``rc01`` have none, ``rc.01`` has."""
    return _LEADING_ZERO.search(prerelease) is None


def _number(digits: str) -> int:
    number = int(digits)
    if number > MAX_NUMBER:
        raise InputError(
            f'error parsing version segment: strconv.ParseUint: parsing "{digits}": value out of range',
        )
    return number


def parse_tag(tag: str) -> Version:
    """Read a tag as the semver policy does: a lenient version whose text holds at least two dots.

    Raises:
        InputError: the tag is not a version for Flux.
    """
    if tag.count(".") < 2:
        raise InputError("invalid semantic version")
    return parse_version(tag)


def compare_keys(a: Any, b: Any) -> int:
    """1, -1 or 0 for larger, smaller or equal."""
    return int(a > b) - int(a < b)
