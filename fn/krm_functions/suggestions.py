""" "Did you mean": the known name that is closest to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class KnownNames:
    """Names among which the one that was meant is looked for, in bounded time however many there are.

    Up to `MOST_COMPARED` names are all compared. Of more, only those whose beginning or end is most like the one asked
    for: its `NEIGHBOURS` on each side in the two sorted lists.
    """

    MOST_COMPARED: ClassVar[int] = 32
    NEIGHBOURS: ClassVar[int] = 4
    LONGEST: ClassVar[int] = 256
    """A longer name gets no suggestion: comparing takes the square of the length."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_beginning = sorted({name for name in names if len(name) <= self.LONGEST})
        self._by_end: list[str] | None = None

    def candidates(self, name: str) -> list[str]:
        """The names to compare with this one, `MOST_COMPARED` at most."""
        from bisect import bisect

        if len(name) > self.LONGEST:
            return []
        if len(self._by_beginning) <= self.MOST_COMPARED:
            return self._by_beginning
        if self._by_end is None:
            self._by_end = sorted(each[::-1] for each in self._by_beginning)
        side = self.NEIGHBOURS
        begin, end = bisect(self._by_beginning, name), bisect(self._by_end, name[::-1])
        near = set(self._by_beginning[max(0, begin - side) : begin + side])
        near |= {each[::-1] for each in self._by_end[max(0, end - side) : end + side]}
        return sorted(near)

    def close_to(self, name: str, most: int = 1) -> list[str]:
        """The names that are close to this one, the closest first."""
        from difflib import get_close_matches

        return get_close_matches(name, self.candidates(name), n=most, cutoff=0.6)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean x?)`` for a name that is close to a known one, else an empty text."""
    close = KnownNames(known).close_to(name)
    return f" (did you mean {close[0]}?)" if close else ""
