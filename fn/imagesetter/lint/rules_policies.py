"""Rules about policies as resources: whether they are valid, and whether a field follows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from imagesetter.errors import CredentialError, PolicyError, ResolveError
from imagesetter.flux.annotations import DOMAIN, FOLLOWS, KNOWN, VERIFY
from imagesetter.flux.known_fields import API, KNOWN_FIELDS
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource
from imagesetter.flux.variables import unresolved, variables_of
from imagesetter.lint.finding import Problem
from imagesetter.lint.lenient_policies import definitions, exclusions_of
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import LocatedResource
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.select import check
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import ReportedError, ResourceError
from krm_functions.suggestions import did_you_mean

if TYPE_CHECKING:
    from imagesetter.flux.image_policy import ImagePolicy
    from imagesetter.flux.models import FluxModel

_SPEC_PATH = re.compile(r"spec[\w.\[\]]*")
_STEP = re.compile(r"\w+")
_SHOWN = 4
"""How many policies of a circle a message names."""
_ANNOTATION = re.compile(r'metadata\.annotations\["([^"]+)"\]')


def unused_policy(tree: LintedTree) -> Iterator[Problem]:
    """A policy that no field follows."""
    if tree.binds:
        return
    for file in tree.files:
        for located in file.resources:
            forms = list(tree.forms(located)) if located.resource.kind == "ImagePolicy" else []
            if forms and not tree.follows(located) and not any(variables_of(str(form.names)) for _, form in forms):
                name = forms[0][0]
                message = f"no field follows ImagePolicy {name}"
                yield Problem(
                    located.position("metadata", "name"),
                    message,
                    "mark a field (`imagesetter mark`), or remove the policy",
                )


def incomplete_policy(tree: LintedTree) -> Iterator[Problem]:
    """A policy that cannot select: a field breaks the rules of the CRD, or the repository is missing."""
    by_origin: dict[tuple[str, str], LocatedResource] = {}
    for kind in ("ImagePolicy", "ImageRepository"):
        for _, located in tree.located(kind):
            by_origin.setdefault((kind, located.resource.origin), located)
    leaders: dict[PolicyName, PolicyName | None] = {}
    for _, located in tree.located("ImagePolicy"):
        for name, form in tree.forms(located):
            if _ambiguity(tree, name, form) or any(unresolved(form.data)):
                continue  # ambiguous-policy and unresolved-variable say so
            try:
                policy = tree.catalog.policy(name)
                if policy.follows and not tree.catalog.has_policy(policy.follows):
                    where = located.position("metadata", "annotations", FOLLOWS)
                    unknown = tree.catalog.unknown(policy.follows)
                    yield Problem(where, f"{name.plain} follows {policy.follows}, which is not there", unknown.hint)
                elif circle := _circle(tree, policy, leaders):
                    shown = ", which follows ".join(map(str, circle[:_SHOWN])) + (" …" if len(circle) > _SHOWN else "")
                    where = located.position("metadata", "annotations", FOLLOWS)
                    message = f"{name.plain} follows {shown}, so none of them is ever locked"
                    yield Problem(where, message, "let one of them follow no other")
                yield from _unusable_keys(located, policy)
            except ResourceError as error:
                yield _at_field(by_origin, located, error)
            except ReportedError as error:
                yield Problem(located.position("spec", "imageRepositoryRef", "name"), error.what, error.hint)
    yield from _incomplete_repositories(tree)


def _unusable_keys(located: LocatedResource, policy: ImagePolicy) -> Iterator[Problem]:
    """A Secret that does not hold the keys or certificates that `verify` of a policy needs.

    One that is not there may be elsewhere, and the libraries need not be installed where the linter runs.
    """
    try:
        if policy.verification:
            policy.verification.trust()
    except CredentialError as error:
        path = ("spec", "verify") if located.inline else ("metadata", "annotations", VERIFY)
        yield Problem(located.position(*path), error.what, error.hint)
    except ResolveError:
        return


def _circle(tree: LintedTree, policy: ImagePolicy, leaders: dict[PolicyName, PolicyName | None]) -> list[PolicyName]:
    """The policies from the one that a policy follows to itself; empty where it does not come back.

    *leaders* keeps whom each policy follows, for the next call.
    """
    seen: dict[PolicyName, None] = {}  # a set in order
    follows = policy.follows
    while follows and follows not in seen:
        seen[follows] = None
        if follows not in leaders:
            try:
                leaders[follows] = tree.catalog.policy(follows).follows
            except ReportedError:
                leaders[follows] = None  # found where that policy is
        follows = leaders[follows]
    return list(seen) if policy.name.plain in seen else []


def _incomplete_repositories(tree: LintedTree) -> Iterator[Problem]:
    """The repositories themselves, since one may have no policy yet."""
    for _, located in tree.located("ImageRepository"):
        for name, form in tree.forms(located):
            try:
                if tree.catalog.find("ImageRepository", *name) is form and not any(unresolved(form.data)):
                    _validated(form)
            except ResourceError as error:
                yield Problem(located.position(*_path(error.what)), error.what, error.hint)
            except ResolveError:
                continue  # ambiguous-policy says so


def ambiguous_policy(tree: LintedTree) -> Iterator[Problem]:
    """A policy or its repository that is defined twice, differently, with none nearer to the field than the other."""
    for _, located in tree.located("ImagePolicy"):
        for name, form in tree.forms(located):
            if error := _ambiguity(tree, name, form):
                yield Problem(located.position("metadata", "name"), f"{error.what}: {error.where}", error.hint)
    reported: set[str] = set()
    for mark in tree.fields:
        if mark.marker and tree.catalog.has_policy(mark.marker.policy):
            try:
                tree.catalog.find("ImagePolicy", *tree.meant(mark.marker.policy, mark.file))
            except ResolveError as error:
                if mark.file + error.where not in reported:
                    reported.add(mark.file + error.where)
                    message = f"{error.what}, and none is nearer than the other: {error.where}"
                    yield Problem(mark.position, message, error.hint)


def invalid_automation(tree: LintedTree) -> Iterator[Problem]:
    """An ImageUpdateAutomation that its CRD refuses."""
    for _, located in tree.located("ImageUpdateAutomation"):
        for _, form in tree.forms(located):
            try:
                if not any(unresolved(form.data)):
                    _validated(form)
            except ResourceError as error:
                yield Problem(located.position(*_path(error.what)), error.what, error.hint)


def invalid_range(tree: LintedTree) -> Iterator[Problem]:
    """A semver range that Masterminds/semver does not accept."""
    for policy in definitions(tree):
        if isinstance(policy.tags.rule, SemverRule):
            yield from _refused(policy.located, TagPolicy(policy.tags.rule), "spec", "policy", "semver", "range")


def invalid_pattern(tree: LintedTree) -> Iterator[Problem]:
    """A pattern that is not a Go regular expression."""
    anything = AlphabeticalRule()
    for policy in definitions(tree):
        if policy.tags.filter_tags:
            tags = TagPolicy(anything, policy.tags.filter_tags)
            yield from _refused(policy.located, tags, "spec", "filterTags", "pattern")
    for _, located in tree.located("ImageRepository"):
        for index, pattern in enumerate(exclusions_of(located.resource.spec)):
            if not variables_of(pattern):
                yield from _refused(located, TagPolicy(anything, None, (pattern,)), "spec", "exclusionList", index)


def unknown_field(tree: LintedTree) -> Iterator[Problem]:
    """A field that the CRD does not have, which the API server would drop; or an unknown annotation of ours."""
    for kind in ("ImagePolicy", "ImageRepository", "ImageUpdateAutomation"):
        for _, located in tree.located(kind):
            yield from _unknown(located, kind)
            yield from _unknown_annotations(located) if kind == "ImagePolicy" else ()


def _unknown_annotations(located: LocatedResource) -> Iterator[Problem]:
    annotations = located.resource.metadata.get("annotations")
    for name in annotations if isinstance(annotations, Mapping) else ():
        if str(name).startswith(DOMAIN) and name not in KNOWN:
            message = f'metadata.annotations["{name}"]: imagesetter has no such annotation{did_you_mean(name, KNOWN)}'
            hint = f"remove it; on a policy there are {', '.join(KNOWN)}"
            yield Problem(located.key_position("metadata", "annotations", name), message, hint)


def _unknown(located: LocatedResource, kind: str) -> Iterator[Problem]:
    from imagesetter.flux.models import unknown_fields

    try:
        spec = _validated(located.resource)
    except ResourceError:
        return  # incomplete-policy and invalid-automation report it
    fields = KNOWN_FIELDS[kind]
    names = {field.rpartition(".")[2] for field in fields}
    for path in unknown_fields(spec):
        steps = _path(path)
        if ".".join(str(step) for step in steps if isinstance(step, str)) in fields:
            continue  # of a release that our model does not know yet
        meant = did_you_mean(str(steps[-1]), names)
        message = f"{path}: {kind} of {API[kind]} has no such field{meant}"
        hint = "remove it" if meant else "remove it, unless your Flux is newer"
        yield Problem(located.key_position(*steps), message, f"{hint}: the API server drops it silently")


def _validated(resource: Resource) -> FluxModel:
    """The spec of a Flux resource. pydantic is imported here, since most runs find no Flux resource.

    Raises:
        ResourceError: the spec breaks the rules of the CRD.
    """
    from imagesetter.flux.automations import ImageUpdateAutomationSpec
    from imagesetter.flux.models import ImagePolicySpec, ImageRepositorySpec, validate_spec

    specs: dict[str, type[FluxModel]] = {
        "ImagePolicy": ImagePolicySpec,
        "ImageRepository": ImageRepositorySpec,
        "ImageUpdateAutomation": ImageUpdateAutomationSpec,
    }
    return validate_spec(specs[resource.kind], resource.data.get("spec"), where="")


def _at_field(
    by_origin: Mapping[tuple[str, str], LocatedResource], policy: LocatedResource, error: ResourceError
) -> Problem:
    """A broken field at its position: in the policy, or in the repository that the error names."""
    about, _, origin = error.where.rpartition(" in ")
    broken = by_origin.get((about.partition(" ")[0], origin), policy)
    return Problem(broken.position(*_path(error.what)), error.what, error.hint)


def _ambiguity(tree: LintedTree, name: PolicyName, form: Resource) -> ResolveError | None:
    """The error if a policy or its repository is defined twice, with different specs."""
    reference = form.spec.get("imageRepositoryRef")
    reference = reference if isinstance(reference, Mapping) else {}
    repository = str(reference.get("namespace") or name.namespace), str(reference.get("name", ""))
    try:
        tree.catalog.find("ImagePolicy", *name)
        tree.catalog.find("ImageRepository", *repository, name.folder)
    except ResolveError as error:
        return error
    return None


def _path(text: str) -> tuple[str | int, ...]:
    """The field path at the start of a message such as ``spec.filterTags.pattern: must be a string``."""
    if annotation := _ANNOTATION.match(text):
        return "metadata", "annotations", annotation[1]
    found = _SPEC_PATH.match(text)
    steps = _STEP.findall(found[0]) if found else []
    return tuple(int(step) if step.isdigit() else step for step in steps)


def _refused(located: LocatedResource, policy: TagPolicy, *path: str | int) -> Iterator[Problem]:
    try:
        check(policy)
    except PolicyError as error:
        yield Problem(located.position(*path), error.what, error.hint)
