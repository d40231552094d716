"""Finds whose comment it is: what is between two events of the parser.

The rules are yaml.v3's, found by comparing with it, and a little narrower: where a scalar is named here, yaml.v3
gives that comment to that scalar; where yaml.v3 does so by accident, or only in some contexts, the place says so
instead. Known differences, all of them reported and none silent:

* head comments that yaml.v3 sees elsewhere than directly above a ``- scalar`` line are ``ambiguous-head``;
* the comment behind the anchor of a sequence, which yaml.v3 gives to the first scalar in it, is ``key``.

Not followed is how yaml.v3 carries a comment from an empty anchored item (``- &a # x``) or from below a ``?`` key
over to the next item, whose line comment is then no marker for Flux; here it is.
"""

from __future__ import annotations

from typing import Any, Final, cast

from krm_functions.yaml.comments import (
    Place,
    breaks_between,
    colon_comment,
    comment_run,
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
)
from krm_functions.yaml.nodes import ITEM, KEY, ROOT, VALUE, Frame, content_start, scalar_of
from krm_functions.yaml.scan_result import Comment, Scalar

NEVER: Final = 1 << 62
"""No hit is left."""
AT_ONCE: Final = -1
"""A comment waits for the next token."""

Attached = tuple[Place, Scalar | None]


class CommentFinder:
    """The comments found so far, and those on lines of their own that wait for what they are above."""

    def __init__(self, text: str, hits: list[int]) -> None:
        self._text = text
        self._hits = hits
        self._at = 0
        self._found: list[Comment] = []
        self._waiting: list[tuple[Comment, bool]] = []  # with whether it can be a head comment for sure
        self._tail: tuple[Any, tuple[Frame, ...]] = (None, ())
        self._seen = (0, 1)  # an offset up to which lines were counted, and its line
        self.next = hits[0] if hits else NEVER

    def remember(self, prev: Any, frames: tuple[Frame, ...]) -> None:
        """A flow mapping without braces ends without a token: keep where its last scalar was."""
        self._tail = (prev, frames)

    def settle(self, event: Any, prev: Any, frames: tuple[Frame, ...], document: int) -> int:
        """Place every hit before an event; gives the offset up to which no further call is needed.

        Args:
            event: the event that starts behind the next hit.
            prev: the last event before it that has a text of its own, or None.
            frames: the collections that are open, the innermost last, as they were before the event.
            document: the number of the document.
        """
        hits, start = self._hits, event.start_mark.index
        if prev is not None and self._tail[0] is prev:
            frames = self._tail[1]
        while self._at < len(hits) and hits[self._at] < start:
            comment = self._comment(hits[self._at], event, prev, frames, document)
            self._at += 1
            if comment is None:
                continue
            stop = comment.start + len(comment.text)
            while self._at < len(hits) and hits[self._at] < stop:
                self._at += 1
            if comment.place == "loose":
                self._waiting.append((comment, self._is_sure_head(comment, prev)))
            else:
                self._found.append(comment)
        if self._waiting:
            if not _is_token(event):
                return AT_ONCE
            self._meet(event, frames, document)
        return hits[self._at] if self._at < len(hits) else NEVER

    def finish(self) -> list[Comment]:
        """All comments in the order of the text."""
        return sorted([*self._found, *(comment for comment, _ in self._waiting)], key=lambda comment: comment.start)

    # -- one comment ---------------------------------------------------------------------------------------------

    def _comment(self, hit: int, event: Any, prev: Any, frames: tuple[Frame, ...], document: int) -> Comment | None:
        """The comment around a hit before an event; None when the hit is not a comment."""
        text = self._text
        floor, line, column = 0, 1, 0
        if prev is not None:
            mark = prev.end_mark
            floor, line, column = mark.index, mark.line + 1, mark.column
            if hit < floor:
                return self._inside(hit, prev, frames, document)
            found = same_line(text, floor) if column else None
            if found is not None and hit < found.end():
                at = found.start(1)
                place, scalar = self._behind(prev, at, event, frames, document, directly=True)
                return Comment(found[1], at, line, column + at - floor + 1, scalar, place)
        own_line = not column
        if self._seen[0] > floor:
            floor, line = self._seen
            own_line = True
        begin = line_start(text, hit, floor)
        at = text.find("#", begin, hit)
        if at < 0:
            return None
        own_line = own_line or begin > floor
        line += breaks_between(text, floor, begin)
        self._seen = begin, line
        words = text[at : line_end(text, at)]
        if own_line and not text[begin:at].strip(" \t"):
            place, scalar = "commented-out" if is_commented_out(words) else "loose", None
        elif prev is None:
            place, scalar = "directive", None
        else:
            directly = follows(text, prev.end_mark.index, at)
            place, scalar = self._behind(prev, at, event, frames, document, directly=directly)
        column = at - begin if own_line else column + at - floor
        return Comment(words, at, line, column + 1, scalar, place)

    def _behind(
        self, prev: Any, at: int, event: Any, frames: tuple[Frame, ...], document: int, *, directly: bool
    ) -> Attached:
        """Whose comment it is that is at ``at`` on a line with something else, between two events.

        Args:
            prev: the event before it; ``directly``: with nothing but blanks and a comma between.
            at: where the comment starts.
            event: the event behind it.
            frames: as in ``settle``.
            document: as in ``settle``.
        """
        mode, _, _, dead, _, flow, *_ = frames[-1]
        match type(prev).__name__:
            case "ScalarEvent" if mode != VALUE and directly:
                return self._line(prev, at, frames, document)
            case "ScalarEvent" if flow and mode == VALUE and _is_scalar(event):
                if follows_colon(self._text, prev.end_mark.index, at):
                    return (dead, None) if dead else self._ahead(event, frames, document)
            case "DocumentStartEvent" | "DocumentEndEvent":
                return "directive", None
            case "AliasEvent" if directly:
                return "alias", None
            case "MappingEndEvent" | "SequenceEndEvent" if directly:
                return "collection", None
            case "MappingStartEvent" | "SequenceStartEvent" if prev.flow_style:
                return "collection", None
        if _is_scalar(event) and mode == ITEM and not flow and not directly:
            return "ambiguous-head", None
        return "key", None

    def _line(self, event: Any, at: int, frames: tuple[Frame, ...], document: int) -> Attached:
        """Whether the comment at ``at``, on the line where a scalar value ends, is the one that counts."""
        text, node, end = self._text, event.start_mark.index, event.end_mark.index
        mode, _, _, dead, key_event, flow, *_ = frames[-1]
        if dead:
            return dead, None
        if event.anchor or event.tag:
            start = content_start(text, node, end)
            if start < end and "#" in text[node:start]:
                return "hidden", None
        else:
            start = node
        if start == end:
            return "empty", None
        if flow and has_second_comment(text, line_end(text, at)):
            return "hidden", None
        if mode == KEY and colon_comment(text, key_event.end_mark.index, node, flow):
            return "hidden", None
        if mode == ITEM and any(text[frame[6]] in "&!" and only_properties(text, frame[6], node) for frame in frames):
            return "hidden", None
        return "line", scalar_of(text, event, document, frames)

    def _ahead(self, event: Any, frames: tuple[Frame, ...], document: int) -> Attached:
        """Behind the colon in a flow mapping: the comment of the scalar on the next line, unless that has its own."""
        scalar = scalar_of(self._text, event, document, frames)
        if scalar.start == scalar.end:
            return "empty", None
        if has_line_comment(self._text, scalar.end) or "#" in self._text[scalar.node : scalar.start]:
            return "hidden", None
        return "line", scalar

    def _inside(self, hit: int, prev: Any, frames: tuple[Frame, ...], document: int) -> Comment | None:
        """A hit inside an event: on a block scalar's header line, behind an anchor or tag, or in no comment at all."""
        text, node, end = self._text, prev.start_mark.index, prev.end_mark.index
        start = end
        if _is_scalar(prev):
            start = content_start(text, node, end) if prev.anchor or prev.tag else node
        if hit >= start:
            at = header_comment(text, start) if _is_block(prev) else -1
            if at < 0 or not at <= hit < line_end(text, at):
                return None
            place, scalar = self._line(prev, at, frames, document) if frames[-1][0] != VALUE else ("key", None)
        else:
            at = text.find("#", line_start(text, hit, node), hit)
            if at < 0:
                return None
            place, scalar = self._behind_properties(prev, start, at, frames, document)
        begin = line_start(text, at, node)
        column = at - begin if begin > node else prev.start_mark.column + at - node
        line = prev.start_mark.line + 1 + breaks_between(text, node, at)
        return Comment(text[at : line_end(text, at)], at, line, column + 1, scalar, place)

    def _behind_properties(self, prev: Any, start: int, at: int, frames: tuple[Frame, ...], document: int) -> Attached:
        """A comment behind the anchor or tag of a node whose content starts, on a later line, at ``start``."""
        text, node, end = self._text, prev.start_mark.index, prev.end_mark.index
        mode, dead = frames[-1][0], frames[-1][3]
        first_line = breaks_between(text, node, at) == 0
        if type(prev).__name__ == "DocumentStartEvent":
            return "directive", None
        if not _is_scalar(prev):
            return ("key" if first_line else "ambiguous-head"), None
        if mode == VALUE:
            return "key", None
        if start == end:
            return "empty", None
        if not first_line or "#" in text[line_end(text, at) : start]:
            return "ambiguous-head", None
        if header_comment(text, start) >= 0 if _is_block(prev) else has_line_comment(text, end):
            return "hidden", None
        return (dead, None) if dead else ("line", scalar_of(text, prev, document, frames))

    # -- comments on lines of their own --------------------------------------------------------------------------

    def _is_sure_head(self, comment: Comment, prev: Any) -> bool:
        """Whether a comment behind an event on an earlier line can be a head comment; yaml.v3 carries some over."""
        if prev is None:
            return is_sure_head(self._text, comment.start, 0)
        if _is_empty(prev) or type(prev).__name__ == "DocumentStartEvent":
            return False
        return is_sure_head(self._text, comment.start, prev.end_mark.index)

    def _meet(self, event: Any, frames: tuple[Frame, ...], document: int) -> None:
        """Tell the waiting comments what they are above, now that the next token is known."""
        mark = event.start_mark
        begin = mark.index - mark.column
        run = comment_run(self._text, begin, self._waiting[0][0].start)
        for comment, sure in self._waiting:
            place, scalar = "loose", None
            if comment.start >= run:
                is_next = sure and line_end(self._text, comment.start) == begin - 1
                place, scalar = self._above(event, frames, document, comment.column - 1 if is_next else -1)
            self._found.append(
                Comment(comment.text, comment.start, comment.line, comment.column, scalar, cast("Place", place))
            )
        self._waiting.clear()

    def _above(self, event: Any, frames: tuple[Frame, ...], document: int, column: int) -> Attached:
        """Whose comment it is that is above an event; ``column``: of one that may be its head comment, else -1."""
        text, mark = self._text, event.start_mark
        mode, _, index, dead, _, flow, *_ = frames[-1]
        if type(event).__name__ in ("DocumentStartEvent", "DocumentEndEvent", "StreamEndEvent"):
            return "loose", None
        if not _is_scalar(event) or mode == KEY:
            return "above", None
        if dead:
            return dead, None
        if mode == ROOT and _is_empty(event):
            return "loose", None
        if mode != ITEM or flow or _is_empty(event):
            return "ambiguous-head", None
        item = scalar_of(text, event, document, (*frames[:-1], (ITEM, "", index + 1, "", None, False, 0)))
        own = header_comment(text, item.start) >= 0 if _is_block(event) else has_line_comment(text, item.end)
        if own or "#" in text[item.node : item.start]:
            return "hidden", None
        before = text[mark.index - mark.column : mark.index]
        if column >= 0 and before.strip(" ") == "-" and before.index("-") == column:
            return "head", item
        return "ambiguous-head", None


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


def _is_block(event: Any) -> bool:
    """Whether an event is a literal or folded block scalar."""
    return _is_scalar(event) and event.style in ("|", ">")


def _is_empty(event: Any) -> bool:
    """Whether an event is a scalar of which nothing is written."""
    return _is_scalar(event) and event.start_mark.index == event.end_mark.index
