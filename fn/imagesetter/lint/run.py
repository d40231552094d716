"""The linter: every rule over one tree, findings in the order of the files."""

from __future__ import annotations

from collections.abc import Iterable

from imagesetter.lint.finding import Finding, LintRule
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.rules_choice import (
    alphabetical_hashes,
    build_metadata,
    invalid_extract,
    prerelease_order,
    selects_nothing,
    signature_tag,
)
from imagesetter.lint.rules_documents import broken_lock, stale_lock, stray_hold, unreadable_document
from imagesetter.lint.rules_fields import disagreeing_policies, other_repository, wrong_part
from imagesetter.lint.rules_files import nested_marker, sops_mac, unread_file
from imagesetter.lint.rules_kustomize import unfollowed_patch, unresolved_variable
from imagesetter.lint.rules_markers import (
    commented_out_marker,
    dangling_marker,
    digest_without_reflection,
    malformed_marker,
    marker_above_key,
    misplaced_marker,
    text_after_json,
    two_markers,
)
from imagesetter.lint.rules_platforms import unknown_platform
from imagesetter.lint.rules_policies import (
    ambiguous_policy,
    incomplete_policy,
    invalid_automation,
    invalid_pattern,
    invalid_range,
    unknown_field,
    unused_policy,
)
from imagesetter.lint.rules_practice import (
    open_range_in_production,
    push_without_review,
    removed_version,
    short_interval,
    untagged_image,
    unverified_policy,
)
from imagesetter.lint.rules_releases import invalid_release
from imagesetter.lint.rules_tags import (
    alphabetical_unpadded_numbers,
    mutable_tag,
    numerical_beyond_2_53,
    unanchored_pattern,
)
from imagesetter.update.read_tree import STDIN
from krm_functions.errors import UsageError
from krm_functions.suggestions import did_you_mean

RULES: tuple[LintRule, ...] = (
    LintRule("dangling-marker", "error", "A marker names an unknown policy.", dangling_marker),
    LintRule("text-after-json", "error", "Text after a marker disables it.", text_after_json),
    LintRule("malformed-marker", "error", "A comment looks like a marker but is not one.", malformed_marker),
    LintRule("two-markers", "error", "One value has two markers.", two_markers),
    LintRule("marker-above-key", "error", "A marker is on its own line above a key.", marker_above_key),
    LintRule("misplaced-marker", "error", "A marker does not belong to a value.", misplaced_marker),
    LintRule("wrong-part", "error", "A marker does not fit the text of its field.", wrong_part),
    LintRule("nested-marker", "warning", "A marker is inside the text of a value.", nested_marker),
    LintRule("unread-file", "warning", "A marker is in a file that is not read.", unread_file),
    LintRule("sops-mac", "warning", "A marked field is covered by the MAC of a SOPS file.", sops_mac),
    LintRule("commented-out-marker", "info", "A marker is on a commented-out line.", commented_out_marker),
    LintRule(
        "digest-without-reflection",
        "error",
        "A :digest marker follows a policy that does not reflect a digest.",
        digest_without_reflection,
    ),
    LintRule("unused-policy", "warning", "No field follows a policy.", unused_policy),
    LintRule("incomplete-policy", "error", "A policy or its repository is incomplete or invalid.", incomplete_policy),
    LintRule(
        "ambiguous-policy", "error", "A policy or its repository is defined twice, differently.", ambiguous_policy
    ),
    LintRule(
        "unresolved-variable", "warning", "A policy or marker has a variable without a value.", unresolved_variable
    ),
    LintRule("unfollowed-patch", "warning", "A patch of a policy cannot be followed.", unfollowed_patch),
    LintRule("invalid-automation", "error", "An ImageUpdateAutomation is incomplete or invalid.", invalid_automation),
    LintRule("invalid-release", "error", "A release is not valid, or can never move.", invalid_release),
    LintRule("invalid-range", "error", "A semver range is not valid.", invalid_range),
    LintRule("invalid-pattern", "error", "A pattern is not a Go regular expression.", invalid_pattern),
    LintRule("unanchored-pattern", "warning", "A pattern matches signature tags.", unanchored_pattern),
    LintRule(
        "alphabetical-unpadded-numbers",
        "warning",
        "An alphabetical policy compares numbers of different lengths.",
        alphabetical_unpadded_numbers,
    ),
    LintRule(
        "numerical-beyond-2-53",
        "warning",
        "A numerical policy compares numbers that are equal as float64.",
        numerical_beyond_2_53,
    ),
    LintRule("mutable-tag", "warning", "A moving tag is used without a digest.", mutable_tag),
    LintRule(
        "disagreeing-policies", "warning", "Two fields of one image follow different policies.", disagreeing_policies
    ),
    LintRule(
        "other-repository", "warning", "A field holds an image that its policy does not select.", other_repository
    ),
    LintRule("unknown-field", "warning", "A Flux resource has a field that its CRD does not have.", unknown_field),
    LintRule("removed-version", "warning", "An API version was removed from Flux.", removed_version),
    LintRule("invalid-extract", "error", "An extract names a group that the pattern does not have.", invalid_extract),
    LintRule("selects-nothing", "warning", "A filter and a range exclude each other.", selects_nothing),
    LintRule("build-metadata", "warning", "A semver policy ranks by build metadata.", build_metadata),
    LintRule("alphabetical-hashes", "warning", "An alphabetical policy compares hashes.", alphabetical_hashes),
    LintRule("prerelease-order", "warning", "Prereleases are compared as text.", prerelease_order),
    LintRule("signature-tag", "warning", "Flux may select the tag of a signature.", signature_tag),
    LintRule("untagged-image", "warning", "An image has no tag and follows no policy.", untagged_image),
    LintRule("short-interval", "warning", "A repository is scanned too often.", short_interval),
    LintRule(
        "open-range-in-production",
        "warning",
        "A range in production admits prereleases or every major version.",
        open_range_in_production,
    ),
    LintRule("unknown-platform", "warning", "A policy asks for a platform that does not exist.", unknown_platform),
    LintRule("unverified-policy", "warning", "Some policies accept signed images only, others any.", unverified_policy),
    LintRule("push-without-review", "info", "An automation pushes to the branch it checks out.", push_without_review),
    LintRule("stale-lock", "error", "The lock does not match a policy.", stale_lock),
    LintRule("stray-hold", "warning", "The lock holds a policy that does not exist.", stray_hold),
    LintRule("broken-lock", "error", "The lock cannot be read.", broken_lock),
    LintRule(
        "unreadable-document", "error", "A document with markers or policies cannot be read.", unreadable_document
    ),
)
"""Every rule, in the order of the documentation."""


def choose_rules(disabled: Iterable[str], *, where: str = "") -> tuple[LintRule, ...]:
    """The rules without those that are switched off; *where* is what names these.

    Raises:
        UsageError: a name that no rule has.
    """
    names = [rule.name for rule in RULES]
    off = set(disabled)
    for name in sorted(off - set(names)):
        what = f"unknown rule {name!r}{did_you_mean(name, names)}"
        raise UsageError(what, where=where, hint=f"rules: {', '.join(names)}")
    return tuple(rule for rule in RULES if rule.name not in off)


def lint(tree: LintedTree, rules: Iterable[LintRule] = RULES) -> list[Finding]:
    """What the rules find, by file, line and column; each thing once, also where a stream repeats a file's policy."""
    found: dict[tuple[str, object], Finding] = {}
    for rule in rules:
        reported: set[str] = set()
        for problem in rule.check(tree):
            if problem.position.file == STDIN and problem.message in reported:
                continue
            reported.add(problem.message)
            found.setdefault((rule.name, (problem.position, problem.message)), Finding(rule, problem))
    return sorted(found.values(), key=lambda finding: finding.problem.position)
