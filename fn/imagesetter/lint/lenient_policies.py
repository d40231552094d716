"""The policies that rules check, read leniently, so that one mistake does not hide another.

Nothing is validated here (that takes pydantic, and ``incomplete-policy`` does it); a value of the wrong type counts as
absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagesetter.errors import PolicyError
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.variables import unresolved
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import LocatedResource
from imagesetter.policy.filters import compile_exclusions, compile_filter
from imagesetter.policy.kinds import chosen
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS, Rule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from krm_functions.errors import ReportedError


@dataclass(frozen=True, slots=True)
class Definition:
    """An ImagePolicy as a file defines it."""

    name: PolicyName
    located: LocatedResource
    tags: TagPolicy
    """Its rule is None if the file has none: a kustomization may add it."""
    reflects: bool
    """Whether its latest ref has a digest."""


def definitions(tree: LintedTree) -> tuple[Definition, ...]:
    """Every ImagePolicy whose findings are reported; read once for all rules."""
    if not tree.memo:
        tree.memo.append(tuple(_definitions(tree)))
    found: tuple[Definition, ...] = tree.memo[0]
    return found


def _definitions(tree: LintedTree) -> Iterator[Definition]:
    for _, located in tree.located("ImagePolicy"):
        for name, form in tree.forms(located):
            if any(unresolved(form.data)):
                continue  # what is there is not what the controller reads
            spec = form.spec
            reflection = spec.get("digestReflectionPolicy") or "Never"
            tags = TagPolicy(rule_of(spec), _filter_of(spec), _exclusions(tree, name, spec))
            yield Definition(name.plain, located, tags, reflection != "Never")


def rule_of(spec: Mapping[str, Any]) -> Rule | None:
    """The rule that counts; None where it lacks a field that it needs."""
    found = chosen(spec.get("policy"))
    if found is None:
        return None
    kind, fields = found
    text = fields.get(kind.argument.name)
    if not isinstance(text, str):
        return None if kind.argument.default is None else kind(kind.argument.default)
    return kind(text)


def _filter_of(spec: Mapping[str, Any]) -> FilterTags | None:
    found = spec.get("filterTags")
    if not isinstance(found, Mapping):
        return None
    pattern, extract = found.get("pattern"), found.get("extract")
    return FilterTags(pattern if isinstance(pattern, str) else "", extract if isinstance(extract, str) else "")


def _exclusions(tree: LintedTree, name: PolicyName, spec: Mapping[str, Any]) -> tuple[str, ...]:
    reference = spec.get("imageRepositoryRef")
    reference = reference if isinstance(reference, Mapping) else {}
    try:
        repository = tree.catalog.find(
            "ImageRepository",
            str(reference.get("namespace") or name.namespace),
            str(reference.get("name", "")),
            name.folder,
        )
    except ReportedError:
        repository = None
    return (exclusions_of(repository.spec) if repository else ()) or DEFAULT_EXCLUSIONS


def exclusions_of(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The exclusion list as an ImageRepository has it; empty where it has none."""
    found = spec.get("exclusionList")
    return tuple(str(pattern) for pattern in found) if isinstance(found, list) else ()


def key_of(policy: TagPolicy, tag: str) -> str | None:
    """The text by which the rule ranks a tag; None where the tag does not get that far, or the policy is invalid."""
    try:
        if any(not exclusion.keep([tag]) for exclusion in compile_exclusions(policy.exclusion_list)):
            return None
        return compile_filter(policy.filter_tags).key(tag) if policy.filter_tags else tag
    except PolicyError:
        return None
