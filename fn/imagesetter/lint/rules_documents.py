"""Rules about unreadable files and about the lock."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from imagesetter.flux.markers import PolicyName
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import ScannedLock, SourcePosition
from imagesetter.lock.document import REMEDY, Lock, LockEntry
from krm_functions.errors import ReportedError


def unreadable_document(tree: LintedTree) -> Iterator[Problem]:
    """A file or document with markers or Flux resources that cannot be read."""
    for file in (*tree.files, *tree.policy_files):
        for unreadable in file.unreadable:
            yield Problem(unreadable.position, unreadable.message, unreadable.hint)


def broken_lock(tree: LintedTree) -> Iterator[Problem]:
    """A lock that cannot be used: a merge conflict, another version, a field that is missing, two that disagree."""
    for file in tree.files:
        if file.lock and file.lock.error:
            line = re.match(re.escape(file.name) + r":(\d+)", file.lock.error.where)
            yield Problem(
                SourcePosition(file.name, int(line[1]) if line else 1, 1), file.lock.error.what, file.lock.error.hint
            )
    first: dict[PolicyName, tuple[LockEntry, str]] = {}
    for read, lock in _locks(tree):
        for name, entry in lock.entries.items():
            other, where = first.setdefault(name, (entry, read.name))
            if not other.same_answer(entry):
                message = f"policy {name} is locked to {entry.ref} here, and to {other.ref} in {where}"
                yield Problem(read.position(name), message, "keep the policy in one lock only")


def stale_lock(tree: LintedTree) -> Iterator[Problem]:
    """A lock that does not match a policy, so that ``--from lock`` refuses it."""
    locks = _locks(tree)
    for read, lock in locks:
        for name, entry in lock.entries.items():
            with contextlib.suppress(ReportedError):  # no such policy here, or incomplete-policy says so
                if tree.catalog.has_policy(name) and tree.catalog.inputs(name) != entry.inputs:
                    message = f"policy {name} has changed since it was locked to {entry.ref}"
                    yield Problem(read.position(name), message, REMEDY)
    locked = {name for _, lock in locks for name in lock.entries}
    for mark in tree.fields if locks else ():
        if mark.marker and mark.marker.policy not in locked and tree.catalog.has_policy(mark.marker.policy):
            yield Problem(mark.position, f"policy {mark.marker.policy} is not in the lock", REMEDY)


def _locks(tree: LintedTree) -> list[tuple[ScannedLock, Lock]]:
    """The locks that can be used, each with where it was read."""
    return [(file.lock, file.lock.lock) for file in tree.files if file.lock and file.lock.lock]
