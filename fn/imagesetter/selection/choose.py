"""Which tag is taken: the policy's choice, as far as its holds and rules let it (`imagesetter.candidates`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.lock.document import Lock
from imagesetter.lock.holds import notices
from imagesetter.registry.puller import Puller
from imagesetter.registry.scan import Scan
from imagesetter.selection.registry_source import by_policy
from imagesetter.selection.sources import Failed, Resolution, Resolved

if TYPE_CHECKING:
    from imagesetter.candidates.situation import HeldTagOf, Situation, Unseen


class Chooser:
    """Chooses among the tags of a scan.

    Args:
        lock: its holds, what it locked, and what it has seen.
        now: the time, in seconds since the epoch.
        unseen: see `Unseen`; ``refuse`` is for runs that write no lock.
        held: what policies hold by the history of the files, where the lock does not say (`imagesetter.candidates`).
    """

    def __init__(self, lock: Lock, now: float, unseen: Unseen = "refuse", held: HeldTagOf | None = None) -> None:
        self._lock = lock
        self._now = now
        self._unseen = unseen
        self._held = held

    def __call__(self, policy: ImagePolicy, scan: Scan, puller: Puller) -> Resolution:
        """The answer to a policy; the raised errors are those of `imagesetter.candidates.rules.decide`."""
        over = notices(self._lock.holds, policy.name, self._now)
        if not (policy.has_rules or self._lock.holds_of(policy.name, self._now)):
            plain = by_policy(policy, scan, puller)
            return plain._replace(notes=(*plain.notes, *over)) if over and isinstance(plain, Resolved) else plain
        # Most runs have no rule, and need not import them.
        from imagesetter.candidates.rules import decide

        decision = decide(self.situation(policy, scan, puller))
        if decision.error:
            return Failed(decision.error, decision.seen, decision.passed_over)
        return Resolved(
            LatestRef(policy.image.written, decision.tag, decision.digest),
            (*scan.warnings, *over),
            len(scan.tags),
            decision.notes,
            decision.seen,
            judged=decision.known_digest,
            passed_over=decision.passed_over,
            rules=decision.rules,
            signed_by=decision.signed_by,
            newest=decision.newest,
        )

    def situation(self, policy: ImagePolicy, scan: Scan, puller: Puller) -> Situation:
        """What decides about a policy, for its rules and its release."""
        from imagesetter.candidates.situation import Situation, nothing_held

        return Situation(policy, scan, self._lock, self._now, puller, self._unseen, self._held or nothing_held)
