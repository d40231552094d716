"""Which tag a policy holds in the files of a checkout, and since when, by the history of its Git repository.

This is for policies that follow another one (`imagesetter.candidates.follows`) where no lock records that. The time is
that of the last commit of the branch that changed the field, and the latest one where a policy has several fields. A
commit counts as made no earlier than those before it, whatever its clock said. What is not committed has been held
since now. A history that is cut off, as in a shallow clone, shows at least how long a value has been there: nothing
counts as held for longer than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from imagesetter.candidates.situation import HeldTag
from imagesetter.errors import ResolveError
from imagesetter.fields.field import MarkedField
from imagesetter.files.find import display_path
from imagesetter.files.read import repository_of
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.nearest import folder_of
from imagesetter.git.command import Git
from imagesetter.git.history import EntryKey, FieldKey, History, ValueKey, entry_text, field_keys, path_below
from imagesetter.git.reverts import tag_in
from imagesetter.lock.document import LockEntry
from imagesetter.update.files import marked_fields
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree

_SHOWN = 4
"""How many of the fields that differ an error names."""


@dataclass(slots=True)
class HeldTags:
    """What the policies of a tree hold; Git is asked when the first of them is.

    Args:
        tree: the files.
        catalog: the policies.
        now: the time, in seconds since the epoch.

    It may be called by several threads.
    """

    tree: ScannedTree
    catalog: Catalog
    now: float
    _fields: dict[PolicyName, list[tuple[Path, FieldKey, MarkedField]]] | None = None
    _histories: dict[str, History] = field(default_factory=dict)
    _busy: Lock = field(default_factory=Lock)

    def __call__(self, policy: PolicyName, entry: LockEntry | None = None, lock: str = "") -> HeldTag | None:
        """What a policy holds by its fields, or by its entry in a lock; None where there is none in a Git repository.

        Args:
            policy: its name.
            entry: its entry in a lock, if that has no time.
            lock: where that is, ``PATH:LINE``.

        Raises:
            GitError: git fails.
            ResolveError: its fields hold several tags.
        """
        with self._busy:
            return self._by_entry(entry, lock) if entry else self._by_fields(policy)

    def _by_entry(self, entry: LockEntry, lock: str) -> HeldTag | None:
        path = Path(lock.rpartition(":")[0])
        if not path.is_file():
            return None
        since, cut_off = self._since(path, EntryKey(entry.policy), entry_text(entry))
        return HeldTag(entry.image, entry.tag, entry.digest, since, cut_off=cut_off) if since else None

    def _by_fields(self, policy: PolicyName) -> HeldTag | None:
        held = list(self._held(policy))
        tags = {each.tag: where for where, each in held}
        if len(tags) > 1:
            shown = ", ".join(f"{tag} ({where})" for tag, where in list(tags.items())[:_SHOWN])
            raise ResolveError(f"the fields of {policy} hold several tags: {shown}", hint="bring them to one tag")
        return max((each for _, each in held), key=lambda each: each.since, default=None)

    def _held(self, policy: PolicyName) -> Iterator[tuple[str, HeldTag]]:
        fields = self._fields_of(policy)
        image = self.catalog.policy(policy).image.written if fields else ""
        rules, ref = PolicyRules(self.catalog), LatestRef(image, "")
        for path, key, marked in fields:
            text = marked.scalar.value
            if tag := tag_in(marked, ref, rules, text):
                since, cut_off = self._since(path, key, text)
                digest = text.partition("@")[2]
                where = f"{display_path(path)}:{marked.location.line}"
                if since:
                    yield where, HeldTag(image, tag, digest, since, cut_off=cut_off)

    def _fields_of(self, policy: PolicyName) -> Sequence[tuple[Path, FieldKey, MarkedField]]:
        if self._fields is None:
            self._fields = {}
            for file in self.tree.marked:
                fields, _ = marked_fields(file)
                for key, marked in zip(field_keys(fields), fields, strict=True):
                    self._fields.setdefault(marked.marker.policy.plain, []).append((file.path, key, marked))
        return self._fields.get(policy.plain, ())

    def _since(self, path: Path, key: ValueKey, text: str) -> tuple[float, bool]:
        """Since when a value is what it is, and whether the history begins later than that; 0 without a repository."""
        top = repository_of(folder_of(str(path)))
        if not top:
            return 0.0, False
        if top not in self._histories:
            self._histories[top] = History(Git(Path(top), own=True), may_be_cut_off=True)
        history = self._histories[top]
        name = path_below(path, Path(top))
        commits = history.commits(name)
        made = history.made(name, key)
        if made is None or next(history.texts(name, key)) != text:
            return self.now, False
        since = max(commit.time for commit in commits[commits.index(made) :])
        return since, made == commits[-1] and (len(commits) == history.limit or history.is_shallow())
