"""Follow and soak: a policy takes only the tag that another policy holds, after that has been so for some time.

``prod:web`` with ``imagesetter.dev/follows: staging:web`` and ``imagesetter.dev/soak: 48h`` takes what the entry of
``staging:web`` in the lock has held for 48 hours (its ``changed``), and keeps its own locked tag until then. The lock
as it was before the run decides, so that a tag which staging leaves in this very run has still soaked.

Where the lock does not have staging, its fields decide, and the time is that of the commit that changed them; where it
does not have production either, production keeps the tag of its own fields (`imagesetter.git.held_tags`).

Where both policies are for one repository, the tag must still point to what staging held, as far as that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from imagesetter.candidates.chain import YES, Candidate, Verdict, no, not_yet
from imagesetter.candidates.situation import HeldTag, Situation
from imagesetter.errors import ResolveError
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import LockEntry
from imagesetter.lock.tag_age import seconds_of, shown_age, timestamp

_SHOWN = 10
"""How many tags that rank above the one in question are judged, so that each has its reason."""


@dataclass(slots=True)
class Follows:
    """What the policy that this one follows holds."""

    situation: Situation
    leader: PolicyName
    _found: tuple[HeldTag, str] | None = field(default=None, init=False)

    name = "follows"
    asks_registry = False
    hint = "wait until it has been held for long enough, or shorten the soak time"

    @property
    def unmet(self) -> str:
        """That the other policy has held nothing of this one's for long enough."""
        return f"has been held by {self.leader} for long enough"

    def shortlist(self, ranked: Sequence[str]) -> list[str]:
        """Of a ranking, the tag in question, the next few above it, and the one that this policy holds."""
        wanted, own = self._held()
        end = ranked.index(wanted.tag) + 1 if wanted.tag in ranked else _SHOWN
        kept = list(ranked[max(0, end - 1 - _SHOWN) : end])
        return [*kept, own] if own in ranked[end:] else kept

    def judge(self, candidate: Candidate) -> Verdict:
        """Yes for the tag that this policy holds, and for the other one's, when that has soaked.

        Raises:
            ReportedError: it is not known what the other policy holds, and since when.
        """
        held, own = self._held()
        tag, policy = candidate.tag, self.situation.policy
        if own == tag:
            return YES
        if tag != held.tag:
            return no(f"{tag} is not what {self.leader} holds, which is {held.tag}")
        ripe = held.since + policy.soak
        if self.situation.now < ripe:
            reason = f"{self.leader} has not held {tag} for {shown_age(policy.soak)} until {timestamp(ripe)}"
            since = f"since {timestamp(held.since)}"
            if held.cut_off:
                since += " or longer: Git's history is cut off there, as in a shallow clone; fetch more of it"
            return not_yet(f"{reason} ({since})", ripe)
        same = held.image == policy.image.written and held.digest
        if same and candidate.digest and candidate.digest != held.digest:
            return no(f"{tag} points to {candidate.digest}, and {self.leader} holds {held.digest}")
        return YES

    def _held(self) -> tuple[HeldTag, str]:
        """What the other policy holds, and the tag that this one holds, which may be empty."""
        if self._found is None:
            self._found = self._leader(), self._own()
        return self._found

    def _own(self) -> str:
        if self.situation.entry:
            return self.situation.entry.tag
        try:
            held = self.situation.held(self.situation.policy.name)
        except ResolveError:  # its fields hold several tags, so it takes that of the other policy, when it may
            return ""
        return held.tag if held else ""

    def _leader(self) -> HeldTag:
        lock, policy = self.situation.lock, self.situation.policy
        entries = [entry for name, entry in lock.entries.items() if name.plain == self.leader]
        if len(entries) == 1:
            return self._locked(entries[0])
        what, hint = "which is locked for several folders", "name a policy that is in the lock once"
        if not entries:
            if held := self.situation.held(self.leader):
                return held
            what, hint = "which is not in the lock", "run `imagesetter lock`, which locks it first"
        raise ResolveError(f"{policy.name} follows {self.leader}, {what}", where=policy.origin, hint=hint)

    def _locked(self, entry: LockEntry) -> HeldTag:
        try:
            return HeldTag(entry.image, entry.tag, entry.digest, seconds_of(entry.changed))
        except ValueError as error:
            origin = self.situation.lock.origin
            if held := self.situation.held(self.leader, entry, origin):
                return held
            raise ResolveError(
                f"the lock does not say since when {self.leader} has held {entry.tag}",
                where=origin,
                hint="take its entry out of the lock, and run `imagesetter lock`",
            ) from error
