"""Waiting for what has to come, as long as a busy machine may take for it."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds after which something that has to happen is taken not to: no test passes or fails by less."""


def wait_until(happened: Callable[[], object]) -> bool:
    """Return when it has happened; False when it does not."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
