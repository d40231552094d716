"""From a text to its tree: one pass over the parser's events."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from krm_functions.errors import TextError
from krm_functions.yaml.comments import BREAKS, line_start
from krm_functions.yaml.load import MOST_NODES, scalar_data
from krm_functions.yaml.nodes import content_start
from krm_functions.yaml.parser import DEEPEST, TOO_DEEP, SyntaxProblem, Unreadable, parsing, reader
from krm_functions.yaml.structure.tree import (
    AliasNode,
    CollectionNode,
    Entry,
    Node,
    ScalarNode,
    Tree,
    as_list,
    block_scalar_end,
    copied,
    data_of,
    is_merge,
)

_BETWEEN = re.compile(rf"(?:[\s,\ufeff]|(?<![^\s,])#[^{BREAKS}]*)*")
"""What is between two tokens of interest."""


def read(text: str, *, outside: Mapping[str, Any] | None = None, name: str = "", first_line: int = 1) -> Tree:
    """The one document of a text.

    Args:
        text: without a byte order mark.
        outside: the data of anchors that the text uses and does not define.
        name: how errors call the text.
        first_line: the number of its first line.

    Raises:
        TextError: not YAML, no document or several, or YAML that is not data: a key given twice, a mapping as a key.
    """
    try:
        with parsing(text):
            return _Reader(text, outside or {}).read()
    except Unreadable as err:
        problem = err.problem
        line = problem.line + first_line - 1
        where = f"{name}:{line}:{problem.column}" if name else f"{line}:{problem.column}"
        raise TextError(problem.reason, where=where) from err


class _Reader:
    """One pass over the events of a document."""

    def __init__(self, text: str, outside: Mapping[str, Any]) -> None:
        self._text = text
        self._tree = Tree(text, outside)
        self._open: list[CollectionNode] = []
        self._seen: list[dict[str, int]] = []  # of each open mapping: the line of each key
        self._floor = 0  # where the last token ended
        self._size = 0
        self._documents = 0
        self._sizes: dict[str, int] = {}

    def read(self) -> Tree:
        """The tree."""
        handle: dict[str, Callable[[Any], None]] = {
            "ScalarEvent": self._scalar,
            "MappingStartEvent": self._start,
            "SequenceStartEvent": self._start,
            "MappingEndEvent": self._end,
            "SequenceEndEvent": self._end,
            "AliasEvent": self._alias,
            "DocumentStartEvent": self._document,
        }
        for event in iter(reader(self._text), None):
            if found := handle.get(type(event).__name__):
                found(event)
        return self._tree

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _refused(event, "more than one document where one is expected")
        if event.explicit:
            self._floor = event.end_mark.index

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        collection = self._open[-1] if self._open else None
        if collection is not None and collection.is_map and self._wants_key(collection):
            self._key(collection, event, start, end)
            return
        content = content_start(self._text, start, end) if event.anchor or event.tag else start
        if event.style in ("|", ">"):
            end = block_scalar_end(self._text, content, end, event.value)
        node = ScalarNode(start, content, end, event)
        node.data = scalar_data(event)
        self._count(event, 1)
        if node.anchor:
            self._define(node.anchor, node, 1)
        self._put(node)
        self._floor = end

    def _key(self, collection: CollectionNode, event: Any, start: int, end: int) -> None:
        key: str = event.value
        seen = self._seen[-1]
        if key in seen:
            raise _refused(event, f"key {key!r} is given twice, first on line {seen[key]}")
        seen[key] = event.start_mark.line + 1
        text = self._text
        at = start if text.find("?", self._floor, start) < 0 else self._token(start)
        entry = Entry(min(at, start))
        entry.explicit = at < start
        entry.key, entry.key_start, entry.key_end, entry.key_style = key, start, end, event.style or ""
        if event.anchor:
            # An anchored key merges nothing and can be repeated; the data of the alias is its text.
            self._define(event.anchor, key, 1)
            entry.key_style = entry.key_style or " "
        collection.entries.append(entry)
        self._floor = end
        colon = end if text[end : end + 1] == ":" else self._token(len(text))
        if text[colon : colon + 1] == ":":
            entry.colon = self._floor = colon + 1

    def _start(self, event: Any) -> None:
        if len(self._open) > DEEPEST:
            raise _refused(event, TOO_DEEP)
        if self._open and self._open[-1].is_map and self._wants_key(self._open[-1]):
            raise _refused(event, "a mapping key has to be a text")
        text, start = self._text, event.start_mark.index
        properties = event.anchor or event.tag
        content = content_start(text, start, len(text)) if properties else start
        column = content - line_start(text, content) if properties else event.start_mark.column
        node = CollectionNode(start, content, event, column, type(event).__name__ == "MappingStartEvent")
        self._count(event, 1)
        self._put(node)
        if node.anchor:
            self._tree.anchored = True
            self._sizes[node.anchor] = -self._size
            self._tree.anchors.pop(node.anchor, None)
        self._open.append(node)
        self._seen.append({})
        self._floor = content + 1 if node.flow and text[content] in "{[" else content

    def _end(self, event: Any) -> None:
        node = self._open.pop()
        self._seen.pop()
        if node.flow:
            node.end = max(event.end_mark.index, node.entries[-1].end if node.entries else 0)
            self._floor = node.end
        elif node.entries:
            node.end = node.entries[-1].end
        self._fill(event, node)
        if node.anchor:
            self._define(node.anchor, node, self._size + self._sizes[node.anchor] + 1)

    def _fill(self, event: Any, node: CollectionNode) -> None:
        """Give a finished collection its data."""
        if not node.is_map:
            list.extend(node.data, [data_of(entry.value) for entry in node.entries])
            node.data.begin()
            return
        merges = []
        for entry in node.entries:
            if is_merge(entry):
                merges.append(entry.value)
            else:
                node.data[entry.key] = data_of(entry.value)
        for merged in merges:
            data = data_of(merged)
            for each in as_list(data):
                if not isinstance(each, dict):
                    raise _refused(event, "<< needs a mapping or a list of mappings")
                for key, value in each.items():
                    if key not in node.data:
                        node.data[key] = copied(value)

    def _alias(self, event: Any) -> None:
        tree, name = self._tree, event.anchor
        tree.anchored = True
        if self._open and self._open[-1].is_map and self._wants_key(self._open[-1]):
            raise _refused(event, "a mapping key is an alias")
        if name not in tree.anchors and name not in tree.outside:
            what = "stands inside what it repeats" if name in self._sizes else ""
            raise _refused(event, f"alias *{name} {what}" if what else f"undefined alias *{name}")
        target = tree.anchors[name] if name in tree.anchors else tree.outside[name]
        self._count(event, self._sizes.get(name, 1))
        node = AliasNode(event.start_mark.index, event.end_mark.index, name, target)
        self._put(node)
        self._floor = node.end

    def _put(self, node: Node) -> None:
        """Take a value to where it belongs."""
        if isinstance(node, ScalarNode) and node.start == node.end and self._open:
            self._place_empty(node)
        if not self._open:
            self._tree.root = node
            return
        collection = self._open[-1]
        if collection.is_map:
            collection.entries[-1].value = node
            return
        at = self._token(node.start)
        entry = Entry(min(at, node.start) if not collection.flow else node.start)
        if not collection.flow:
            entry.colon = entry.key_end = entry.start + 1
            entry.key_start = entry.start
        entry.value = node
        collection.entries.append(entry)

    def _place_empty(self, node: Node) -> None:
        """Move an empty value directly behind its colon, dash or key, wherever the parser saw it."""
        collection = self._open[-1]
        if collection.is_map:
            entry = collection.entries[-1]
            node.start = node.content = node.end = max(entry.colon, entry.key_end)
        elif not collection.flow:
            node.start = node.content = node.end = self._token(node.start) + 1

    def _wants_key(self, collection: CollectionNode) -> bool:
        return not collection.entries or collection.entries[-1].value is not None

    def _token(self, before: int) -> int:
        """Where the next token starts behind the last one."""
        found = _BETWEEN.match(self._text, self._floor, before)
        return found.end() if found else self._floor

    def _define(self, name: str, data: Any, size: int) -> None:
        self._tree.anchored = True
        self._tree.anchors[name] = data
        self._sizes[name] = size

    def _count(self, event: Any, more: int) -> None:
        self._size += more
        if self._size > MOST_NODES:
            raise _refused(event, f"its aliases make the document larger than {MOST_NODES} nodes")


def _refused(event: Any, reason: str) -> Unreadable:
    mark = event.start_mark
    return Unreadable(SyntaxProblem(mark.line + 1, mark.column + 1, reason))
