"""What a resource says of itself."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Naming(NamedTuple):
    """What a resource says of itself; a text that it does not say is empty."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotations: Mapping[str, str] = MappingProxyType({})
    labels: Mapping[str, str] = MappingProxyType({})


def naming_of(data: Mapping[str, Any]) -> Naming:
    """What a resource's data say of it."""
    metadata = mapping_of(data.get("metadata"))
    return Naming(
        api_version=text_of(data.get("apiVersion")),
        kind=text_of(data.get("kind")),
        name=text_of(metadata.get("name")),
        namespace=text_of(metadata.get("namespace")),
        annotations=texts_of(metadata.get("annotations")),
        labels=texts_of(metadata.get("labels")),
    )


def texts_of(data: object) -> dict[str, str]:
    """The texts of a mapping; what is a list or a mapping is left out."""
    return {key: text_of(value) for key, value in mapping_of(data).items() if not isinstance(value, (dict, list))}


def mapping_of(data: object) -> dict[str, Any]:
    """The mapping, or an empty one where there is something else."""
    return data if isinstance(data, dict) else {}


def text_of(data: object) -> str:
    """A scalar as text; empty for anything else."""
    return data if isinstance(data, str) else "" if data is None or isinstance(data, dict | list) else json.dumps(data)
