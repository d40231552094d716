"""Releases such as 1.2.3 by their numbers, without compiling a rule."""

from __future__ import annotations

_DIGITS = 18
"""More of them may not fit into 64 bits, and are no version then."""


def release(tag: str) -> tuple[int, int, int] | None:
    """The three numbers of a tag that is nothing but a release, perhaps behind a v; None for any other tag.

    Any semver rule ranks two of them by these numbers alone (:func:`imagesetter.golang.semver.version.parse_tag`).
    """
    numbers = tag.removeprefix("v").split(".")
    if len(numbers) != 3 or not tag.isascii():
        return None
    if not all(number.isdigit() and len(number) <= _DIGITS for number in numbers):
        return None
    major, minor, patch = map(int, numbers)
    return major, minor, patch
