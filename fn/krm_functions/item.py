"""One resource of a ResourceList: what it is called, where it comes from, and its text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from krm_functions import annotations as notes
from krm_functions.annotations import Identity, OriginId
from krm_functions.errors import ResourceError, ResourceListError, TextError
from krm_functions.fields import Fields
from krm_functions.layout import NO_MORE, Layout
from krm_functions.result import File, ResourceRef
from krm_functions.scope import Scope, built_in_scope

if TYPE_CHECKING:
    from krm_functions.editing import ItemEdits
    from krm_functions.yaml.field_path import FieldPath
    from krm_functions.yaml.scan_result import NodeSpan, Scalar
    from krm_functions.yaml.structure.editable import EditableMapping
    from krm_functions.yaml.structure.remarks import Kind

_NAMING: Final = frozenset({"apiVersion", "kind", "metadata", "<<"})
"""The fields of a resource that say what it is called."""
_MOST_KEPT: Final = 1000
"""For how many items of one list the scalars are kept; those of 10,000 Deployments would take more than 100 MiB."""


class ListText:
    """The text that the items are parts of. It is read as a whole only for items that repeat a node of another one."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.edited: dict[int, Item] = {}  # the items that were edited, by their number
        self.scanned: dict[int, tuple[Scalar, ...]] = {}  # the scalars of items by their number, see Item.scalars
        self.loaded: dict[int, Mapping[str, Any]] = {}  # the data of items that were read, see Item.peek
        self.items: tuple[Item, ...] = ()
        self.files: Mapping[int, File] = {}  # where each item was read from, when a function is run by hand
        self.top = ""  # the package path of the outermost package

    def copy(self, *path: str | int) -> Any:
        """The data at a place, for the caller to keep.

        Raises:
            TextError: the list is YAML but no data, or the data is nested too deeply.
        """
        import copy

        data = self._data
        for step in path:
            data = data[step]
        try:
            return copy.deepcopy(data)
        except RecursionError as err:
            raise TextError("data is nested too deeply", where=self.name) from err

    @cached_property
    def _data(self) -> Any:
        from krm_functions.yaml.load import load

        return load(self.text, name=self.name)

    @cached_property
    def scopes(self) -> Mapping[tuple[str, str], Scope]:
        """The scope of each kind that a CustomResourceDefinition among the items defines, by group and kind."""
        found: dict[tuple[str, str], Scope] = {}
        for item in self.items:
            if item.is_gvk("apiextensions.k8s.io", None, "CustomResourceDefinition"):
                spec = _mapping(item.load().get("spec"))
                if (scope := spec.get("scope")) in ("Cluster", "Namespaced"):
                    found[_text(spec.get("group")), _text(_mapping(spec.get("names")).get("kind"))] = scope
        return found

    @cached_property
    def anchors(self) -> tuple[tuple[int, str, Any], ...]:
        """Where each anchor is defined, its name and its data, in order."""
        from krm_functions.yaml.structure.reading import read
        from krm_functions.yaml.structure.tree import pristine

        tree = read(self.text, name=self.name)
        return tuple((node.start, node.anchor, pristine(node)) for node in tree.nodes() if node.anchor)

    @cached_property
    def scalars(self) -> dict[int, list[Scalar]]:
        """The scalar values of each item, with their paths from the item's root."""
        from krm_functions.yaml.scan import scalars

        found: dict[int, list[Scalar]] = {}
        for scalar in scalars(self.text):
            if scalar.path[:1] == ("items",):
                found.setdefault(int(scalar.path[1]), []).append(scalar._replace(path=scalar.path[2:]))
        return found


class Naming(NamedTuple):
    """What a resource says of itself; a text that it does not say is empty."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotations: Mapping[str, str] = MappingProxyType({})
    labels: Mapping[str, str] = MappingProxyType({})


class Item(Fields):
    """One resource, as a part of the ResourceList's text.

    Name, kind, annotations and labels are read while the list is; everything else only when asked for. All of them,
    `load` and `text` too, say what the edits so far have made of the item; only `scalars` and the offsets are those of
    the text that was read.

    Attributes:
        number: its position among the items, from 0.
        start: where its text starts in the list's text, in code points; ``text[start:end]`` is the resource.
        end: where it ends. Comments behind its last value are outside.
        line: the line of the list on which it starts, from 1.
        column: the column at which it starts, from 0.
        margin: how far its further lines are indented; 0 for a flow mapping.
        whole: the list's text.
        borrows: whether it repeats a node that stands outside its own text.
    """

    __slots__ = ("_edits", "_naming", "borrows", "column", "end", "line", "margin", "number", "start", "whole")

    def __init__(
        self,
        naming: Naming,
        whole: ListText,
        *,
        number: int,
        start: int,
        end: int,
        line: int,
        column: int,
        margin: int,
        borrows: bool = False,
    ) -> None:
        self.number: Final = number
        self.start: Final = start
        self.end: Final = end
        self.line: Final = line
        self.column: Final = column
        self.margin: Final = margin
        self.whole: Final = whole
        self.borrows: Final = borrows
        self._naming = naming
        self._edits: ItemEdits | None = None

    @property
    def _named(self) -> Naming:
        edits = self._edits
        if edits is not None and edits.is_open:
            return naming_of(edits.data)
        return self._naming

    def texts(self, field: str) -> Mapping[str, str]:
        """Its labels or annotations as they are now."""
        found: Mapping[str, str] = getattr(self._named, field)
        return found

    def peek(self) -> Mapping[str, Any]:
        """The resource's data as they are now, for those who do not change them; see `load`."""
        if self._edits is not None and self._edits.data:
            return self._edits.data
        known = self.whole.loaded.get(self.number)
        if known is None:
            known = self.load()
            if len(self.whole.loaded) < _MOST_KEPT:
                self.whole.loaded[self.number] = known
        return known

    def where(self, path: FieldPath) -> str:
        """The item and a path in it, for an error."""
        from krm_functions.yaml.field_path import format_path

        return f"{self.ref} {format_path(path)}".strip()

    @property
    def text(self) -> str:
        """The resource as it is written, its first line indented like the others, so that it is YAML by itself.

        Once it was edited, the comments below it that are its own are there, too.
        """
        return self._edits.text if self._edits is not None and self._edits.is_changed else self._read_text

    @property
    def _read_text(self) -> str:
        return " " * self.margin + self.whole.text[self.start : self.end]

    @contextmanager
    def edit(self) -> Iterator[EditableMapping]:
        """The resource as mappings and lists that may be changed in any way; on leaving, the text follows.

        ::

            with item.edit() as data:
                data["metadata"]["labels"]["team"] = "five"
                del data["spec"]["replicas"]

        Only what was changed is another text: scalars keep their quotes, comments and formatting stay, what is removed
        goes with its own comments. Edits of one item follow each other, each on what the one before left; one within
        another has the same data, and the outermost one changes the text. The mappings are ``dict`` and the lists are
        ``list``; a mapping's ``rename(old, new)`` gives a key another name and leaves its place and comments alone.
        Nothing is changed where the block raises.

        Raises:
            TextError: on entering: the resource is YAML but no data, such as a key given twice.
            SpliceError: on leaving: the data cannot be written as YAML, or not as edits of this text.
            ResourceError: on leaving: an annotation of the orchestrator's own was changed.
        """
        edits = self.edits
        data = edits.begin()
        try:
            yield data
            self._keep_internal_annotations(data)
        except BaseException:
            edits.abandon()
            raise
        edits.finish()
        if not edits.is_open:
            self._changed(edits)

    def rewrite(self, data: Mapping[str, Any]) -> None:
        """Write the resource anew with other data: the last resort where `edit` refuses it, as with a key given twice.

        Comments stay where their fields do, the layout may change. It is reported as a warning.

        Raises:
            SpliceError: an edit is open, or the data cannot be written as YAML.
            ResourceError: an annotation of the orchestrator's own would change.
        """
        self._keep_internal_annotations(data)
        edits = self.edits
        edits.rewrite(data)
        self._changed(edits)

    def _changed(self, edits: ItemEdits) -> None:
        if not edits.is_open:
            self._naming = naming_of(edits.data)
            self.whole.edited[self.number] = self

    def set_comment(self, path: FieldPath, kind: Kind, comment: str) -> None:
        """Set the comment of one field; see `Fields.set_line_comment` and `Fields.set_head_comment`."""
        self.edits.set_comment(path, kind, comment)
        self._changed(self.edits)

    def _keep_internal_annotations(self, data: Mapping[str, Any]) -> None:
        """Refuse a change of what the orchestrator wrote (specification v1)."""
        before = self._naming.annotations
        after = _mapping(_mapping(data.get("metadata")).get("annotations"))
        for key in {*before, *after}:
            if notes.is_internal(key) and before.get(key) != after.get(key):
                raise ResourceError(
                    "belongs to kpt and kustomize, and a function must not change it",
                    where=self.where(("metadata", "annotations", key)),
                )

    @property
    def edits(self) -> ItemEdits:
        """What was done to the item so far."""
        if self._edits is None:
            from krm_functions.editing import ItemEdits

            self._edits = ItemEdits(self)
        return self._edits

    def outside_anchors(self) -> dict[str, Any]:
        """The data of the anchors that are defined before the item."""
        return {name: data for start, name, data in self.whole.anchors if start < self.start}

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Every name that it has had, oldest first; the last one is the current one."""
        return notes.identities(Identity(self.kind, self.name, self.namespace), self.annotations)

    @property
    def original_kind(self) -> str:
        """Its kind in the source file, before any layer of kustomize changed it."""
        return self.identities[0].kind

    @property
    def original_name(self) -> str:
        """Its name in the source file, before any prefix or suffix."""
        return self.identities[0].name

    @property
    def original_namespace(self) -> str:
        """Its namespace in the source file; ``default`` may also mean that kustomize found none there."""
        return self.identities[0].namespace

    @property
    def path(self) -> str:
        """The file that it was read from, relative to the package, or empty (always so under ``kustomize build``)."""
        known = self.whole.files.get(self.number)
        return known.path if known else notes.path(self.annotations)

    @property
    def index(self) -> int:
        """The position of its document in that file, from 0."""
        known = self.whole.files.get(self.number)
        return known.index if known else notes.document_index(self.annotations)

    @property
    def package_path(self) -> str:
        """The folder of the kpt package that it belongs to; only ``kpt fn render`` tells."""
        return self.annotations.get(notes.PACKAGE_PATH, "")

    @property
    def path_from_top(self) -> str:
        """The file as it is called from the outermost package of the list, such as ``sub/app.yaml``."""
        if not self.path or self.package_path == self.whole.top:
            return self.path
        import posixpath

        return posixpath.join(posixpath.relpath(self.package_path or ".", self.whole.top or "."), self.path)

    @property
    def is_local_config(self) -> bool:
        """Whether it is for tools only and never meant for a cluster."""
        return notes.is_local_config(self.annotations)

    def is_gvk(self, group: str | None, version: str | None, kind: str | None) -> bool:
        """Whether it has this group, version and kind; None means that any will do, and ``""`` is the core group."""
        own_group, _, own_version = self.api_version.rpartition("/")
        return group in (None, own_group) and version in (None, own_version) and kind in (None, self.kind)

    @property
    def scope(self) -> Scope:
        """``Cluster`` or ``Namespaced``; empty where neither Kubernetes nor a definition among the items says it."""
        group = self.api_version.rpartition("/")[0]
        return built_in_scope(group, self.kind) or self.whole.scopes.get((group, self.kind), "")

    @property
    def origin_id(self) -> OriginId:
        """What the resource is in the package that it comes from: kpt's upstream identifier, else its own first name.

        Raises:
            ResourceError: the annotation with which kpt says it is not ``group|kind|namespace|name``.
        """
        return notes.origin_id(self.api_version, self.identities[0], self.annotations, str(self.ref))

    @property
    def ref(self) -> ResourceRef:
        """What a result about it points to."""
        return ResourceRef(self.api_version, self.kind, self.name, self.namespace)

    @property
    def file(self) -> File | None:
        """The file that a result about it points to, or None where it is not known."""
        return File(self.path, self.index) if self.path else None

    def load(self) -> dict[str, Any]:
        """The resource as data, new at each call, so that the caller may change it.

        Raises:
            TextError: it is YAML but no data: a key given twice, a mapping as a key, an alias bomb.
        """
        if self._edits is not None and self._edits.data:
            from krm_functions.yaml.structure.editable import plain

            return plain(self._edits.data)
        if self.borrows:
            data = self.whole.copy("items", self.number)
        else:
            from krm_functions.yaml.load import load

            data = load(self._read_text, name=self.whole.name, first_line=self.line)
        assert isinstance(data, dict), "find_items lets nothing but mappings pass"
        return data

    def scalars(self) -> tuple[Scalar, ...]:
        """Every scalar value of the resource as it was read: path from its root, offsets in the list's text.

        The resource is scanned at the first call; in lists of more than 1,000 resources maybe at later ones, too.

        Raises:
            TextError: the resource is not YAML by itself.
        """
        if self.borrows:
            return tuple(self.whole.scalars.get(self.number, ()))
        known = self.whole.scanned.get(self.number)
        if known is None:
            known = self._scan()
            if len(self.whole.scanned) < _MOST_KEPT:
                self.whole.scanned[self.number] = known
        return known

    def _scan(self) -> tuple[Scalar, ...]:
        from krm_functions.yaml.scan import scalars

        shift, aside = self.start - self.margin, self.column - self.margin
        return tuple(
            scalar._replace(
                start=scalar.start + shift,
                end=scalar.end + shift,
                node=scalar.node + shift,
                line=scalar.line + self.line - 1,
                column=scalar.column + (aside if scalar.line == 1 else 0),
            )
            for scalar in scalars(self._read_text)
        )


def find_items(whole: ListText, layout: Layout) -> tuple[Item, ...]:
    """The items of a ResourceList.

    Raises:
        ResourceListError: ``items`` is not a list, or one of them is an alias or not a mapping.
        TextError: what an item is called is an alias, and the list is YAML but no data.
    """
    part = layout.parts.get("items")
    if part is None or part.scalar is not None:
        return ()
    from krm_functions.yaml.nodes import content_start

    text = whole.text
    opening = content_start(text, part.start, part.end)
    if text[opening] not in "-[":
        raise ResourceListError("items is a mapping, expected a list", where=f"{whole.name}:{part.line}")
    for alias in layout.scan.aliases:
        if alias.path[0] == "items" and len(alias.path) == 2:
            where = f"{whole.name}:{alias.line}:{alias.column}"
            raise ResourceListError(f"items[{alias.path[1]}] is an alias, expected it written out", where=where)
    nodes = [part.children[number] for number in range(len(part.children)) if number in part.children]
    rest = text[nodes[-1].end : part.end] if nodes else text[opening + (text[opening] == "[") : part.end]
    if len(nodes) < len(part.children) or not NO_MORE.fullmatch(rest):
        number = next(number for number in range(len(nodes) + 1) if number not in part.children)
        raise ResourceListError(
            f"items[{number}] is not a mapping, expected a resource", where=f"{whole.name}:{part.line}"
        )
    borrowers: set[int] = set()
    renamed: set[int] = set()
    for alias in layout.scan.aliases:
        if alias.path[0] == "items":
            number = int(alias.path[1])
            if not nodes[number].start <= alias.target < nodes[number].end:
                borrowers.add(number)
            if alias.path[2] in _NAMING:
                renamed.add(number)
    items = tuple(
        _named_by_data(item) if number in renamed else item
        for number, item in enumerate(_item(whole, node, number in borrowers) for number, node in enumerate(nodes))
    )
    whole.top = min((item.package_path for item in items if item.path), key=len, default="")
    return items


def _item(whole: ListText, node: NodeSpan, borrows: bool) -> Item:
    from krm_functions.yaml.nodes import content_start

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    names: dict[str, str] = {}
    for path, value in node.texts.items():
        if len(path) < 3:
            names[str(path[-1])] = value
        elif path[1] == "annotations":
            annotations[str(path[2])] = value
        else:
            labels[str(path[2])] = value
    return Item(
        Naming(
            names.get("apiVersion", ""),
            names.get("kind", ""),
            names.get("name", ""),
            names.get("namespace", ""),
            annotations,
            labels,
        ),
        whole,
        number=int(node.path[1]),
        start=node.start,
        end=node.end,
        line=node.line,
        column=node.column - 1,
        margin=0 if whole.text[content_start(whole.text, node.start, node.end)] == "{" else node.column - 1,
        borrows=borrows,
    )


def _named_by_data(item: Item) -> Item:
    """The item with what it is called taken from its data, since aliases stand in for some of it."""
    return Item(
        naming_of(item.load()),
        item.whole,
        number=item.number,
        start=item.start,
        end=item.end,
        line=item.line,
        column=item.column,
        margin=item.margin,
        borrows=item.borrows,
    )


def naming_of(data: Mapping[str, Any]) -> Naming:
    """What a resource's data say of it."""
    metadata = _mapping(data.get("metadata"))
    return Naming(
        api_version=_text(data.get("apiVersion")),
        kind=_text(data.get("kind")),
        name=_text(metadata.get("name")),
        namespace=_text(metadata.get("namespace")),
        annotations=_texts(metadata.get("annotations")),
        labels=_texts(metadata.get("labels")),
    )


def _texts(data: object) -> dict[str, str]:
    """The texts of a mapping; what is a list or a mapping is left out."""
    return {key: _text(value) for key, value in _mapping(data).items() if not isinstance(value, (dict, list))}


def _mapping(data: object) -> dict[str, Any]:
    return data if isinstance(data, dict) else {}


def _text(data: object) -> str:
    return data if isinstance(data, str) else "" if data is None or isinstance(data, dict | list) else json.dumps(data)
