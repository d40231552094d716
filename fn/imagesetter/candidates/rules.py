"""The rules that a policy has beside its ranking, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imagesetter.candidates.age import MinimumAge
from imagesetter.candidates.chain import CandidateRule, Decision, PassedOver, choose
from imagesetter.candidates.held import Held
from imagesetter.candidates.situation import Situation
from imagesetter.errors import ResolveError
from imagesetter.policy.select import ranking, select


def rules_of(situation: Situation, *, held: bool) -> list[CandidateRule]:
    """The rules that decide about a policy's candidates, in the order in which they are asked: cheap ones first.

    Args:
        situation: the policy and what is known of it.
        held: the policy is held at a tag, so a person chose that tag: rules that only ask to wait do not apply.
    """
    rules: list[CandidateRule] = []
    if situation.policy.minimum_age and not held:
        rules.append(MinimumAge(situation))
    return rules


def decide(situation: Situation) -> Decision:
    """What a policy chooses, as far as its holds and its other rules let it.

    Raises:
        PolicyError: the policy chooses nothing of what holds leave.
        ResolveError: it is held at a tag that is not there, or a rule cannot be decided.
        RegistryError: a rule needs an answer that the registry did not give.
    """
    held = Held(situation)
    tags, notes = held.tags(), tuple(held.notes())
    rules = rules_of(situation, held=held.at is not None)
    if not rules:
        return Decision(held.at.tag if held.at else select(situation.policy.tags, tags), notes=notes)
    ranked = tags if held.at else ranking(situation.policy.tags, tags)
    entry = situation.entry
    locked = entry.tag if entry and entry.tag in tags else ""
    found = choose(ranked, rules, situation.puller.digest, locked=locked)
    notes += (*(each.reason for each in found.passed_over), *found.notes)
    error = None if found.tag else _none_allowed(situation, rules, found.passed_over)
    return replace(found, notes=notes, error=error)


def _none_allowed(
    situation: Situation, rules: Sequence[CandidateRule], passed_over: Sequence[PassedOver]
) -> ResolveError:
    """Why no candidate is taken; in the words of one rule, where that one allowed none of them."""
    involved = [rule for rule in rules if any(each.rule == rule.name for each in passed_over)]
    rule = involved[-1]
    unmet = rule.unmet if len(involved) == 1 else f"passes its rules ({', '.join(each.name for each in involved)})"
    last = next(each for each in reversed(passed_over) if each.rule == rule.name)
    return ResolveError(f"no tag of {situation.policy.name} {unmet}; {last.reason}", hint=rule.hint)
