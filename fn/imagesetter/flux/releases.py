"""Releases: policies whose tags change together or not at all (``kind: ImageRelease``, a kind of our own).

The kind is read by hand, since ``--from lock`` reads it too and has no time for a model.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import RELEASE, Resource
from krm_functions.errors import ReportedError, ResourceError
from krm_functions.suggestions import did_you_mean

SAME = r"^(version|tag|extract [A-Za-z_][A-Za-z0-9_]*)$"
"""What ``spec.same`` may be, for its check and for the published schema."""
API_VERSION = "imagesetter.dev/v1alpha1"

_FIELDS = ("policies", "same")


class Release(NamedTuple):
    """Some policies, and what of their tags is the same: ``version``, ``tag``, or ``extract NAME``.

    NAME is a group of each policy's ``filterTags.pattern``. Of several keys, the one that the first policy ranks
    highest is wanted.
    """

    name: PolicyName
    policies: tuple[PolicyName, ...]
    same: str
    origin: str


def read_release(found: Resource, name: PolicyName) -> Release:
    """A release, validated.

    Args:
        found: the ImageRelease.
        name: its name; a policy without a namespace is in its namespace.

    Raises:
        ResourceError: a field is missing, unknown or has another form.
    """
    where, spec = f"{RELEASE} {name} in {found.origin}", found.data.get("spec")
    hint = f"`imagesetter schema {RELEASE}` prints its JSON Schema"
    if found.api_version != API_VERSION:
        what = f"apiVersion: {found.api_version} is not known, write {API_VERSION}"
        raise ResourceError(what, where=where, hint=hint)
    if not isinstance(spec, Mapping):
        raise ResourceError("spec: must be a mapping", where=where, hint=hint)
    problem = next(_problems(spec), "") if name.name else "the name is missing"
    if problem:
        raise ResourceError(problem, where=where, hint=hint)
    policies = tuple(dict.fromkeys(_policy(text, name.namespace) for text in spec["policies"]))
    if len(policies) < 2:
        raise ResourceError("spec.policies: a release has at least two policies", where=where, hint=hint)
    return Release(name, policies, spec["same"], found.origin)


def _problems(spec: Mapping[Any, Any]) -> Iterator[str]:
    for field in spec:
        if field not in _FIELDS:
            yield f"spec.{field}: unknown field{did_you_mean(str(field), _FIELDS)}"
    policies, same = spec.get("policies"), spec.get("same")
    if not isinstance(policies, list) or not all(isinstance(each, str) and each.strip(":") for each in policies):
        yield "spec.policies: must be a list of names of policies"
    if not isinstance(same, str) or not re.fullmatch(SAME, same, re.ASCII):
        yield f"spec.same: must be version, tag, or extract with the name of a group, not {same!r}"


def _policy(text: str, namespace: str) -> PolicyName:
    before, colon, name = text.rpartition(":")
    return PolicyName(before if colon else namespace, name)


def all_releases(catalog: Catalog) -> list[Release]:
    """The releases of a catalog, sorted by name.

    Raises:
        ResourceError: one is not valid, or a policy is in two of them.
        ResolveError: one is defined more than once, differently.
    """
    found: list[Release] = []
    owner: dict[PolicyName, Release] = {}
    for name in dict.fromkeys(name for name, _ in catalog.of_kind(RELEASE)):
        resource = catalog.find(RELEASE, *name)
        release = read_release(resource, name) if resource else None
        for policy in release.policies if release else ():
            if policy in owner:
                raise ResourceError(
                    f"policy {policy} is in the releases {owner[policy].name} and {name}",
                    where=f"{RELEASE} {name} in {resource.origin if resource else ''}",
                    hint="take it out of one of them, or make them one release",
                )
        if release:
            owner |= dict.fromkeys(release.policies, release)
            found.append(release)
    return found


def releases_of(catalog: Catalog, names: Iterable[PolicyName]) -> list[Release]:
    """The releases that some policies belong to, with all their policies called as the given names call them.

    Where several definitions of a policy exist, a release counts for each folder by itself.

    Raises:
        ReportedError: as `all_releases`.
    """
    releases = all_releases(catalog)
    if not releases:
        return []
    asked: dict[tuple[PolicyName, str], dict[PolicyName, None]] = {}
    for name in names:
        for known in _known_as(catalog, name):
            asked.setdefault((known, name.folder), {})[name] = None
    found: dict[tuple[PolicyName, ...], Release] = {}
    for release in releases:
        for folder in dict.fromkeys(folder for policy, folder in asked if policy in release.policies):
            members = (asked.get((each, folder)) or [_in(catalog, each, folder)] for each in release.policies)
            policies = tuple(dict.fromkeys(chain.from_iterable(members)))
            found.setdefault(policies, release._replace(policies=policies))
    return list(found.values())


def with_releases(catalog: Catalog, names: Iterable[PolicyName]) -> frozenset[PolicyName]:
    """Some policies, and those that move with them.

    Raises:
        ReportedError: as `all_releases`.
    """
    names = frozenset(names)
    return names.union(*(release.policies for release in releases_of(catalog, names)))


def _known_as(catalog: Catalog, name: PolicyName) -> Iterable[PolicyName]:
    """A policy's names; where kustomize has renamed it, its release may have the old one."""
    try:
        return [each.plain for each in catalog.names_of(name)]
    except ReportedError:  # whoever asks for its answer gets it
        return [name.plain]


def _in(catalog: Catalog, name: PolicyName, folder: str) -> PolicyName:
    try:
        several = catalog.nearest_to(name, folder) if folder else None
    except ReportedError:
        return name._replace(folder=folder)
    return name._replace(folder=folder) if several else name
