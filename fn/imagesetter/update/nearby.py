"""Which definition of a policy, and which locks, count for a file: the nearest ones.

A repository may hold several clusters that call their policies alike, each with a lock of its own, and repositories in
it that only happen to be there. A lock counts for the marked files in its folder and below, and for the policies
defined there; of several the nearest one's entry counts. A folder that is a Git repository of its own ends the way up.
"""

# Strings, not path objects: there may be thousands of files.
# ruff: noqa: PTH100, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from imagesetter.errors import LockError
from imagesetter.fields.field import Location
from imagesetter.fields.report import report
from imagesetter.files.find import start_directory
from imagesetter.files.read import inside, read_inside, repository_of
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.flux.nearest import folder_of
from imagesetter.lock.document import FILE_NAME, REMEDY, Lock, LockEntry, parse_lock
from imagesetter.update.read_tree import ScannedTree
from krm_functions.errors import ReportedError
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text


class Nearby:
    """The policies and the locks of a run, as each of its files sees them.

    Args:
        catalog: the policies.
        tree: the files; its locks count, and those in the folders above.
        paths: the paths of the run.
    """

    def __init__(self, catalog: Catalog, tree: ScannedTree, paths: Sequence[str | Path] = ()) -> None:
        self._catalog = catalog
        self.tree = tree
        self._paths = paths
        self._start = os.path.abspath(start_directory(paths))
        self._files = {os.path.abspath(path): (str(path), data) for path, data in tree.locks}
        named = {os.path.abspath(given) for given in tree.given}
        self._everywhere = [path for path in self._files if path in named]
        self._in_folder: dict[str, list[str]] = {}
        for path in self._files:
            self._in_folder.setdefault(os.path.dirname(path), []).append(path)
        self._above: dict[str, tuple[str, ...]] = {}
        self._tops: dict[str, str | None] = {}
        self._known: dict[tuple[PolicyName, str], PolicyName] = {}
        self._met: set[PolicyName] = set()
        self._same: dict[tuple[PolicyName, object], PolicyName] = {}
        self._locks: dict[PolicyName, tuple[str, ...]] = {}
        self._parsed: dict[str, Lock] = {}

    def place(self, marker: Marker, file: str) -> Marker:
        """A marker with the folder whose nearest policy it means, where its name alone does not say."""
        name = self.at(marker.policy, folder_of(file))
        return marker.in_folder(name.folder) if name.folder else marker

    def at(self, name: PolicyName, folder: str) -> PolicyName:
        """What a policy's name means in a folder: equal names are one policy with one set of locks."""
        key = (name, folder)
        if key not in self._known:
            self._known[key] = self._placed(name, folder)
        return self._known[key]

    def at_home(self, definition: PolicyName) -> PolicyName:
        """What a policy's name means where that is defined (`imagesetter.flux.catalog.Catalog.definitions`)."""
        return self.at(definition.plain, definition.folder or next(iter(self._homes(definition)), self._start))

    def place_all(self) -> None:
        """Place every marker of the tree, as a lock for all of them needs it."""
        for file in self.tree.marked:
            for _, marker in file.field_markers():
                self.place(marker, file.name)

    def _placed(self, name: PolicyName, folder: str) -> PolicyName:
        several: object = None
        policy = None
        try:
            several = self._catalog.nearest_to(name, folder)
            policy = several[0] if several else self._catalog.find("ImagePolicy", *name)
        except ReportedError as error:
            several = f"{error.where}: {error.what}"
        homes = policy.folders if policy else ()
        locks = tuple(dict.fromkeys(path for each in (folder, *homes) for path in self._locks_above(each)))
        identity = (tuple(map(id, several)) if isinstance(several, tuple) else several, locks)
        meant = name if several is None and name not in self._met else name._replace(folder=folder)
        self._met.add(name)
        meant = self._same.setdefault((name, identity), meant)
        self._locks[meant] = (*self._everywhere, *locks)
        return meant

    def _locks_above(self, folder: str) -> tuple[str, ...]:
        """The locks in a folder and in those above it, the nearest first."""
        if not folder:
            return ()
        if folder not in self._above:
            top, parent = repository_of(folder, self._tops), os.path.dirname(folder)
            here = tuple(self._locks_in(folder, top))
            self._above[folder] = here if parent == folder or folder == top else here + self._locks_above(parent)
        return self._above[folder]

    def _locks_in(self, folder: str, top: str | None) -> Iterator[str]:
        yield from self._in_folder.get(folder, ())
        path = os.path.join(folder, FILE_NAME)
        if path not in self._files and (top or folder == self._start) and os.path.lexists(path):
            root = top or folder
            if os.path.lexists(inside(path, root)):  # a link to nothing yet is a lock that is still to be made
                self._files[path] = (_shown(path), read_inside(path, root))
                yield path

    def entries_of(self, name: PolicyName) -> list[tuple[str, LockEntry | None]]:
        """The locks that count for a policy that was placed, the nearest first, each with its entry for the policy.

        Raises:
            LockError: one cannot be used.
            TextError: one is not YAML.
        """
        return [(self._files[path][0], self._entry(path, name)) for path in self._locks.get(name, ())]

    def own_locks(self) -> list[Path]:
        """The locks under the paths of the run that count for a policy or a marked field there."""
        self.place_all()
        for name in self._catalog.policy_names:
            for each in self._catalog.definitions(name):
                self.at_home(each)
        used = {path for paths in self._locks.values() for path in paths} | set(self._in_folder.get(self._start, ()))
        return [path for path, _ in self.tree.locks if os.path.abspath(path) in used]

    def lock(self) -> Lock | None:
        """What the locks say of the policies that were placed; None where there is none.

        Raises:
            LockError: one cannot be used.
            TextError: one is not YAML.
        """
        if not self._locks:
            self._locks_above(self._start)
        if not self._files:
            return None
        locks = {path: self._parse(path) for path in self._files}
        if len(locks) == 1 and not any(name.folder for name in (*self._locks, *next(iter(locks.values())).entries)):
            (only,) = locks
            if all(only in found for found in self._locks.values()):
                return locks[only]
        return self._view(locks)

    def require_lock(self) -> Lock:
        """The same, for ``--from lock``.

        Raises:
            LockError: there is none.
        """
        self.place_all()
        found = self.lock()
        where = str(self._paths[0]) if self._paths else "."
        if found is None:
            raise LockError(f"there is no {FILE_NAME}", where=where, hint=REMEDY)
        if self._locks and not any(self._locks.values()):
            names = ", ".join(shown for shown, _ in self._files.values())
            raise LockError(
                f"there is no {FILE_NAME} in the folders of the marked files and their policies, or above",
                where=where,
                hint=f"{names} counts for what is in its own folder; move it, or name it as another PATH",
            )
        return found

    def read_locks(self) -> list[tuple[str, Lock]]:
        """The locks that were needed so far, each with its file."""
        return [(self._files[path][0], lock) for path, lock in self._parsed.items()]

    def _parse(self, path: str) -> Lock:
        if path not in self._parsed:
            shown, data = self._files[path]
            self._parsed[path] = parse_lock(decode_text(data, name=shown).text, shown)
        return self._parsed[path]

    def _view(self, locks: dict[str, Lock]) -> Lock:
        """One lock for all: each policy with the entry of the lock nearest to it, and the holds of its own locks."""
        entries: dict[PolicyName, LockEntry] = {}
        holds = []
        seen = []
        used: dict[str, None] = {}
        for name, paths in self._locks.items():
            names = {each.plain for each in self._names(name)}
            for path in paths:
                found = locks[path]
                used[path] = None
                entry = self._entry(path, name)
                if entry:
                    entries.setdefault(name, entry._replace(policy=name))
                holds += [each._replace(policy=name) for each in found.holds if each.policy in names]
                seen += [each._replace(policy=name) for each in found.seen if each.policy in names]
        origin = ", ".join(locks[path].origin for path in used) or FILE_NAME
        return Lock(entries, origin, tuple(dict.fromkeys(holds)), tuple(dict.fromkeys(seen)))

    def _entry(self, path: str, name: PolicyName) -> LockEntry | None:
        """What one lock says of a policy: its entry for the folder of this definition, else its entry for any."""
        found = self._parse(path)
        if name.plain in found.entries and not any(key.folder for key in found.entries):
            return found.entries[name.plain]
        folder = os.path.dirname(path)
        names = self._names(name)
        homes = [os.path.relpath(home, folder).replace(os.sep, "/") for home in self._homes(name)]
        keys = [each._replace(folder=home) for home in homes for each in names] + [each.plain for each in names]
        return next((found.entries[key] for key in keys if key in found.entries), None)

    def _names(self, name: PolicyName) -> tuple[PolicyName, ...]:
        try:
            return self._catalog.names_of(name)
        except ReportedError:
            return (name,)

    def _homes(self, name: PolicyName) -> Iterable[str]:
        try:
            policy = self._catalog.find("ImagePolicy", *name)
        except ReportedError:
            return ()
        return policy.folders if policy else ()


def stray_holds(lock: Lock, catalog: Catalog, file: str = "") -> Iterable[Result]:
    """A warning for each hold of an unknown policy: it was renamed or is gone, or is misspelt, and nothing is held."""
    for name in sorted({hold.policy for hold in lock.holds} - set(catalog.policy_names), key=lambda each: each.order):
        unknown = catalog.unknown(name)
        message = f"there is a hold of {name}; {unknown}; {unknown.hint}; remove it: imagesetter unhold {name}"
        yield report("warning", message, Location(file) if file else None, tags={"policy": str(name)})


def _shown(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
