"""The time of day, read in one place so that a story over several days can be told without waiting for them."""

from __future__ import annotations

import time


def now() -> float:
    """Seconds since the epoch."""
    return time.time()
