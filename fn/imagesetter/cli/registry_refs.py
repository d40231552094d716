"""Latest refs from the registries; apart from `imagesetter.cli.source`, since most runs contact no registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from imagesetter.cli import clock
from imagesetter.cli.ledger_file import with_ledger
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.registry_client import open_client, settings_for
from imagesetter.flux.catalog import Catalog
from imagesetter.lock.document import Lock
from imagesetter.registry.client import Client
from imagesetter.selection.choose import Chooser
from imagesetter.selection.registry_source import RegistrySource
from imagesetter.selection.sources import Digests, LatestRefSource, MakeSource

if TYPE_CHECKING:
    from imagesetter.candidates.situation import HeldTagOf


@contextmanager
def registry_refs(
    network: NetworkOptions, present: Callable[[], Lock | None], held: HeldTagOf | None
) -> Iterator[MakeSource]:
    """A factory of sources that ask the registries; they share one client, closed when the block ends.

    Raises:
        UsageError: a pattern of the operator's that cannot be read.
    """
    settings_for(network, None)
    with ExitStack() as opened:

        @cache
        def client() -> Client:
            return opened.enter_context(open_client(network))

        def from_registry(catalog: Catalog, digests: Digests) -> LatestRefSource:
            choose = Chooser(with_ledger(present(), network.ledger), clock.now(), held=held)
            return RegistrySource(
                catalog,
                client(),
                digests.known,
                choose=choose,
                situation=choose.situation,
                needs_digest=digests.needed,
            )

        yield from_registry
