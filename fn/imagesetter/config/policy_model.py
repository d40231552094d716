"""A policy of ``spec.policies`` of an ``ImageSetter``, validated strictly: an unknown field is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from imagesetter.config.options import API_VERSION, KIND
from imagesetter.config.strict_model import StrictModel, validate_strictly
from imagesetter.flux.models import DigestReflection, Duration, TagFilter, with_rules
from imagesetter.flux.verify import Verify
from imagesetter.golang.duration import parse_age
from imagesetter.policy.kinds import NAMES, listed
from imagesetter.policy.platform import parse_platform
from krm_functions.errors import UsageError
from krm_functions.model_errors import in_words


def _age(text: str) -> str:
    parse_age(text)
    return text


def _platform(text: str) -> str:
    parse_platform(text)
    return text


Age = Annotated[str, AfterValidator(_age)]
PlatformName = Annotated[str, AfterValidator(_platform)]
_ONE_RULE: dict[str, Any] = {"oneOf": [{"required": [kind]} for kind in NAMES]}


class Rules(StrictModel):
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


class InlinePolicy(Rules, with_rules(_Repository)):  # type: ignore[misc]
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


def check_inline_policy(policy: object, index: int, *, where: str) -> None:
    """Validate one entry of ``spec.policies`` by itself.

    Raises:
        UsageError: one sentence a broken rule, each with its field path.
    """
    hint = f"`imagesetter schema` prints the JSON Schema of {API_VERSION} {KIND}"
    path = f"spec.policies[{index}]"
    if not isinstance(policy, Mapping):
        raise UsageError(f"{path}: must be a mapping, not {in_words(policy)}", where=where, hint=hint)
    check_rule(validate_strictly(InlinePolicy, policy, where=where, hint=hint, path=path), index, where)


def check_rule(policy: InlinePolicy, index: int, where: str) -> None:
    """That a policy has exactly one rule.

    Raises:
        UsageError: it has none, or several.
    """
    if sum(getattr(policy, kind) is not None for kind in NAMES) != 1:
        what = f"spec.policies[{index}] does not have exactly one of {listed('and')}"
        raise UsageError(what, where=where, hint="write exactly one rule for each policy")
