"""Go's own template functions (text/template, funcs.go of Go 1.26): comparison, indexing, escaping, printing.

Parameters of type reflect.Value come as they are, boxed or INVALID; the others as plain values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote_from_bytes

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault
from imagesetter.golang.fmt import sprint, sprintln
from imagesetter.golang.printf import sprintf
from imagesetter.golang.strings import encode, is_broken, length
from imagesetter.golang.values import (
    INVALID,
    Boxed,
    Map,
    Slice,
    Type,
    Uint8,
    box,
    field_values,
    is_nil,
    kind_of,
    plain,
    truth,
    type_name,
    type_of,
    unbox,
    zero_of,
)

__all__ = ["sprintf", "sprintln"]  # print, printf and println are package fmt's

_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"},
)
_JS: Final = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D",
}  # fmt: skip
_BAD_COMPARISON: Final = "invalid type for comparison"
_INTEGERS: Final = ("int", "uint")


def not_(value: object) -> bool:
    """``not``."""
    return not truth(value)


def never(*_: object) -> object:
    """``and`` and ``or`` are evaluated where their arguments are."""
    raise AssertionError


def call(name: str, function: object, *_: object) -> object:
    """``call``: there are no function values in the data, so this always ends in an error."""
    function = unbox(function)
    if function is INVALID:
        raise Fault("call of nil")
    raise Fault(f"non-function {name} of type {type_name(function)}")


# --- indexing


def index(item: object, *indexes: object) -> object:
    """``index``: ``index x 1 "a"`` is ``x[1]["a"]``."""
    item = unbox(item)
    if item is INVALID:
        raise Fault("index of untyped nil")
    for key in indexes:
        if type(item) is Boxed:
            if item.value is None:
                raise Fault("index of nil pointer")
            item = item.value
        item = _index(item, unbox(key))
    return item


def _index(item: object, key: object) -> object:
    if isinstance(item, str):
        data = encode(item)
        return Uint8(data[_position(key, len(data), "string")])
    if isinstance(item, Slice):
        return box(item.go_type.elem, item.items[_position(key, len(item.items), "slice")])
    if isinstance(item, Map):
        found = item.items.get(_map_key(key, item.go_type.key))
        elem = item.go_type.elem
        assert elem is not None
        return zero_of(elem) if found is None else box(elem, found)
    raise Fault(f"can't index item of type {_pointed_at(item)}")


def _position(key: object, size: int, what: str) -> int:
    if key is INVALID:
        raise Fault("cannot index slice/array with nil")
    if not isinstance(key, int) or isinstance(key, bool):
        raise Fault(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key <= size:
        raise Fault(f"index out of range: {int(key)}")
    if key == size:
        raise Fault(f"reflect: {what} index out of range")
    return key


def _map_key(key: object, wanted: Type | None) -> object:
    assert wanted is not None
    if key is INVALID:
        raise Fault(f"value is nil; should be of type {wanted.name}")
    if type_of(key) is not wanted:
        raise Fault(f"value has type {type_name(key)}; should be {wanted.name}")
    return key


def len_(item: object) -> int:
    """``len``: bytes of a string, elements of a list or map."""
    if type(item) is Boxed:
        if item.value is None:
            raise Fault("len of nil pointer")
        item = item.value
    if isinstance(item, str):
        return length(item)
    if isinstance(item, (Slice, Map)):
        return len(item.items)
    if item is INVALID:
        raise Fault("reflect: call of reflect.Value.Type on zero Value")
    raise Fault(f"len of type {_pointed_at(item)}")


def _pointed_at(value: object) -> str:
    """The type of a value, or of what it points at."""
    return type_name(value).removeprefix("*")


# --- comparison


def _basic(value: object) -> str:
    """The class in which values compare; empty for everything but numbers, strings and booleans."""
    kind = kind_of(value)
    if kind in ("bool", "string"):
        return kind
    if kind.startswith("uint"):
        return "uint"
    return {"int": "int", "int64": "int", "float64": "float", "complex128": "complex"}.get(kind, "")


def eq(budget: Budget, first: object, *others: object) -> bool:
    """``eq a b c``: whether *a* equals any of the others."""
    first = unbox(first)
    if not others:
        raise Fault("missing argument for comparison")
    return any(_equal(budget, first, unbox(other)) for other in others)


def _equal(budget: Budget, a: object, b: object) -> bool:
    class_a, class_b = _basic(a), _basic(b)
    if class_a != class_b and not (class_a in _INTEGERS and class_b in _INTEGERS):
        if a is not INVALID and b is not INVALID:
            raise Fault(f"incompatible types for comparison: {type_name(a)} and {type_name(b)}")
        return False
    if class_a:
        return bool(a == b)
    if a is not INVALID and b is not INVALID and kind_of(a) != kind_of(b):
        shown = sprint(budget, plain(b))
        raise Fault(f"non-comparable types {sprintf(budget, '%s', a)}: {type_name(a)}, {type_name(b)}: {shown}")
    if is_nil(a) or is_nil(b):
        return is_nil(a) == is_nil(b)
    if not _comparable(type_of(b)):
        raise Fault(f"non-comparable type {sprintf(budget, '%s', b)}: {type_name(b)}")
    if type_of(a) is not type_of(b):
        return False
    return a is b if type_of(a).kind == "ptr" else list(field_values(a)) == list(field_values(b))


def _comparable(type_: Type) -> bool:
    return type_.comparable and all(_comparable(field.type) for field in type_.fields)


def ne(budget: Budget, a: object, b: object) -> bool:
    """``ne``."""
    return not eq(budget, a, b)


def _less(a: object, b: object, compare: Callable[[Any, Any], bool]) -> bool:
    a, b = unbox(a), unbox(b)
    class_a, class_b = _basic(a), _basic(b)
    if not class_a or not class_b:
        raise Fault(_BAD_COMPARISON)
    if class_a != class_b and not (class_a in _INTEGERS and class_b in _INTEGERS):
        raise Fault(f"incompatible types for comparison: {type_name(a)} and {type_name(b)}")
    if class_a in ("bool", "complex"):
        raise Fault(_BAD_COMPARISON)
    if isinstance(a, str) and isinstance(b, str):
        return compare(encode(a), encode(b))
    return compare(a, b)


def lt(a: object, b: object) -> bool:
    """``lt``."""
    return _less(a, b, operator.lt)


def le(a: object, b: object) -> bool:
    """``le``."""
    return _less(a, b, operator.le)


def gt(a: object, b: object) -> bool:
    """``gt``, which Go has as not ``le``: so it is true where one of them is not a number."""
    return not le(a, b)


def ge(a: object, b: object) -> bool:
    """``ge``, which Go has as not ``lt``."""
    return not lt(a, b)


# --- escaping


def _text_of(budget: Budget, args: tuple[object, ...]) -> str:
    if len(args) == 1 and isinstance(args[0], str):
        return args[0]
    return sprint(budget, *("<no value>" if arg is None else arg for arg in args))


def html(budget: Budget, *args: object) -> str:
    """``html``."""
    text = _text_of(budget, args)
    budget.size(length(text) + 4 * sum(map(text.count, "\"'&<>\0")))
    return text.translate(_HTML)


def js(budget: Budget, *args: object) -> str:
    """``js``: for the inside of a JavaScript string."""
    text = _text_of(budget, args)
    budget.size(length(text))
    return "".join([_JS.get(char) or _js(char) for char in text])


def _js(char: str) -> str:
    if char < " ":
        return f"\\u00{ord(char):02X}"
    return char if char < "\x80" or char.isprintable() or is_broken(char) else f"\\u{ord(char):04X}"


def urlquery(budget: Budget, *args: object) -> str:
    """``urlquery``: for a value in a URL's query."""
    text = _text_of(budget, args)
    budget.size(3 * length(text))
    return quote_from_bytes(encode(text), safe=" -_.~").replace(" ", "+")
