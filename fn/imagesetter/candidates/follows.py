"""Follow and soak: a policy takes only the tag that another policy is locked to, after that has been so for some time.

``prod:web`` with ``imagesetter.dev/follows: staging:web`` and ``imagesetter.dev/soak: 48h`` takes what the entry of
``staging:web`` in the lock has held for 48 hours (its ``changed``), and keeps its own locked tag until then. The lock
as it was before the run decides, so that a tag which staging leaves in this very run has still soaked.

Where both policies are for one repository, the tag must still point to what staging was locked to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagesetter.candidates.chain import YES, Candidate, Verdict, no, not_yet
from imagesetter.candidates.situation import Situation
from imagesetter.errors import ResolveError
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import LockEntry
from imagesetter.lock.tag_age import seconds_of, shown_age, timestamp

_SHOWN = 10
"""How many tags that rank above the one in question are judged, so that each has its reason."""


@dataclass(frozen=True, slots=True)
class Follows:
    """What the policy that this one follows is locked to."""

    situation: Situation
    leader: PolicyName

    name = "follows"
    asks_registry = False
    hint = "wait until it has been locked for long enough, or shorten the soak time"

    @property
    def unmet(self) -> str:
        """That the other policy has held nothing of this one's for long enough."""
        return f"has been held by {self.leader} for long enough"

    def shortlist(self, ranked: Sequence[str]) -> list[str]:
        """Of a ranking, the tag in question, the next few above it, and the one that this policy is locked to."""
        wanted, own = self._entry().tag, self.situation.entry
        end = ranked.index(wanted) + 1 if wanted in ranked else _SHOWN
        kept = list(ranked[max(0, end - 1 - _SHOWN) : end])
        return [*kept, own.tag] if own and own.tag in ranked[end:] else kept

    def judge(self, candidate: Candidate) -> Verdict:
        """Yes for the tag that this policy is locked to, and for the other one's, when that has soaked.

        Raises:
            ResolveError: the other policy is not in the lock, or is there for several folders.
        """
        own, leader, tag = self.situation.entry, self._entry(), candidate.tag
        if own and own.tag == tag:
            return YES
        if tag != leader.tag:
            return no(f"{tag} is not what {self.leader} is locked to, which is {leader.tag}")
        begun = self._begun(leader)
        if self.situation.now < begun + self.situation.policy.soak:
            ripe = begun + self.situation.policy.soak
            soak = shown_age(self.situation.policy.soak)
            reason = f"{self.leader} has not held {tag} for {soak} until {timestamp(ripe)} (since {timestamp(begun)})"
            return not_yet(reason, ripe)
        same = leader.image == self.situation.policy.image.written
        if same and candidate.digest and candidate.digest != leader.digest:
            return no(f"{tag} points to {candidate.digest}, and {self.leader} was locked to {leader.digest}")
        return YES

    def _begun(self, leader: LockEntry) -> float:
        try:
            return seconds_of(leader.changed)
        except ValueError as error:
            raise ResolveError(
                f"the lock does not say since when {self.leader} has held {leader.tag}",
                where=self.situation.lock.origin,
                hint="take its entry out of the lock, and run `imagesetter lock`",
            ) from error

    def _entry(self) -> LockEntry:
        entries = [entry for name, entry in self.situation.lock.entries.items() if name.plain == self.leader]
        if len(entries) == 1:
            return entries[0]
        what, hint = f"{self.leader}, which is not in the lock", "run `imagesetter lock`, which locks it first"
        if entries:
            what, hint = f"{self.leader}, which is locked for several folders", "name a policy that is in the lock once"
        policy = self.situation.policy
        raise ResolveError(f"{policy.name} follows {what}", where=policy.origin, hint=hint)
