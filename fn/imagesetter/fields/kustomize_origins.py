"""Which source files a resource of the build may have come from.

kustomize tells a function what a resource was called in its file, not which file that was. Two files may hold resources
of the same original id, and a kustomization's ``images:`` works on what is below it, not on its neighbours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from imagesetter.fields.kustomization import SourceFile
from imagesetter.files.read import read_inside
from imagesetter.flux.resources import flatten
from krm_functions.annotations import Identity
from krm_functions.errors import ReportedError
from krm_functions.item import Item
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_all

OriginalId = tuple[str, str, str, str]
"""Group, kind, name and namespace; kustomize calls a namespace that is not set ``default``."""


class Origin(NamedTuple):
    """A resource, as loaded, and the file in which it is."""

    file: SourceFile
    resource: Mapping[str, Any]


@dataclass(slots=True)
class Origins:
    """The resource files of a kustomization, by what is in them."""

    by_id: dict[OriginalId, list[Origin]] = field(default_factory=dict)

    def of(self, item: Item) -> list[Origin]:
        """The resources of an item's original id; none for one that is generated, or remote."""
        return self.by_id.get(original_id(item.api_version, item.identities[0]), [])


def original_id(api_version: str, identity: Identity) -> OriginalId:
    """The id of a resource in its file."""
    return api_version.rpartition("/")[0], identity.kind, identity.name, identity.namespace or "default"


def find_origins(files: Iterable[SourceFile], root: Path, names: set[str] | None = None) -> Origins:
    """What is in the resource files among *files*; those that cannot be read hold nothing.

    Args:
        files: of a kustomization.
        root: nothing outside this directory is read.
        names: of the resources that matter, where not all of them do; other files are not parsed.
    """
    found = Origins()
    words = None if names is None else [name.encode() for name in names]
    for file in files:
        if file.role != "resource":
            continue
        try:
            data = read_inside(file.path, root)
            if words is not None and not any(word in data for word in words):
                continue
            documents = list(load_all(decode_text(data, name=file.shown).text, name=file.shown))
        except ReportedError:
            continue
        for document, _ in documents:
            for resource in flatten(document):
                found.by_id.setdefault(_id(resource), []).append(Origin(file, resource))
    return found


def _id(resource: Mapping[str, Any]) -> OriginalId:
    metadata = resource.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    identity = Identity(
        str(resource.get("kind", "")), str(metadata.get("name", "")), str(metadata.get("namespace") or "")
    )
    return original_id(str(resource.get("apiVersion", "")), identity)
