"""The function's configuration, whichever of its two forms it comes in.

* A **ConfigMap**: its ``data`` are flat options, all of them strings. kpt (``configMap:``, ``fn eval -- key=value``)
  and kustomize (``fn run -- key=value``) make one named ``function-input``, an empty one when no option is given.
* A resource of the function's **own kind**, with whatever fields that kind has.
"""

from collections.abc import Mapping
from typing import NamedTuple

from krm_functions.errors import UsageError


class FunctionConfig(NamedTuple):
    """What the function was configured with.

    Attributes:
        api_version: ``v1`` for a ConfigMap.
        kind: ``ConfigMap``, or the function's own kind.
        name: its name, or empty.
        namespace: its namespace, or empty.
        body: for a ConfigMap its ``data``; for an own kind the whole resource.
    """

    api_version: str
    kind: str
    name: str
    namespace: str
    body: Mapping[str, object]

    @property
    def is_config_map(self) -> bool:
        """Whether the options are the flat strings of a ConfigMap."""
        return self.kind == "ConfigMap"


def read_function_config(resource: object) -> FunctionConfig | None:
    """Make a `FunctionConfig` of the loaded ``functionConfig``; None where the function runs without one.

    Without one means: the field is absent, null or ``{}``, or a ConfigMap that holds no data.

    Raises:
        UsageError: it is not a resource, has no kind, or its ``data`` are not a mapping to strings.
    """
    if resource is None or resource == {}:
        return None
    if not isinstance(resource, Mapping):
        raise UsageError("expected a resource", where="functionConfig")
    api_version, kind = _text(resource, "apiVersion"), _text(resource, "kind")
    if not kind:
        raise UsageError("has no kind", where="functionConfig", hint="give it apiVersion and kind, or use a ConfigMap")
    metadata = resource.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    name, namespace = (_text(metadata, key, "metadata.") for key in ("name", "namespace"))
    body = resource
    if kind == "ConfigMap":
        body = _config_map_data(resource.get("data"))
        if not body:
            return None
    return FunctionConfig(api_version, kind, name, namespace, body)


def _config_map_data(data: object) -> Mapping[str, str]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise UsageError("expected a mapping", where="functionConfig.data")
    for key, value in data.items():
        if not isinstance(value, str):
            raise UsageError(
                f"expected a string, not {value!r}",
                where=f"functionConfig.data.{key}",
                hint="the values of a ConfigMap are strings: put it into quotes",
            )
    return {str(key): value for key, value in data.items()}


def _text(mapping: Mapping[object, object], key: str, prefix: str = "") -> str:
    value = mapping.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"expected a string, not {value!r}", where=f"functionConfig.{prefix}{key}")
    return value
