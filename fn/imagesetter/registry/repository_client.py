"""The requests about one repository: scheme, credentials, deadline, and what a refusal means."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlencode

from imagesetter.errors import (
    CredentialError,
    EgressRefused,
    NotFound,
    ProtocolError,
    RateLimited,
    RegistryError,
    Unauthorized,
    Unreachable,
)
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.auth.flow import RegistryAuth, TokenCache
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import HUB_API, Host, origin
from imagesetter.registry.http.library import httpx
from imagesetter.registry.http.limits import Clock, Deadline
from imagesetter.registry.http.network import NetworkOverrides, NetworkSettings
from imagesetter.registry.http.redaction import error_reason, printable, redacted_url
from imagesetter.registry.http.request import RequestOptions, new_request
from imagesetter.registry.http.retry import RetryingClient
from imagesetter.registry.http.transport import ConnectionBroken, NotConnected, NoTls
from imagesetter.registry.reference import Repository
from imagesetter.registry.tags import CutDetection, read_object
from imagesetter.registry.upload_times import reads_upload_times, upload_times
from krm_functions.errors import ReportedError

_API_CAP = 8 * 1024 * 1024
_LOOPBACK = ("http", "https", "http")
_MIRROR = re.compile(r"mirror|proxy|cache|hub|docker|remote|virtual")
_NO_REGISTRY = "is there a registry at this address, or a proxy or login page before it?"
_NOT_SUPPORTED = (501, 505, 511)
"""Not implemented, not this version of HTTP, a login to the network: another attempt does not help."""
_DEAD_FOR = 30.0
"""Seconds for which a host that does not respond is not tried again."""


class Session:
    """What the repositories of a run share that are reached with the same certificates and proxy.

    A proxy and a certificate authority of the input could pose as any host; so what is learned with them stays there.
    """

    def __init__(
        self,
        client: RetryingClient,
        tokens: TokenCache,
        address_rules: AddressRules,
        network: NetworkSettings,
        overrides: NetworkOverrides,
    ) -> None:
        self.client = client
        self.tokens = tokens
        self.address_rules = address_rules
        self.network = network
        self.overrides = overrides
        self.schemes: dict[tuple[str, bool], str] = {}
        """(host, whether plain HTTP is allowed) → the scheme that it was found to speak."""
        self._cuts: dict[str, CutDetection] = {}
        self._dead: dict[str, tuple[float, NotConnected]] = {}
        """host → when it did not respond at all, and how that was reported."""

    def cut_detection(self, host: Host) -> CutDetection:
        """What earlier tag lists of a host say about lists that are cut."""
        return self._cuts.setdefault(str(host), CutDetection())

    def check_alive(self, host: Host, clock: Clock) -> None:
        """Fail at once where the host did not respond a moment ago, after several attempts: the others need no more.

        Raises:
            NotConnected: as then.
        """
        moment, error = self._dead.get(str(host), (-math.inf, None))
        if error is not None and clock.monotonic() - moment < _DEAD_FOR:
            raise NotConnected(error.what, where=error.where, hint=error.hint)

    def note_dead(self, host: Host, clock: Clock, error: NotConnected) -> None:
        """Remember that a host does not respond."""
        self._dead[str(host)] = clock.monotonic(), error

    def repository_client(
        self,
        repository: Repository,
        host: Host,
        insecure: bool,
        deadline: Deadline,
        look_up: Callable[[], Credential | None],
        on_note: Callable[[str], None],
    ) -> RepositoryClient:
        """A client for one repository."""
        return RepositoryClient(self, repository, host, insecure, deadline, look_up, on_note)

    def post_form(self, url: str, form: Mapping[str, str], deadline: Deadline) -> Mapping[str, object]:
        """Post a form to a registry; returns the JSON object that it responds with.

        Raises:
            CredentialError: it responds with something else.
        """
        options = RequestOptions(deadline, overrides=self.overrides)
        response = self.client.send(new_request("POST", url, options, form=urlencode(form)), None)
        if response.status_code != 200:
            reason = error_reason(response.content, response.headers.get("Content-Type", ""), form.values())
            ending = f": {reason}" if reason else ""
            raise CredentialError(f"{redacted_url(url)} responded with {response.status_code}{ending}")
        return read_object(response, redacted_url(url))


class RepositoryClient:
    """Sends requests about one repository."""

    def __init__(
        self,
        session: Session,
        repository: Repository,
        host: Host,
        insecure: bool,
        deadline: Deadline,
        look_up: Callable[[], Credential | None],
        on_note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.session = session
        self.repository = repository
        self.host = host
        self.insecure = insecure
        self.deadline = deadline
        self.look_up = look_up
        self.on_note = on_note
        """Called with what ``-v`` shows."""
        self.warnings: list[str] = []
        """What the user should know although the requests succeeded."""
        self._credential: Credential | None = None
        self._looked = False
        self._lock = threading.Lock()

    @property
    def uses_cloud(self) -> bool:
        """Whether the login is one that a cloud gave."""
        return self._credential is not None and self._credential.from_cloud

    def credential(self) -> Credential | None:
        """The credential for the repository, looked up once and only when wanted."""
        with self._lock:
            if not self._looked:
                self._credential = self.look_up()
                self._looked = True
            return self._credential

    def request(
        self, method: Literal["GET", "HEAD"], target: str, *, body_cap: int, accept: str = "application/json",
        expected: tuple[int, ...] = (), what: str = "", etag: str = "",
    ) -> httpx.Response:  # fmt: skip
        """Request ``/v2/NAME/TARGET``.

        Args:
            expected: statuses besides 200 that the caller handles.
            what: what is requested, in messages; the repository by default.
            etag: the response that is there already; where it is still the same, the status is 304.

        Raises:
            RegistryError: there is no response, or it is a refusal.
        """
        try:
            response = self._send(method, f"/v2/{self.repository.path}/{target}", body_cap, accept, etag)
        except ProtocolError as error:
            error.where = error.where or what or str(self.repository)
            raise
        if response.status_code == 200 or response.status_code in expected or (etag and response.status_code == 304):
            return response
        raise self._refusal(response, what or str(self.repository))

    def _send(self, method: Literal["GET", "HEAD"], path: str, body_cap: int, accept: str, etag: str) -> httpx.Response:
        """Use https, or plain HTTP where that is allowed and spoken; a scheme that worked is kept for the run."""
        session = self.session
        plain = session.address_rules.may_use_plain_http(self.host, insecure=self.insecure)
        key = (str(self.host), plain)
        known = session.schemes.get(key)
        schemes = (known,) if known else self._schemes(plain)
        options = RequestOptions(self.deadline, body_cap, session.overrides)
        session.check_alive(self.host, self.deadline.clock)
        auth = RegistryAuth(self.repository.path, self.credential, session.tokens, session.address_rules, self._warn)
        for number, scheme in enumerate(schemes, 1):
            last = number == len(schemes)
            request = new_request(method, f"{scheme}://{self.host}{path}", options, accept=accept, etag=etag)
            try:
                response = session.client.send(request, auth, retry_broken=last)
            except (NoTls, ConnectionBroken) as err:
                if not last:
                    continue
                if isinstance(err, NotConnected) and err.host == self.host:
                    session.note_dead(self.host, self.deadline.clock, err)
                if plain or isinstance(err, ConnectionBroken):
                    raise
                hint = f"if it speaks plain HTTP only: spec.insecure, and --allow-registry {self.host}"
                raise Unreachable(err.what, hint=hint) from err
            if not last and scheme == "http" and _wants_https(response):
                continue
            final_scheme, final_host = origin(str(response.request.url))
            session.schemes[key] = final_scheme if final_host == self.host else scheme
            return response
        raise AssertionError("the last scheme returns or raises")

    def upload_times(self) -> Mapping[str, float]:
        """tag → seconds since 1970, by the registry's own API; empty, with a warning, where that does not respond."""
        challenge = self.session.tokens.challenge(str(self.host))
        if not reads_upload_times(self.host, challenge.parameters.get("service", "") if challenge else ""):
            return {}
        try:
            return upload_times(self.repository, self.host, self.credential(), self._get_from_api)
        except ReportedError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self.warnings.append(f"the upload times of {self.repository} are not known: {error}{hint}")
            return {}

    def _get_from_api(self, url: str, authorization: str) -> object:
        """The JSON document at a URL of the registry's API, which may be on a host of its own.

        Raises:
            RegistryError: there is none.
        """
        rules, host = self.session.address_rules, origin(url)[1]
        if authorization:
            try:
                rules.check_realm(self.host, url, credentials=True)
            except EgressRefused as error:
                hint = f"to allow it: --allow-auth-host {self.host.name}={host.name}"
                raise EgressRefused(
                    f"{host} needs the login of {self.host}, which is not sent there", hint=hint
                ) from error
        options = RequestOptions(self.deadline, _API_CAP, self.session.overrides)
        response = self.session.client.send(new_request("GET", url, options, authorization=authorization), None)
        if response.status_code != 200:
            raise RegistryError(f"{redacted_url(url)} responded with {response.status_code}")
        try:
            document: object = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"{redacted_url(url)} did not respond with JSON") from error
        return document

    def _warn(self, error: CredentialError) -> None:
        """Remember that the registry was requested without credentials, because they cannot be read."""
        warning = f"{self.repository.registry} was requested without credentials: {error}"
        with self._lock:
            if warning not in self.warnings:
                self.warnings.append(warning)
        self.on_note(warning)

    def _schemes(self, plain: bool) -> tuple[str, ...]:
        """What to try in turn; plain HTTP only where it is allowed."""
        if not plain:
            return ("https",)
        tls_first = self.session.network.expects_tls(self.host, self.session.overrides.tls)
        return ("https", "http") if tls_first else _LOOPBACK

    def _refusal(self, response: httpx.Response, what: str) -> RegistryError:
        server = origin(str(response.request.url))[1]
        if server != self.host:
            return self._redirected_refusal(response, what, server)
        credential = self._credential  # what was used, if any; nothing is looked up for the sake of a message
        status, secrets = response.status_code, credential.forms if credential else ()
        reason = error_reason(response.content, response.headers.get("Content-Type", ""), secrets)
        ending = f": {reason}" if reason else ""
        sent = "Authorization" in response.request.headers
        source = printable(credential.source) if credential else ""
        login = "without credentials"
        if credential:
            login = f"with the credentials from {source}" if sent else f"without the credentials from {source}"
        not_sent = "they do not go over plain HTTP: serve the registry over https, or --allow-http-credentials"
        if credential and self.session.address_rules.may_send_credentials(str(response.request.url)):
            not_sent = "the registry has no way of logging in that they are for"
        match status:
            case 401 | 403:
                hint = f"log in to {self.repository.registry}, or name a secretRef"
                if credential:
                    hint = "they are wrong or expired, or do not allow to pull this repository" if sent else not_sent
                return Unauthorized(f"{what}: {self.host} refuses ({status}) {login}{ending}", hint=hint)
            case 404:
                hint = f"requested {login}; registries respond so, too, for what these must not see"
                if credential and not sent:
                    hint = f"requested {login}; {not_sent}"
                return NotFound(f"{what} was not found{ending}", hint=f"{hint}{self._library_hint()}")
            case 429:
                hint = "try again later; with credentials most registries allow more"
                return RateLimited(f"{what}: {self.host} allows no more requests for now (429){ending}", hint=hint)
        if status >= 500:
            hint = _NO_REGISTRY if status in _NOT_SUPPORTED else "try again later"
            return RegistryError(f"{what}: {self.host} fails ({status}){ending}", hint=hint)
        return ProtocolError(f"{what}: {self.host} responded with {status}{ending}", hint=_NO_REGISTRY)

    def _library_hint(self) -> str:
        """Where an official image of Docker Hub is on a mirror or proxy of it, if this may be one."""
        prefix, _, name = self.repository.path.rpartition("/")
        place = f"{self.host.name}/{prefix}"
        if self.host.name == HUB_API or prefix.endswith("library") or not (_MIRROR.search(place) or not prefix):
            return ""
        official = "/".join(filter(None, (self.repository.registry, prefix, "library", name)))
        return f"; if this is an official image of Docker Hub behind a mirror or proxy, its name there is {official}"

    def _redirected_refusal(self, response: httpx.Response, what: str, server: Host) -> RegistryError:
        """A refusal by the server that a redirect led to."""
        status = response.status_code
        reason = error_reason(response.content, response.headers.get("Content-Type", ""))
        kind = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 429: RateLimited}.get(status, RegistryError)
        hint = "a redirect is followed without credentials; if they are needed, name that registry as the image"
        return kind(
            f"{what}: {self.host} redirects to {server}, which responded with {status}{reason and f': {reason}'}",
            hint="try again later" if status >= 500 else hint,
        )


def _wants_https(response: httpx.Response) -> bool:
    """Whether this is a TLS server's response to plain HTTP, as Go, nginx and Apache give it."""
    return response.status_code == 400 and (b"HTTPS" in response.content or b"SSL-enabled" in response.content)
