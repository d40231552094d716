"""The ``ImageSetter`` kind (``imagesetter.dev/v1alpha1``), validated strictly: an unknown field is an error.

Its own module because it imports pydantic, which only a run with this kind of functionConfig pays for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from imagesetter.config.inline_policy import inline_policy, inline_releases, rule_annotations
from imagesetter.config.options import API_VERSION, KIND, FunctionOptions, Target, source_scan
from imagesetter.config.policy_model import InlinePolicy, Rules, check_rule
from imagesetter.config.strict_model import Metadata, StrictModel, validate_strictly
from imagesetter.flux.releases import SAME
from imagesetter.flux.resources import DEFAULT_NAMESPACE, Resource
from krm_functions.label_selector import LabelSelector
from krm_functions.selector import Selector


class TargetSelect(StrictModel):
    """Which resources a target means; a name or namespace is the original or the current one."""

    group: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    label_selector: str | None = None


class TargetSpec(StrictModel):
    """Fields of the selected resources, and the policy that they follow."""

    select: TargetSelect
    field_paths: list[str] = Field(min_length=1)
    policy: str = Field(description="[ns:]name[:tag|:name|:digest]")


class ReleaseSpec(StrictModel):
    """The policies of a release, and what of their tags is the same."""

    policies: list[str] = Field(min_length=2, description="[namespace:]name of each; the first one decides the order")
    same: str = Field(pattern=SAME, description="version, tag, or extract with a group of each filterTags.pattern")


class InlineRelease(ReleaseSpec):
    """A release beside those found among the items."""

    name: str = Field(min_length=1)
    namespace: str | None = Field(None, description="defaults to metadata.namespace, then flux-system")


class ImageRelease(StrictModel):
    """Policies whose tags change together or not at all."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["ImageRelease"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ReleaseSpec


class ImageSetterSpec(Rules):
    """The options of a run, and rules for the policies that have none of their own; see docs/function-config.md."""

    from_: Literal["registry", "lock", "status"] = Field("registry", alias="from")
    on_error: Literal["fail", "keep"] = "fail"
    check: bool = Field(False, description="report what would change as errors, and change nothing")
    strict: bool = False
    allow_downgrade: bool = False
    allow_unpin: bool = Field(False, description="a pinned field for whose new tag there is no digest loses its digest")
    policies: list[InlinePolicy] = Field(default_factory=list)
    releases: list[InlineRelease] = Field(default_factory=list)
    targets: list[TargetSpec] = Field(default_factory=list)
    bind_by_image: bool = False
    source_scan: bool | Literal["exact", "static"] = Field(
        True, description="exact (true): build updated sources; static: read the sources; false: do not look at them"
    )
    strip_annotations: bool = Field(False, description="take imagesetter.dev/fields out of what is given back")
    nested: bool = Field(False, description="follow markers inside the text of values, too; Flux does not")


class ImageSetter(StrictModel):
    """The functionConfig of imagesetter."""

    api_version: Literal["imagesetter.dev/v1alpha1"]
    kind: Literal["ImageSetter"]
    metadata: Metadata = Field(default_factory=Metadata)
    spec: ImageSetterSpec = Field(default_factory=lambda: ImageSetterSpec.model_validate({}))


def _labels(text: str | None) -> LabelSelector | None:
    return LabelSelector.parse(text) if text else None


def parse_image_setter(function_config: Mapping[str, Any]) -> FunctionOptions:
    """The Config of an ImageSetter resource.

    Raises:
        UsageError: one sentence a broken rule, each with its field path.
    """
    where = "functionConfig " + KIND
    hint = f"`imagesetter schema` prints the JSON Schema of {API_VERSION} {KIND}"
    setter = validate_strictly(ImageSetter, function_config, where=where, hint=hint)
    namespace = setter.metadata.namespace or DEFAULT_NAMESPACE
    raw = function_config.get("spec") or {}
    policies, defaults = list[Resource](), rule_annotations(raw)
    for index, policy in enumerate(setter.spec.policies):
        check_rule(policy, index, where)
        policies += inline_policy(raw["policies"][index], namespace=namespace, index=index, defaults=defaults)
    policies += inline_releases(raw, namespace, where)
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
    return FunctionOptions(
        source=setter.spec.from_,
        on_error=setter.spec.on_error,
        check=setter.spec.check,
        strict=setter.spec.strict,
        allow_downgrade=setter.spec.allow_downgrade,
        allow_unpin=setter.spec.allow_unpin,
        bind_by_image=setter.spec.bind_by_image,
        source_scan=source_scan(setter.spec.source_scan),
        strip_annotations=setter.spec.strip_annotations,
        nested=setter.spec.nested,
        namespace=namespace,
        policies=tuple(policies),
        targets=targets,
        rule_defaults=tuple(defaults.items()) if setter.spec.from_ == "registry" else (),
    )
