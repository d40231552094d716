"""One resource of a ResourceList: what it is called, where it comes from, and its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from krm_functions import annotations as notes
from krm_functions.annotations import Identity, OriginId
from krm_functions.errors import ResourceError
from krm_functions.fields import Fields
from krm_functions.list_text import ListText
from krm_functions.naming import Naming, mapping_of, naming_of
from krm_functions.result import File, ResourceRef
from krm_functions.scope import Scope, built_in_scope
from krm_functions.yaml.field_path import format_path
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scalars

if TYPE_CHECKING:
    from krm_functions.editing import ItemEdits
    from krm_functions.yaml.field_path import FieldPath
    from krm_functions.yaml.scan_result import Scalar
    from krm_functions.yaml.structure.editable import EditableMapping
    from krm_functions.yaml.structure.remarks import Kind

_MOST_KEPT: Final = 1000
"""For how many items of one list the scalars are kept; those of 10,000 Deployments would take more than 100 MiB."""


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
        borrows: whether it repeats a node that is outside its own text.
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

    def write_out(self, outside: Mapping[str, Any]) -> None:
        """Write out what it repeats of other items (``*alias``) where that has changed, so that it stays as it is.

        Args:
            outside: the data of the anchors before it, as they are now.

        Raises:
            SpliceError: it cannot be written out.
            TextError: it is YAML but no data.
        """
        self.edits.write_out(outside)
        self._changed(self.edits)

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
        after = mapping_of(mapping_of(data.get("metadata")).get("annotations"))
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
