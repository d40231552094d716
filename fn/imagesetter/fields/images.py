"""The images of a tree: which scalars hold them, and with which tags. One reader for `mark`, `init` and `outdated`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagesetter.config.options import GROUP as SETTER_GROUP
from imagesetter.fields.resource_list import is_image
from imagesetter.files.find import find_files
from imagesetter.files.read import read
from imagesetter.flux.latest_ref import Part
from imagesetter.flux.markers import Marker, parse_comments
from imagesetter.flux.resources import GROUP
from imagesetter.registry.reference import Reference, Repository, parse_reference
from krm_functions.errors import InputError, ReportedError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP_ALL, NodeSpan, Scalar


@dataclass(frozen=True, slots=True)
class MarkCandidate:
    """The scalars of one image, each with the part of the reference that it holds."""

    image: Reference
    scalars: tuple[tuple[Scalar, Part], ...]

    @property
    def tag(self) -> str:
        """The tag, wherever it is; empty for none."""
        return self.image.tag or self._part("tag").partition("@")[0]

    @property
    def digest(self) -> str:
        """The digest, wherever it is; empty for none."""
        return self.image.digest or self._part("digest") or self._part("tag").partition("@")[2]

    def _part(self, part: Part) -> str:
        return next((scalar.value for scalar, its in self.scalars if its == part), "")


@dataclass(frozen=True, slots=True)
class ImageUse:
    """An image in a file, with the tag that it has there (empty for none) and the marker that it follows, if any."""

    repository: Repository
    tag: str
    digest: str
    file: str
    line: int
    marker: Marker | None = None
    whole: bool = False
    """The image is one text, which `images:` of a kustomization may replace."""
    generated: bool = False
    """A tool writes the file, so that a change of it would be lost (``flux bootstrap``, for example)."""


@dataclass(slots=True)
class TreeImages:
    """The images of a tree, in the order of its files, and what could not be read."""

    uses: list[ImageUse] = field(default_factory=list)
    unread: list[InputError] = field(default_factory=list)
    files: int = 0


def find_images(paths: Sequence[str | Path], *, exclude: Iterable[str] = ()) -> TreeImages:
    """Every image in the files under the paths, wherever `candidates` finds one.

    Left out is the image of a container for which a kustomization sets the tag: that one counts.

    Raises:
        UsageError: a path that does not exist, or a directory without a file.
    """
    found = TreeImages()
    overridden: set[str] = set()
    for path in find_files(paths, exclude=exclude, needed=True):
        found.files += 1
        try:
            data = read(path, paths)
            if b"image" in data or (b"repository" in data and b"tag" in data):
                found.uses += _in_file(str(path), decode_text(data, name=str(path)).text, overridden)
        except InputError as error:
            found.unread.append(error)
    found.uses = [use for use in found.uses if not (use.whole and use.repository.written in overridden)]
    return found


def _in_file(name: str, text: str, overridden: set[str]) -> Iterator[ImageUse]:
    scanned = scan(text, NEEDLE, outline=KEEP_ALL)
    markers = {
        parsed.comment.scalar.start: parsed.marker
        for parsed in parse_comments(scanned.comments)
        if parsed.marker and parsed.comment.scalar
    }
    generated = is_generated(text)
    for document in scanned.documents:
        if is_ours(document):
            continue
        scalars = {scalar.path: scalar for scalar in document.kept.values()}
        overridden.update(overridden_images(scalars, ("newTag", "newName", "digest")))
        for candidate in candidates(scalars, wide=True):
            marker = next((markers[each.start] for each, _ in candidate.scalars if each.start in markers), None)
            first, part = candidate.scalars[0]
            context, whole = candidate.image.context, not part
            yield ImageUse(context, candidate.tag, candidate.digest, name, first.line, marker, whole, generated)


def overridden_images(scalars: Mapping[FieldPath, Scalar], keys: Iterable[str]) -> Iterator[str]:
    """The names of the images for which ``images:`` of a kustomization has one of some keys."""
    for path, scalar in scalars.items():
        if path[-1:] == ("name",) and path[-3:-2] == ("images",) and any((*path[:-1], key) in scalars for key in keys):
            yield scalar.value


def is_generated(text: str) -> bool:
    """Whether the comments at the top of a file say that a tool writes it."""
    return "DO NOT EDIT" in text[:1000].upper().partition("\nKIND:")[0]


def is_ours(document: NodeSpan) -> bool:
    """Whether a document is a resource that speaks of images, and runs none: a policy, a repository, a lock."""
    version = document.kept.get(("apiVersion",))
    return version is not None and version.value.startswith((f"{GROUP}/", f"{SETTER_GROUP}/"))


def candidates(scalars: Mapping[FieldPath, Scalar], *, wide: bool = False) -> Iterator[MarkCandidate]:
    """The images in the scalars of one document.

    Args:
        scalars: its scalars by their paths.
        wide: also what is an image by its name or its form alone: ``image:`` with a tag anywhere, and the images of an
            Argo CD application (``kustomize.images``, ``helm.parameters``).
    """
    mappings: dict[FieldPath, dict[str, Scalar]] = {}
    for path, scalar in scalars.items():
        if is_image(path) or (wide and _is_image_elsewhere(path, scalar)):
            yield from _candidate(scalar.value, [(scalar, "")])
        elif path and isinstance(path[-1], str):
            mappings.setdefault(path[:-1], {})[path[-1]] = scalar
    for path, fields in mappings.items():
        last = path[-2:] if len(path) > 1 and isinstance(path[-1], int) else ()
        if last and last[0] == "images" and "name" in fields:
            name = fields.get("newName", fields["name"]).value
            yield from _candidate(name, _parts(fields, newName="name", newTag="tag", digest="digest"))
        elif "repository" in fields and "tag" in fields and not _is_placeholder(fields["tag"].value):
            registry, repository = fields.get("registry"), fields["repository"].value
            if registry and registry.value:
                # The policy's name has the registry in it, so it does not fit where the registry is apart.
                yield from _candidate(f"{registry.value}/{repository}", _parts(fields, tag="tag", digest="digest"))
            else:
                yield from _candidate(repository, _parts(fields, repository="name", tag="tag", digest="digest"))
    if wide:
        yield from _helm_parameters(mappings)


def _is_placeholder(tag: str) -> bool:
    """Whether something replaces the tag before it is used: ``${TAG}`` of Flux, ``{{ … }}`` of Helm."""
    return "${" in tag or "{{" in tag


def _is_image_elsewhere(path: FieldPath, scalar: Scalar) -> bool:
    if path[-1:] == ("image",):
        return ":" in scalar.value
    return path[-3:-1] == ("kustomize", "images") and "=" not in scalar.value


def _helm_parameters(mappings: Mapping[FieldPath, Mapping[str, Scalar]]) -> Iterator[MarkCandidate]:
    """``image.repository`` beside ``image.tag`` among the parameters of a chart in an Argo CD application."""
    lists: dict[FieldPath, dict[str, Scalar]] = {}
    for path, fields in mappings.items():
        if path[-3:-1] == ("helm", "parameters") and "name" in fields and "value" in fields:
            lists.setdefault(path[:-1], {})[fields["name"].value] = fields["value"]
    for values in lists.values():
        for name, tag in values.items():
            repository = values.get(f"{name.removesuffix('tag')}repository")
            if name.rpartition(".")[2] == "tag" and repository:
                yield from _candidate(repository.value, [(repository, "name"), (tag, "tag")])


def _parts(fields: Mapping[str, Scalar], **parts: Part) -> list[tuple[Scalar, Part]]:
    return [(fields[key], part) for key, part in parts.items() if key in fields and fields[key].value]


def _candidate(text: str, scalars: Sequence[tuple[Scalar, Part]]) -> Iterator[MarkCandidate]:
    try:
        image = parse_reference(text)
    except ReportedError:
        return  # a template, a placeholder, no image at all
    in_parts = any(part for _, part in scalars)
    if scalars and not (in_parts and (image.tag or image.digest)):
        yield MarkCandidate(image, tuple(sorted(scalars, key=lambda pair: pair[0].start)))
