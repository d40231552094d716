"""The only place where a registry client is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imagesetter.config import SourceName
from imagesetter.flux.catalog import Catalog
from imagesetter.lock import FromLock, Lock
from imagesetter.resolve import FromRegistry, FromStatus, KnownDigest, Source

if TYPE_CHECKING:
    from imagesetter.registry.client import Client

MakeSource = Callable[[Catalog, KnownDigest], Source]


@contextmanager
def source_for(name: SourceName, lock: Callable[[], Lock]) -> Iterator[MakeSource]:
    """A maker of the source that the run asks for; connections are closed when the block ends.

    Args:
        name: where the answers come from.
        lock: reads the lock, if that is where.
    """
    match name:
        case "status":
            yield lambda catalog, known: FromStatus(catalog)
        case "lock":
            recorded = lock()
            yield lambda catalog, known: FromLock(catalog, recorded)
        case _:
            with open_client() as client:
                yield lambda catalog, known: FromRegistry(catalog, client, known)


@contextmanager
def open_client() -> Iterator[Client]:
    """A registry client for one run; nothing is connected before its first question."""
    from imagesetter.registry.client import Client

    with Client() as client:
        yield client
