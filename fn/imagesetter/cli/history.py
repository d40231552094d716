"""The history of the current checkout's fields, for the commands that read it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from imagesetter.candidates.situation import HeldTagOf, nothing_held
from imagesetter.cli import clock
from imagesetter.fields.field import MarkedField, split_image
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.git.command import Git, toplevel
from imagesetter.git.held_tags import HeldTags
from imagesetter.git.history import EntryKey, FieldKey, History, entry_text, path_below
from imagesetter.git.reverts import Revert, RevertGuard, Reverts, fields_of, locks_for, tag_in
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree
from krm_functions.errors import ReportedError


@dataclass(frozen=True, slots=True)
class CheckoutHistory:
    """The history of the checkout that the working directory is in, and what its files say now."""

    top: Path
    tree: ScannedTree
    catalog: Catalog
    history: History
    rules: PolicyRules

    def path_of(self, path: Path) -> str:
        """A file's path from the top of the repository; empty for a file outside."""
        return path_below(path, self.top)

    def reverts(self, policy: PolicyName, lock: Lock) -> list[tuple[MarkedField, Revert]]:
        """The fields of a policy that somebody set back, and who.

        Raises:
            GitError: git fails.
        """
        ref = LatestRef(self.image(policy, lock), "")
        found = []
        for path, key, marked in fields_of(self.tree, policy):
            tag_of = partial(tag_in, marked, ref, self.rules)
            revert = self.finder.find(self.path_of(path), key, policy, tag_of, marked.scalar.value)
            if revert:
                found.append((marked, revert))
        return found

    def entry_revert(self, path: Path, entry: LockEntry) -> Revert | None:
        """Who set an entry of a lock back, unless it went back by a command.

        Args:
            path: the lock.
            entry: as it is in the lock, with its folder relative to the lock's.

        Raises:
            GitError: git fails.
        """
        text = entry_text(entry)
        name = entry.policy
        found = self.finder.find(
            self.path_of(path), EntryKey(name), name.plain, lambda text: split_image(text)[1], text
        )
        return None if found and entry.replaces and found.old == entry.replaces else found

    @property
    def finder(self) -> Reverts:
        """Finds who set values back."""
        locks = partial(locks_for, self.tree, self.top, self.catalog, self.top)
        return Reverts(self.history, self.rules, automation_authors(self.catalog), locks)

    def tag(self, marked: MarkedField, ref: LatestRef, text: str) -> str:
        """The tag in a text that a field has or had."""
        return tag_in(marked, ref, self.rules, text)

    def image(self, policy: PolicyName, lock: Lock) -> str:
        """The repository that a policy selects from; an empty string if it is not known."""
        try:
            return self.catalog.policy(policy).image.written
        except ReportedError:
            return lock.entries[policy].image if policy in lock.entries else ""

    def fields(self, policy: PolicyName) -> list[tuple[str, FieldKey, MarkedField]]:
        """The fields of a policy, each with its path from the top of the repository."""
        return [(self.path_of(path), key, marked) for path, key, marked in fields_of(self.tree, policy)]


def checkout_history(tree: ScannedTree, catalog: Catalog, *, directory: Path | None = None) -> CheckoutHistory | None:
    """The history of the checkout that a directory is in, by default the working directory.

    Returns:
        None without a checkout, or without git.

    Raises:
        GitError: git refuses to work in the checkout.
    """
    top = toplevel(directory or Path.cwd()) if shutil.which("git") else None
    if top is None:
        return None
    return CheckoutHistory(top, tree, catalog, History(Git(top, own=True)), PolicyRules(catalog))


def held_tags(tree: ScannedTree, catalog: Catalog) -> HeldTagOf:
    """What policies hold by the history of their files; nothing without git."""
    return HeldTags(tree, catalog, clock.now()) if shutil.which("git") else nothing_held


def field_guard(tree: ScannedTree, catalog: Catalog, fields: Iterable[MarkedField], directory: Path) -> RevertGuard:
    """A guard that keeps fields that somebody set back in the history of the checkout at a directory, if any."""

    def reverts() -> Reverts | None:
        history = checkout_history(tree, catalog, directory=directory)
        return history.finder if history else None

    return RevertGuard(reverts, fields, PolicyRules(catalog))


def automation_authors(catalog: Catalog) -> frozenset[str]:
    """The addresses that the automations commit with."""
    found = set()
    for _, automation in catalog.of_kind("ImageUpdateAutomation"):
        value: object = automation.spec
        for key in ("git", "commit", "author", "email"):
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, str) and value:
            found.add(value)
    return frozenset(found)
