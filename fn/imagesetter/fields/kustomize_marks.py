"""What sets a field in the sources of a kustomization, with a marker or without, and for which items of the build.

A value is tied to (group, kind, original name, original namespace) and a field path in which items of lists go by
``name`` and not by position, since a patch may put a container in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagesetter.fields.field import Location
from imagesetter.fields.kustomization import SourceFile
from imagesetter.fields.kustomize_layers import Layers
from imagesetter.fields.kustomize_origins import OriginalId, original_id
from imagesetter.flux.markers import Marker
from imagesetter.golang.regexp.pattern import compile_pattern
from krm_functions.annotations import Identity
from krm_functions.errors import ReportedError
from krm_functions.item import Item
from krm_functions.label_selector import LabelSelector
from krm_functions.yaml.field_path import AnyItem, FieldPath, FieldPattern, Index, Key, Step, Where, format_path
from krm_functions.yaml.scan_result import Scalar, ScanResult


@dataclass(frozen=True, slots=True)
class SourceId:
    """What a resource is called in its source file."""

    group: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A value in the sources: which resource, which field, and which policy where a marker is behind it.

    ``value`` is None where it is unknown without a build, such as what a replacement copies.
    """

    file: SourceFile
    line: int
    id: SourceId
    pattern: FieldPattern
    marker: Marker | None
    value: str | None
    style: str
    layers: Layers | None = None
    """The ``images:`` that work on it."""
    kustomization: Path | None = None
    """The one that patches; None for a resource file."""
    maybe: bool = False
    """Whether it is not sure to set the field that its pattern finds."""

    @property
    def counts(self) -> bool:
        """Whether its pattern selects by position, which a patch can change: another value there is another field."""
        return any(isinstance(step, Index | AnyItem) for step in self.pattern.steps)

    @property
    def original(self) -> OriginalId:
        """The id of the resource that it is in."""
        return original_id(f"{self.id.group}/", self.id.identity)

    @property
    def location(self) -> Location:
        """Where it is."""
        return Location(file=self.file.shown, line=self.line)

    @property
    def shown(self) -> str:
        """File and line, where the line is known."""
        return f"{self.file.shown}:{self.line}" if self.line else self.file.shown


def repeated(scanned: ScanResult, scalar: Scalar, starts: Mapping[tuple[int, int], FieldPath]) -> Iterator[FieldPath]:
    """The other paths at which a scalar is in its document, by aliases of it or of a collection around it.

    kustomize writes aliases out, so the fields are separate ones in the build.

    Args:
        scanned: the text.
        scalar: the scalar.
        starts: the path of each collection by its document and where it starts.
    """
    for alias in scanned.aliases:
        if alias.document != scalar.document:
            continue
        if alias.target == scalar.node:
            yield alias.path
        base = starts.get((alias.document, alias.target))
        if base is not None and scalar.path[: len(base)] == base:
            above = alias.path[:-1] if alias.path[-1:] == ("<<",) else alias.path
            yield above + scalar.path[len(base) :]


def json_patch_pattern(path: FieldPath, values: Mapping[FieldPath, str], key: str = "path") -> FieldPattern:
    """Where the ``value`` of an operation of a JSON patch goes, or a scalar in it; or where it comes *from*."""
    pointer = values.get((path[0], key), "")
    parts: list[str | int] = [
        int(part) if part.isascii() and part.isdigit() else part.replace("~1", "/").replace("~0", "~")
        for part in pointer.split("/")[1:]
    ]
    steps: list[Step] = []
    name = values.get((path[0], "value", "name")) if len(path) > 2 else None
    for depth, part in enumerate((*parts, *path[2:]), 1):
        match part:
            case int() | "-" if name and depth == len(parts):
                steps.append(Where("name", name))
            case "-":
                steps.append(AnyItem())
            case str():
                steps.append(Key(part))
            case int():
                steps.append(Index(part))
    return FieldPattern(f"{pointer} of the JSON patch", tuple(steps))


def by_name(path: FieldPath, values: Mapping[FieldPath, str]) -> FieldPattern:
    """A path whose list items go by their ``name`` where they have one, and by position where not."""
    steps: list[Step] = []
    for depth, part in enumerate(path):
        if isinstance(part, str):
            steps.append(Key(part))
        else:
            name = values.get((*path[: depth + 1], "name"))
            steps.append(Where("name", name) if name is not None else Index(part))
    return FieldPattern(format_path(path), tuple(steps))


def made_from(mark: SourceMark, item: Item) -> bool:
    """Whether an item was made of the resource that a marker is in.

    A resource file is matched by the item's original id. A patch may be written against any name that the resource has
    had, or against its ``target``.
    """
    group = item.api_version.rpartition("/")[0]
    target = mark.file.target if mark.file.role == "patch" else None
    if target is not None:
        version = item.api_version.rpartition("/")[2]
        if target.get("group") not in (None, "", group) or target.get("version") not in (None, "", version):
            return False
        return _is_selected(target, item) and any(_targeted(target, each) for each in item.identities)
    identities = item.identities if mark.file.role == "patch" else item.identities[:1]
    return group == mark.id.group and any(_same(mark.id.identity, identity) for identity in identities)


def _is_selected(target: Mapping[str, Any], item: Item) -> bool:
    """Whether labels and annotations are those that a patch target asks for; kustomize refuses a bad selector."""
    wanted = (("labelSelector", item.labels), ("annotationSelector", item.annotations))
    try:
        return all(LabelSelector.parse(str(target[key])).matches(has) for key, has in wanted if target.get(key))
    except ReportedError:
        return False


def _same(one: Identity, other: Identity) -> bool:
    namespaces = {one.namespace or "default", other.namespace or "default"}
    return (one.kind, one.name) == (other.kind, other.name) and len(namespaces) == 1


def _targeted(target: Mapping[str, Any], identity: Identity) -> bool:
    """A patch target: kind, name and namespace are regular expressions for the whole text (kustomize SelectorRegex)."""
    named = {"kind": identity.kind, "name": identity.name, "namespace": identity.namespace or "default"}
    return all(_is_match(str(target[key]), text) for key, text in named.items() if target.get(key))


def _is_match(pattern: str, text: str) -> bool:
    return bool(compile_pattern(f"^(?:{pattern})$").find_all([text]))
