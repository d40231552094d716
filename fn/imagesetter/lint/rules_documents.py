"""Rules about unreadable files and about the lock."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from imagesetter.flux.markers import PolicyName
from imagesetter.flux.nearest import folder_of
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import LocatedResource, ScannedLock, SourcePosition
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
    first: dict[tuple[str, PolicyName], tuple[LockEntry, str]] = {}
    for read, lock in _locks(tree):
        for name, entry in lock.entries.items():
            other, where = first.setdefault((folder_of(read.name), name), (entry, read.name))
            if not other.same_answer(entry):
                message = f"policy {name} is locked to {entry.ref} here, and to {other.ref} in {where}"
                yield Problem(read.position(name), message, "keep the policy in one lock only")


def stale_lock(tree: LintedTree) -> Iterator[Problem]:
    """A lock that does not match a policy, so that ``--from lock`` refuses it.

    It is reported where the lock is, or, if only the policy, its repository or the field is among the given files,
    there.
    """
    places: dict[PolicyName, SourcePosition] = {}
    for _, located in tree.located("ImagePolicy"):
        for name, form in tree.forms(located):
            at = tree.nearby.at(name.plain, name.folder)
            if located.file in tree.given_names and tree.catalog.named("ImagePolicy", name) and form.spec:
                places.setdefault(at, located.position("metadata", "name"))
    for name, located in _repositories(tree):
        places.setdefault(name, located.position("metadata", "name"))
    marks = [(tree.nearby.place(mark.marker, mark.file).policy, mark) for mark in tree.fields if mark.marker]
    given = {file.lock.name: file.lock for file in tree.files if file.lock}
    reported: set[tuple[PolicyName, str]] = set()
    locked = _defined(tree) if given else ()
    for name in dict.fromkeys([*places, *(name for name, _ in marks), *locked]):
        file, entry = _entry(tree, name)
        with contextlib.suppress(ReportedError):  # no such policy here, or incomplete-policy says so
            if entry is None or not tree.catalog.has_policy(name) or tree.catalog.inputs(name) == entry.inputs:
                continue
            lock = given.get(file)
            here = lock.position(name) if lock else places.get(name)
            where = "" if lock else f" in {file}"
            if here and (name.plain, str(here)) not in reported:
                reported.add((name.plain, str(here)))
                yield Problem(here, f"policy {name} has changed since it was locked to {entry.ref}{where}", REMEDY)
    for name, mark in marks:
        file, entry = _entry(tree, name)
        if file and entry is None and tree.catalog.has_policy(name):
            yield Problem(mark.position, f"policy {name} is not in the lock", REMEDY)


def _defined(tree: LintedTree) -> list[PolicyName]:
    """What each policy's name means where it is defined."""
    names = tree.catalog.policy_names
    return [tree.nearby.at_home(each) for name in names for each in tree.catalog.definitions(name)]


def _repositories(tree: LintedTree) -> Iterator[tuple[PolicyName, LocatedResource]]:
    """The policies that select from an ImageRepository of the given files, each with that."""
    forms = {
        id(form): located
        for _, located in tree.located("ImageRepository")
        if located.file in tree.given_names
        for _, form in tree.forms(located)
    }
    for name in _defined(tree) if forms else ():
        with contextlib.suppress(ReportedError):  # incomplete-policy says so
            repository = tree.catalog.behind(name)[1]
            if located := forms.get(id(repository)):
                yield name, located


def stray_hold(tree: LintedTree) -> Iterator[Problem]:
    """A hold of a policy that does not exist, perhaps not any more: nothing is held."""
    for read, lock in _locks(tree):
        for name in dict.fromkeys(hold.policy for hold in lock.holds):
            if not tree.catalog.has_policy(name):
                unknown = tree.catalog.unknown(name)
                message = f"there is a hold of {name}, and nothing is held: {unknown.what}; {unknown.hint}"
                yield Problem(read.position(name, "holds"), message, f"remove it: imagesetter unhold {name}")


def _entry(tree: LintedTree, name: PolicyName) -> tuple[str, LockEntry | None]:
    """The nearest lock that has an entry of a policy, and the entry; without one, the nearest lock; empty for none."""
    try:
        locks = tree.nearby.entries_of(name)
    except ReportedError:
        return "", None  # broken-lock says so
    return next((each for each in locks if each[1]), locks[0] if locks else ("", None))


def _locks(tree: LintedTree) -> list[tuple[ScannedLock, Lock]]:
    """The locks that can be used, each with where it was read."""
    return [(file.lock, file.lock.lock) for file in tree.files if file.lock and file.lock.lock]
