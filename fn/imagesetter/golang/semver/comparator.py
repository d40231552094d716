"""One comparison of a version range, ``>=1.2`` or ``~1.x``, as intervals of version keys.

The rules are those of Masterminds/semver 3.5.0 (``constraints.go``, the functions behind each operator). All of them
but one come down to intervals over :data:`imagesetter.golang.semver.version.Key`, and the odd one, ``!=1.2.x``,
differs for prereleases only. Departures from upstream: none.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from imagesetter.golang.semver.version import RELEASE, Key, Version

Bound = tuple[Any, ...]
"""A place between version keys: a prefix of a key lies below all keys that begin with it."""

Span = tuple[Bound, Bound]
"""The keys from the first bound up to, but without, the second."""

BOTTOM: Bound = ()
TOP: Bound = (float("inf"),)
EVERYTHING: Span = (BOTTOM, TOP)

Part = Literal["", "major", "minor", "patch"]


class Comparator(NamedTuple):
    """An operator and the version that it compares with.

    Args:
        operator: as written: one of the twelve of the grammar, or none.
        text: the version as written.
        version: the same with missing parts and wildcards read as 0.
        wildcard: the first part that is missing or a wildcard.
        spans: what it admits; of prereleases only as :meth:`admits` says.
    """

    operator: str
    text: str
    version: Version
    wildcard: Part
    spans: tuple[Span, ...]

    def admits(self, key: Key) -> bool:
        """Does the version with this key compare? Whether prereleases are wanted at all is the group's affair."""
        if key[3] != RELEASE and self.operator == "!=" and self.wildcard == "patch":
            # Upstream then compares the prereleases, whatever the patch number is.
            own = self.version.key
            return (key[0], key[1], key[3]) != (own[0], own[1], own[3])
        return any(low <= key < high for low, high in self.spans)

    def __str__(self) -> str:
        return self.operator + self.text


def comparator(operator: str, text: str, version: Version, wildcard: Part) -> Comparator:
    """A comparison with its intervals worked out: one rule an operator."""
    key = version.key
    match operator:
        case "" | "=":
            spans = [_tilde(version, wildcard) if wildcard else (key, after(key))]
        case "!=":
            spans = _unlike(version, wildcard)
        case ">":
            spans = [(_above(version, wildcard), TOP)]
        case ">=" | "=>":
            spans = [(key, TOP)]
        case "<":
            spans = [(BOTTOM, key)]
        case "<=" | "=<":
            spans = [(BOTTOM, _through(version, wildcard))]
        case "~" | "~>":
            spans = [_tilde(version, wildcard)]
        case _:
            spans = [_caret(version, wildcard)]
    return Comparator(operator, text, version, wildcard, tuple(spans))


def after(key: Key) -> Bound:
    """The place right above one key: between it and every other key that is larger."""
    return (*key[:3], (*key[3], ()))


def _unlike(version: Version, wildcard: Part) -> list[Span]:
    """``!=`` shuts out all of 1.2 for ``1.2.x`` and all of 1 for ``1.x``, but for ``*`` only 0.0.0."""
    if wildcard == "minor":
        low, high = _major(version), _next_major(version)
    elif wildcard == "patch":
        if version.prerelease:
            return [EVERYTHING]
        low, high = (version.major, version.minor), _next_minor(version)
    else:
        low, high = version.key, after(version.key)
    return [(BOTTOM, low), (high, TOP)]


def _above(version: Version, wildcard: Part) -> Bound:
    """``>`` begins at 2 for ``>1``, at 1.3 for ``>1.2``."""
    if wildcard == "minor":
        return _next_major(version)
    if wildcard == "patch":
        return _next_minor(version)
    return after(version.key)


def _through(version: Version, wildcard: Part) -> Bound:
    """``<=`` ends at 2 for ``<=1``, at 1.3 for ``<=1.2``, at 0.1 for ``<=*``."""
    if wildcard == "minor":
        return _next_major(version)
    if wildcard:
        return _next_minor(version)
    return after(version.key)


def _tilde(version: Version, wildcard: Part) -> Span:
    """``~`` admits patch updates: ``~1.2.3`` up to 1.3, ``~1`` up to 2, and anything for ``*`` and ``~0.0.0``."""
    if wildcard == "minor":
        return version.key, _next_major(version)
    if wildcard != "patch" and version.key[:3] == (0, 0, 0):
        return version.key, TOP
    return version.key, _next_minor(version)


def _caret(version: Version, wildcard: Part) -> Span:
    """``^`` keeps the leftmost number that is not 0. ``^*`` is ``^0.0.0``, as upstream."""
    if version.major > 0 or wildcard == "minor":
        return version.key, _next_major(version)
    if version.minor > 0 or wildcard == "patch":
        return version.key, _next_minor(version)
    return version.key, (0, 0, version.patch + 1)


def _major(version: Version) -> Bound:
    return (version.major,)


def _next_major(version: Version) -> Bound:
    return (version.major + 1,)


def _next_minor(version: Version) -> Bound:
    return (version.major, version.minor + 1)


def intersect(left: Iterable[Span], right: Iterable[Span]) -> list[Span]:
    """The keys in both of two lists of spans; each ascending and disjoint, and so is the result."""
    right = list(right)
    pieces = [(max(a[0], b[0]), min(a[1], b[1])) for a in left for b in right]
    return [(low, high) for low, high in pieces if low < high]


def unite(spans: Iterable[Span]) -> list[Span]:
    """The same keys as ascending, disjoint spans."""
    united: list[Span] = []
    for low, high in sorted(spans):
        if united and low <= united[-1][1]:
            united[-1] = (united[-1][0], max(high, united[-1][1]))
        else:
            united.append((low, high))
    return united
