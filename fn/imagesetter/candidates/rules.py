"""The rules that a policy has beside its ranking, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imagesetter.candidates.age import MinimumAge
from imagesetter.candidates.chain import LIMIT, CandidateRule, Decision, PassedOver, choose
from imagesetter.candidates.follows import Follows
from imagesetter.candidates.held import Held
from imagesetter.candidates.newest import NewestFirst, known_times, newest_first
from imagesetter.candidates.platforms import Platforms
from imagesetter.candidates.situation import Situation
from imagesetter.candidates.verified import Signed
from imagesetter.errors import ResolveError
from imagesetter.policy.select import ranking, select


def rules_of(situation: Situation) -> list[CandidateRule]:
    """The rules that a policy has, in the order in which they are asked: cheap ones first."""
    policy = situation.policy
    rules: list[CandidateRule] = []
    if policy.follows:
        rules.append(Follows(situation, policy.follows))
    if policy.minimum_age:
        rules.append(MinimumAge(situation))
    if policy.platforms:
        rules.append(Platforms(situation))
    if policy.verification:
        rules.append(Signed(situation, policy.verification))
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
    rules = rules_of(situation)
    if held.at:  # a person chose the tag, and nobody can know who may push to it
        rules = [rule for rule in rules if isinstance(rule, Signed)]
    if not situation.puller.online:
        unknown = [rule.name for rule in rules if rule.asks_registry]
        rules = [rule for rule in rules if not rule.asks_registry]
        notes += tuple(f"{name}: only the registry knows, so this rule is ignored here" for name in unknown)
    over = tuple(held.passed_over())
    order = _by_time(situation, tags, held=held.at is not None)
    if not (rules or order):
        chosen = held.at.tag if held.at else select(situation.policy.tags, tags)
        return Decision(chosen, passed_over=over, notes=notes)
    ranked: Sequence[str] = tags if held.at else order.ranked if order else ranking(situation.policy.tags, tags)
    for rule in rules:
        ranked = rule.shortlist(ranked) if isinstance(rule, Follows) else ranked
    entry = situation.entry
    locked = entry.tag if entry and entry.tag in tags else ""
    found = choose(ranked, rules, situation.puller.digest, locked=locked)
    notes += (*(each.reason for each in found.passed_over), *found.notes)
    error = None if found.tag else _none_allowed(situation, rules, found.passed_over, all_seen=len(ranked) <= LIMIT)
    found = replace(found, passed_over=(*over, *found.passed_over), notes=notes, error=error)
    return _with_time(found, order) if order else found


def _by_time(situation: Situation, tags: Sequence[str], *, held: bool) -> NewestFirst | None:
    policy = situation.policy
    if not policy.newest:
        return None
    if held:
        return known_times(situation)
    return newest_first(situation, ranking(policy.tags, situation.scan.tags), ranking(policy.tags, tags))


def _with_time(found: Decision, order: NewestFirst) -> Decision:
    why = (order.why(found.tag),) if found.tag in order.times else ()
    seen = (*order.seen, *found.seen)
    return replace(found, notes=(*found.notes, *order.notes, *why), seen=seen, newest=order.recorded(found.tag))


def _none_allowed(
    situation: Situation, rules: Sequence[CandidateRule], passed_over: Sequence[PassedOver], *, all_seen: bool
) -> ResolveError:
    """Why no candidate is taken; in the words of one rule, where that one allowed none of them."""
    involved = [rule for rule in rules if any(each.rule == rule.name for each in passed_over)]
    rule = involved[-1]
    unmet = rule.unmet if len(involved) == 1 else f"passes its rules ({', '.join(each.name for each in involved)})"
    last = next(each for each in reversed(passed_over) if each.rule == rule.name)
    tags = "no tag" if all_seen else f"none of the {LIMIT} best tags"
    return ResolveError(f"{tags} of {situation.policy.name} {unmet}; {last.reason}", hint=rule.hint)
