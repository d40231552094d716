"""Rules about the tags that a policy can select: whether it can select one that nobody intended.

The linter uses the tags in fields as examples, since it does not contact a registry. A rule runs the policy itself on
such tags with other numbers in them, instead of guessing from the policy's text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from imagesetter.errors import PolicyError
from imagesetter.flux.markers import PolicyName
from imagesetter.golang.strconv import parse_float
from imagesetter.lint.finding import Problem
from imagesetter.lint.lenient_policies import Definition, definitions, key_of
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.rules_fields import right_part
from imagesetter.lint.scanned_file import MarkerComment
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.select import ranking
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.reference import parse_reference
from krm_functions.errors import InputError, ReportedError

MUTABLE = (
    *("latest", "stable", "edge", "nightly", "rolling", "current", "release", "canary", "main", "master", "trunk"),
    *("develop", "dev", "test", "testing", "qa", "uat", "staging", "stage", "prod", "production", "live", "preview"),
)
"""Tags that usually move from image to image."""

EXACT = 2**53
"""The largest number up to which float64 represents every integer."""

# What cosign pushes beside an image (signature, attestation, SBOM), and the tag of the OCI referrers fallback.
_DIGESTS = [hashlib.sha256(bytes([number])).hexdigest() for number in range(8)]
SIGNATURES = [f"sha256-{digest}{suffix}" for suffix in (".sig", ".att", ".sbom", "") for digest in _DIGESTS]

# A number that stands alone in a tag, at most after a short word such as v or rc; eight digits and more are dates.
_COUNTER = re.compile(
    r"(?<![0-9A-Za-z])(?:v|r|b|m|rc|pr|rev|build|alpha|beta)?(?P<number>[1-9][0-9]{0,6})(?![0-9A-Za-z])"
)
_DATE = re.compile(r"[0-9]{4}[-._]?[0-9]{2}[-._]?[0-9]{2}(?:[T_.-]?[0-9]{2}(?:[-:._]?[0-9]{2}){1,2}Z?)?(?![0-9])")
_LONG_DIGITS = re.compile(r"(?:\[0-9\]|\\d)\{(?P<least>[0-9]+)")


def unanchored_pattern(tree: LintedTree) -> Iterator[Problem]:
    """A pattern that matches the tags of signatures and attestations, so that the rule can select one."""
    for policy in definitions(tree):
        caught = next(_caught(policy.tags), None)
        if policy.tags.filter_tags and caught:
            message = (
                f"ImagePolicy {policy.name}: the pattern '{policy.tags.filter_tags.pattern}' also matches signature "
                f"tags, such as {caught[:15]}…{caught[71:]}"
            )
            hint = "anchor it (^…$), or add '^sha256-[0-9a-f]{64}' to spec.exclusionList of the ImageRepository"
            yield Problem(policy.located.position("spec", "filterTags", "pattern"), message, hint)


def _caught(policy: TagPolicy) -> Iterator[str]:
    """The tags of signatures that a policy's rule gets to see."""
    for tag in SIGNATURES if policy.filter_tags else ():
        key = key_of(policy, tag)
        if key is None:
            continue
        if policy.rule and not (policy.rule.skips_unreadable and policy.rule.problem(key)):
            yield tag


def alphabetical_unpadded_numbers(tree: LintedTree) -> Iterator[Problem]:
    """Alphabetical order where tags hold numbers without leading zeros."""
    for policy in definitions(tree):
        if not isinstance(policy.tags.rule, AlphabeticalRule):
            continue
        found = next(misordered(policy.tags, tree.tags.get(policy.name, ())), None)
        if found:
            tag, first, second = found
            message = (
                f"ImagePolicy {policy.name} is alphabetical, but tags such as {tag} contain numbers of any length: "
                f"it prefers {first} to {second}"
            )
            hint = "use semver, or numerical with filterTags.extract for the number"
            yield Problem(policy.located.key_position("spec", "policy", "alphabetical"), message, hint)


def misordered(policy: TagPolicy, tags: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """A known tag, and two like it of which the policy prefers the wrong one."""
    for tag in tags:
        dates = [found.span() for found in _DATE.finditer(tag)]
        for found in _COUNTER.finditer(tag):
            start, end = found.span("number")
            if any(first < end and start < last for first, last in dates):
                continue
            smaller = f"{tag[:start]}{'9' * (end - start)}{tag[end:]}"
            larger = f"{tag[:start]}1{'0' * (end - start)}{tag[end:]}"
            try:
                order = ranking(policy, [smaller, larger])
            except PolicyError:
                continue
            falling = isinstance(policy.rule, AlphabeticalRule) and policy.rule.descending
            if order == ([larger, smaller] if falling else [smaller, larger]):
                yield tag, order[0], order[1]


def numerical_beyond_2_53(tree: LintedTree) -> Iterator[Problem]:
    """Numerical order over numbers that are equal as float64."""
    for policy in definitions(tree):
        if not isinstance(policy.tags.rule, NumericalRule):
            continue
        evidence = _large_number(policy.tags, tree.tags.get(policy.name, ()))
        if evidence:
            message = (
                f"ImagePolicy {policy.name} is numerical, and {evidence}: above 2^53 Flux reads "
                "neighbouring numbers as equal (imagesetter does not, so the two may select different tags)"
            )
            hint = "use alphabetical, which orders numbers of equal length the same way, or extract fewer digits"
            yield Problem(policy.located.key_position("spec", "policy", "numerical"), message, hint)


def _large_number(policy: TagPolicy, tags: Iterable[str]) -> str:
    for tag in tags:
        key = key_of(policy, tag)
        try:
            if key is not None and EXACT < abs(parse_float(key)) < float("inf"):
                return f"the tag {tag} gives {key}"
        except InputError:
            continue
    pattern = policy.filter_tags.pattern if policy.filter_tags else ""
    digits = max((int(found["least"]) for found in _LONG_DIGITS.finditer(pattern)), default=0)
    return f"its pattern asks for {digits} digits" if digits > len(str(EXACT)) else ""


def mutable_tag(tree: LintedTree) -> Iterator[Problem]:
    """A policy that can choose a tag such as ``latest``, or a field that holds one, without a digest."""
    moving: set[PolicyName] = set()
    reflecting: set[PolicyName] = set()
    for policy in definitions(tree):
        if policy.reflects:
            reflecting.add(policy.name)
        elif found := _mutable_policy(policy):
            moving.add(policy.name)
            yield found
    pinned = {_mapping(mark) for mark in tree.fields if mark.marker and mark.marker.part == "digest"}
    for mark in tree.fields:
        if not mark.marker or not mark.comment.scalar or mark.marker.policy in moving:
            continue
        if right_part(mark.comment.scalar, mark.marker) != mark.marker.part:
            continue  # wrong-part says so
        held = _held_tag(mark)
        whole = mark.marker.part == ""
        safe = mark.marker.policy in reflecting if whole else _mapping(mark) in pinned
        if held in MUTABLE and not safe:
            message = f"{mark.comment.scalar.value} is a moving tag without a digest"
            if whole:
                message = f"{mark.comment.scalar.value} has a moving tag and no digest"
            known = tree.catalog.has_policy(mark.marker.policy)
            what = "the tag that the policy selects" if known else "a tag, or mark the field with a policy that exists"
            hint = f"run `imagesetter update` to write {what}" if known else f"write {what}"
            yield Problem(mark.position, message, hint)


def _mutable_policy(policy: Definition) -> Problem | None:
    rule = policy.tags.rule
    if rule is None or not rule.reads_any_text:
        return None
    passing = next((tag for tag in MUTABLE if key_of(policy.tags, tag) is not None), None)
    if passing is None:
        return None
    message = f"ImagePolicy {policy.name} can select the moving tag {passing} and does not reflect a digest"
    hint = "narrow filterTags.pattern, or set spec.digestReflectionPolicy to Always"
    return Problem(policy.located.key_position("spec", "policy", rule.kind), message, hint)


def _held_tag(mark: MarkerComment) -> str:
    """The tag in a field that has no digest beside it; ``latest`` where a whole reference has neither."""
    if not mark.marker or not mark.comment.scalar:
        return ""
    value = mark.comment.scalar.value
    if mark.marker.part:
        return value if mark.marker.part == "tag" else ""
    try:
        reference = parse_reference(value)
    except ReportedError:
        return ""
    return "" if reference.digest else reference.identifier


def _mapping(mark: MarkerComment) -> tuple[object, ...]:
    """The mapping that a field is in."""
    scalar = mark.comment.scalar
    return (mark.file, scalar.document, scalar.path[:-1]) if scalar else ()
