"""The semver rule (image-reflector-controller ``internal/policy/semver.go``). Departures from Flux: none.

Many texts are read at once: one regular expression over all of them, and tuples in place of objects. What is read so
is what :func:`imagesetter.policy.version.parse_tag` reads one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any

from imagesetter.errors import InputError, NothingSelected
from imagesetter.policy.ranges import Range
from imagesetter.policy.ranker import Keys, order
from imagesetter.policy.version import (
    IDENTIFIERS,
    MAX_NUMBER,
    MAX_VERSION_BYTES,
    RELEASE,
    parse_tag,
    prerelease_key,
    valid_prerelease,
)

Row = tuple[int, int, int, Any, str]
"""A version's key, and the tag it belongs to."""

_VERSIONS = re.compile(
    rf"^(v?(\d++)(?:\.(\d++))?(?:\.(\d++))?(?:-({IDENTIFIERS}))?(?:\+{IDENTIFIERS})?)$", re.ASCII | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class SemverRanker:
    """The highest version within a range; of equal versions the last tag in byte order."""

    wanted: Range

    def best(self, keys: Keys) -> str:
        """The tag of the highest version."""
        return max(self._rows(keys, all_of_them=False))[-1]

    def rank(self, keys: Keys) -> list[str]:
        """The tags of all versions in the range, highest first."""
        return [row[-1] for row in sorted(self._rows(keys, all_of_them=True), reverse=True)]

    def compare(self, a: str, b: str) -> int | None:
        """By version, whether it is in the range or not."""
        try:
            return order(parse_tag(a).key, parse_tag(b).key)
        except InputError:
            return None

    def _rows(self, keys: Keys, *, all_of_them: bool) -> list[Row]:
        """The versions in the range: all of them, or at least the highest.

        Raises:
            NothingSelected: none.
        """
        lines = _lines(keys)
        if self.wanted.prerelease_groups or "+" in lines:
            rows = self._read_versions(lines, keys, all_of_them)
        else:
            rows = self._read_releases(lines, keys, all_of_them)
        if not rows:
            raise NothingSelected("unable to determine latest version from provided list", hint=self._advice(lines))
        return rows

    def _read_releases(self, lines: str, keys: Keys, all_of_them: bool) -> list[Row]:
        """The releases in the range, or at least the highest, from lines of which none holds metadata."""
        found = _releases(_fixed_numbers(self.wanted)).findall(lines)
        if not found:
            return []
        texts, majors, minors, patches = zip(*found, strict=True)
        numbers = (map(int, column) for column in (majors, minors, patches))
        rows = self._within(zip(*numbers, repeat(RELEASE), map(keys.tag, texts)))
        if rows and (all_of_them or _beyond(max(rows)[:3])):
            rows = [row for row in rows if not _beyond(row[:3])]
        return rows

    def _read_versions(self, lines: str, keys: Keys, all_of_them: bool) -> list[Row]:
        """The releases in the range, and the prereleases, unless they are below the highest release."""
        versions = _read_all(lines)
        rows = self._within((*numbers, RELEASE, keys.tag(text)) for numbers, pre, text in versions if not pre)
        floor = max(rows)[:3] if rows and not all_of_them else ()
        groups = self.wanted.prerelease_groups
        prereleases = [version for version in versions if version[1] and version[0] > floor] if groups else []
        for numbers, pre, text in prereleases:
            key = (*numbers, prerelease_key(pre))
            if valid_prerelease(pre) and any(group.admits(key) for group in groups):
                rows.append((*key, keys.tag(text)))
        return rows

    def _within(self, rows: Iterable[Row]) -> list[Row]:
        """Those of the releases that are in the range."""
        spans = self.wanted.release_spans
        if len(spans) == 1:
            [(low, high)] = spans
            return [row for row in rows if low <= row < high]
        rows = list(rows)
        return [row for low, high in spans for row in rows if low <= row < high]

    def _advice(self, lines: str) -> str:
        versions = _read_all(lines)
        if not versions:
            return "none is a version with two dots, such as 1.2.3; filterTags with extract can cut one out of a tag"
        advice = f"{len(versions)} are versions, none of them within {self.wanted}"
        if any(pre for _, pre, _ in versions) and not self.wanted.prerelease_groups:
            advice += "; prereleases count only where the range names one, as >=1.0.0-0 does"
        return advice


def _lines(keys: Keys) -> str:
    """The texts that may be versions, one a line."""
    texts = keys.texts
    lines = "\n".join(texts)
    if lines.count("\n") >= len(texts) or len(max(texts, key=len)) > MAX_VERSION_BYTES:
        return "\n".join(text for text in texts if "\n" not in text and len(text) <= MAX_VERSION_BYTES)
    return lines


def _read_all(lines: str) -> list[tuple[tuple[int, int, int], str, str]]:
    """All versions, those with an invalid prerelease included: numbers, prerelease, line."""
    versions = [
        ((int(major), int(minor or 0), int(patch or 0)), prerelease, line)
        for line, major, minor, patch, prerelease in _VERSIONS.findall(lines)
        if line.count(".") > 1
    ]
    return [version for version in versions if not _beyond(version[0])]


def _beyond(numbers: tuple[int, int, int]) -> bool:
    """Is one of the numbers too large for 64 bits?"""
    return max(numbers) > MAX_NUMBER


def _fixed_numbers(wanted: Range) -> tuple[int, ...]:
    """The leading numbers that all releases in the range share: (1,) for ``1.x``, (1, 2) for ``~1.2.3``."""
    if len(wanted.release_spans) != 1:
        return ()
    [(low, high)] = wanted.release_spans
    while high and high[-1] == 0:
        high = high[:-1]
    fixed = low[: len(high)]
    return fixed if fixed and (*fixed[:-1], fixed[-1] + 1) == high else ()


@lru_cache(maxsize=256)
def _releases(fixed: tuple[int, ...]) -> re.Pattern[str]:
    """Finds, in lines, three numbers that begin with the *fixed* ones: the line and each number."""
    numbers = [rf"(0*{number})" for number in fixed] + [r"(\d++)"] * (3 - len(fixed))
    dotted = r"\.".join(numbers)
    return re.compile(rf"^(v?{dotted})$", re.ASCII | re.MULTILINE)
