"""Rules about policies as resources: whether they can be asked at all, and whether anything follows their answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from imagesetter.errors import PolicyError, ResolveError
from imagesetter.flux.markers import PolicyName
from imagesetter.lint.finding import Problem
from imagesetter.lint.lenient_policies import definitions, exclusions_of
from imagesetter.lint.linted_tree import Subject
from imagesetter.lint.scanned_file import LocatedResource
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.select import check
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import ReportedError, ResourceError
from krm_functions.suggestions import did_you_mean

_SPEC_PATH = re.compile(r"spec[\w.\[\]]*")
_STEP = re.compile(r"\w+")


def unused_policy(subject: Subject) -> Iterator[Problem]:
    """A policy that no field follows."""
    if subject.binds:
        return
    for file in subject.files:
        for placed in file.resources:
            name = subject.name_of(placed.resource)
            if placed.resource.kind == "ImagePolicy" and name not in subject.followed:
                message = f"no field follows ImagePolicy {name}"
                yield Problem(placed.spot("metadata", "name"), message, "mark one (`imagesetter mark`), or remove it")


def incomplete_policy(subject: Subject) -> Iterator[Problem]:
    """A policy that cannot be asked: a field that the CRD refuses, a repository that is not there."""
    by_origin: dict[tuple[str, str], LocatedResource] = {}
    for kind in ("ImagePolicy", "ImageRepository"):
        for _, placed in subject.placed(kind):
            by_origin.setdefault((kind, placed.resource.origin), placed)
    for name, placed in subject.placed("ImagePolicy"):
        if _ambiguity(subject, name, placed):
            continue
        try:
            subject.catalog.policy(name)
        except ResourceError as error:
            yield _located(by_origin, placed, error)
        except ReportedError as error:
            yield Problem(placed.spot("spec", "imageRepositoryRef", "name"), error.what, error.hint)
    yield from _incomplete_repositories(subject)


def _incomplete_repositories(subject: Subject) -> Iterator[Problem]:
    """The repositories themselves, since one may have no policy yet."""
    for name, placed in subject.placed("ImageRepository"):
        from imagesetter.flux.models import ImageRepositorySpec, validate_spec

        try:
            if subject.catalog.find("ImageRepository", *name) is placed.resource:
                validate_spec(ImageRepositorySpec, placed.resource.data.get("spec"), where="")
        except ResourceError as error:
            yield Problem(placed.spot(*_path(error.what)), error.what, error.hint)
        except ResolveError:
            continue  # ambiguous-policy says so


def ambiguous_policy(subject: Subject) -> Iterator[Problem]:
    """A policy or its repository that is defined twice, differently."""
    for name, placed in subject.placed("ImagePolicy"):
        error = _ambiguity(subject, name, placed)
        if error:
            yield Problem(placed.spot("metadata", "name"), f"{error.what}: {error.where}", error.hint)


def invalid_automation(subject: Subject) -> Iterator[Problem]:
    """An ImageUpdateAutomation that its CRD refuses."""
    for _, placed in subject.placed("ImageUpdateAutomation"):
        from imagesetter.flux.automations import ImageUpdateAutomationSpec
        from imagesetter.flux.models import validate_spec

        try:
            validate_spec(ImageUpdateAutomationSpec, placed.resource.data.get("spec"), where="")
        except ResourceError as error:
            yield Problem(placed.spot(*_path(error.what)), error.what, error.hint)


def invalid_range(subject: Subject) -> Iterator[Problem]:
    """A semver range that Masterminds/semver does not read."""
    for policy in definitions(subject):
        if isinstance(policy.tags.rule, SemverRule):
            yield from _refused(policy.placed, TagPolicy(policy.tags.rule), "spec", "policy", "semver", "range")


def invalid_pattern(subject: Subject) -> Iterator[Problem]:
    """A pattern that is no Go regular expression."""
    anything = AlphabeticalRule()
    for policy in definitions(subject):
        if policy.tags.filter_tags:
            tags = TagPolicy(anything, policy.tags.filter_tags)
            yield from _refused(policy.placed, tags, "spec", "filterTags", "pattern")
    for _, placed in subject.placed("ImageRepository"):
        for index, pattern in enumerate(exclusions_of(placed.resource.spec)):
            yield from _refused(placed, TagPolicy(anything, None, (pattern,)), "spec", "exclusionList", index)


def unknown_field(subject: Subject) -> Iterator[Problem]:
    """A field that the CRD does not have; the API server would drop it."""
    for kind in ("ImagePolicy", "ImageRepository", "ImageUpdateAutomation"):
        for _, placed in subject.placed(kind):
            yield from _unknown(placed, kind)


def _unknown(placed: LocatedResource, kind: str) -> Iterator[Problem]:
    from imagesetter.flux import models
    from imagesetter.flux.automations import ImageUpdateAutomationSpec

    specs: dict[str, type[models.FluxModel]] = {
        "ImagePolicy": models.ImagePolicySpec,
        "ImageRepository": models.ImageRepositorySpec,
        "ImageUpdateAutomation": ImageUpdateAutomationSpec,
    }
    try:
        spec = models.validate_spec(specs[kind], placed.resource.data.get("spec"), where="")
    except ResourceError:
        return  # incomplete-policy and invalid-automation say so
    known = {
        str(field.alias or name)
        for part in models.FluxModel.__subclasses__()
        for name, field in part.model_fields.items()
    }
    for path in models.unknown_fields(spec):
        steps = _path(path)
        message = f"{path}: {kind} has no such field{did_you_mean(str(steps[-1]), known)}"
        yield Problem(placed.key_spot(*steps), message, "the API server drops it without a word")


def _located(
    by_origin: Mapping[tuple[str, str], LocatedResource], policy: LocatedResource, error: ResourceError
) -> Problem:
    """A broken field at its place: in the policy, or in the repository that the error names."""
    about, _, origin = error.where.rpartition(" in ")
    broken = by_origin.get((about.partition(" ")[0], origin), policy)
    return Problem(broken.spot(*_path(error.what)), error.what, error.hint)


def _ambiguity(subject: Subject, name: PolicyName, placed: LocatedResource) -> ResolveError | None:
    """The complaint about a policy or its repository that is there twice, with different specs."""
    reference = placed.resource.spec.get("imageRepositoryRef")
    reference = reference if isinstance(reference, Mapping) else {}
    repository = str(reference.get("namespace") or name.namespace), str(reference.get("name", ""))
    try:
        subject.catalog.find("ImagePolicy", *name)
        subject.catalog.find("ImageRepository", *repository)
    except ResolveError as error:
        return error
    return None


def _path(text: str) -> tuple[str | int, ...]:
    """The field path at the start of a message such as ``spec.filterTags.pattern: must be a string``."""
    found = _SPEC_PATH.match(text)
    steps = _STEP.findall(found[0]) if found else []
    return tuple(int(step) if step.isdigit() else step for step in steps)


def _refused(placed: LocatedResource, policy: TagPolicy, *path: str | int) -> Iterator[Problem]:
    try:
        check(policy)
    except PolicyError as error:
        yield Problem(placed.spot(*path), error.what, error.hint)
