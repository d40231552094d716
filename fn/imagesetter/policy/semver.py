"""The semver rule (image-reflector-controller ``internal/policy/semver.go``). Departures from Flux: none.

Many texts are read at once: one regular expression over all of them, and tuples in place of objects. What is read so
is what :func:`imagesetter.golang.semver.version.parse_tag` reads one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any

from imagesetter.errors import NothingSelected
from imagesetter.golang.semver.constraints import Constraints
from imagesetter.golang.semver.version import (
    IDENTIFIERS,
    MAX_NUMBER,
    MAX_VERSION_BYTES,
    RELEASE,
    Version,
    compare_keys,
    parse_tag,
    prerelease_key,
    valid_prerelease,
)
from imagesetter.policy.ranker import Keys
from krm_functions.errors import InputError

Row = tuple[int, int, int, Any, str]
"""A version's key, and the tag it belongs to."""

# Over lines. Releases are found by :func:`_releases`; what may be a version besides is short of numbers (and gets its
# second dot from a prerelease) or has metadata.
_PRERELEASES = re.compile(rf"^(v?(\d++)\.(\d++)\.(\d++)-({IDENTIFIERS}))$", re.ASCII | re.MULTILINE)
_SHORT = re.compile(r"^(v?\d++(?:\.\d++)?-[^.+\n]*+\.[^+\n]*)$", re.ASCII | re.MULTILINE)
_METADATA = re.compile(r"^(v?\d[^+\n]*+\+[^\n]+)$", re.ASCII | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SemverRanker:
    """The highest version within a range; of equal versions the last tag in byte order."""

    wanted: Constraints

    def best(self, keys: Keys) -> str:
        """The tag of the highest version."""
        return max(self._rows(keys, all_of_them=False))[-1]

    def rank(self, keys: Keys) -> list[str]:
        """The tags of all versions in the range, highest first."""
        return [row[-1] for row in sorted(self._rows(keys, all_of_them=True), reverse=True)]

    def compare(self, a: str, b: str) -> int | None:
        """By version, whether it is in the range or not."""
        try:
            return compare_keys(parse_tag(a).key, parse_tag(b).key)
        except InputError:
            return None

    def _rows(self, keys: Keys, *, all_of_them: bool) -> list[Row]:
        """The versions in the range: all of them, or at least the highest.

        Raises:
            NothingSelected: none.
        """
        lines = _lines(keys)
        rows = self._read_releases(lines, keys, all_of_them)
        floor = max(rows)[:3] if rows and not all_of_them else ()
        if "+" in lines:
            rows += self._read_each(_METADATA.findall(lines), keys)
        if self.wanted.prerelease_groups:
            rows += self._read_each(_SHORT.findall(lines), keys)
            rows += self._read_prereleases(lines, keys, floor)
        if not rows:
            raise NothingSelected("unable to determine latest version from provided list", hint=self._advice(lines))
        return rows

    def _read_releases(self, lines: str, keys: Keys, all_of_them: bool) -> list[Row]:
        """The releases in the range, or at least the highest; those with metadata come later."""
        found = _releases(_fixed_numbers(self.wanted)).findall(lines)
        if not found:
            return []
        texts, majors, minors, patches = zip(*found, strict=True)
        numbers = (map(int, column) for column in (majors, minors, patches))
        rows = self._within(zip(*numbers, repeat(RELEASE), map(keys.tag, texts)))
        if rows and (all_of_them or _beyond(max(rows)[:3])):
            rows = [row for row in rows if not _beyond(row[:3])]
        return rows

    def _read_each(self, texts: list[str], keys: Keys) -> list[Row]:
        """The versions in the range, from texts that may be none."""
        versions = [(_parsed(text), text) for text in texts]
        return [(*each.key, keys.tag(text)) for each, text in versions if each and self.wanted.admits(each)]

    def _read_prereleases(self, lines: str, keys: Keys, floor: tuple[int, ...]) -> list[Row]:
        """The prereleases in the range whose numbers are above *floor*."""
        found = _PRERELEASES.findall(lines)
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
        versions = [version for version in map(_parsed, lines.split("\n")) if version]
        if not versions:
            return "none is a version with two dots, such as 1.2.3; filterTags with extract can cut one out of a tag"
        advice = f"{len(versions)} are versions, none of them within {self.wanted}"
        if any(version.prerelease for version in versions) and not self.wanted.prerelease_groups:
            advice += "; prereleases count only where the range names one, as >=1.0.0-0 does"
        return advice


def _lines(keys: Keys) -> str:
    """The texts that may be versions, one a line."""
    texts = keys.texts
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
    numbers = [rf"(0*{number})" for number in fixed] + [r"(\d++)"] * (3 - len(fixed))
    dotted = r"\.".join(numbers)
    return re.compile(rf"^(v?{dotted})$", re.ASCII | re.MULTILINE)
