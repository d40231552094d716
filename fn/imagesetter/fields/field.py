"""A field that follows a policy: where it is, how it was found, and what a latest ref makes of it."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import Marker, PolicyName
from krm_functions.result import ResourceRef, Result
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan_result import Scalar

FoundBy = Literal["target", "annotation", "marker", "source", "image"]


Siblings = tuple[PolicyName, str, int, FieldPath]
"""What fields of one policy have in common that stand in one mapping: policy, file, document and path."""


BOUND = frozenset({"tag", "digest"})
"""The parts that an image which is bound by its repository takes from the policy; the digest if there is one."""


class Location(NamedTuple):
    """Where something stands: a file with a line, an item of a ResourceList, or both.

    ``file`` is a path as the user knows it; ``index`` the resource's number in that file (KRM's ``file.index``);
    ``line`` and ``column`` count from 1, and are 0 where the text that we see is not the user's file.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    index: int | None = None  # type: ignore[assignment] # tuple.index
    resource: ResourceRef | None = None
    field: str = ""

    def __str__(self) -> str:
        parts = [self.file, *([str(self.line), str(self.column)] if self.line else [])] if self.file else []
        return ":".join(parts) or (str(self.resource) if self.resource else self.field)


class ImagesEntry(NamedTuple):
    """An entry of a kustomization's ``images:``; empty fields are not written.

    ``tagSuffix`` is left out: kustomize 5.8 appends it twice, and what it made is no text that we know.
    """

    name: str
    new_name: str = ""
    new_tag: str = ""
    digest: str = ""

    @property
    def sets_tag(self) -> bool:
        """Whether it replaces the tag or the digest of an image, whatever they are."""
        return bool(self.new_tag or self.digest)

    def matches(self, image: str) -> bool:
        """Whether it is about an image; its name is taken literally, though kustomize reads it as a pattern."""
        return split_image(image)[0] == self.name

    def apply(self, image: str) -> str:
        """What kustomize makes of an image (``imageTagUpdater`` in ``api/filters/imagetag/updater.go``)."""
        name, tag, digest = split_image(image)
        if name != self.name:
            return image
        if self.sets_tag:
            tag, digest = self.new_tag, self.digest
        return join_image(self.new_name or name, tag, digest)


class MarkedField(NamedTuple):
    """A scalar that follows a policy, and how that was found."""

    marker: Marker
    scalar: Scalar
    location: Location
    found_by: FoundBy = "marker"
    parts: frozenset[str] = frozenset()
    """Parts of an image reference to set one by one, where the scalar is such a reference and not the marker's text."""
    images: tuple[ImagesEntry, ...] = ()
    """What ``images:`` of kustomize does afterwards to the text in the source file, such as naming a mirror."""
    held: Result | None = None
    """Why the field is left alone, to be said unless it holds what its policy selects."""

    @property
    def siblings(self) -> Siblings:
        """What it shares with the fields of its policy beside it, such as a ``:digest`` beside a ``:tag``."""
        return self.marker.policy, self.location.file, self.scalar.document, self.scalar.path[:-1]

    def text_for(self, ref: LatestRef) -> str:
        """What the field becomes; empty where the ref has no digest and one is asked for."""
        text = self._text_for(ref)
        for entry in self.images:
            text = entry.apply(text)
        return text

    def _text_for(self, ref: LatestRef) -> str:
        """What the field becomes where its marker stands.

        An image that is set by parts keeps the others: its own spelling of the name (``nginx`` for
        ``docker.io/library/nginx``), since kustomize's ``images:`` of an upper layer match by spelling. A digest
        without its tag would lie, so it goes when only the tag is set.
        """
        bound = self.found_by == "image"
        parts = BOUND if bound else self.parts
        if not parts:
            return ref.part(self.marker.part)
        name, tag, digest = split_image(self.scalar.value)
        if "digest" in parts and not ref.digest and not bound:
            return ""
        name = ref.name if "name" in parts else name
        if "tag" in parts:
            tag, digest = ref.tag, ""
        digest = ref.digest if "digest" in parts else digest
        return join_image(name, tag, digest)


def split_image(text: str) -> tuple[str, str, str]:
    """The name, tag and digest of an image as it is written; tag and digest may be empty."""
    name, _, digest = text.partition("@")
    head, colon, tail = name.rpartition(":")
    return (head, tail, digest) if colon and "/" not in tail else (name, "", digest)


def join_image(name: str, tag: str, digest: str) -> str:
    """The image of a name, a tag and a digest; tag and digest may be empty."""
    return f"{name}{':' if tag else ''}{tag}{'@' if digest else ''}{digest}"


_DIGEST = re.compile(r"(?:^|@)sha(?:256|384|512):[0-9A-Fa-f]+")


def has_digest(text: str) -> bool:
    """Whether a text is a digest, or ends an image or a tag with one (``name:tag@sha256:…``, ``tag@sha256:…``)."""
    return _DIGEST.search(text) is not None
