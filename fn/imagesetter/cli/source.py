"""Where the latest refs of a run come from: a registry, the lock or a status, as ``--from`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from imagesetter.cli import clock
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.lock.document import Lock
from imagesetter.selection.lock_source import LockSource
from imagesetter.selection.sources import KnownDigest, LatestRefSource, MakeSource, StatusSource

if TYPE_CHECKING:
    from imagesetter.config.options import SourceName
    from imagesetter.flux.catalog import Catalog
    from imagesetter.registry.client import Client


@contextmanager
def source_for(
    name: SourceName,
    lock: Callable[[], Lock],
    network: NetworkOptions,
    *,
    present: Callable[[], Lock | None] = lambda: None,
) -> Iterator[MakeSource]:
    """A maker of the source that the run asks for; its sources share one client, closed when the block ends.

    Args:
        name: where the answers come from.
        lock: reads the lock, if that is where.
        network: what the operator allows, if a registry is where.
        present: reads the lock that is there, if any: a registry's answers heed its holds and ages.
    """
    match name:
        case "status":
            yield lambda catalog, known: StatusSource(catalog)
        case "lock":
            recorded = lock()
            yield lambda catalog, known: LockSource(catalog, recorded, clock.now())
        case _:
            # Imported here, since most lists that kpt hands on hold no marker, and ask no registry.
            if network.allow_registry or network.allow_auth_host:
                from imagesetter.cli.registry_client import settings_for

                settings_for(network, None)  # a pattern that cannot be read is an error even where nothing is asked

            with ExitStack() as opened:

                @cache
                def client() -> Client:
                    from imagesetter.cli.registry_client import open_client

                    return opened.enter_context(open_client(network))

                def from_registry(catalog: Catalog, known: KnownDigest) -> LatestRefSource:
                    from imagesetter.selection.candidates import Chooser
                    from imagesetter.selection.registry_source import RegistrySource

                    return RegistrySource(catalog, client(), known, choose=Chooser(present() or Lock({}), clock.now()))

                yield from_registry
