"""Minimum age: a tag is taken once it is old enough by our own clock (`imagesetter.lock.tag_age`).

The tag in the lock is old enough, and so is every tag that the policy ranks below it. Where that tag is meant to move
(``digestReflectionPolicy: Always``), what it moved to has to grow old as well, and its locked digest stays until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from imagesetter.candidates.chain import YES, Candidate, Verdict, not_yet
from imagesetter.candidates.situation import Situation
from imagesetter.errors import ResolveError
from imagesetter.lock.document import LockEntry
from imagesetter.lock.tag_age import Seen, shown_age, timestamp
from imagesetter.policy.select import compare


@dataclass(frozen=True, slots=True)
class MinimumAge:
    """How old the tags of one policy are."""

    situation: Situation
    known: dict[str, Seen] = field(init=False)

    name = "minimum-age"
    asks_registry = False
    hint = "wait, or lower the minimum age"

    def __post_init__(self) -> None:
        name = self.situation.policy.name
        seen = {each.tag: each for each in self.situation.lock.seen if each.policy in (name, name.plain)}
        object.__setattr__(self, "known", seen)

    @property
    def unmet(self) -> str:
        """That nothing is old enough."""
        return f"is {self._age} old yet"

    def judge(self, candidate: Candidate) -> Verdict:
        """Not yet for what is too young.

        Raises:
            ResolveError: its age cannot be known in this run.
        """
        entry, policy = self.situation.entry, self.situation.policy
        if entry and candidate.tag == entry.tag:
            return self._locked(candidate, entry)
        if entry and not policy.newest and (compare(policy.tags, candidate.tag, entry.tag) or 0) <= 0:
            return YES
        return self._by_age(candidate)

    def _locked(self, candidate: Candidate, entry: LockEntry) -> Verdict:
        if self.situation.policy.reflection != "Always" or candidate.digest == entry.digest:
            return YES
        young = self._by_age(candidate)
        return YES if young.allowed else Verdict(True, young.reason, digest=entry.digest, seen=young.seen)

    def _by_age(self, candidate: Candidate) -> Verdict:
        tag = candidate.tag
        uploaded = self.situation.scan.uploaded.get(tag)
        if uploaded is not None:
            return self._verdict(tag, uploaded, "uploaded on {} according to the registry")
        sight = self.known.get(tag)
        if sight is None and self.situation.entry is None and not self.known:
            if self.situation.unseen == "accept":
                return YES
            if self.situation.unseen == "refuse":
                raise ResolveError(
                    f"{self.situation.policy.name} requires tags that are {self._age} old, and only a lock records "
                    "when a tag was first seen",
                    where=self.situation.policy.origin,
                    hint="run `imagesetter lock`, and apply it with --from lock",
                )
        if sight and not sight.digest:
            sight = sight._replace(digest=candidate.digest)
        if sight is None or (not self._is_young(sight.time) and sight.digest != candidate.digest):
            sight = Seen(self.situation.policy.name, tag, candidate.digest, timestamp(self.situation.now))
        return self._verdict(tag, sight.time, "first seen on {}", sight)

    @property
    def _age(self) -> str:
        return shown_age(self.situation.policy.minimum_age)

    def _is_young(self, born: float) -> bool:
        return self.situation.now - born < self.situation.policy.minimum_age

    def _verdict(self, tag: str, born: float, words: str, sight: Seen | None = None) -> Verdict:
        if not self._is_young(born):
            return YES
        ripe = born + self.situation.policy.minimum_age
        reason = f"{tag} is not {self._age} old until {timestamp(ripe)} ({words.format(timestamp(born))})"
        return not_yet(reason, ripe, sight)
