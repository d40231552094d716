"""HTTP to servers that the operator names: the API of a forge, the receiver of events."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.registry_client import settings_for
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.registry.http.address_rules import RegistryPattern
from imagesetter.registry.http.limits import Clock, RateLimiter
from imagesetter.registry.http.redaction import Redaction

if TYPE_CHECKING:
    from imagesetter.registry.http.transport import RegistryTransport

_CONNECTIONS = 4


def operator_transport(url: str, rules: GitAddressRules, network: NetworkOptions) -> RegistryTransport:
    """A transport by the rules for Git servers.

    Args:
        url: its host is allowed, too, as the operator's word or a well-known one; empty for none.
        rules: the operator's.
        network: how to connect.
    """
    from imagesetter.registry.http.transport import RegistryTransport

    hosts = (RegistryPattern.parse(f"{urlsplit(url).hostname}:*"),) if url else ()
    settings = settings_for(network, None)
    limiter = RateLimiter(Clock(), _CONNECTIONS, _CONNECTIONS)
    allowed = rules.hosts._replace(allow=(*rules.hosts.allow, *hosts))
    return RegistryTransport(allowed, limiter, settings.network, Redaction())
