"""What pydantic finds wrong with a value, in one sentence: for every model, whichever kind it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from krm_functions.messages import shown

_MAPPINGS = frozenset({"model_type", "model_attributes_type", "dict_type"})
_LENGTHS = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}
_LISTS = frozenset({"list_type", "tuple_type", "set_type"})


def model_error(error: Mapping[str, Any]) -> str:
    """One of ``ValidationError.errors()`` as the end of a sentence that begins with the path of the field."""
    value, kind = error["input"], error["type"]
    if kind == "missing":
        return "is required"
    if kind in ("value_error", "assertion_error"):
        return str(error["ctx"]["error"])
    if kind in ("literal_error", "enum"):
        return f"{shown(repr(value))} is not accepted: write {error['ctx']['expected']}"
    if kind == "string_type":
        # The hint has no value to write: of 1.10 YAML has left 1.1.
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return f"must be a string, not {in_words(value)}{': put it in quotes' if is_number else ''}"
    if kind == "bool_type":
        return f"must be true or false, not {in_words(value)}"
    if kind in _MAPPINGS:
        return f"must be a mapping, not {in_words(value)}"
    if kind in _LISTS:
        return f"must be a list, not {in_words(value)}"
    if kind in _LENGTHS and isinstance(value, list):
        words, limit = _LENGTHS[kind]
        count = error["ctx"][limit]
        return f"must have {words} {count} {'entry' if count == 1 else 'entries'}, not {len(value)}"
    message = str(error["msg"])
    what = "" if isinstance(value, Mapping | list) else f", not {in_words(value)}"
    return f"{message[:1].lower()}{message[1:]}{what}"


def in_words(value: object) -> str:
    """A value of the wrong type, in words of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the string {shown(repr(value))}"
        case Mapping():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return f"{type(value).__name__} {shown(str(value))}"
