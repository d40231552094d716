"""The data that a caller changes: mappings and lists that remember where their parts come from.

They are ``dict`` and ``list`` in all that a caller does with them. A mapping also remembers renamed keys, and a list,
for each of its items, at which place it was when it was read: two equal numbers have the same identity in Python, but
the comments behind them are two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsIndex, TypeVar, cast

from krm_functions.errors import SpliceError
from krm_functions.yaml.field_path import FieldPath, format_path

_T = TypeVar("_T")


class EditableMapping(dict[str, Any]):
    """A mapping of a resource; change it as any ``dict``."""

    __slots__ = ("renamed",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.renamed: dict[str, str] = {}  # old names by new ones

    def rename(self, old: str, new: str) -> None:
        """Give a key another name; its place, its value and its comments stay.

        Raises:
            KeyError: the mapping has no such key, or has the new one already.
        """
        if old not in self:
            raise KeyError(old)
        if new in self:
            raise KeyError(f"{new} is there already")
        entries = [(new if key == old else key, value) for key, value in self.items()]
        super().clear()
        super().update(entries)
        self.renamed[new] = self.renamed.pop(old, old)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # a copy is plain data


class EditableList(list[Any]):
    """A list of a resource; change it as any ``list``.

    Attributes:
        origins: for each item the index at which it was read, or None for a new one.
    """

    __slots__ = ("_popped", "origins")

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__(values)
        self.origins: list[int | None] = [None] * len(self)
        self._popped: list[tuple[Any, int | None]] = []

    def begin(self) -> None:
        """Take the present items for those that were read."""
        self.origins = list(range(len(self)))

    def append(self, value: Any) -> None:
        """As of a list."""
        super().append(value)
        self.origins.append(self._origin(value))

    def extend(self, values: Iterable[Any]) -> None:
        """As of a list."""
        super().extend(values)
        self.origins += [None] * (len(self) - len(self.origins))

    def __iadd__(self, values: Iterable[Any]) -> EditableList:  # type: ignore[misc]
        self.extend(values)
        return self

    def __imul__(self, times: SupportsIndex) -> EditableList:
        super().__imul__(times)
        self.origins = [*self.origins[: len(self)], *[None] * (len(self) - len(self.origins))]
        return self

    def insert(self, index: SupportsIndex, value: Any) -> None:
        """As of a list."""
        super().insert(index, value)
        self.origins.insert(index, self._origin(value))

    def pop(self, index: SupportsIndex = -1) -> Any:
        """As of a list."""
        value = super().pop(index)
        self._popped.append((value, self.origins.pop(index)))
        return value

    def _origin(self, value: Any) -> int | None:
        """Where a value that was popped and comes back was read."""
        for number, (popped, origin) in enumerate(self._popped):
            if popped is value:
                del self._popped[number]
                return origin
        return None

    def remove(self, value: Any) -> None:
        """As of a list."""
        del self[self.index(value)]

    def clear(self) -> None:
        """As of a list."""
        super().clear()
        self.origins.clear()

    def reverse(self) -> None:
        """As of a list."""
        super().reverse()
        self.origins.reverse()

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """As of a list."""
        order = sorted(range(len(self)), key=lambda at: key(self[at]) if key else self[at], reverse=reverse)
        values, origins = list(self), self.origins
        super().__setitem__(slice(None), [values[at] for at in order])
        self.origins = [origins[at] for at in order]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            value = list(value)
            places = range(*index.indices(len(self)))
            before = {id(self[at]): self.origins[at] for at in places if isinstance(self[at], (dict, list))}
            same_size = len(places) == len(value)
            kept = [self.origins[at] for at in places] if same_size else [None] * len(value)
            # What only changes its place within the slice is known by its identity.
            if before:
                kept = [before.get(id(each)) for each in value]
            super().__setitem__(index, value)
            self.origins[index] = kept
        else:
            super().__setitem__(index, value)

    def __delitem__(self, index: Any) -> None:
        super().__delitem__(index)
        del self.origins[index]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)  # a copy is plain data


def is_mapping(value: object) -> bool:
    """Whether a value is written as a YAML mapping."""
    return isinstance(value, (dict, Mapping))  # to ask whether something is a Mapping takes long


def is_list(value: object) -> bool:
    """Whether a value is written as a YAML list."""
    return isinstance(value, (list, tuple))


def check(value: object, path: FieldPath = ()) -> None:
    """Refuse what YAML cannot say, and what contains itself.

    Raises:
        SpliceError: with the path of the value.
    """
    try:
        _check(value, path)
    except RecursionError as err:
        raise SpliceError("the data is nested too deeply, or contains itself", where=format_path(path[:8])) from err


def _check(value: object, path: FieldPath) -> None:
    if value is None or isinstance(value, (str, bool, int, float)):
        return
    if isinstance(value, (dict, Mapping)):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise SpliceError(
                    f"the key {key!r} is a {type(key).__name__}, expected a string", where=format_path(path)
                )
            _check(inner, (*path, key))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            _check(inner, (*path, number))
    else:
        raise SpliceError(
            f"a {type(value).__name__} cannot be written as YAML", where=format_path(path), hint="write it as a string"
        )


def same(left: object, right: object) -> bool:
    """Whether two values are the same data; the order of keys is none, ``1``, ``1.0`` and ``True`` are three."""
    if isinstance(left, str):
        return isinstance(right, str) and left == right
    if isinstance(left, (dict, Mapping)):
        return (
            isinstance(right, (dict, Mapping))
            and len(left) == len(right)
            and all(key in right and same(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, (list, tuple)):
        return isinstance(right, (list, tuple)) and len(left) == len(right) and all(map(same, left, right))
    if isinstance(right, (dict, list, tuple, Mapping)):
        return False
    return left is right or same_scalar(left, right)


def same_scalar(left: object, right: object) -> bool:
    """Whether two scalars are the same data."""
    if isinstance(left, str) or isinstance(right, str):
        return isinstance(left, str) and isinstance(right, str) and left == right
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, float) or isinstance(right, float):
        return isinstance(left, float) and isinstance(right, float) and repr(float(left)) == repr(float(right))
    return left == right


def plain(value: _T) -> _T:
    """A copy as plain dictionaries, lists and scalars of Python's own."""
    return cast("_T", _plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (dict, Mapping)):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value)
