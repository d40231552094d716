"""The fields of an item by path, and its labels and annotations as mappings: each change is an edit of its text.

A path is a text such as ``spec.template.spec.containers[name=web].image`` (`krm_functions.yaml.field_path` has the
grammar), or a tuple of keys and indexes, as `Fields.find` gives it. Where a text names several fields (``[*]``), all of
them are meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from krm_functions import annotations as notes
from krm_functions.errors import ResourceError
from krm_functions.yaml.field_path import AnyKey, FieldPattern, Index, Key, find, parse_path

if TYPE_CHECKING:
    from krm_functions.editing import ItemEdits
    from krm_functions.naming import Naming
    from krm_functions.yaml.field_path import FieldPath, Step
    from krm_functions.yaml.structure.remarks import Kind


class Fields:
    """What an item offers to read and change its fields; all of it sees the changes made before."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def _named(self) -> Naming:
            """What it is called now."""

        def edit(self) -> AbstractContextManager[MutableMapping[str, Any]]:
            """The data, to be changed."""

        @property
        def edits(self) -> ItemEdits:
            """The edits so far, to which others are added."""

        def set_comment(self, path: FieldPath, kind: Kind, comment: str) -> None:
            """Set the comment of one field."""

        def peek(self) -> Mapping[str, Any]:
            """The data as they are now, not to be changed."""

        def texts(self, field: str) -> Mapping[str, str]:
            """Its labels or annotations as they are now."""

        def where(self, path: FieldPath) -> str:
            """The item and a path in it, for an error."""

    @property
    def api_version(self) -> str:
        """Its apiVersion; empty where the resource does not say it, and so are the next three."""
        return self._named.api_version

    @api_version.setter
    def api_version(self, value: str) -> None:
        self.set(("apiVersion",), value)

    @property
    def kind(self) -> str:
        """Its kind."""
        return self._named.kind

    @kind.setter
    def kind(self, value: str) -> None:
        self.set(("kind",), value)

    @property
    def name(self) -> str:
        """Its name."""
        return self._named.name

    @name.setter
    def name(self, value: str) -> None:
        self.set(("metadata", "name"), value)

    @property
    def namespace(self) -> str:
        """Its namespace; set to an empty text, it goes."""
        return self._named.namespace

    @namespace.setter
    def namespace(self, value: str) -> None:
        if not value:
            self.remove(("metadata", "namespace"))
        elif value != self.namespace:
            with self.edit() as data:
                metadata = _mapping_at(self, data, "metadata")
                if "namespace" not in metadata and "name" in metadata:  # it is behind the name
                    behind = list(metadata.items())
                    at = [key for key, _ in behind].index("name") + 1
                    metadata.clear()
                    metadata.update([*behind[:at], ("namespace", value), *behind[at:]])
                metadata["namespace"] = value

    @property
    def labels(self) -> Texts:
        """Its labels; change them as any mapping."""
        return Texts(self, "labels")

    @property
    def annotations(self) -> Texts:
        """Its annotations, likewise; those of the orchestrator cannot be changed."""
        return Texts(self, "annotations")

    def find(self, path: str | FieldPath) -> list[FieldPath]:
        """The fields that a path names, in their order; empty where there is none.

        Raises:
            UsageError: the text is not a path.
        """
        return find(self.peek(), FieldPattern("", _steps(path)))

    def get(self, path: str | FieldPath, default: Any = None) -> Any:
        """The value of the first field that a path names, *default* where there is none; a mapping or list as a copy.

        Raises:
            UsageError: the text is not a path.
        """
        found = self.find(path)
        return _copied(_at(self.peek(), found[0])) if found else default

    def set(self, path: str | FieldPath, value: Any) -> int:
        """Give the fields that a path names a value, and make the mappings on the way where they are missing.

        Returns:
            how many fields have it now; 0 where ``[name=web]`` or ``[*]`` finds no item.

        Raises:
            ResourceError: the path leads through a scalar or to an index that does not exist.
            UsageError: the text is not a path.
            SpliceError: as `edit`.
        """
        *before, last = _steps(path)
        with self.edit() as data:
            places: list[tuple[FieldPath, Any]] = [((), data)]
            for step in before:
                places = [below for place in places for below in self._entered(*place, step)]
            found = [(node, key) for place, node in places for key in self._keys(place, node, last)]
            for node, key in found:
                node[key] = _copied(value)
        return len(found)

    def remove(self, path: str | FieldPath, *, prune: bool = False) -> int:
        """Remove the fields that a path names, each with its comments, and say how many there were.

        Args:
            path: the fields.
            prune: remove the mappings and lists, too, that are empty then.

        Raises:
            UsageError: the text is not a path.
            SpliceError: as `edit`.
        """
        found = self.find(path)
        if found:
            with self.edit() as data:
                for place in reversed(found):
                    while place:
                        *parent, key = place
                        node = _at(data, tuple(parent))
                        del node[key]
                        place = () if node or not prune else tuple(parent)
        return len(found)

    def upsert(self, path: str | FieldPath, entry: Mapping[str, Any], key: str = "name") -> bool:
        """Make an entry part of a list: in place of the one that has the same *key*, else behind the others.

        An entry that is there keeps the text of all that does not change.

        Returns:
            whether it is new.

        Raises:
            ResourceError: there is something else than a list.
            UsageError, SpliceError: as `set`.
        """
        with self.edit() as data:
            if not self.find(path):
                self.set(path, [])
            (place, *_) = self.find(path)
            entries = _at(data, place)
            if not isinstance(entries, list):
                raise ResourceError("is not a list", where=self.where(place))
            for old in entries:
                if isinstance(old, dict) and old.get(key) == entry[key]:
                    for name in [name for name in old if name not in entry]:
                        del old[name]
                    old.update(_copied(dict(entry)))
                    return False
            entries.append(_copied(dict(entry)))
        return True

    def paths(self) -> Iterator[FieldPath]:
        """The paths of all scalars, in their order."""
        yield from _paths(self.peek(), ())

    def line_comment(self, path: str | FieldPath) -> str:
        """The comment behind the first field that a path names, without its ``#``; empty where there is none.

        Of a field whose value begins on the next line it is the one behind the colon.

        Raises:
            UsageError: the text is not a path.
        """
        found = self.find(path)
        return self.edits.comment(found[0], "line") if found else ""

    def head_comment(self, path: str | FieldPath) -> str:
        """The comment lines directly above the first field that a path names, without their ``#``; likewise."""
        found = self.find(path)
        return self.edits.comment(found[0], "head") if found else ""

    def set_line_comment(self, path: str | FieldPath, comment: str) -> None:
        """Set the comment behind the fields that a path names; an empty one takes it away.

        Raises:
            ResourceError: there is no such field, or the resource is JSON.
            SpliceError: it is in a collection on one line, or the comment has several lines.
            UsageError: the text is not a path.
        """
        self._comment(path, "line", comment)

    def set_head_comment(self, path: str | FieldPath, comment: str) -> None:
        """Set the comment above the fields that a path names, of one or several lines; an empty one takes it away.

        Raises:
            ResourceError, UsageError: as `set_line_comment`.
            SpliceError: it is in a flow collection.
        """
        self._comment(path, "head", comment)

    def _comment(self, path: str | FieldPath, kind: Kind, comment: str) -> None:
        found = self.find(path)
        if not found:
            raise ResourceError("does not exist", where=self.where(path if isinstance(path, tuple) else (path,)))
        if _is_json(self.edits.text):
            raise ResourceError("is JSON, which has no comments", where=self.where(found[0]))
        for place in found:
            self.set_comment(place, kind, comment)

    def _entered(self, place: FieldPath, node: Any, step: Step) -> Iterator[tuple[FieldPath, Any]]:
        """What a step of a path leads to; a mapping is made where a key is missing or empty."""
        for key in self._keys(place, node, step):
            if isinstance(node, dict) and node.get(key) is None:
                node[key] = {}
            yield (*place, key), node[key]

    def _keys(self, place: FieldPath, node: Any, step: Step) -> list[Any]:
        """The keys or indexes that a step names; a key need not exist."""
        match step:
            case Key(name) if isinstance(node, dict):
                return [name]
            case Index(number) if isinstance(node, list) and number >= len(node):
                raise ResourceError("does not exist", where=self.where((*place, number)))
            case Key() | AnyKey() if not isinstance(node, dict):
                raise ResourceError("is not a mapping, and has no fields", where=self.where(place))
            case _ if not isinstance(node, dict if isinstance(step, Key | AnyKey) else list):
                raise ResourceError("is not a list, and has no items", where=self.where(place))
            case _:
                return [path[-1] for path in find(node, FieldPattern("", (step,)))]


class Texts(MutableMapping[str, str]):
    """The labels or annotations of an item; a number or a boolean is read as YAML writes it.

    The mapping that they are in is made with the first one and goes with the last.
    """

    __slots__ = ("_field", "_item")

    def __init__(self, item: Fields, field: str) -> None:
        self._item = item
        self._field = field

    def __getitem__(self, key: str) -> str:
        return self._item.texts(self._field)[key]

    def __contains__(self, key: object) -> bool:
        return key in self._item.texts(self._field)

    def __iter__(self) -> Iterator[str]:
        return iter(self._item.texts(self._field))

    def __len__(self) -> int:
        return len(self._item.texts(self._field))

    def __repr__(self) -> str:
        return repr(dict(self._item.texts(self._field)))

    def __setitem__(self, key: str, value: str) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._check(key)
        with self._item.edit() as data:
            del data["metadata"][self._field][key]
            if not data["metadata"][self._field]:
                del data["metadata"][self._field]

    def update(self, *others: Any, **more: str) -> None:
        """Set several at once, which is one edit."""
        wanted = {key: value for key, value in dict(*others, **more).items() if self.get(key) != value}
        for key, value in wanted.items():
            self._check(key)
            if not isinstance(value, str):
                raise ResourceError(f"must be a string, not {value!r}", where=self._where(key))
        if wanted:
            with self._item.edit() as data:
                _mapping_at(self._item, data, "metadata", self._field).update(wanted)

    def clear(self) -> None:
        """Remove all of them."""
        with self._item.edit():
            super().clear()

    def _where(self, key: str) -> str:
        return self._item.where(("metadata", self._field, key))

    def _check(self, key: str) -> None:
        if self._field == "annotations" and notes.is_internal(key):
            raise ResourceError(
                "belongs to kpt and kustomize, and a function must not change it", where=self._where(key)
            )


def _mapping_at(item: Fields, data: MutableMapping[str, Any], *path: str) -> MutableMapping[str, Any]:
    """The mapping at a path, made where there is none."""
    for number, key in enumerate(path, 1):
        if data.get(key) is None:
            data[key] = {}
        if not isinstance(data[key], dict):
            raise ResourceError("is not a mapping", where=item.where(path[:number]))
        data = data[key]
    return data


def _steps(path: str | FieldPath) -> tuple[Step, ...]:
    if isinstance(path, str):
        return parse_path(path).steps
    return tuple(Index(step) if isinstance(step, int) else Key(step) for step in path)


def _copied(value: Any) -> Any:
    from copy import deepcopy  # few runs need it

    return deepcopy(value)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _at(data: Any, path: FieldPath) -> Any:
    for step in path:
        data = data[step]
    return data


def _paths(value: Any, path: FieldPath) -> Iterator[FieldPath]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _paths(inner, (*path, number))
    elif not isinstance(value, dict | list):
        yield path
