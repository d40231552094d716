"""Writes data as YAML in block style; nothing else here does.

Mappings, lists, one-line strings, whole numbers, booleans and nulls are written without a YAML library, fifty times as
fast, which results by the thousand need. All other data is written by PyYAML. Where both can write, they write the
same bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from krm_functions.yaml.quoting import double_quoted, needs_quotes

_DEEPEST = 30
_LONGEST_KEY = 100
"""Longer keys are written in another form (``? key``), and so is an empty one."""
_LONGEST_TEXT = 100_000
_SHORT = 200
_COLLECTIONS = (dict, list)


class _NotSimple(Exception):
    """PyYAML has to write the data."""


def dump(data: object) -> str:
    """Data as YAML in block style: keys in their order, and quotes around each string that a reader could misread."""
    text = dump_simple(data)
    return dump_any(data) if text is None else text


def one_line(value: str | int) -> str:
    """A string or number as the value of a key, on one line."""
    return double_quoted(value) if isinstance(value, str) and needs_quotes(value) else str(value)


def dump_any(data: object) -> str:
    """What `dump` gives, by PyYAML."""
    import yaml

    class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value and not value[:1].isspace() else '"' if needs_quotes(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    _Dumper.add_representer(str, represent)
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 20))


def dump_simple(data: object) -> str | None:
    """What `dump` gives, without a YAML library; None where PyYAML has to write the data."""
    if not data or not isinstance(data, _COLLECTIONS):
        return None
    lines: list[str] = []
    try:
        _add(lines, data, 0, "", 0)
    except _NotSimple:
        return None
    return "".join(lines)


def _add(lines: list[str], data: dict[object, object] | list[object], column: int, start: str, depth: int) -> None:
    """The lines of a collection, the first of which goes on from *start*."""
    if depth > _DEEPEST:
        raise _NotSimple
    margin = " " * column
    is_map = isinstance(data, dict)
    entries = data.items() if isinstance(data, dict) else (("", value) for value in data)
    for key, value in entries:
        before = f"{start}{_key(key)}:" if is_map else f"{start}-"
        start = margin
        if type(value) is str:
            text = _short(value) if len(value) < _SHORT else _text(value)
            lines.append(f"{before} {text}\n")
        elif not isinstance(value, _COLLECTIONS) or not value:
            lines.append(f"{before} {_scalar(value)}\n")
        elif is_map:
            lines.append(f"{before}\n")
            # PyYAML does not indent the list that is a mapping's value.
            inner = column if isinstance(value, list) else column + 2
            _add(lines, value, inner, " " * inner, depth + 1)
        else:
            _add(lines, value, column + 2, f"{before} ", depth + 1)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return str(value).lower()
    if type(value) is int:
        return str(value)
    if value == {} and isinstance(value, dict):
        return "{}"
    if value == [] and isinstance(value, list):
        return "[]"
    raise _NotSimple


@lru_cache(256)
def _key(key: object) -> str:
    """A key's text; lists of results have the same few."""
    if type(key) is not str or not 0 < len(key) <= _LONGEST_KEY:
        raise _NotSimple
    return _text(key)


@lru_cache(1024)
def _short(value: str) -> str:
    """A short text; results repeat most of theirs."""
    return _text(value)


def _text(value: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise _NotSimple
    if not needs_quotes(value):
        return value
    if value.isprintable() and max(value, default="") <= "\uffff":  # PyYAML escapes what is beyond in double quotes
        return double_quoted(value)
    raise _NotSimple
