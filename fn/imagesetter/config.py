"""What a run is asked to do: the functionConfig, in its three forms, as one value.

None at all; a ConfigMap whose ``data`` are the flat options; or an ``ImageSetter`` (``imagesetter.dev/v1alpha1``).
Nothing here names a path, a helper, a proxy or a certificate file: a ResourceList may come from a stranger, so those
are the operator's alone (command line and environment).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from imagesetter.errors import UsageError, did_you_mean
from imagesetter.flux.annotations import ALLOW_DOWNGRADE, MINIMUM_AGE
from imagesetter.flux.resources import DEFAULT_NAMESPACE, GROUP, Resource
from imagesetter.krm.functionconfig import FunctionConfig
from imagesetter.krm.select import Selector

API_VERSION = "imagesetter.dev/v1alpha1"
KIND = "ImageSetter"

SourceName = Literal["registry", "lock", "status"]
OnError = Literal["fail", "keep"]


@dataclass(frozen=True, slots=True)
class Target:
    """Explicit places: fields of the selected resources, and the policy (with its part) that they follow."""

    select: Selector
    field_paths: tuple[str, ...]
    policy: str


@dataclass(frozen=True, slots=True)
class Config:
    """The options of a run over a ResourceList; the defaults are those of an absent functionConfig."""

    source: SourceName = "registry"
    on_error: OnError = "fail"
    strict: bool = False
    allow_downgrade: bool = False
    bind_by_image: bool = False
    source_scan: bool = True
    strip_annotations: bool = False
    namespace: str = DEFAULT_NAMESPACE
    policies: tuple[Resource, ...] = ()
    targets: tuple[Target, ...] = ()


_FLAT: dict[str, str] = {
    "from": "source",
    "onError": "on_error",
    "strict": "strict",
    "allowDowngrade": "allow_downgrade",
    "bindByImage": "bind_by_image",
    "sourceScan": "source_scan",
    "stripAnnotations": "strip_annotations",
    "namespace": "namespace",
}
_CHOICES: dict[str, tuple[str, ...]] = {"source": ("registry", "lock", "status"), "on_error": ("fail", "keep")}
_BOOLEANS = {"strict", "allow_downgrade", "bind_by_image", "source_scan", "strip_annotations"}


def parse(function_config: FunctionConfig | None) -> Config:
    """The options that a functionConfig gives.

    Raises:
        UsageError: an unknown kind or field, or a value that is not accepted; names the field and the nearest one.
    """
    if function_config is None:
        return Config()
    if function_config.is_config_map:
        return from_options(function_config.body, where="functionConfig ConfigMap", prefix="data")
    if function_config.kind == KIND and function_config.api_version.startswith("imagesetter.dev/"):
        from imagesetter.image_setter import parse_image_setter

        return parse_image_setter(function_config.body)
    raise UsageError(
        f"functionConfig is a {function_config.api_version} {function_config.kind}, which imagesetter does not read",
        where="functionConfig",
        hint=f"write a ConfigMap with flat options, or kind {KIND} of {API_VERSION} (see `imagesetter schema`)",
    )


def from_options(options: Mapping[str, Any], *, where: str, prefix: str) -> Config:
    """The Config of flat options, as a ConfigMap or the environment gives them.

    Raises:
        UsageError: an unknown option or value.
    """
    return with_options(Config(), options, where=where, prefix=prefix)


def with_options(config: Config, options: Mapping[str, Any], *, where: str, prefix: str = "") -> Config:
    """A Config with flat options laid over it.

    Raises:
        UsageError: an unknown option or value.
    """
    values: dict[str, Any] = {}
    prefix = f"{prefix}." if prefix else ""
    for key, raw in options.items():
        name = _FLAT.get(key)
        if name is None:
            raise UsageError(
                f"{prefix}{key}: no such option{did_you_mean(str(key), _FLAT)}",
                where=where,
                hint=f"the options are {', '.join(_FLAT)}; policies and targets need kind {KIND}",
            )
        text = str(raw)
        if name in _BOOLEANS:
            if text.lower() not in ("true", "false"):
                raise UsageError(f'{prefix}{key}: {text!r} is neither "true" nor "false"', where=where)
            values[name] = text.lower() == "true"
        elif name in _CHOICES and text not in _CHOICES[name]:
            accepted = ", ".join(_CHOICES[name])
            raise UsageError(
                f"{prefix}{key}: {text!r} is not one of {accepted}{did_you_mean(text, _CHOICES[name])}", where=where
            )
        else:
            values[name] = text
    return replace(config, **values)


def inline_policy(policy: Mapping[str, Any], *, namespace: str, index: int) -> tuple[Resource, Resource]:
    """An ImagePolicy and an ImageRepository as one entry of ``spec.policies`` describes them together.

    Args:
        policy: name, namespace, image, the rule and the other fields under Flux's names.
        namespace: for an entry without one.
        index: its place in the list, for errors.
    """
    name, namespace = str(policy["name"]), str(policy.get("namespace") or namespace)
    origin = f"functionConfig spec.policies[{index}]"

    def taken(*fields: str) -> dict[str, Any]:
        return {field: policy[field] for field in fields if policy.get(field) is not None}

    metadata = {"name": name, "namespace": namespace}
    ours = {
        ALLOW_DOWNGRADE: "true" if policy.get("allowDowngrade") else "",
        MINIMUM_AGE: str(policy.get("minimumAge") or ""),
    }
    annotations = {"annotations": {key: text for key, text in ours.items() if text}}
    rule = taken("semver", "alphabetical", "numerical")
    spec = {
        "imageRepositoryRef": {"name": name},
        "policy": rule,
        **taken("filterTags", "digestReflectionPolicy", "interval"),
    }
    if spec.get("digestReflectionPolicy") == "Always":
        spec.setdefault("interval", "10m")
    source = taken("image", "exclusionList", "insecure", "secretRef", "timeout")
    return (
        Resource(
            {"apiVersion": f"{GROUP}/v1", "kind": "ImagePolicy", "metadata": metadata | annotations, "spec": spec},
            origin,
            ((namespace, name),),
        ),
        Resource(
            {"apiVersion": f"{GROUP}/v1", "kind": "ImageRepository", "metadata": metadata, "spec": source},
            origin,
            ((namespace, name),),
        ),
    )
