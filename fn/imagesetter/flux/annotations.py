"""Our own words on a Flux ImagePolicy: annotations, which every controller leaves alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource
from krm_functions.errors import ResourceError
from krm_functions.model_errors import in_words

if TYPE_CHECKING:
    from imagesetter.policy.platform import Platform

Newest: TypeAlias = Literal["pushed", "created"]
"""By what time a tag is newer than another."""

_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"

ALLOW_DOWNGRADE: Final = "imagesetter.dev/allow-downgrade"
CHART_TAGS: Final = "imagesetter.dev/chart-tags"
MINIMUM_AGE: Final = "imagesetter.dev/minimum-age"
FOLLOWS: Final = "imagesetter.dev/follows"
SOAK: Final = "imagesetter.dev/soak"
PLATFORMS: Final = "imagesetter.dev/platforms"
VERIFY: Final = "imagesetter.dev/verify"
NEWEST: Final = "imagesetter.dev/newest"

DOMAIN: Final = "imagesetter.dev/"
KNOWN: Final = tuple(
    text for text in tuple(globals().values()) if isinstance(text, str) and text.startswith(DOMAIN) and text != DOMAIN
)
"""All of the above."""
EMPTY: Final = "is empty, so the rule would not apply: write a value, or remove the annotation"


def allows_downgrade(policy: Resource) -> bool:
    """Whether a policy's fields may go back to a tag that it ranks below theirs.

    Raises:
        ResourceError: the annotation is neither ``"true"`` nor ``"false"``.
    """
    return _flag(policy, ALLOW_DOWNGRADE)


def has_chart_tags(policy: Resource) -> bool:
    """Whether the tags are those of Helm charts: ``6.7.1_build.1`` is the version ``6.7.1+build.1``.

    Raises:
        ResourceError: the annotation is neither ``"true"`` nor ``"false"``.
    """
    return _flag(policy, CHART_TAGS)


def minimum_age(policy: Resource) -> float:
    """How old a tag has to be before it is chosen, in seconds; 0 where any age will do.

    Raises:
        ResourceError: the annotation is not a duration.
    """
    return _age(policy, MINIMUM_AGE)


def follows(policy: Resource, name: PolicyName) -> tuple[PolicyName | None, float]:
    """The policy whose locked tag is taken, None where there is none; and for how many seconds it must have held that.

    Args:
        policy: the policy.
        name: its name; a name without a namespace means its own.

    Raises:
        ResourceError: this is not the name of another policy, or the time is not a duration.
    """
    text, soak = _text(policy, FOLLOWS), _age(policy, SOAK)
    if not text:
        if soak:
            raise _error(policy, SOAK, f"there is no {FOLLOWS}: name the policy whose tag has to soak")
        return None, 0.0
    namespace, colon, its_name = text.rpartition(":")
    leader = PolicyName(namespace if colon else name.namespace, its_name)
    if not all(re.fullmatch(_NAME, part) for part in leader[:2]):
        raise _error(policy, FOLLOWS, f"{text!r} is not the name of a policy: write NAMESPACE:NAME")
    if leader == name.plain:
        raise _error(policy, FOLLOWS, "a policy cannot follow itself")
    return leader, soak


def newest(policy: Resource) -> Newest | None:
    """By what time the newest tag is taken; None where the policy's own rule ranks them.

    Raises:
        ResourceError: the annotation is neither ``pushed`` nor ``created``.
    """
    match _text(policy, NEWEST):
        case "":
            return None
        case "pushed":
            return "pushed"
        case "created":
            return "created"
        case text:
            raise _error(policy, NEWEST, f"{text!r} is neither pushed nor created")


def platforms(policy: Resource) -> tuple[Platform, ...]:
    """The platforms for which a tag must have images, sorted; empty where any will do.

    Raises:
        ResourceError: the annotation is not a list of platforms with commas between them.
    """
    text = _text(policy, PLATFORMS)
    if not text:
        return ()
    from imagesetter.policy.platform import parse_platforms

    try:
        return parse_platforms(each.strip() for each in text.split(","))
    except ValueError as error:
        raise _error(policy, PLATFORMS, str(error)) from error


def _age(policy: Resource, name: str) -> float:
    text = _text(policy, name)
    if not text:
        return 0.0
    from imagesetter.golang.duration import parse_age

    try:
        return parse_age(text)
    except ValueError as error:
        raise _error(policy, name, str(error)) from error


def _flag(policy: Resource, name: str) -> bool:
    text = _text(policy, name)
    if text not in ("", "true", "false"):
        raise _error(policy, name, f'{text!r} is neither "true" nor "false"')
    return text == "true"


def is_annotated(policy: Resource, name: str) -> bool:
    """Whether an annotation is there, readable or not."""
    annotations = policy.metadata.get("annotations")
    return isinstance(annotations, Mapping) and name in annotations


def annotation(policy: Resource, name: str) -> str:
    """The text of an annotation; empty where there is none."""
    annotations = policy.metadata.get("annotations")
    return str(annotations.get(name, "")) if isinstance(annotations, Mapping) else ""


def _text(policy: Resource, name: str) -> str:
    """As `annotation`, of one that is a string, as Kubernetes requires; one that is there says something.

    Raises:
        ResourceError: it is not a string (``true`` without quotes), or empty, perhaps by a variable without a value.
    """
    annotations = policy.metadata.get("annotations")
    if not isinstance(annotations, Mapping | None):
        what = f"metadata.annotations: must be a mapping, not {in_words(annotations)}"
        raise ResourceError(what, where=policy.origin)
    if not annotations or name not in annotations:
        return ""
    value = annotations[name]
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, str):
        raise _error(policy, name, EMPTY)
    quote = ": put it in quotes" if isinstance(value, bool | int | float) else ""
    raise _error(policy, name, f"must be a string, not {in_words(value)}{quote}")


def _error(policy: Resource, name: str, what: str) -> ResourceError:
    return ResourceError(f'metadata.annotations["{name}"]: {what}', where=policy.origin)
