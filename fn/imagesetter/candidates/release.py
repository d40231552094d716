"""Releases: the highest key that every policy of a release ranks, and that all rules of all of them allow.

A key is what the tags of a release have in common: a version, a tag, or a part of it. `agree` walks down the keys of
the first policy, and asks each policy about its tags with that key, until all of them say yes. It knows nothing of
files and registries: what asks them is in `imagesetter.selection.releases`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from imagesetter.candidates.chain import LIMIT, Decision, PassedOver
from imagesetter.flux.markers import PolicyName
from imagesetter.golang.semver.version import parse_tag
from imagesetter.lock.tag_age import Seen
from imagesetter.policy.filters import compile_filter
from imagesetter.policy.select import compile_policy
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from krm_functions.errors import InputError, ReportedError

RULE = "release"
"""What the explanation, the reports and the lock call it."""
_SHOWN = 10
"""Of how many better tags of one policy it is said why they were not taken."""

KeyOf = Callable[[str], str | None]
"""The key of a tag; None for a tag that has none."""


@dataclass(frozen=True, slots=True)
class Member:
    """A policy of a release: its tags by their key, both best first, and what its rules make of some tags.

    ``lists`` says whether its repository has a tag with a key, allowed or not.
    """

    name: PolicyName
    keys: Mapping[str, Sequence[str]]
    judge: Callable[[Sequence[str]], Decision]
    lists: Callable[[str], bool] = lambda key: False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which policy does not allow a key: by its rule, or, without one, since it does not rank such a tag."""

    member: Member
    by: PassedOver | None = None

    def why(self, key: str) -> str:
        """What follows the policy's name."""
        if self.by:
            return f": {self.by.reason}"
        return " does not allow it" if self.member.lists(key) else " does not have it"


@dataclass(slots=True)
class Agreement:
    """What came of it: the key, which is empty where there is none, and the tag of each policy."""

    key: str = ""
    decisions: dict[PolicyName, Decision] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    seen: dict[PolicyName, list[Seen]] = field(default_factory=dict)
    """What the lock shall remember of the tags of each policy, as in `Decision`."""
    failed: tuple[PolicyName, ReportedError] | None = None
    """Which policy's rules could not be decided, so that nothing is taken."""

    def passed_over(self, member: Member, first: Member) -> Iterator[PassedOver]:
        """Why the better tags of a policy were not taken, best first."""
        for shown, (key, tags) in enumerate(member.keys.items()):
            if key == self.key or shown == _SHOWN:
                return
            refusal = self.refused.get(key) or Refusal(first)
            policy = refusal.member.name
            if policy == member.name and refusal.by:
                yield refusal.by
                continue
            who = policy.name if policy.namespace == member.name.namespace else str(policy)
            why = f"{who}{refusal.why(key)}"
            if key in first.keys and key not in self.refused:
                why = f"{who} ranks {self.key} above it" if self.key else f"only the best {LIMIT} were looked at"
            yield PassedOver(tags[0], RULE, f"{tags[0]}: {why}", refusal.by.until if refusal.by else None)


def agree(members: Sequence[Member]) -> Agreement:
    """The best key of the first policy that all of them allow.

    Only keys that every policy has are asked about, and at most `LIMIT` of them.
    """
    found, asked = Agreement(), 0
    for key in members[0].keys:
        lacking = next((each for each in members if key not in each.keys), None)
        if lacking:
            found.refused[key] = Refusal(lacking)
            continue
        if asked == LIMIT:
            break
        asked += 1
        decisions: dict[PolicyName, Decision] = {}
        for each in members:
            try:
                decision = decisions[each.name] = each.judge(each.keys[key])
            except ReportedError as error:
                found.failed = each.name, error
                return found
            found.seen.setdefault(each.name, []).extend(decision.seen)
            if not decision.tag:
                found.refused[key] = Refusal(each, decision.passed_over[0])
                break
        else:
            found.key, found.decisions = key, decisions
            break
    return found


def by_key(ranked: Sequence[str], key_of: KeyOf) -> dict[str, list[str]]:
    """Tags by their key, in their order; those without one are left out."""
    found: dict[str, list[str]] = {}
    for tag in ranked:
        if key := key_of(tag):
            found.setdefault(key, []).append(tag)
    return found


def key_function(same: str, tags: TagPolicy) -> KeyOf:
    """What gives the key of a policy's tags.

    Args:
        same: ``version`` (of the text that the policy ranks, without build metadata), ``tag``, or ``extract NAME``.
        tags: the policy.

    Raises:
        PolicyError: a pattern does not compile.
    """
    if same == "tag":
        return lambda tag: tag
    if same == "version":
        compiled = compile_policy(tags)
        return lambda tag: _version(compiled.key(tag))
    group = same.removeprefix("extract ")
    pattern = tags.filter_tags.pattern if tags.filter_tags else ""
    return compile_filter(FilterTags(pattern, f"${{{group}}}")).key


def _version(text: str | None) -> str | None:
    try:
        version = parse_tag(text) if text else None
    except InputError:
        return None
    if version is None:
        return None
    numbers = f"{version.major}.{version.minor}.{version.patch}"
    return f"{numbers}-{version.prerelease}" if version.prerelease else numbers
