"""Durations: Go's ``time.ParseDuration``, and the part of it that Flux's resources accept (``1h30m``, ``500ms``)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from imagesetter.golang.errors import Fault
from imagesetter.golang.strings import quote_bytes

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+", re.ASCII)
_SECOND: Final = 1_000_000_000
_UNITS: Final = {
    "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND,
}  # fmt: skip
_PIECE: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def parse_nanoseconds(text: str) -> int:
    """Go's ``time.ParseDuration``: ``1h30m``, ``-1.5s``, in nanoseconds.

    Raises:
        Fault: with Go's message.
    """
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total = 0
    if not rest:
        raise _invalid(text)
    at = 0
    while at < len(rest):
        piece = _PIECE.match(rest, at)
        if piece is None or not (piece[1] or piece[2]):
            raise _invalid(text)
        at = piece.end()
        if not piece[3]:
            raise Fault(f"time: missing unit in duration {quote_bytes(text)}")
        if piece[3] not in _UNITS:
            raise Fault(f"time: unknown unit {quote_bytes(piece[3])} in duration {quote_bytes(text)}")
        unit = _UNITS[piece[3]]
        fraction = (piece[2] or "")[:18]
        total += int((piece[1] or "0")[-40:]) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        if total > (1 << 63) - (not text.startswith("-")) or len(piece[1]) > 40:
            raise _invalid(text)
    return -total if text.startswith("-") else total


def _invalid(text: str) -> Fault:
    return Fault(f"time: invalid duration {quote_bytes(text)}")


@lru_cache(maxsize=256)
def parse_duration(text: str) -> float:
    """The length of a duration in seconds.

    Accepts what the ``interval`` fields of Flux's resources accept (``^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$``,
    image-reflector-controller api/v1/imagerepository_types.go).

    Raises:
        ValueError: the text is not such a duration.
    """
    try:
        if _DURATION.fullmatch(text):
            return parse_nanoseconds(text) / _SECOND
    except Fault as fault:  # longer than Go can hold
        raise ValueError(fault.message) from fault
    raise ValueError(f"{text!r} is not a duration such as 10m, 1h30m or 500ms")


_DAYS = re.compile(r"(?:([0-9]+(?:\.[0-9]+)?)d)?(.*)", re.ASCII)


def parse_age(text: str) -> float:
    """The length of a minimum age in seconds: a duration of Flux's, with days (``d``) before it where wanted.

    Raises:
        ValueError: the text is not such an age.
    """
    found = _DAYS.fullmatch(text)
    days, rest = found.groups() if found else (None, text)
    try:
        return float(days or 0) * 86400 + (parse_duration(rest) if rest or not days else 0.0)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an age such as 3d, 36h or 1d12h") from error
