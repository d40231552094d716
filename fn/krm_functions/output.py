"""The answer as edits of the input's text: what results and changed items add to it.

**Where results go.** Not behind the items: a comment that ends the last item would then be above the key
``results``, and kpt writes it twice, at the end of the file and once more indented (measured with kpt 1.0.0-beta.56 and
``kpt fn render`` without a functionConfig). A new ``results`` goes behind the line of ``kind`` and ``apiVersion``,
where no resource is near; that also spares every question about how the text ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from krm_functions.errors import ResourceListError, SpliceError
from krm_functions.item import Item
from krm_functions.layout import NO_MORE, Layout, Part
from krm_functions.list_text import ListText
from krm_functions.result import Result
from krm_functions.yaml.comments import BREAKS, after_deeper_comments, after_line, line_start, newline_of
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.emit import flow_text
from krm_functions.yaml.insertion import absorbs, block_entries, is_open
from krm_functions.yaml.load import load
from krm_functions.yaml.nodes import content_start

Entry = Item | Mapping[str, Any]


def answer_edits(
    whole: ListText,
    layout: Layout,
    before: Sequence[Item],
    edits: list[Edit],
    results: Sequence[Result],
    items: Sequence[Entry] | None,
) -> list[Edit]:
    """All edits of the answer; `ResourceList.render` says what it is made of.

    Args:
        whole: the input.
        layout: the places of its parts.
        before: its items.
        edits: those of the function.
        results: to be added.
        items: to be given back; None: those of the input.

    Raises:
        ResourceListError, SpliceError: as `ResourceList.render`.
    """
    added: dict[str, Iterable[Any]] = {}
    if results:
        added["results"] = (result.to_dict() for result in results)  # one at a time: there may be thousands
    if items is not None:
        for item in items:
            if isinstance(item, Item) and item.whole is not whole:
                raise SpliceError(f"item {item.ref} belongs to another list", hint="give back item.load()")
        if before:
            edits = _with_items(whole.text, layout.parts["items"], before, edits, items)
        elif items:
            added["items"] = items
    places = _Places(whole, layout)
    if results and items is not None and not items and "items" not in layout.parts:
        places.add_no_items()
    for name, data in added.items():
        part = layout.parts.get(name)
        if part is None:
            places.add_key(name, data)
        elif part.scalar is not None or _is_empty(whole.text, part):
            places.fill(part, data)
        else:
            places.append(name, part, data)
    return [*edits, *places.edits()]


class _Places:
    """Edits that add to the list itself; what goes to one offset is gathered into one edit."""

    def __init__(self, whole: ListText, layout: Layout) -> None:
        self._text = text = whole.text
        self._name = whole.name
        root = layout.root
        self._column = root.column - 1
        self._is_flow = text[content_start(text, root.start, root.end)] == "{"
        self._newline = newline_of(text)
        own = [scalar for key in ("apiVersion", "kind") if (scalar := layout.own(key))]
        self._behind = max(scalar.end for scalar in own)
        self._inserted: dict[int, str] = {}
        self._replaced: list[Edit] = []

    def edits(self) -> list[Edit]:
        """The edits that were added."""
        return [*(Edit(at, at, text) for at, text in self._inserted.items()), *self._replaced]

    def add_key(self, name: str, data: Iterable[Any]) -> None:
        """A key that the list does not have yet."""
        if self._is_flow:
            self._insert(self._behind, f', "{name}": {flow_text(list(data), as_json=True)}')
        else:
            self._insert_lines(self._behind, data, self._column, " " * self._column + name + ":" + self._newline)

    def add_no_items(self) -> None:
        """An empty list of items: kyaml takes a ResourceList without any for a resource."""
        if self._is_flow:
            self._insert(self._behind, ', "items": []')
        else:
            self._insert_lines(self._behind, None, self._column, " " * self._column + "items: []" + self._newline)

    def fill(self, part: Part, data: Iterable[Any]) -> None:
        """A key that is null or an empty list."""
        if self._is_flow:
            blank = "" if self._text[part.start - 1].isspace() else " "
            self._replaced.append(Edit(part.start, part.end, blank + flow_text(list(data), as_json=True)))
            return
        if part.end > part.start:
            self._replaced.append(Edit(part.start, part.end, ""))
        self._insert_lines(part.end, data, self._column)

    def append(self, name: str, part: Part, data: Iterable[Any]) -> None:
        """A list that has something in it already."""
        opening = content_start(self._text, part.start, part.end)
        if self._text[opening] not in "-[":
            raise ResourceListError(f"{name} is a mapping, expected a list", where=f"{self._name}:{part.line}")
        if self._text[opening] == "-":
            column = opening - line_start(self._text, opening)
            if part.end == len(self._text) and is_open(" " * column + self._text[opening:]):
                margin = " " * column
                self._insert(opening, block_entries(data, column, self._newline).removeprefix(margin) + margin)
            else:
                self._insert_lines(part.end, data, column)
            return
        end = max((node.end for node in part.children.values()), default=opening + 1)
        if not NO_MORE.fullmatch(self._text, end, part.end):
            raise ResourceListError(f"{name} holds an entry that is not a mapping", where=f"{self._name}:{part.line}")
        self._insert(end, "".join(f", {flow_text(each, as_json=True)}" for each in data))

    def _insert_lines(self, at: int, data: Iterable[Any] | None, column: int, key: str = "") -> None:
        """Whole lines behind the line of an offset, which has nothing but a comment on the rest of it."""
        text = self._text
        behind = after_line(text, at)
        unfinished = behind == len(text) and text[behind - 1 : behind] not in BREAKS and behind not in self._inserted
        lines = "" if data is None else block_entries(data, column, self._newline, closed=absorbs(text, behind))
        self._insert(behind, (self._newline if unfinished else "") + key + lines)

    def _insert(self, at: int, text: str) -> None:
        self._inserted[at] = self._inserted.get(at, "") + text


def _with_items(text: str, part: Part, before: Sequence[Item], edits: list[Edit], items: Sequence[Entry]) -> list[Edit]:
    """The edits with those of changed items in place of the ones inside the items."""
    if len(items) == len(before) and all(
        isinstance(item, Item) and item.number == number for number, item in enumerate(items)
    ):
        return edits
    opening = content_start(text, part.start, part.end)
    if text[opening] == "[":
        start, end = opening, part.end
        stretches = [(item.start, item.end) for item in before]
    else:
        stretches = _entries(text, opening, before)
        start, end = stretches[0][0], stretches[-1][1]
    firsts = [first for first, _ in stretches]
    given_back = {item.number for item in items if isinstance(item, Item)}
    inside: dict[int, list[Edit]] = {}
    outside = []
    for edit in edits:
        if not start <= edit.start <= edit.end <= end:
            outside.append(edit)
            continue
        # An insertion between two items belongs to the one before.
        number = bisect_left(firsts, edit.end) - 1
        if number not in given_back or edit.start < firsts[number] or edit.end > stretches[number][1]:
            raise SpliceError(f"edit {edit.start}:{edit.end} lies in no item that is given back")
        inside.setdefault(number, []).append(edit)

    def kept(item: Item) -> str:
        first, last = stretches[item.number]
        moved = [Edit(edit.start - first, edit.end - first, edit.replacement) for edit in inside.get(item.number, ())]
        return splice(text[first:last], moved)

    if text[opening] == "[":
        content = ", ".join(kept(item) if isinstance(item, Item) else flow_text(item, as_json=True) for item in items)
        return [*outside, Edit(start, end, f"[{content}]")]
    newline = newline_of(text)
    margin = " " * (opening - line_start(text, opening))
    pieces = []
    for position, item in enumerate(items):
        if isinstance(item, Item):
            pieces.append(kept(item))
        else:
            closed = position == len(items) - 1 and absorbs(text, end)
            pieces.append(block_entries([item], len(margin), newline, closed=closed).removeprefix(margin))
    for position, piece in enumerate(pieces):
        if not piece.endswith(("\n", "\r")) and position < len(pieces) - 1:
            # Only the text's last entry has no line end.
            if is_open(margin + piece):
                entries = load(margin + piece)
                assert isinstance(entries, list), "an entry of a block list begins with its dash"
                piece = block_entries(entries, len(margin), newline).removeprefix(margin)
            pieces[position] = piece.removesuffix(newline) + newline
    return [*outside, Edit(start, end, margin.join(pieces) or f"  []{newline}")]


def _entries(text: str, opening: int, items: Sequence[Item]) -> list[tuple[int, int]]:
    """Where the entries of a block list are, from the dash on; comments behind an entry's last line are its own."""
    column = opening - line_start(text, opening)
    starts = [opening]
    for before, item in pairwise(items):
        at = item.start
        while True:
            at = line_start(text, at, before.end)
            if text[at + column] == "-" and not text[at : at + column].strip() and at + column < item.start:
                break
            if at == before.end:
                raise SpliceError(f"the dash of items[{item.number}] is not found")
            at -= 1
        starts.append(at + column)
    end = after_deeper_comments(text, after_line(text, items[-1].end), column)
    return list(zip(starts, [*(start - column for start in starts[1:]), end], strict=True))


def _is_empty(text: str, part: Part) -> bool:
    opening = content_start(text, part.start, part.end)
    return text[opening] == "[" and NO_MORE.fullmatch(text, opening + 1, part.end) is not None
