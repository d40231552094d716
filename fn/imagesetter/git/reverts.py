"""A field, or an entry of a lock, that somebody set back stays where it is, until somebody releases it.

Somebody is everybody but the automation: `git revert`, an edit, a merge of either. It is read from the history of the
field itself (`imagesetter.git.history`): since the automation's last change of the field, a commit took it from a tag
that the policy allows and ranks above the present one; where the policy cannot rank the two (a digest, another name),
to a text that it had before. A history that was rewritten says what it says: where a commit was reset away, or squashed
together with its revert, nothing was set back.

Two decisions of people end that, and both are in the lock: ``spec.released`` (`imagesetter unhold`), and a hold that
asks for this very step, as a rollback adds it: then the hold decides, and when it is removed or expires the policy goes
on. The lock of the working tree counts, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from imagesetter.errors import FieldError, GitError
from imagesetter.fields.field import MarkedField
from imagesetter.fields.report import report
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.git.branch_history import BranchCommit
from imagesetter.git.history import FieldKey, History, ValueChange, ValueKey, field_keys, path_below
from imagesetter.lock.document import FILE_NAME, Lock
from imagesetter.lock.holds import in_force, wants_downgrade
from imagesetter.update.files import marked_fields
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree
from krm_functions.errors import ReportedError
from krm_functions.messages import one_line
from krm_functions.result import Result

if TYPE_CHECKING:
    from imagesetter.git.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Revert:
    """Who set a field back, in which commit, and from which text or tag to which."""

    who: str
    commit: BranchCommit
    old: str
    new: str

    def __str__(self) -> str:
        day = f"{datetime.fromtimestamp(self.commit.time, UTC):%Y-%m-%d}"
        return f"{one_line(self.who)} set it back from {self.old} on {day} ({self.commit.hash[:7]})"


TagOf = Callable[[str], str]
"""The tag in a text that a field had; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Reverts:
    """Finds who set fields back.

    Args:
        history: of the branch.
        rules: rank tags.
        authors: the addresses of the automation, whose commits do not count.
        locks: finds the locks that count for a policy's field in a file; paths from the top of the repository.
    """

    history: History
    rules: PolicyRules
    authors: frozenset[str]
    locks: Callable[[PolicyName, str], Iterable[str]]

    def find(self, path: str, key: ValueKey, policy: PolicyName, tag_of: TagOf, present: str) -> Revert | None:
        """Who set a value back, if nobody has released it since.

        Args:
            path: of its file.
            key: a field, or an entry of a lock.
            policy: that it follows.
            tag_of: reads its tag.
            present: its text in the working tree; if it differs from the last commit's, nobody has set it back yet.

        Raises:
            GitError: git fails.
        """
        if next(self.history.texts(path, key), present) != present:
            return None
        steps: list[tuple[ValueChange, BranchCommit]] = []
        for change in self.history.changes(path, key):
            maker = self.history.maker(path, key, change)
            if any(maker.has_work_of(author) for author in self.authors):
                break
            steps.append((change, maker))
        if not steps:
            return None
        new = steps[0][0].new
        for number, (change, maker) in enumerate(steps):
            if self._is_back(policy, tag_of(change.old), tag_of(new)):
                found = Revert(self._who(maker), maker, tag_of(change.old), tag_of(new))
            elif not number and self._returns(path, key, policy, tag_of, [step for step, _ in steps]):
                found = Revert(self._who(maker), maker, change.old, new)
            else:
                continue
            return None if self._is_decided(policy, path, change.commit, found) else found
        return None

    def _who(self, commit: BranchCommit) -> str:
        """The author, or the committer if a person amended or picked a commit of the automation."""
        ours = any(commit.author.endswith(f"<{author}>") for author in self.authors)
        return commit.committer if ours else commit.author

    def _is_back(self, policy: PolicyName, old: str, new: str) -> bool:
        order = self.rules.order(policy, old, new) if old and new else None
        return order is not None and order > 0 and not self.rules.refusal(policy, old)

    def _returns(
        self, path: str, key: ValueKey, policy: PolicyName, tag_of: TagOf, steps: Sequence[ValueChange]
    ) -> bool:
        """Whether the last step returns to an earlier text that cannot be ranked, and does not undo such a return."""
        everything = list(self.history.changes(path, key))
        undone = False
        for number in reversed(range(len(steps))):
            step = steps[number]
            old, new = tag_of(step.old), tag_of(step.new)
            ranked = old and new and old != new and self.rules.order(policy, old, new) is not None
            known = any(step.new == earlier.old for earlier in everything[number + 1 :])
            undoes = undone and step.new == steps[number + 1].old
            undone = known and not ranked and not undoes
        return undone

    def _is_decided(self, policy: PolicyName, path: str, commit: BranchCommit, found: Revert) -> bool:
        """Whether a hold of the locks asked for this step, or they got a decision with the commit or after it."""

        def decisions(lock: Lock | None) -> set[object]:
            if lock is None:
                return set()
            holds = (hold for hold in lock.holds if hold.policy == policy.plain)
            released = (each for each in lock.released if each.policy == policy.plain)
            return {*(hold for hold in holds if hold.tag or hold.exclude == found.old), *released}

        before: set[object] = set()
        since: set[object] = set()
        for lock_path in self.locks(policy, path):
            first, at, *later = self.history.locks_since(lock_path, commit)
            if at and wants_downgrade(in_force(at.holds, policy, commit.time), found.old, found.new):
                return True
            before |= decisions(first)
            since = since.union(*map(decisions, (at, *later)))
        return not since <= before  # a lock that moved has no new decision


class RevertGuard:
    """A guard (see `imagesetter.update.plan.plan_changes`) that keeps a field that somebody set back.

    Args:
        reverts: made when the first field is about to change; None where there is no history. It may have to fetch the
            history, and raises a GitError if that fails.
        fields: all fields of the run.
        rules: rank tags.
    """

    def __init__(
        self, reverts: Callable[[], Reverts | None], fields: Iterable[MarkedField], rules: PolicyRules
    ) -> None:
        self._reverts, self._rules = cache(reverts), rules
        by_file: dict[str, list[MarkedField]] = {}
        for marked in fields:
            by_file.setdefault(marked.location.file, []).append(marked)
        self._keys = {
            (file, marked.scalar.start): key
            for file, found in by_file.items()
            for marked, key in zip(found, field_keys(found), strict=True)
        }
        self._failed = self._begun = False

    def __call__(self, marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        """Why the field stays: who set it back, and when. Where the history cannot be read, that is a warning."""
        policy = marked.marker.policy
        tag_of = partial(tag_in, marked, ref, self._rules)
        old, tags = tag_of(marked.scalar.value), {"policy": str(policy)}
        if old and old != ref.tag and (self._rules.order(policy, old, ref.tag) or 0) > 0:
            return None  # it goes back still further, which is another guard's matter
        try:
            found = None if self._failed else self._find(marked, tag_of)
        except GitError as error:
            self._failed = True
            message = f"the history could not be read, so it is not known whether somebody set a field back: {error}"
            return report("info", message, tags=tags | {"notice": "NoHistory"})
        if found is None:
            return None
        message = f"stays at {found.new}: {found}; to go on: imagesetter unhold {policy}"
        tags["error"] = "Reverted"
        return report("warning", message, marked.location, old=marked.scalar.value, new=new, tags=tags)

    def _find(self, marked: MarkedField, tag_of: TagOf) -> Revert | None:
        reverts = self._reverts()
        if reverts is None:
            return None
        top = reverts.history.git.directory
        if not self._begun:
            self._begun = True
            reverts.history.read_ahead(filter(None, (path_below(Path(file), top) for file, _ in self._keys)))
        path, key = path_below(Path(marked.location.file), top), self._keys[marked.location.file, marked.scalar.start]
        return reverts.find(path, key, marked.marker.policy, tag_of, marked.scalar.value)


def revert_guard(
    workspace: Workspace, tree: ScannedTree, fields: Iterable[MarkedField], rules: PolicyRules
) -> RevertGuard:
    """The guard of an automation's run.

    Args:
        workspace: the working tree of the run.
        tree: what was read of it.
        fields: all fields of the run.
        rules: rank tags.
    """
    checkout = workspace.checkout.directory if workspace.checkout else None

    def reverts() -> Reverts:
        workspace.remote.fetch_history(workspace.newest(1)[0])
        authors = frozenset((workspace.automation.author_email,))
        locks = partial(locks_for, tree, workspace.root, rules.catalog, checkout)
        return Reverts(History(workspace.git), rules, authors, locks)

    return RevertGuard(reverts, fields, rules)


def tag_in(marked: MarkedField, ref: LatestRef, rules: PolicyRules, text: str) -> str:
    """The tag in a text that a field has or had; empty where there is none."""
    try:
        then = marked._replace(scalar=marked.scalar._replace(value=text))
        return then.read(ref, partial(rules.reads, marked.marker.policy)).tag
    except FieldError:
        return ""


def locks_for(
    tree: ScannedTree, top: Path, catalog: Catalog, home: Path | None, policy: PolicyName, field: str
) -> list[str]:
    """The locks that count for a field: in its folder and above, and in those of its policy (as in update.nearby).

    Args:
        tree: what was read; a lock may have any name.
        top: the top of the repository, in which the tree is.
        catalog: the policies.
        home: the top of the checkout that the policies are in, if they are in this repository.
        policy: its name.
        field: the file of the field.

    Returns:
        paths from the top of the repository, whether there is a lock now or not
    """
    folders = set(PurePosixPath(field).parents)
    with contextlib.suppress(ReportedError):
        for folder in catalog.behind(policy)[0].folders if home else ():
            if path := path_below(Path(folder) / FILE_NAME, home or top):
                folders |= set(PurePosixPath(path).parents)
    named = (PurePosixPath(path_below(path, top)) for path, _ in tree.locks)
    paths = {*(folder / FILE_NAME for folder in folders), *(path for path in named if path.parent in folders)}
    return sorted(map(str, paths))


def fields_of(tree: ScannedTree, policy: PolicyName) -> Iterable[tuple[Path, FieldKey, MarkedField]]:
    """The fields of a policy, each with its file and key."""
    for file in tree.marked:
        fields, _ = marked_fields(file)
        for key, marked in zip(field_keys(fields), fields, strict=True):
            if marked.marker.policy == policy:
                yield file.path, key, marked
