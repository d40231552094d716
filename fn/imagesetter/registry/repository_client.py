"""One repository's questions to its registry: scheme, credentials, deadline, and what a refusal means."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from imagesetter.errors import NotFound, ProtocolError, RateLimited, RegistryError, Unauthorized, Unreachable
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.auth.flow import RegistryAuth, TokenCache
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.limits import Deadline
from imagesetter.registry.http.messages import Interrupted, NoTls, Question, RegistryResponse, Route
from imagesetter.registry.http.remote_text import safe, safe_reason
from imagesetter.registry.http.retry import Exchange
from imagesetter.registry.http.routes import Routes
from imagesetter.registry.reference import Repository

_LOOPBACK = ("http", "https", "http")


@dataclass
class Network:
    """What all repositories of a run share that are asked by one way.

    A proxy and an authority of the input could pose as any host; so what is learned by that way stays there.
    """

    exchange: Exchange
    tokens: TokenCache
    egress: AddressRules
    ways: Routes
    schemes: dict[tuple[str, bool], str] = field(default_factory=dict)
    """(host, whether plain HTTP is allowed) → the scheme that it was found to speak."""


@dataclass
class RepositoryClient:
    """A conversation about one repository."""

    network: Network
    repository: Repository
    host: Host
    route: Route
    insecure: bool
    deadline: Deadline
    look_up: Callable[[], Credential | None]
    _credential: Credential | None = field(default=None, init=False, repr=False)
    _looked: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def credential(self) -> Credential | None:
        """The credential for the repository, looked up once and only when wanted."""
        with self._lock:
            if not self._looked:
                self._credential = self.look_up()
                self._looked = True
            return self._credential

    def ask(
        self, method: Literal["GET", "HEAD"], target: str, *, cap: int, accept: str = "application/json",
        passing: tuple[int, ...] = (), elsewhere: bool = False, what: str = "",
    ) -> RegistryResponse:  # fmt: skip
        """Ask for ``/v2/NAME/TARGET``.

        Args:
            passing: statuses besides 200 that the caller wants to see.
            elsewhere: whether it may be redirected to another host.
            what: what is asked for, in messages; the repository by default.

        Raises:
            RegistryError: there is no answer, or it is a refusal.
        """
        answer = self._send(method, f"/v2/{self.repository.path}/{target}", cap, accept, elsewhere)
        if answer.status == 200 or answer.status in passing:
            return answer
        raise self._refusal(answer, what or str(self.repository))

    def _send(
        self, method: Literal["GET", "HEAD"], path: str, cap: int, accept: str, elsewhere: bool
    ) -> RegistryResponse:
        """Speak https, or plain HTTP where that is allowed and spoken; what a host spoke once it speaks for the run."""
        plain = self.network.egress.may_use_plain_http(self.host, insecure=self.insecure)
        key = (str(self.host), plain)
        known = self.network.schemes.get(key)
        schemes = (known,) if known else self._schemes(plain)
        for number, scheme in enumerate(schemes, 1):
            last = number == len(schemes)
            auth = RegistryAuth(
                self.repository.path, self.credential, self.network.tokens, self.network.egress, self.deadline
            )
            question = Question(
                method,
                f"{scheme}://{self.host}{path}",
                accept,
                cap,
                self.deadline,
                self.route,
                auth,
                elsewhere=elsewhere,
                patient=last,
            )
            try:
                answer = self.network.exchange.ask(question)
            except (NoTls, Interrupted) as err:
                if not last:
                    continue
                if plain or isinstance(err, Interrupted):
                    raise
                hint = f"if it speaks plain HTTP only: spec.insecure, and --allow-registry {self.host}"
                raise Unreachable(err.what, hint=hint) from err
            if not last and scheme == "http" and _wants_https(answer):
                continue
            self.network.schemes[key] = scheme
            return answer
        raise AssertionError("the last scheme answers or raises")

    def _schemes(self, plain: bool) -> tuple[str, ...]:
        """What to try in turn; plain HTTP only where it is allowed."""
        if not plain:
            return ("https",)
        return ("https", "http") if self.network.ways.expects_tls(self.host, self.route.tls) else _LOOPBACK

    def _refusal(self, answer: RegistryResponse, what: str) -> RegistryError:
        credential = self._credential  # what was used, if any; nothing is looked up for the sake of a message
        said = safe_reason(answer.body, answer.header("content-type"), credential.forms if credential else ())
        ending = f": {said}" if said else ""
        asker = f"with the credentials from {safe(credential.source)}" if credential else "without credentials"
        match answer.status:
            case 401 | 403:
                hint = (
                    "they are wrong or expired, or do not allow to pull this repository"
                    if credential
                    else f"log in to {self.repository.registry}, or name a secretRef"
                )
                return Unauthorized(f"{what}: {self.host} refuses ({answer.status}) {asker}{ending}", hint=hint)
            case 404:
                hint = f"asked {asker}; registries answer so, too, for what these must not see"
                return NotFound(f"{what} is not there{ending}", hint=hint)
            case 429:
                hint = "try again later; with credentials most registries allow more"
                return RateLimited(f"{what}: {self.host} allows no more requests for now (429){ending}", hint=hint)
        if answer.status >= 500:
            return RegistryError(f"{what}: {self.host} fails ({answer.status}){ending}", hint="try again later")
        return ProtocolError(f"{what}: {self.host} answered {answer.status}{ending}")


def _wants_https(answer: RegistryResponse) -> bool:
    """Whether this is a TLS server's answer to plain HTTP, as Go, nginx and Apache give it."""
    return answer.status == 400 and (b"HTTPS" in answer.body or b"SSL-enabled" in answer.body)
