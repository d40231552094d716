"""The linter: every rule over one subject, findings in the order of the files."""

from __future__ import annotations

from collections.abc import Iterable

from imagesetter.lint.finding import Finding, Rule
from imagesetter.lint.linted_tree import Subject
from imagesetter.lint.rules_documents import broken_lock, stale_lock, unreadable_document
from imagesetter.lint.rules_fields import disagreeing_policies, other_repository
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
from imagesetter.lint.rules_policies import (
    ambiguous_policy,
    incomplete_policy,
    invalid_automation,
    invalid_pattern,
    invalid_range,
    unknown_field,
    unused_policy,
)
from imagesetter.lint.rules_tags import (
    alphabetical_unpadded_numbers,
    mutable_tag,
    numerical_beyond_2_53,
    unanchored_pattern,
)
from imagesetter.update.read_tree import STDIN
from krm_functions.errors import UsageError
from krm_functions.suggestions import did_you_mean

RULES: tuple[Rule, ...] = (
    Rule("dangling-marker", "error", "A marker names a policy that is not there.", dangling_marker),
    Rule("text-after-json", "error", "A marker has text behind it, which disables it.", text_after_json),
    Rule("malformed-marker", "error", "A comment wants to be a marker and is none.", malformed_marker),
    Rule("two-markers", "error", "Two markers stand on one scalar.", two_markers),
    Rule("marker-above-key", "error", "A marker stands on its own line above a key.", marker_above_key),
    Rule("misplaced-marker", "error", "A marker stands where no scalar is.", misplaced_marker),
    Rule("commented-out-marker", "info", "A marker stands on a line that is commented out.", commented_out_marker),
    Rule(
        "digest-without-reflection",
        "error",
        "A :digest marker follows a policy that reflects no digest.",
        digest_without_reflection,
    ),
    Rule("unused-policy", "warning", "No field follows a policy.", unused_policy),
    Rule("incomplete-policy", "error", "A policy or its repository is incomplete or invalid.", incomplete_policy),
    Rule("ambiguous-policy", "error", "A policy or its repository is defined twice, differently.", ambiguous_policy),
    Rule("invalid-automation", "error", "An ImageUpdateAutomation is incomplete or invalid.", invalid_automation),
    Rule("invalid-range", "error", "A semver range cannot be read.", invalid_range),
    Rule("invalid-pattern", "error", "A pattern is no Go regular expression.", invalid_pattern),
    Rule("unanchored-pattern", "warning", "A pattern lets tags of signatures pass.", unanchored_pattern),
    Rule(
        "alphabetical-unpadded-numbers",
        "warning",
        "An alphabetical policy orders numbers of different lengths.",
        alphabetical_unpadded_numbers,
    ),
    Rule(
        "numerical-beyond-2-53",
        "warning",
        "A numerical policy orders numbers that float64 cannot tell apart.",
        numerical_beyond_2_53,
    ),
    Rule("mutable-tag", "warning", "A tag that moves is followed or held without a digest.", mutable_tag),
    Rule("disagreeing-policies", "warning", "Two fields of one image follow different policies.", disagreeing_policies),
    Rule("other-repository", "warning", "A field holds an image that its policy does not select.", other_repository),
    Rule("unknown-field", "warning", "A Flux resource has a field that its CRD does not have.", unknown_field),
    Rule("stale-lock", "error", "The lock does not answer for a policy as it is now.", stale_lock),
    Rule("broken-lock", "error", "The lock cannot be read.", broken_lock),
    Rule("unreadable-document", "error", "A document of ours cannot be read.", unreadable_document),
)
"""Every rule, in the order of the documentation."""


def choose_rules(disabled: Iterable[str]) -> tuple[Rule, ...]:
    """The rules without those that are switched off.

    Raises:
        UsageError: a name that no rule has.
    """
    names = [rule.name for rule in RULES]
    off = set(disabled)
    for name in sorted(off - set(names)):
        raise UsageError(
            f"there is no rule {name!r}{did_you_mean(name, names)}", hint=f"the rules are {', '.join(names)}"
        )
    return tuple(rule for rule in RULES if rule.name not in off)


def lint(subject: Subject, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """What the rules find, by file, line and column; each thing once, also where a stream repeats a file's policy."""
    found: dict[tuple[str, object], Finding] = {}
    for rule in rules:
        said: set[str] = set()
        for problem in rule.check(subject):
            if problem.spot.file == STDIN and problem.message in said:
                continue
            said.add(problem.message)
            found.setdefault((rule.name, (problem.spot, problem.message)), Finding(rule, problem))
    return sorted(found.values(), key=lambda finding: finding.problem.spot)
