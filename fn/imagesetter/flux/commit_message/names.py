"""How Flux names objects in a commit message template: Go's types, their fields, and how they print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from imagesetter.golang.strings import sanitize
from imagesetter.golang.values import STRING, Method, StructField, Type


def struct(name: str, *fields: tuple[str, str, Type], string: str = "") -> Type:
    """A struct type; each field is Go's name, our attribute and the type."""
    return Type(name, "struct", fields=(StructField(*field) for field in fields), string=string)


def _json(type_: Type, *names: str) -> None:
    """Give the fields their JSON names; empty ones are left out there."""
    pairs = zip(type_.fields, names, strict=True)
    type_.fields = tuple(field._replace(json=name, omit_empty=True) for field, name in pairs)


def _promote(type_: Type, *through: Type) -> None:
    """Let the fields of embedded structs be named directly; the attributes are there already."""
    for embedded in through:
        type_.hidden.update({field.name: field for field in embedded.fields})
        type_.hidden.update(embedded.hidden)


NAMESPACED_NAME = struct(
    "types.NamespacedName", ("Namespace", "namespace", STRING), ("Name", "name", STRING), string="text"
)


@dataclass(frozen=True, slots=True)
class NamespacedName:
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

TYPE_META = struct("yaml.TypeMeta", ("APIVersion", "api_version", STRING), ("Kind", "kind", STRING))
NAME_META = struct("yaml.NameMeta", ("Name", "name", STRING), ("Namespace", "namespace", STRING))
_json(TYPE_META, "apiVersion", "kind")
_json(NAME_META, "name", "namespace")
RESOURCE_IDENTIFIER = struct(
    "yaml.ResourceIdentifier", ("TypeMeta", "type_meta", TYPE_META), ("NameMeta", "name_meta", NAME_META)
)
OBJECT_IDENTIFIER = struct(
    "update.ObjectIdentifier", ("ResourceIdentifier", "resource_identifier", RESOURCE_IDENTIFIER)
)
_promote(RESOURCE_IDENTIFIER, TYPE_META, NAME_META)
_promote(OBJECT_IDENTIFIER, RESOURCE_IDENTIFIER)
RESOURCE_IDENTIFIER.inlined = ("TypeMeta", "NameMeta")
OBJECT_IDENTIFIER.inlined = ("ResourceIdentifier",)


@dataclass(frozen=True, slots=True)
class ObjectIdentifier:
    """Which object a field is in; all empty for a file that is not an object, such as a kustomization.yaml.

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
