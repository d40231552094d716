"""Flux's markers in a kustomization's source files, carried over to the resources that kustomize made of them.

A marker is tied to (group, kind, original name, original namespace) and a field path in which items of lists go by
``name`` and not by position, since a patch may put a container in front. Where two files hold resources of the same
original id with different markers, nobody can tell which one an item came from: that is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, cast

from imagesetter.errors import ResolveError
from imagesetter.fields.field import ImagesEntry, Location, join_image, split_image
from imagesetter.fields.kustomization import SourceFile, Sources, find_sources, not_scanned
from imagesetter.fields.kustomize_layers import Layer, layers_above, layers_above_entry
from imagesetter.fields.kustomize_origins import OriginalId, Origins, find_origins, original_id
from imagesetter.fields.report import failure, report
from imagesetter.files.find import repository_root
from imagesetter.files.read import read_inside
from imagesetter.flux.markers import Marker, PolicyName, parse_comments
from imagesetter.golang.regexp.pattern import compile_pattern
from krm_functions.annotations import Identity
from krm_functions.errors import ReportedError
from krm_functions.item import Item
from krm_functions.label_selector import LabelSelector
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.field_path import AnyItem, FieldPath, FieldPattern, Index, Key, Step, Where, find, format_path
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP_ALL, SPAN, Comment, Outline, Scalar, ScanResult

_OUTLINE = {SPAN: True, "*": KEEP_ALL}
_SPANS: Outline = reduce(lambda below, _: {SPAN: True, "*": below}, range(24), cast("Outline", {SPAN: True}))
"""Every collection; what is nested deeper holds no field of a resource."""


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
    scalar: Scalar
    layers: tuple[Layer, ...]
    """The ``images:`` that work on it."""

    @property
    def counts(self) -> bool:
        """Whether its pattern selects by position, which a patch can change: another value there is another field."""
        return any(isinstance(step, Index | AnyItem) for step in self.pattern.steps)

    @property
    def original(self) -> OriginalId:
        """The id of the resource that it stands in."""
        return original_id(f"{self.id.group}/", self.id.identity)

    @property
    def location(self) -> Location:
        """Where the marker stands."""
        return Location(file=self.file.shown, line=self.line)


@dataclass(frozen=True, slots=True)
class ImagesMark:
    """Markers on one entry of a kustomization's ``images:``: the image, and the parts that follow the policy."""

    file: SourceFile
    line: int
    names: tuple[str, ...]
    policy: PolicyName
    parts: frozenset[str]
    entry: ImagesEntry
    layers: tuple[Layer, ...]
    """The ``images:`` that work on what it gives."""

    def wanted(self, image: str) -> str:
        """What the entry makes of an image that it has made already."""
        _, tag, digest = split_image(image)
        return self.entry.apply(join_image(self.entry.name, tag, digest))

    @property
    def location(self) -> Location:
        """Where the first of the markers stands."""
        return Location(file=self.file.shown, line=self.line)


@dataclass(slots=True)
class SourceMarks:
    """What the scan of the source files found.

    ``sources`` are the files that were scanned, ``origins`` what stands in them.
    """

    sources: Sources
    origins: Origins = field(default_factory=Origins)
    marks: list[SourceMark] = field(default_factory=list)
    images: list[ImagesMark] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)


def scan_sources(directory: Path) -> SourceMarks:
    """The markers in the source files of the kustomization in a directory; none where there is no kustomization.

    Reads only below the repository that the directory is in, or below the directory where there is no repository.
    """
    root = repository_root(directory) or directory
    sources = find_sources(directory, root)
    found = SourceMarks(sources)
    for file in sources.files:
        try:
            data = read_inside(file.path, root)
            if NEEDLE.encode() in data:
                _scan_file(found, file, decode_text(data, name=file.shown).text)
        except ReportedError as error:
            found.results.append(failure(error, Location(file=file.shown)))
    found.results += not_scanned(sources)
    if found.marks or found.images:
        found.origins = find_origins(
            sources.files, root, None if found.images else {mark.id.identity.name for mark in found.marks}
        )
    return found


def _scan_file(found: SourceMarks, file: SourceFile, text: str) -> None:
    scanned = scan(text, NEEDLE, outline=_OUTLINE)
    for broken in scanned.broken:
        location = Location(file=file.shown, line=broken.line, column=broken.column)
        found.results.append(report("error", f"a document with markers is not YAML: {broken.problem}", location))
    by_entry: dict[tuple[int, int], list[tuple[Comment, Marker]]] = {}
    layers = tuple(layers_above(found.sources, file.path)) if scanned.comments else ()
    spans = scan(text, outline=_SPANS).nodes if scanned.aliases else ()
    starts = {(node.document, node.start): node.path for node in spans}
    for comment, marker, error in parse_comments(scanned.comments):
        scalar = comment.scalar
        if scalar is None:
            continue
        if error:
            location = Location(file=file.shown, line=comment.line, column=comment.column)
            found.results.append(failure(error, location, severity="warning"))
        if marker is None:
            continue
        match scalar.path:
            case ("images", int(number), "newTag" | "newName" | "digest") if file.role == "kustomization":
                by_entry.setdefault((scalar.document, number), []).append((comment, marker))
            case _:
                again = repeated(scanned, scalar, starts)
                found.marks += _source_marks(file, scanned, comment.line, scalar, marker, layers, again)
    if file.role == "kustomization":
        found.results += _inline_patches(file, scanned)
    for (document, number), entry in by_entry.items():
        found.images += _images_mark(found, file, _values(scanned, document), number, entry)


def _inline_patches(file: SourceFile, scanned: ScanResult) -> Iterator[Result]:
    """A patch that is written into the kustomization itself is a text, and what looks like a marker in it is none."""
    for node in scanned.nodes:
        for path, scalar in node.kept.items():
            if NEEDLE in scalar.value and node.path[:1] + path[:1] in (("patches",), ("patchesStrategicMerge",)):
                message = "markers in an inline patch are not read; put the patch into a file of its own"
                location = Location(file=file.shown, line=scalar.line)
                yield report("warning", message, location, tags={"error": "MisplacedMarker"})


def _values(scanned: ScanResult, document: int) -> dict[FieldPath, str]:
    return {
        node.path + path: scalar.value
        for node in scanned.nodes
        if node.document == document
        for path, scalar in node.kept.items()
    }


def _source_marks(
    file: SourceFile,
    scanned: ScanResult,
    line: int,
    scalar: Scalar,
    marker: Marker,
    layers: tuple[Layer, ...],
    again: Iterable[FieldPath],
) -> Iterator[SourceMark]:
    """The marker of a scalar, also for the fields that repeat it by an alias."""
    values = _values(scanned, scalar.document)
    for path in (scalar.path, *(path for path in again if path not in values)):
        base: FieldPath = ()
        if path[:1] == ("items",) and values.get(("kind",), "").endswith("List"):
            base = path[:2]
        own = {each[len(base) :]: value for each, value in values.items() if each[: len(base)] == base}
        if file.role == "patch" and isinstance(path[0], int):
            identity, group, pattern = Identity("", ""), "", _json_patch_pattern(path, values)
        else:
            identity = Identity(
                own.get(("kind",), ""), own.get(("metadata", "name"), ""), own.get(("metadata", "namespace"), "")
            )
            group = own.get(("apiVersion",), "").rpartition("/")[0]
            pattern = by_name(path[len(base) :], own)
        yield SourceMark(file, line, SourceId(group, identity), pattern, marker, scalar, layers)


def repeated(scanned: ScanResult, scalar: Scalar, starts: Mapping[tuple[int, int], FieldPath]) -> Iterator[FieldPath]:
    """The other paths at which a scalar stands in its document, by aliases of it or of a collection around it.

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


def _json_patch_pattern(path: FieldPath, values: Mapping[FieldPath, str]) -> FieldPattern:
    """Where the ``value`` of an operation of a JSON patch goes, or a scalar in it."""
    pointer = values.get((path[0], "path"), "")
    parts: list[str | int] = [
        int(part) if part.isascii() and part.isdigit() else part.replace("~1", "/").replace("~0", "~")
        for part in pointer.split("/")[1:]
    ]
    steps: list[Step] = []
    for part in (*parts, *path[2:]):
        match part:
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
    names = [values[path] for key in ("newName", "name") if (path := ("images", number, key)) in values]
    layers = tuple(layers_above_entry(found.sources, file.path, number))
    for name in names:
        again = (entry.new_name for layer in layers for entry in layer.entries if entry.name == name)
        names += [new_name for new_name in again if new_name and new_name not in names]
    if len(policies) > 1 or "" in parts:
        error = ResolveError(
            f"images[{number}]: its markers have to be :tag, :name or :digest of one policy",
            hint="newTag takes NAMESPACE:NAME:tag, newName :name, digest :digest",
        )
        found.results.append(failure(error, Location(file=file.shown, line=line)))
    elif names:
        images = found.sources.images.get(file.path, [])
        made = images[number] if number < len(images) else ImagesEntry("")
        yield ImagesMark(file, line, tuple(names), policies.pop(), parts, made, layers)


def made_from(mark: SourceMark, item: Item) -> bool:
    """Whether an item was made of the resource that a marker stands in.

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


def ambiguous(found: SourceMarks) -> Iterator[tuple[OriginalId, list[str], Location]]:
    """Original ids that resources of several files have, with markers that differ: id, files, a marker's location.

    A file without a marker differs too, if it has the field; the one in it would follow unasked.
    """
    by_id: dict[OriginalId, dict[str, list[SourceMark]]] = {}
    for mark in found.marks:
        if mark.file.role == "resource":
            by_id.setdefault(mark.original, {}).setdefault(mark.file.shown, []).append(mark)
    for original, files in by_id.items():
        wanted = {frozenset((str(mark.pattern), str(mark.marker)) for mark in marks) for marks in files.values()}
        patterns = {mark.pattern for marks in files.values() for mark in marks}
        unmarked = [
            origin.file.shown
            for origin in found.origins.by_id.get(original, ())
            if origin.file.shown not in files and any(find(origin.resource, pattern) for pattern in patterns)
        ]
        if len(wanted) > 1 or unmarked:
            yield original, [*files, *unmarked], next(iter(files.values()))[0].location


def image_mark(found: SourceMarks, item: Item, image: str) -> ImagesMark | None:
    """The entry of an ``images:`` with markers that an image of an item follows.

    An entry works on what is below its kustomization; of an inner and an outer one the outer one has the last word. A
    resource that stands in no file, generated or remote, may come from anywhere.

    Raises:
        ResolveError: several entries, or several files of the same original id, and nobody can choose.
    """
    sources = found.sources
    files = {origin.file.path: origin.file.shown for origin in found.origins.of(item)}
    order = list(sources.contents)
    entries = [
        mark
        for mark in found.images
        if image in mark.names and not (files and sources.reach(mark.file.path).isdisjoint(files))
    ]
    if not entries:
        return None
    last = max(entries, key=lambda mark: order.index(mark.file.path))
    agreeing = [mark for mark in entries if (mark.policy, mark.parts) == (last.policy, last.parts)]
    below = sources.reach(last.file.path)
    hint = "name the field in spec.targets, which wins over the source scan"
    if any(mark.file.path not in below and mark not in agreeing for mark in entries):
        places = " and ".join(dict.fromkeys(mark.file.shown for mark in entries))
        what = f"images: of {places} follow different policies for {image}, so it is unclear which one applies here"
        raise ResolveError(what, hint=hint)
    if not sources.beyond(*(mark.file.path for mark in agreeing)).isdisjoint(files):
        places = " and in ".join(files.values())
        what = f"the resource stands in {places}, of which not every use has the images: of {last.file.shown}"
        raise ResolveError(f"{what}, so it is unclear whether it applies here", hint=hint)
    return last
