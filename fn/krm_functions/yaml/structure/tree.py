"""A text as a tree: where each key, dash and value is, and the data that they make.

The parser's events have marks, from which the spans come; ends of block collections are those of their last entries,
since a parser sees them end at the next token. The data are read as `krm_functions.yaml.load` reads them, in the same
pass. What an alias repeats is data of its own here, so that a change at one place is a change at that place alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from krm_functions.errors import SpliceError
from krm_functions.yaml.comments import BREAKS, after_line
from krm_functions.yaml.nodes import PROPERTY, node_start
from krm_functions.yaml.quoting import needs_quotes
from krm_functions.yaml.structure.editable import EditableList, EditableMapping

_WORD = re.compile(r"[-+.:~_0-9A-Za-z]*[0-9A-Za-z~]")
_BLANK = " \t" + BREAKS
MERGE: Final = "<<"


class Node:
    """A value in the text.

    Attributes:
        start: where it starts, anchor and tag included.
        content: where it starts without them.
        end: where it ends; of a block scalar, where the line behind it starts.
        anchor: its name, or empty.
        tag: as the parser gives it, or empty.
    """

    __slots__ = ("anchor", "content", "end", "start", "tag")

    def __init__(self, start: int, content: int, end: int, anchor: str, tag: str) -> None:
        self.start = start
        self.content = content
        self.end = end
        self.anchor = anchor
        self.tag = tag


class ScalarNode(Node):
    """A scalar: its style (``""``, ``'``, ``"``, ``|``, ``>``), its text as the parser reads it, and its data."""

    __slots__ = ("data", "style", "value")

    def __init__(self, start: int, content: int, end: int, event: Any) -> None:
        super().__init__(start, content, end, event.anchor or "", event.tag or "")
        self.style: str = event.style or ""
        self.value: str = event.value
        self.data: object = None


class AliasNode(Node):
    """``*name``: the value that it repeats, or data from outside the text; and a copy of the data."""

    __slots__ = ("data", "name", "target")

    def __init__(self, start: int, end: int, name: str, target: Any) -> None:
        super().__init__(start, start, end, "", "")
        self.name = name
        self.target = target
        self.data: Any = copied(pristine(target))


class Entry:
    """A key with its value, or an item of a list.

    Attributes:
        start: where the dash, the ``?`` or the key starts.
        key: the key's text; None in a list.
        key_start: where the key starts, its anchor and tag included; for an item as ``start``.
        key_end: where it ends.
        key_style: as of a scalar.
        colon: behind the colon or the dash; -1 where none is written.
        value: its value.
    """

    __slots__ = ("colon", "explicit", "key", "key_end", "key_start", "key_style", "start", "value")

    def __init__(self, start: int) -> None:
        self.start = start
        self.key: str | None = None
        self.key_start = self.key_end = start
        self.key_style = ""
        self.colon = -1
        self.explicit = False
        self.value: Node = None  # type: ignore[assignment] # set when the parser comes to it

    @property
    def end(self) -> int:
        """Where its last token ends."""
        return max(self.value.end, self.colon, self.key_end)


class CollectionNode(Node):
    """A mapping or a list.

    Attributes:
        is_map: whether it is a mapping.
        flow: whether it is written in flow style.
        column: of its entries, in block style.
        entries: in the order of the text.
        data: what it holds, with what merge keys add.
    """

    __slots__ = ("column", "data", "entries", "flow", "is_map")

    def __init__(self, start: int, content: int, event: Any, column: int, is_map: bool) -> None:
        super().__init__(start, content, content, event.anchor or "", event.tag or "")
        self.is_map = is_map
        self.flow = bool(event.flow_style)
        self.column = column
        self.entries: list[Entry] = []
        self.data: Any = EditableMapping() if is_map else EditableList()

    def merges(self) -> list[Entry]:
        """The entries with a merge key."""
        return [entry for entry in self.entries if is_merge(entry)] if self.is_map else []


def is_merge(entry: Entry) -> bool:
    """Whether an entry's key is ``<<``, written so that it merges."""
    return entry.key == MERGE and not entry.key_style


class Tree:
    """A document.

    Attributes:
        text: the document.
        root: its value.
        anchored: whether it has anchors or aliases.
        outside: the data of anchors that are defined outside the text.
    """

    __slots__ = ("_spellings", "anchored", "anchors", "outside", "root", "text")

    def __init__(self, text: str, outside: Mapping[str, Any]) -> None:
        self.text = text
        self.root: Node | None = None
        self.anchored = False
        self.outside = outside
        self.anchors: dict[str, Any] = {}
        self._spellings: Mapping[int, str] | None = None

    @property
    def spellings(self) -> Mapping[int, str]:
        """How scalars are that would be written in another way, such as ``0644``, by the identity of their data."""
        if self._spellings is None:
            found = [node for node in self.nodes() if isinstance(node, ScalarNode) and _is_spelled(node)]
            self._spellings = {id(node.data): node.value for node in found}
        return self._spellings

    def nodes(self) -> Iterator[Node]:
        """Every value, in the order of the text."""
        return nodes_of(self.root) if self.root else iter(())


def _is_spelled(node: Node) -> bool:
    """Whether a plain scalar would be written in another way, and can be known by its identity."""
    if not isinstance(node, ScalarNode) or node.style or node.tag or not _WORD.fullmatch(node.value):
        return False
    if isinstance(node.data, str):
        return needs_quotes(node.value) and len(node.value) > 1
    number = node.data
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return False
    return not (isinstance(number, int) and -5 <= number <= 256) and str(number) != node.value


def nodes_of(node: Node) -> Iterator[Node]:
    """A value and every value in it, in the order of the text."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, CollectionNode):
            stack += [entry.value for entry in reversed(node.entries)]


def data_of(node: Node) -> Any:
    """The data of a value."""
    if isinstance(node, (ScalarNode, CollectionNode, AliasNode)):
        return node.data
    raise SpliceError("a part of the text is not known as data")


def block_scalar_end(text: str, start: int, end: int, value: str) -> int:
    """Where a block scalar ends; blank lines behind it are its own only where its header has a ``+``."""
    if "+" in text[start : start + 3] or value.rstrip("\n").endswith((" ", "\t")):
        return end
    last = start + len(text[start:end].rstrip(_BLANK))
    return min(after_line(text, last), end)


def pristine(node: Any) -> Any:
    """The data of a value as it was read, whatever a caller has made of it since; other data as they are."""
    if isinstance(node, ScalarNode):
        return node.data
    if isinstance(node, AliasNode):
        return pristine(node.target)
    if not isinstance(node, CollectionNode):
        return node
    if not node.is_map:
        return [pristine(entry.value) for entry in node.entries]
    data = {entry.key: pristine(entry.value) for entry in node.entries if not is_merge(entry)}
    for entry in node.merges():
        for merged in as_list(pristine(entry.value)):
            for key, value in merged.items():
                data.setdefault(key, value)
    return data


def property_end(text: str, node: Node) -> int:
    """Where the anchor and the tag of a value end."""
    at = end = node.start
    while at < node.content and (found := PROPERTY.match(text, at)):
        end = found.end()
        at = node_start(text, end, node.content)
    return end


def as_list(value: Any) -> list[Any]:
    """A list as it is, anything else as the one item of a list."""
    return value if isinstance(value, list) else [value]


def copied(data: Any) -> Any:
    """Data of its own for a place that repeats other data."""
    if isinstance(data, dict):
        return EditableMapping((key, copied(value)) for key, value in data.items())
    if isinstance(data, list):
        made = EditableList(copied(value) for value in data)
        made.begin()
        return made
    return data
