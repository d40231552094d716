"""Our own words on a Flux ImagePolicy: annotations, which every controller leaves alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagesetter.flux.resources import Resource
from imagesetter.golang.duration import parse_age
from imagesetter.policy.platform import Platform, parse_platforms
from krm_functions.errors import ResourceError

ALLOW_DOWNGRADE: Final = "imagesetter.dev/allow-downgrade"
CHART_TAGS: Final = "imagesetter.dev/chart-tags"
MINIMUM_AGE: Final = "imagesetter.dev/minimum-age"
PLATFORMS: Final = "imagesetter.dev/platforms"


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
        ResourceError: the annotation is no duration.
    """
    return _age(policy, MINIMUM_AGE)


def platforms(policy: Resource) -> tuple[Platform, ...]:
    """The platforms for which a tag must have images, sorted; empty where any will do.

    Raises:
        ResourceError: the annotation is not a list of platforms with commas between them.
    """
    text = annotation(policy, PLATFORMS)
    try:
        return parse_platforms(each.strip() for each in text.split(",")) if text else ()
    except ValueError as error:
        raise _error(policy, PLATFORMS, str(error)) from error


def _age(policy: Resource, name: str) -> float:
    text = annotation(policy, name)
    try:
        return parse_age(text) if text else 0.0
    except ValueError as error:
        raise _error(policy, name, str(error)) from error


def _flag(policy: Resource, name: str) -> bool:
    text = annotation(policy, name)
    if text not in ("", "true", "false"):
        raise _error(policy, name, f'{text!r} is neither "true" nor "false"')
    return text == "true"


def annotation(policy: Resource, name: str) -> str:
    """The text of an annotation; empty where there is none."""
    annotations = policy.metadata.get("annotations")
    return str(annotations.get(name, "")) if isinstance(annotations, Mapping) else ""


def _error(policy: Resource, name: str, what: str) -> ResourceError:
    return ResourceError(f'metadata.annotations["{name}"]: {what}', where=policy.origin)
