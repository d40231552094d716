"""``.Changed`` of a commit message template, and dot at its top: the changed fields by file and object.

image-automation-controller v1.2.1 and v0.41.2, internal/update/result.go and internal/source/source.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from imagesetter.flux.commit_message.images import UPDATED, Updated
from imagesetter.flux.commit_message.names import NAMESPACED_NAME, OBJECT_IDENTIFIER, NamespacedName, struct
from imagesetter.golang.values import STRING, STRING_MAP, Map, Method, Slice, StructField, Type, map_of, slice_of

CHANGE = struct(
    "update.Change", ("OldValue", "old_value", STRING), ("NewValue", "new_value", STRING), ("Setter", "setter", STRING)
)


@dataclass(frozen=True, slots=True)
class MessageChange:
    """One changed field."""

    old_value: str
    new_value: str
    setter: str

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return CHANGE


CHANGES = slice_of(CHANGE)
OBJECT_CHANGES = Type("update.ObjectChanges", "map", key=OBJECT_IDENTIFIER, elem=CHANGES)
FILE_CHANGES = map_of(STRING, OBJECT_CHANGES)


class Changed:
    """``.Changed``: changes by file and object.

    Args:
        appends: whether an object that is in several files gets the changes of all of them.
    """

    __slots__ = ("_appends", "file_changes", "go_type", "image_result")

    def __init__(self, go_type: Type, file_changes: Map, image_result: Updated, *, appends: bool) -> None:
        self.go_type = go_type
        self.file_changes = file_changes
        self.image_result = image_result
        self._appends = appends

    def changes(self) -> Slice:
        """``.Changes``: every change once."""
        found = {
            change: None
            for _, objects in self.file_changes.sorted()
            for _, changes in objects.sorted()
            for change in changes.items
        }
        return Slice(CHANGES, list(found) or None)

    def objects(self) -> Map:
        """``.Objects``: changes by object, regardless of file."""
        found: dict[Any, Slice] = {}
        for _, objects in self.file_changes.sorted():
            for identifier, changes in objects.sorted():
                before = found[identifier].items if self._appends and identifier in found else []
                found[identifier] = Slice(CHANGES, before + changes.items)
        return Map(OBJECT_CHANGES, found)


_CHANGED_METHODS = {
    "Changes": Method(lambda changed: changed.changes()),
    "Objects": Method(lambda changed: changed.objects()),
}


@dataclass(frozen=True, slots=True)
class Root:
    """What dot is at the top of a template."""

    go_type: Type
    automation: NamespacedName
    changed: Changed
    updated: Updated
    values: Map


@cache
def changed_type(dialect: str) -> Type:
    """The type of ``.Changed``."""
    files = ("FileChanges", "file_changes", FILE_CHANGES)
    images = ("ImageResult", "image_result", UPDATED)
    if dialect == "legacy":
        type_ = struct("update.ResultV2", images, files)
    else:
        type_ = struct("update.Result", files)
        if dialect == "auto":
            type_.hidden["ImageResult"] = StructField(*images)
    type_.methods = _CHANGED_METHODS
    return type_


@cache
def root_type(dialect: str) -> Type:
    """The type of dot at the top."""
    automation = ("AutomationObject", "automation", NAMESPACED_NAME)
    updated = ("Updated", "updated", UPDATED)
    changed = ("Changed", "changed", changed_type(dialect))
    values = ("Values", "values", STRING_MAP)
    if dialect == "legacy":
        return struct("source.TemplateData", automation, updated, changed, values)
    type_ = struct("source.TemplateData", automation, changed, values)
    if dialect == "auto":
        type_.hidden["Updated"] = StructField(*updated)
    return type_
