"""The only place where a registry client is made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.progress import Progress
from imagesetter.errors import ImageReferenceError
from imagesetter.registry.client import Client, ClientSettings
from imagesetter.registry.events import Listener
from imagesetter.registry.reference import Repository, parse_flux_image
from imagesetter.registry.settings import settings_from_environment
from krm_functions.errors import UsageError


@contextmanager
def open_client(network: NetworkOptions, *, named: str = "") -> Iterator[Client]:
    """The registry client of a run; it connects at the first request.

    Args:
        network: the operator's options.
        named: a registry that the operator named on the command line, which allows it.

    Raises:
        UsageError: a pattern that cannot be read.
        CredentialError: a proxy variable that cannot be read.
    """
    if named and not network.allow_registry:
        network = network._replace(allow_registry=(named,))
    with (
        Progress(verbose=network.verbose, quiet=network.quiet) as progress,
        Client(settings_for(network, progress)) as client,
    ):
        yield client


def settings_for(network: NetworkOptions, listener: Listener | None) -> ClientSettings:
    """The settings of the registry client, from the operator's options.

    Raises:
        UsageError: a pattern that cannot be read.
        CredentialError: a proxy variable that cannot be read.
    """
    return settings_from_environment(
        os.environ,
        home_folder(),
        allow_registry=network.allow_registry,
        allow_auth_host=network.allow_auth_host,
        allow_http_credentials=network.allow_http_credentials,
        trust_input=network.trust_input,
        allow_loopback=network.allow_loopback,
        allow_cloud_metadata=network.allow_cloud_metadata,
        cache_dir=network.cache_dir,
        cache=not network.no_cache,
        refresh=network.refresh,
        timeout=network.timeout,
        deadline=network.ends or network.deadline,
        max_tags=network.max_tags,
        listener=listener,
    )


def home_folder() -> Path:
    """The home directory; a container's user may have none, so a path that does not exist replaces it."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def image_argument(text: str) -> Repository:
    """IMAGE as in an ImageRepository: without scheme, tag or digest.

    Raises:
        UsageError: it is not valid; the message is Flux's.
    """
    try:
        return parse_flux_image(text)
    except ImageReferenceError as error:
        raise UsageError(str(error), hint=error.hint or "write it as in ImageRepository.spec.image") from error
