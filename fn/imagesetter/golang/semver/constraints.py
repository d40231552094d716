"""Version ranges: the constraint grammar of Masterminds/semver 3.5.0, quirks included.

::

    range    = group *( "||" group )                         at most 512 bytes and 32 groups
    group    = SPACE* item *( divider item ) SPACE*          all items must hold
    divider  = SPACE+  /  SPACE* "," SPACE*
    item     = [operator] SPACE* version
    operator = "=" "!=" ">" "<" ">=" "=>" "<=" "=<" "~" "~>" "^"
    version  = ["v"] part ["." part ["." part]] ["-" PRE] ["+" META]
    part     = DIGIT+ / "x" / "X" / "*"

Before any of this is read, every ``A - B`` in the text becomes ``>= A, <= B``, wherever it is; that is why
``>1.0.0 - 2.0.0`` is refused and ``1 - 2 3 - 4`` is not. A prerelease is admitted only by a group in which some item
names one. Departures from upstream: none; messages are upstream's, and the hint points at the character.
"""

import re
from collections.abc import Iterable
from functools import lru_cache, reduce
from typing import NamedTuple

from imagesetter.golang.errors import InvalidConstraint
from imagesetter.golang.semver.comparator import (
    BOTTOM,
    EVERYTHING,
    Bound,
    Comparator,
    Part,
    Span,
    comparator,
    intersect,
    unite,
)
from imagesetter.golang.semver.version import IDENTIFIERS, RELEASE, Key, Version, parse_version
from imagesetter.golang.strings import quote
from krm_functions.errors import InputError

MAX_RANGE_BYTES = 512
MAX_GROUPS = 32

_SPACE = " \t\n\f\r"
_PART = r"[0-9xX*|]+"  # the bar and runs such as 1x get past upstream's grammar, and fail when they are read as numbers
_VERSION_TEXT = rf"v?{_PART}(?:\.{_PART})?(?:\.{_PART})?(?:-{IDENTIFIERS})?(?:\+{IDENTIFIERS})?"
_HYPHEN = re.compile(rf"[{_SPACE}]*({_VERSION_TEXT})[{_SPACE}]+-[{_SPACE}]+({_VERSION_TEXT})[{_SPACE}]*")
_BLANK = re.compile(rf"[{_SPACE}]*")
_DIVIDER = re.compile(rf"[{_SPACE}]*,[{_SPACE}]*|[{_SPACE}]+")
_OPERATOR = re.compile(r"!=|>=|=>|<=|=<|~>|[=<>~^]|")
_VERSION = re.compile(
    rf"v?(?P<major>{_PART})(?:\.(?P<minor>{_PART}))?(?:\.(?P<patch>{_PART}))?"
    rf"(?P<prerelease>-{IDENTIFIERS})?(?:\+{IDENTIFIERS})?"
)
_WILDCARDS = ("", "x", "X", "*")


class Conjunction(NamedTuple):
    """Comparisons that must all hold.

    Args:
        comparators: the comparisons.
        names_prerelease: does one of them? Only then is any prerelease admitted.
    """

    comparators: tuple[Comparator, ...]
    names_prerelease: bool

    def admits(self, key: Key) -> bool:
        """Does the version with this key pass every comparison?"""
        if key[3] != RELEASE and not self.names_prerelease:
            return False
        return all(comparator.admits(key) for comparator in self.comparators)

    def __str__(self) -> str:
        return " ".join(map(str, self.comparators))


class Constraints(NamedTuple):
    """A version range: a version is in it when one of its groups admits it.

    ``str()`` gives upstream's printed form, which admits the same versions.

    Args:
        groups: the alternatives.
        release_spans: the releases in it, as ascending, disjoint ``low <= (major, minor, patch) < high``.
        prerelease_groups: those of the groups that admit prereleases.
        prerelease_ceiling: above all prereleases in it.
    """

    groups: tuple[Conjunction, ...]
    release_spans: tuple[Span, ...]
    prerelease_groups: tuple[Conjunction, ...]
    prerelease_ceiling: Bound

    def admits(self, version: Version) -> bool:
        """Is the version in the range? (Masterminds/semver ``Constraints.Check``.)"""
        key = version.key
        return any(group.admits(key) for group in self.groups)

    def __str__(self) -> str:
        return " || ".join(map(str, self.groups))


@lru_cache(maxsize=1024)
def parse_constraints(text: str) -> Constraints:
    """``range = group *( "||" group )``: read a version range.

    Raises:
        InvalidConstraint: in upstream's words (``improper constraint: "1.2.3.4"``); the hint shows the place.
    """
    size = len(text.encode(errors="surrogatepass"))
    if size > MAX_RANGE_BYTES:
        raise InvalidConstraint(
            f"constraint string is too long (max {MAX_RANGE_BYTES} bytes)", hint=f"it has {size} bytes"
        )
    parts = _rewrite_hyphens(text).split("||")
    if len(parts) > MAX_GROUPS:
        raise InvalidConstraint(f"too many constraint groups (max {MAX_GROUPS})", hint=f"it has {len(parts)}")
    groups = tuple(_parse_group(part) for part in parts)
    spans = unite((_releases(low), _releases(high)) for group in groups for low, high in _spans(group.comparators))
    prerelease_groups = tuple(group for group in groups if group.names_prerelease)
    return Constraints(
        groups,
        release_spans=tuple((low, high) for low, high in spans if low < high),
        prerelease_groups=prerelease_groups,
        prerelease_ceiling=max((_ceiling(group) for group in prerelease_groups), default=BOTTOM),
    )


def _rewrite_hyphens(text: str) -> str:
    """``A SPACE+ "-" SPACE+ B`` becomes ``">= A, <= B "``; the text is replaced where it first occurs, as upstream."""
    rewritten = text
    for match in _HYPHEN.finditer(text):
        rewritten = rewritten.replace(match[0], f">= {match[1]}, <= {match[2]} ", 1)
    return rewritten


def _parse_group(text: str) -> Conjunction:
    """``group = SPACE* item *( divider item ) SPACE*``; ``item = [operator] SPACE* version``."""
    end = len(text.rstrip(_SPACE))
    position = _skip(_BLANK, text, 0)
    items: list[tuple[str, re.Match[str]]] = []
    while True:
        operator_end = _skip(_OPERATOR, text, position)
        version_start = _skip(_BLANK, text, operator_end)
        version = _VERSION.match(text, version_start)
        if version is None:
            raise _improper(text, version_start, "a version is expected here")
        items.append((text[position:operator_end], version))
        if version.end() == end:
            break
        position = _skip(_DIVIDER, text, version.end())
        if position == version.end():
            raise _improper(text, position, "a space or a comma is expected here, or the end")
    comparators = tuple(_read_item(text, operator, version) for operator, version in items)
    return Conjunction(comparators, any(comparator.version.prerelease for comparator in comparators))


def _read_item(text: str, operator: str, match: re.Match[str]) -> Comparator:
    """``version = ["v"] part ["." part ["." part]] ["-" PRE] ["+" META]``; nothing counts after a wildcard but PRE."""
    major, minor, patch, prerelease = match.group("major", "minor", "patch", "prerelease")
    wildcard: Part = ""
    if major in _WILDCARDS:
        wildcard, numbers = "major", "0.0.0"
    elif minor is None or minor in _WILDCARDS:
        wildcard, numbers = "minor", f"{major}.0.0"
    elif patch is None or patch in _WILDCARDS:
        wildcard, numbers = "patch", f"{major}.{minor}.0"
    else:
        numbers = f"{major}.{minor}.{patch}"
    try:
        version = parse_version(numbers + (prerelease or "") if wildcard else match[0])
    except InputError as err:
        hint = f"{match[0]} is not a version: {err}\n{_pointer(text, match.start(), match.end())}"
        raise InvalidConstraint("constraint parser error", hint=hint) from err
    return comparator(operator, match[0], version, wildcard)


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Where the text that *pattern* takes at *position* ends; *position* itself when it takes none."""
    match = pattern.match(text, position)
    return match.end() if match else position


def _spans(comparators: Iterable[Comparator]) -> list[Span]:
    return reduce(intersect, (comparator.spans for comparator in comparators), [EVERYTHING])


def _ceiling(group: Conjunction) -> Bound:
    """Where the prereleases of a group end; ``!=`` may admit some beside its spans, and ends nothing."""
    return max(
        (high for _, high in _spans(each for each in group.comparators if each.operator != "!=")), default=BOTTOM
    )


def _releases(bound: Bound) -> Bound:
    """The lowest (major, minor, patch) whose release is not below *bound*."""
    if len(bound) < 4:
        return bound
    major, minor, patch, prerelease = bound
    return (major, minor, patch + (prerelease > RELEASE))


def _improper(text: str, position: int, expected: str) -> InvalidConstraint:
    hint = f"{expected}:\n{_pointer(text, position, position + 1)}"
    if not text.strip(_SPACE):
        hint = 'a range must not be empty, and neither must a side of "||"; "*" is any release'
    return InvalidConstraint(f"improper constraint: {quote(text)}", hint=hint)


def _pointer(text: str, start: int, end: int) -> str:
    """Two lines: the text, and marks under the characters from *start* to *end*."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return f"{shown}\n{'~' * start}{'^' * (end - start)}"
