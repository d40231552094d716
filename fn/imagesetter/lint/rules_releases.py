"""Rules about releases: policies that change together or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, product

from imagesetter.errors import NothingSelected, PolicyError
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.releases import Release, read_release
from imagesetter.flux.resources import RELEASE
from imagesetter.golang.errors import InvalidPattern
from imagesetter.golang.regexp.pattern import compile_pattern
from imagesetter.lint.finding import Problem
from imagesetter.lint.lenient_policies import Definition, definitions
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import LocatedResource
from imagesetter.policy.select import ranking
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import ReportedError, ResourceError

_NUMBER = re.compile(r"[0-9]{1,6}")
_MOST = 24
"""How many numbers stand for each part of a version: those of both ranges, and those beside them."""


def invalid_release(tree: LintedTree) -> Iterator[Problem]:
    """A release that is not valid, names a policy that is not there or is in another release, or can never move."""
    owner: dict[PolicyName, PolicyName] = {}
    policies = {policy.name.plain: policy for policy in definitions(tree)}
    for file in (*tree.files, *tree.policy_files):
        for located in file.resources:
            if located.resource.kind != RELEASE:
                continue
            name = tree.name_of(located.resource)
            try:
                release = read_release(located.resource, name)
            except ResourceError as error:
                step = re.match(r"spec\.(\w+)", error.what)
                yield Problem(located.position("spec", *(step.groups() if step else ())), error.what, error.hint)
                continue
            yield from _members(tree, located, release, owner)
            yield from _never_meet(located, release, policies)


def _members(
    tree: LintedTree, located: LocatedResource, release: Release, owner: dict[PolicyName, PolicyName]
) -> Iterator[Problem]:
    for index, policy in enumerate(release.policies):
        where = located.position("spec", "policies", index)
        if not tree.catalog.has_policy(policy):
            unknown = tree.catalog.unknown(policy)
            yield Problem(where, f"{RELEASE} {release.name}: {unknown.what}", unknown.hint)
        leader = _leader(tree, policy)
        if leader in release.policies:
            message = f"{RELEASE} {release.name}: {policy} follows {leader}, which changes only together with it"
            yield Problem(where, message, "take one of them out of the release, or follow another policy")
        other = owner.setdefault(policy, release.name)
        if other != release.name:
            message = f"policy {policy} is in the releases {other} and {release.name}"
            yield Problem(where, message, "take it out of one of them, or make them one release")


def _leader(tree: LintedTree, policy: PolicyName) -> PolicyName | None:
    try:
        return tree.catalog.policy(policy).follows
    except ReportedError:
        return None  # incomplete-policy says so


def _never_meet(
    located: LocatedResource, release: Release, policies: dict[PolicyName, Definition]
) -> Iterator[Problem]:
    known = [policies[each] for each in release.policies if each in policies]
    where = located.position("spec", "same")
    group = release.same.removeprefix("extract ") if release.same.startswith("extract ") else ""
    for policy in known if group else ():
        pattern = policy.tags.filter_tags.pattern if policy.tags.filter_tags else ""
        try:
            names = compile_pattern(pattern).names
        except (InvalidPattern, ReportedError):
            continue  # invalid-pattern says so
        if group not in names:
            message = f"{RELEASE} {release.name}: the filterTags.pattern of {policy.name.plain} has no group {group!r}"
            yield Problem(where, f"{message}, so its tags have no key", f"add (?P<{group}>…) to it")
    for first, second in combinations(known, 2) if not group else ():
        if _are_disjoint(first.tags, second.tags):
            both = f"{first.name.plain} and {second.name.plain}"
            message = f"{RELEASE} {release.name}: no version is in the ranges of both {both}, so it can never move"
            yield Problem(where, message, "change one of the ranges")


def _are_disjoint(first: TagPolicy, second: TagPolicy) -> bool:
    """Whether two plain semver ranges have no version in common, as far as the numbers in them tell."""
    rules = first.rule, second.rule
    if first.filter_tags or second.filter_tags:
        return False
    texts = [rule.value for rule in rules if isinstance(rule, SemverRule)]
    if len(texts) < 2:
        return False
    given = {int(number) for text in texts for number in _NUMBER.findall(text)}
    numbers = sorted({0, *given, *(number + 1 for number in given), *(max(0, number - 1) for number in given)})[:_MOST]
    ends = ("", "-rc.1") if any("-" in text for text in texts) else ("",)
    versions = [f"{'.'.join(map(str, each))}{end}" for each in product(numbers, repeat=3) for end in ends]
    return not _allowed(first, _allowed(second, versions))


def _allowed(policy: TagPolicy, versions: list[str]) -> list[str]:
    try:
        return ranking(policy, versions) if versions else []
    except NothingSelected:
        return []
    except PolicyError:
        return versions  # invalid-range says so
