"""A folder as an editor has it open: its files with the texts that are not saved yet, its policies and its locks.

Everything is offline: latest refs are those of the lock, or come from scans that other runs left in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from imagesetter.cli import clock
from imagesetter.fields.field import MarkedField
from imagesetter.fields.mark import Owners, find_owners
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.image_policy import ImagePolicy
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.flux.nearest import folder_of
from imagesetter.flux.resources import DEFAULT_NAMESPACE
from imagesetter.lint.finding import Finding
from imagesetter.lint.linted_tree import read_linted_tree
from imagesetter.lint.run import lint
from imagesetter.lint.scanned_file import ScannedFile, read_data, read_path
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.registry.client import Client
from imagesetter.registry.puller import OfflinePuller
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan
from imagesetter.selection.choose import Chooser
from imagesetter.selection.explain import Explained, decide, explain_tags
from imagesetter.selection.registry_source import scan_options
from imagesetter.update.files import marked_fields
from imagesetter.update.nearby import Nearby
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import MarkedFile, ScannedTree, marked_file, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import ReportedError
from krm_functions.yaml.scan_result import Comment


@dataclass(frozen=True, slots=True)
class FieldHere:
    """A marked field at a position: its marker, the comment that it is, the policy that it means, and the field."""

    marker: Marker
    comment: Comment
    name: PolicyName
    field: MarkedField | None


@dataclass
class Contents:
    """What the files of a folder say, read once and again after a change."""

    tree: ScannedTree
    catalog: Catalog

    @cached_property
    def nearby(self) -> Nearby:
        """Which policies and locks count for a file."""
        return Nearby(self.catalog, self.tree)

    @cached_property
    def rules(self) -> PolicyRules:
        """What the policies make of single tags."""
        return PolicyRules(self.catalog)

    @cached_property
    def owners(self) -> Owners:
        """The policies by repository."""
        return find_owners(self.catalog)[0]


@dataclass
class EditorFolder:
    """The folder, which has to be the working directory."""

    client: Client
    namespace: str = DEFAULT_NAMESPACE
    drafts: dict[Path, str] = field(default_factory=dict)
    """The texts of the files that are open, by their absolute path."""
    _contents: Contents | None = None
    _scanned: dict[Path, tuple[tuple[str, int, int], ScannedFile | None]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Files have changed on the disk; read them again when they are needed."""
        self._contents = None

    @property
    def contents(self) -> Contents:
        """What the files say.

        Raises:
            ReportedError: they cannot be read.
        """
        if self._contents is None:
            tree = read_tree((".",))
            catalog = catalog_from_tree(tree, paths=(), policies=(), namespace=self.namespace, stdin=bytes)
            self._contents = Contents(tree, catalog)
        return self._contents

    def findings(self, path: Path) -> list[Finding]:
        """What the linter finds in a file, as it is in the editor.

        Raises:
            ReportedError: the files around it cannot be read.
        """
        if not path.exists():
            return []
        tree = read_linted_tree(
            [path], policies=(), namespace=self.namespace, stdin=bytes, read_file=self._read_for_linter
        )
        return [found for found in lint(tree) if found.problem.position.file == str(path)]

    def _read_for_linter(self, path: Path, name: str, given: Sequence[str | Path]) -> ScannedFile | None:
        """A file by its draft or, if it has not changed, as it was read before."""
        real = path.absolute()
        draft = self.drafts.get(real)
        if draft is not None:
            return read_data(draft.encode(errors="replace"), name)
        try:
            found = real.stat()
        except OSError:
            return read_path(path, name, given)
        state = (name, found.st_mtime_ns, found.st_size)
        if real not in self._scanned or self._scanned[real][0] != state:
            self._scanned[real] = (state, read_path(path, name, given))
        return self._scanned[real][1]

    def marked(self, path: Path) -> MarkedFile:
        """A file that is open, with its markers."""
        return marked_file(str(path), self.drafts.get(path, "").encode(errors="replace"))

    def fields_at(self, path: Path, line: int) -> Iterator[FieldHere]:
        """The marked fields on a line, which counts from 1."""
        file = self.marked(path)
        fields = {each.scalar.start: each for each in marked_fields(file)[0]}
        for comment, marker in file.field_markers():
            if comment.scalar and line in (comment.line, comment.scalar.line):
                name = self.contents.nearby.at(marker.policy, folder_of(str(path)))
                marked = fields.get(comment.scalar.start)
                if marked and name.folder:
                    marked = marked._replace(marker=marker.in_folder(name.folder))
                yield FieldHere(marker, comment, name, marked)

    def lock_entry(self, name: PolicyName) -> tuple[str, LockEntry | None]:
        """The nearest lock that counts for a policy, with its entry there; an empty path if there is no lock.

        Raises:
            ReportedError: the lock cannot be used.
        """
        found = self.contents.nearby.entries_of(name)
        return next(((path, entry) for path, entry in found if entry), found[0] if found else ("", None))

    def cached_scan(self, image: Repository, policy: ImagePolicy | None = None) -> Scan | None:
        """The tags of a repository by the cache, whatever their age; None if nothing is cached."""
        try:
            return self.client.cached_scan(image, options=scan_options(policy) if policy else None)
        except ReportedError:
            return None

    def explained(self, policy: ImagePolicy) -> tuple[Explained, Scan] | None:
        """What the policy selects from the cached tags, with holds and ages; None if nothing is cached."""
        scan = self.cached_scan(policy.image, policy)
        if scan is None:
            return None
        lock = self.contents.nearby.lock() or Lock({})
        entry = lock.entries.get(policy.name)

        def digest(tag: str) -> str:
            return entry.digest if entry and entry.tag == tag else ""

        chooser, selection = Chooser(lock, clock.now(), "accept"), explain_tags(policy, scan.tags, limit=0)
        return decide(selection, policy, scan, chooser, OfflinePuller(digest)), scan

    def latest(self, name: PolicyName) -> LatestRef | None:
        """The latest ref of a policy: as the lock has it, else by the cached tags.

        Raises:
            ReportedError: the policy or the lock cannot be used.
        """
        _, entry = self.lock_entry(name)
        if entry:
            return entry.ref
        found = self.explained(self.contents.catalog.policy(name))
        return found[0].chosen if found else None
