"""Loads YAML as plain data, the way kyaml, kpt, kustomize and Flux read it; `emit.py` writes it.

Scalars follow yaml.v3: ``true`` and ``false`` are booleans while ``yes``, ``no``, ``on``, ``off``, ``y``, ``n`` are
strings; ``~``, ``null`` and nothing are None; ``0644`` and ``0o644`` are octal, ``0x1F`` and ``0b11`` numbers; a date
and a float beyond 64 bits stay the texts that they are, while integers of any length stay exact. Mapping keys are
always strings, as they are in JSON.

Hostile input cannot do harm: no tag runs code, nothing recurses, and aliases may not make the data larger than
``MOST_NODES``. A key given twice is an error that names both lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

from krm_functions.errors import TextError
from krm_functions.yaml.parser import DEEPEST, TOO_DEEP, SyntaxProblem, Unreadable, parsing, reader
from krm_functions.yaml.scan_result import NULLS

MOST_NODES: Final = 1_000_000
"""How many nodes one document may have once its aliases are written out."""

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INFINITY = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})
_INT = re.compile(r"[-+]?(?:0[bB][01]+|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_CORE: Final = "tag:yaml.org,2002:"


def load(text: str, *, name: str = "", first_line: int = 1) -> object:
    """The data of the one document of a text; None when it has none.

    Args:
        text: one document, or a slice that is one by itself.
        name: how errors call the file.
        first_line: the line number of the text's first line in that file.

    Raises:
        TextError: not YAML, more than one document, a key given twice, an alias bomb; *where* is ``name:line:column``.
    """
    found = list(load_all(text, name=name, first_line=first_line))
    if len(found) > 1:
        raise TextError("more than one document where one is expected", where=_where(name, found[1][1], 1))
    return found[0][0] if found else None


def load_all(text: str, *, name: str = "", first_line: int = 1) -> Iterator[tuple[object, int]]:
    """The data of each document of a text and the line on which it starts; documents of comments are left out."""
    try:
        with parsing(text):
            found = list(_documents(text))
    except Unreadable as err:
        line = err.problem.line + first_line - 1
        raise TextError(err.problem.reason, where=_where(name, line, err.problem.column)) from err
    return ((data, line + first_line - 1) for data, line, empty in found if not empty)


def load_first(text: str, *, name: str = "") -> object:
    """The data of the first document, as Go programs get it from sigs.k8s.io/yaml (kustomize: its kustomizations).

    Of a key given twice the last value counts, and what is behind the first document is not read.

    Raises:
        TextError: as `load`, but for keys given twice.
    """
    try:
        with parsing(text):
            return next((data for data, _, _ in _documents(text, last_counts=True)), None)
    except Unreadable as err:
        raise TextError(err.problem.reason, where=_where(name, err.problem.line, err.problem.column)) from err


def _where(name: str, line: int, column: int) -> str:
    return f"{name}:{line}:{column}" if name else f"{line}:{column}"


_MERGE: Final = object()
"""Stands for the key ``<<`` while its value is read."""


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("anchor", "before", "data", "is_list", "key", "last_counts", "lines", "merged")

    def __init__(self, data: dict[str, Any] | list[Any], anchor: str | None, before: int, *, last_counts: bool) -> None:
        self.data: Any = data
        self.is_list = isinstance(data, list)
        self.anchor = anchor
        self.before = before  # how many nodes the document had
        self.key: Any = None  # the mapping key that waits for its value
        self.lines: dict[str, int] = {}  # the line of each key
        self.last_counts = last_counts  # whether a key may be given twice
        self.merged: list[Any] = []

    def put(self, node: object, event: Any) -> None:
        """Take the next node: an item, a key, or the value of the key before."""
        if self.is_list:
            self.data.append(node)
        elif self.key is None:
            self._put_key(node, event)
        elif self.key is _MERGE:
            maps = node if isinstance(node, list) else [node]
            if not all(isinstance(each, dict) for each in maps):
                raise _refused(event, "<< needs a mapping or a list of mappings")
            self.merged += maps
            self.key = None
        else:
            self.data[self.key] = node
            self.key = None

    def _put_key(self, node: object, event: Any) -> None:
        if not isinstance(node, str):
            raise _refused(event, "a mapping key has to be a text")
        if node in self.lines and not self.last_counts:
            raise _refused(event, f"key {node!r} is given twice, first on line {self.lines[node]}")
        self.lines[node] = event.start_mark.line + 1
        self.key = _MERGE if node == "<<" and not getattr(event, "style", None) and not event.anchor else node

    def close(self) -> object:
        """The finished data; merged mappings give what the mapping itself does not say, the first of them first."""
        for each in self.merged:
            for key, value in each.items():
                self.data.setdefault(key, value)
        return self.data

    @property
    def wants_key(self) -> bool:
        """Whether the next node is a mapping key."""
        return self.key is None and not self.is_list


def _documents(text: str, *, last_counts: bool = False) -> Iterator[tuple[object, int, bool]]:
    """(data, line, whether it holds nothing but comments) of each document."""
    stack: list[_Open] = []
    anchors: dict[str, tuple[object, int] | None] = {}  # the data and its size; None while it is being read
    root: object = None
    line, size, empty = 1, 0, True
    for event in iter(reader(text), None):
        node: object
        match type(event).__name__:
            case "ScalarEvent":
                size += 1
                node = event.value if stack and stack[-1].wants_key else scalar_data(event)
                if event.anchor:
                    anchors[event.anchor] = (node, 1)
                if not stack:
                    line, empty = event.start_mark.line + 1, event.start_mark.index == event.end_mark.index
            case "DocumentStartEvent":
                anchors, root, size, empty = {}, None, 0, True
                line = event.end_mark.line + 1
                continue
            case "DocumentEndEvent":
                yield root, line, empty
                continue
            case "MappingStartEvent" | "SequenceStartEvent" as kind:
                if len(stack) > DEEPEST:
                    raise _refused(event, TOO_DEEP)
                if stack and stack[-1].wants_key:
                    raise _refused(event, "a mapping key has to be a text")
                if not stack:
                    line, empty = event.start_mark.line + 1, False
                size += 1
                empty_data: dict[str, Any] | list[Any] = {} if kind == "MappingStartEvent" else []
                stack.append(_Open(empty_data, event.anchor, size, last_counts=last_counts))
                if event.anchor:
                    anchors[event.anchor] = None
                continue
            case "MappingEndEvent" | "SequenceEndEvent":
                done = stack.pop()
                node = done.close()
                if done.anchor:
                    anchors[done.anchor] = (node, size - done.before + 1)
            case "AliasEvent":
                node, more = _repeated(event, anchors)
                size += more
                if size > MOST_NODES:
                    raise _refused(event, f"its aliases make the document larger than {MOST_NODES} nodes")
            case _:
                continue
        if stack:
            stack[-1].put(node, event)
        else:
            root = node


def _repeated(event: Any, anchors: dict[str, tuple[object, int] | None]) -> tuple[object, int]:
    """What an alias stands for, and how many nodes that is."""
    if event.anchor not in anchors:
        raise _refused(event, f"undefined alias *{event.anchor}")
    target = anchors[event.anchor]
    if target is None:
        raise _refused(event, f"alias *{event.anchor} stands inside what it repeats")
    return target


def _refused(event: Any, reason: str) -> Unreadable:
    mark = event.start_mark
    return Unreadable(SyntaxProblem(mark.line + 1, mark.column + 1, reason))


def scalar_data(event: Any) -> object:
    """A scalar event's data."""
    value: str = event.value
    tag: str = event.tag or ""
    if tag == "!" or (not tag and getattr(event, "style", None)):
        return value
    if not tag:
        return _plain(value)
    short = tag.removeprefix(_CORE)
    data = _plain(value)
    if short == "int" and isinstance(data, int) and not isinstance(data, bool):
        return data
    if short == "float" and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if (short == "bool" and isinstance(data, bool)) or (short == "null" and data is None):
        return data
    if short in ("int", "float", "bool", "null"):
        raise _refused(event, f"{value!r} is not a value of !!{short}")
    return value


def _plain(value: str) -> object:
    """What yaml.v3 reads in a plain scalar."""
    if value in NULLS:
        return None
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    if value[0] not in "0123456789+-.":
        return value
    digits = value.replace("_", "")
    if _INT.fullmatch(digits):
        sign, bare = (digits[0], digits[1:]) if digits[0] in "+-" else ("", digits)
        base = {"b": 2, "o": 8, "x": 16}.get(bare[1:2].lower(), 8 if bare[0] == "0" and bare != "0" else 10)
        if len(bare) < 1000:
            return int(sign + bare, base)
    if _FLOAT.fullmatch(digits) and not math.isinf(real := float(digits)):
        return real
    if _INFINITY.fullmatch(value):
        return float(value.replace(".", ""))
    return float("nan") if value in _NAN else value
