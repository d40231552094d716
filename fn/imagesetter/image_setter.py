"""The ``ImageSetter`` kind (``imagesetter.dev/v1alpha1``), validated strictly: an unknown field is an error.

Its own module because it imports pydantic, which only a run with this kind of functionConfig pays for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from imagesetter.config import API_VERSION, KIND, Config, Target, inline_policy
from imagesetter.errors import UsageError, did_you_mean
from imagesetter.flux.catalog import DEFAULT_NAMESPACE, Resource
from imagesetter.flux.models import DigestReflection, Duration, OrderedPolicy, SemVerPolicy, TagFilter, unknown_fields
from imagesetter.krm.labels import LabelSelector
from imagesetter.krm.select import Selector


class Model(BaseModel):
    """A part of the functionConfig: camelCase on the wire, types not converted, unknown fields refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", strict=True, frozen=True)


class InlinePolicy(Model):
    """A policy beside those found among the items: Flux's ImagePolicy and ImageRepository in one."""

    name: str = Field(min_length=1)
    namespace: str | None = Field(None, description="defaults to metadata.namespace, then flux-system")
    image: str = Field(description="the repository, without scheme and tag")
    semver: SemVerPolicy | None = None
    alphabetical: OrderedPolicy | None = None
    numerical: OrderedPolicy | None = None
    filter_tags: TagFilter | None = None
    digest_reflection_policy: DigestReflection | None = None
    interval: Duration | None = None
    exclusion_list: list[str] | None = Field(None, max_length=25)
    insecure: bool | None = None


class TargetSelect(Model):
    """Which resources a target means; a name or namespace is the original or the current one."""

    group: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    label_selector: str | None = None


class TargetSpec(Model):
    """Fields of the selected resources, and the policy that they follow."""

    select: TargetSelect
    field_paths: list[str] = Field(min_length=1)
    policy: str = Field(description="[ns:]name[:tag|:name|:digest]")


class ImageSetterSpec(Model):
    """The options of a run; see docs/function-config.md."""

    from_: Literal["registry", "lock", "status"] = Field("registry", alias="from")
    on_error: Literal["fail", "keep"] = "fail"
    strict: bool = False
    policies: list[InlinePolicy] = Field(default_factory=list)
    targets: list[TargetSpec] = Field(default_factory=list)
    bind_by_image: bool = False
    source_scan: bool = True


class Metadata(BaseModel):
    """metadata, of which only name and namespace matter; kustomize adds annotations of its own."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    namespace: str = ""


class ImageSetter(Model):
    """The functionConfig of imagesetter."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["ImageSetter"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ImageSetterSpec = Field(default_factory=lambda: ImageSetterSpec.model_validate({}))


def _known_fields(location: tuple[str | int, ...]) -> list[str]:
    """The fields of the model in which an unknown one was found."""
    model: Any = ImageSetter
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        field = next(f for name, f in model.model_fields.items() if (f.alias or name) == part)
        model = next((m for m in _models_in(field.annotation)), Model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in _models_in(argument)]


def _path(location: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)[1:]


def _sentence(error: Mapping[str, Any]) -> str:
    location: tuple[str | int, ...] = error["loc"]
    match error["type"]:
        case "extra_forbidden":
            return f"{_path(location)}: no such field{did_you_mean(str(location[-1]), _known_fields(location))}"
        case "missing":
            return f"{_path(location)}: is required"
        case "literal_error":
            return f"{_path(location)}: {error['input']!r} is not accepted: write {error['ctx']['expected']}"
        case _:
            return f"{_path(location)}: {error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"


def _labels(text: str | None) -> LabelSelector | None:
    return LabelSelector.parse(text) if text else None


def parse_image_setter(function_config: Mapping[str, Any]) -> Config:
    """The Config of an ImageSetter resource.

    Raises:
        UsageError: one sentence a broken rule, each with its field path.
    """
    where = "functionConfig " + KIND
    try:
        setter = ImageSetter.model_validate(function_config)
    except ValidationError as error:
        raise UsageError(
            "; ".join(_sentence(dict(found)) for found in error.errors()),
            where=where,
            hint=f"`imagesetter schema` prints the JSON Schema of {API_VERSION} {KIND}",
        ) from error
    namespace = setter.metadata.namespace or DEFAULT_NAMESPACE
    raw = function_config.get("spec") or {}
    policies: list[Resource] = []
    for index, policy in enumerate(setter.spec.policies):
        if sum(rule is not None for rule in (policy.semver, policy.alphabetical, policy.numerical)) != 1:
            raise UsageError(
                f"spec.policies[{index}]: write exactly one of semver, alphabetical and numerical", where=where
            )
        for part in ("semver", "alphabetical", "numerical", "filter_tags"):
            rule = getattr(policy, part)
            for unknown in unknown_fields(rule) if rule else ():
                name = unknown.rpartition(".")[2]
                path = f"spec.policies[{index}].{to_camel(part)}.{name}"
                known = list(type(rule).model_fields)
                raise UsageError(f"{path}: no such field{did_you_mean(name, known)}", where=where)
        policies += inline_policy(raw["policies"][index], namespace=namespace, index=index)
    targets = tuple(
        Target(
            Selector(
                group=target.select.group,
                kind=target.select.kind,
                name=target.select.name,
                namespace=target.select.namespace,
                label_selector=_labels(target.select.label_selector),
            ),
            tuple(target.field_paths),
            target.policy,
        )
        for target in setter.spec.targets
    )
    return Config(
        source=setter.spec.from_,
        on_error=setter.spec.on_error,
        strict=setter.spec.strict,
        bind_by_image=setter.spec.bind_by_image,
        source_scan=setter.spec.source_scan,
        namespace=namespace,
        policies=tuple(policies),
        targets=targets,
    )
