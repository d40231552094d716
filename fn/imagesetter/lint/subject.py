"""What is linted: files read once, the markers and Flux resources in them, and where each of their fields stands.

A pre-commit hook hands over the changed files only, and a policy is often far from the fields that follow it. So the
rest of the repository is read too where a question needs it (is there such a policy? does anything follow this one?),
but nothing is reported about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from imagesetter.errors import ImagesetterError, InputError, MarkerError, TextError
from imagesetter.flux import catalog as flux
from imagesetter.flux.catalog import Catalog, Resource
from imagesetter.flux.markers import Marker, PolicyName, parse_marker
from imagesetter.registry.reference import parse
from imagesetter.text.fieldpath import FieldPath
from imagesetter.text.load import load
from imagesetter.text.scan import Broken, Comment, Node, scalars, scan
from imagesetter.text.source import decode, position
from imagesetter.tree import find_files, read, repository_root

KINDS = ("ImagePolicy", "ImageRepository", "ImageUpdateAutomation")
STDIN = "<stdin>"

# The second spelling is a mistake that the linter names; the screen lets it pass so that it can be seen at all.
_SPELLINGS = ("imagepolicy", "imagePolicy")
_MARKED = tuple(spelling.encode() for spelling in _SPELLINGS)
_FLUX = flux.GROUP.encode()
_OURS = b"imagesetter.dev/"


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A file as the user named it, with line and column from 1; both are 0 where the whole file is meant."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Mark:
    """A comment that is, or wants to be, a marker."""

    file: str
    comment: Comment
    marker: Marker | None
    error: MarkerError | None

    @property
    def spot(self) -> Spot:
        """Where the comment starts."""
        return Spot(self.file, self.comment.line, self.comment.column)


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource and where it stands: a document, or an item of a List in it."""

    resource: Resource
    file: str
    text: str
    """Its document."""
    line: int
    column: int
    """Where that document starts."""
    path: FieldPath
    """The way from the document's root to the resource."""

    def spot(self, *path: str | int) -> Spot:
        """Where the value of a field starts; where it has no such field, the resource's name, else its first line."""
        offset = self._offset((*self.path, *path))
        if offset is None:
            offset = self._offset((*self.path, "metadata", "name"))
        return self._at(offset or 0)

    def key_spot(self, *path: str | int) -> Spot:
        """Where the key of a field stands; the place of its value where the key is spelled unusually."""
        offset = self._offset((*self.path, *path))
        if offset is None:
            return self.spot()
        key = self.text.rfind(str(path[-1]), 0, offset)
        return self._at(key if key >= 0 else offset)

    def _offset(self, path: FieldPath) -> int | None:
        """Where the first scalar at or below a path starts."""
        below = (scalar.start for scalar in scalars(self.text) if scalar.path[: len(path)] == path)
        return next(below, None)

    def _at(self, offset: int) -> Spot:
        line, column = position(self.text, offset)
        return Spot(self.file, self.line + line - 1, column + (self.column - 1 if line == 1 else 0))


@dataclass(frozen=True, slots=True)
class Unread:
    """A file or document that holds something for us but cannot be read, and why."""

    spot: Spot
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file's part in the run; a file without markers and without resources of ours has none."""

    name: str
    marks: tuple[Mark, ...] = ()
    resources: tuple[Placed, ...] = ()
    unread: tuple[Unread, ...] = ()
    targets: tuple[str, ...] = ()
    """Policies that the ``spec.targets`` of an ImageSetter name."""
    binds: bool = False
    """An ImageSetter here binds fields by image, so that any policy may be followed without a marker."""


@dataclass(frozen=True)
class Subject:
    """Everything that rules look at."""

    files: tuple[FileRead, ...]
    """The files under the given paths: what is reported about."""
    named: tuple[FileRead, ...]
    """The sources of ``--policies``: their policies are reported about, their markers are not."""
    around: tuple[FileRead, ...]
    """The rest of the repository: known, not reported about."""
    catalog: Catalog
    count: int
    """How many files are under the given paths."""

    @cached_property
    def marks(self) -> tuple[Mark, ...]:
        """The comments of the given files that are, or want to be, markers."""
        return tuple(mark for file in self.files for mark in file.marks)

    @cached_property
    def fields(self) -> tuple[Mark, ...]:
        """Those that mark a field."""
        return tuple(mark for mark in self.marks if mark.marker and mark.comment.scalar)

    @cached_property
    def followed(self) -> frozenset[PolicyName]:
        """Every policy that some field follows, anywhere in the repository."""
        everywhere = [*self.files, *self.around]
        names = {
            mark.marker.policy for file in everywhere for mark in file.marks if mark.marker and mark.comment.scalar
        }
        return frozenset(names) | {self._target(text) for file in everywhere for text in file.targets}

    @cached_property
    def binds(self) -> bool:
        """Whether fields are bound by image somewhere, so that no policy can be called unused."""
        return any(file.binds for file in (*self.files, *self.around))

    @cached_property
    def tags(self) -> Mapping[PolicyName, tuple[str, ...]]:
        """The tags that fields hold now, and those that a cluster reported, by the policy that they follow."""
        found: dict[PolicyName, dict[str, None]] = {}
        for file in (*self.files, *self.around):
            for mark in file.marks:
                if mark.marker and mark.comment.scalar:
                    tag = tag_of(mark.marker, mark.comment.scalar.value)
                    if tag:
                        found.setdefault(mark.marker.policy, {})[tag] = None
        for name in self.catalog.policy_names:
            try:
                ref = self.catalog.recorded(name)
            except ImagesetterError:
                continue
            if ref:
                found.setdefault(name, {})[ref.tag] = None
        return {name: tuple(tags) for name, tags in found.items()}

    def placed(self, kind: str) -> Iterator[tuple[PolicyName, Placed]]:
        """The resources of a kind in the given files and in ``--policies``, in this order, each with its name."""
        for file in (*self.files, *self.named):
            for placed in file.resources:
                if placed.resource.kind == kind and placed.resource.api_version.startswith(f"{flux.GROUP}/"):
                    yield self.name_of(placed.resource), placed

    def name_of(self, resource: Resource) -> PolicyName:
        """A resource's namespace and name."""
        namespace, name = resource.names[0]
        return PolicyName(namespace or self.catalog.default_namespace, name)

    def _target(self, text: str) -> PolicyName:
        parts = text.split(":")
        if len(parts) > 1 and parts[-1] in ("tag", "name", "digest"):
            parts.pop()
        return PolicyName(parts[0] if len(parts) > 1 else self.catalog.default_namespace, parts[-1])


def tag_of(marker: Marker, value: str) -> str:
    """The tag that a marked field holds; empty where it holds none."""
    if marker.part == "tag":
        return value
    if marker.part:
        return ""
    try:
        return parse(value).tag
    except ImagesetterError:
        return ""


def read_subject(
    paths: Sequence[str | Path],
    *,
    policies: Sequence[str | Path],
    namespace: str,
    exclude: Iterable[str] = (),
    stdin: Callable[[], bytes],
) -> Subject:
    """Read what is to be linted, and as much around it as its questions need.

    Raises:
        UsageError: a path that does not exist.
    """
    given = [(path, _read_path(path, str(path))) for path in find_files(paths, exclude=exclude)]
    known = {path.resolve() for path, _ in given}
    files = [found for _, found in given if found]
    named: list[FileRead] = []
    for source in policies:
        if str(source) == "-":
            named.append(_read_data(stdin(), STDIN) or FileRead(STDIN))
        else:
            others = (path for path in find_files([source]) if path.resolve() not in known)
            named += [found for path in others if (found := _read_path(path, str(path)))]
    catalog = Catalog(namespace)
    catalog.add(placed.resource for file in named for placed in file.resources)
    # As in `update`: a rendered stream or a cluster's export stands in for the bases that it was made from.
    resources = [placed.resource for file in files for placed in file.resources]
    catalog.add([resource for resource in resources if not catalog.knows(resource)])
    subject = Subject(tuple(files), tuple(named), (), catalog, len(given))
    root = _search(subject, paths, searched=bool(policies))
    if root is None:
        return subject
    around = [
        found
        for path in find_files([root])
        if path.resolve() not in known and (found := _read_path(path, _shown(path)))
    ]
    if not policies:
        catalog.add(placed.resource for file in around for placed in file.resources)
    return Subject(tuple(files), tuple(named), tuple(around), catalog, len(given))


def _search(subject: Subject, paths: Sequence[str | Path], *, searched: bool) -> Path | None:
    """Where to look for the policies that markers name and for the fields that follow policies; None if all are here.

    Markers without a policy are looked into as `update` does it: in the repository, or in the working directory where
    there is none.
    """
    start = Path(paths[0]) if paths else Path()
    repository = repository_root(start if start.is_dir() else start.parent)
    names = {mark.marker.policy for mark in subject.fields if mark.marker}
    if not searched and any(not subject.catalog.has_policy(name) for name in names):
        return repository or Path()
    policies = (placed for file in subject.files for placed in file.resources if placed.resource.kind == "ImagePolicy")
    if any(subject.name_of(placed.resource) not in subject.followed for placed in policies):
        return repository
    return None


def _shown(path: Path) -> str:
    """A path as a user in the working directory would write it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _read_path(path: Path, name: str) -> FileRead | None:
    try:
        data = read(path)
    except InputError as error:
        return FileRead(name, unread=(Unread(Spot(name), error.what, error.hint),))
    return _read_data(data, name)


def _read_data(data: bytes, name: str) -> FileRead | None:
    """What a file's bytes hold for us; None, without parsing them, where the screen finds nothing."""
    wanted = _FLUX in data or _OURS in data
    if not wanted and not any(spelling in data for spelling in _MARKED):
        return None
    try:
        text = decode(data, name=name).text
    except TextError as error:
        line, column = (int(part) for part in error.where.rsplit(":", 2)[1:])
        return FileRead(name, unread=(Unread(Spot(name, line, column), error.what, error.hint),))
    needle = next((spelling for spelling in _SPELLINGS if spelling in text), "")
    if not needle and not wanted:
        return None
    found = scan(text, needle or _SPELLINGS[0], also=(*_SPELLINGS, "$ref", "\\u00"), outline={} if wanted else None)
    marks = tuple(_mark(name, comment) for comment in found.comments)
    broken = [_unread(name, text, each, marks) for each in found.broken]
    documents = [_Document(name, text, node) for node in found.documents] if wanted else []
    unread = [each for each in (*broken, *(document.unread for document in documents)) if each]
    return FileRead(
        name,
        marks,
        tuple(placed for document in documents for placed in document.resources()),
        tuple(unread),
        tuple(target for document in documents for target in document.targets()),
        any(document.binds() for document in documents),
    )


def _mark(name: str, comment: Comment) -> Mark:
    try:
        return Mark(name, comment, parse_marker(comment.text), None)
    except MarkerError as error:
        return Mark(name, comment, None, error)


def _unread(name: str, text: str, broken: Broken, marks: Iterable[Mark]) -> Unread | None:
    """A document that does not parse, if it holds markers or resources; a Helm template of resources may stay one."""
    spot = Spot(name, broken.line, broken.column)
    if any(mark.comment.place == "unparsable" and _within(mark, broken) for mark in marks):
        what = f"a document with markers is not YAML: {broken.problem}"
        return Unread(spot, what, "mend it, or leave the file out with --exclude")
    lines = "\n".join(text.splitlines()[broken.start_line - 1 : broken.end_line])
    if flux.GROUP in lines and "{{" not in lines:
        return Unread(spot, f"a document with Flux resources is not YAML: {broken.problem}", "mend it")
    return None


def _within(mark: Mark, broken: Broken) -> bool:
    return broken.start_line <= mark.comment.line <= broken.end_line


class _Document:
    """One document of a file, loaded; ``unread`` says why it could not be."""

    def __init__(self, name: str, text: str, node: Node) -> None:
        self.name = name
        self.node = node
        self.text = text[node.start : node.end]
        self.data: object = None
        self.unread: Unread | None = None
        if flux.GROUP not in self.text and "imagesetter.dev/" not in self.text and "kind: Namespace" not in self.text:
            return
        try:
            self.data = load(self.text, name=name, first_line=node.line)
        except TextError as error:
            line, column = (int(part) for part in error.where.rsplit(":", 2)[1:])
            what = f"a document with Flux resources cannot be read: {error.what}"
            self.unread = Unread(Spot(name, line, column), what, error.hint)

    def resources(self) -> Iterator[Placed]:
        """The resources that may matter to a policy, items of Lists included."""
        for item, path in _items(self.data, ()):
            found = flux.resource(item, f"{self.name}:{self.node.line}")
            if found:
                yield Placed(found, self.name, self.text, self.node.line, self.node.column, path)

    def _setters(self) -> Iterator[Mapping[str, Any]]:
        for item, _ in _items(self.data, ()):
            spec = item.get("spec")
            if str(item.get("apiVersion", "")).startswith("imagesetter.dev/") and isinstance(spec, Mapping):
                yield spec

    def targets(self) -> Iterator[str]:
        """The policies that the targets of an ImageSetter name."""
        for spec in self._setters():
            targets = spec.get("targets")
            for target in targets if isinstance(targets, list) else ():
                if isinstance(target, Mapping) and target.get("policy"):
                    yield str(target["policy"])

    def binds(self) -> bool:
        """Whether an ImageSetter binds fields by their image."""
        return any(spec.get("bindByImage") is True for spec in self._setters())


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
