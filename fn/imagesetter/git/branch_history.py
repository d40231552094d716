"""The commits of a branch, and whether a run of an automation made them.

Flux overwrites a push branch in each run. So do we, unless somebody else's commits are on it. And a field that somebody
else set back stays where it is (`imagesetter.git.reverts`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A rebase on GitHub's page keeps the author and makes this the committer; an edit there has another author.
_GITHUB = "noreply@github.com"
# What `git revert`, GitHub and GitLab write. A run never reverts, so this is a person, whatever the author's address.
_REVERTS = re.compile(r"^(?:This reverts (?:commit|merge request) |Reverts [\w.-]+/[\w.-]+#\d)", re.MULTILINE)
_CO_AUTHOR = re.compile(r"^Co-authored-by: .*<([^<>]+)>\s*$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BranchCommit:
    """One commit of a branch.

    ``author`` and ``committer`` are ``NAME <EMAIL>``; ``time`` is the committer's, in seconds since the epoch.
    For a log of one file, ``blobs`` are the names of its contents before and after, and ``path`` is its name then.
    """

    hash: str
    parents: tuple[str, ...]
    author: str
    committer: str
    time: int = 0
    message: str = ""
    blobs: tuple[str, str] = ("", "")
    path: str = ""

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]

    @property
    def is_revert(self) -> bool:
        """Whether its message says that it reverts another commit."""
        return bool(_REVERTS.search(self.message))

    def is_by(self, email: str) -> bool:
        """Whether a run with this author made it; not a merge, nor a commit that a person amended."""
        if self.is_revert:
            return False
        committers = (f"<{email}>", f"<{_GITHUB}>")
        return len(self.parents) < 2 and self.author.endswith(f"<{email}>") and self.committer.endswith(committers)

    def has_work_of(self, email: str) -> bool:
        """Whether a run with this author made it, or what a forge squashed into it."""
        return self.is_by(email) or (not self.is_revert and email in _CO_AUTHOR.findall(self.message))


def parse_raw_log(text: str) -> list[BranchCommit]:
    """The commits of ``git log --format=raw``, newest first. Its parents are true ones, in a shallow clone too.

    With ``--raw --no-abbrev``, each commit is there once for each file that it changed, with the file's name as git
    quotes it, and its blobs.
    """
    found: list[tuple[dict[str, list[str]], list[tuple[str, str, str]]]] = []
    for line in text.split("\n"):
        key, _, value = line.partition(" ")
        if key == "commit":
            found.append(({"commit": [value]}, []))
        elif line.startswith("    ") and found:
            found[-1][0].setdefault("message", []).append(line[4:])
        elif key in ("parent", "author", "committer") and found:
            found[-1][0].setdefault(key, []).append(value)
        elif line.startswith(":") and found:
            modes, _, path = line.partition("\t")
            before, after = modes.split()[2:4]
            found[-1][1].append((before, after, path))
    return [_commit(lines, *file) for lines, files in found for file in files or [("", "", "")]]


def _commit(lines: dict[str, list[str]], before: str, after: str, path: str) -> BranchCommit:
    author, _ = _person(lines.get("author", ()))
    committer, time = _person(lines.get("committer", ()))
    message = "\n".join(lines.get("message", ()))
    parents = tuple(lines.get("parent", ()))
    return BranchCommit(lines["commit"][0], parents, author, committer, time, message, (before, after), path)


def _person(values: Iterable[str]) -> tuple[str, int]:
    """``NAME <EMAIL>`` of a header, and the time after it."""
    person, _, rest = next(iter(values), "").rpartition(">")
    seconds = rest.split()[0] if rest.split() else ""
    return f"{person}>", int(seconds) if seconds.isdigit() else 0


def stands_on(commits: Sequence[BranchCommit], base: str) -> bool:
    """Whether commits begin right on top of the base."""
    return any(base in commit.parents for commit in commits)
