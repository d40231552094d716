"""Flux's Go types behind a commit message template: their names, fields and methods, and how they print."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from imagesetter.errors import ImageReferenceError
from imagesetter.flux.template.faults import Fault
from imagesetter.flux.template.gostrings import sanitize
from imagesetter.flux.template.values import BOOL, STRING, STRING_MAP, Field, Map, Method, Slice, Type, map_of, slice_of

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


class NamespacedName(NamedTuple):
    """Namespace and name; prints as ``namespace/name``."""

    namespace: str
    name: str

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return NAMESPACED_NAME

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
        return TypeMeta(self.api_version, self.kind, self.name, self.namespace)

    @property
    def name_meta(self) -> NameMeta:
        """``.NameMeta``."""
        return NameMeta(self.api_version, self.kind, self.name, self.namespace)

    @property
    def resource_identifier(self) -> ResourceIdentifier:
        """``.ResourceIdentifier``."""
        return ResourceIdentifier(self.api_version, self.kind, self.name, self.namespace)

    def sanitized(self) -> ObjectIdentifier:
        """The same with texts that UTF-8 can hold."""
        return ObjectIdentifier(*map(sanitize, (self.api_version, self.kind, self.name, self.namespace)))


class ResourceIdentifier(ObjectIdentifier):
    """kyaml's struct inside an `ObjectIdentifier`; Go shows less of the same."""

    __slots__ = ()
    go_type: ClassVar[Type] = RESOURCE_IDENTIFIER


class TypeMeta(ObjectIdentifier):
    """apiVersion and kind alone."""

    __slots__ = ()
    go_type: ClassVar[Type] = TYPE_META


class NameMeta(ObjectIdentifier):
    """Name and namespace alone."""

    __slots__ = ()
    go_type: ClassVar[Type] = NAME_META


# --- changes


CHANGE = _struct(
    "update.Change", ("OldValue", "old_value", STRING), ("NewValue", "new_value", STRING), ("Setter", "setter", STRING)
)


class Change(NamedTuple):
    """One changed field."""

    old_value: str
    new_value: str
    setter: str

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return CHANGE


CHANGES = slice_of(CHANGE)
OBJECT_CHANGES = Type("update.ObjectChanges", "map", key=OBJECT_IDENTIFIER, elem=CHANGES)
FILE_CHANGES = map_of(STRING, OBJECT_CHANGES)


class Changed:
    """``.Changed``: changes by file and object.

    Args:
        appends: whether an object that is in several files gets the changes of all of them.
    """

    __slots__ = ("_appends", "file_changes", "go_type", "image_result")

    def __init__(self, go_type: Type, file_changes: Map, image_result: Updated, *, appends: bool) -> None:
        self.go_type = go_type
        self.file_changes = file_changes
        self.image_result = image_result
        self._appends = appends

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
                before = found[identifier].items if self._appends and identifier in found else []
                found[identifier] = Slice(CHANGES, before + changes.items)
        return Map(OBJECT_CHANGES, found)


_CHANGED_METHODS = {
    "Changes": Method(lambda changed: changed.changes()),
    "Objects": Method(lambda changed: changed.objects()),
}

# --- images


REGISTRY = _struct("name.Registry", ("insecure", "insecure", BOOL), ("registry", "text", STRING), string="text")
REPOSITORY = _struct(
    "name.Repository", ("Registry", "host", REGISTRY), ("repository", "written_path", STRING), string="text"
)
_TAG = _struct(
    "name.Tag",
    ("Repository", "context", REPOSITORY),
    ("tag", "identifier", STRING),
    ("original", "text", STRING),
    string="text",
)
_DIGEST = _struct(
    "name.Digest",
    ("Repository", "context", REPOSITORY),
    ("digest", "identifier", STRING),
    ("original", "text", STRING),
    string="text",
)
REFERENCE = Type("name.Reference", "interface")
IMAGE_REF = Type("update.ImageRef", "interface", string="text")
_IMAGE_REF = _struct(
    "update.imageRef", ("Reference", "reference", REFERENCE), ("policy", "policy", NAMESPACED_NAME), string="text"
)


class Registry(NamedTuple):
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


class ImageRepository(NamedTuple):
    """``.Context`` of an image: where it comes from."""

    host: Registry
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


class Reference(NamedTuple):
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
        return ImageRepository(Registry(parsed.registry), parsed.repository, written)

    def _parsed(self) -> ParsedReference:
        from imagesetter.registry.reference import parse

        try:
            return parse(self.text)
        except ImageReferenceError as err:
            raise Fault(str(err)) from err


class ImageRef(NamedTuple):
    """An image that was set; prints as the policy's latest ref."""

    text: str
    policy: NamespacedName

    @property
    def go_type(self) -> Type:
        """Go's type."""
        return _IMAGE_REF

    @property
    def reference(self) -> Reference:
        """The embedded reference."""
        return Reference(self.text)


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
FILE_RESULT = _struct("update.FileResult", ("Objects", "objects", IMAGE_OBJECTS))


class FileResult:
    """The images set in one file."""

    __slots__ = ("objects",)
    go_type = FILE_RESULT

    def __init__(self, objects: Map) -> None:
        self.objects = objects


FILE_RESULT.zero = lambda: FileResult(Map(IMAGE_OBJECTS, None))
FILE_RESULTS = map_of(STRING, FILE_RESULT)
UPDATED = _struct("update.Result", ("Files", "files", FILE_RESULTS))


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

# --- the whole


class Root(NamedTuple):
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
