"""Flux's markers in a kustomization's source files, and everything else in them that may set the same fields.

A marker is followed only where the value behind it is what the build shows. So the scan also takes note of values
without a marker in patches and labels, of what replacements copy, and of the ``images:`` of every layer, in the
order in which kustomize works.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple, cast

from imagesetter.errors import ResolveError
from imagesetter.fields.field import Location
from imagesetter.fields.kustomization import SourceFile, Sources, find_sources, not_scanned
from imagesetter.fields.kustomization import Step as SourceStep
from imagesetter.fields.kustomize_layers import Images, ImagesMark, Layers
from imagesetter.fields.kustomize_marks import SourceId, SourceMark, by_name, json_patch_pattern, repeated
from imagesetter.fields.kustomize_origins import OriginalId, Origins, find_origins
from imagesetter.fields.report import failure, marker_problem, report
from imagesetter.fields.unfollowed import APART, NESTED, nested_markers
from imagesetter.files.find import repository_root
from imagesetter.files.read import read_inside
from imagesetter.flux.markers import Marker, parse_comments
from krm_functions.annotations import Identity
from krm_functions.errors import ReportedError
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.field_path import (
    AnyItem,
    AnyKey,
    FieldPath,
    FieldPattern,
    Index,
    Key,
    find,
    format_path,
    parse_path,
)
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP_ALL, SPAN, Comment, Outline, Scalar, ScanResult

_OUTLINE = {SPAN: True, "*": KEEP_ALL}
_SPANS: Outline = reduce(lambda below, _: {SPAN: True, "*": below}, range(24), cast("Outline", {SPAN: True}))
"""Every collection; what is nested deeper holds no field of a resource."""
_LABELS = ("metadata.labels", "spec.selector", "spec.selector.matchLabels", "spec.template.metadata.labels")
_ANNOTATIONS = ("metadata.annotations", "spec.template.metadata.annotations")
_ANY = SourceId("", Identity("", ""))


class Copied(NamedTuple):
    """A field that kustomize copies to another one: a replacement, or the ``copy`` of a JSON patch."""

    source: SourceMark
    targets: tuple[SourceMark, ...]


@dataclass(slots=True)
class SourceMarks:
    """What the scan of the source files found.

    ``sources`` are the files that were scanned, ``origins`` what is in them. ``marks`` are in kustomize's order.
    """

    sources: Sources
    origins: Origins = field(default_factory=Origins)
    marks: list[SourceMark] = field(default_factory=list)
    images: list[ImagesMark] = field(default_factory=list)
    copies: list[Copied] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    nested: bool = False
    """Whether markers inside the text of values are followed in the build, which still has them."""

    @property
    def layered(self) -> Images:
        """The ``images:`` of all layers."""
        return Images(self.sources, {(mark.file.path, mark.number): mark for mark in self.images})


def scan_sources(directory: Path, *, nested: bool = False) -> SourceMarks:
    """The markers in the source files of the kustomization in a directory; none where there is no kustomization.

    If *nested*, those inside the text of values are followed elsewhere, and not reported here.

    Reads only below the repository that the directory is in, or below the directory where there is no repository.
    """
    root = repository_root(directory) or directory
    sources = find_sources(directory, root)
    found = SourceMarks(sources, nested=nested)
    texts: dict[Path, str] = {}
    for file in sources.files:
        try:
            data = read_inside(file.path, root)
            if NEEDLE.encode() in data:
                texts[file.path] = decode_text(data, name=file.shown).text
                if file.role == "kustomization":
                    _scan_kustomization(found, file, texts[file.path])
        except ReportedError as error:
            found.results.append(failure(error, Location(file=file.shown)))
    images = found.layered
    for file in sources.files:
        if file.role == "resource" and file.path in texts:
            own = [path for path, listed in sources.contents.items() if file.path in listed]
            found.marks += _scan_file(found, file, texts[file.path], images.layers(own, file.path))
    marked = bool(texts)
    for step in sources.steps if marked else ():
        _add_step(found, step, texts, images.layers([step.kustomization]))
    found.results += [*not_scanned(sources), *_more_images(found)]
    if marked:
        every = bool(found.images) or any(mark.file.role != "resource" for mark in found.marks)
        found.origins = find_origins(
            sources.files, root, None if every else {mark.id.identity.name for mark in found.marks}
        )
    return found


def _more_images(found: SourceMarks) -> Iterator[Result]:
    """A warning for each file of ``configurations:`` that lets ``images:`` with markers work on further fields."""
    for other in dict.fromkeys(found.sources.others) if found.images else ():
        if other.key == "configurations":
            with contextlib.suppress(ReportedError, OSError):  # kustomize says so better
                data = load(decode_text(read_inside(other.path, found.sources.root), name=other.shown).text)
                if isinstance(data, Mapping) and data.get("images"):
                    message = (
                        "the fields that this file adds to images: do not follow the markers there; use imagesetter "
                        "build, or name the fields in spec.targets"
                    )
                    yield report("warning", message, Location(file=other.shown), tags={"error": "NotScanned"})


def _scan_kustomization(found: SourceMarks, file: SourceFile, text: str) -> None:
    """Take note of markers on ``images:``, and of those that nothing follows."""
    scanned = scan(text, NEEDLE, outline=_OUTLINE)
    by_entry: dict[int, list[tuple[Comment, Marker]]] = {}
    starts = _starts(text, scanned)
    for comment, marker in _markers(found, file, scanned):
        scalar, unused = comment.scalar, ""
        for path in (scalar.path, *repeated(scanned, scalar, starts)) if scalar else ():
            match path:
                case ("images", int(number), "newTag" | "newName" | "digest"):
                    by_entry.setdefault(number, []).append((comment, marker))
                case ("images", int(), "<<", *_):
                    pass  # the entry that the merged mapping is in has its fields
                case _:
                    unused = "this field" if scalar and path == scalar.path else f"the alias in {format_path(path)}"
        if unused:
            message = f"a marker on {unused} of a kustomization is not followed; {marker} is not applied here"
            location = Location(file=file.shown, line=comment.line)
            found.results.append(report("warning", message, location, tags={"error": "UnusedMarker"}))
    found.results += inline_patches(file, text)
    for number, entry in by_entry.items():
        found.images += _images_mark(found, file, number, entry)


def _markers(found: SourceMarks, file: SourceFile, scanned: ScanResult) -> Iterator[tuple[Comment, Marker]]:
    """The markers behind values, after a report of what is wrong with the others."""
    for broken in scanned.broken:
        location = Location(file=file.shown, line=broken.line, column=broken.column)
        found.results.append(report("error", f"a document with markers is not YAML: {broken.problem}", location))
    for parsed in parse_comments(scanned.comments):
        comment = parsed.comment
        if comment.scalar and parsed.marker:
            yield comment, parsed.marker
        elif problem := marker_problem(parsed, Location(file=file.shown, line=comment.line, column=comment.column)):
            found.results.append(problem)


def _report_nested(found: SourceMarks, file: SourceFile, text: str, scanned: ScanResult) -> None:
    """Take note of markers inside the text of values, of which nothing here follows any."""
    for line, column in () if found.nested else nested_markers(text, scanned):
        location = Location(file=file.shown, line=line, column=column)
        found.results.append(report("warning", f"{NESTED}; {APART}", location, tags={"error": "NestedMarker"}))


def _scan_file(found: SourceMarks, file: SourceFile, text: str, layers: Layers | None) -> Iterator[SourceMark]:
    """The values with markers in a resource file."""
    scanned = scan(text, NEEDLE, outline=_OUTLINE)
    _report_nested(found, file, text, scanned)
    for document, path, scalar, line, marker in _scalars(found, file, text, scanned):
        if marker:
            values = _values(scanned, document)
            yield _in_resource(file, path, values, line, marker, scalar, layers)


def _starts(text: str, scanned: ScanResult) -> dict[tuple[int, int], FieldPath]:
    """The path of each collection by its document and where it starts; nothing where no alias asks for them."""
    spans = scan(text, outline=_SPANS).nodes if scanned.aliases else ()
    return {(node.document, node.start): node.path for node in spans}


_Found = tuple[int, FieldPath, Scalar, int, Marker | None]


def _scalars(found: SourceMarks, file: SourceFile, text: str, scanned: ScanResult) -> Iterator[_Found]:
    """Every scalar with its document, its path and its marker; one that aliases repeat, at each of its paths."""
    marked = {(comment.scalar.document, comment.scalar.path): (comment.line, marker)
              for comment, marker in _markers(found, file, scanned) if comment.scalar}  # fmt: skip
    starts = _starts(text, scanned)
    for node in scanned.nodes:
        values = _values(scanned, node.document) if scanned.aliases else {}
        for below, scalar in node.kept.items():
            path = node.path + below
            line, marker = marked.get((node.document, path), (scalar.line, None))
            again = repeated(scanned, scalar, starts) if scanned.aliases else ()
            for each in (path, *(other for other in again if other not in values)):
                yield node.document, each, scalar, line, marker


def inline_patches(file: SourceFile, text: str) -> Iterator[Result]:
    """A patch that is written into the kustomization itself is a text, and what looks like a marker in it is none."""
    for node in scan(text, NEEDLE, outline=_OUTLINE).nodes:
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


def _in_resource(
    file: SourceFile,
    path: FieldPath,
    values: Mapping[FieldPath, str],
    line: int,
    marker: Marker | None,
    scalar: Scalar,
    layers: Layers | None,
    kustomization: Path | None = None,
) -> SourceMark:
    """A value in a resource, or in a patch that looks like one."""
    base: FieldPath = ()
    if path[:1] == ("items",) and values.get(("kind",), "").endswith("List"):
        base = path[:2]
    own = {each[len(base) :]: value for each, value in values.items() if each[: len(base)] == base}
    kind, name, namespace = (own.get(key, "") for key in (("kind",), ("metadata", "name"), ("metadata", "namespace")))
    identity = SourceId(own.get(("apiVersion",), "").rpartition("/")[0], Identity(kind, name, namespace))
    pattern = by_name(path[len(base) :], own)
    return SourceMark(file, line, identity, pattern, marker, scalar.value, scalar.style, layers, kustomization)


def _add_step(found: SourceMarks, step: SourceStep, texts: Mapping[Path, str], layers: Layers | None) -> None:
    """Take note of what one step of a kustomization sets."""
    if step.kind == "patch":
        try:
            text = step.inline or texts.get(step.file.path) or _read(found, step.file)
        except (ReportedError, OSError):
            return  # reported before, or by kustomize
        _add_patch(found, step, text, layers)
    elif step.kind == "replacements":
        copied = _replacement(step, layers)
        if copied:
            found.copies.append(copied)
            found.marks += copied.targets
    elif isinstance(step.data, Mapping):
        for key, value in step.data.items():
            for parent in _LABELS if step.kind == "labels" else _ANNOTATIONS:
                steps = (*parse_path(parent).steps, Key(str(key)))
                pattern = FieldPattern(f"{parent}.{key}", steps)
                found.marks.append(
                    SourceMark(step.file, 0, _ANY, pattern, None, str(value), "'", layers, step.kustomization, True)
                )


def _read(found: SourceMarks, file: SourceFile) -> str:
    return decode_text(read_inside(file.path, found.sources.root), name=file.shown).text


def _add_patch(found: SourceMarks, step: SourceStep, text: str, layers: Layers | None) -> None:
    """Take note of the values in a patch; markers in an inline one are none."""
    file = step.file
    scanned = scan(text, "" if step.inline else NEEDLE, outline=_OUTLINE)
    if not step.inline:
        _report_nested(found, file, text, scanned)
    by_document: dict[int, dict[FieldPath, str]] = {}
    for document, path, scalar, line, marker in _scalars(found, file, text, scanned):
        values = by_document.setdefault(document, {}) or _values(scanned, document)
        by_document[document] = values
        line = 0 if step.inline else line
        if not (path and isinstance(path[0], int)):
            found.marks.append(_in_resource(file, path, values, line, marker, scalar, layers, step.kustomization))
        elif path[1:2] == ("value",):
            pattern = json_patch_pattern(path, values)
            found.marks.append(_of_json_patch(step, line, pattern, marker, scalar, layers))
        elif path[1:] == ("op",) and scalar.value in ("copy", "move"):
            found.copies.append(_copied(step, line, path[0], values, layers))
            found.marks += found.copies[-1].targets


def _of_json_patch(
    step: SourceStep,
    line: int,
    pattern: FieldPattern,
    marker: Marker | None,
    scalar: Scalar | None,
    layers: Layers | None,
) -> SourceMark:
    """A value in a JSON patch. What it set by a position may be at another one by now."""
    pattern = _anywhere(pattern)
    value, style = (scalar.value, scalar.style) if scalar else (None, "")
    maybe = any(isinstance(each, AnyItem) for each in pattern.steps)
    return SourceMark(step.file, line, _ANY, pattern, marker, value, style, layers, step.kustomization, maybe)


def _anywhere(pattern: FieldPattern) -> FieldPattern:
    steps = tuple(
        AnyItem() if isinstance(each, Index) else AnyKey() if isinstance(each, Key) and each.name.isdigit() else each
        for each in pattern.steps
    )
    return FieldPattern(pattern.text, steps)


def _copied(step: SourceStep, line: int, number: int, values: Mapping[FieldPath, str], layers: Layers | None) -> Copied:
    source = json_patch_pattern((number, "value"), values, key="from")
    target = json_patch_pattern((number, "value"), values)
    one, other = (_of_json_patch(step, line, each, None, None, layers) for each in (source, target))
    return Copied(one, (other,))


def _replacement(step: SourceStep, layers: Layers | None) -> Copied | None:
    """What a replacement copies, and the fields to which it does; None for one that kustomize refuses."""
    source, targets = step.data.get("source"), step.data.get("targets")
    if not isinstance(targets, list):
        return None
    marks: list[SourceMark] = []
    for target in targets:
        if isinstance(target, Mapping) and isinstance(target.get("fieldPaths"), list):
            marks += [_selected(step, target.get("select"), str(path), layers) for path in target["fieldPaths"]]
    source = source if isinstance(source, Mapping) else {}
    return Copied(_selected(step, source, str(source.get("fieldPath") or "metadata.name"), layers), tuple(marks))


def _selected(step: SourceStep, select: Any, path: str, layers: Layers | None) -> SourceMark:
    """A field that a replacement names; of one that we cannot read, the field that is written so."""
    try:
        pattern = _anywhere(parse_path(path))
    except ReportedError:
        pattern = FieldPattern(path, (Key(path),))
    target = {key: select[key] for key in select if key in _SELECTING} if isinstance(select, Mapping) else {}
    file = SourceFile(step.file.path, step.file.shown, "patch", target)
    return SourceMark(file, 0, _ANY, pattern, None, None, "", layers, step.kustomization, True)


_SELECTING = ("group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector")


def _images_mark(
    found: SourceMarks, file: SourceFile, number: int, entry: list[tuple[Comment, Marker]]
) -> Iterator[ImagesMark]:
    line = entry[0][0].line
    policies = {marker.policy for _, marker in entry}
    parts = frozenset(marker.part for _, marker in entry)
    if len(policies) > 1 or "" in parts:
        error = ResolveError(
            f"images[{number}]: its markers have to be :tag, :name or :digest of one policy",
            hint="newTag takes NAMESPACE:NAME:tag, newName :name, digest :digest",
        )
        found.results.append(failure(error, Location(file=file.shown, line=line)))
    else:
        yield ImagesMark(file, line, number, policies.pop(), parts)


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
