"""The rules that a policy has beside its ranking, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a policy may choose from: the tags that its holds leave, and the rules to ask about them."""

    situation: Situation
    held: Held
    tags: Sequence[str]
    rules: Sequence[CandidateRule]
    order: NewestFirst | None
    ignored: tuple[str, ...]
    """The names of rules that cannot be asked here."""

    def ranked(self) -> Sequence[str]:
        """The tags that the policy allows, best first."""
        if self.held.at:
            return self.tags
        found = self.order.ranked if self.order else ranking(self.situation.policy.tags, self.tags)
        for rule in self.rules:
            found = rule.shortlist(found) if isinstance(rule, Follows) else found
        return found

    def judge(self, tags: Sequence[str]) -> Decision:
        """Which of some of these tags, best first, the rules allow; with what to report of it."""
        found = choose(tags, self.rules, self.situation.puller.digest)
        return _with_time(found, self.order) if self.order and found.tag else found


def candidates(situation: Situation) -> Candidates:
    """The candidates of a policy; the raised errors are those of `decide`."""
    held = Held(situation)
    tags = held.tags()
    rules = rules_of(situation)
    if held.at:  # a person chose the tag, so only its signature is checked
        rules = [rule for rule in rules if isinstance(rule, Signed)]
    ignored = () if situation.puller.online else tuple(rule.name for rule in rules if rule.asks_registry)
    rules = [rule for rule in rules if rule.name not in ignored]
    return Candidates(situation, held, tags, rules, _by_time(situation, tags, held=held.at is not None), ignored)


def decide(situation: Situation) -> Decision:
    """What a policy chooses, as far as its holds and its other rules let it.

    Raises:
        PolicyError: the policy chooses nothing of what holds leave.
        ResolveError: it is held at a tag that does not exist, or a rule cannot be decided.
        RegistryError: a rule needs an answer that the registry did not give.
    """
    found = candidates(situation)
    held, tags, rules, order = found.held, found.tags, found.rules, found.order
    notes = tuple(held.notes())
    notes += tuple(f"{name}: only the registry knows, so this rule is ignored here" for name in found.ignored)
    over = tuple(held.passed_over())
    if not (rules or order):
        chosen = held.at.tag if held.at else select(situation.policy.tags, tags)
        return Decision(chosen, passed_over=over, notes=notes)
    ranked, entry = found.ranked(), situation.entry
    locked = entry.tag if entry and entry.tag in tags else ""
    taken = choose(ranked, rules, situation.puller.digest, locked=locked)
    notes += (*(each.reason for each in taken.passed_over), *taken.notes)
    error = None if taken.tag else _none_allowed(situation, rules, taken.passed_over, all_seen=len(ranked) <= LIMIT)
    taken = replace(taken, passed_over=(*over, *taken.passed_over), notes=notes, error=error)
    return _with_time(taken, order) if order else taken


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
