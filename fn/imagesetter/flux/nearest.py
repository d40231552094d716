"""Which of several folders is nearest to a file: of several definitions of one policy, that folder's counts.

Repositories hold several clusters, and each may call its policy ``flux-system:web``. The nearest folder is the one that
shares most of its path with the file's; of two that share equally much, the one above the file (or its own folder). How
deep another folder is does not matter: ``clusters/prod`` is not nearer to ``apps`` than ``clusters/dev/policies`` is.
A folder of another Git repository is farther away than any of the same one.
"""

# Strings, not path objects: there may be thousands of files.
# ruff: noqa: PTH100, PTH109, PTH117, PTH118, PTH120, PTH206

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from imagesetter.files.read import repository_of

Candidate = TypeVar("Candidate")
Rank = tuple[bool, int, bool]
_FARTHEST: Rank = (False, -1, False)


def folder_of(file: str) -> str:
    """The folder of a file, absolute; empty for what is not a file (``<stdin>``, an item without a path)."""
    if not file or file.startswith("<"):
        return ""
    folder, name = os.path.split(file)
    if name in ("", os.curdir, os.pardir):
        return os.path.dirname(os.path.abspath(file))
    return _absolute(folder, "" if os.path.isabs(folder) else os.getcwd())


@lru_cache(maxsize=1024)
def _absolute(folder: str, working_directory: str) -> str:
    """A folder as an absolute path; thousands of fields lie in a few folders."""
    return os.path.normpath(os.path.join(working_directory, folder))


def is_at_or_above(folder: str, other: str) -> bool:
    """Whether a folder is the other one, or contains it."""
    return folder == other or other.startswith(folder.rstrip(os.sep) + os.sep)


def covering(folder: str, wide: Iterable[tuple[str, Candidate]]) -> list[Candidate]:
    """The candidates whose folder is the folder or contains it, as far as no other one's is a longer part of it."""
    found = [(len(path), candidate) for path, candidate in wide if is_at_or_above(path, folder)]
    longest = max((length for length, _ in found), default=0)
    return [candidate for length, candidate in found if length == longest]


def nearest(folder: str, candidates: Iterable[tuple[Sequence[str], Candidate]]) -> list[Candidate]:
    """The candidates one of whose folders is nearest to a folder; several where they are equally near."""
    repository = repository_of(folder) or ""
    best = _FARTHEST
    found: list[Candidate] = []
    for folders, candidate in candidates:
        rank = max((_rank(folder, repository, each) for each in folders), default=_FARTHEST)
        if rank > best:
            best, found = rank, []
        if rank == best:
            found.append(candidate)
    return found


def _rank(folder: str, repository: str, other: str) -> Rank:
    mine, its = folder.split(os.sep), other.split(os.sep)
    shared = next(
        (index for index, (one, two) in enumerate(zip(mine, its, strict=False)) if one != two),
        min(len(mine), len(its)),
    )
    return (repository_of(other) or "") == repository, shared, shared == len(its)
