"""Plain data as YAML in block style, without a YAML library: fifty times as fast, which results by the thousand need.

What is written is what PyYAML would write (`krm_functions.yaml.load.dump`), to the byte; data that takes more than
mappings, lists, one-line strings, whole numbers, booleans and nulls is left to it.
"""

from __future__ import annotations

from functools import lru_cache

from krm_functions.yaml.quoting import double_quoted, needs_quotes

_DEEPEST = 30
_LONGEST_KEY = 100
"""Longer keys are written in another form (``? key``), and so is an empty one."""
_LONGEST_TEXT = 100_000
_SHORT = 200
_COLLECTIONS = (dict, list)


class _LeftError(Exception):
    """There is something in the data that is left to PyYAML."""


def emit(data: object) -> str | None:
    """The data's text; None where PyYAML has to write it."""
    if not data or not isinstance(data, _COLLECTIONS):
        return None
    lines: list[str] = []
    try:
        _add(lines, data, 0, "", 0)
    except _LeftError:
        return None
    return "".join(lines)


def _add(lines: list[str], data: dict[object, object] | list[object], column: int, start: str, depth: int) -> None:
    """The lines of a collection, the first of which goes on from *start*."""
    if depth > _DEEPEST:
        raise _LeftError
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
    raise _LeftError


@lru_cache(256)
def _key(key: object) -> str:
    """A key's text; lists of results have the same few."""
    if type(key) is not str or not 0 < len(key) <= _LONGEST_KEY:
        raise _LeftError
    return _text(key)


@lru_cache(1024)
def _short(value: str) -> str:
    """A short text; results repeat most of theirs."""
    return _text(value)


def _text(value: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise _LeftError
    if not needs_quotes(value):
        return value
    if value.isprintable() and max(value, default="") <= "\uffff":  # PyYAML escapes what is beyond in double quotes
        return double_quoted(value)
    raise _LeftError
