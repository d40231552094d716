"""Run automations on their intervals in one process, until it is stopped."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping

from imagesetter.flux.markers import PolicyName

SPREAD = 0.1
"""The largest deviation from an interval, as a fraction: then many watchers do not contact one registry at once."""


def jittered(seconds: float) -> float:
    """An interval, longer or shorter by up to `SPREAD`."""
    return seconds * (1 + SPREAD * (secrets.randbelow(2001) - 1000) / 1000)


def watch(
    load: Callable[[], Mapping[PolicyName, float]],
    run: Callable[[PolicyName], float | None],
    stop: threading.Event,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] | None = None,
    spread: Callable[[float], float] = jittered,
) -> None:
    """Run each automation at once, then after each interval; returns when *stop* is set.

    Args:
        load: reads the automations again, with their intervals in seconds.
        run: runs one that is due; it reports failures instead of raising them, and returns the seconds until its next
            run if these are not its interval.
        stop: set by a signal handler; a run that is under way ends first.
        clock: seconds, from any start.
        wait: waits that many seconds or until *stop*; by default ``stop.wait``.
        spread: makes an interval irregular.
    """
    wait = wait or stop.wait
    due: dict[PolicyName, float] = {}
    while not stop.is_set():
        intervals = load()
        due = {name: due.get(name, clock()) for name in intervals}
        for name in [name for name, when in due.items() if when <= clock()]:
            if stop.is_set():
                return
            wait_for = run(name)
            due[name] = clock() + (spread(intervals[name]) if wait_for is None else wait_for)
        wait(max(0.0, min(due.values()) - clock()))
