"""Limits: connections to a host, waiting when a registry demands it, backoff of retries, deadlines.

One `RateLimiter` serves all threads of a run. A host that answers 429 is left alone by everybody until the time it
named.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable

from imagesetter.errors import RateLimited, Unreachable
from imagesetter.registry.http.hosts import HUB_API

ATTEMPTS = 4
RETRIED_STATUSES = frozenset({408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524})
"""499 is nginx's for a request that was cut off, 520 to 524 are Cloudflare's for a server that it cannot reach."""
LONGEST_WAIT = 60.0
"""Seconds that a ``Retry-After`` is obeyed; a registry that asks for more gets an error that says so."""

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_BACKOFF_FIRST = 0.2
_BACKOFF_LONGEST = 5.0


class Clock:
    """Time, as the registry client sees it; tests bring their own."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait on a condition that is held, *seconds* at most."""
        condition.wait(seconds)

    def jitter(self) -> float:
        """A number from 0 to 1."""
        import random

        return random.random()  # noqa: S311 - nobody gains from guessing it


class Deadline:
    """The moment at which waiting ends."""

    def __init__(self, clock: Clock, at: float, what: str, name: str = "") -> None:
        self.clock = clock
        self.at = at
        self.what = what
        """Whose time it is: the option that would give it more."""
        self.name = name
        """What it is called in an error, such as "the run's deadline of 10 min"; empty for one repository's."""

    def left(self) -> float:
        """Seconds until then, 0 when it has passed."""
        return max(0.0, self.at - self.clock.monotonic())

    def missed(self, what: str) -> Unreachable:
        """The error for something that did not happen before the deadline; *what* is a sentence that says so."""
        passed = f": {self.name} has passed" if self.name else ""
        return Unreachable(f"{what}{passed}", hint=f"give it more time: {self.what}")


def run_deadline(clock: Clock, seconds: float | None) -> Deadline:
    """The deadline of a whole run that begins now; None is no limit."""
    if seconds is None:
        return Deadline(clock, math.inf, "")
    name = f"the run's deadline of {duration_in_words(seconds)}"
    return Deadline(clock, clock.monotonic() + seconds, "--deadline, or IMAGESETTER_DEADLINE", name)


class RateLimiter:
    """Slots for connections, by host and in all, and the hosts that asked to wait."""

    def __init__(
        self,
        clock: Clock | None = None,
        total: int = 128,
        per_host: int = 8,
        per_host_hub: int = 4,
        on_wait: Callable[[str, float, int], None] = lambda host, seconds, status: None,
    ) -> None:
        self.clock = clock or Clock()
        self.total = total
        self.per_host = per_host
        self.per_host_hub = per_host_hub
        self.on_wait = on_wait
        self._busy: dict[str, int] = {}
        self._paused: dict[str, float] = {}
        self._changed = threading.Condition()
        self._stopped = False

    def limit(self, host: str) -> int:
        """How many connections a host gets: eight, Docker Hub four."""
        return min(self.per_host_hub, self.per_host) if host == HUB_API else self.per_host

    def acquire(self, host: str, deadline: Deadline) -> None:
        """Take one connection to *host*: wait for a turn, and while the host is paused.

        Raises:
            RateLimited: the host asked to wait beyond the deadline.
            Unreachable: the deadline passed, or the run was stopped.
        """
        limit = self.limit(host)
        with self._changed:
            while True:
                self._check_stopped()
                left = deadline.left()
                pause = self._paused.get(host, 0.0) - self.clock.monotonic()
                if pause <= 0 < left and self._busy.get(host, 0) < limit and sum(self._busy.values()) < self.total:
                    self._busy[host] = self._busy.get(host, 0) + 1
                    return
                if left <= 0 and pause <= 0:
                    raise deadline.missed(f"{host}: no connection was free in time")
                if pause > left:
                    raise RateLimited(
                        f"{host} asked to wait {duration_in_words(pause)}, longer than there is time for",
                        hint=f"try again later, or give it more time: {deadline.what}",
                    )
                if pause > 0:
                    self.clock.wait(self._changed, pause)
                else:
                    self._changed.wait(left)

    def release(self, host: str) -> None:
        """Give a connection back."""
        with self._changed:
            self._busy[host] -= 1
            if not self._busy[host]:
                del self._busy[host]
            self._changed.notify_all()

    def pause(self, host: str, seconds: float, status: int) -> None:
        """Keep every thread from asking *host* for a while; the longest wish wins."""
        with self._changed:
            until = self.clock.monotonic() + seconds
            if until <= self._paused.get(host, 0.0):
                return
            self._paused[host] = until
        self.on_wait(host, seconds, status)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is stopped meanwhile.

        Raises:
            Unreachable: it was stopped.
        """
        end = self.clock.monotonic() + seconds
        with self._changed:
            while True:
                self._check_stopped()
                left = end - self.clock.monotonic()
                if left <= 0:
                    return
                self.clock.wait(self._changed, left)

    def stop(self) -> None:
        """End all waits, and let nothing begin."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _check_stopped(self) -> None:
        if self._stopped:
            raise Unreachable("stopped")


def backoff(attempt: int, jitter: float) -> float:
    """Seconds before another attempt, full jitter: somewhere below 0.2 s, 0.4 s, 0.8 s … 5 s."""
    return min(_BACKOFF_LONGEST, _BACKOFF_FIRST * 2.0**attempt) * jitter


def retry_after(value: str, now: float) -> float | None:
    """Seconds that a ``Retry-After`` asks for, written as seconds or as a date; None for nonsense and the past."""
    value = value.strip()
    each = [part.strip() for part in value.split(",")]  # a proxy may add a header of its own
    if all(map(_SECONDS.fullmatch, each)):
        return max(float(part[:18]) for part in each)
    import email.utils
    from datetime import UTC

    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:  # the form of C's asctime, which means UTC here too (RFC 9110, 5.6.7)
        moment = moment.replace(tzinfo=UTC)
    try:
        seconds = moment.timestamp() - now
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def duration_in_words(seconds: float) -> str:
    """A waiting time in words: "12 s", "5 min", "6 h"; rounded up."""
    whole = math.ceil(seconds)
    if whole <= 120:
        return f"{whole} s"
    return f"{math.ceil(whole / 60)} min" if whole <= 7200 else f"{math.ceil(whole / 3600)} h"
