"""What a push branch has beyond the ref that it was made from, to decide whether a run may make it anew.

Flux overwrites a push branch in each run. So do we, unless somebody else's commits are on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A rebase on GitHub's page keeps the author and makes this the committer; an edit there has another author.
_GITHUB = "noreply@github.com"


@dataclass(frozen=True, slots=True)
class BranchCommit:
    """One commit of a branch; ``author`` and ``committer`` are ``NAME <EMAIL>``."""

    hash: str
    parents: tuple[str, ...]
    author: str
    committer: str

    def is_by(self, email: str) -> bool:
        """Whether a run with this author made it. A merge, or a commit that somebody amended, is not one."""
        committers = (f"<{email}>", f"<{_GITHUB}>")
        return len(self.parents) < 2 and self.author.endswith(f"<{email}>") and self.committer.endswith(committers)


def parse_raw_log(text: str) -> list[BranchCommit]:
    """The commits of ``git log --format=raw``, newest first. Its parents are true ones, in a shallow clone too."""
    found: list[dict[str, list[str]]] = []
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == "commit":
            found.append({"commit": [value]})
        elif key in ("parent", "author", "committer") and found:
            found[-1].setdefault(key, []).append(value)
    return [
        BranchCommit(
            one["commit"][0],
            tuple(one.get("parent", ())),
            _person(one.get("author", ())),
            _person(one.get("committer", ())),
        )
        for one in found
    ]


def _person(values: Iterable[str]) -> str:
    """``NAME <EMAIL>`` of a header that ends with a time and a zone."""
    return next(iter(values), "").rpartition(">")[0] + ">"


def stands_on(commits: Sequence[BranchCommit], base: str) -> bool:
    """Whether commits begin right on top of the base."""
    return any(base in commit.parents for commit in commits)
