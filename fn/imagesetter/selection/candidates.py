"""Which tag is taken: the policy's choice, as far as holds and its minimum age let it.

Both fall back to the policy's next-best tag, never to one that it would not choose (a hold at a tag is a person's word,
and stands above the policy). Ages are counted by `imagesetter.lock.tag_age`; how each tag came to be chosen is told in
notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from imagesetter.errors import NothingSelected, ResolveError
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.holds import Hold, notices
from imagesetter.lock.tag_age import Seen, shown_age, timestamp
from imagesetter.policy.select import compare, ranking, select
from imagesetter.registry.scan import Scan
from imagesetter.selection.registry_source import DigestOf
from imagesetter.selection.sources import Failed, Resolution, Resolved

LIMIT = 50
"""How many candidates are looked at before the locked tag is kept; the digest of each unknown one is a request."""

Unseen = Literal["accept", "wait", "refuse"]
"""What a tag counts as that nobody has seen, where a policy is not in the lock yet: old, new, or beyond telling."""


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses among the tags of a scan.

    Args:
        lock: its holds, what it locked, and what it has seen.
        now: the time, in seconds since the epoch.
        unseen: see `Unseen`; ``refuse`` is for runs that write no lock.
    """

    lock: Lock
    now: float
    unseen: Unseen = "refuse"

    def __call__(self, policy: ImagePolicy, scan: Scan, digest_of: DigestOf) -> Resolution:
        """The answer to a policy.

        Raises:
            PolicyError: the policy chooses nothing of what holds leave.
            ResolveError: it is held at a tag that is not there, or its ages cannot be known.
        """
        answer = self._chosen(policy, scan, digest_of)
        over = notices(self.lock.holds, policy.name, self.now)
        return answer._replace(notes=(*answer.notes, *over)) if isinstance(answer, Resolved) else answer

    def _chosen(self, policy: ImagePolicy, scan: Scan, digest_of: DigestOf) -> Resolution:
        holds = self.lock.holds_of(policy.name, self.now)
        held = next((hold for hold in holds if hold.tag), None)
        if held:
            return self._held(policy, scan, held)
        excluded = {hold.exclude for hold in holds}
        tags = [tag for tag in scan.tags if tag not in excluded]
        if excluded and not tags:
            raise NothingSelected(
                f"{policy.name} is {holds[0]}, and there is no other tag", hint=f"imagesetter unhold {policy.name}"
            )
        notes = [f"{hold}{_instead(policy, scan, hold)}" for hold in holds]
        if policy.minimum_age:
            return self._aged(policy, scan, tags, digest_of, notes)
        return _resolved(policy, scan, select(policy.tags, tags), notes)

    def _held(self, policy: ImagePolicy, scan: Scan, hold: Hold) -> Resolution:
        if hold.tag not in scan.tags:
            raise ResolveError(
                f"{policy.name} is {hold}, and the registry has no such tag",
                hint=f"imagesetter unhold {policy.name}",
            )
        return _resolved(policy, scan, hold.tag, [f"{hold}{_instead(policy, scan, hold)}"])

    def _aged(
        self, policy: ImagePolicy, scan: Scan, tags: Sequence[str], digest_of: DigestOf, notes: list[str]
    ) -> Resolution:
        """The best tag that is old enough; the locked one always is, and so is everything below it."""
        entry = self.lock.entries.get(policy.name)
        entry = entry if entry and entry.image == policy.image.written else None
        ages = _Ages(self, policy, scan, digest_of, entry)
        young: list[Seen] = []
        for tag in ranking(policy.tags, tags)[:LIMIT]:
            if entry and tag == entry.tag:
                return self._locked(ages, entry, young, notes)
            if entry and (compare(policy.tags, tag, entry.tag) or 0) <= 0:
                return _resolved(policy, scan, tag, notes, young)
            note, sight = ages.too_young(tag)
            if not note:
                return _resolved(policy, scan, tag, notes, young)
            notes.append(note)
            young += [sight] if sight else []
        if entry and entry.tag in tags:
            return self._locked(ages, entry, young, notes)
        waiting = ResolveError(
            f"no tag of {policy.name} is {shown_age(policy.minimum_age)} old yet; {notes[-1] if notes else ''}",
            hint="wait, or lower the minimum age",
        )
        return Failed(waiting, tuple(young))

    def _locked(self, ages: _Ages, entry: LockEntry, young: list[Seen], notes: list[str]) -> Resolution:
        """The locked tag; where it is meant to move, what it moved to has to grow old as well."""
        policy, scan = ages.policy, ages.scan
        if policy.reflection == "Always" and ages.digest_of(entry.tag) != entry.digest:
            note, sight = ages.too_young(entry.tag)
            if note:
                young += [sight] if sight else []
                return _resolved(policy, scan, entry.tag, [*notes, note], young, digest=entry.digest)
        return _resolved(policy, scan, entry.tag, notes, young)


@dataclass(frozen=True, slots=True)
class _Ages:
    """How old the tags of one policy are."""

    chooser: Chooser
    policy: ImagePolicy
    scan: Scan
    digest_of: DigestOf
    entry: LockEntry | None
    known: dict[str, Seen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = (self.policy.name, self.policy.name.plain)
        self.known.update({seen.tag: seen for seen in self.chooser.lock.seen if seen.policy in names})

    def too_young(self, tag: str) -> tuple[str, Seen | None]:
        """Why a tag is too young, empty if it is not; and since when it has been seen, where that is to be kept.

        Raises:
            ResolveError: its age cannot be known in this run.
        """
        uploaded = self.scan.uploaded.get(tag)
        if uploaded is not None:
            return self._note(tag, uploaded, "uploaded on {} according to the registry"), None
        sight = self.known.get(tag)
        if sight is None and self.entry is None and not self.known:
            if self.chooser.unseen == "accept":
                return "", None
            if self.chooser.unseen == "refuse":
                raise ResolveError(
                    f"{self.policy.name} requires tags that are {shown_age(self.policy.minimum_age)} old, and only a "
                    "lock records when a tag was first seen",
                    where=self.policy.origin,
                    hint="run `imagesetter lock`, and apply it with --from lock",
                )
        if sight is None or (not self._young(sight.time) and sight.digest != self.digest_of(tag)):
            sight = Seen(self.policy.name, tag, self.digest_of(tag), timestamp(self.chooser.now))
        note = self._note(tag, sight.time, "first seen on {}")
        return note, sight if note else None

    def _young(self, born: float) -> bool:
        return self.chooser.now - born < self.policy.minimum_age

    def _note(self, tag: str, born: float, words: str) -> str:
        if not self._young(born):
            return ""
        age, ripe = shown_age(self.policy.minimum_age), timestamp(born + self.policy.minimum_age)
        return f"{tag} is not {age} old until {ripe} ({words.format(timestamp(born))})"


def _resolved(
    policy: ImagePolicy,
    scan: Scan,
    tag: str,
    notes: Sequence[str],
    young: Sequence[Seen] = (),
    *,
    digest: str = "",
) -> Resolved:
    ref = LatestRef(policy.image.written, tag, digest)
    return Resolved(ref, tuple(scan.warnings), len(scan.tags), tuple(notes), tuple(young))


def _instead(policy: ImagePolicy, scan: Scan, hold: Hold) -> str:
    """What the policy would choose without the hold, where that is another tag."""
    try:
        chosen = select(policy.tags, scan.tags)
    except NothingSelected:
        return ""
    if chosen == hold.tag or (hold.exclude and chosen != hold.exclude):
        return ""
    return f"; otherwise it would be {chosen}"
