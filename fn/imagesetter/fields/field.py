"""A field that follows a policy: where it is, how it was found, and what a latest ref makes of it."""

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from imagesetter.errors import FieldError
from imagesetter.fields.field_text import FieldText, ReadsTag, looks_like_a_version, read_field, same_repository
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import Marker, PolicyName
from krm_functions.result import ResourceRef, Result
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.scan_result import Scalar

if TYPE_CHECKING:
    from imagesetter.fields.nested import NestedMark
else:
    NestedMark = object  # `typing` compiles an annotation in quotes, which takes longer than the class

_Same = TypeVar("_Same", str, FieldPath)


@lru_cache(maxsize=4096)
def shared(value: _Same) -> _Same:
    """An equal text or path, the same object each time: in a fleet, thousands of fields hold the same ones."""
    return value


FoundBy = Literal["target", "annotation", "marker", "source", "image", "beside"]
"""``beside``: the digest in the same mapping as a field that follows a policy, and without a marker of its own."""


Siblings = tuple[PolicyName, str, int | None, ResourceRef | None, int, FieldPath]
"""What fields of one policy have in common that are in one mapping: policy, file, resource, document and path."""


BOUND = frozenset({"tag", "digest"})
"""The parts that an image which is bound by its repository takes from the policy; the digest if there is one."""


class Location(NamedTuple):
    """Where something is: a file with a line, an item of a ResourceList, or both.

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

    ``tagSuffix`` is left out: kustomize 5.8 appends it twice, and what it made is not text that we know.
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
    """Why the field is left alone, reported unless it holds what its policy selects."""
    others: tuple["MarkedField", ...] = ()
    """What else may decide over a field that is left alone: the field has to hold what each of them selects, too."""
    is_unsure: bool = False
    """Whether ``held`` is reported in any case: an update of the sources may change the field whatever it holds."""
    nested: NestedMark | None = None
    """Where it is in the text of another scalar, of a field that is there."""
    registry: str = ""
    """The registry that is beside a name without one (``registry`` beside ``repository``)."""

    @property
    def siblings(self) -> Siblings:
        """What it shares with the fields of its policy beside it, such as a ``:digest`` beside a ``:tag``."""
        place, scalar = self.location, self.scalar
        return self.marker.policy, place.file, place.index, place.resource, scalar.document, scalar.path[:-1]

    def read(self, ref: LatestRef, reads_tag: ReadsTag | None = None) -> FieldText:
        """The pieces of the field's text, of which the policy replaces some.

        Args:
            ref: the policy's answer.
            reads_tag: finds the tag among other text; None: what looks like a version. The answer's own tag counts
                in any case, so that a second run finds what the first one wrote.

        Raises:
            FieldError: the marker does not fit the field, or it is not clear what it means.
        """
        if self._parts:
            return FieldText(*split_image(self.scalar.value))

        def reads(word: str) -> bool:
            return word == ref.tag or (reads_tag or looks_like_a_version)(word)

        if not self.registry:
            return read_field(self.marker, self.scalar.path, self.scalar.value, ref.name, reads)
        whole = f"{self.registry}/{self.scalar.value}"
        return read_field(self.marker, self.scalar.path, whole, self._name_beside(ref), reads)

    def _name_beside(self, ref: LatestRef) -> str:
        """The name that the policy selects, prefixed with the registry that is beside the field.

        If the field names the same repository, its spelling is kept: ``library/nginx`` for a policy of ``nginx``.

        Raises:
            FieldError: the answer's repository is in another registry.
        """
        own, without = split_image(self.scalar.value)[0], ref.name.partition("/")[2]
        for name in (own, without, ref.name):
            whole = f"{self.registry}/{name}"
            if name and (whole == ref.name or same_repository(whole, ref.name)):
                return whole
        raise FieldError(
            f"{self.marker} writes {ref.name}, and the registry {self.registry} stands beside this field",
            hint="take the marker away, or write the registry into this field",
        )

    def is_pinned(self, text: FieldText) -> bool:
        """Whether what the policy replaces has a digest."""
        return bool(text.digest) and (not self._parts or not self._parts.isdisjoint(BOUND))

    def written(self, text: FieldText, ref: LatestRef, digest: str) -> str:
        """What the field becomes; empty where it is to hold a digest and there is none.

        An image that is set by parts keeps the others: its own spelling of the name (``nginx`` for
        ``docker.io/library/nginx``), since kustomize's ``images:`` of an upper layer match by spelling.

        Args:
            text: the pieces of its text.
            ref: the policy's answer.
            digest: of the answer; of a field without one, only what the policy reflects.
        """
        parts = self._parts
        if not parts:
            named = ref._replace(name=self._name_beside(ref)) if self.registry else ref
            new = text.with_part(self.marker.part, named, digest)
            new = new.removeprefix(f"{self.registry}/") if self.registry else new
        elif parts.isdisjoint(BOUND):
            new = join_image(ref.name, text.tag, text.digest)
        elif "digest" in self.parts and not digest:
            return ""
        else:
            name = ref.name if "name" in parts else text.name
            tag = ref.tag if "tag" in parts else text.tag
            new = join_image(name, tag, digest if "digest" in parts or text.digest else "")
        for entry in self.images:
            new = entry.apply(new)
        return new

    def text_for(self, ref: LatestRef) -> str:
        """What the field becomes by a policy's answer alone; empty where nothing can be written."""
        try:
            return self.written(self.read(ref), ref, ref.digest)
        except FieldError:
            return ""

    @property
    def _parts(self) -> frozenset[str]:
        return BOUND if self.found_by == "image" else self.parts


def split_image(text: str) -> tuple[str, str, str]:
    """The name, tag and digest of an image as it is written; tag and digest may be empty."""
    name, _, digest = text.partition("@")
    head, colon, tail = name.rpartition(":")
    return (head, tail, digest) if colon and "/" not in tail else (name, "", digest)


def join_image(name: str, tag: str, digest: str) -> str:
    """The image of a name, a tag and a digest; tag and digest may be empty."""
    return f"{name}{':' if tag else ''}{tag}{'@' if digest else ''}{digest}"
