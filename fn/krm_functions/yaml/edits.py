"""Edits as values, and the one place where text is cut and joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

from krm_functions.errors import SpliceError


class Edit(NamedTuple):
    """One replacement: ``text[start:end]`` becomes ``replacement``; offsets are code points, ``end`` exclusive."""

    start: int
    end: int
    replacement: str


def splice(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made at once and every other character as it was; ``splice(text, []) == text``.

    Raises:
        SpliceError: as ``splice_parts``.
    """
    return "".join(splice_parts(text, edits))


def splice_parts(text: str, edits: Iterable[Edit]) -> Iterator[str]:
    """The text with all edits made, part by part: for those who write or read it and need no copy of a large one.

    Edits may come in any order. Two of them may touch, but not overlap; two insertions at one offset would have no
    order of their own and count as an overlap.

    Raises:
        SpliceError: an edit lies outside the text, or two of them overlap.
    """
    ordered = sorted(edits, key=attrgetter("start", "end"))
    done = 0
    previous: Edit | None = None
    for edit in ordered:
        if not 0 <= edit.start <= edit.end <= len(text):
            raise SpliceError(f"edit {edit.start}:{edit.end} lies outside a text of {len(text)} characters")
        if edit.start < done or (previous is not None and previous.start == edit.start == edit.end):
            raise SpliceError(f"two edits overlap at offset {edit.start}")
        yield text[done : edit.start]
        yield edit.replacement
        done = edit.end
        previous = edit
    yield text[done:]
