"""Flux's markers in a kustomization's source files, carried over to the resources that kustomize made of them.

A marker is tied to (group, kind, original name, original namespace) and a field path in which items of lists go by
``name`` and not by position, since a patch may put a container in front. Where two files hold resources of the same
original id with different markers, nobody can tell which one an item came from: that is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagesetter.errors import ImagesetterError, ResolveError
from imagesetter.flux.markers import Marker, PolicyName, parse_marker
from imagesetter.krm.annotations import Identity
from imagesetter.krm.item import Item
from imagesetter.krm.result import Result
from imagesetter.places.kustomization import SourceFile, Sources, find_sources
from imagesetter.plan import Place, failure, report
from imagesetter.policy.regexp import compile_pattern
from imagesetter.text.fieldpath import FieldPath, FieldPattern, Index, Key, Step, Where, format_path
from imagesetter.text.scan import KEEP_ALL, SPAN, Comment, Node, Scan, scan
from imagesetter.text.source import decode
from imagesetter.tree import repository_root

NEEDLE = "$imagepolicy"
_OUTLINE = {SPAN: True, "*": KEEP_ALL}


@dataclass(frozen=True, slots=True)
class SourceId:
    """What a resource is called in its source file."""

    group: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A marker in a source file: which resource, which field, which policy."""

    file: SourceFile
    line: int
    id: SourceId
    pattern: FieldPattern
    marker: Marker

    @property
    def place(self) -> Place:
        """Where the marker stands."""
        return Place(file=self.file.shown, line=self.line)


@dataclass(frozen=True, slots=True)
class ImagesMark:
    """Markers on one entry of a kustomization's ``images:``: the image, and the parts that follow the policy."""

    file: SourceFile
    line: int
    names: tuple[str, ...]
    policy: PolicyName
    parts: frozenset[str]

    @property
    def place(self) -> Place:
        """Where the first of the markers stands."""
        return Place(file=self.file.shown, line=self.line)


@dataclass(slots=True)
class SourceMarks:
    """What the scan of the source files found.

    ``renames`` are the ``newName`` of the kustomizations' ``images:``, as (name, new name, file).
    """

    renames: list[tuple[str, str, str]] = field(default_factory=list)
    marks: list[SourceMark] = field(default_factory=list)
    images: list[ImagesMark] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def scan_sources(directory: Path) -> SourceMarks:
    """The markers in the source files of the kustomization in a directory; none where there is no kustomization.

    Reads only below the repository that the directory is in, or below the directory where there is no repository.
    """
    found = SourceMarks()
    sources = find_sources(directory, repository_root(directory) or directory)
    for file in sources.files:
        try:
            data = file.path.read_bytes()
            if NEEDLE.encode() in data:
                _scan_file(found, file, decode(data, name=file.shown).text)
        except ImagesetterError as error:
            found.results.append(failure(error, Place(file=file.shown)))
        except OSError as error:
            found.results.append(report("error", f"cannot be read: {error.strerror}", Place(file=file.shown)))
    found.results += _unfollowed(sources)
    found.renames = sources.renames
    return found


def _unfollowed(sources: Sources) -> Iterator[Result]:
    for entry in dict.fromkeys(sources.remote):
        message = f"{entry} is remote and was not scanned for markers; name its fields in spec.targets"
        yield report("info", message, tags={"error": "NotScanned"})
    for entry in dict.fromkeys(sources.outside):
        message = f"{entry} lies outside the repository and was not scanned for markers"
        yield report("warning", message, tags={"error": "NotScanned"})


def _scan_file(found: SourceMarks, file: SourceFile, text: str) -> None:
    scanned = scan(text, NEEDLE, outline=_OUTLINE)
    for broken in scanned.broken:
        place = Place(file=file.shown, line=broken.line, column=broken.column)
        found.results.append(report("error", f"a document with markers is not YAML: {broken.problem}", place))
    by_entry: dict[tuple[int, int], list[tuple[Comment, Marker]]] = {}
    for comment in scanned.comments:
        try:
            marker = parse_marker(comment.text)
        except ImagesetterError as error:
            place = Place(file=file.shown, line=comment.line, column=comment.column)
            found.results += [failure(error, place, severity="warning")] if comment.scalar else []
            continue
        scalar = comment.scalar
        if marker is None or scalar is None:
            continue
        match scalar.path:
            case ("images", int(number), "newTag" | "newName" | "digest") if file.role == "kustomization":
                by_entry.setdefault((scalar.document, number), []).append((comment, marker))
            case _:
                mark = _source_mark(file, scanned, comment, marker)
                found.marks += [mark] if mark else []
    for (document, number), entry in by_entry.items():
        found.images += _images_mark(found, file, _values(scanned, document), number, entry)


def _values(scanned: Scan, document: int) -> dict[FieldPath, str]:
    return {node.path + path: scalar.value for node in _nodes(scanned, document) for path, scalar in node.kept.items()}


def _nodes(scanned: Scan, document: int) -> Iterable[Node]:
    return (node for node in scanned.nodes if node.document == document)


def _source_mark(file: SourceFile, scanned: Scan, comment: Comment, marker: Marker) -> SourceMark | None:
    scalar = comment.scalar
    if scalar is None:
        return None
    values = _values(scanned, scalar.document)
    base: FieldPath = ()
    if scalar.path[:1] == ("items",) and values.get(("kind",), "").endswith("List"):
        base = scalar.path[:2]
    own = {path[len(base) :]: value for path, value in values.items() if path[: len(base)] == base}
    kind = own.get(("kind",), "")
    if not kind:
        return None
    identity = Identity(kind, own.get(("metadata", "name"), ""), own.get(("metadata", "namespace"), ""))
    group = own.get(("apiVersion",), "").rpartition("/")[0]
    pattern = by_name(scalar.path[len(base) :], own)
    return SourceMark(file, comment.line, SourceId(group, identity), pattern, marker)


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


def _images_mark(
    found: SourceMarks,
    file: SourceFile,
    values: Mapping[FieldPath, str],
    number: int,
    entry: list[tuple[Comment, Marker]],
) -> Iterator[ImagesMark]:
    line = entry[0][0].line
    policies = {marker.policy for _, marker in entry}
    parts = frozenset(marker.part for _, marker in entry)
    names = tuple(values[path] for key in ("newName", "name") if (path := ("images", number, key)) in values)
    if len(policies) > 1 or "" in parts:
        error = ResolveError(
            f"images[{number}]: its markers have to be :tag, :name or :digest of one policy",
            hint="newTag takes NAMESPACE:NAME:tag, newName :name, digest :digest",
        )
        found.results.append(failure(error, Place(file=file.shown, line=line)))
    elif names:
        yield ImagesMark(file, line, names, policies.pop(), parts)


def matches(mark: SourceMark, item: Item) -> bool:
    """Whether an item was made of the resource that a marker stands in.

    A resource file is matched by the item's original id. A patch may be written against any name that the resource has
    had, or against its ``target``.
    """
    group = item.api_version.rpartition("/")[0]
    target = mark.file.target if mark.file.role == "patch" else None
    if target is not None:
        return target.get("group") in (None, group) and any(_targeted(target, each) for each in item.identities)
    identities = item.identities if mark.file.role == "patch" else item.identities[:1]
    return group == mark.id.group and any(_same(mark.id.identity, identity) for identity in identities)


def _same(one: Identity, other: Identity) -> bool:
    namespaces = {one.namespace or "default", other.namespace or "default"}
    return (one.kind, one.name) == (other.kind, other.name) and len(namespaces) == 1


def _targeted(target: Mapping[str, Any], identity: Identity) -> bool:
    """A patch target: kind, name and namespace are regular expressions for the whole text (kustomize SelectorRegex)."""
    named = {"kind": identity.kind, "name": identity.name, "namespace": identity.namespace or "default"}
    return all(_is_match(str(target[key]), text) for key, text in named.items() if target.get(key))


def _is_match(pattern: str, text: str) -> bool:
    return bool(compile_pattern(f"^(?:{pattern})$").find_all([text]))


def ambiguous(marks: Iterable[SourceMark]) -> Iterator[tuple[SourceId, list[SourceMark]]]:
    """Original ids that resources of several files have, with markers that differ."""
    by_id: dict[tuple[str, str, str, str], dict[str, list[SourceMark]]] = {}
    for mark in marks:
        if mark.file.role == "resource":
            identity = mark.id.identity
            key = (mark.id.group, identity.kind, identity.name, identity.namespace or "default")
            by_id.setdefault(key, {}).setdefault(mark.file.shown, []).append(mark)
    for files in by_id.values():
        wanted = {frozenset((str(mark.pattern), str(mark.marker)) for mark in marks) for marks in files.values()}
        if len(wanted) > 1:
            first = [marks[0] for marks in files.values()]
            yield first[0].id, first
