"""How much a template may do: limits that Go does not have, against hostile templates."""

from __future__ import annotations

from imagesetter.golang.errors import LimitReached

MAX_STEPS = 1_000_000
"""Nodes walked, values visited and comparisons made in one rendering."""
MAX_WORK = 32 * 1024 * 1024
"""Bytes that functions may read and write in one rendering, all calls together; lists and maps count by their size."""
MAX_TEXT = 1024 * 1024
"""Bytes of a template, of one value, and of the message."""
COMPILATION = 16 * 1024
"""What a regular expression costs besides its use, in bytes of `MAX_WORK`."""
MAX_DEPTH = 100
"""Templates within templates; Go allows 100,000, of which a commit message needs five."""


class Budget:
    """What is left for one rendering; hostile templates run out of it instead of out of memory or time."""

    __slots__ = ("_patterns", "_steps", "_work")

    def __init__(self) -> None:
        self._steps = MAX_STEPS
        self._work = MAX_WORK
        self._patterns: set[str] = set()

    def step(self, count: int = 1) -> None:
        """Take *count* steps.

        Raises:
            LimitReached: when there are none left.
        """
        self._steps -= count
        if self._steps < 0:
            raise LimitReached(f"the template needs more than {MAX_STEPS:,} steps")

    def size(self, length: int) -> None:
        """Announce a text of *length* bytes before it is made.

        Raises:
            LimitReached: when the value, or all values together, are too large.
        """
        if length > MAX_TEXT:
            raise LimitReached(f"the template makes a value larger than {MAX_TEXT:,} bytes")
        self.charge(length)

    def compilation(self, pattern: str) -> None:
        """Pay for a regular expression, once."""
        if pattern not in self._patterns:
            self._patterns.add(pattern)
            self.charge(COMPILATION)

    def charge(self, length: int) -> None:
        """Take *length* bytes from what functions may read and write.

        Raises:
            LimitReached: when there are none left.
        """
        self._work -= length
        if self._work < 0:
            raise LimitReached(f"the template moves more than {MAX_WORK:,} bytes")
