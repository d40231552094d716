"""The history of the values that follow a policy: image fields of files, and entries of the lock.

It is the branch's own (``git log --first-parent``): a merge is one step, and what was reset, or squashed into nothing,
did not happen. A file is followed through renames, but a copy is a new file: its history begins with it (``git log
--follow`` finds copies, too). Contents are read only as far back as somebody looks.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from imagesetter.errors import LockError
from imagesetter.fields.field import FoundBy, MarkedField
from imagesetter.files.read import read_inside
from imagesetter.flux.markers import PolicyName
from imagesetter.git.branch_history import BranchCommit, parse_raw_log
from imagesetter.git.command import Git
from imagesetter.lock.document import KIND, Lock, LockEntry, parse_lock
from imagesetter.update.files import marked_fields
from imagesetter.update.read_tree import marked_file
from krm_functions.errors import InputError, TextError
from krm_functions.result import ResourceRef
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.scan import NEEDLE

COMMITS = 1000
"""How many commits of a file are looked at, and how many of a branch are fetched to a shallow repository."""
_BATCH = 16
_MANY = 10
"""How many times as many commits are looked at for many files together."""
_PLAIN = re.compile(r"[^\x00-\x1f\x7f\"\\]+")
"""The names that git does not quote."""


class FieldKey(NamedTuple):
    """What a field keeps from one version of a file to the next: its marker, its resource, and its turn among these."""

    marker: str
    resource: ResourceRef | None
    found_by: FoundBy
    number: int


class EntryKey(NamedTuple):
    """The entry of a policy in a lock."""

    policy: PolicyName


ValueKey = FieldKey | EntryKey


class FileVersion(NamedTuple):
    """What one version of a file says: the values that follow policies, and its lock, if it is one."""

    values: Mapping[ValueKey, str]
    lock: Lock | None = None


class ValueChange(NamedTuple):
    """One commit of the branch that changed a value; texts as they are in the file."""

    commit: BranchCommit
    old: str
    new: str


def field_keys(fields: Iterable[MarkedField]) -> list[FieldKey]:
    """The keys of all fields of one file, in its order."""
    counts: Counter[tuple[str, ResourceRef | None, FoundBy]] = Counter()
    keys = []
    for marked in fields:
        found = str(marked.marker), marked.location.resource, marked.found_by
        keys.append(FieldKey(*found, counts[found]))
        counts[found] += 1
    return keys


def path_below(path: Path, top: Path) -> str:
    """A file's path from the top of the repository, after following links; empty for one outside, without a history."""
    real, folder = path.resolve(), top.resolve()
    return real.relative_to(folder).as_posix() if folder in real.parents else ""


def read_version(data: bytes, name: str) -> FileVersion:
    """What the bytes of a file say; nothing where they are not valid, so that a broken version is passed over."""
    values: dict[ValueKey, str] = {}
    lock = None
    try:
        if f"kind: {KIND}".encode() in data:
            lock = parse_lock(decode_text(data, name=name).text, name)
            values |= {EntryKey(policy): entry_text(entry) for policy, entry in lock.entries.items()}
        if NEEDLE.encode() in data:
            fields, _ = marked_fields(marked_file(name, data))
            values |= zip(field_keys(fields), (marked.scalar.value for marked in fields), strict=True)
    except (LockError, TextError):
        return FileVersion({})
    return FileVersion(values, lock)


def entry_text(entry: LockEntry) -> str:
    """What an entry says: the image with tag and digest."""
    return f"{entry.image}:{entry.tag}@{entry.digest}"


@dataclass(slots=True)
class History:
    """The history of the branch that ends with HEAD.

    Args:
        git: at the top of the repository; all paths are relative to it, with slashes.
        limit: how many commits of a file are looked at.
        may_be_cut_off: a history that begins in the middle, as in a shallow clone, is not an error where a renamed file
            would have to be followed further.
    """

    git: Git
    limit: int = COMMITS
    may_be_cut_off: bool = False
    _logs: dict[str, list[BranchCommit]] = field(default_factory=dict)
    _begun: dict[str, list[BranchCommit]] = field(default_factory=dict)
    _versions: dict[str, FileVersion] = field(default_factory=dict)

    def changes(self, path: str, key: ValueKey) -> Iterator[ValueChange]:
        """The changes of a value, newest first. A version of the file without the value is passed over.

        Raises:
            GitError: git fails.
        """
        new, made = "", None
        for commit, version in self._states(path):
            value = version.values.get(key)
            if value is None:
                continue
            if made and value != new:
                yield ValueChange(made, value, new)
            if commit is None:
                return
            new, made = value, commit

    def made(self, path: str, key: ValueKey) -> BranchCommit | None:
        """The commit since which a value has been what it is at HEAD, in every version; None where it is not there.

        Where the history that is known begins later, this is its first commit.

        Raises:
            GitError: git fails.
        """
        made, value = None, None
        for commit, version in self._states(path):
            text = version.values.get(key)
            if text is None or value not in (None, text) or commit is None:
                break
            made, value = commit, text
        return made

    def texts(self, path: str, key: ValueKey) -> Iterator[str]:
        """The texts that a value had, newest first, from the one at HEAD."""
        last = None
        for _, version in self._states(path):
            value = version.values.get(key)
            if value is not None and value != last:
                yield value
                last = value

    def _states(self, path: str) -> Iterator[tuple[BranchCommit | None, FileVersion]]:
        """The versions of a file, newest first, each with the commit that made it; the last one with none."""
        commits = self.commits(path)
        blobs = [commit.blobs[1] for commit in commits]
        for number, commit in enumerate(commits):
            yield commit, self._version(blobs[number], path, blobs[number : number + _BATCH])
        if commits:
            yield None, self._version(commits[-1].blobs[0], path)

    def versions_since(self, path: str, since: float) -> Iterator[tuple[BranchCommit, FileVersion, FileVersion]]:
        """The commits of the branch that changed a file since a time, newest first, with the file before and after."""
        recent = [commit for commit in self.commits(path) if commit.time >= since]
        blobs = [blob for commit in recent for blob in reversed(commit.blobs)]
        for number, commit in enumerate(recent):
            before, after = (self._version(blob, path, blobs[2 * number :][:_BATCH]) for blob in commit.blobs)
            yield commit, before, after

    def is_shallow(self) -> bool:
        """Whether the repository lacks the beginning of its history."""
        return self.git.run("rev-parse", "--is-shallow-repository").text == "true"

    def commits(self, path: str) -> list[BranchCommit]:
        """The commits of the branch that changed a file, newest first."""
        if path and path not in self._logs:
            self._logs[path] = list(self._followed(path))
        return self._logs.get(path, [])

    def read_ahead(self, paths: Iterable[str]) -> None:
        """Read the commits of many files at once, which takes little longer than for one of them.

        Raises:
            GitError: git fails.
        """
        wanted = [path for path in dict.fromkeys(paths) if _PLAIN.fullmatch(path) and path not in self._logs]
        if len(wanted) > 1:
            self._begun = {path: [] for path in wanted}
            for commit in self._log(wanted, "HEAD", "--first-parent", "-m"):
                self._begun[commit.path].append(commit)

    def _followed(self, path: str) -> Iterator[BranchCommit]:
        """The same, read from git; after a rename it goes on with the name before."""
        name, revision, left = path, "HEAD", self.limit
        while name:
            log = self._begun.pop(name, None) if revision == "HEAD" else None
            log = (self._log([name], revision, "--first-parent", "-m") if log is None else log)[:left]
            left -= len(log)
            name = ""
            for commit in log:
                yield commit
                if not commit.blobs[0].strip("0") and (name := self._name_before(commit)):
                    revision = f"{commit.hash}^"
                    break

    def _name_before(self, commit: BranchCommit) -> str:
        """The name that a file had before a commit that made it; empty if it is not a renamed one."""
        if not commit.parents or (self.may_be_cut_off and not self.git.commit_of(commit.parents[0])):
            return ""
        listed = self.git.run(
            *("diff-tree", "-r", "-z", "--find-renames", "--diff-filter=R", "--name-status"),
            *(commit.parents[0], commit.hash, "--"),
        ).text.split("\0")
        names = zip(listed[1::3], listed[2::3], strict=False)
        return next((old for old, new in names if new == commit.path), "")

    def maker(self, path: str, key: ValueKey, change: ValueChange) -> BranchCommit:
        """The commit that made a change: of what was merged the one that has the value, else that of the branch."""
        commit = change.commit
        if len(commit.parents) > 1:
            for merged in self._log([commit.path], f"{commit.parents[0]}..{commit.hash}", "--no-merges"):
                before, after = (self._version(blob, path).values.get(key) for blob in merged.blobs)
                if after == change.new != before:
                    return merged
        return commit

    def lock_change(self, path: str, commit: BranchCommit) -> tuple[Lock | None, Lock | None]:
        """A lock before and after a commit of the branch; nothing if the commit does not change it."""
        for each in self.commits(path):
            if each.hash == commit.hash:
                before, after = each.blobs
                return self._version(before, path).lock, self._version(after, path).lock
        return None, None

    def locks_since(self, path: str, commit: BranchCommit) -> list[Lock | None]:
        """A lock before a commit of the branch, after it, after each later change, and now; None for no lock."""
        since = set(self.git.run("rev-list", "--first-parent", f"{commit.hash}..HEAD", "--").text.split())
        commits = self.commits(path)
        steps = [each for each in reversed(commits) if each.hash in since or each.hash == commit.hash]
        start = steps[0].blobs[0] if steps else commits[0].blobs[1] if commits else ""
        at = [] if steps and steps[0].hash == commit.hash else [start]
        blobs = [start, *at, *(each.blobs[1] for each in steps)]
        return [*(self._version(blob, path).lock for blob in blobs), self._present(path)]

    def _present(self, path: str) -> Lock | None:
        """The lock in the working tree: perhaps it is not committed yet."""
        try:
            data = read_inside(self.git.directory / path, self.git.directory)
        except InputError:
            return None
        return read_version(data, path).lock

    def _log(self, paths: Sequence[str], revisions: str, *options: str) -> list[BranchCommit]:
        if revisions == "HEAD" and not self._logs and not self.git.commit_of("HEAD"):
            return []  # a new repository: nothing is committed yet, so nobody has set anything back
        limit = self.limit if len(paths) == 1 else self.limit * _MANY
        done = self.git.with_(config=["core.quotePath=false"]).run(
            *("log", "--format=raw", "--raw", "--no-abbrev", "--no-renames", "--no-show-signature", "--no-color"),
            *(f"--max-count={limit}", *options, revisions, "--", *paths),
        )
        found = parse_raw_log(done.stdout.decode(errors="surrogateescape"))
        commits = [commit for commit in found if commit.blobs != ("", "")]
        return [replace(commit, path=paths[0]) for commit in commits] if len(paths) == 1 else commits

    def _version(self, blob: str, path: str, soon: Sequence[str] = ()) -> FileVersion:
        """The version with a blob's name; reads those that are needed soon along with it."""
        if not blob.strip("0"):
            return FileVersion({})
        if blob not in self._versions:
            wanted = dict.fromkeys((blob, *soon))
            names = [name for name in wanted if name.strip("0") and name not in self._versions][:_BATCH]
            for name, data in zip(names, self._contents(names), strict=True):
                self._versions[name] = read_version(data, path)
        return self._versions[blob]

    def _contents(self, blobs: Sequence[str]) -> Iterator[bytes]:
        """The contents of blobs; empty for one that is missing, or is none (a submodule)."""
        output = self.git.run("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode()).stdout
        start = 0
        for _ in blobs:
            end = output.index(b"\n", start)
            _, kind, *size = output[start:end].split()
            start = end + 1
            if size:
                yield output[start : start + int(size[0])] if kind == b"blob" else b""
                start += int(size[0]) + 1
            else:
                yield b""
