"""Automations on their intervals, in one process, until somebody says stop."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from imagesetter.flux.markers import PolicyName

SPREAD = 0.1
"""How far from its interval a run may be, as a part of it: many watchers then do not ask one registry at once."""


def jittered(seconds: float) -> float:
    """An interval, longer or shorter by up to `SPREAD`."""
    return seconds * (1 + SPREAD * (secrets.randbelow(2001) - 1000) / 1000)


def watch(
    load: Callable[[], Mapping[PolicyName, float]],
    run: Callable[[Iterable[PolicyName]], object],
    stop: threading.Event,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] | None = None,
    spread: Callable[[float], float] = jittered,
) -> None:
    """Run each automation at once, then again whenever its interval is over; returns when *stop* is set.

    Args:
        load: reads the automations anew, with their intervals in seconds.
        run: runs those that are due; it reports what fails, and does not raise for it.
        stop: set by a signal handler; a run that is under way ends first.
        clock: seconds, from anywhere.
        wait: waits so many seconds or until *stop*; by default ``stop.wait``.
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
            run([name])
            due[name] = clock() + spread(intervals[name])
        wait(max(0.0, min(due.values()) - clock()))
