"""How old a tag is, by our own clock, which nobody else can set.

The lock keeps when a tag with its digest was first seen (``spec.seen``), for tags that rank above the locked one and
are not old enough yet. A registry's upload time counts where there is one. The ``created`` of an image is what its
builder wrote there, so it is never asked.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from imagesetter.flux.markers import PolicyName

_LAST = 253_402_300_799
"""The last second that a date can be written for: 9999-12-31T23:59:59Z."""


class Seen(NamedTuple):
    """When a tag with its digest was first seen (RFC 3339, UTC)."""

    policy: PolicyName
    tag: str
    digest: str
    since: str

    @property
    def time(self) -> float:
        """``since`` in seconds since the epoch."""
        return seconds_of(self.since)


def timestamp(now: float) -> str:
    """Seconds since the epoch as the lock writes them: RFC 3339, UTC, whole seconds.

    What is later than the year 9999, as a registry or a policy may have it, is written as the last second of that year.
    """
    return datetime.fromtimestamp(min(int(now), _LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text: str) -> float:
    """The reverse of `timestamp`.

    Raises:
        ValueError: another form.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as 2026-03-01T12:00:00Z") from None


def recorded_time(text: str) -> float:
    """The time in the ``newest`` of an entry (``TIME (WHO STATES IT)``); 0 where there is none, or no valid one."""
    try:
        return seconds_of(text.partition(" ")[0])
    except ValueError:
        return 0.0


def shown_age(seconds: float) -> str:
    """An age for people: ``3d``, ``1d12h``, ``5h``, ``20m``."""
    minutes = int(seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days}d" if days else "", f"{hours}h" if hours else "", f"{minutes}m" if minutes and not days else ""]
    return "".join(parts) or "0m"
