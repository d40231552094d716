"""Many texts read as versions at once: one regular expression over all of them, and tuples in place of objects.

What is read so is what :func:`imagesetter.golang.semver.version.parse_tag` reads one by one, by the same grammar. A
list of 2,000,000 tags has to take no longer than in Go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from imagesetter.golang.semver.constraints import Constraints
from imagesetter.golang.semver.version import (
    IDENTIFIERS,
    MAX_NUMBER,
    MAX_VERSION_BYTES,
    NUMBER,
    RELEASE,
    Version,
    parse_tag,
    prerelease_key,
    valid_prerelease,
)
from krm_functions.errors import InputError

Row = tuple[int, int, int, Any, str]
"""A version's key, and the tag it belongs to."""

# Over lines. Releases are found by :func:`_releases`; what may be a version besides is short of numbers (and gets its
# second dot from a prerelease) or has metadata.
_PRERELEASES = re.compile(rf"^(v?({NUMBER})\.({NUMBER})\.({NUMBER})-({IDENTIFIERS}))$", re.MULTILINE)
_SHORT = re.compile(rf"^(v?{NUMBER}(?:\.{NUMBER})?-[^.+\n]*+\.[^+\n]*)$", re.MULTILINE)
_METADATA = re.compile(r"^(v?[0-9][^+\n]*+\+[^\n]+)$", re.MULTILINE)


class VersionList:
    """Texts of which some may be versions, and what each stands for.

    Args:
        texts: the texts.
        tag: the tag that a text stands for.
        wanted: the range.
    """

    __slots__ = ("lines", "tag", "wanted")

    def __init__(self, texts: Sequence[str], tag: Callable[[str], str], wanted: Constraints) -> None:
        self.lines = _lines(texts)
        self.tag = tag
        self.wanted = wanted

    def versions(self) -> list[Version]:
        """Those that are versions, whether in the range or not."""
        return [version for version in map(_parsed, self.lines.split("\n")) if version]

    def rows(self, *, all_of_them: bool) -> list[Row]:
        """The versions in the range, each with its tag: all of them, or at least the highest."""
        lines = self.lines
        rows = self._read_releases(all_of_them)
        floor = max(rows)[:3] if rows and not all_of_them else ()
        if "+" in lines:
            rows += self._read_each(_METADATA.findall(lines))
        if self.wanted.prerelease_groups:
            rows += self._read_each(_SHORT.findall(lines))
            rows += self._read_prereleases(floor)
        return rows

    def _read_releases(self, all_of_them: bool) -> list[Row]:
        """The releases in the range, or at least the highest; those with metadata come later."""
        found = _releases(_fixed_numbers(self.wanted)).findall(self.lines)
        if not found:
            return []
        texts, majors, minors, patches = zip(*found, strict=True)
        numbers = (map(int, column) for column in (majors, minors, patches))
        rows = self._within(zip(*numbers, repeat(RELEASE), map(self.tag, texts)))
        if rows and (all_of_them or _beyond(max(rows)[:3])):
            rows = [row for row in rows if not _beyond(row[:3])]
        return rows

    def _read_each(self, texts: list[str]) -> list[Row]:
        """The versions in the range, from texts that may be none."""
        versions = [(_parsed(text), text) for text in texts]
        return [(*each.key, self.tag(text)) for each, text in versions if each and self.wanted.admits(each)]

    def _read_prereleases(self, floor: tuple[int, ...]) -> list[Row]:
        """The prereleases in the range whose numbers are above *floor*."""
        found = _PRERELEASES.findall(self.lines)
        if not found:
            return []
        texts, majors, minors, patches, prereleases = zip(*found, strict=True)
        numbers = zip(map(int, majors), map(int, minors), map(int, patches), strict=True)
        groups, ceiling = self.wanted.prerelease_groups, self.wanted.prerelease_ceiling
        rows = []
        for release, prerelease, text in zip(numbers, prereleases, texts, strict=True):
            if floor < release < ceiling and not _beyond(release) and valid_prerelease(prerelease):
                key = (*release, prerelease_key(prerelease))
                if any(group.admits(key) for group in groups):
                    rows.append((*key, self.tag(text)))
        return rows

    def _within(self, rows: Iterable[Row]) -> list[Row]:
        """Those of the releases that are in the range."""
        spans = self.wanted.release_spans
        if len(spans) == 1:
            [(low, high)] = spans
            return [row for row in rows if low <= row < high]
        rows = list(rows)
        return [row for low, high in spans for row in rows if low <= row < high]


def _lines(texts: Sequence[str]) -> str:
    """The texts that may be versions, one a line."""
    lines = "\n".join(texts)
    if lines.count("\n") >= len(texts) or len(max(texts, key=len)) > MAX_VERSION_BYTES:
        return "\n".join(text for text in texts if "\n" not in text and len(text) <= MAX_VERSION_BYTES)
    return lines


def _parsed(text: str) -> Version | None:
    try:
        return parse_tag(text)
    except InputError:
        return None


def _beyond(numbers: tuple[int, int, int]) -> bool:
    """Is one of the numbers too large for 64 bits?"""
    return max(numbers) > MAX_NUMBER


def _fixed_numbers(wanted: Constraints) -> tuple[int, ...]:
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
    numbers = [f"(0*{number})" for number in fixed] + [f"({NUMBER})"] * (3 - len(fixed))
    dotted = r"\.".join(numbers)
    return re.compile(rf"^(v?{dotted})$", re.MULTILINE)
