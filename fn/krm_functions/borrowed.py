"""Items that repeat a node of another one (``*alias``) keep their data when that one changes, moves or goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from krm_functions.errors import SpliceError, TextError
from krm_functions.item import Item
from krm_functions.layout import PARTS, Layout
from krm_functions.list_text import ListText
from krm_functions.output import Entry, answer_edits
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.structure.editable import same
from krm_functions.yaml.structure.reading import read
from krm_functions.yaml.structure.tree import CollectionNode, Node, Tree, pristine


def keep_borrowed(
    whole: ListText, layout: Layout, edits: Callable[[], list[Edit]], items: Sequence[Entry] | None
) -> None:
    """Write aliases out in the items that would hold other data in the answer.

    Args:
        whole: the input.
        layout: the places of its parts.
        edits: the edits of items, as they are when it is called.
        items: to be given back; None: those of the input.

    Raises:
        SpliceError: one of them, or another part of the list, would hold other data all the same.
        TextError: an item that repeats a node is not data.
    """
    if not _concerned(whole, layout, items):
        return

    def answer() -> Tree | None:
        try:
            return read(splice(whole.text, answer_edits(whole, layout, whole.items, edits(), (), items)))
        except TextError:
            return None  # an anchor is gone

    borrowers = [
        (place, item)
        for place, item in enumerate(whole.items if items is None else items)
        if isinstance(item, Item) and item.borrows
    ]
    tree = answer()
    nodes = _values(tree, "items")
    anchored = [each for each in tree.nodes() if each.anchor] if tree else []
    for place, item in borrowers:
        node = nodes.get(place)
        if not same(pristine(node), item.load()):
            before = {each.anchor: pristine(each) for each in anchored if node and each.start < node.start}
            item.write_out(before)
    tree = answer()
    nodes = _values(tree, "items")
    wanted: list[tuple[FieldPath, Node | None, Any]] = []
    for place, item in borrowers:
        wanted.append((("items", item.number), nodes.get(place), item.load()))
    for name in PARTS[1:]:
        if name in layout.parts and layout.parts[name].borrows:
            wanted.append(((name,), _values(tree).get(name), whole.copy(name)))
    for path, node, data in wanted:
        if not same(pristine(node), data):
            raise SpliceError(
                f"repeats a node of {_lender(whole, layout, path)}, and would change with it",
                where=str(whole.items[int(path[1])].ref) if len(path) > 1 else str(path[0]),
                hint="write out in the input what is repeated (*alias)",
            )


def _values(tree: Tree | None, *path: str) -> dict[str | int | None, Node]:
    """The values in a collection of the answer, by their keys or indexes."""
    node = tree.root if tree else None
    found: dict[str | int | None, Node] = {}
    for step in (*path, None):
        if not isinstance(node, CollectionNode):
            return {}
        found = {entry.key if node.is_map else number: entry.value for number, entry in enumerate(node.entries)}
        node = found.get(step)
    return found


def _concerned(whole: ListText, layout: Layout, items: Sequence[Entry] | None) -> bool:
    """Whether something is repeated of an item that was edited, or of any where the items are others."""
    if items is not None:
        return any(item.borrows for item in whole.items)
    edited = whole.edited.values()
    return any(
        item.start <= alias.target < item.end and alias.path[:2] != ("items", item.number)
        for alias in layout.scan.aliases
        for item in edited
    )


def _lender(whole: ListText, layout: Layout, path: FieldPath) -> str:
    """The other items of which something is repeated at a path."""
    found = {
        str(item.ref): None
        for alias in layout.scan.aliases
        for item in whole.items
        if alias.path[: len(path)] == path and item.start <= alias.target < item.end and path != ("items", item.number)
    }
    return " and ".join(found) or "another part of the list"
