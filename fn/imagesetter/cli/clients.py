"""The only place where a registry client is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from imagesetter.config import SourceName
from imagesetter.errors import UsageError
from imagesetter.flux.catalog import Catalog
from imagesetter.resolve import FromRegistry, FromStatus, KnownDigest, Source


class Asked(Protocol):
    """What decides where the answers come from."""

    @property
    def source(self) -> SourceName:
        """registry, lock or status."""


@contextmanager
def source_for(asked: Asked, catalog: Catalog) -> Iterator[Callable[[KnownDigest], Source]]:
    """A maker of the source that the run asks for; connections are closed when the block ends."""
    match asked.source:
        case "status":
            yield lambda known: FromStatus(catalog)
        case "lock":
            raise UsageError("--from lock is not there yet")
        case _:
            from imagesetter.registry.client import Client

            with Client() as client:
                yield lambda known: FromRegistry(catalog, client, known)
