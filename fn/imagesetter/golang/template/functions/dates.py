"""sprig's dates as far as they do not ask the clock (sprig v3.3.0 date.go; Go 1.26 ``time.Duration``)."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from imagesetter.golang.duration import parse_nanoseconds
from imagesetter.golang.errors import Fault
from imagesetter.golang.template.functions.types import atoi
from imagesetter.golang.time_format import Time
from imagesetter.golang.time_parse import parse_time
from imagesetter.golang.values import Int64, wrap64

_SECOND: Final = 1_000_000_000
_ROUNDED: Final = (
    ("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1),
)  # fmt: skip


def to_date(layout: str, text: str) -> Time:
    """``toDate "2006-01-02" "2024-05-01"``: the first moment of year 1 for what does not follow the layout."""
    try:
        return parse_time(layout, text)
    except Fault:
        return Time()


def must_to_date(layout: str, text: str) -> Time:
    """``mustToDate``."""
    return parse_time(layout, text)


def must_date_modify(text: str, time: Time) -> Time:
    """``mustDateModify "-1h30m"``."""
    return time.later(parse_nanoseconds(text))


def unix_epoch(time: Time) -> str:
    """``unixEpoch``: seconds since 1970."""
    return str(time.seconds)


def duration(seconds: object) -> str:
    """``duration 95`` is ``1m35s``; takes a text or an int64, anything else is nothing."""
    number = 0
    if isinstance(seconds, Int64):
        number = int(seconds)
    elif isinstance(seconds, str):
        number = atoi(seconds)
    return format_duration(wrap64(number * _SECOND))


def duration_round(value: object) -> str:
    """``durationRound "2h10m5s"`` is ``2h``: the largest unit, cut off."""
    nanoseconds = 0
    if isinstance(value, Time):
        raise Fault("durationRound of a time depends on the clock")
    if isinstance(value, Int64):
        nanoseconds = int(value)
    elif isinstance(value, str):
        with suppress(Fault):
            nanoseconds = parse_nanoseconds(value)
    for unit, seconds in _ROUNDED:
        if abs(nanoseconds) > seconds * _SECOND:
            return f"{abs(nanoseconds) // (seconds * _SECOND)}{unit}"
    return "0s"


def format_duration(nanoseconds: int) -> str:
    """``Duration.String()``: ``1h0m5s``, ``1.5s``, ``2ms``."""
    rest = abs(nanoseconds)
    sign = "-" if nanoseconds < 0 else ""
    if rest < _SECOND:
        if not rest:
            return "0s"
        unit, size = next((unit, size) for unit, size in (("ms", 1_000_000), ("µs", 1000), ("ns", 1)) if rest >= size)
        return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, rest = divmod(rest, 60 * _SECOND)
    text = f"{_decimal(rest, _SECOND)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return sign + text


def _decimal(value: int, size: int) -> str:
    whole, fraction = divmod(value, size)
    digits = f"{fraction:0{len(str(size)) - 1}}".rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)
