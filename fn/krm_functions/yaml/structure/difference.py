"""The difference between a tree and the data that are wanted, as the fewest edits of the text.

A changed scalar is spliced where it stands. An entry that goes takes its chunk (`chunks.py`) with it, a new one is
written (`writing.py`) behind the entry that it follows in the data, one that moves keeps its text. What an alias or a
merge key stands for is written out where the data no longer say the same; `Difference.notes` says where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from krm_functions.yaml.comments import BREAKS, after_line
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.structure.changes import Fresh, Moved, Note, Place
from krm_functions.yaml.structure.chunks import (
    Chunk,
    Line,
    chunks,
    is_block_scalar,
    keeps_blank_lines,
    last_leaf,
    lines_between,
)
from krm_functions.yaml.structure.commented import write_commented
from krm_functions.yaml.structure.editable import is_list, is_mapping, same, same_scalar
from krm_functions.yaml.structure.flow import FlowChange
from krm_functions.yaml.structure.matching import Matched, match_keys, match_list
from krm_functions.yaml.structure.scalars import header_end, quote_of, scalar_change, tag_edit
from krm_functions.yaml.structure.tree import (
    AliasNode,
    CollectionNode,
    Entry,
    Node,
    ScalarNode,
    Tree,
    as_list,
    is_merge,
    nodes_of,
    pristine,
    property_end,
)
from krm_functions.yaml.structure.writing import Style, Writer, flow_text, key_text

_NOTHING = object()
_NONE: Mapping[int, int] = {}


class Difference:
    """Edits that make a tree say what is wanted.

    Args:
        tree: the document.
        style: how new collections are written.
        floor: where the part of the text begins that can be edited.
        comments_stay: whether comments on lines of their own stay where their entries go.
    """

    def __init__(self, tree: Tree, style: Style, *, floor: int = 0, comments_stay: bool = False) -> None:
        self.comments_stay = comments_stay
        self.tree = tree
        self.text = tree.text
        self.style = style
        self.floor = floor
        self.notes: list[Note] = []
        self.anchors: dict[str, Any] = dict(tree.outside)  # what each anchor stands for now
        self._edits: list[Edit] = []
        self._inserted: dict[int, str] = {}
        self._lines_inserted: dict[int, str] = {}
        self._kept: set[int] = set()

    # -- edits ---------------------------------------------------------------------------------------------------

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of another."""
        if start == end:
            self.insert(start, text)
        else:
            self._edits.append(Edit(start, end, text))

    def insert(self, at: int, text: str) -> None:
        """Put a text before an offset, behind what was put there before."""
        if text:
            self._inserted[at] = self._inserted.get(at, "") + text

    def insert_lines(self, at: int, lines: str) -> None:
        """Put whole lines before a line, or behind the last one."""
        self._lines_inserted[at] = self._lines_inserted.get(at, "") + lines

    def edits(self) -> list[Edit]:
        """All edits, none of which overlaps another."""
        text = self.text
        end = len(text)
        inserted = dict(self._inserted)
        for at, lines in self._lines_inserted.items():
            inserted[at] = inserted.get(at, "") + lines
        if end in self._lines_inserted and end and text[end - 1] not in BREAKS:
            leaf = last_leaf(self.tree.root) if self.tree.root else None
            if isinstance(leaf, ScalarNode) and is_block_scalar(leaf) and leaf.end == end:
                self._strip(leaf)
            inserted[end] = self._inserted.get(end, "") + self.style.newline + self._lines_inserted[end]
        return sorted([*_joined(self._edits), *(Edit(at, at, each) for at, each in inserted.items())])

    def _strip(self, leaf: ScalarNode) -> None:
        """Let a block scalar without a line end be followed by a line: its header gets a ``-``."""
        if any(edit.start <= leaf.content < edit.end for edit in self._edits):
            return
        head = header_end(self.text, leaf.content)
        header = self.text[leaf.content : head]
        stripped = header.replace("+", "").replace("-", "") + "-"
        if header != stripped:
            self.replace(leaf.content, head, stripped)

    # -- values --------------------------------------------------------------------------------------------------

    def value(self, node: Node, wanted: Any, place: Place) -> None:
        """Make a value say what is wanted."""
        if isinstance(node, AliasNode):
            if not same(self.anchors.get(node.name, _NOTHING), wanted):
                self.notes.append(Note(place.path, f"*{node.name} is written out, since the data differ now"))
                self._replace(node, wanted, place)
            return
        if isinstance(node, ScalarNode):
            if is_mapping(wanted) or is_list(wanted) or not same_scalar(node.data, wanted):
                self._replace(node, wanted, place)
        elif isinstance(node, CollectionNode):
            if not self.tree.anchored and unchanged(node, wanted):
                return
            if node.is_map and is_mapping(wanted):
                self._mapping(node, wanted, place)
            elif not node.is_map and is_list(wanted):
                self._list(node, wanted, place)
            else:
                self._replace(node, wanted, place)
        if node.anchor:
            self.anchors[node.anchor] = wanted

    def _inner(self, node: CollectionNode, entry: Entry, step: str | int, place: Place) -> Place:
        return Place(entry, node.column, not node.is_map, node.flow, (*place.path, step))

    # -- collections ---------------------------------------------------------------------------------------------

    def _mapping(self, node: CollectionNode, wanted: Mapping[str, Any], place: Place) -> None:
        kept = match_keys(node, wanted)
        merged: dict[str, Any] = {}
        expand = False
        for entry in node.entries:
            if is_merge(entry):
                expand = not self._merge(entry, merged) or expand
            elif (key := kept.get(id(entry))) is not None:
                self.value(entry.value, wanted[key], self._inner(node, entry, key, place))
                if key != entry.key:
                    self._rename(node, entry, key)
        taken = set(kept.values())
        expand = expand or any(key not in wanted and key not in taken for key in merged)
        if expand:
            self.notes.append(Note(place.path, "the merge key << is written out, since the data differ now"))
            merged = {}
        new = [key for key in wanted if key not in taken and not (key in merged and same(merged[key], wanted[key]))]
        final: list[Entry | Fresh | Moved] = [
            entry for entry in node.entries if id(entry) in kept or (is_merge(entry) and not expand)
        ]
        if new:
            places = {kept[id(entry)]: entry for entry in node.entries if id(entry) in kept}
            _put_new(final, new, wanted, places, merged)
        if len(final) != len(node.entries) or new:
            self._restructure(node, final, wanted, place)

    def _merge(self, entry: Entry, merged: dict[str, Any]) -> bool:
        """What a merge key adds, with what the anchors stand for now; False where one of them is gone."""
        defined = True
        node = entry.value
        sources = (
            [each.value for each in node.entries] if isinstance(node, CollectionNode) and not node.is_map else [node]
        )
        for source in sources:
            if isinstance(source, AliasNode) and not is_mapping(self.anchors.get(source.name)):
                defined = False
                continue
            data = self.anchors[source.name] if isinstance(source, AliasNode) else pristine(source)
            if source.anchor:
                self.anchors[source.anchor] = data
            for each in as_list(data):
                for key, value in each.items() if is_mapping(each) else ():
                    merged.setdefault(key, value)
        return defined

    def _rename(self, node: CollectionNode, entry: Entry, key: str) -> None:
        quote = entry.key_style.strip()
        text = flow_text(key, as_json=self.style.json and quote == '"', quote=quote)
        start = entry.key_start if entry.key_style != " " else entry.key_end - len(entry.key or "")
        self.replace(start, entry.key_end, text)

    def _list(self, node: CollectionNode, wanted: Sequence[Any], place: Place) -> None:
        matched: Matched = match_list(node, wanted)
        final: list[Entry | Fresh | Moved] = []
        for number, value in enumerate(wanted):
            entry = matched.entries[number]
            if entry is None:
                final.append(Fresh(None, value))
            elif number in matched.in_place:
                self.value(entry.value, value, self._inner(node, entry, number, place))
                final.append(entry)
            else:
                final.append(self._moved(node, entry, value, place, number))
        if len(matched.in_place) != len(node.entries) or len(final) != len(node.entries):
            self._restructure(node, final, wanted, place)

    def _restructure(
        self, node: CollectionNode, final: Sequence[Entry | Fresh | Moved], wanted: Any, place: Place
    ) -> None:
        if not node.flow:
            self._block(node, final, place)
        elif not node.entries and not place.flow and not self.style.json and place.entry is not None:
            self._replace(node, wanted, place)
        else:
            FlowChange(self, node, final, place).make()

    # -- block collections ---------------------------------------------------------------------------------------

    def opening(self, node: Node, place: Place) -> int:
        """Behind the last token before a value's content: an anchor or tag, or the colon or dash of its entry."""
        if node.start < node.content or (node.content == node.end and (node.anchor or node.tag)):
            return property_end(self.text, node)
        if place.entry is None:
            return self.floor
        return place.entry.colon if place.entry.colon >= 0 else place.entry.key_end

    def chunks_of(self, node: CollectionNode, place: Place) -> dict[int, Chunk]:
        """The chunks of a block collection's entries, by the entries' identity."""
        opening = self.opening(node, place)
        above = after_line(self.text, opening) if place.entry is not None or opening > self.floor else self.floor
        found = chunks(self.text, node, above, self.floor)
        return {id(entry): chunk for entry, chunk in zip(node.entries, found, strict=True)}

    def _block(self, node: CollectionNode, final: Sequence[Entry | Fresh | Moved], place: Place) -> None:
        found = self.chunks_of(node, place)
        first = node.entries[0]
        kept = [each for each in final if isinstance(each, Entry)]
        self._kept = set(map(id, kept))
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

    def _insert_entries(
        self, node: CollectionNode, pending: Sequence[Fresh | Moved], at: int, found: Mapping[int, Chunk]
    ) -> None:
        """Put new or moved entries at a line's start, or before an entry on a line that began before it."""
        if not pending:
            return
        made = [self._entry_text(node, each, found) for each in pending]
        last = pending[-1]
        gone = {chunk.lead: chunk.stop for key, chunk in found.items() if key not in self._kept}
        if made[-1][1] and self.takes_in(at, node.column, gone):
            made[-1] = self.fresh_text(
                node, Fresh(None, last.value) if isinstance(last, Moved) else last, literal=False
            )
        text = "".join(each for each, _ in made)
        first = found[id(node.entries[0])]
        if at == first.lead and first.compact:
            margin = " " * node.column
            kept = id(node.entries[0]) in self._kept
            start, text = self._behind_dash(at, text, margin)
            self.replace(start, at, text + (margin if kept else ""))
            return
        self.insert_lines(at, text)
        if isinstance(last, Moved) and keeps_blank_lines(self.text, last.entry.value):
            self._delete_blank(at, gone)

    def _close(
        self, node: CollectionNode, entries: Sequence[Fresh | Moved], made: list[tuple[str, bool]], deeper: bool
    ) -> None:
        """Write a block scalar in quotes that would take in a comment which follows it, indented deeper."""
        if made[-1][1] and deeper:
            last = entries[-1]
            value = last if isinstance(last, Fresh) else Fresh(None, last.value)
            made[-1] = self.fresh_text(node, value, literal=False)

    def takes_in(self, at: int, column: int, gone: Mapping[int, int] = _NONE) -> bool:
        """Whether a block scalar, put before an offset, would take in a comment there that is indented deeper.

        Args:
            at: a line's start.
            column: where the entry with the block scalar stands.
            gone: where lines start that are deleted, and where they stop.
        """
        line = next((line for line in self._lines_left(at, gone) if line.comment), None)
        return line is not None and line.comment.startswith("#") and line.column > column

    def _lines_left(self, at: int, gone: Mapping[int, int]) -> Iterator[Line]:
        """The lines from an offset on, without those that are deleted."""
        while at < len(self.text):
            for line in lines_between(self.text, at, len(self.text)):
                if line.start in gone:
                    at = gone[line.start]
                    break
                yield line
            else:
                return

    def _entry_text(self, node: CollectionNode, each: Fresh | Moved, found: Mapping[int, Chunk]) -> tuple[str, bool]:
        """Whole lines for an entry, and whether they end in a block scalar."""
        if isinstance(each, Fresh):
            return self.fresh_text(node, each)
        chunk, text = found[id(each.entry)], each.text
        if chunk.compact:
            text = " " * node.column + text
        if text[-1] not in BREAKS:
            text += self.style.newline
        return text, is_block_scalar(last_leaf(each.entry.value))

    def _moved(self, node: CollectionNode, entry: Entry, value: Any, place: Place, number: int) -> Moved:
        """An entry that leaves its place; its anchors and aliases count from where it will be."""
        head = ""
        if node.flow:
            start, stop = entry.start, entry.end
        else:
            lead, start, stop, _ = self.chunks_of(node, place)[id(entry)]
            for line in lines_between(self.text, lead, start):
                # A block scalar that comes to stand above would take in a comment that is indented deeper.
                head += self.text[line.start + max(line.column - node.column, 0) : line.stop]
        other = Difference(self.tree, self.style, floor=self.floor)
        other.anchors, other.notes = self.anchors, self.notes
        other.value(entry.value, value, self._inner(node, entry, number, place))
        if stop == len(self.text) and self.text[stop - 1] not in BREAKS:
            leaf = last_leaf(entry.value)
            if isinstance(leaf, ScalarNode) and is_block_scalar(leaf):
                other._strip(leaf)
        edits = [Edit(edit.start - start, edit.end - start, edit.replacement) for edit in other.edits()]
        return Moved(entry, value, head + splice(self.text[start:stop], edits))

    def fresh_text(self, node: CollectionNode, each: Fresh, *, literal: bool = True) -> tuple[str, bool]:
        """Whole lines for a new entry of a block collection, and whether they end in a block scalar."""
        style = self.style._replace(gap=self._gap(node))
        writer = self._writer(style, quote=quote_of(node, self.text), literal=literal)
        margin = " " * node.column
        if each.key is None:
            writer.entry(f"{margin}-", each.value, node.column, in_list=True)
        else:
            writer.entry(margin + key_text(each.key), each.value, node.column, in_list=False)
        return "".join([line + self.style.newline for line in writer.lines]), writer.ends_in_block

    def _writer(self, style: Style, *, quote: str = "", literal: bool = True) -> Writer:
        spellings = self.tree.spellings
        return Writer(style, quote=quote, literal=literal, special=write_commented, spellings=spellings)

    def _gap(self, node: CollectionNode) -> int:
        """How many blanks stand behind the dashes of a list."""
        for entry in node.entries if not node.is_map else ():
            if entry.value.start > entry.colon and not any(
                each in BREAKS for each in self.text[entry.colon : entry.value.start]
            ):
                return entry.value.start - entry.colon
        return self.style.gap

    def _delete_blank(self, at: int, gone: Mapping[int, int]) -> None:
        """Take blank lines away that a block scalar before them would take in."""
        for line in self._lines_left(at, gone):
            if line.comment:
                break
            self.replace(line.start, line.stop, "")

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
        if self.comments_stay:
            ranges = [part for start, end in ranges for part in self._between_comments(node, start, end)]
        for start, end in ranges:
            self.replace(start, end, "")

    def _between_comments(self, node: Node, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What a stretch of lines holds beside comments; a line of a scalar is none, whatever it begins with."""
        scalars = [each for each in nodes_of(node) if isinstance(each, ScalarNode) and start <= each.start < end]
        at = start
        for line in lines_between(self.text, start, end):
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
        text = self.text
        if before is not None and is_block_scalar(last_leaf(before.value)) and joined[0][0] == found[id(before)].stop:
            self._keep_out(node, joined, keeps_blank_lines(text, before.value))
            return
        if joined[-1] is not last:
            return
        following = list(islice(lines_between(text, last[1], len(text)), 1))
        start = joined[0][0]
        if before is None:
            for line in lines_between(text, last[1], found[id(behind)].lead if behind else last[1]):
                if line.comment:
                    break
                last[1] = line.stop
            return
        gap = text[found[id(before)].stop : start]
        is_blank = bool(gap) and not gap.strip(" \t" + BREAKS)
        followed = behind is None or (following and not following[0].comment)
        if is_blank and followed:
            joined[0][0] = found[id(before)].stop

    def _keep_out(self, node: CollectionNode, joined: Sequence[list[int]], keeps: bool) -> None:
        """Delete also what a block scalar before the deleted lines would take in now."""
        first = joined[0]
        limit = joined[1][0] if len(joined) > 1 else len(self.text)
        for line in lines_between(self.text, first[1], limit):
            deeper = line.comment.startswith("#") and line.column > node.column
            if not deeper and (line.comment or not keeps):
                break
            first[1] = line.stop

    def _pull_up(self, first: Entry, gone: list[int], chunk: Chunk, behind: Entry) -> None:
        """Delete the first entry, which stands behind a dash: the next one comes up, unless a comment is between."""
        text = self.text
        if not text[gone[1] : behind.start].strip(" \t" + BREAKS) and chunk.lead == chunk.start:
            self.replace(first.start, behind.start, "")
            return
        end = gone[1]
        newline = 2 if text.startswith("\r\n", end - 2) else 1
        start = max(self.floor, len(text[: first.start].rstrip(" \t")))
        self.replace(start, end - newline, "")

    def _all_new(
        self, node: CollectionNode, final: Sequence[Fresh | Moved], found: Mapping[int, Chunk], place: Place
    ) -> None:
        """No entry keeps its place."""
        if not final:
            self._empty(node, found, place)
            return
        made = [self._entry_text(node, each, found) for each in final]
        first, stop, last = found[id(node.entries[0])], found[id(node.entries[-1])].stop, final[-1]
        if made[-1][1] and self.takes_in(stop, node.column):
            made[-1] = self.fresh_text(
                node, Fresh(None, last.value) if isinstance(last, Moved) else last, literal=False
            )
        if isinstance(last, Moved) and keeps_blank_lines(self.text, last.entry.value):
            self._delete_blank(stop, _NONE)
        text = "".join(each for each, _ in made)
        margin = " " * node.column
        ranges = [[found[id(entry)].lead, found[id(entry)].stop] for entry in node.entries]
        at_end = ranges[-1][1] == len(self.text) and self.text[-1] not in BREAKS
        text = text.removesuffix(self.style.newline) if at_end and not made[-1][1] else text
        start = ranges[0][0]
        if first.compact:
            start, text = self._behind_dash(start, text, margin)
        self.replace(start, ranges[0][1], text)
        self._delete_lines(node, ranges[1:])

    def _behind_dash(self, at: int, text: str, margin: str) -> tuple[int, str]:
        """Where lines go that stand in the place of what follows a dash at once; a comment goes below the dash."""
        lines = text.removeprefix(margin)
        if not lines.startswith("#"):
            return at, lines
        return max(len(self.text[:at].rstrip(" \t")), self.floor), self.style.newline + text

    def _empty(self, node: CollectionNode, found: Mapping[int, Chunk], place: Place) -> None:
        """Nothing is left: ``{}`` or ``[]`` behind the key, whose comment stays."""
        empty = "{}" if node.is_map else "[]"
        if place.entry is None or found[id(node.entries[0])].compact:
            self._from_block(node, empty, place, found)
            return
        self.insert(self.opening(node, place), f" {empty}")
        self._delete_lines(node, self._runs([found[id(entry)] for entry in node.entries]))

    def _runs(self, chunks: Sequence[Chunk]) -> list[list[int]]:
        """What chunks take, those with nothing but blank lines between them as one."""
        joined: list[list[int]] = []
        for each in chunks:
            if joined and not self.text[joined[-1][1] : each.lead].strip(" \t" + BREAKS):
                joined[-1][1] = each.stop
            else:
                joined.append([each.lead, each.stop])
        return joined

    # -- one value for another -----------------------------------------------------------------------------------

    def _replace(self, node: Node, wanted: Any, place: Place) -> None:
        """Put another kind of value, or another scalar, in the place of a value."""
        if place.flow or self.style.json:
            self._replace_in_flow(node, wanted, place)
            return
        self._drop_tag(node, wanted)
        is_block = (is_mapping(wanted) or is_list(wanted)) and bool(wanted)
        if isinstance(node, CollectionNode) and not node.flow:
            found = self.chunks_of(node, place)
            if is_block:
                self._from_block(
                    node,
                    "",
                    place,
                    found,
                    self._lines(wanted, self._column(wanted, node, place), found[id(node.entries[-1])].stop),
                )
            else:
                self._from_block(node, self._inline(wanted), place, found)
        elif not is_block:
            if isinstance(node, ScalarNode):
                scalar_change(self, node, wanted, place)
            else:
                self.replace(node.content, node.end, self._inline(wanted))
        else:
            self._to_block(node, wanted, place)

    def _column(self, wanted: Any, node: CollectionNode, place: Place) -> int:
        """The column of a collection that takes the place of one of the other kind."""
        if place.entry is None or place.in_list:
            return node.column
        return place.column + (self.style.step if is_mapping(wanted) else self.style.dash)

    def _inline(self, wanted: Any) -> str:
        return flow_text(wanted)

    def _drop_tag(self, node: Node, wanted: Any) -> None:
        if node.tag and (edit := tag_edit(self.text, node, wanted)):
            self.replace(edit.start, edit.end, edit.replacement)

    def _replace_in_flow(self, node: Node, wanted: Any, place: Place) -> None:
        entry = place.entry
        self._drop_tag(node, wanted)
        quote = (
            node.style if isinstance(node, ScalarNode) and isinstance(wanted, str) and node.style in ("'", '"') else ""
        )
        new = flow_text(wanted, as_json=self.style.json, quote=quote)
        if node.content < node.end:
            self.replace(node.content, node.end, new)
        elif entry is not None and entry.key is not None and entry.colon < 0:
            self.insert(entry.key_end, f": {new}")
        else:
            blank = "" if self.text[node.content - 1 : node.content].isspace() else " "
            self.insert(node.content, blank + new)

    def _lines(self, wanted: Any, column: int, behind: int) -> list[str]:
        """The lines of a new collection; ``behind``: where the text goes on below them."""
        writer = self._writer(self.style)
        writer.entries(wanted, column, " " * column)
        if writer.ends_in_block and self.takes_in(behind, column):
            writer = self._writer(self.style, literal=False)
            writer.entries(wanted, column, " " * column)
        return writer.lines

    def _from_block(
        self, node: CollectionNode, inline: str, place: Place, found: Mapping[int, Chunk], lines: Sequence[str] = ()
    ) -> None:
        """Put a value on the key's line, or other lines, in the place of a block collection."""
        text, newline = self.text, self.style.newline
        first, stop = found[id(node.entries[0])], found[id(node.entries[-1])].stop
        ended = stop > 0 and text[stop - 1] in BREAKS
        if first.compact or place.entry is None:
            new = newline.join(lines).lstrip(" ") if lines else inline
            self.replace(node.content, stop, new + (newline if ended else ""))
            return
        opening = self.opening(node, place)
        begin = after_line(text, opening)
        if inline:
            self.insert(opening, f" {inline}")
            self.replace(begin, stop, "")
        else:
            self.replace(begin, stop, newline.join(lines) + (newline if ended else ""))

    def _to_block(self, node: Node, wanted: Any, place: Place) -> None:
        """Put a block collection in the place of a value on the key's line."""
        text, newline = self.text, self.style.newline
        column = place.column
        if place.entry is None:
            inner = 0
        elif place.in_list:
            inner = column + 1 + self.style.gap
        else:
            inner = column + (self.style.step if is_mapping(wanted) else self.style.dash)
        head = header_end(text, node.content) if isinstance(node, ScalarNode) and node.style in ("|", ">") else node.end
        behind = after_line(text, head)
        lines = self._lines(wanted, inner, max(behind, node.end))
        rest = text[head:behind].strip(" \t" + BREAKS)
        if place.in_list and not rest and node.start == node.content and head == node.end:
            gap = " " * self.style.gap
            assert place.entry is not None, "an item has an entry"
            self.replace(place.entry.colon, node.end, gap + newline.join(lines).lstrip(" "))
            return
        start = len(text[: node.content].rstrip(" \t")) if place.entry is not None else node.content
        self.replace(max(start, self.floor), head, "")
        if head < node.end and behind < node.end:
            self.replace(behind, node.end, "")
        self.insert_lines(behind, "".join(line + newline for line in lines))


def _joined(edits: list[Edit]) -> Iterator[Edit]:
    """The edits in their order, where two deletions that meet are one."""
    last: Edit | None = None
    for edit in sorted(edits):
        if last is not None and not (last.replacement or edit.replacement) and edit.start < last.end:
            last = Edit(last.start, max(last.end, edit.end), "")
            continue
        if last is not None:
            yield last
        last = edit
    if last is not None:
        yield last


def unchanged(node: Node, wanted: Any) -> bool:
    """Whether a value without aliases says what is wanted already."""
    if isinstance(node, ScalarNode):
        return not (is_mapping(wanted) or is_list(wanted)) and same_scalar(node.data, wanted)
    assert isinstance(node, CollectionNode), "no aliases here"
    if len(node.entries) != (len(wanted) if is_mapping(wanted) or is_list(wanted) else -1):
        return False
    if node.is_map:
        if not is_mapping(wanted):
            return False
        if any(is_merge(entry) for entry in node.entries):
            return False
        return all(entry.key in wanted and unchanged(entry.value, wanted[entry.key]) for entry in node.entries)
    return (
        is_list(wanted)
        and all(map(unchanged, [entry.value for entry in node.entries], wanted))
        and in_order(node, wanted)
    )


def in_order(node: CollectionNode, wanted: Any) -> bool:
    """Whether a list's items are those that were read, each at its place, as far as can be known."""
    origins = getattr(wanted, "origins", None)
    return wanted is not node.data or origins == list(range(len(node.entries)))


def _put_new(
    final: list[Entry | Fresh | Moved],
    new: Sequence[str],
    wanted: Mapping[str, Any],
    places: Mapping[str, Entry],
    merged: Mapping[str, Any],
) -> None:
    """Put new keys into the order of a mapping's entries: behind the key that each follows in the data."""
    at: dict[str, Entry | Fresh | Moved] = dict(places)
    waiting = set(new)
    before: Entry | Fresh | Moved | None = None
    for key, value in wanted.items():
        if key in waiting:
            fresh = Fresh(key, value)
            if before is not None:
                index = next(number for number, each in enumerate(final) if each is before) + 1
            else:
                index = len(final) if key in merged else 0
            final.insert(index, fresh)
            at[key] = fresh
        before = at.get(key, before)
