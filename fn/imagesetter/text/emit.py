"""Plain data as YAML in block style, without a YAML library: fifty times as fast, which results by the thousand need.

What is written is what PyYAML would write (`imagesetter.text.load.dump`), to the byte; data that takes more than
mappings, lists, one-line strings, whole numbers, booleans and nulls is left to it.
"""

from __future__ import annotations

from imagesetter.text.quote import double_quoted, needs_quotes

_DEEPEST = 30
_LONGEST_KEY = 100
"""Longer keys are written in another form (``? key``), and so is an empty one."""


class _LeftError(Exception):
    """There is something in the data that is left to PyYAML."""


def emit(data: object) -> str | None:
    """The data's text; None where PyYAML has to write it."""
    if not data or not isinstance(data, dict | list):
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
    if isinstance(data, dict) and "" in data:
        raise _LeftError
    entries = data.items() if isinstance(data, dict) else (("", value) for value in data)
    for key, value in entries:
        before = f"{start}{_text(key, _LONGEST_KEY)}:" if isinstance(data, dict) else f"{start}-"
        start = margin
        if not isinstance(value, dict | list) or not value:
            lines.append(f"{before} {_scalar(value)}\n")
        elif isinstance(data, list):
            _add(lines, value, column + 2, f"{before} ", depth + 1)
        else:
            lines.append(f"{before}\n")
            # PyYAML does not indent the list that is a mapping's value.
            inner = column if isinstance(value, list) else column + 2
            _add(lines, value, inner, " " * inner, depth + 1)


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
    return _text(value, 100_000)


def _text(value: object, longest: int) -> str:
    if type(value) is not str or len(value) > longest:
        raise _LeftError
    if not needs_quotes(value):
        return value
    if value.isprintable() and max(value, default="") <= "\uffff":  # PyYAML escapes what is beyond in double quotes
        return double_quoted(value)
    raise _LeftError
