"""Time that passes only when somebody waits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from imagesetter.registry.http.limits import Clock


@dataclass
class FakeClock(Clock):
    """A clock that stands still; waiting moves it, and `waits` has what was waited for."""

    now: float = 1_700_000_000.0
    waits: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.now += seconds

    def jitter(self) -> float:
        return 1.0
