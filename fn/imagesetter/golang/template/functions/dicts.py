"""sprig's dictionary functions (sprig v3.3.0 dict.go; merging as mergo v1.0.1 merges ``map[string]interface{}``).

``set``, ``unset`` and ``merge`` change the dictionary they are given, as in Go.

Departures: ``keys`` and ``values`` are in the order of the keys, where Go's order is random; ``deepCopy`` of a value
inside itself ends in an error instead of a crash, and a copied image stays what it is (Go's copy loses it).
"""

from __future__ import annotations

from typing import Any

from imagesetter.golang.budget import MAX_TEXT, Budget
from imagesetter.golang.errors import Fault, LimitReached
from imagesetter.golang.strings import encode
from imagesetter.golang.template.functions.types import text_of
from imagesetter.golang.values import DICT, LIST, STRINGS, Map, Slice, truth, type_name


def dict_(budget: Budget, *values: object) -> Map:
    """``dict "name" "x" "tag" "1"``: keys and values in turn; a last key alone gets the empty text."""
    keys = [text_of(budget, key) for key in values[::2]]
    return Map(DICT, dict(zip(keys, [*values[1::2], *[""] * (len(values) % 2)], strict=True)))


def get(data: Map, key: str) -> object:
    """``get``: the empty text for a missing key."""
    return data.items.get(key, "")


def set_(data: Map, key: str, value: object) -> Map:
    """``set``: puts the value into the dictionary and returns the dictionary."""
    if data.nil:
        raise Fault("assignment to entry in nil map")
    if len(data.items) >= MAX_TEXT:
        raise LimitReached(f"the template makes a dictionary of more than {MAX_TEXT:,} keys")
    data.items[key] = value
    return data


def unset(data: Map, key: str) -> Map:
    """``unset``: takes the key out of the dictionary and returns the dictionary."""
    data.items.pop(key, None)
    return data


def has_key(data: Map, key: str) -> bool:
    """``hasKey``."""
    return key in data.items


def pluck(key: str, *dicts: Map) -> Slice:
    """``pluck "name" $a $b``: the key's values in all dictionaries that have it."""
    return Slice(LIST, [data.items[key] for data in dicts if key in data.items])


def keys(*dicts: Map) -> Slice:
    """``keys``: of one dictionary after the other, each in order."""
    return Slice(STRINGS, [key for data in dicts for key in sorted(data.items, key=encode)])


def values(data: Map) -> Slice:
    """``values``: in the order of the keys."""
    return Slice(LIST, [value for _, value in data.sorted()])


def pick(data: Map, *wanted: str) -> Map:
    """``pick``: a new dictionary with these keys only."""
    return Map(DICT, {key: data.items[key] for key in wanted if key in data.items})


def omit(data: Map, *unwanted: str) -> Map:
    """``omit``: a new dictionary without these keys."""
    return Map(DICT, {key: value for key, value in data.items.items() if key not in unwanted})


def dig(*path: object) -> object:
    """``dig "a" "b" "default" $dict``: what is at a path of keys, or the default."""
    if len(path) < 3:
        raise Fault("dig needs at least three arguments")
    *names, default, found = path
    _as_dict(found)
    for name in names:
        if not isinstance(name, str):
            raise Fault(f"interface conversion: interface {{}} is {_shown(name)}, not string")
    for name in names:
        items = _as_dict(found).items
        if name not in items:
            return default
        found = items[name]
    return found


def _as_dict(value: object) -> Map:
    if isinstance(value, Map) and value.go_type is DICT:
        return value
    raise Fault(f"interface conversion: interface {{}} is {_shown(value)}, not map[string]interface {{}}")


def _shown(value: object) -> str:
    return "nil" if value is None else type_name(value)


# --- merging and copying


def merge(budget: Budget, target: Map, *sources: Map) -> Map:
    """``merge``: fills what is missing or empty in the first dictionary from the others, deeply."""
    return _merged(budget, target, sources, overwrite=False)


def merge_overwrite(budget: Budget, target: Map, *sources: Map) -> Map:
    """``mergeOverwrite``: the later dictionary wins, deeply."""
    return _merged(budget, target, sources, overwrite=True)


def _merged(budget: Budget, target: Map, sources: tuple[Map, ...], *, overwrite: bool) -> Map:
    if target.nil:
        target = Map(DICT, {})
    for source in sources:
        _merge(budget, target.items, source.items, overwrite=overwrite)
    return target


def _merge(budget: Budget, target: dict[str, Any], source: dict[str, Any], *, overwrite: bool) -> None:
    for key, value in list(source.items()):
        budget.step()
        present = target.get(key)
        if value is None:
            if overwrite:
                target[key] = value
        elif isinstance(value, Map) and isinstance(present, Map):
            if present is not value:
                _merge(budget, present.items, value.items, overwrite=overwrite)
            if not present.items:
                target[key] = value
        elif overwrite or not truth(present):
            target[key] = value


def deep_copy(budget: Budget, value: object) -> object:
    """``deepCopy``."""
    if value is None:
        raise Fault("reflect: call of reflect.Value.Type on zero Value")
    return _copied(budget, value)


def _copied(budget: Budget, value: object) -> object:
    budget.step(4)  # a copy takes memory too
    if isinstance(value, Slice):
        return Slice(value.go_type, None if value.nil else [_copied(budget, item) for item in value.items])
    if isinstance(value, Map):
        copied = {key: _copied(budget, item) for key, item in value.items.items()}
        return Map(value.go_type, None if value.nil else copied)
    return value
