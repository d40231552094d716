"""The only place where a registry client is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from imagesetter.config import SourceName
from imagesetter.errors import UsageError
from imagesetter.flux.catalog import Catalog
from imagesetter.registry.client import Registry
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
            with open_registry() as registry:
                yield lambda known: FromRegistry(catalog, registry, known)


@contextmanager
def open_registry() -> Iterator[Registry]:
    """A registry client for one run; nothing is imported or connected before its first question."""
    from imagesetter.registry.client import Client

    with Client() as client:
        yield client
