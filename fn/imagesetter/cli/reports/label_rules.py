"""``automate --label-if LABEL=RULE``: labels that requests have as long as every change is small, or old, enough.

A robot may merge what has such a label, so what is not known does not count as small or old: a tag that is not a
version, a new repository, a step down, a tag that no lock records.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from imagesetter.cli.reports.delta import delta_of
from imagesetter.golang.duration import parse_age
from imagesetter.lock.document import Lock
from imagesetter.lock.tag_age import seconds_of
from imagesetter.policy.semver_delta import between
from imagesetter.registry.reference import parse_flux_image
from imagesetter.update.plan import Change
from krm_functions.errors import UsageError

STEPS = ("patch", "minor", "major")
_SMALL = ("prerelease", "build")


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A label, the biggest step at which a request has it (empty for any), and how old each tag has to be (seconds)."""

    label: str
    step: str
    age: float

    def holds(self, changes: Sequence[Change], lock: Lock | None, now: float) -> bool:
        """Whether all changes are small and old enough; false for no change."""
        return bool(changes) and all(self._allows(change, lock, now) for change in changes)

    def _allows(self, change: Change, lock: Lock | None, now: float) -> bool:
        if self.step:
            step = _step(change)
            if step not in STEPS or STEPS.index(step) > STEPS.index(self.step):
                return False
        return not self.age or known_age(change, lock, now) >= self.age


def _step(change: Change) -> str:
    """``patch``, ``minor`` or ``major``; empty if it is something else."""
    delta = delta_of(change)
    if delta.downgrade:
        return ""
    if delta.step == "digest":
        # The same version, built again. What `latest` points to may be anything.
        return "patch" if between(f"{change.ref.tag}-0", change.ref.tag).step == "prerelease" else ""
    return "patch" if delta.step in _SMALL else delta.step


def known_age(change: Change, lock: Lock | None, now: float) -> float:
    """For how many seconds the lock has recorded a change's tag, and digest if it has one; 0 if it has not."""
    if lock is None:
        return 0.0
    name, ref = change.field.marker.policy, change.ref
    entry = lock.entries.get(name) or lock.entries.get(name.plain)
    rows = [(each.tag, each.digest, each.since) for each in lock.seen if each.policy in (name, name.plain)]
    if entry:
        rows.append((entry.tag, entry.digest, entry.changed))
    shared = lock.ledger.get(parse_flux_image(ref.name).canonical, {}) if lock.ledger else {}
    rows += [(tag, digest, time) for (tag, digest), time in shared.items()]
    since = [seconds_of(time) for tag, digest, time in rows if tag == ref.tag and ref.digest in ("", digest)]
    return max((now - each for each in since), default=0.0)


def labels_by_rule(rules: Sequence[LabelRule], changes: Sequence[Change], lock: Lock | None) -> frozenset[str]:
    """The labels whose rules hold for the changes of a branch."""
    now = time.time()
    return frozenset(rule.label for rule in rules if rule.holds(changes, lock, now))


def parse_label_rule(text: str) -> LabelRule:
    """``LABEL=RULE[,RULE]``: a step and an age, or one of them.

    Raises:
        UsageError: it has another form.
    """
    label, equals, rules = text.rpartition("=")
    step, age = "", 0.0
    try:
        for rule in map(str.strip, rules.split(",")):
            if rule in STEPS and not step:
                step = rule
            elif age:
                raise ValueError
            else:
                age = parse_age(rule)
        if not equals or not label.strip() or not (step or age):
            raise ValueError
    except ValueError as error:
        hint = "write LABEL=STEP, LABEL=AGE or LABEL=STEP,AGE, such as automerge=patch or automerge=minor,3d"
        raise UsageError(f"{text!r} is not a rule for a label", where="--label-if", hint=hint) from error
    return LabelRule(label.strip(), step, age)
