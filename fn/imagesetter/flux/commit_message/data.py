"""What a commit message template is about: the changes of one run, shaped as Flux shapes them.

Three shapes of the same changes, one a dialect:

- *modern* (image-automation-controller v1.2.1, internal/source/source.go and internal/update/result.go):
  ``.AutomationObject``, ``.Changed``, ``.Values``;
- *legacy* (v0.41.2): also ``.Updated``; ``.Changed`` has ``.ImageResult`` as well, and its ``.Objects`` keeps the
  changes of an object's last file only;
- *auto*: the modern shape, in which ``.Updated`` and ``.Changed.ImageResult`` can be named too.

Departure: Flux collects ``.Changed.Changes``, ``.Changed.Objects`` and ``.Updated.Images`` in random order. Here it is
by file, then by object (apiVersion, kind, name, namespace), then as given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imagesetter.flux.commit_message.changes import (
    CHANGES,
    FILE_CHANGES,
    OBJECT_CHANGES,
    Changed,
    MessageChange,
    Root,
    changed_type,
    root_type,
)
from imagesetter.flux.commit_message.images import FILE_RESULTS, IMAGE_OBJECTS, IMAGES, FileResult, ImageRef, Updated
from imagesetter.flux.commit_message.names import NamespacedName, ObjectIdentifier
from imagesetter.golang.strings import sanitize
from imagesetter.golang.values import STRING_MAP, Map, Slice

if TYPE_CHECKING:
    from imagesetter.flux.latest_ref import LatestRef
    from imagesetter.flux.markers import PolicyName

Dialect = Literal["auto", "modern", "legacy"]


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """One changed field: where it is, what it held, what it holds now, and why."""

    file: str
    """The path relative to ``update.path``."""
    object: ObjectIdentifier
    old: str
    new: str
    setter: str
    """The marker's value: ``namespace:name[:part]``."""
    ref: LatestRef
    policy: PolicyName


@dataclass(frozen=True, slots=True)
class TemplateData:
    """The data of one commit message: the automation, its changes, and its ``messageTemplateValues``."""

    namespace: str
    name: str
    records: tuple[ChangeRecord, ...] = ()
    values: Mapping[str, str] | None = None

    def build(self, dialect: Dialect) -> Root:
        """The value of dot at the top of the template, made anew: templates may change dictionaries."""
        file_changes = self._file_changes()
        images = self._images()
        values = None if self.values is None else {sanitize(key): sanitize(text) for key, text in self.values.items()}
        return Root(
            go_type=root_type(dialect),
            automation=NamespacedName(sanitize(self.namespace), sanitize(self.name)),
            changed=Changed(changed_type(dialect), file_changes, images, appends=dialect != "legacy"),
            updated=images,
            values=Map(STRING_MAP, values),
        )

    def _recorded(self) -> Iterator[ChangeRecord]:
        """What Flux would record: a field whose text stays is not a change."""
        return (record for record in self.records if record.old != record.new)

    def _file_changes(self) -> Map:
        files: dict[str, Map] = {}
        for record in self._recorded():
            objects = files.setdefault(sanitize(record.file), Map(OBJECT_CHANGES, {}))
            change = MessageChange(sanitize(record.old), sanitize(record.new), sanitize(record.setter))
            objects.items.setdefault(record.object.sanitized(), Slice(CHANGES, [])).items.append(change)
        # Without a change Flux has a nil map here, which prints alike and is null in JSON.
        return Map(FILE_CHANGES, files or None)

    def _images(self) -> Updated:
        files: dict[str, FileResult] = {}
        for record in self._recorded():
            result = files.setdefault(sanitize(record.file), FileResult(Map(IMAGE_OBJECTS, {})))
            images = result.objects.items.setdefault(record.object.sanitized(), Slice(IMAGES, [])).items
            image = ImageRef(sanitize(str(record.ref)), NamespacedName(*map(sanitize, record.policy[:2])))
            if image not in images:
                images.append(image)
        return Updated(Map(FILE_RESULTS, files))
