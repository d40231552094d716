"""Flux's image resources, validated as their CRDs validate them.

``image.toolkit.fluxcd.io`` v1, v1beta2 and v1beta1 of ImageRepository and ImagePolicy; ImageUpdateAutomation, which
few runs read, is in :mod:`imagesetter.flux.automations`. The field names of the three versions are the same; a field
that a version does not know yet is accepted in it (the API server would prune it), so that one model a kind is enough.
Source of the rules: image-reflector-controller api/v1, the ``+kubebuilder:validation`` markers.

Departures:

- ``interval`` may be missing: policies as files are often completed by a kustomization. The scan cache then uses its
  default.
- An order may be written in any case, as the controllers accept it (``internal/policy/factory.go``), although the CRD
  wants lower case.
- Unknown fields are kept for the linter instead of being pruned without a word.

This module imports pydantic and is itself imported only by a run that has to read a policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.alias_generators import to_camel

from imagesetter.golang.duration import parse_duration
from imagesetter.policy.kinds import KINDS, NAMES, listed
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS, Argument, Rule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from krm_functions.errors import ResourceError
from krm_functions.model_errors import model_error


def _seconds(text: str) -> str:
    parse_duration(text)
    return text


def _seconds_without_hours(text: str) -> str:
    if "h" in text:
        raise ValueError(f"{text!r} uses hours, which spec.timeout does not accept: write minutes")
    return _seconds(text)


Location = tuple[str | int, ...]
"""A place in a resource: the keys and indexes that lead there."""
Spec = TypeVar("Spec", bound="FluxModel")
Duration = Annotated[str, AfterValidator(_seconds)]
ShortDuration = Annotated[str, AfterValidator(_seconds_without_hours)]
_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven")
Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]


class FluxModel(BaseModel):
    """A part of a resource: camelCase on the wire, types not converted, unknown fields kept aside."""

    # A validator is built when the first resource needs it.
    model_config = ConfigDict(alias_generator=to_camel, extra="allow", strict=True, frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: object) -> object:
        """``suspend: null`` is as good as nothing: the API server drops a null where the schema is not nullable."""
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class LocalObjectReference(FluxModel):
    """A resource of the same namespace, by name."""

    name: Name


class NamespacedObjectReference(FluxModel):
    """A resource by name, in this or another namespace."""

    name: Name
    namespace: str | None = None


class NamespaceSelector(FluxModel):
    """Namespaces by label; an empty map selects all."""

    match_labels: dict[str, str] = Field(default_factory=dict)


class AccessFrom(FluxModel):
    """Which namespaces besides its own may refer to an ImageRepository."""

    namespace_selectors: list[NamespaceSelector]


class ImageRepositorySpec(FluxModel):
    """ImageRepository.spec: which repository, how often, with which credentials."""

    image: str
    interval: Duration | None = None
    timeout: ShortDuration | None = None
    secret_ref: LocalObjectReference | None = None
    proxy_secret_ref: LocalObjectReference | None = None
    service_account_name: Annotated[str, StringConstraints(max_length=253)] | None = None
    cert_secret_ref: LocalObjectReference | None = None
    suspend: bool = False
    access_from: AccessFrom | None = None
    exclusion_list: Annotated[list[str], Field(max_length=25)] | None = None
    provider: Literal["generic", "aws", "azure", "gcp"] = "generic"
    insecure: bool = False


@cache
def _rule_model(argument: Argument) -> type[FluxModel]:
    """The object that holds a policy kind's one field."""

    def known(text: str) -> str:
        normalized = argument.normalized(text)
        if normalized not in argument.choices:
            raise ValueError(f"invalid {argument.name} {text!r}: must be {' or '.join(argument.choices)}")
        return normalized

    text = Annotated[str, AfterValidator(known)] if argument.choices else str
    default = ... if argument.default is None else argument.default
    model: type[FluxModel] = create_model(argument.model, __base__=FluxModel, **{argument.name: (text, default)})  # type: ignore[call-overload]
    model.__doc__ = argument.description
    return model


def with_rules(base: type[BaseModel]) -> type[Any]:
    """*base* with a field for each policy kind; all may be missing."""
    fields = {kind.kind: (_rule_model(kind.argument) | None, None) for kind in KINDS}
    model: type[BaseModel] = create_model(base.__name__, __base__=base, **fields)  # type: ignore[call-overload]
    return model


class PolicyChoice(with_rules(FluxModel)):  # type: ignore[misc]  # noqa: D101
    __doc__ = (
        f"One of the {_COUNTS[len(NAMES)]} rules; where several are given, {NAMES[0]} wins, "
        f"then {', then '.join(NAMES[1:-1])} (policy/factory.go)."
    )

    @model_validator(mode="after")
    def _has_a_choice(self) -> PolicyChoice:
        if given_rule(self) is None:
            raise ValueError(f"given ImagePolicyChoice object is invalid: write {listed('or')}")
        return self


def given_rule(model: BaseModel) -> Rule | None:
    """The rule in a model made by :func:`with_rules`."""
    for kind in KINDS:
        if given := getattr(model, kind.kind):
            return kind(getattr(given, kind.argument.name))
    return None


class TagFilter(FluxModel):
    """filterTags: a Go regular expression and what to take from its match."""

    pattern: str = ""
    extract: str = ""


def tag_policy(
    choice: PolicyChoice | None, filter_tags: TagFilter | None, exclusion_list: Sequence[str] | None,
    *, chart_tags: bool = False,
) -> TagPolicy:  # fmt: skip
    """The rule and the filters of validated specs; of several the first kind counts (policy/factory.go)."""
    return TagPolicy(
        given_rule(choice) if choice else None,
        FilterTags(filter_tags.pattern, filter_tags.extract) if filter_tags else None,
        tuple(exclusion_list or DEFAULT_EXCLUSIONS),
        chart_tags,
    )


DigestReflection = Literal["Never", "IfNotPresent", "Always"]


class ImagePolicySpec(FluxModel):
    """ImagePolicy.spec: which tag of the repository."""

    image_repository_ref: NamespacedObjectReference
    policy: PolicyChoice
    filter_tags: TagFilter | None = None
    digest_reflection_policy: DigestReflection = "Never"
    interval: Duration | None = None
    suspend: bool = False

    @model_validator(mode="after")
    def _interval_goes_with_always(self) -> ImagePolicySpec:
        if self.interval is not None and self.digest_reflection_policy != "Always":
            raise ValueError("spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'")
        if self.interval is None and self.digest_reflection_policy == "Always":
            raise ValueError("spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'")
        return self


def resource_path(location: Location) -> str:
    """``spec.policies[0].semver`` for a place in a resource."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)[1:]


def validate_spec(model: type[Spec], spec: object, *, where: str) -> Spec:
    """The spec of a resource as a model.

    Args:
        model: the model of this kind's spec.
        spec: what is under ``spec`` in the resource, as loaded.
        where: the resource and its file, for the error.

    Raises:
        ResourceError: with one ``spec.path: reason`` a broken rule, in the order of the fields.
    """
    if spec is None:
        raise ResourceError("spec: is required", where=where)
    try:
        return model.model_validate(spec)
    except ValidationError as error:
        lines = [f"{resource_path(('spec', *e['loc']))}: {model_error(dict(e))}" for e in error.errors()]
        raise ResourceError("; ".join(lines), where=where) from error


def unknown_fields(spec: FluxModel) -> list[str]:
    """The paths of fields that the CRD does not have, such as ``spec.filterTag``; the API server would prune them."""

    def walk(value: object, path: Location) -> list[str]:
        if isinstance(value, list):
            return [found for index, item in enumerate(value) for found in walk(item, (*path, index))]
        if not isinstance(value, FluxModel):
            return []
        here = [resource_path((*path, name)) for name in value.model_extra or ()]
        for name, field in type(value).model_fields.items():
            here += walk(getattr(value, name), (*path, field.alias or name))
        return here

    return walk(spec, ("spec",))
