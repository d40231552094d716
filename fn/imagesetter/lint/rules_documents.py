"""Rules about files as such, and about the lock: what cannot be read cannot be kept up to date either."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from imagesetter.flux.markers import PolicyName
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import Subject
from imagesetter.lint.scanned_file import ScannedLock, SourcePosition
from imagesetter.lock.document import REMEDY, Lock, LockEntry
from krm_functions.errors import ReportedError


def unreadable_document(subject: Subject) -> Iterator[Problem]:
    """A file or document with markers or Flux resources that cannot be read."""
    for file in (*subject.files, *subject.named):
        for unread in file.unread:
            yield Problem(unread.spot, unread.message, unread.hint)


def broken_lock(subject: Subject) -> Iterator[Problem]:
    """A lock that cannot be used: a merge conflict, another version, a field that is missing, two that disagree."""
    for file in subject.files:
        if file.lock and file.lock.error:
            line = re.match(re.escape(file.name) + r":(\d+)", file.lock.error.where)
            yield Problem(
                SourcePosition(file.name, int(line[1]) if line else 1, 1), file.lock.error.what, file.lock.error.hint
            )
    first: dict[PolicyName, tuple[LockEntry, str]] = {}
    for read, lock in _locks(subject):
        for name, entry in lock.entries.items():
            other, where = first.setdefault(name, (entry, read.name))
            if not other.same_answer(entry):
                message = f"policy {name} is locked to {entry.ref} here, and to {other.ref} in {where}"
                yield Problem(read.spot(name), message, "keep one lock for the policy")


def stale_lock(subject: Subject) -> Iterator[Problem]:
    """A lock that does not answer for a policy as it is now, so that ``--from lock`` would refuse it."""
    locks = _locks(subject)
    for read, lock in locks:
        for name, entry in lock.entries.items():
            with contextlib.suppress(ReportedError):  # no such policy here, or incomplete-policy says so
                if subject.catalog.has_policy(name) and subject.catalog.inputs(name) != entry.inputs:
                    message = f"policy {name} has changed since it was locked to {entry.ref}"
                    yield Problem(read.spot(name), message, REMEDY)
    locked = {name for _, lock in locks for name in lock.entries}
    for mark in subject.fields if locks else ():
        if mark.marker and mark.marker.policy not in locked and subject.catalog.has_policy(mark.marker.policy):
            yield Problem(mark.spot, f"policy {mark.marker.policy} is not in the lock", REMEDY)


def _locks(subject: Subject) -> list[tuple[ScannedLock, Lock]]:
    """The locks that can be used, each with where it was read."""
    return [(file.lock, file.lock.lock) for file in subject.files if file.lock and file.lock.lock]
