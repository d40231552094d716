"""Minimum age: a tag is taken once it is old enough by our own clock (`imagesetter.lock.tag_age`).

A tag is as old as the earliest sight of it with its present digest, in the lock or in a ledger that locks share. A time
that is still to come, from a clock that was wrong, counts as now.

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
    known: bool = field(init=False)
    """Whether the lock has seen tags of this policy."""
    sights: dict[str, list[Seen]] = field(init=False)
    """What the lock and the ledger have seen, by tag."""

    name = "minimum-age"
    asks_registry = False
    hint = "wait, or lower the minimum age"

    def __post_init__(self) -> None:
        name, seen = self.situation.policy.name, list(self.situation.seen)
        object.__setattr__(self, "known", bool(seen))
        shared = self.situation.shared_sights.items()
        seen += [Seen(name, tag, digest, since) for (tag, digest), since in shared if digest]
        sights: dict[str, list[Seen]] = {}
        now = timestamp(self.situation.now)
        for each in seen:
            sights.setdefault(each.tag, []).append(each._replace(since=min(each.since, now)))
        object.__setattr__(self, "sights", sights)

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
        sights = self.sights.get(tag, [])
        if not (sights or self.known or self.situation.entry):
            if self.situation.unseen == "accept":
                return YES
            if self.situation.unseen == "refuse":
                raise ResolveError(
                    f"{self.situation.policy.name} requires tags that are {self._age} old, and only a lock records "
                    "when a tag was first seen",
                    where=self.situation.policy.origin,
                    hint="run `imagesetter lock`, and apply it with --from lock",
                )
        sight = min(sights, key=lambda each: each.since, default=None)
        if sight is None or not self._is_young(sight.time):
            same = [each for each in sights if each.digest in ("", candidate.digest)]
            unseen = Seen(self.situation.policy.name, tag, candidate.digest, timestamp(self.situation.now))
            sight = min(same, key=lambda each: each.since, default=unseen)
        elif not sight.digest:
            sight = sight._replace(digest=candidate.digest)
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
