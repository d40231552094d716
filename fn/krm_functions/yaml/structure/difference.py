"""The difference between a tree and the data that are wanted, as the fewest edits of the text.

A changed scalar is spliced where it is. An entry that goes takes its chunk (`chunks.py`) with it, a new one is
written (`writing.py`) behind the entry that it follows in the data, one that moves keeps its text. What an alias or a
merge key stands for is written out where the data no longer say the same; `Difference.notes` says where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from krm_functions.yaml.comments import BREAKS, after_line
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.emit import Style, Writer, flow_text
from krm_functions.yaml.structure.block import BlockChange
from krm_functions.yaml.structure.changes import EditNote, Fresh, Moved, Place
from krm_functions.yaml.structure.chunks import (
    Chunk,
    Line,
    chunks,
    is_block_scalar,
    last_leaf,
    lines_between,
)
from krm_functions.yaml.structure.commented import write_commented
from krm_functions.yaml.structure.editable import is_list, is_mapping, same, same_scalar
from krm_functions.yaml.structure.flow import FlowChange
from krm_functions.yaml.structure.matching import Matched, match_keys, match_list
from krm_functions.yaml.structure.scalars import header_end
from krm_functions.yaml.structure.tree import (
    AliasNode,
    CollectionNode,
    Entry,
    Node,
    ScalarNode,
    Tree,
    as_list,
    is_merge,
    pristine,
    property_end,
)
from krm_functions.yaml.structure.values import replace_value

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
        self.notes: list[EditNote] = []
        self.anchors: dict[str, Any] = dict(tree.outside)  # what each anchor stands for now
        self.placed: frozenset[int] = frozenset()  # the identities of the collections that are wanted
        self.literals: set[int] = set()  # the identities of the scalars that become block scalars
        self._edits: list[Edit] = []
        self._inserted: dict[int, str] = {}
        self._lines_inserted: dict[int, str] = {}

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
                self.notes.append(EditNote(place.path, f"*{node.name} is written out, since the data differ now"))
                replace_value(self, node, wanted, place)
            return
        if isinstance(node, ScalarNode):
            if is_mapping(wanted) or is_list(wanted) or not same_scalar(node.data, wanted):
                replace_value(self, node, wanted, place)
        elif isinstance(node, CollectionNode):
            if not self.tree.anchored and unchanged(node, wanted):
                return
            if node.is_map and is_mapping(wanted):
                self._mapping(node, wanted, place)
            elif not node.is_map and is_list(wanted):
                self._list(node, wanted, place)
            else:
                replace_value(self, node, wanted, place)
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
            self.notes.append(EditNote(place.path, "the merge key << is written out, since the data differ now"))
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
            BlockChange(self, node, place).make(final)
        elif not node.entries and not place.flow and not self.style.json and place.entry is not None:
            replace_value(self, node, wanted, place)
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

    def takes_in(self, at: int, column: int, gone: Mapping[int, int] = _NONE) -> bool:
        """Whether a block scalar, put before an offset, would take in a comment there that is indented deeper.

        Args:
            at: a line's start.
            column: where the entry with the block scalar is.
            gone: where lines start that are deleted, and where they stop.
        """
        line = next((line for line in self.lines_left(at, gone) if line.comment), None)
        return line is not None and line.comment.startswith("#") and line.column > column

    def lines_left(self, at: int, gone: Mapping[int, int]) -> Iterator[Line]:
        """The lines from an offset on, without those that are deleted."""
        while at < len(self.text):
            for line in lines_between(self.text, at, len(self.text)):
                if line.start in gone:
                    at = gone[line.start]
                    break
                yield line
            else:
                return

    def _moved(self, node: CollectionNode, entry: Entry, value: Any, place: Place, number: int) -> Moved:
        """An entry that leaves its place; its anchors and aliases count from where it will be."""
        head = ""
        if node.flow:
            start, stop = entry.start, entry.end
        else:
            lead, start, stop, _ = self.chunks_of(node, place)[id(entry)]
            for line in lines_between(self.text, lead, start):
                # A block scalar that comes to be above would take in a comment that is indented deeper.
                head += self.text[line.start + max(line.column - node.column, 0) : line.stop]
        other = Difference(self.tree, self.style, floor=self.floor)
        other.anchors, other.notes, other.placed = self.anchors, self.notes, self.placed
        other.value(entry.value, value, self._inner(node, entry, number, place))
        if stop == len(self.text) and self.text[stop - 1] not in BREAKS:
            leaf = last_leaf(entry.value)
            if isinstance(leaf, ScalarNode) and is_block_scalar(leaf):
                other._strip(leaf)
        edits = [Edit(edit.start - start, edit.end - start, edit.replacement) for edit in other.edits()]
        return Moved(entry, value, head + splice(self.text[start:stop], edits))

    def writer(self, style: Style, *, quote: str = "", literal: bool = True) -> Writer:
        """A writer of new data, which keeps the spelling of those that were read."""
        spellings = self.tree.spellings
        return Writer(style, quote=quote, literal=literal, special=write_commented, spellings=spellings)


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
            while index < len(final) and isinstance(each := final[index], Entry) and is_merge(each):
                index += 1
            final.insert(index, fresh)
            at[key] = fresh
        before = at.get(key, before)
