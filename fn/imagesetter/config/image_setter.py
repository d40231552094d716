"""The ``ImageSetter`` kind (``imagesetter.dev/v1alpha1``), validated strictly: an unknown field is an error.

Its own module because it imports pydantic, which only a run with this kind of functionConfig pays for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from imagesetter.config.function_config import source_scan
from imagesetter.config.inline_policy import inline_policy, rule_annotations
from imagesetter.config.options import API_VERSION, KIND, FunctionOptions, Target
from imagesetter.config.strict_model import Metadata, StrictModel, validate_strictly
from imagesetter.flux.models import DigestReflection, Duration, TagFilter, with_rules
from imagesetter.flux.resources import DEFAULT_NAMESPACE, Resource
from imagesetter.flux.verify import Verify
from imagesetter.golang.duration import parse_age
from imagesetter.policy.kinds import NAMES, listed
from imagesetter.policy.platform import parse_platform
from krm_functions.errors import UsageError
from krm_functions.label_selector import LabelSelector
from krm_functions.model_errors import in_words
from krm_functions.selector import Selector


def _age(text: str) -> str:
    parse_age(text)
    return text


def _platform(text: str) -> str:
    parse_platform(text)
    return text


Age = Annotated[str, AfterValidator(_age)]
PlatformName = Annotated[str, AfterValidator(_platform)]
_ONE_RULE: dict[str, Any] = {"oneOf": [{"required": [kind]} for kind in NAMES]}


class _Rules(StrictModel):
    """The rules about candidates, of one policy or of all that have none of their own."""

    minimum_age: Age | None = Field(None, description="how old a tag has to be, such as 3d or 36h")
    platforms: list[PlatformName] | None = Field(
        None, min_length=1, description="a tag must have an image for each of them, such as linux/arm64"
    )
    verify: Verify | None = Field(None, description="whose signatures are accepted: only signed images are written")


class _Repository(StrictModel):
    """What an inline policy begins with."""

    name: str = Field(min_length=1)
    namespace: str | None = Field(None, description="defaults to metadata.namespace, then flux-system")
    image: str = Field(description="the repository, without scheme and tag")


class NewestTag(StrictModel):
    """An order by time, in place of the rule's."""

    by: Literal["pushed", "created"] = Field(
        description="pushed: the registry's upload time, or when the lock saw the tag first; "
        "created: what the image states (untrusted)"
    )


class InlinePolicy(_Rules, with_rules(_Repository)):  # type: ignore[misc]
    """A policy beside those found among the items: Flux's ImagePolicy and ImageRepository in one."""

    model_config = ConfigDict(json_schema_extra=_ONE_RULE)

    filter_tags: TagFilter | None = None
    digest_reflection_policy: DigestReflection | None = None
    interval: Duration | None = None
    exclusion_list: list[str] | None = Field(None, max_length=25)
    insecure: bool | None = None
    follows: str | None = Field(
        None, min_length=1, description="[namespace:]name of the policy whose locked tag is taken"
    )
    soak: Age | None = Field(None, description="how long that policy must have held it, such as 48h")
    newest: NewestTag | None = Field(None, description="of the tags that the rule allows, the newest is taken")
    allow_downgrade: bool | None = Field(None, description="fields may go back to a tag that the policy ranks lower")
    chart_tags: bool | None = Field(None, description="tags of Helm charts, in which _ stands for the + of a version")


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


class ImageSetterSpec(_Rules):
    """The options of a run, and rules for the policies that have none of their own; see docs/function-config.md."""

    from_: Literal["registry", "lock", "status"] = Field("registry", alias="from")
    on_error: Literal["fail", "keep"] = "fail"
    check: bool = Field(False, description="report what would change as errors, and change nothing")
    strict: bool = False
    allow_downgrade: bool = False
    allow_unpin: bool = Field(False, description="a pinned field for whose new tag there is no digest loses its digest")
    policies: list[InlinePolicy] = Field(default_factory=list)
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


def check_inline_policy(policy: object, index: int, *, where: str) -> None:
    """Validate one entry of ``spec.policies`` by itself.

    Raises:
        UsageError: one sentence a broken rule, each with its field path.
    """
    hint = f"`imagesetter schema` prints the JSON Schema of {API_VERSION} {KIND}"
    path = f"spec.policies[{index}]"
    if not isinstance(policy, Mapping):
        raise UsageError(f"{path}: must be a mapping, not {in_words(policy)}", where=where, hint=hint)
    _check_rule(validate_strictly(InlinePolicy, policy, where=where, hint=hint, path=path), index, where)


def _check_rule(policy: InlinePolicy, index: int, where: str) -> None:
    if sum(getattr(policy, kind) is not None for kind in NAMES) != 1:
        what = f"spec.policies[{index}] does not have exactly one of {listed('and')}"
        raise UsageError(what, where=where, hint="write exactly one rule for each policy")


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
        _check_rule(policy, index, where)
        policies += inline_policy(raw["policies"][index], namespace=namespace, index=index, defaults=defaults)
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
