"""The only place where a registry client is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from imagesetter.cli import clock
from imagesetter.cli.network_options import NetworkOptions

if TYPE_CHECKING:
    from pathlib import Path

    from imagesetter.config.options import SourceName
    from imagesetter.flux.catalog import Catalog
    from imagesetter.lock.document import Lock
    from imagesetter.registry.client import Client, ClientSettings
    from imagesetter.registry.events import Listener
    from imagesetter.selection.sources import KnownDigest, LatestRefSource, MakeSource


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
            from imagesetter.selection.sources import StatusSource

            yield lambda catalog, known: StatusSource(catalog)
        case "lock":
            from imagesetter.selection.lock_source import LockSource

            recorded = lock()
            yield lambda catalog, known: LockSource(catalog, recorded, clock.now())
        case _:
            if network.allow_registry or network.allow_auth_host:
                settings_for(network, None)  # a pattern that cannot be read is told even where nothing is asked

            with ExitStack() as opened:

                @cache
                def client() -> Client:
                    return opened.enter_context(open_client(network))

                def from_registry(catalog: Catalog, known: KnownDigest) -> LatestRefSource:
                    # Here, since a run that asks nothing needs none of it: most lists that kpt hands on hold no marker.
                    from imagesetter.lock.document import Lock
                    from imagesetter.selection.candidates import Chooser
                    from imagesetter.selection.sources import RegistrySource

                    return RegistrySource(catalog, client(), known, choose=Chooser(present() or Lock({}), clock.now()))

                yield from_registry


@contextmanager
def open_client(network: NetworkOptions, *, named: str = "") -> Iterator[Client]:
    """The registry client of a run, as the operator asks for it; nothing is connected before its first question.

    Args:
        network: the operator's options.
        named: a registry that the operator named on the command line, which is as good as allowing it.

    Raises:
        UsageError: a pattern that cannot be read.
        CredentialError: a proxy variable that cannot be read.
    """
    from imagesetter.cli.progress import Progress
    from imagesetter.registry.client import Client

    if named and not network.allow_registry:
        network = network._replace(allow_registry=(named,))
    with (
        Progress(verbose=network.verbose, quiet=network.quiet) as progress,
        Client(settings_for(network, progress)) as client,
    ):
        yield client


def settings_for(network: NetworkOptions, listener: Listener | None) -> ClientSettings:
    """The operator's options as the registry client takes them.

    Raises:
        UsageError: a pattern that cannot be read.
        CredentialError: a proxy variable that cannot be read.
    """
    from imagesetter.registry.environment import settings_from_environment

    return settings_from_environment(
        os.environ,
        home_folder(),
        allow_registry=network.allow_registry,
        allow_auth_host=network.allow_auth_host,
        allow_http_credentials=network.allow_http_credentials,
        trust_input=network.trust_input,
        allow_loopback=network.allow_loopback,
        cache_dir=network.cache_dir,
        cache=not network.no_cache,
        refresh=network.refresh,
        timeout=network.timeout,
        deadline=network.ends or network.deadline,
        listener=listener,
    )


def home_folder() -> Path:
    """The home folder; a container's user may have none, and then there is nothing to read there."""
    from pathlib import Path

    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")
