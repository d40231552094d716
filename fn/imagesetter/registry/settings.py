"""What the operator decides about registries, as one value; `imagesetter.registry.environment` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imagesetter.registry.auth.cloud.identity import CloudIdentities
from imagesetter.registry.auth.credentials import Keychain
from imagesetter.registry.events import Listener
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.limits import Clock, Deadline
from imagesetter.registry.http.network import NetworkSettings
from imagesetter.registry.tags import MOST_TAGS

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx


@dataclass(frozen=True)
class ClientSettings:
    """What the operator decides, for every repository alike."""

    address_rules: AddressRules = field(default_factory=AddressRules)
    keychain: Keychain | None = None
    """The logins of this machine; None: nobody's."""
    cloud: CloudIdentities = field(default_factory=CloudIdentities)
    """The identities that clouds give this machine, for an ImageRepository with ``spec.provider``."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """Proxies and ``certs.d``."""
    cache_folder: Path | None = None
    """None: no cache."""
    refresh: bool = False
    """Ask even where the cache has a young scan, and keep the answer."""
    connections: int = 128
    """To all hosts together; far more than there are hosts with eight each."""
    connections_per_host: int = 8
    timeout: float | None = None
    """Seconds for one repository at most; None: what its ``spec.timeout`` says up to five minutes, 60 by default."""
    deadline: float | Deadline | None = None
    """Seconds for the whole run, from the first question; or a deadline that counts already."""
    max_tags: int = MOST_TAGS
    """A repository with more tags is an error."""
    listener: Listener | None = None
    clock: Clock = field(default_factory=Clock)
    transport: httpx.BaseTransport | None = None
    """Sends requests in place of the network; ``httpx.MockTransport`` in tests."""
