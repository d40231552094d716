"""Comments on their way to a scalar: what stands between two events of the parser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from imagesetter.text.comments import (
    Place,
    breaks_between,
    follows,
    has_line_comment,
    header_comment,
    is_commented_out,
    line_end,
    line_start,
)
from imagesetter.text.fieldpath import FieldPath
from imagesetter.text.scan import Comment, Scalar

KEY: Final = 0
"""The next node is a mapping key."""
VALUE: Final = 1
"""The next node is the value of the key just read."""
ITEM: Final = 2
"""The next node is an item of a sequence."""
ROOT: Final = 3
"""The next node is a document's root."""
NEVER: Final = 1 << 62
"""No hit is left."""

Frame = tuple[Any, ...]
"""(mode, key, index, dead, key event, ...): where the pass stands in one collection."""


def path_of(frames: Sequence[Frame]) -> FieldPath:
    """The path that frames spell out."""
    path: list[str | int] = []
    for frame in frames:
        mode = frame[0]
        if mode == ITEM:
            path.append(frame[2])
        elif mode != ROOT:
            path.append(frame[1])
    return tuple(path)


def scalar_of(text: str, event: Any, number: int, frames: Sequence[Frame]) -> Scalar:
    """A scalar event as a Scalar; the last frame says what it is the value of."""
    mark = event.start_mark
    node = start = mark.index
    end = event.end_mark.index
    line, column = mark.line + 1, mark.column + 1
    if event.anchor or event.tag:
        start = content_start(text, node, end)
        breaks = breaks_between(text, node, start)
        line += breaks
        column = start - line_start(text, start, node) + 1 if breaks else column + start - node
    mode, key_event = frames[-1][0], frames[-1][4]
    indent = key_event.start_mark.column if mode in (KEY, VALUE) and key_event is not None else column - 2
    return Scalar(
        number, path_of(frames), start, end, event.value, event.style or "", line, column,
        event.anchor or "", event.tag or "", node, indent,
    )  # fmt: skip


def content_start(text: str, node: int, end: int) -> int:
    """Where a scalar's content starts behind its anchor and tag; ``end`` when it has none."""
    at = node
    while at < end:
        char = text[at]
        if char == "#":
            at = line_end(text, at)
        elif char == "!" and text.startswith("!<", at):
            at = text.index(">", at) + 1
        elif char in "&!":
            while at < end and not text[at].isspace():
                at += 1
        elif char.isspace():
            at += 1
        else:
            return at
    return end


class Gaps:
    """The comments found so far, and those on lines of their own that wait for what they stand above."""

    def __init__(self, text: str, hits: list[int]) -> None:
        self._text = text
        self._hits = hits
        self._at = 0
        self._found: list[Comment] = []
        self._waiting: list[Comment] = []
        self._tail: tuple[Any, tuple[Frame, ...]] = (None, ())
        self.next = hits[0] if hits else NEVER

    def remember(self, prev: Any, frames: tuple[Frame, ...]) -> None:
        """A flow mapping without braces ends without a token: keep where its last scalar stood."""
        self._tail = (prev, frames)

    def settle(self, event: Any, prev: Any, frames: tuple[Frame, ...], number: int) -> int:
        """Place every hit before an event; gives the next offset at which to be called again."""
        start = event.start_mark.index
        is_token = type(event).__name__ not in ("MappingEndEvent", "SequenceEndEvent") or event.end_mark.index > start
        if is_token:
            self._meet(event, frames, number)
        text, hits = self._text, self._hits
        while self._at < len(hits) and hits[self._at] < start:
            hit = hits[self._at]
            self._at += 1
            comment = self._comment(hit, prev, frames, number)
            if comment is None:
                continue
            stop = comment.start + len(comment.text)
            while self._at < len(hits) and hits[self._at] < stop:
                self._at += 1
            (self._waiting if comment.place == "loose" else self._found).append(comment)
        if is_token:
            self._meet(event, frames, number)
        if self._waiting:
            return -1
        del text
        return hits[self._at] if self._at < len(hits) else NEVER

    def finish(self) -> list[Comment]:
        """All comments in the order of the text."""
        return sorted([*self._found, *self._waiting], key=lambda comment: comment.start)

    def _comment(self, hit: int, prev: Any, frames: tuple[Frame, ...], number: int) -> Comment | None:
        """The comment around a hit in the gap behind an event; None when the hit is no comment."""
        text = self._text
        if prev is None:
            floor, line = 0, 1
        else:
            floor, line = prev.end_mark.index, prev.end_mark.line + 1
            if hit < floor:
                return self._inside(hit, prev, frames, number)
        begin = line_start(text, hit, floor)
        at = text.find("#", begin, hit)
        if at < 0:
            return None
        line += breaks_between(text, floor, at)
        own_start = line_start(text, at)
        words = text[at : line_end(text, at)]
        column = at - own_start + 1
        if begin > floor or prev is None or floor == own_start:
            alone = not text[own_start:at].strip(" \t")
            place: Place = "loose" if alone else "key"
            if alone and is_commented_out(words):
                place = "commented-out"
            return Comment(words, at, line, column, None, place)
        place, scalar = self._behind(prev, at, frames, number)
        return Comment(words, at, line, column, scalar, place)

    def _behind(self, prev: Any, at: int, frames: tuple[Frame, ...], number: int) -> tuple[Place, Scalar | None]:
        """Which place a comment has on the line where an event ended."""
        kind = type(prev).__name__
        if kind == "AliasEvent":
            return "alias", None
        if kind in ("DocumentStartEvent", "DocumentEndEvent"):
            return "directive", None
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            return "collection", None
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            return ("collection" if prev.flow_style else "key"), None
        if self._tail[0] is prev:
            frames = self._tail[1]
        mode, dead = frames[-1][0], frames[-1][3]
        if mode == VALUE:
            return "key", None
        if prev.end_mark.index == prev.start_mark.index:
            return "empty", None
        if not follows(self._text, prev.end_mark.index, at):
            return "key", None
        if dead:
            return "duplicate", None
        return "line", scalar_of(self._text, prev, number, _settled(frames))

    def _inside(self, hit: int, prev: Any, frames: tuple[Frame, ...], number: int) -> Comment | None:
        """A hit inside an event: a block scalar's header comment, a comment behind an anchor or tag, or no comment."""
        text = self._text
        if type(prev).__name__ != "ScalarEvent":
            return None
        start = prev.start_mark.index
        if prev.anchor or prev.tag:
            start = content_start(text, start, prev.end_mark.index)
        if prev.style not in ("|", ">"):
            return None
        at = header_comment(text, start)
        if at < 0 or hit > line_end(text, at) or hit < at:
            return None
        words = text[at : line_end(text, at)]
        line = prev.start_mark.line + 1 + breaks_between(text, prev.start_mark.index, at)
        column = at - line_start(text, at) + 1
        if self._tail[0] is prev:
            frames = self._tail[1]
        mode, dead = frames[-1][0], frames[-1][3]
        if mode == VALUE:
            return Comment(words, at, line, column, None, "key")
        if dead:
            return Comment(words, at, line, column, None, "duplicate")
        return Comment(words, at, line, column, scalar_of(text, prev, number, _settled(frames)), "line")

    def _meet(self, event: Any, frames: tuple[Frame, ...], number: int) -> None:
        """Tell the waiting comments what they stand above."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        line = event.start_mark.line + 1
        mode = frames[-1][0]
        for comment in waiting:
            scalar, place = None, comment.place
            if type(event).__name__ == "ScalarEvent" and mode == ITEM and comment.line == line - 1:
                place = "ambiguous-head"
                end = event.end_mark.index
                if event.style in ("|", ">"):
                    hidden = header_comment(self._text, event.start_mark.index) >= 0
                else:
                    hidden = has_line_comment(self._text, end)
                if hidden:
                    place = "hidden"
                elif event.start_mark.column == comment.column + 1 and not self._after_comment(comment):
                    last = frames[-1]
                    if last[3]:
                        place = "duplicate"
                    else:
                        place = "head"
                        scalar = scalar_of(
                            self._text, event, number, (*frames[:-1], (ITEM, "", last[2] + 1, False, None))
                        )
            elif comment.line == line - 1 and type(event).__name__ in (
                "ScalarEvent",
                "MappingStartEvent",
                "AliasEvent",
            ):
                place = "above"
            self._found.append(Comment(comment.text, comment.start, comment.line, comment.column, scalar, place))

    def _after_comment(self, comment: Comment) -> bool:
        """Whether the line before a comment is a comment too."""
        begin = line_start(self._text, comment.start)
        if begin == 0:
            return False
        before = self._text[line_start(self._text, begin - 1) : begin - 1]
        return before.lstrip(" \t").startswith("#")


def _settled(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """The frames with the last one as it was when the scalar before was read."""
    mode, key, index, dead, key_event = frames[-1][:5]
    return (*frames[:-1], (VALUE if mode == KEY else mode, key, index, dead, key_event))
