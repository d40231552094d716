"""Holds: a policy that stays at a tag, or leaves one out, because a person said so and why.

They are in the lock (``spec.holds``), so that a review sees them come and go, and may end by themselves at a date.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from imagesetter.flux.markers import PolicyName

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


class Hold(NamedTuple):
    """A decision about one policy: stay at ``tag``, or leave ``exclude`` out; the other of the two is empty.

    ``until`` is a date (``2026-12-01``) on which the hold expires, at its first moment (midnight, UTC); empty for
    one without an end.
    """

    policy: PolicyName
    tag: str = ""
    exclude: str = ""
    reason: str = ""
    until: str = ""

    def counts(self, now: float) -> bool:
        """Whether the hold is in force at a time (seconds since the epoch)."""
        return not self.until or now < midnight(self.until)

    def __str__(self) -> str:
        what = f"held at {self.tag}" if self.tag else f"without {self.exclude}"
        end = f" until {self.until}" if self.until else ""
        return f"{what}{end} ({self.reason})" if self.reason else f"{what}{end}"


def midnight(text: str) -> float:
    """The first moment (UTC) of a date, in seconds since the epoch.

    Raises:
        ValueError: it is not a date of the form 2026-12-01.
    """
    if not re.fullmatch(_DATE, text):
        raise ValueError(f"{text!r} is not a date such as 2026-12-01")
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def in_force(holds: Iterable[Hold], policy: PolicyName, now: float) -> list[Hold]:
    """The holds of a policy that count at a time."""
    return [hold for hold in holds if hold.policy in (policy, policy.plain) and hold.counts(now)]


def notices(holds: Iterable[Hold], policy: PolicyName, now: float) -> tuple[str, ...]:
    """What to tell of the holds of a policy that have come to their end, so that somebody takes them out."""
    return tuple(
        f"{hold}, which has expired; remove it: imagesetter unhold {policy}"
        for hold in holds
        if hold.policy in (policy, policy.plain) and not hold.counts(now)
    )


def wants_downgrade(holds: Sequence[Hold], old: str, new: str) -> bool:
    """Whether holds in force want that *new* takes the place of *old*, whichever of the two ranks higher."""
    return any(hold.tag == new if hold.tag else hold.exclude == old for hold in holds)


def forbid(holds: Sequence[Hold], tag: str) -> Hold | None:
    """The hold, if any, that a tag breaks."""
    return next((hold for hold in holds if (hold.tag and hold.tag != tag) or hold.exclude == tag), None)
