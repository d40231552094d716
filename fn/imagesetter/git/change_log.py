"""When the image fields and lock entries of a checkout changed, in which commit, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from imagesetter.flux.markers import PolicyName
from imagesetter.git.branch_history import BranchCommit
from imagesetter.git.history import EntryKey, History, ValueKey
from imagesetter.lock.document import Lock


@dataclass(frozen=True, slots=True)
class FollowedValue:
    """A field or an entry: the policy that it follows, its file from the top of the repository, its field's path."""

    policy: PolicyName
    path: str
    field: str
    key: ValueKey


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """A change of a value: the commit that made it, and what the lock says of why."""

    value: FollowedValue
    commit: BranchCommit
    old: str
    new: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryMove:
    """A change of an entry of a lock: the image before and after, and the commit of the branch that made it."""

    commit: BranchCommit
    old: str
    new: str


def entry_moves(history: History, path: str, since: float) -> Iterator[tuple[PolicyName, EntryMove]]:
    """The changes of all entries of a lock since a time, newest first; entries that came or went do not count.

    It reads each version of the lock once, and none that is older.

    Args:
        history: of the branch.
        path: the lock's, from the top of the repository; empty for a file without a history.
        since: in seconds since the epoch.

    Raises:
        GitError: git fails.
    """
    for commit, before, after in history.versions_since(path, since):
        for key, new in after.values.items():
            old = before.values.get(key)
            if isinstance(key, EntryKey) and old not in (None, new):
                yield key.policy, EntryMove(commit, str(old), new)


def change_log(
    history: History, values: Iterable[FollowedValue], locks: Sequence[str], limit: int
) -> list[LoggedChange]:
    """The newest changes of some values, newest first.

    Args:
        history: of the branch.
        values: what to look at.
        locks: the paths of the locks.
        limit: how many changes.

    Raises:
        GitError: git fails.
    """
    found: list[LoggedChange] = []
    for value in values:
        for change in islice(history.changes(value.path, value.key), limit):
            maker = history.maker(value.path, value.key, change)
            reasons = tuple(dict.fromkeys(_reasons(history, locks, change.commit, value.policy)))
            found.append(LoggedChange(value, maker, change.old, change.new, reasons))
    found.sort(key=lambda each: (str(each.value.policy), each.value.path))
    found.sort(key=lambda each: each.commit.time, reverse=True)
    return found[:limit]


def _reasons(history: History, locks: Iterable[str], commit: BranchCommit, policy: PolicyName) -> Iterator[str]:
    """What the locks of a commit say of a policy: holds, that it went back or changed, and how old its tag is."""
    for path in locks:
        before, after = history.lock_change(path, commit)
        entry = after.entries.get(policy) if after else None
        old = before.entries.get(policy) if before else None
        if after:
            yield from (str(hold) for hold in after.holds if hold.policy == policy)
        if entry and old and entry != old:
            if entry.inputs != old.inputs:
                yield "the policy changed"
            if entry.replaces and entry.replaces == old.tag:
                yield f"went back from {old.tag} on purpose"
        if entry and before:
            yield from _ages(before, policy, entry.tag)


def _ages(before: Lock, policy: PolicyName, tag: str) -> Iterator[str]:
    for seen in before.seen:
        if (seen.policy, seen.tag) == (policy, tag):
            yield f"first seen on {seen.since}"
