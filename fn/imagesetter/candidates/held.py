"""Holds: a policy stays at a tag, or leaves one out, because a person decided so (`imagesetter.lock.holds`).

A hold at a tag is above the policy, which need not rank that tag. A tag that a hold excludes is gone before the
policy ranks the others, so that it neither stands for another tag (``filterTags.extract``) nor makes the policy fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from imagesetter.candidates.chain import YES, Candidate, PassedOver, Verdict, no
from imagesetter.candidates.situation import Situation
from imagesetter.errors import NothingSelected, ResolveError
from imagesetter.lock.holds import Hold, forbid, midnight
from imagesetter.policy.select import select


@dataclass(frozen=True, slots=True)
class Held:
    """The holds of a policy that are in force."""

    situation: Situation
    holds: tuple[Hold, ...] = field(init=False)

    name = "hold"
    asks_registry = False
    unmet = "is left by its holds"

    def __post_init__(self) -> None:
        now, policy = self.situation.now, self.situation.policy.name
        object.__setattr__(self, "holds", tuple(self.situation.lock.holds_of(policy, now)))

    @property
    def hint(self) -> str:
        """How to end a hold."""
        return f"imagesetter unhold {self.situation.policy.name}"

    @property
    def at(self) -> Hold | None:
        """The hold at a tag, if there is one."""
        return next((hold for hold in self.holds if hold.tag), None)

    def judge(self, candidate: Candidate) -> Verdict:
        """No for what a hold forbids."""
        broken = forbid([self.at] if self.at else self.holds, candidate.tag)
        return no(str(broken)) if broken else YES

    def tags(self) -> list[str]:
        """The tags that the holds leave: one where there is a hold at a tag.

        Raises:
            ResolveError: the tag at which the policy is held does not exist, or another hold forbids it.
            NothingSelected: all tags are excluded.
        """
        policy, listed = self.situation.policy, self.situation.scan.tags
        broken = forbid(self.holds, self.at.tag) if self.at else None
        if broken:
            raise ResolveError(f"{policy.name} is {self.at} and {broken}, which contradict each other", hint=self.hint)
        if self.at and self.at.tag not in listed:
            raise ResolveError(f"{policy.name} is {self.at}, and the registry has no such tag", hint=self.hint)
        if self.at:
            return [self.at.tag]
        excluded = {hold.exclude for hold in self.holds}
        left = [tag for tag in listed if tag not in excluded] if excluded else list(listed)
        if excluded and not left:
            raise NothingSelected(f"{policy.name} is {self.holds[0]}, and there is no other tag", hint=self.hint)
        return left

    def notes(self) -> Iterator[str]:
        """Each hold that has a say, with what the policy would choose without it, where that is another tag."""
        for hold in (self.at,) if self.at else self.holds:
            instead = self._instead(hold)
            yield f"{hold}; otherwise it would be {instead}" if instead else str(hold)

    def passed_over(self) -> Iterator[PassedOver]:
        """The tag that the policy would choose without its holds, if they forbid it."""
        for hold in (self.at,) if self.at else self.holds:
            if instead := self._instead(hold):
                until = midnight(hold.until) if hold.until else None
                yield PassedOver(instead, self.name, f"{hold}; otherwise it would be {instead}", until)

    def _instead(self, hold: Hold) -> str:
        try:
            chosen = select(self.situation.policy.tags, self.situation.scan.tags)
        except NothingSelected:
            return ""
        return "" if chosen == hold.tag or (hold.exclude and chosen != hold.exclude) else chosen
