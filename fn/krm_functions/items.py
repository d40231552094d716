"""The items of a ResourceList, found in its layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from krm_functions.errors import ResourceListError
from krm_functions.item import Item
from krm_functions.layout import NO_MORE, Layout
from krm_functions.list_text import ListText
from krm_functions.naming import Naming, naming_of
from krm_functions.yaml.nodes import content_start

if TYPE_CHECKING:
    from krm_functions.yaml.scan_result import NodeSpan

_NAMING: Final = frozenset({"apiVersion", "kind", "metadata", "<<"})
"""The fields of a resource that say what it is called."""


def find_items(whole: ListText, layout: Layout) -> tuple[Item, ...]:
    """The items of a ResourceList.

    Raises:
        ResourceListError: ``items`` is not a list, or one of them is an alias or not a mapping.
        TextError: what an item is called is an alias, and the list is YAML but no data.
    """
    part = layout.parts.get("items")
    if part is None or part.scalar is not None:
        return ()
    text = whole.text
    opening = content_start(text, part.start, part.end)
    if text[opening] not in "-[":
        raise ResourceListError("items is a mapping, expected a list", where=f"{whole.name}:{part.line}")
    for alias in layout.scan.aliases:
        if alias.path[0] == "items" and len(alias.path) == 2:
            where = f"{whole.name}:{alias.line}:{alias.column}"
            raise ResourceListError(f"items[{alias.path[1]}] is an alias, expected it written out", where=where)
    nodes = [part.children[number] for number in range(len(part.children)) if number in part.children]
    rest = text[nodes[-1].end : part.end] if nodes else text[opening + (text[opening] == "[") : part.end]
    if len(nodes) < len(part.children) or not NO_MORE.fullmatch(rest):
        number = next(number for number in range(len(nodes) + 1) if number not in part.children)
        raise ResourceListError(
            f"items[{number}] is not a mapping, expected a resource", where=f"{whole.name}:{part.line}"
        )
    borrowers: set[int] = set()
    renamed: set[int] = set()
    for alias in layout.scan.aliases:
        if alias.path[0] == "items":
            number = int(alias.path[1])
            if not nodes[number].start <= alias.target < nodes[number].end:
                borrowers.add(number)
            if alias.path[2] in _NAMING:
                renamed.add(number)
    items = tuple(
        _named_by_data(item) if number in renamed else item
        for number, item in enumerate(_item(whole, node, number in borrowers) for number, node in enumerate(nodes))
    )
    whole.top = min((item.package_path for item in items if item.path), key=len, default="")
    return items


def _item(whole: ListText, node: NodeSpan, borrows: bool) -> Item:
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    names: dict[str, str] = {}
    for path, value in node.texts.items():
        if len(path) < 3:
            names[str(path[-1])] = value
        elif path[1] == "annotations":
            annotations[str(path[2])] = value
        else:
            labels[str(path[2])] = value
    return Item(
        Naming(
            names.get("apiVersion", ""),
            names.get("kind", ""),
            names.get("name", ""),
            names.get("namespace", ""),
            annotations,
            labels,
        ),
        whole,
        number=int(node.path[1]),
        start=node.start,
        end=node.end,
        line=node.line,
        column=node.column - 1,
        margin=0 if whole.text[content_start(whole.text, node.start, node.end)] == "{" else node.column - 1,
        borrows=borrows,
    )


def _named_by_data(item: Item) -> Item:
    """The item with what it is called taken from its data, since aliases stand in for some of it."""
    return Item(
        naming_of(item.load()),
        item.whole,
        number=item.number,
        start=item.start,
        end=item.end,
        line=item.line,
        column=item.column,
        margin=item.margin,
        borrows=item.borrows,
    )
