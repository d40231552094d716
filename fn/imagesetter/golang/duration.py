"""Durations as Flux's resources write them: ``1h30m``, ``500ms``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """The length of a duration in seconds.

    Accepts what the ``interval`` fields of Flux's resources accept (``^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$``,
    image-reflector-controller api/v1/imagerepository_types.go).

    Raises:
        ValueError: the text is not such a duration.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 10m, 1h30m or 500ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


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
