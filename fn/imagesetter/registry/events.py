"""What the client tells while it works, as values: for a progress line, for ``-v``, or for nobody.

Events come from several threads, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of tags has arrived."""

    repository: str
    tags: int
    """How many so far."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A repository has been scanned, or could not be."""

    repository: str
    tags: int
    from_cache: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A registry asked to wait (429, or any status with ``Retry-After``)."""

    host: str
    seconds: float
    status: int


@dataclass(frozen=True, slots=True)
class Planned:
    """So many repositories are about to be scanned, besides those that were planned before."""

    count: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something that ``-v`` shows: where credentials came from, and why others were not used. Never a secret."""

    text: str


Event = Planned | Listed | Finished | Waiting | Note
Listener = Callable[[Event], None]
