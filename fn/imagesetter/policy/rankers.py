"""The three rules: which of the filtered texts count, and which of them is best.

The sources are image-reflector-controller's ``internal/policy/semver.go``, ``alphabetical.go`` and ``numerical.go``.
Flux walks over the tags sorted descending by their bytes, and that order settles ties: semver keeps the first of equal
versions, so the last tag in byte order wins; numerical takes the last of equal numbers, so the first tag in byte order
wins. With filterTags Flux walks in random order; here it is always the order of the tags, so that the same tags give
the same answer.

Many texts are read at once: one regular expression over all of them, tuples in place of objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from math import isnan
from operator import itemgetter
from typing import Any, Protocol

from imagesetter.errors import InputError, NothingSelected
from imagesetter.policy.filters import Keys
from imagesetter.policy.number import Exact, exact, parse_number
from imagesetter.policy.ranges import Range
from imagesetter.policy.shown import shown
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

# Over texts joined by newlines. What the first finds has no prerelease, no metadata, and numbers that fit 64 bits.
_RELEASES = re.compile(r"^(v?(\d{1,19}+)\.(\d{1,19}+)\.(\d{1,19}+))$", re.ASCII | re.MULTILINE)
_VERSIONS = re.compile(
    rf"^(v?(\d++)(?:\.(\d++))?(?:\.(\d++))?(?:-({IDENTIFIERS}))?(?:\+{IDENTIFIERS})?)$", re.ASCII | re.MULTILINE
)
_PLAIN_DIGITS = 300  # as many digits are no more than a float64 can hold
_BEYOND_RELEASES = re.compile(r"\+|\d{20}", re.ASCII)


class Ranker(Protocol):
    """A rule, ready to be asked. *keys* are the texts that it reads, with their tags; there is at least one."""

    def best(self, keys: Keys) -> str:
        """The tag that is chosen, or NothingSelected in Flux's words."""

    def rank(self, keys: Keys) -> list[str]:
        """The tags that may be chosen, each before those that would be chosen if it were gone."""

    def compare(self, a: str, b: str) -> int | None:
        """1 if the text *a* ranks above *b*, -1 if below, 0 if neither; ``None`` if one of them cannot be ranked."""


@dataclass(frozen=True, slots=True)
class SemverRanker:
    """The highest version within a range."""

    wanted: Range

    def best(self, keys: Keys) -> str:
        """The tag of the highest version; of equal versions the last tag in byte order."""
        return max(self._rows(keys, highest=True))[-1]

    def rank(self, keys: Keys) -> list[str]:
        """The tags of all versions in the range, highest first; equal versions by tag, last in byte order first."""
        return [row[-1] for row in sorted(self._rows(keys, highest=False), reverse=True)]

    def compare(self, a: str, b: str) -> int | None:
        """By version, whether they are in the range or not."""
        try:
            return _order(parse_tag(a).key, parse_tag(b).key)
        except InputError:
            return None

    def _rows(self, keys: Keys, *, highest: bool) -> list[Row]:
        """The versions in the range; if only the *highest* is wanted, perhaps without prereleases that are lower."""
        text = _lines(keys)
        groups = self.wanted.prerelease_groups
        if groups or _BEYOND_RELEASES.search(text):
            versions = _versions(text)
            rows = self._within(
                (*numbers, RELEASE, keys[key]) for numbers, prerelease, key in versions if not prerelease
            )
            floor = max(rows)[:3] if highest and rows else ()
            for numbers, prerelease, key in versions:
                if prerelease and numbers > floor and valid_prerelease(prerelease):
                    version = (*numbers, prerelease_key(prerelease))
                    if any(group.admits(version) for group in groups):
                        rows.append((*version, keys[key]))
        else:
            found = _RELEASES.findall(text)
            tags, majors, minors, patches = zip(*found, strict=True) if found else ((), (), (), ())
            rows = self._within(
                zip(map(int, majors), map(int, minors), map(int, patches), repeat(RELEASE), map(keys.__getitem__, tags))
            )
        if not rows:
            raise NothingSelected("unable to determine latest version from provided list", hint=self._advice(text))
        return rows

    def _within(self, rows: Iterable[Row]) -> list[Row]:
        """Those of the releases that are in the range."""
        spans = self.wanted.release_spans
        if len(spans) == 1:
            [(low, high)] = spans
            return [row for row in rows if low <= row < high]
        rows = list(rows)
        return [row for low, high in spans for row in rows if low <= row < high]

    def _advice(self, text: str) -> str:
        versions = _versions(text)
        if not versions:
            return "no tag is a version with two dots, such as 1.2.3; filterTags with extract can cut one out of a tag"
        count = f"{len(versions)} of the tags are versions, none of them within {self.wanted}"
        if any(prerelease for _, prerelease, _ in versions) and not self.wanted.prerelease_groups:
            return f"{count}; prereleases count only where the range names one, such as >=1.0.0-0"
        return count


def _lines(keys: Keys) -> str:
    """The texts, one a line."""
    text = "\n".join(keys)
    if text.count("\n") >= len(keys):
        text = "\n".join(key for key in keys if "\n" not in key)
    return text


def _versions(text: str) -> list[tuple[tuple[int, int, int], str, str]]:
    """All lines that the semver policy reads as versions: numbers, prerelease, line."""
    found = [
        match for match in _VERSIONS.findall(text) if match[0].count(".") > 1 and len(match[0]) <= MAX_VERSION_BYTES
    ]
    versions = [((int(x), int(y or 0), int(z or 0)), prerelease, line) for line, x, y, z, prerelease in found]
    return [version for version in versions if max(version[0]) <= MAX_NUMBER]


@dataclass(frozen=True, slots=True)
class AlphabeticalRanker:
    """The last text in byte order, or the first if *descending*."""

    descending: bool

    def best(self, keys: Keys) -> str:
        """The tag of the last text in byte order, or of the first."""
        return keys[min(keys) if self.descending else max(keys)]

    def rank(self, keys: Keys) -> list[str]:
        """All tags."""
        return [keys[key] for key in sorted(keys, reverse=not self.descending)]

    def compare(self, a: str, b: str) -> int:
        """By the bytes of their UTF-8, which order as their characters do."""
        return -_order(a, b) if self.descending else _order(a, b)


@dataclass(frozen=True, slots=True)
class NumericalRanker:
    """The largest number, or the smallest if *descending*.

    A NaN is never larger or smaller than what comes before or after it in Flux's walk, so whatever comes next
    replaces it. That is kept: the tags are ranked as if they had been given from the last NaN on.
    """

    descending: bool

    def best(self, keys: Keys) -> str:
        """The tag of the largest or smallest number; of equal numbers the first tag in byte order."""
        rows = _numbers(keys)
        values = [value for value, _ in rows]
        if None in values:
            return self._ranked(rows)[0]
        top = min(values) if self.descending else max(values)
        return min(tag for value, tag in rows if value == top)

    def rank(self, keys: Keys) -> list[str]:
        """All tags; equal numbers by tag, first in byte order first."""
        return self._ranked(_numbers(keys))

    def compare(self, a: str, b: str) -> int | None:
        """By value; NaN cannot be ranked."""
        try:
            first, second = _value(a), _value(b)
        except InputError:
            return None
        if first is None or second is None:
            return None
        return -_order(first, second) if self.descending else _order(first, second)

    def _ranked(self, rows: Iterable[tuple[Any, str]]) -> list[str]:
        ranked: list[str] = []
        since_nan: list[tuple[Any, str]] = []
        for value, tag in [*sorted(rows, key=itemgetter(1)), (None, "")]:
            if value is None:
                since_nan.sort(key=itemgetter(0), reverse=not self.descending)
                ranked += [number_tag for _, number_tag in since_nan]
                ranked.append(tag)
                since_nan = []
            else:
                since_nan.append((value, tag))
        return ranked[:-1]


def _numbers(keys: Keys) -> list[tuple[Any, str]]:
    """The value of each text, ``None`` for NaN, with its tag. All values of one answer can be compared."""
    digits = "".join(keys)
    if digits.isascii() and digits.isdecimal() and "" not in keys and len(max(keys, key=len)) <= _PLAIN_DIGITS:
        return list(zip(map(int, keys), keys.values(), strict=True))
    rows = []
    for key, tag in sorted(keys.items(), key=itemgetter(1), reverse=True):
        try:
            rows.append((_value(key), tag))
        except InputError as err:
            origin = f"extract made it of the tag {shown(tag)}" if key != tag else f"it is a tag: {err}"
            raise NothingSelected(
                f"failed to parse invalid numeric value '{shown(key)}'",
                hint=f"{origin}; all tags must be numbers, so leave the others out with filterTags.pattern, "
                "or cut the number out with extract",
            ) from err
    return rows


def _value(text: str) -> tuple[float, Exact] | None:
    number = parse_number(text)
    return None if isnan(number) else (number, exact(text, number))


def _order(a: Any, b: Any) -> int:
    return int(a > b) - int(a < b)
