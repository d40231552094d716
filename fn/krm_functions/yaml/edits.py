"""Edits as values, and the one place where text is cut and joined."""

from collections.abc import Iterable, Iterator, Sequence
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


def compose(first: Sequence[Edit], second: Sequence[Edit], size: int) -> list[Edit]:
    """The edits of a text that do in one step what two do: *first*, and then *second* on what came of it.

    Args:
        first: edits of the text.
        second: edits of ``splice(text, first)``.
        size: how long the text is.
    """
    pieces: list[tuple[int, int, str | None]] = []  # start and end in the text, or what is there instead
    at = 0
    for edit in sorted(first, key=attrgetter("start", "end")):
        pieces += [(at, edit.start, None), (edit.start, edit.end, edit.replacement)]
        at = edit.end
    pieces.append((at, size, None))
    for edit in sorted(second, key=attrgetter("start", "end"), reverse=True):
        pieces = _replaced(pieces, edit)
    made: list[Edit] = []
    for start, end, text in pieces:
        if text is None:
            continue
        if made and made[-1].end == start:
            made[-1] = Edit(made[-1].start, end, made[-1].replacement + text)
        else:
            made.append(Edit(start, end, text))
    return [edit for edit in made if edit.end > edit.start or edit.replacement]


def _replaced(pieces: list[tuple[int, int, str | None]], edit: Edit) -> list[tuple[int, int, str | None]]:
    """The pieces of a text after one more edit, whose offsets count in the text that they make."""
    made: list[tuple[int, int, str | None]] = []
    at, done = 0, False
    for start, end, text in pieces:
        size = end - start if text is None else len(text)
        low, high = max(edit.start - at, 0), min(edit.end - at, size)
        if edit.end < at or edit.start > at + size or (done and edit.end <= at):
            made.append((start, end, text))
        else:
            new = "" if done else edit.replacement
            if text is None:
                kept = [
                    (start, start + low, None),
                    (start + low, start + max(high, low), new),
                    (start + max(high, low), end, None),
                ]
                made += [each for each in kept if each[1] > each[0] or each[2]]
            else:
                made.append((start, end, text[:low] + new + text[max(high, low) :]))
            done = True
        at += size
    return made
