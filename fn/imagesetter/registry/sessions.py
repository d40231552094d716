"""The HTTP client of a run, and what its repositories share; `Client` imports it at the first request."""

from __future__ import annotations

from imagesetter.registry.auth.flow import TokenCache
from imagesetter.registry.http.limits import RateLimiter
from imagesetter.registry.http.network import NetworkOverrides
from imagesetter.registry.http.redaction import Redaction
from imagesetter.registry.http.retry import RetryingClient
from imagesetter.registry.http.transport import RegistryTransport
from imagesetter.registry.repository_client import Session
from imagesetter.registry.settings import ClientSettings


class Sessions:
    """One session for all repositories that are reached in the same way, each over the same HTTP client."""

    def __init__(self, settings: ClientSettings, rate_limiter: RateLimiter, redaction: Redaction) -> None:
        self._settings = settings
        self._transport = settings.transport or RegistryTransport(
            settings.address_rules, rate_limiter, settings.network, redaction
        )
        self._http = RetryingClient(self._transport, settings.address_rules, rate_limiter, redaction)
        self._sessions: dict[NetworkOverrides, Session] = {}

    def find(self, overrides: NetworkOverrides) -> Session:
        """The session for repositories with these certificates and proxies."""
        if overrides not in self._sessions:
            settings = self._settings
            tokens = TokenCache(settings.clock)
            self._sessions[overrides] = Session(self._http, tokens, settings.address_rules, settings.network, overrides)
        return self._sessions[overrides]

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()
