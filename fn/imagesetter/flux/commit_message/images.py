"""``.Updated`` of a commit message template: the images that were set, as Flux 0.x tells them.

image-automation-controller v0.41.2 internal/update/result.go, go-containerregistry pkg/name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagesetter.errors import ImageReferenceError
from imagesetter.flux.commit_message.names import NAMESPACED_NAME, OBJECT_IDENTIFIER, NamespacedName, struct
from imagesetter.golang.errors import Fault
from imagesetter.golang.values import BOOL, STRING, Map, Method, Slice, Type, map_of, slice_of
from imagesetter.registry.reference import Reference as ParsedReference
from imagesetter.registry.reference import parse_reference

REGISTRY = struct("name.Registry", ("insecure", "insecure", BOOL), ("registry", "text", STRING), string="text")
REPOSITORY = struct(
    "name.Repository", ("Registry", "host", REGISTRY), ("repository", "written_path", STRING), string="text"
)
_TAG = struct(
    "name.Tag",
    ("Repository", "context", REPOSITORY),
    ("tag", "identifier", STRING),
    ("original", "text", STRING),
    string="text",
)
_DIGEST = struct(
    "name.Digest",
    ("Repository", "context", REPOSITORY),
    ("digest", "identifier", STRING),
    ("original", "text", STRING),
    string="text",
)
REFERENCE = Type("name.Reference", "interface")
IMAGE_REF = Type("update.ImageRef", "interface", string="text")
_IMAGE_REF = struct(
    "update.imageRef", ("Reference", "reference", REFERENCE), ("policy", "policy", NAMESPACED_NAME), string="text"
)


@dataclass(frozen=True, slots=True)
class MessageRegistry:
    """A registry's host."""

    text: str

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return REGISTRY

    @property
    def insecure(self) -> bool:
        """Flux never asks for plain HTTP here."""
        return False

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return self.text


@dataclass(frozen=True, slots=True)
class ImageRepository:
    """``.Context`` of an image: where it comes from."""

    host: MessageRegistry
    path: str
    written_path: str
    """The path as written: Docker Hub's ``library/`` is understood."""

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return REPOSITORY

    @property
    def text(self) -> str:
        """``String()``."""
        return f"{self.host.text}/{self.path}"

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return self.text


@dataclass(frozen=True, slots=True)
class MessageReference:
    """go-containerregistry's reference inside an `ImageRef`."""

    text: str

    @property
    def go_type(self) -> Type:
        """A tag or a digest."""
        return _DIGEST if "@" in self.text else _TAG

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return self.text

    @property
    def identifier(self) -> str:
        """The digest, else the tag."""
        return self._parsed().identifier

    @property
    def full_name(self) -> str:
        """The canonical name; without the tag where there is a digest."""
        return self._parsed().name

    @property
    def context(self) -> ImageRepository:
        """The repository."""
        parsed = self._parsed()
        implied = parsed.repository.startswith("library/") and "library/" not in self.text
        written = parsed.repository.removeprefix("library/") if implied and not parsed.digest else parsed.repository
        return ImageRepository(MessageRegistry(parsed.registry), parsed.repository, written)

    def _parsed(self) -> ParsedReference:
        try:
            return parse_reference(self.text)
        except ImageReferenceError as err:
            raise Fault(str(err)) from err


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image that was set; prints as the policy's latest ref."""

    text: str
    policy: NamespacedName

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return _IMAGE_REF

    @property
    def reference(self) -> MessageReference:
        """The embedded reference."""
        return MessageReference(self.text)


def _via(method: Method, attribute: str) -> Method:
    """A method of an embedded struct."""
    return method._replace(call=lambda value, *args: method.call(getattr(value, attribute), *args))


REGISTRY.methods = {
    "String": Method(lambda registry: registry.text),
    "Name": Method(lambda registry: registry.text),
    "RegistryStr": Method(lambda registry: registry.text),
    "Scope": Method(lambda _registry, _action: "registry:catalog:*", (STRING,)),
}
REPOSITORY.methods = {
    "String": Method(lambda repository: repository.text),
    "Name": Method(lambda repository: repository.text),
    "RegistryStr": Method(lambda repository: repository.host.text),
    "RepositoryStr": Method(lambda repository: repository.path),
    "Scope": Method(lambda repository, action: f"repository:{repository.path}:{action}", (STRING,)),
}
_REFERENCE_METHODS = {
    "String": Method(lambda reference: reference.text),
    "Identifier": Method(lambda reference: reference.identifier),
    "Name": Method(lambda reference: reference.full_name),
    "Context": Method(lambda reference: reference.context),
    "Scope": _via(REPOSITORY.methods["Scope"], "context"),
}
for _type, _name in ((_TAG, "TagStr"), (_DIGEST, "DigestStr")):
    _type.methods = {
        **_REFERENCE_METHODS,
        _name: _REFERENCE_METHODS["Identifier"],
        "RegistryStr": _via(REPOSITORY.methods["RegistryStr"], "context"),
        "RepositoryStr": _via(REPOSITORY.methods["RepositoryStr"], "context"),
    }
_IMAGE_REF.methods = {
    **{name: _via(method, "reference") for name, method in _REFERENCE_METHODS.items()},
    "Policy": Method(lambda image: image.policy),
    "Repository": Method(lambda image: image.reference.context.path),
    "Registry": Method(lambda image: image.reference.context.host.text),
}

IMAGES = slice_of(IMAGE_REF)
IMAGE_OBJECTS = map_of(OBJECT_IDENTIFIER, IMAGES)
FILE_RESULT = struct("update.FileResult", ("Objects", "objects", IMAGE_OBJECTS))


class FileResult:
    """The images set in one file."""

    __slots__ = ("objects",)
    go_type = FILE_RESULT

    def __init__(self, objects: Map) -> None:
        self.objects = objects


FILE_RESULT.zero = lambda: FileResult(Map(IMAGE_OBJECTS, None))
FILE_RESULTS = map_of(STRING, FILE_RESULT)
UPDATED = struct("update.Result", ("Files", "files", FILE_RESULTS))


class Updated:
    """``.Updated``: images by file and object."""

    __slots__ = ("files",)
    go_type = UPDATED

    def __init__(self, files: Map) -> None:
        self.files = files

    def images(self) -> Slice:
        """``.Images``: every image once."""
        found = {image: None for _, images in self._walk() for image in images}
        return Slice(IMAGES, list(found) or None)

    def objects(self) -> Map:
        """``.Objects``: images by object, of all files."""
        found: dict[Any, Slice] = {}
        for identifier, images in self._walk():
            found.setdefault(identifier, Slice(IMAGES, [])).items.extend(images)
        return Map(IMAGE_OBJECTS, found)

    def _walk(self) -> list[tuple[Any, list[ImageRef]]]:
        return [
            (identifier, images.items)
            for _, result in self.files.sorted()
            for identifier, images in result.objects.sorted()
        ]


UPDATED.methods = {
    "Images": Method(lambda updated: updated.images()),
    "Objects": Method(lambda updated: updated.objects()),
}
