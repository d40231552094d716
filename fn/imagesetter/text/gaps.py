"""Comments on their way to a scalar: what stands between two events of the parser.

The rules are yaml.v3's, found by comparing with it, and a little narrower: wherever this module names a scalar, yaml.v3
gives that comment to that scalar; where yaml.v3 does so by accident or only sometimes, the place says so instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from imagesetter.text.comments import (
    Place,
    breaks_between,
    colon_comment,
    follows,
    follows_colon,
    has_line_comment,
    has_second_comment,
    header_comment,
    is_commented_out,
    is_sure_head,
    line_end,
    line_start,
    only_properties,
    same_line,
    stands_alone,
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
"""Where the pass stands in one collection: (mode, key, index, why it does not count, key event, is it flow, start, ...)."""


def path_of(frames: Sequence[Frame]) -> FieldPath:
    """The path that frames spell out."""
    return tuple([frame[2] if frame[0] == ITEM else frame[1] for frame in frames if frame[0] != ROOT])


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
    frame = frames[-1]
    if frame[5]:
        lead = _flow_lead(frames, node, line)
        indent = mark.column
    elif frame[0] == ITEM:
        lead = mark.column if text[node - 2 : node] == "- " else -1
        indent = mark.column - 1
    elif frame[0] != ROOT:
        key_mark = frame[4].start_mark
        lead = node - key_mark.index + key_mark.column
        indent = key_mark.column
    else:
        lead, indent = -1, -1
    return Scalar(
        number, path_of(frames), start, end, event.value, event.style or "", line, column,
        event.anchor or "", event.tag or "", node, indent, lead,
    )  # fmt: skip


def _flow_lead(frames: Sequence[Frame], node: int, line: int) -> int:
    """The lead of a scalar in a flow collection: to the line of the block entry that holds the whole collection."""
    depth = next(depth for depth, frame in enumerate(frames) if frame[5]) - 1
    mode, _, _, _, key_event = frames[depth][:5]
    if mode != VALUE or key_event is None or key_event.start_mark.line + 1 != line:
        return -1
    return cast("int", node - key_event.start_mark.index + key_event.start_mark.column)


def content_start(text: str, node: int, end: int) -> int:
    """Where a scalar's content starts behind its anchor and tag; ``end`` when it has none."""
    at = node
    while at < end:
        char = text[at]
        if char == "#":
            at = line_end(text, at)
        elif text.startswith("!<", at):
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
        self._waiting: list[tuple[Comment, bool]] = []  # with whether it may be a head comment for sure
        self._tail: tuple[Any, tuple[Frame, ...]] = (None, ())
        self.next = hits[0] if hits else NEVER

    def remember(self, prev: Any, frames: tuple[Frame, ...]) -> None:
        """A flow mapping without braces ends without a token: keep where its last scalar stood."""
        self._tail = (prev, frames)

    def settle(self, event: Any, prev: Any, frames: tuple[Frame, ...], number: int) -> int:
        """Place every hit before an event; gives the next offset at which to be called again.

        Args:
            event: the event whose start lies behind the next hit.
            prev: the last event before it that has a text of its own.
            frames: the collections that are open, the innermost last, before the event counts.
            number: of the document.
        """
        start = event.start_mark.index
        hits = self._hits
        while self._at < len(hits) and hits[self._at] < start:
            comment = self._comment(hits[self._at], event, prev, frames, number)
            self._at += 1
            if comment is None:
                continue
            stop = comment.start + len(comment.text)
            while self._at < len(hits) and hits[self._at] < stop:
                self._at += 1
            if comment.place == "loose":
                floor = prev.end_mark.index if prev is not None else 0
                sure = not _is_empty(prev) and is_sure_head(self._text, comment.start, floor)
                self._waiting.append((comment, sure))
            else:
                self._found.append(comment)
        if self._waiting and _is_token(event):
            self._found += [self._above(*waiting, event, frames, number) for waiting in self._waiting]
            self._waiting.clear()
        if self._waiting:
            return -1
        return hits[self._at] if self._at < len(hits) else NEVER

    def finish(self) -> list[Comment]:
        """All comments in the order of the text."""
        return sorted([*self._found, *(comment for comment, _ in self._waiting)], key=lambda comment: comment.start)

    def _comment(self, hit: int, event: Any, prev: Any, frames: tuple[Frame, ...], number: int) -> Comment | None:
        """The comment around a hit before an event; None when the hit is no comment."""
        text = self._text
        place: Place
        scalar: Scalar | None = None
        if prev is None:
            floor, line = 0, 1
        else:
            mark = prev.end_mark
            floor, line = mark.index, mark.line + 1
            if hit < floor:
                return self._inside(hit, prev, frames, number)
            found = same_line(text, floor) if mark.column else None
            if found is not None and hit < found.end():
                at = found.start(1)
                place, scalar = self._behind(prev, at, event, frames, number)
                return Comment(found[1], at, line, mark.column + at - floor + 1, scalar, place)
        at = text.find("#", line_start(text, hit, floor), hit)
        if at < 0:
            return None
        if stands_alone(text, at):
            place = "commented-out" if is_commented_out(text[at : line_end(text, at)]) else "loose"
        elif prev is None:
            place = "directive"
        else:
            place, scalar = self._behind(prev, at, event, frames, number)
        return self._made(at, line + breaks_between(text, floor, at), scalar, place)

    def _made(self, at: int, line: int, scalar: Scalar | None, place: Place) -> Comment:
        text = self._text
        return Comment(text[at : line_end(text, at)], at, line, at - line_start(text, at) + 1, scalar, place)

    def _behind(
        self, prev: Any, at: int, event: Any, frames: tuple[Frame, ...], number: int
    ) -> tuple[Place, Scalar | None]:
        """Whose comment it is that stands at ``at``, behind an event or behind an indicator, before the next event."""
        text, end = self._text, prev.end_mark.index
        follows_it = follows(text, end, at)
        kind = type(prev).__name__
        if kind == "ScalarEvent":
            if self._tail[0] is prev:
                frames = self._tail[1]
            mode, _, _, dead, _, flow, _ = frames[-1]
            if mode != VALUE:
                if follows_it:
                    return self._line(prev, at, frames, number)
            elif flow and _is_scalar(event) and follows_colon(text, end, at):
                return (dead, None) if dead else self._ahead(event, frames, number)
        elif kind in ("DocumentStartEvent", "DocumentEndEvent"):
            return "directive", None
        elif kind == "AliasEvent" and follows_it:
            return "alias", None
        elif (kind in ("MappingEndEvent", "SequenceEndEvent") and follows_it) or (kind in ("MappingStartEvent", "SequenceStartEvent") and prev.flow_style):
            return "collection", None
        if _is_scalar(event) and frames[-1][0] == ITEM and not frames[-1][5] and not follows_it:
            return "ambiguous-head", None
        return "key", None

    def _line(self, event: Any, at: int, frames: tuple[Frame, ...], number: int) -> tuple[Place, Scalar | None]:
        """Whether the comment at ``at``, on the line where a scalar value ends, is the one that counts."""
        text = self._text
        mode, _, _, dead, key_event, flow, _ = frames[-1]
        node, end = event.start_mark.index, event.end_mark.index
        if dead:
            return dead, None
        if node == end:
            return "empty", None
        if event.anchor or event.tag:
            start = content_start(text, node, end)
            if start == end:
                return "empty", None
            if "#" in text[node:start]:
                return "hidden", None
        if mode == ITEM and any(text[frame[6]] in "&!" and only_properties(text, frame[6], node) for frame in frames):
            return "hidden", None
        if flow and has_second_comment(text, line_end(text, at)):
            return "hidden", None
        if mode == KEY and colon_comment(text, key_event.end_mark.index, node, flow):
            return "hidden", None
        return "line", scalar_of(text, event, number, frames)

    def _ahead(self, event: Any, frames: tuple[Frame, ...], number: int) -> tuple[Place, Scalar | None]:
        """The comment behind the colon of a flow mapping belongs to the scalar on the next line, unless that has its own."""
        scalar = scalar_of(self._text, event, number, frames)
        if scalar.start == scalar.end:
            return "empty", None
        if has_line_comment(self._text, scalar.end) or "#" in self._text[scalar.node : scalar.start]:
            return "hidden", None
        return "line", scalar

    def _inside(self, hit: int, prev: Any, frames: tuple[Frame, ...], number: int) -> Comment | None:
        """A hit inside an event: on a block scalar's header line, behind an anchor or tag, or in no comment at all."""
        text, node, end = self._text, prev.start_mark.index, prev.end_mark.index
        if self._tail[0] is prev:
            frames = self._tail[1]
        line = prev.start_mark.line + 1
        if not _is_scalar(prev):
            at = text.find("#", line_start(text, hit, node), hit)
            if at < 0:
                return None
            place: Place = "ambiguous-head" if stands_alone(text, at) else "key"
            if type(prev).__name__ == "DocumentStartEvent":
                place = "directive"
            return self._made(at, line + breaks_between(text, node, at), None, place)
        start = content_start(text, node, end) if prev.anchor or prev.tag else node
        if hit < start:
            at = text.find("#", line_start(text, hit, node), hit)
            if at < 0:
                return None
            first = text.find("#", node, start) == at and breaks_between(text, node, at) == 0
            own = prev.style not in ("|", ">") and has_line_comment(text, end)
            if frames[-1][0] == VALUE:
                place, scalar = "key", None
            elif start == end:
                place, scalar = "empty", None
            elif not first or "#" in text[line_end(text, at) : start] or own or stands_alone(text, at):
                place, scalar = "ambiguous-head", None
            else:
                place, scalar = self._props(prev, frames, number)
            return self._made(at, line + breaks_between(text, node, at), scalar, place)
        if prev.style not in ("|", ">"):
            return None
        at = header_comment(text, start)
        if at < 0 or not at <= hit < line_end(text, at):
            return None
        place, scalar = self._line(prev, at, frames, number)
        return self._made(at, line + breaks_between(text, node, at), scalar, place)

    def _props(self, prev: Any, frames: tuple[Frame, ...], number: int) -> tuple[Place, Scalar | None]:
        dead = frames[-1][3]
        return (dead, None) if dead else ("line", scalar_of(self._text, prev, number, frames))

    def _above(self, comment: Comment, sure: bool, event: Any, frames: tuple[Frame, ...], number: int) -> Comment:
        """What a comment on its own line stands above, now that the next token is known."""
        text, mark, frame = self._text, event.start_mark, frames[-1]
        mode, dead, flow = frame[0], frame[3], frame[5]
        begin = line_start(text, mark.index)
        place: Place = "loose"
        scalar: Scalar | None = None
        if begin != _next_line(text, comment.start) and not _only_comments(text, comment.start, begin):
            place = "loose"
        elif not _is_scalar(event) or mode == KEY:
            place = "above" if type(event).__name__ not in ("DocumentStartEvent", "StreamEndEvent") else "loose"
        elif dead:
            place = dead
        elif mode != ITEM or flow or event.start_mark.index == event.end_mark.index:
            place = "ambiguous-head"
        else:
            item = scalar_of(text, event, number, (*frames[:-1], (ITEM, "", frame[2] + 1, "", None, False, 0)))
            dash = text[begin : mark.index]
            if event.style in ("|", ">"):
                hidden = header_comment(text, item.start) >= 0
            else:
                hidden = has_line_comment(text, item.end)
            if hidden or "#" in text[item.node : item.start]:
                place = "hidden"
            elif (
                dash.strip(" ") == "-"
                and dash.index("-") == comment.column - 1
                and begin == _next_line(text, comment.start)
                and sure
            ):
                place, scalar = "head", item
            else:
                place = "ambiguous-head"
        return Comment(comment.text, comment.start, comment.line, comment.column, scalar, place)


def _is_token(event: Any) -> bool:
    """Whether an event stands for a text of its own, unlike the bounds of block collections and of bare documents."""
    match type(event).__name__:
        case "MappingEndEvent" | "SequenceEndEvent":
            return cast("bool", event.end_mark.index > event.start_mark.index)
        case "DocumentStartEvent" | "DocumentEndEvent":
            return bool(event.explicit)
        case "SequenceStartEvent":
            return bool(event.flow_style or event.anchor or event.tag)
    return True


def _is_scalar(event: Any) -> bool:
    return type(event).__name__ == "ScalarEvent"


def _is_empty(event: Any) -> bool:
    """Whether an event is a scalar of which nothing is written."""
    return _is_scalar(event) and event.start_mark.index == event.end_mark.index


def _next_line(text: str, index: int) -> int:
    """Where the line after that of an offset starts."""
    end = line_end(text, index)
    return end + (2 if text.startswith("\r\n", end) else 1)


def _only_comments(text: str, start: int, end: int) -> bool:
    """Whether every line of a stretch of text is a comment."""
    while start < end:
        if not text[start : line_end(text, start)].lstrip(" \t").startswith("#"):
            return False
        start = _next_line(text, start)
    return True
