"""A second way through a large text: line by line, where lines are of the plain kind, and by libyaml elsewhere.

The pass over libyaml's events (``walk.py``) takes some two microseconds an event; nearly all lines of resources are a
key with its value, and their column alone says where they belong. To read these as text takes a third of the time.
What comes out is **the same Scan, or none**: where this module is not certain it gives up, and the events are asked.

**Why it is certain.** Let the scanner of libyaml stand at the start of a line in block context, outside of any scalar.
A plain line (``line.py``) then gives tokens that depend on nothing but the line, and leaves the scanner in that same
state, except that two things may go on below: a block scalar, up to the first line that is not indented more than the
collection it stands in, and a plain scalar, in a line that is. The first is followed by its indentation; the second
makes us give up. Lines of blanks and comments give no tokens. So the columns of keys and dashes open and close
collections just as they do on libyaml's stack of indents, and an order of columns that its parser would refuse makes
us give up. Texts with tabs, or with line ends other than LF, are left alone.

An entry of the list below a key of the root (an item of a ResourceList) that is not plain is read by libyaml, by
itself. It ends where a line begins at the list's column or left of it. Outside of quotes and flow collections no scalar
holds such a line; inside of them the entry does not parse by itself, and neither does it when it needs an anchor, a tag
or a directive from elsewhere. What does not parse by itself makes us give up.

libyaml has the last word: it parses the whole text in C, which is fast, and must count as many events as were found.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from krm_functions.yaml.documents import moved
from krm_functions.yaml.event_walk import NodeBuilder, below, walk
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.line import BLOCK, NOTHING, OPEN, SCALAR, SHORT, UNKNOWN, known_line, read_line
from krm_functions.yaml.parser import Unreadable, count_events, parsing
from krm_functions.yaml.scan_result import (
    KEEP,
    KEEP_ALL,
    KEEP_TEXT,
    SPAN,
    Alias,
    Collect,
    Comment,
    NodeSpan,
    Outline,
    Scalar,
    ScanResult,
)

_ODD: Final = "\t\r\x85\u2028\u2029\ufeff"
"""Characters that say more than the rules here know."""
_DEEPEST: Final = 100
_BATCH: Final = 1 << 13
"""How many characters are split into lines at a time; few, since it starts anew behind each entry that is not plain."""
_NEVER: Final = 1 << 62
_FEW: Final = 20
"""How many entries that are not plain are read by themselves in any case. Each costs three times what it costs as part
of the whole, so where there are more of them than one in three, the whole is the faster way."""
_LEAD: Final = re.compile(r"(?:-(?=\s)|\s|#.*)*")
"""What stands before the first token of an entry; what a comment there belongs to, what is above the entry decides."""
_LONG_KEY: Final = re.compile(r"^[- ]*+\?(?:\s|\Z)", re.MULTILINE)
"""A ``?`` key; where it has no value, the null is placed where the next token starts, in the next entry maybe."""
_BARE: Final = 4
"""The events of the stream and of its document."""


def read_plain(text: str, hits: list[int], outline: Outline | None) -> ScanResult | None:
    """What ``walk`` finds in a text, or None.

    Args:
        text: without a byte order mark.
        hits: where the needle is, in order.
        outline: places to collect on the way.
    """
    if "\n---" in text or any(odd in text for odd in _ODD):
        return None
    try:
        with parsing(text):
            found = _Lines(text, hits, outline).read()
            return found if found.events == count_events([text]) else None
    except (_NotPlain, Unreadable):
        return None


class _NotPlain(Exception):
    """A line is not plain, or stands where a plain one does not; ``start`` is the offset of the line."""

    def __init__(self, start: int) -> None:
        self.start = start


class _Collection:
    """An open block collection."""

    __slots__ = ("above", "group", "out", "place", "seen", "step")

    def __init__(self, place: int, out: Any, group: NodeBuilder, above: FieldPath) -> None:
        self.place = place  # of its entries, see ``Line``
        self.out = out  # the outline of what is in it
        self.group = group
        self.above = above  # its path from the group's node, where there is an outline
        self.step: Any = -1  # the key or index reached
        self.seen: set[str] = set()  # the keys so far


class _Entry(NamedTuple):
    """Where the pass stood before an entry of a list below the root."""

    start: int
    lines: int
    events: int
    comments: int
    nodes: int


class _Lines:
    """The pass over the lines of one text: what it has found, and the collections that are open."""

    def __init__(self, text: str, hits: list[int], outline: Outline | None) -> None:
        self._text = text
        self._hits = hits
        self._comments: list[Comment] = []
        self._nodes: list[NodeSpan] = []
        self._aliases: list[Alias] = []
        self._events = _BARE
        self._paths: dict[FieldPath, FieldPath] = {}  # of texts; those of all resources are the same
        self._document = NodeBuilder((), 0)
        self._in = _Collection(-1, outline, self._document, ())  # the innermost; at first what the root stands in
        self._around: list[_Collection] = []
        self._expected = True  # what the last key or dash holds has not come yet
        self._behind = 0  # the end of the last token
        self._list: _Collection | None = None  # the list below a key of the root, while it is open
        self._entry: _Entry | None = None  # of that list
        self._odd = 0  # how many entries were read by themselves

    def read(self) -> ScanResult:
        """Read all lines.

        Raises:
            _NotPlain: it takes libyaml to read the text.
            Unreadable: an entry is not YAML by itself.
        """
        at = lines = 0
        while at < len(self._text):
            try:
                self._read_lines(at, lines)
                at = len(self._text)
            except _NotPlain as met:
                at, lines = self._read_entry(met.start)
        if self._expected:
            self._take_null(len(self._text))
        self._close(-1)
        nodes = sorted(self._nodes, key=lambda node: (node.start, -node.end))
        document = self._document.close(self._behind)
        return ScanResult(tuple(self._comments), (), (document,), tuple(nodes), tuple(self._aliases), self._events)

    def _read_lines(self, at: int, lines: int) -> None:
        """Plain lines from an offset on, with ``lines`` lines before it.

        Some sixty lines a Deployment come by here: what is rare is left to other methods.
        """
        hits = self._hits
        coming = bisect_left(hits, at)
        hit = hits[coming] if coming < len(hits) else _NEVER
        inside, expected = self._in, self._expected
        literal = margin = -1  # in a block scalar: the column of its collection, and that of its text
        for line in _split(self._text, at):
            start = at
            at += len(line) + 1
            lines += 1
            if literal >= 0:
                column = len(line) - len(line.lstrip(" "))
                if column > literal or column == len(line):
                    if margin < 0 and column < len(line):
                        margin = column
                    if hit < at or (column < margin and column < len(line)) or (margin < 0 and column):
                        raise _NotPlain(start)
                    continue
                literal, self._behind = -1, start
            read = known_line(line) if len(line) <= SHORT else read_line(line)
            if read is None:
                raise _NotPlain(start)
            entries, kind, begin, end, sharp, events = read
            for place, key in entries:
                if place != inside.place:
                    inside = self._move(place, expected, start, lines)
                elif expected:
                    self._take_null(start)
                expected = True
                if key is None:
                    inside.step += 1
                    if inside is self._list:
                        self._entry = _Entry(start, lines - 1, self._events, len(self._comments), len(self._nodes))
                elif key in inside.seen:
                    raise _NotPlain(start)
                else:
                    inside.seen.add(key)
                    inside.step = key
            if kind == SCALAR:
                expected = False
                if inside.out is not None:
                    self._take_scalar(line, begin, end, start, lines)
                if hit < at:
                    self._take_comment(line, begin, end, start, lines, sharp, hit)
                    coming = bisect_left(hits, at, coming)
                    hit = hits[coming] if coming < len(hits) else _NEVER
            elif hit < at or kind == UNKNOWN:
                raise _NotPlain(start)
            elif kind == NOTHING:
                continue
            elif kind != OPEN:
                expected = False
                if inside.out is not None and below(inside.out, inside.step) is not None:
                    raise _NotPlain(start)
                if kind == BLOCK:
                    literal, margin = inside.place // 2, -1
            self._events += events
            self._behind = start + end
        if literal >= 0:
            if self._text.endswith(" "):
                raise _NotPlain(start)  # a last line of blanks is not always part of the block scalar
            self._behind = len(self._text)
        self._expected = expected

    # -- collections ---------------------------------------------------------------------------------------------

    def _path(self) -> FieldPath:
        """The path of the innermost key or entry."""
        return (*[each.step for each in self._around[1:]], self._in.step)

    def _move(self, place: int, expected: bool, start: int, lines: int) -> _Collection:
        """Close what a key or dash is not in, or open the collection that begins with it; the innermost one then."""
        inside, around = self._in, self._around
        if place < inside.place:
            if expected:
                self._take_null(start)
            self._close(place)
            if self._in.place != place:
                raise _NotPlain(start)
            return self._in
        if not expected or len(around) > _DEEPEST:
            raise _NotPlain(start)
        out, group, above = inside.out, inside.group, inside.above
        if not around:
            self._document.begin(start + place // 2, lines - 1, place // 2)
        elif out is not None:
            out, above = below(out, inside.step), (*above, inside.step)
        if out is None or out is KEEP or out is KEEP_TEXT:
            out = None
        elif out is not KEEP_ALL and SPAN in out:
            group = NodeBuilder((*group.path, *above), 0).begin(start + place // 2, lines - 1, place // 2)
            above = ()
        around.append(inside)
        self._in = opened = _Collection(place, out, group, above)
        self._events += 2
        if place % 2 and len(around) == 2:
            self._list = opened
        return opened

    def _close(self, place: int) -> None:
        """Close the collections that an entry at a place is not in."""
        while place < self._in.place:
            closed, self._in = self._in, self._around.pop()
            if closed.group is not self._in.group:
                self._nodes.append(closed.group.close(self._behind))
            if closed is self._list:
                self._list = self._entry = None

    # -- values --------------------------------------------------------------------------------------------------

    def _take_null(self, start: int) -> None:
        """The last key or dash holds nothing."""
        inside = self._in
        self._events += 1
        if inside.out is not None and isinstance(below(inside.out, inside.step), Collect):
            raise _NotPlain(start)

    def _take_scalar(self, line: str, begin: int, end: int, start: int, number: int) -> None:
        """A scalar for which the outline may ask.

        Args:
            line: its line.
            begin: the column where it begins; ``end``: where it ends.
            start: the offset of the line.
            number: the number of the line, from 1.
        """
        inside = self._in
        wanted = below(inside.out, inside.step)
        if wanted is KEEP_TEXT:
            path = (*inside.above, inside.step)
            inside.group.tell(self._paths.setdefault(path, path), *_said(line, begin, end, start))
        elif isinstance(wanted, Collect):
            inside.group.keep(self._scalar(line, begin, end, start, number))

    def _take_comment(self, line: str, begin: int, end: int, start: int, number: int, sharp: int, hit: int) -> None:
        """The comment behind a scalar, which starts at a column; the hit has to be in it."""
        if not 0 <= sharp <= hit - start:
            raise _NotPlain(start)
        scalar = self._scalar(line, begin, end, start, number)
        self._comments.append(Comment(line[sharp:], start + sharp, number, sharp + 1, scalar, "line"))

    def _scalar(self, line: str, begin: int, end: int, start: int, number: int) -> Scalar:
        value, style = _said(line, begin, end, start)
        path, node, column = self._path(), start + begin, self._in.place // 2
        return Scalar(0, path, node, start + end, value, style, number, begin + 1, "", "", node, column, begin)

    # -- entries that are not plain ------------------------------------------------------------------------------

    def _read_entry(self, met: int) -> tuple[int, int]:
        """Read the entry again that holds a line which is not plain; where it ends, and how many lines come before.

        Args:
            met: where that line starts.
        """
        entry, of = self._entry, self._list
        if entry is None or of is None:
            raise _NotPlain(met)
        text, start = self._text, entry.start
        begun = re.compile(rf"\n {{0,{of.place // 2}}}(?=[^ #\n])").search(text, start)
        end = begun.start() + 1 if begun else len(text)
        part = text[start:end]
        self._odd += 1
        if end <= met or _LONG_KEY.search(part) or self._odd > _FEW + of.step // 3:
            raise _NotPlain(met)
        hits = self._hits[bisect_left(self._hits, start) : bisect_left(self._hits, end)]
        lead = _LEAD.match(text, start)
        if hits and lead and hits[0] < lead.end():
            raise _NotPlain(met)
        out = of.out
        if isinstance(out, Mapping):
            out = {step: inner for step, inner in out.items() if step is not SPAN}
        with parsing(part):
            found = walk(part, [hit - start for hit in hits], out, False)
        while self._in is not of:
            self._in = self._around.pop()
        del self._comments[entry.comments :], self._nodes[entry.nodes :]
        self._add(found, start, entry.lines)
        self._events = entry.events + found.events - _BARE - 2
        self._expected, self._entry = False, None
        if any(each.start >= self._behind for each in self._comments[entry.comments :]):
            raise _NotPlain(met)  # what it stands above is in the next entry
        return end, entry.lines + part.count("\n")

    def _add(self, found: ScanResult, by: int, lines: int) -> None:
        """Take what an entry holds that was read by itself, as the only entry of a list."""
        (document,) = found.documents
        document = moved(document, by, lines)
        self._behind = document.end
        above = self._path()

        def placed(scalar: Scalar) -> Scalar:
            return scalar._replace(path=(*above, *scalar.path[1:]))

        for scalar in document.kept.values():
            self._in.group.keep(placed(scalar))
        for path, said in document.texts.items():
            self._in.group.texts[(*above, *path[1:])[len(self._in.group.path) :]] = said
        for each in found.nodes:
            node = moved(each, by, lines)
            kept = {path: placed(scalar) for path, scalar in node.kept.items()}
            self._nodes.append(node._replace(path=(*above, *node.path[1:]), kept=kept))
        for comment in found.comments:
            comment = moved(comment, by, lines)
            self._comments.append(comment._replace(scalar=comment.scalar and placed(comment.scalar)))
        for alias in found.aliases:
            self._aliases.append(moved(alias, by, lines)._replace(path=(*above, *alias.path[1:])))


def _said(line: str, begin: int, end: int, start: int) -> tuple[str, str]:
    """What the scalar between two columns of a line says, and its style."""
    value = line[begin:end]
    style = value[0]
    if style == "'" or (style == '"' and "\\" not in value):
        return value[1:-1], style
    if style == '"':
        raise _NotPlain(start)
    return value, ""


def _split(text: str, at: int) -> Iterator[str]:
    """The lines from an offset on; never all of them at once, since there are many."""
    return chain.from_iterable(_batches(text, at))


def _batches(text: str, at: int) -> Iterator[list[str]]:
    while at < len(text):
        end = text.find("\n", at + _BATCH)
        end = end if end >= 0 else len(text)
        yield text[at:end].split("\n")
        at = end + 1
