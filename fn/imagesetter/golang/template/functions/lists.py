"""sprig's list functions (sprig v3.3.0 list.go). Each ``mustX`` differs from X only in how Go passes the error on.

Go's nil where a list is wanted is a nil pointer dereference there, and is reported as one.
"""

from __future__ import annotations

import math
from typing import Any

from imagesetter.golang.budget import MAX_TEXT, Budget
from imagesetter.golang.errors import Fault, LimitReached
from imagesetter.golang.template.functions.types import to_int64
from imagesetter.golang.values import INTS, LIST, Slice, deep_equal, kind_of, slice_of, truth

_NIL_POINTER = "runtime error: invalid memory address or nil pointer dereference"


def _items(value: object, doing: str) -> list[Any]:
    """The elements of a list, whatever their type."""
    if isinstance(value, Slice):
        return value.items
    if value is None:
        raise Fault(_NIL_POINTER)
    raise Fault(f"Cannot {doing} type {kind_of(value)}")


def list_(*values: object) -> Slice:
    """``list`` and ``tuple``."""
    return Slice(LIST, list(values))


def push(values: object, value: object) -> Slice:
    """``append`` and ``push``: a new list with one more element."""
    return Slice(LIST, [*_items(values, "push on"), value])


def prepend(values: object, value: object) -> Slice:
    """``prepend``: a new list with one more element in front."""
    return Slice(LIST, [value, *_items(values, "prepend on")])


def first(values: object) -> object:
    """``first``: nil of an empty list."""
    items = _items(values, "find first on")
    return items[0] if items else None


def last(values: object) -> object:
    """``last``: nil of an empty list."""
    items = _items(values, "find last on")
    return items[-1] if items else None


def rest(values: object) -> Slice:
    """``rest``: all but the first."""
    return Slice(LIST, _items(values, "find rest on")[1:] or _none_if_empty(values))


def initial(values: object) -> Slice:
    """``initial``: all but the last."""
    return Slice(LIST, _items(values, "find initial on")[:-1] or _none_if_empty(values))


def _none_if_empty(values: object) -> list[Any] | None:
    return [] if truth(values) else None


def reverse(values: object) -> Slice:
    """``reverse``: a new list in the opposite order."""
    return Slice(LIST, _items(values, "find reverse on")[::-1])


def compact(values: object) -> Slice:
    """``compact``: without empty elements."""
    return Slice(LIST, [item for item in _items(values, "compact on") if truth(item)])


def uniq(budget: Budget, values: object) -> Slice:
    """``uniq``: each value once, where it came first."""
    kept: list[Any] = []
    for item in _items(values, "find uniq on"):
        if not _contains(budget, kept, item):
            kept.append(item)
    return Slice(LIST, kept)


def without(budget: Budget, values: object, *unwanted: object) -> Slice:
    """``without``: the elements that are none of the others."""
    items = _items(values, "find without on")
    return Slice(LIST, [item for item in items if not _contains(budget, unwanted, item)])


def has(budget: Budget, wanted: object, values: object) -> bool:
    """``has``: whether the list holds the value, of the same type."""
    return values is not None and _contains(budget, _items(values, "find has on"), wanted)


def _contains(budget: Budget, items: list[Any] | tuple[object, ...], wanted: object) -> bool:
    return any(deep_equal(wanted, item, budget) for item in items)


def slice_(values: object, *bounds: object) -> object:
    """``slice $list 1 3``: elements 1 and 2; it takes the place of Go's own ``slice``, so strings are refused."""
    if values is None:
        raise Fault(_NIL_POINTER)
    if not isinstance(values, Slice):
        raise Fault(f"list should be type of slice or array but {kind_of(values)}")
    size = len(values.items)
    if not size:
        return None
    start = to_int64(bounds[0]) if bounds else 0
    end = to_int64(bounds[1]) if len(bounds) > 1 else size
    if not 0 <= start <= end <= size:
        raise Fault("reflect.Value.Slice: slice index out of bounds")
    return Slice(values.go_type, values.items[start:end])


def chunk(size: int, values: object) -> Slice:
    """``chunk 3``: lists of three. A negative size is an error, but for lists that sprig's arithmetic lets pass."""
    items = _items(values, "chunk")
    if size < -1 and len(items) == 1:
        size = 1
    if size < 1 and not (size < 0 and 2 <= len(items) <= 1 - size):
        raise Fault("runtime error: makeslice: len out of range")
    starts = range(0, len(items), size) if size > 0 else ()
    return Slice(slice_of(LIST), [Slice(LIST, items[start : start + size]) for start in starts])


def concat(budget: Budget, *lists: object) -> object:
    """``concat``: one list of the elements of all."""
    out: list[Any] = []
    for values in lists:
        if values is not None and not isinstance(values, Slice):
            raise Fault(f"Cannot concat type {kind_of(values)} as list")
        items = _items(values, "concat")
        budget.size(len(items))
        out += items
    return Slice(LIST, out or None)


# --- numbers


def until(count: int) -> Slice:
    """``until 3``: 0, 1, 2."""
    return until_step(0, count, -1 if count < 0 else 1)


def until_step(start: int, stop: int, step: int) -> Slice:
    """``untilStep 3 9 2``: 3, 5, 7."""
    return Slice(INTS, numbers(start, stop, step))


def numbers(start: int, stop: int, step: int) -> list[int]:
    """The numbers from *start* up to *stop*, which is not among them; none if the step leads away."""
    if (stop < start) != (step < 0) or step == 0:
        return []
    if math.ceil(abs(stop - start) / abs(step)) > MAX_TEXT // 8:
        raise LimitReached(f"the template makes a list of more than {MAX_TEXT // 8:,} numbers")
    return list(range(start, stop, step))


def seq(*params: int) -> str:
    """``seq 2 2 8`` is ``2 4 6 8``: start, step, end; as the command ``seq``."""
    if not 1 <= len(params) <= 3:
        return ""
    start = params[0] if len(params) > 1 else 1
    end = params[-1]
    away = -1 if end < start else 1
    step = params[1] if len(params) == 3 else away
    if len(params) == 3 and end < start and step > 0:
        return ""
    return " ".join(map(str, numbers(start, end + away, step)))
