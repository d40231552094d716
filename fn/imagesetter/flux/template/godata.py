"""Flux's Go types behind a commit message template: their names, fields and methods, and how they print."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from imagesetter.errors import ImageReferenceError
from imagesetter.flux.template.faults import Fault
from imagesetter.flux.template.gostrings import sanitize
from imagesetter.flux.template.values import STRING, STRING_MAP, Field, Map, Method, Slice, Type, map_of, slice_of

if TYPE_CHECKING:
    from imagesetter.registry.reference import Reference as ParsedReference


def _struct(name: str, *fields: tuple[str, str, Type], string: str = "") -> Type:
    return Type(name, "struct", fields=(Field(*field) for field in fields), string=string)


def _json(type_: Type, *names: str) -> None:
    """Give the fields their JSON names; empty ones are left out there."""
    pairs = zip(type_.fields, names, strict=True)
    type_.fields = tuple(field._replace(json=name, omit_empty=True) for field, name in pairs)


def _promote(type_: Type, *through: Type) -> None:
    """Let the fields of embedded structs be named directly; the attributes are there already."""
    for embedded in through:
        type_.hidden.update({field.name: field for field in embedded.fields})
        type_.hidden.update(embedded.hidden)


# --- names


NAMESPACED_NAME = _struct(
    "types.NamespacedName", ("Namespace", "namespace", STRING), ("Name", "name", STRING), string="text"
)


@dataclass(frozen=True, slots=True)
class NamespacedName:
    """Namespace and name; prints as ``namespace/name``."""

    namespace: str
    name: str
    go_type: ClassVar[Type] = NAMESPACED_NAME

    @property
    def text(self) -> str:
        """``String()``."""
        return f"{self.namespace}/{self.name}"


NAMESPACED_NAME.methods["String"] = Method(lambda name: name.text)

TYPE_META = _struct("yaml.TypeMeta", ("APIVersion", "api_version", STRING), ("Kind", "kind", STRING))
NAME_META = _struct("yaml.NameMeta", ("Name", "name", STRING), ("Namespace", "namespace", STRING))
_json(TYPE_META, "apiVersion", "kind")
_json(NAME_META, "name", "namespace")
RESOURCE_IDENTIFIER = _struct(
    "yaml.ResourceIdentifier", ("TypeMeta", "type_meta", TYPE_META), ("NameMeta", "name_meta", NAME_META)
)
OBJECT_IDENTIFIER = _struct(
    "update.ObjectIdentifier", ("ResourceIdentifier", "resource_identifier", RESOURCE_IDENTIFIER)
)
_promote(RESOURCE_IDENTIFIER, TYPE_META, NAME_META)
_promote(OBJECT_IDENTIFIER, RESOURCE_IDENTIFIER)
RESOURCE_IDENTIFIER.inlined = ("TypeMeta", "NameMeta")
OBJECT_IDENTIFIER.inlined = ("ResourceIdentifier",)


@dataclass(frozen=True, slots=True)
class TypeMeta:
    """``.TypeMeta`` of an object."""

    api_version: str
    kind: str
    go_type: ClassVar[Type] = TYPE_META


@dataclass(frozen=True, slots=True)
class NameMeta:
    """``.NameMeta`` of an object."""

    name: str
    namespace: str
    go_type: ClassVar[Type] = NAME_META


@dataclass(frozen=True, slots=True)
class ObjectIdentifier:
    """Which object a field is in; all empty for a file that is no object, such as a kustomization.yaml.

    Prints as ``{{{apps/v1 Deployment} {podinfo prod}}}``.
    """

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    go_type: ClassVar[Type] = OBJECT_IDENTIFIER

    @property
    def type_meta(self) -> TypeMeta:
        """``.TypeMeta``."""
        return TypeMeta(self.api_version, self.kind)

    @property
    def name_meta(self) -> NameMeta:
        """``.NameMeta``."""
        return NameMeta(self.name, self.namespace)

    @property
    def resource_identifier(self) -> ResourceIdentifier:
        """``.ResourceIdentifier``."""
        return ResourceIdentifier(self.api_version, self.kind, self.name, self.namespace)

    def sanitized(self) -> ObjectIdentifier:
        """The same with texts that UTF-8 can hold."""
        return ObjectIdentifier(*map(sanitize, (self.api_version, self.kind, self.name, self.namespace)))


class ResourceIdentifier(ObjectIdentifier):
    """kyaml's struct inside an `ObjectIdentifier`."""

    __slots__ = ()
    go_type: ClassVar[Type] = RESOURCE_IDENTIFIER


# --- changes


CHANGE = _struct(
    "update.Change", ("OldValue", "old_value", STRING), ("NewValue", "new_value", STRING), ("Setter", "setter", STRING)
)


@dataclass(frozen=True, slots=True)
class Change:
    """One changed field."""

    old_value: str
    new_value: str
    setter: str
    go_type: ClassVar[Type] = CHANGE


CHANGES = slice_of(CHANGE)
OBJECT_CHANGES = Type("update.ObjectChanges", "map", key=OBJECT_IDENTIFIER, elem=CHANGES)
FILE_CHANGES = map_of(STRING, OBJECT_CHANGES)


@dataclass(slots=True, eq=False)
class Changed:
    """``.Changed``: changes by file and object."""

    go_type: Type
    file_changes: Map
    image_result: Updated
    appends: bool
    """Whether an object that is in several files gets the changes of all of them."""

    def changes(self) -> Slice:
        """``.Changes``: every change once."""
        found = {
            change: None
            for _, objects in self.file_changes.sorted()
            for _, changes in objects.sorted()
            for change in changes.items
        }
        return Slice(CHANGES, list(found) or None)

    def objects(self) -> Map:
        """``.Objects``: changes by object, regardless of file."""
        found: dict[Any, Slice] = {}
        for _, objects in self.file_changes.sorted():
            for identifier, changes in objects.sorted():
                before = found[identifier].items if self.appends and identifier in found else []
                found[identifier] = Slice(CHANGES, before + changes.items)
        return Map(OBJECT_CHANGES, found)


_CHANGED_METHODS = {
    "Changes": Method(lambda changed: changed.changes()),
    "Objects": Method(lambda changed: changed.objects()),
}

# --- images


REPOSITORY = Type("name.Repository", "struct", string="text")
REFERENCE = Type("name.Reference", "interface")
IMAGE_REF = Type("update.ImageRef", "interface", string="text")
_TAG = Type("name.Tag", "struct", string="text")
_DIGEST = Type("name.Digest", "struct", string="text")
_IMAGE_REF = Type("update.imageRef", "struct", string="text")


@dataclass(frozen=True, slots=True)
class ImageRepository:
    """``.Context`` of an image: where it comes from."""

    registry: str
    path: str
    go_type: ClassVar[Type] = REPOSITORY

    @property
    def text(self) -> str:
        """``String()``."""
        return f"{self.registry}/{self.path}"

    @property
    def json_text(self) -> str:
        """What JSON has for it."""
        return self.text


@dataclass(frozen=True, slots=True)
class Reference:
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
        return ImageRepository(parsed.registry, parsed.repository)

    def _parsed(self) -> ParsedReference:
        from imagesetter.registry.reference import parse

        try:
            return parse(self.text)
        except ImageReferenceError as err:
            raise Fault(str(err)) from err


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image that was set; prints as the policy's latest ref."""

    text: str
    policy: NamespacedName
    go_type: ClassVar[Type] = _IMAGE_REF

    @property
    def reference(self) -> Reference:
        """The embedded reference."""
        return Reference(self.text)


_COMMON = {
    "String": Method(lambda ref: ref.text),
    "Identifier": Method(lambda ref: ref.identifier),
    "Name": Method(lambda ref: ref.full_name),
    "Context": Method(lambda ref: ref.context),
    "Scope": Method(lambda ref, action: f"repository:{ref.context.path}:{action}", (STRING,)),
}
for _reference_type in (_TAG, _DIGEST):
    _reference_type.methods.update(_COMMON)
_TAG.methods["TagStr"] = _COMMON["Identifier"]
_DIGEST.methods["DigestStr"] = _COMMON["Identifier"]
for _reference_type in (_TAG, _DIGEST):
    _reference_type.methods["RepositoryStr"] = Method(lambda ref: ref.context.path)
    _reference_type.methods["RegistryStr"] = Method(lambda ref: ref.context.registry)
_IMAGE_REF.methods = {
    name: method._replace(call=lambda ref, *args, _call=method.call: _call(ref.reference, *args))
    for name, method in _COMMON.items()
}
_IMAGE_REF.methods["Policy"] = Method(lambda ref: ref.policy)
_IMAGE_REF.methods["Repository"] = Method(lambda ref: ref.reference.context.path)
_IMAGE_REF.methods["Registry"] = Method(lambda ref: ref.reference.context.registry)
_IMAGE_REF.fields = (Field("Reference", "reference", REFERENCE), Field("policy", "policy", NAMESPACED_NAME))
REPOSITORY.methods = {
    "String": Method(lambda repository: repository.text),
    "Name": Method(lambda repository: repository.text),
    "RegistryStr": Method(lambda repository: repository.registry),
    "RepositoryStr": Method(lambda repository: repository.path),
    "Scope": Method(lambda repository, action: f"repository:{repository.path}:{action}", (STRING,)),
}

IMAGES = slice_of(IMAGE_REF)
IMAGE_OBJECTS = map_of(OBJECT_IDENTIFIER, IMAGES)
FILE_RESULT = _struct("update.FileResult", ("Objects", "objects", IMAGE_OBJECTS))


@dataclass(slots=True, eq=False)
class FileResult:
    """The images set in one file."""

    objects: Map
    go_type: ClassVar[Type] = FILE_RESULT


FILE_RESULT.zero = lambda: FileResult(Map(IMAGE_OBJECTS, None))
FILE_RESULTS = map_of(STRING, FILE_RESULT)
UPDATED = _struct("update.Result", ("Files", "files", FILE_RESULTS))


@dataclass(slots=True, eq=False)
class Updated:
    """``.Updated``: images by file and object."""

    files: Map
    go_type: ClassVar[Type] = UPDATED

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

# --- the whole


@dataclass(slots=True, eq=False)
class Root:
    """What dot is at the top of a template."""

    go_type: Type
    automation: NamespacedName
    changed: Changed
    updated: Updated
    values: Map


@cache
def changed_type(dialect: str) -> Type:
    """The type of ``.Changed``."""
    files = ("FileChanges", "file_changes", FILE_CHANGES)
    images = ("ImageResult", "image_result", UPDATED)
    if dialect == "legacy":
        type_ = _struct("update.ResultV2", images, files)
    else:
        type_ = _struct("update.Result", files)
        if dialect == "auto":
            type_.hidden["ImageResult"] = Field(*images)
    type_.methods = _CHANGED_METHODS
    return type_


@cache
def root_type(dialect: str) -> Type:
    """The type of dot at the top."""
    automation = ("AutomationObject", "automation", NAMESPACED_NAME)
    updated = ("Updated", "updated", UPDATED)
    changed = ("Changed", "changed", changed_type(dialect))
    values = ("Values", "values", STRING_MAP)
    if dialect == "legacy":
        return _struct("source.TemplateData", automation, updated, changed, values)
    type_ = _struct("source.TemplateData", automation, changed, values)
    if dialect == "auto":
        type_.hidden["Updated"] = Field(*updated)
    return type_
