"""What of a list may differ from another one: which data, and which lines; see `krm_functions.testing`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from krm_functions.item import Item
from krm_functions.resource_list import ResourceList
from krm_functions.yaml.comments import BREAK, BREAKS, breaks_between
from krm_functions.yaml.field_path import FieldPath, find, parse_path
from krm_functions.yaml.structure.reading import read
from krm_functions.yaml.structure.tree import CollectionNode, Entry, Node

_LINE = re.compile(rf"[^{BREAKS}]*(?:{BREAK}|\Z)")
_COMMENT = re.compile(r"[ \t]*#")


class Side:
    """An item before or after, with the fields that may differ.

    Attributes:
        item: the item.
        places: the fields in it.
        remaining: its data without them, and without what is empty then.
    """

    def __init__(self, item: Item, paths: Iterable[str]) -> None:
        self.item = item
        self.remaining: Any = item.load()
        self.places = {place for path in paths for place in find(self.remaining, parse_path(path))}
        for place in sorted(self.places, key=_order, reverse=True):
            _remove(self.remaining, place)
        self._nodes: dict[FieldPath, tuple[Entry | None, Node]] = {}
        root = read(item.text).root
        if root is not None:
            self._nodes = dict(_walk(root, None, ()))

    def lines(self, other: Side) -> Iterator[int]:
        """The lines of the list that may differ, from 1."""
        for place in self.places | other.places:
            # Of a field that is on the other side alone, only the way to it: its index is another entry's here.
            longest = len(place) if place in self.places else len(place) - 1
            known = next(depth for depth in range(longest, -1, -1) if place[:depth] in self._nodes)
            for depth in range(1, known + 1):
                entry, node = self._nodes[place[:depth]]
                if entry is not None and (depth == len(place) or place[:depth] not in other._nodes):
                    yield from self._above(entry)
                    yield from self._span(entry.start, entry.end if depth == len(place) else entry.key_end)
                if _is_inline(node):
                    yield from self._span(entry.start if entry else node.start, node.end)

    def _span(self, start: int, end: int) -> range:
        text = self.item.text
        last = breaks_between(text, 0, max(start, end - 1))
        return range(self.item.line + breaks_between(text, 0, start), self.item.line + last + 1)

    def _above(self, entry: Entry) -> Iterator[int]:
        """The lines of comments directly above an entry."""
        lines = _LINE.findall(self.item.whole.text)
        number = self._span(entry.start, entry.start)[0] - 1
        while number > 0 and _COMMENT.match(lines[number - 1]):
            yield number
            number -= 1


def own_lines(resources: ResourceList) -> dict[int, str]:
    """The lines of a list by their numbers, from 1, without its results."""
    text = resources.text
    lines = dict(enumerate(_LINE.findall(text), 1))
    part = resources.layout.parts.get("results")
    if part is not None:
        first = 1 + breaks_between(text, 0, text.rindex("results", 0, part.start))
        for number in range(first, 1 + breaks_between(text, 0, max(part.start, part.end - 1)) + 1):
            lines.pop(number, None)
    return lines


def _is_inline(node: Node) -> bool:
    """Whether what is put into a value is on its line: a flow collection, or nothing yet."""
    return not isinstance(node, CollectionNode) or node.flow


def _order(place: FieldPath) -> list[tuple[bool, int, str]]:
    return [(isinstance(step, str), step if isinstance(step, int) else 0, str(step)) for step in place]


def _walk(node: Node, entry: Entry | None, path: FieldPath) -> Iterator[tuple[FieldPath, tuple[Entry | None, Node]]]:
    yield path, (entry, node)
    if isinstance(node, CollectionNode):
        for number, inner in enumerate(node.entries):
            yield from _walk(inner.value, inner, (*path, number if inner.key is None else inner.key))


def _remove(data: Any, place: FieldPath) -> None:
    """Remove a field, and each collection that is empty then."""
    nodes = [data]
    for step in place[:-1]:
        nodes.append(nodes[-1][step])
    for node, step in zip(reversed(nodes), reversed(place), strict=True):
        del node[step]
        if node:
            break
