"""Entries of a block collection that come, go and move, each with its lines and its comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from krm_functions.yaml.comments import BREAKS
from krm_functions.yaml.emit import key_text
from krm_functions.yaml.structure.changes import EditNote, Fresh, Moved, Place
from krm_functions.yaml.structure.chunks import (
    Chunk,
    has_comments,
    is_block_scalar,
    keeps_blank_lines,
    last_leaf,
    lines_between,
    was_items,
)
from krm_functions.yaml.structure.scalars import quote_of
from krm_functions.yaml.structure.tree import CollectionNode, Entry, Node, ScalarNode, nodes_of
from krm_functions.yaml.structure.values import replace_block_collection

if TYPE_CHECKING:
    from krm_functions.yaml.structure.difference import Difference

_NONE: Mapping[int, int] = {}


class BlockChange:
    """Makes a block collection hold other entries.

    Args:
        change: takes the edits.
        node: the collection.
        place: where it is.
    """

    def __init__(self, change: Difference, node: CollectionNode, place: Place) -> None:
        self._change = change
        self._text = change.text
        self._node = node
        self._place = place
        self._kept: set[int] = set()  # the identities of the entries that keep their place

    def make(self, final: Sequence[Entry | Fresh | Moved]) -> None:
        """Add the edits."""
        node, place = self._node, self._place
        found = self._change.chunks_of(node, place)
        first = node.entries[0]
        kept = [each for each in final if isinstance(each, Entry)]
        self._kept = set(map(id, kept))
        self._say_what_goes([each.entry for each in final if isinstance(each, Moved)], found)
        if not kept:
            self._all_new(node, [each for each in final if not isinstance(each, Entry)], found, place)
            return
        at = found[id(first)].lead
        pending: list[Fresh | Moved] = []
        for each in final:
            if isinstance(each, Entry):
                self._insert_entries(node, pending, at, found)
                pending = []
                at = found[id(each)].stop
            else:
                pending.append(each)
        self._insert_entries(node, pending, at, found)
        self._delete(node, kept, found, not isinstance(final[0], Entry))

    def _say_what_goes(self, moved: Sequence[Entry], found: Mapping[int, Chunk]) -> None:
        """Note the comments that go though they could be the next entry's, or though their data go elsewhere."""
        stay = self._kept.union(map(id, moved))
        for number, entry in enumerate(self._node.entries):
            if id(entry) in stay:
                continue
            path = (*self._place.path, number if entry.key is None else entry.key)
            for comment in was_items(self._text, self._node, entry, found[id(entry)]):
                if not self._change.comments_stay:
                    self._change.notes.append(EditNote(path, f"the comment {comment!r} below it is removed with it"))
            parts = [each for each in nodes_of(entry.value) if isinstance(each, CollectionNode)]
            if any(id(each.data) in self._change.placed for each in parts) and has_comments(
                self._text, entry, found[id(entry)]
            ):
                message = "what moves from here to another mapping or list is written there without its comments"
                self._change.notes.append(EditNote(path, message))

    def _insert_entries(
        self, node: CollectionNode, pending: Sequence[Fresh | Moved], at: int, found: Mapping[int, Chunk]
    ) -> None:
        """Put new or moved entries at a line's start, or before an entry on a line that began before it."""
        if not pending:
            return
        made = [self._entry_text(node, each, found) for each in pending]
        last = pending[-1]
        gone = {chunk.lead: chunk.stop for key, chunk in found.items() if key not in self._kept}
        self._close(node, last, made, at, gone)
        text = "".join(each for each, _ in made)
        first = found[id(node.entries[0])]
        if at == first.lead and first.compact:
            margin = " " * node.column
            kept = id(node.entries[0]) in self._kept
            start, text = self._behind_dash(at, text, margin)
            self._change.replace(start, at, text + (margin if kept else ""))
            return
        self._change.insert_lines(at, text)
        if isinstance(last, Moved) and keeps_blank_lines(self._text, last.entry.value):
            self._delete_blank(at, gone)

    def _close(
        self,
        node: CollectionNode,
        last: Fresh | Moved,
        made: list[tuple[str, bool]],
        at: int,
        gone: Mapping[int, int] = _NONE,
    ) -> None:
        """Let the last of some entries, where it ends in a block scalar, not take in a comment that is indented deeper.

        A new one is written in quotes; where one has moved, the comment is indented as the entries are.
        """
        if not made[-1][1] or not self._change.takes_in(at, node.column, gone):
            return
        if isinstance(last, Fresh):
            made[-1] = self.fresh_text(node, last, literal=False)
            return
        self._outdent(node, at, gone)

    def _outdent(self, node: CollectionNode, at: int, gone: Mapping[int, int]) -> None:
        """Indent the comments at a place as the entries are, so that a block scalar before them takes none in."""
        for line in self._change.lines_left(at, gone):
            if line.comment and (not line.comment.startswith("#") or line.column <= node.column):
                break
            if line.comment:
                self._change.replace(line.start, line.start + line.column - node.column, "")

    def _entry_text(self, node: CollectionNode, each: Fresh | Moved, found: Mapping[int, Chunk]) -> tuple[str, bool]:
        """Whole lines for an entry, and whether they end in a block scalar."""
        if isinstance(each, Fresh):
            return self.fresh_text(node, each)
        chunk, text = found[id(each.entry)], each.text
        if chunk.compact:
            text = " " * node.column + text
        if text[-1] not in BREAKS:
            text += self._change.style.newline
        return text, is_block_scalar(last_leaf(each.entry.value))

    def fresh_text(self, node: CollectionNode, each: Fresh, *, literal: bool = True) -> tuple[str, bool]:
        """Whole lines for a new entry of a block collection, and whether they end in a block scalar."""
        style = self._change.style._replace(gap=self._gap(node))
        writer = self._change.writer(style, quote=quote_of(node, self._text), literal=literal)
        margin = " " * node.column
        if each.key is None:
            writer.entry(f"{margin}-", each.value, node.column, in_list=True)
        else:
            writer.entry(margin + key_text(each.key), each.value, node.column, in_list=False)
        return "".join([line + self._change.style.newline for line in writer.lines]), writer.ends_in_block

    def _gap(self, node: CollectionNode) -> int:
        """How many blanks are behind the dashes of a list."""
        for entry in node.entries if not node.is_map else ():
            if entry.value.start > entry.colon and not any(
                each in BREAKS for each in self._text[entry.colon : entry.value.start]
            ):
                return entry.value.start - entry.colon
        return self._change.style.gap

    def _delete_blank(self, at: int, gone: Mapping[int, int]) -> None:
        """Take blank lines away that a block scalar before them would take in."""
        for line in self._change.lines_left(at, gone):
            if line.comment:
                break
            self._change.replace(line.start, line.stop, "")

    def _delete(self, node: CollectionNode, kept: Sequence[Entry], found: Mapping[int, Chunk], new_first: bool) -> None:
        """Delete the chunks of the entries that go; of a run of them also what would be a second blank line."""
        keep = set(map(id, kept))
        run: list[Entry] = []
        before: Entry | None = None
        for entry in node.entries:
            if id(entry) in keep:
                self._delete_run(node, run, before, entry, found, new_first)
                run, before = [], entry
            else:
                run.append(entry)
        self._delete_run(node, run, before, None, found, new_first)

    def _delete_run(
        self,
        node: CollectionNode,
        run: Sequence[Entry],
        before: Entry | None,
        behind: Entry | None,
        found: Mapping[int, Chunk],
        new_first: bool,
    ) -> None:
        if not run:
            return
        joined = self._runs([found[id(entry)] for entry in run])
        first, last = found[id(run[0])], joined[-1]
        if first.compact and not new_first:
            assert behind is not None, "something is kept"
            self._pull_up(run[0], joined[0], found[id(behind)], behind)
            joined = joined[1:]
        if joined:
            self._close_gap(node, joined, last, before, behind, found)
        self._delete_lines(node, joined)

    def _delete_lines(self, node: CollectionNode, ranges: Sequence[Sequence[int]]) -> None:
        """Delete lines; the comments on lines of their own stay where they are to."""
        if self._change.comments_stay:
            ranges = [part for start, end in ranges for part in self._between_comments(node, start, end)]
        for start, end in ranges:
            self._change.replace(start, end, "")

    def _between_comments(self, node: Node, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What a stretch of lines holds beside comments; a line of a scalar is none, whatever it begins with."""
        scalars = [each for each in nodes_of(node) if isinstance(each, ScalarNode) and start <= each.start < end]
        at = start
        for line in lines_between(self._text, start, end):
            inside = any(each.start < line.start < each.end for each in scalars)
            if line.comment.startswith("#") and not inside:
                if line.start > at:
                    yield at, line.start
                at = line.stop
        if end > at:
            yield at, end

    def _close_gap(
        self,
        node: CollectionNode,
        joined: Sequence[list[int]],
        last: list[int],
        before: Entry | None,
        behind: Entry | None,
        found: Mapping[int, Chunk],
    ) -> None:
        """Extend what is deleted over blank lines that would be left over."""
        text = self._text
        start = joined[0][0]
        gap = text[found[id(before)].stop : start] if before is not None else ""
        leaf = last_leaf(before.value) if before is not None else None
        is_block = leaf is not None and (is_block_scalar(leaf) or id(leaf) in self._change.literals)
        if before is not None and is_block and not gap.strip(" \t" + BREAKS):
            gone = {each[0]: each[1] for each in joined}
            self._outdent(node, start, gone)
            if keeps_blank_lines(text, before.value):
                self._delete_blank(start, gone)
                return
        if joined[-1] is not last:
            return
        following = list(islice(lines_between(text, last[1], len(text)), 1))
        if before is None:
            for line in lines_between(text, last[1], found[id(behind)].lead if behind else last[1]):
                if line.comment:
                    break
                last[1] = line.stop
            return
        is_blank = bool(gap) and not gap.strip(" \t" + BREAKS)
        followed = behind is None or (following and not following[0].comment)
        if is_blank and followed:
            joined[0][0] = found[id(before)].stop

    def _pull_up(self, first: Entry, gone: list[int], chunk: Chunk, behind: Entry) -> None:
        """Delete the first entry, which is behind a dash: the next one comes up, unless a comment is between."""
        text = self._text
        if not text[gone[1] : behind.start].strip(" \t" + BREAKS) and chunk.lead == chunk.start:
            self._change.replace(first.start, behind.start, "")
            return
        end = gone[1]
        newline = 2 if text.startswith("\r\n", end - 2) else 1
        start = max(self._change.floor, len(text[: first.start].rstrip(" \t")))
        self._change.replace(start, end - newline, "")

    def _all_new(
        self, node: CollectionNode, final: Sequence[Fresh | Moved], found: Mapping[int, Chunk], place: Place
    ) -> None:
        """No entry keeps its place."""
        if not final:
            self._empty(node, found, place)
            return
        made = [self._entry_text(node, each, found) for each in final]
        first, stop, last = found[id(node.entries[0])], found[id(node.entries[-1])].stop, final[-1]
        self._close(node, last, made, stop)
        if isinstance(last, Moved) and keeps_blank_lines(self._text, last.entry.value):
            self._delete_blank(stop, _NONE)
        text = "".join(each for each, _ in made)
        margin = " " * node.column
        ranges = [[found[id(entry)].lead, found[id(entry)].stop] for entry in node.entries]
        at_end = ranges[-1][1] == len(self._text) and self._text[-1] not in BREAKS
        is_last = len(self._runs(list(found.values()))) == 1 and not self._change.comments_stay  # no comment is left
        if at_end and is_last and not made[-1][1]:
            text = text.removesuffix(self._change.style.newline)
        start = ranges[0][0]
        if first.compact:
            start, text = self._behind_dash(start, text, margin)
        self._change.replace(start, ranges[0][1], text)
        self._delete_lines(node, ranges[1:])

    def _behind_dash(self, at: int, text: str, margin: str) -> tuple[int, str]:
        """Where lines go that are in the place of what follows a dash at once; a comment goes below the dash."""
        lines = text.removeprefix(margin)
        if not lines.startswith("#"):
            return at, lines
        return max(len(self._text[:at].rstrip(" \t")), self._change.floor), self._change.style.newline + text

    def _empty(self, node: CollectionNode, found: Mapping[int, Chunk], place: Place) -> None:
        """Nothing is left: ``{}`` or ``[]`` behind the key, whose comment stays."""
        empty = "{}" if node.is_map else "[]"
        if place.entry is None or found[id(node.entries[0])].compact:
            replace_block_collection(self._change, node, empty, place, found)
            return
        self._change.insert(self._change.opening(node, place), f" {empty}")
        self._delete_lines(node, self._runs([found[id(entry)] for entry in node.entries]))

    def _runs(self, chunks: Sequence[Chunk]) -> list[list[int]]:
        """What chunks take, those with nothing but blank lines between them as one."""
        joined: list[list[int]] = []
        for each in chunks:
            if joined and not self._text[joined[-1][1] : each.lead].strip(" \t" + BREAKS):
                joined[-1][1] = each.stop
            else:
                joined.append([each.lead, each.stop])
        return joined
