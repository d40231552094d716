"""How a request is authenticated: the challenge, the token, the second attempt, as an ``httpx.Auth`` flow.

The real request is sent first, without a request for ``/v2/`` before it. Where the response is 401, its challenge says
what to do, and is remembered for the host: for the next repository the token is fetched before the request. Bearer is
preferred to Basic; the realm of Basic is only a label. Tokens are kept by host, scope and credential, and a token that
several threads need is fetched by one of them.

A registry may show a part to everybody, or hide the rest behind 403 or 404, without any challenge. So where there are
credentials for the host, a response without a challenge is not final: the request is sent once more with them, and from
then on they go first to this host. go-containerregistry does the same after a ``/v2/`` that needs no login.

Wrong credentials are an error. They never lead to an anonymous attempt, which would show a private repository as one
that does not exist, or a part of its tags as all of them.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from imagesetter.errors import CredentialError, EgressRefused, ProtocolError, RegistryError, Unauthorized
from imagesetter.registry.auth.challenge import Challenge, parse_challenges
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import Host, absolute_url, origin, parse_url
from imagesetter.registry.http.library import httpx
from imagesetter.registry.http.limits import RETRIED_STATUSES, Clock
from imagesetter.registry.http.redaction import error_reason, printable, redacted_origin, redacted_url
from imagesetter.registry.http.request import new_request, options_of, token_request_options

CLIENT_ID = "imagesetter"

# Tokens for less than a minute are taken to last one, as the specification's default has it and other clients do;
# should they not, the registry's 401 tells. The margin is the time that a request may be under way.
_SHORTEST_LIFE = 60.0
_LONGEST_LIFE = 86400.0
_MARGIN = 10.0

# After these a refresh token is as good as before; after others it may have been used up, so it is not sent again.
_NOTHING_DONE = (429, 503)

_REPOSITORY = re.compile(r"://[^/?#]+/v2/([^?#]+)/(?:tags|manifests|blobs)/")
_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")
_LONGEST_SCOPE = 1024
_MOST_CHALLENGES = 2
_REDIRECTS = 3
_REFUSALS = (401, 403, 404)
_CHANGING = frozenset({"push", "delete", "metadata_write", "*"})

AuthorizationFlow = Generator[httpx.Request, httpx.Response, str]
"""Sends what it takes to learn the value of ``Authorization``, and returns it."""


class _Token:
    def __init__(self, header: str, good_until: float) -> None:
        self.header = header
        self.good_until = good_until


class TokenCache:
    """What a run has learned by one way: the challenge of each host, and the tokens."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._lock = threading.Lock()
        self._fetching: dict[object, threading.Lock] = {}
        self._challenges: dict[str, Challenge] = {}
        self._actions: dict[tuple[str, str], str] = {}
        self._login_first: set[str] = set()
        self._tokens: dict[object, _Token] = {}
        self._refreshed: dict[Credential, str] = {}

    def fetching(self, key: object) -> threading.Lock:
        """The lock that whoever fetches this token holds."""
        with self._lock:
            return self._fetching.setdefault(key, threading.Lock())

    def challenge(self, host: str) -> Challenge | None:
        """The last challenge of a host."""
        return self._challenges.get(host)

    def learn(self, host: str, challenge: Challenge) -> None:
        """Remember a host's challenge."""
        self._challenges[host] = challenge

    def actions(self, host: str, endpoint: str) -> str:
        """The actions that the scope of a host's challenge had for an endpoint; ``pull`` by default."""
        return self._actions.get((host, endpoint), "pull")

    def learn_actions(self, host: str, endpoint: str, actions: str) -> None:
        """Remember the actions of a scope: ACR wants ``metadata_read`` for tags and ``pull`` for manifests."""
        self._actions[host, endpoint] = actions

    def login_first(self, host: str) -> bool:
        """Whether credentials go to the host with the first request, since it sends no challenges."""
        return host in self._login_first

    def send_login_first(self, host: str) -> None:
        """From now on send credentials to the host without waiting for a challenge."""
        self._login_first.add(host)

    def find(self, key: object) -> str:
        """The ``Authorization`` that is good for a while yet, or ""."""
        token = self._tokens.get(key)
        return token.header if token is not None and token.good_until > self.clock.monotonic() + _MARGIN else ""

    def keep(self, key: object, header: str, seconds: float) -> None:
        """Remember a token."""
        self._tokens[key] = _Token(header, self.clock.monotonic() + seconds)

    def refresh_token(self, credential: Credential) -> str:
        """The credential's refresh token, or the one that the server gave in its place."""
        return self._refreshed.get(credential, credential.secret)

    def replace_refresh_token(self, credential: Credential, token: str) -> None:
        """Use another refresh token from now on, in this process."""
        self._refreshed[credential] = token


class TokenServerBusy(RegistryError):
    """The token server gave a response that calls for another attempt."""

    def __init__(self, response: httpx.Response, what: str) -> None:
        super().__init__(what)
        self.response = response


@dataclass
class RegistryAuth(httpx.Auth):
    """Authenticates one request for a repository."""

    repository: str
    credential: Callable[[], Credential | None]
    """Looked up only when something needs it."""
    tokens: TokenCache
    address_rules: AddressRules
    on_unreadable: Callable[[CredentialError], None] = lambda error: None
    """Called where the credentials cannot be read, and are not needed."""
    _unreadable: CredentialError | None = field(default=None, init=False)

    def anonymous(self, url: str) -> RegistryAuth | None:
        """What authenticates the request for a URL that another server redirects to: an anonymous token at most.

        None where the URL is not that of a registry, as for a storage server's.
        """
        match = _REPOSITORY.search(url)
        return RegistryAuth(match[1], lambda: None, self.tokens, self.address_rules) if match else None

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request; do what the challenge says, or send the login where there is none.

        Raises:
            CredentialError: the registry needs credentials, and there may be some that cannot be read.
        """
        try:
            response = yield from self._send(request)
        except Unauthorized as error:
            raise self._unreadable or error from None
        if self._unreadable is not None:
            if response.status_code in _REFUSALS:
                raise self._unreadable
            self.on_unreadable(self._unreadable)

    def _send(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
        """The last response to *request*, and no request after it: httpx takes the last of a flow for its result."""
        host, endpoint = parse_url(str(request.url)).netloc, request.url.path.rsplit("/", 2)[-2]
        known, used = self.tokens.challenge(host), ""
        if known is not None:
            scope = f"repository:{self.repository}:{self.tokens.actions(host, endpoint)}"
            used = yield from self._authorize(request, known, refused="", scope=scope)
        elif self.tokens.login_first(host):
            used = self._login(request, None)
        challenges = 0
        while True:
            response = yield _authorized(request, used)
            lines = response.headers.get_list("WWW-Authenticate")  # unjoined: one that cannot be read spoils no other
            challenge = _choose(parse_challenges(lines)) if response.status_code == 401 else None
            if challenge is None:
                used = "" if used else self._login(request, response)
                if not used:
                    return response
                self.tokens.send_login_first(host)
                continue
            challenges += 1
            if challenges > _MOST_CHALLENGES:
                return response
            self.tokens.learn(host, challenge)
            scope = self._scope(challenge, host, endpoint, again=used.startswith("Bearer"))
            refused, used = used, (yield from self._authorize(request, challenge, refused=used, scope=scope))
            if used in ("", refused):
                return response

    def _find_credential(self) -> Credential | None:
        """The credential, None also where it cannot be read: the registry may not need it."""
        try:
            return self.credential()
        except CredentialError as error:
            self._unreadable = error
            return None

    def _login(self, request: httpx.Request, response: httpx.Response | None) -> str:
        """The header with the credentials for a response that has no challenge; "" where there are none to send."""
        refused = response is not None and response.status_code in _REFUSALS
        if response is not None and not refused and response.status_code != 200:
            return ""
        credential = self._find_credential()
        if credential is None or not self.address_rules.may_send_credentials(str(request.url)):
            return ""
        if credential.kind == "identity" and not refused:
            return ""
        return f"Bearer {credential.secret}" if credential.kind == "token" else credential.basic

    def _scope(self, challenge: Challenge, host: str, endpoint: str, *, again: bool) -> str:
        """The scope to request: the challenge's own, for reading; our own where it has none."""
        offered = read_only(challenge.parameters.get("scope", "")[:_LONGEST_SCOPE])
        beginning = f"repository:{self.repository}:"
        if offered.startswith(beginning) and " " not in offered:
            self.tokens.learn_actions(host, endpoint, offered.removeprefix(beginning))
        if offered and (again or offered.startswith("repository")):
            return offered
        return f"{beginning}pull"

    def _authorize(
        self, request: httpx.Request, challenge: Challenge, *, refused: str, scope: str
    ) -> AuthorizationFlow:
        """The value of the header that the challenge asks for, "" where there is none to give."""
        url, deadline = str(request.url), options_of(request).deadline
        credential = self._find_credential()
        if challenge.scheme == "basic":
            if credential is None or credential.kind == "token":
                return ""
            self.address_rules.check_credentials(url)
            return credential.basic
        if credential is not None and credential.kind == "token":
            self.address_rules.check_credentials(url)
            return f"Bearer {credential.secret}"
        key = (url.partition("/v2/")[0], scope, credential)
        fetching = self.tokens.fetching(key)
        if not fetching.acquire(timeout=deadline.left()):
            raise deadline.missed(f"the token for {parse_url(url).netloc} did not come in time")
        try:
            header = self.tokens.find(key)
            if not header or header == refused:
                header, seconds, refresh = yield from self._fetch(request, challenge, scope, credential)
                if header == refused:
                    raise self._same_token(url, credential)
                self.tokens.keep(key, header, seconds)
                if refresh and credential is not None and credential.kind == "identity":
                    self.tokens.replace_refresh_token(credential, refresh)
        finally:
            fetching.release()
        return header

    def _same_token(self, url: str, credential: Credential | None) -> Unauthorized:
        registry = origin(url)[1]
        hint = f"log in to {registry}, or name a secretRef"
        if credential is not None:
            hint = f"the credentials from {printable(credential.source)} may not allow to pull this repository"
        return Unauthorized(
            f"{registry} refuses (401) the token for {printable(self.repository)} that its token server gives",
            hint=hint,
        )

    def _fetch(
        self, request: httpx.Request, challenge: Challenge, scope: str, credential: Credential | None
    ) -> Generator[httpx.Request, httpx.Response, tuple[str, float, str]]:
        """A token from the token server: header, seconds it lasts, refresh token."""
        url = str(request.url)
        registry = origin(url)[1]
        options = token_request_options(request, allow_local=registry.is_local)
        written = challenge.parameters.get("realm", "")
        try:
            realm = absolute_url(url, written)
        except EgressRefused:
            what = f"{registry} names a token server whose URL, '{redacted_origin(written)}', is not valid"
            raise ProtocolError(what, hint="the registry's administrator has to configure a valid realm") from None
        self.address_rules.check_realm(registry, realm, credentials=credential is not None)
        service = challenge.parameters.get("service", "")
        wanted = {"service": service} if service else {}
        response = None
        if credential is not None and credential.kind == "identity":
            grant = {"grant_type": "refresh_token", "refresh_token": self.tokens.refresh_token(credential)}
            form = urlencode({**grant, **wanted, "scope": scope, "client_id": CLIENT_ID})
            response = yield new_request("POST", realm, options, form=form)
            status = response.status_code
            if status in RETRIED_STATUSES and status not in _NOTHING_DONE:
                raise RegistryError(f"the token server {redacted_url(realm)} of {registry} responded with {status}")
        if response is None or response.status_code in (404, 405):
            login = credential.basic if credential is not None else ""
            name = {"account": credential.username} if credential is not None and credential.username else {}
            query = urlencode({**wanted, "scope": scope.split(), **name, "client_id": CLIENT_ID}, doseq=True)
            target = f"{realm}{'&' if '?' in realm else '?'}{query}"
            response = yield new_request("GET", target, options, authorization=login)
            for _ in range(_REDIRECTS):
                target = _same_origin(target, response)
                if not target:
                    break
                response = yield new_request("GET", target, options, authorization=login)
        if response.status_code != 200:
            raise _refusal(response, registry, credential)
        return _read_token(response, credential)


def read_only(scope: str) -> str:
    """A scope without the actions that change something: ``repository:a:pull,push`` is ``repository:a:pull``.

    A scope of another form, such as Gitea's ``*``, stays as it is.
    """
    parts = []
    for part in scope.split():
        resource, colon, actions = part.rpartition(":")
        if colon and ":" in resource:
            kept = [action for action in actions.split(",") if action not in _CHANGING]
            part = f"{resource}:{','.join(kept) or 'pull'}"
        parts.append(part)
    return " ".join(parts)


def _authorized(request: httpx.Request, authorization: str) -> httpx.Request:
    """The request with this ``Authorization``; with none for "": it may have been sent before."""
    request.headers.pop("Authorization", None)
    if authorization:
        request.headers["Authorization"] = authorization
    return request


def _choose(challenges: tuple[Challenge, ...]) -> Challenge | None:
    """Bearer with a realm before Basic; Negotiate and the like are not supported."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
    return next((challenge for challenge in challenges if challenge.scheme == "basic"), None)


def _same_origin(url: str, response: httpx.Response) -> str:
    """Where a token server redirects a request within its own origin, such as to a name with a final slash; else ""."""
    location = response.headers.get("Location", "")
    if not 300 < response.status_code < 400 or not location:
        return ""
    try:
        target = absolute_url(url, location)
        same = origin(target) == origin(url)
    except EgressRefused:
        return ""
    query = urlsplit(url).query
    return (target if "?" in target else f"{target}?{query}") if same else ""


def _read_token(response: httpx.Response, credential: Credential | None) -> tuple[str, float, str]:
    """``token`` or ``access_token``, ``expires_in`` and ``refresh_token`` of the token server's response."""
    where = redacted_url(str(response.url))
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        raise ProtocolError(f"the token server {where} did not respond with JSON") from None  # it may hold a token
    if not isinstance(document, dict):
        raise ProtocolError(f"the token server {where} did not respond with a JSON object")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        reason = error_reason(response.content, "application/json", credential.forms if credential else ())
        refused = document.get("errors") and reason
        raise ProtocolError(f"the token server {where} sent no valid token{f': {reason}' if refused else ''}")
    seconds = document.get("expires_in")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not abs(seconds) < math.inf:
        seconds = _SHORTEST_LIFE
    refresh = document.get("refresh_token")
    refresh = refresh if isinstance(refresh, str) and _TOKEN.fullmatch(refresh) else ""
    return f"Bearer {token}", float(max(_SHORTEST_LIFE, min(seconds, _LONGEST_LIFE))), refresh


def _refusal(response: httpx.Response, registry: Host, credential: Credential | None) -> RegistryError:
    """What a token server's refusal means for the user."""
    server = redacted_url(str(response.url))
    secrets = credential.forms if credential else ()
    reason = error_reason(response.content, response.headers.get("Content-Type", ""), secrets)
    ending = f": {reason}" if reason else ""
    if response.status_code in RETRIED_STATUSES:
        return TokenServerBusy(
            response, f"the token server {server} of {registry} responded with {response.status_code}{ending}"
        )
    if response.status_code in (400, 401, 403):
        if credential is None:
            return Unauthorized(
                f"the token server {server} of {registry} gives no token without credentials{ending}",
                hint=f"log in to {registry}, or name a secretRef",
            )
        source = printable(credential.source)
        return Unauthorized(
            f"the token server {server} of {registry} refuses the credentials from {source}{ending}",
            hint="they are wrong or have expired; no request was sent without them",
        )
    if 300 <= response.status_code < 400:
        return ProtocolError(f"the token server {server} of {registry} redirects, which is not followed")
    return ProtocolError(f"the token server {server} of {registry} responded with {response.status_code}{ending}")
