"""What the client tells while it works, as values: for a progress line, for ``-v``, or for nobody.

Events come from several threads, one at a time.
"""

from collections.abc import Callable
from typing import NamedTuple


class Listed(NamedTuple):
    """A page of tags has arrived."""

    repository: str
    tags: int
    """How many so far."""


class Finished(NamedTuple):
    """A repository has been scanned, or could not be."""

    repository: str
    tags: int
    from_cache: bool = False
    failed: bool = False


class Waiting(NamedTuple):
    """A registry asked to wait (429, or any status with ``Retry-After``)."""

    host: str
    seconds: float
    status: int


class Planned(NamedTuple):
    """So many repositories are about to be scanned, besides those that were planned before."""

    repositories: int


class Note(NamedTuple):
    """Something that ``-v`` shows: where credentials came from, and why others were not used. Never a secret."""

    text: str


Event = Planned | Listed | Finished | Waiting | Note
Listener = Callable[[Event], None]
