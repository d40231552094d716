"""What the rules about candidates know: one policy, its repository's tags, the lock, the time, and the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.tag_age import Seen
from imagesetter.registry.puller import Puller
from imagesetter.registry.scan import Scan

Unseen = Literal["accept", "wait", "refuse"]
"""What a tag counts as that nobody has seen, where a policy is not in the lock yet: old, new, or beyond telling."""


@dataclass(frozen=True, slots=True)
class HeldTag:
    """The tag that a policy holds, in the lock or in its fields, and since when (seconds since the epoch).

    ``digest`` is empty where it is not known. ``cut_off`` says that it may be longer: the history that is known begins
    at that time.
    """

    image: str
    tag: str
    digest: str
    since: float
    cut_off: bool = False


class HeldTagOf(Protocol):
    """What policies hold by the files and their history, where the lock does not say (`imagesetter.git.held_tags`)."""

    def __call__(self, policy: PolicyName, entry: LockEntry | None = None, lock: str = "") -> HeldTag | None:
        """What a policy holds by its fields, or by an entry of a lock without a time; None where that is not known.

        Raises:
            ReportedError: it is not clear.
        """


def nothing_held(policy: PolicyName, entry: LockEntry | None = None, lock: str = "") -> HeldTag | None:
    """For runs without files, or without a history."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that decides which candidate of a policy is taken.

    Args:
        policy: the policy, with its rules.
        scan: the tags of its repository.
        lock: its holds, what it locked, and what it has seen.
        now: the time, in seconds since the epoch.
        puller: sends requests about the policy's repository, with its credentials.
        unseen: see `Unseen`; ``refuse`` is for runs that write no lock.
        held: what policies hold where the lock does not say.
    """

    policy: ImagePolicy
    scan: Scan
    lock: Lock
    now: float
    puller: Puller
    unseen: Unseen = "refuse"
    held: HeldTagOf = nothing_held

    @property
    def entry(self) -> LockEntry | None:
        """What the policy is locked to; None where it is not in the lock, or was for another repository."""
        entry = self.lock.entries.get(self.policy.name)
        return entry if entry and entry.image == self.policy.image.written else None

    @property
    def seen(self) -> Iterable[Seen]:
        """What the lock has seen of the policy."""
        name = self.policy.name
        return (each for each in self.lock.seen if each.policy in (name, name.plain))

    @property
    def shared_sights(self) -> Mapping[tuple[str, str], str]:
        """Since when a ledger has seen the tags of the policy's repository with their digests (RFC 3339, UTC)."""
        return self.lock.ledger.get(self.policy.image.canonical, {})
