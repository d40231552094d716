"""YAML as plain data, read the way kyaml, kpt, kustomize and Flux read it, and written block style.

Scalars follow yaml.v3: ``true`` and ``false`` are booleans while ``yes``, ``no``, ``on``, ``off``, ``y``, ``n`` are
strings; ``~``, ``null`` and nothing are None; ``0644`` and ``0o644`` are octal, ``0x1F`` and ``0b11`` numbers; a date
stays the text that it is, as in Kubernetes' JSON. Mapping keys are always strings, as they are in JSON.

Hostile input cannot do harm: no tag runs code, nothing recurses, and aliases may not make the data larger than
``MOST_NODES``. A key given twice is an error that names both lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from imagesetter.errors import TextError
from imagesetter.text.events import Problem, Unreadable, parsing, reader

MOST_NODES: Final = 1_000_000
"""How many nodes one document may have once its aliases are written out."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
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


def _where(name: str, line: int, column: int) -> str:
    return f"{name}:{line}:{column}" if name else f"{line}:{column}"


class _Open:
    """A collection whose end has not come yet."""

    __slots__ = ("anchor", "before", "data", "key", "lines", "merges")

    def __init__(self, data: dict[str, Any] | list[Any], anchor: str | None, before: int) -> None:
        self.data = data
        self.anchor = anchor
        self.before = before
        self.key: str | None = None
        self.lines: dict[str, int] = {}
        self.merges: list[Any] = []


def _documents(text: str) -> Iterator[tuple[object, int, bool]]:
    """(data, line, whether it holds nothing but comments) of each document."""
    stack: list[_Open] = []
    anchors: dict[str, tuple[object, int] | None] = {}
    root: object = None
    line, total, empty = 1, 0, True
    for event in iter(reader(text), None):
        kind = type(event).__name__
        mark = event.start_mark
        if kind == "DocumentStartEvent":
            stack, anchors, root, total, empty = [], {}, None, 0, True
            line = mark.line + 1
            continue
        if kind == "DocumentEndEvent":
            yield root, line, empty
            continue
        if kind in ("StreamStartEvent", "StreamEndEvent"):
            continue
        anchor: str | None = None
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            if not stack:
                empty = False
                line = mark.line + 1
            elif isinstance(stack[-1].data, dict) and stack[-1].key is None:
                raise _refused(event, "a mapping key has to be a scalar")
            total += 1
            stack.append(_Open({} if kind[0] == "M" else [], event.anchor, total))
            if event.anchor:
                anchors[event.anchor] = None
            continue
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = stack.pop()
            data: object = _merged(done) if isinstance(done.data, dict) else done.data
            if done.anchor:
                anchors[done.anchor] = (data, total - done.before + 1)
        elif kind == "AliasEvent":
            if event.anchor not in anchors:
                raise _refused(event, f"undefined alias *{event.anchor}")
            target = anchors[event.anchor]
            if target is None:
                raise _refused(event, f"alias *{event.anchor} is inside what it repeats")
            data, size = target
            total += size
            if total > MOST_NODES:
                raise _refused(event, f"its aliases make the document larger than {MOST_NODES} nodes")
        else:
            total += 1
            anchor = event.anchor
            if stack and isinstance(stack[-1].data, dict) and stack[-1].key is None:
                data = event.value
            else:
                data = _scalar(event)
            if not stack:
                line = mark.line + 1
                empty = mark.index == event.end_mark.index
            if anchor:
                anchors[anchor] = (data, 1)
        if not stack:
            root = data
        else:
            _put(stack[-1], data, event)


def _put(parent: _Open, data: object, event: Any) -> None:
    if isinstance(parent.data, list):
        parent.data.append(data)
    elif parent.key is None:
        key = data if isinstance(data, str) else str(data)
        line = event.start_mark.line + 1
        if key in parent.lines and not (key == "<<" and not event_style(event)):
            raise _refused(event, f"key {key!r} is given twice, first on line {parent.lines[key]}")
        parent.lines[key] = line
        parent.key = key
    elif parent.key == "<<":
        parent.key = None
        parent.merges += data if isinstance(data, list) else [data]
        if not all(isinstance(each, dict) for each in parent.merges):
            raise _refused(event, "<< needs a mapping or a list of mappings")
    else:
        parent.data[parent.key] = data
        parent.key = None


def event_style(event: Any) -> str:
    """The style of a scalar event; both loaders' plain style is empty."""
    return getattr(event, "style", None) or ""


def _merged(done: _Open) -> dict[str, Any]:
    assert isinstance(done.data, dict)
    for each in done.merges:
        for key, value in each.items():
            done.data.setdefault(key, value)
    return done.data


def _refused(event: Any, reason: str) -> Unreadable:
    mark = event.start_mark
    return Unreadable(Problem(mark.line + 1, mark.column + 1, reason))


def _scalar(event: Any) -> object:
    """A scalar event's data."""
    value: str = event.value
    tag: str = event.tag or ""
    if tag in ("", "!") and (event_style(event) or tag == "!"):
        return value
    if not tag:
        return _plain(value)
    short = tag.removeprefix(_CORE) if tag.startswith(_CORE) else ""
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
    if value in _NULL:
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
    if _FLOAT.fullmatch(digits):
        return float(digits)
    if _INFINITY.fullmatch(value):
        return float(value.replace(".", ""))
    return float("nan") if value in _NAN else value


def dump(data: object) -> str:
    """Data as YAML in block style, keys in their order, strings quoted wherever a reader could take them for more."""
    import yaml

    from imagesetter.text.quote import needs_quotes

    class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value and not value[:1].isspace() else '"' if needs_quotes(value) else None
        return dumper.represent_scalar(f"{_CORE}str", value, style=style)

    _Dumper.add_representer(str, represent)
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20))
