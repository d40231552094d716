"""Rules about policies that can select nothing, or among equal tags by chance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imagesetter.errors import NothingSelected, PolicyError
from imagesetter.golang.errors import InvalidPattern
from imagesetter.golang.regexp.pattern import compile_pattern
from imagesetter.golang.semver.version import parse_tag
from imagesetter.lint.finding import Problem
from imagesetter.lint.lenient_policies import Definition, definitions, key_of
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.rules_tags import SIGNATURES, misordered
from imagesetter.lint.samples import samples
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.select import ranking
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import InputError
from krm_functions.suggestions import KnownNames

_REFERENCE = re.compile(r"\$\$|\$\{(\w+)\}|\$(\w+)")
_FIRST_VARIABLE = re.compile(r"\[([^\]]+)\]|\\[dw]|(?<!\\)\.")
_HEXADECIMAL = ("0-9a-f", "a-f0-9", "0-9a-fA-F", "a-fA-F0-9", "0-9A-Fa-f", r"a-f\d", r"\da-f")
_HASH = re.compile(r"(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{7,64}")
_WORD_AND_NUMBER = re.compile(r"[A-Za-z](?:\((?:\?P?<\w+>)?)?(?:\[0-9\]|\\d)")
_NUMBER = re.compile(r"[0-9]{1,6}")


def invalid_extract(tree: LintedTree) -> Iterator[Problem]:
    """An extract that names a group which the pattern does not have: then every tag gives an empty text."""
    for policy in definitions(tree):
        tags = policy.tags.filter_tags
        if not tags or not tags.extract:
            continue
        where = policy.located.position("spec", "filterTags", "extract")
        if not tags.pattern:
            message = f"ImagePolicy {policy.name}: extract without a pattern gives an empty text for every tag"
            yield Problem(where, message, "add filterTags.pattern with the group that is meant")
            continue
        try:
            names = compile_pattern(tags.pattern).names
        except InvalidPattern:
            continue  # invalid-pattern says so
        for found in _REFERENCE.finditer(tags.extract):
            name = found[1] or found[2] or ""
            if not name or name in names or (name.isdigit() and str(int(name)) == name and int(name) < len(names)):
                continue
            message = f"ImagePolicy {policy.name}: the pattern has no group {name!r}, so {found[0]} is an empty text"
            groups = [each for each in names if each]
            longer = next((each for each in (*groups, "1") if name.startswith(each)), "")
            rest = name.removeprefix(longer)
            if found[2] and longer and (rest.startswith("_") or longer == "1"):
                hint = f"write ${{{longer}}}{rest}: a name goes as far as letters, digits and _ do"
            elif meant := KnownNames(groups).close_to(name):
                hint = f"write ${meant[0]}"
            else:
                hint = f"its groups: {', '.join(groups)}" if groups else "it has no named groups"
            yield Problem(where, message, hint)


def selects_nothing(tree: LintedTree) -> Iterator[Problem]:
    """A semver policy whose filter lets only texts pass that the range refuses."""
    for policy in definitions(tree):
        if isinstance(policy.tags.rule, SemverRule) and policy.tags.filter_tags and policy.tags.filter_tags.pattern:
            why = _excluded(policy.tags)
            if why:
                message, hint = why
                where = policy.located.position("spec", "filterTags", "pattern")
                yield Problem(where, f"ImagePolicy {policy.name} can select nothing: {message}", hint)


def _excluded(policy: TagPolicy) -> tuple[str, str] | None:
    """Why no tag can pass both the filter and the range, and what to do; None where one may."""
    rule, tags = policy.rule, policy.filter_tags
    if rule is None or tags is None or _has_missing_group(tags.pattern, tags.extract):
        return None
    found = samples(tags.pattern)
    keys = {key for text in found.texts if (key := key_of(policy, text)) is not None}
    versions = {key for key in keys if not rule.problem(key)}
    if not keys:
        return None
    if not versions:
        example = min(keys, key=lambda key: (len(key), key))
        if found.open or not example:
            return None
        return f"{rule.problem(example)}, and the filter gives texts such as {example!r}", "extract all three numbers"
    own = TagPolicy(rule)
    if _allowed(own, versions):
        return None
    releases = {key.partition("+")[0].partition("-")[0] for key in versions}
    if all("-" in key for key in versions):
        if _allowed(own, releases):
            example = min(versions, key=lambda key: (len(key), key))
            return (
                f"only prereleases such as {example} match the pattern, and the range {rule.value!r} admits none",
                f"write {rule.value}-0, or extract the version without its suffix",
            )
        return None
    majors = {key.lstrip("v").partition(".")[0] for key in versions}
    if len(majors) == 1 and not found.open and (major := next(iter(majors))).isdigit():
        numbers = sorted({0, 1, 2, 3, 9, 50, 999, *map(int, _NUMBER.findall(rule.value))})[:14]
        candidates = {
            f"{major}.{minor}.{patch}{pre}" for minor in numbers for patch in numbers for pre in ("", "-rc.1")
        }
        if not _allowed(own, candidates):
            message = f"the pattern lets only versions {major}.… pass, and the range {rule.value!r} admits none of them"
            return message, "change the pattern or the range"
    return None


def _has_missing_group(pattern: str, extract: str) -> bool:
    try:
        names = compile_pattern(pattern).names
    except InvalidPattern:
        return True
    named = [found[1] or found[2] for found in _REFERENCE.finditer(extract) if found[1] or found[2]]
    return any(name not in names and not (name.isdigit() and int(name) < len(names)) for name in named)


def _allowed(policy: TagPolicy, versions: set[str]) -> bool:
    try:
        return bool(ranking(policy, sorted(versions)))
    except NothingSelected:
        return False
    except PolicyError:
        return True  # invalid-range says so


def build_metadata(tree: LintedTree) -> Iterator[Problem]:
    """A semver policy that extracts build metadata: all builds of a version rank the same."""
    for policy in definitions(tree):
        tags = policy.tags.filter_tags
        if isinstance(policy.tags.rule, SemverRule) and tags and "+" in tags.extract:
            message = (
                f"ImagePolicy {policy.name} extracts {tags.extract!r}: semver ignores what is behind +, so all builds "
                "of a version rank the same, and which one is selected has nothing to do with its age"
            )
            hint = "write - for + and a range with -0, or use numerical for the number of the build"
            yield Problem(policy.located.position("spec", "filterTags", "extract"), message, hint)


def alphabetical_hashes(tree: LintedTree) -> Iterator[Problem]:
    """Alphabetical order of commit hashes, which have none."""
    for policy in definitions(tree):
        if not isinstance(policy.tags.rule, AlphabeticalRule):
            continue
        tag = next(
            (tag for tag in tree.tags.get(policy.name, ()) if _HASH.fullmatch(key_of(policy.tags, tag) or "")), ""
        )
        if tag or _sorts_by_hash(policy):
            example = f"such as {tag}" if tag else f"of the pattern {policy.tags.filter_tags.pattern!r}"  # type: ignore[union-attr]
            message = (
                f"ImagePolicy {policy.name} is alphabetical, and tags {example} begin with a hash: the order is chance"
            )
            hint = "tag images with a time or a number before the hash, and extract that"
            yield Problem(policy.located.key_position("spec", "policy", "alphabetical"), message, hint)


def _sorts_by_hash(policy: Definition) -> bool:
    """Whether the first part of the ranked text that varies is a hexadecimal number."""
    tags = policy.tags.filter_tags
    if not tags or not tags.pattern:
        return False
    text = tags.pattern
    if tags.extract:
        name = _REFERENCE.match(tags.extract)
        named = (
            re.search(rf"\(\?P?<{re.escape(name[1] or name[2])}>([^()]*)\)", text)
            if name and (name[1] or name[2])
            else None
        )
        if not named:
            return False
        text = named[1]
    first = _FIRST_VARIABLE.search(text)
    return bool(first and first[1] in _HEXADECIMAL)


def prerelease_order(tree: LintedTree) -> Iterator[Problem]:
    """Prereleases such as rc9 and rc10, which semver compares as text."""
    for policy in definitions(tree):
        if not isinstance(policy.tags.rule, SemverRule):
            continue
        pattern = policy.tags.filter_tags.pattern if policy.tags.filter_tags else ""
        tags = list(tree.tags.get(policy.name, ()))
        if _WORD_AND_NUMBER.search(pattern):
            tags += samples(pattern).texts[:40]
        found = next(misordered(policy.tags, [tag for tag in tags if _is_prerelease(policy.tags, tag)]), None)
        if found:
            _, first, second = found
            message = f"ImagePolicy {policy.name} compares prereleases as text: it prefers {first} to {second}"
            hint = "write rc.9 and rc.10 in tags, with a dot; or extract the number, and use numerical"
            if policy.tags.filter_tags and policy.tags.filter_tags.extract:
                hint = "put a dot before the number in extract, such as ${version}-rc.${number}, with a group for each"
            yield Problem(policy.located.position("spec", "policy", "semver", "range"), message, hint)


def _is_prerelease(policy: TagPolicy, tag: str) -> bool:
    key = key_of(policy, tag)
    try:
        return key is not None and key.count(".") > 1 and bool(parse_tag(key)) and "-" in key
    except InputError:
        return False


def signature_tag(tree: LintedTree) -> Iterator[Problem]:
    """An alphabetical policy without a pattern, for which Flux may select the tag of a signature."""
    for policy in definitions(tree):
        if isinstance(policy.tags.rule, AlphabeticalRule) and not (
            policy.tags.filter_tags and policy.tags.filter_tags.pattern
        ):
            caught = next((tag for tag in reversed(SIGNATURES) if key_of(policy.tags, tag) is not None), "")
            if caught and not policy.tags.rule.descending:
                message = (
                    f"ImagePolicy {policy.name} has no pattern, so Flux may select a signature, such as "
                    f"{caught[:15]}…{caught[71:]}: cosign 3 writes these tags without .sig"
                )
                hint = "add filterTags.pattern, or '^sha256-[0-9a-f]{64}' to spec.exclusionList of the ImageRepository"
                yield Problem(policy.located.key_position("spec", "policy", "alphabetical"), message, hint)
