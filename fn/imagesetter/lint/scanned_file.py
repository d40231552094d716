"""One file as the linter sees it: its markers and resources, and the position of each of their fields."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imagesetter.config.inline_policy import is_setter, policies_in_file, releases_in_file
from imagesetter.config.options import GROUP
from imagesetter.errors import LockError, MarkerError
from imagesetter.fields.digests import has_registry_key, registry_beside
from imagesetter.fields.resource_list import FIELDS_ANNOTATION, is_image, target_marker
from imagesetter.fields.unfollowed import nested_markers, sealed_documents
from imagesetter.files.read import read
from imagesetter.flux import resources as flux
from imagesetter.flux.deployments import GROUP as DEPLOYMENTS
from imagesetter.flux.kustomization_file import is_kustomization
from imagesetter.flux.markers import Marker, PolicyName, parse_comments
from imagesetter.flux.resources import Resource
from imagesetter.lint.odd_keys import odd_keys
from imagesetter.lock import document as lock
from imagesetter.update.read_tree import STDIN
from krm_functions.errors import InputError, TextError, UsageError
from krm_functions.yaml.encoding import decode_text, mentions, wide_encoding
from krm_functions.yaml.encoding import position as line_and_column
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scalars, scan
from krm_functions.yaml.scan_result import KEEP_ALL, SPAN, Comment, NodeSpan, Outline, ParseFailure

# The second spelling is a mistake that the linter reports, so files that contain it are scanned, too.
_SPELLINGS = ("imagepolicy", "imagePolicy")
_MARKED = tuple(spelling.encode() for spelling in _SPELLINGS)
_FLUX = flux.GROUP.encode()
_OURS = f"{GROUP}/".encode()
_DEPLOYS = DEPLOYMENTS.encode()
_BINDS = re.compile(r"""bindByImage["']?:[ ]*["']?true""")
_LOCK = f"kind: {lock.KIND}".encode()
# A line with an image that has no tag, or the tag latest, and no comment behind it.
_UNTAGGED = re.compile(
    rb"""^[ \t-]*image:[ \t]+["']?[A-Za-z0-9][A-Za-z0-9._/-]*(?::[0-9]+/[A-Za-z0-9._/-]+)?"""
    rb"""(?::latest)?["']?[ \t]*\r?$""",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, order=True)
class SourcePosition:
    """A file as the user named it, with line and column from 1; both are 0 where the whole file is meant."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class MarkerComment:
    """A comment that is a marker, or looks like one."""

    file: str
    comment: Comment
    marker: Marker | None
    error: MarkerError | None
    registry: str = ""
    """The registry beside the marked name, if that has none in its own text."""

    @property
    def position(self) -> SourcePosition:
        """The start of the comment."""
        return SourcePosition(self.file, self.comment.line, self.comment.column)


@dataclass(frozen=True, slots=True)
class LocatedResource:
    """A resource and its position: a document, or an item of a List in it."""

    resource: Resource
    file: str
    text: str
    """Its document."""
    line: int
    column: int
    """Where that document starts."""
    path: FieldPath
    """The path from the document's root to the resource."""
    inline: bool = False
    """It stands for an inline policy, which has the fields of both resources, without ``spec`` and ``metadata``."""

    def position(self, *path: str | int) -> SourcePosition:
        """The position of a field's value; without such a field, of the resource's name, else of its first line."""
        offset = self._offset(self._path(path))
        if offset is None:
            offset = self._offset(self._path(("metadata", "name")))
        return self._at(offset or 0)

    def _path(self, path: FieldPath) -> FieldPath:
        """The path of a field of the resource, from the document's root."""
        if self.inline:
            path = path[2:] if path[:2] == ("spec", "policy") else path[1:]
        return (*self.path, *path)

    def key_position(self, *path: str | int) -> SourcePosition:
        """The position of a field's key; of its value if the key is spelled unusually."""
        offset = self._offset(self._path(path))
        if offset is None:
            return self.position()
        key = self.text.rfind(str(path[-1]), 0, offset)
        return self._at(key if key >= 0 else offset)

    def _offset(self, path: FieldPath) -> int | None:
        """Where the first scalar at or below a path starts; where there is none, the node at the path."""
        below = (scalar.start for scalar in scalars(self.text) if scalar.path[: len(path)] == path)
        return next(below, None) or self._empty(path)

    def _empty(self, path: FieldPath) -> int | None:
        """Where a collection without a scalar starts."""
        outline: dict[object, object] = {SPAN: True}
        for step in reversed(path):
            outline = {"*" if isinstance(step, int) else step: outline}
        return next((node.start for node in scan(self.text, outline=outline).nodes if node.path == path), None)

    def _at(self, offset: int) -> SourcePosition:
        line, column = line_and_column(self.text, offset)
        return SourcePosition(self.file, self.line + line - 1, column + (self.column - 1 if line == 1 else 0))


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """A file or document with markers or resources that cannot be read, and why."""

    position: SourcePosition
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ScannedLock:
    """A lock and its text, or why it cannot be read."""

    name: str
    text: str
    lock: lock.Lock | None
    error: LockError | TextError | None

    def position(self, policy: PolicyName, part: str = "entries") -> SourcePosition:
        """The position of a policy among the entries or the holds."""
        for scalar in scalars(self.text):
            if scalar.path[-1:] == ("policy",) and scalar.path[-3] == part and scalar.value == str(policy):
                return SourcePosition(self.name, scalar.line, scalar.column)
        return SourcePosition(self.name, 1, 1)


@dataclass(frozen=True, slots=True)
class PolicyReference:
    """A reference to a policy without a marker: in a target of an ImageSetter or in an annotation."""

    policy: PolicyName
    position: SourcePosition


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """What the linter needs of one file; None instead of it if the file has no markers and no resources."""

    name: str
    marker_comments: tuple[MarkerComment, ...] = ()
    resources: tuple[LocatedResource, ...] = ()
    unreadable: tuple[UnreadableDocument, ...] = ()
    references: tuple[PolicyReference, ...] = ()
    binds: bool = False
    """Fields are bound by image, so that any policy may be followed without a marker."""
    lock: ScannedLock | None = None
    kustomization: bytes = b""
    """The bytes of a kustomization file."""
    deployment: bytes = b""
    """The bytes of a file with a Flux Kustomization."""
    nested: tuple[SourcePosition, ...] = ()
    """Markers inside the text of a value."""
    images: tuple[tuple[SourcePosition, str], ...] = ()
    """The images of containers without a tag or with the tag latest, and without a marker."""
    sealed: frozenset[int] = frozenset()
    """The documents whose every value is covered by the MAC of SOPS."""


def read_path(path: Path, name: str, given: Sequence[str | Path] = ()) -> ScannedFile | None:
    """Read a file by its path. An unreadable file is reported, since it may contain anything.

    Args:
        path: the file.
        name: how it is shown.
        given: what the operator named; see `imagesetter.files.read.read`.
    """
    try:
        data = read(path, given)
    except InputError as error:
        return ScannedFile(name, unreadable=(UnreadableDocument(SourcePosition(name), error.what, error.hint),))
    return read_data(data, name)


def read_data(data: bytes, name: str) -> ScannedFile | None:
    """Scan a file's bytes; None, without parsing, if they cannot contain markers or resources."""
    wanted = _FLUX in data or _OURS in data or b"bindByImage" in data
    if wide_encoding(data) and mentions(data, *_SPELLINGS, flux.GROUP):
        wanted = True  # the text is refused below
    kustomization = data if is_kustomization(name) else b""
    deployment = data if _DEPLOYS in data else b""
    odd = odd_keys(data)
    if not (wanted or odd or any(spelling in data for spelling in _MARKED)):
        images = _untagged(data, name)
        if not (kustomization or deployment or images):
            return None
        return ScannedFile(name, kustomization=kustomization, deployment=deployment, images=images)
    try:
        text = decode_text(data, name=name).text
    except TextError as error:
        line, column = (int(part) for part in error.where.rsplit(":", 2)[1:])
        position = SourcePosition(name, line, column)
        return ScannedFile(name, unreadable=(UnreadableDocument(position, error.what, error.hint),))
    spellings = (*_SPELLINGS, *odd)
    needle = next((spelling for spelling in spellings if spelling in text), _SPELLINGS[0])
    sealed = "sops:" in text
    outline: Outline | None = {} if wanted or sealed else None
    scanned = scan(text, needle, also=(*spellings, "$ref", "\\u00"), outline=outline)
    marker_comments = tuple(MarkerComment(name, *parsed) for parsed in parse_comments(scanned.comments))
    if marker_comments and has_registry_key(text):
        marker_comments = tuple(_with_registries(text, marker_comments))
    broken = [_unreadable(name, text, each, marker_comments) for each in scanned.broken]
    documents = [_Document(name, text, node) for node in scanned.documents] if wanted else []
    resources = tuple(located for document in documents for located in document.resources())
    invalid = (each for document in documents for each in (document.unreadable, *document.invalid))
    return ScannedFile(
        name,
        marker_comments,
        resources,
        tuple(each for each in (*broken, *invalid) if each),
        tuple(reference for document in documents for reference in document.references()),
        _BINDS.search(text) is not None,
        _lock(name, text) if _LOCK in data else None,
        kustomization,
        deployment,
        tuple(SourcePosition(name, *where) for where in nested_markers(text, scanned)),
        _untagged(data, name),
        frozenset(sealed_documents(text, scanned) if sealed and marker_comments else ()),
    )


def _with_registries(text: str, marks: Iterable[MarkerComment]) -> Iterator[MarkerComment]:
    """Marker comments that know the registries beside their fields; the text is scanned once more for these."""
    whole = {
        node.document: {scalar.path: scalar for scalar in node.kept.values()}
        for node in scan(text, outline=KEEP_ALL).documents
    }
    for mark in marks:
        scalar = mark.comment.scalar
        beside = whole.get(scalar.document, {}) if scalar else {}
        yield replace(mark, registry=registry_beside(mark.marker, scalar, beside)) if mark.marker and scalar else mark


def _untagged(data: bytes, name: str) -> tuple[tuple[SourcePosition, str], ...]:
    """Images without a tag; a file is parsed only if one of its lines looks like one."""
    if b"ontainers:" not in data or not _UNTAGGED.search(data):
        return ()
    try:
        text = decode_text(data, name=name).text
    except TextError:
        return ()
    lines = {data.count(b"\n", 0, found.start()) + 1 for found in _UNTAGGED.finditer(data)}
    kept = (scalar for document in scan(text, "", outline=KEEP_ALL).documents for scalar in document.kept.values())
    return tuple(
        (SourcePosition(name, scalar.line, scalar.column), scalar.value)
        for scalar in kept
        if scalar.line in lines and len(scalar.path) > 2 and is_image(scalar.path)
    )


def _lock(name: str, text: str) -> ScannedLock:
    try:
        return ScannedLock(name, text, lock.parse_lock(text, name), None)
    except (LockError, TextError) as error:
        return ScannedLock(name, text, None, error)


def _unreadable(
    name: str, text: str, broken: ParseFailure, marker_comments: Iterable[MarkerComment]
) -> UnreadableDocument | None:
    """A document that does not parse, if it holds markers or resources; a Helm template of resources may stay one."""
    position = SourcePosition(name, broken.line, broken.column)
    if any(mark.comment.place == "unparsable" and _within(mark, broken) for mark in marker_comments):
        what = f"a document with markers is not YAML: {broken.problem}"
        return UnreadableDocument(position, what, "fix it, or leave the file out with --exclude")
    lines = "\n".join(text.splitlines()[broken.start_line - 1 : broken.end_line])
    if flux.GROUP in lines and not _is_template(lines):
        return UnreadableDocument(position, f"a document with Flux resources is not YAML: {broken.problem}", "fix it")
    return None


def _is_template(text: str) -> bool:
    """Whether a document is a Helm template; an automation's commit message has braces of its own."""
    return "{{" in text and "messageTemplate" not in text


def _within(mark: MarkerComment, broken: ParseFailure) -> bool:
    return broken.start_line <= mark.comment.line <= broken.end_line


class _Document:
    """One document of a file, loaded; ``unreadable`` says why it could not be."""

    def __init__(self, name: str, text: str, node: NodeSpan) -> None:
        self.name = name
        self.node = node
        self.text = text[node.start : node.end]
        self.data: object = None
        self.unreadable: UnreadableDocument | None = None
        self.invalid: list[UnreadableDocument] = []
        if flux.GROUP not in self.text and f"{GROUP}/" not in self.text and "kind: Namespace" not in self.text:
            return
        try:
            self.data = load(self.text, name=name, first_line=node.line)
        except TextError as error:
            if _is_template(self.text):
                return
            line, column = (int(part) for part in error.where.rsplit(":", 2)[1:])
            what = f"a document with Flux resources cannot be read: {error.what}"
            self.unreadable = UnreadableDocument(SourcePosition(name, line, column), what, error.hint)

    def resources(self) -> Iterator[LocatedResource]:
        """The resources that may matter to a policy, items of Lists included."""
        for item, path in _items(self.data, ()):
            found = flux.resource(item, f"{self.name}:{self.node.line}", file="" if self.name == STDIN else self.name)
            if found:
                yield self._locate(found, path)
            for index, policy in enumerate(policies_in_file(item, self.name, self.node.line)):
                at = (*path, "spec", "policies", index)
                if isinstance(policy, InputError):
                    position = self._locate(Resource(item, "", ()), at).position()
                    self.invalid.append(UnreadableDocument(position, policy.what, policy.hint))
                else:
                    yield from (replace(self._locate(each, at), inline=True) for each in policy)
            for index, release in enumerate(releases_in_file(item, self.name, self.node.line)):
                yield replace(self._locate(release, (*path, "spec", "releases", index)), inline=True)

    def _locate(self, resource: Resource, path: FieldPath) -> LocatedResource:
        return LocatedResource(resource, self.name, self.text, self.node.line, self.node.column, path)

    def references(self) -> Iterator[PolicyReference]:
        """The policies that the targets of an ImageSetter, or a resource's own annotation, name."""
        for item, path in _items(self.data, ()):
            at = self._locate(Resource(item, "", ()), path)
            metadata = _mapping(item.get("metadata"))
            targets = _mapping(item.get("spec")).get("targets") if is_setter(item) else None
            for index, target in enumerate(targets if isinstance(targets, list) else ()):
                policy = _mapping(target).get("policy")
                yield from _references(policy, metadata, at.position("spec", "targets", index, "policy"))
            fields = _mapping(metadata.get("annotations")).get(FIELDS_ANNOTATION)
            with contextlib.suppress(TextError):
                for policy in _mapping(load(fields) if isinstance(fields, str) else None).values():
                    yield from _references(policy, {}, at.position("metadata", "annotations", FIELDS_ANNOTATION))


def _mapping(data: object) -> Mapping[str, Any]:
    return data if isinstance(data, Mapping) else {}


def _references(policy: object, metadata: Mapping[str, Any], position: SourcePosition) -> Iterator[PolicyReference]:
    """A policy by ``[NS:]NAME[:PART]``; the function itself refuses what is not valid."""
    namespace = str(metadata.get("namespace") or flux.DEFAULT_NAMESPACE)
    if isinstance(policy, str):
        with contextlib.suppress(UsageError):
            yield PolicyReference(target_marker(policy, namespace, "").policy, position)


def _items(data: object, path: FieldPath) -> Iterator[tuple[Mapping[str, Any], FieldPath]]:
    """The resources of a document, each with its path in it."""
    if not isinstance(data, Mapping):
        return
    items = data.get("items")
    if str(data.get("kind", "")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _items(item, (*path, "items", index))
    else:
        yield data, path
