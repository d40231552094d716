"""How a request gets its ``Authorization``: the challenge, the token, the second attempt.

The real request goes first, without asking ``/v2/`` what it wants. Where it is answered 401, the challenge says what to
do, and is remembered for the host: for the next repository the token is fetched before the request. Bearer is chosen
before Basic; the realm of Basic is a label and never asked. Tokens are kept by host, repository and credential, and a
token that several threads need is fetched by one of them.

Wrong credentials are an error. They never lead to an anonymous attempt, which would show a private repository as one
that does not exist.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode, urljoin

from imagesetter.errors import ProtocolError, RegistryError, Unauthorized
from imagesetter.registry.auth.challenge import Challenge, parse_challenges
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import Host, origin, parse_url
from imagesetter.registry.http.limits import RETRIED_STATUSES, Clock, Deadline
from imagesetter.registry.http.messages import Busy, Flow, RegistryResponse, Request
from imagesetter.registry.http.remote_text import safe, safe_reason, safe_url

CLIENT_ID = "imagesetter"

# Tokens for less than a minute are taken to last one, as the specification's default has it and other clients do;
# should they not, the registry's 401 tells. The margin is the time that a request may be under way.
_SHORTEST_LIFE = 60.0
_LONGEST_LIFE = 86400.0
_MARGIN = 10.0

# After these a refresh token is as good as before; after others it may have been used up, so it is not sent again.
_NOTHING_DONE = (429, 503)

_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")
_LONGEST_SCOPE = 1024

Steps = Generator[Request, RegistryResponse, str]


@dataclass(slots=True)
class _Token:
    header: str = field(repr=False)
    good_until: float


@dataclass
class TokenCache:
    """What a run has learned by one way: the challenge of each host, and the tokens."""

    clock: Clock = field(default_factory=Clock)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _fetching: dict[object, threading.Lock] = field(default_factory=dict)
    _challenges: dict[str, Challenge] = field(default_factory=dict)
    _tokens: dict[object, _Token] = field(default_factory=dict)
    _refreshed: dict[Credential, str] = field(default_factory=dict, repr=False)

    def fetching(self, key: object) -> threading.Lock:
        """The lock that whoever fetches this token holds."""
        with self._lock:
            return self._fetching.setdefault(key, threading.Lock())

    def challenge(self, host: str) -> Challenge | None:
        """What the host asked for last."""
        return self._challenges.get(host)

    def learn(self, host: str, challenge: Challenge) -> None:
        """Remember what a host asks for."""
        self._challenges[host] = challenge

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


@dataclass
class RegistryAuth:
    """One request's way past the challenge; see `imagesetter.registry.http.messages.Auth`."""

    repository: str
    credential: Callable[[], Credential | None]
    """Looked up only when something asks for it."""
    tokens: TokenCache
    egress: AddressRules
    deadline: Deadline

    def flow(self, request: Request) -> Flow:
        """Ask; where that is refused, do what the challenge says and ask again, twice at most."""
        url, host = request.url, parse_url(request.url).netloc
        scope, used = f"repository:{self.repository}:pull", ""
        known = self.tokens.challenge(host)
        if known is not None:
            used = yield from self._authorize(url, known, refused="", scope=scope)
        for _ in range(2):
            answer = yield replace(request, authorization=used)
            challenge = _choose(parse_challenges(answer.challenges)) if answer.status == 401 else None
            if challenge is None:
                return answer
            self.tokens.learn(host, challenge)
            if used:  # our own idea of the scope did not do; a virtual repository may go by another name
                scope = challenge.parameters.get("scope", "")[:_LONGEST_SCOPE] or scope
            refused = used
            used = yield from self._authorize(url, challenge, refused=refused, scope=scope)
            if used in ("", refused):
                return answer
        return (yield replace(request, authorization=used))

    def _authorize(self, url: str, challenge: Challenge, *, refused: str, scope: str) -> Steps:
        """The value of the header that the challenge asks for, "" where there is none to give."""
        credential = self.credential()
        if challenge.scheme == "basic":
            if credential is None or credential.kind == "token":
                return ""
            self.egress.check_credentials(url)
            return credential.basic
        if credential is not None and credential.kind == "token":
            self.egress.check_credentials(url)
            return f"Bearer {credential.secret}"
        key = (url.partition("/v2/")[0], scope, credential)
        fetching = self.tokens.fetching(key)
        if not fetching.acquire(timeout=self.deadline.left()):
            raise self.deadline.missed(f"the token for {parse_url(url).netloc} did not come in time")
        try:
            header = self.tokens.find(key)
            if not header or header == refused:
                header, seconds, refresh = yield from self._fetch(url, challenge, scope, credential)
                self.tokens.keep(key, header, seconds)
                if refresh and credential is not None and credential.kind == "identity":
                    self.tokens.replace_refresh_token(credential, refresh)
        finally:
            fetching.release()
        return header

    def _fetch(
        self, url: str, challenge: Challenge, scope: str, credential: Credential | None
    ) -> Generator[Request, RegistryResponse, tuple[str, float, str]]:
        """A token from the token server: header, seconds it lasts, refresh token."""
        registry = origin(url)[1]
        try:
            realm = urljoin(url, challenge.parameters.get("realm", ""))
        except ValueError as error:
            raise ProtocolError(f"{registry} names a token server by what is no URL") from error
        self.egress.check_realm(registry, realm, credentials=credential is not None)
        wanted = {"service": challenge.parameters.get("service", ""), "scope": scope}
        wanted = {name: value for name, value in wanted.items() if value}
        answer = None
        if credential is not None and credential.kind == "identity":
            grant = {"grant_type": "refresh_token", "refresh_token": self.tokens.refresh_token(credential)}
            form = urlencode({**grant, **wanted, "client_id": CLIENT_ID})
            answer = yield Request("POST", realm, form=form)
            if answer.status in RETRIED_STATUSES and answer.status not in _NOTHING_DONE:
                raise RegistryError(f"the token server {safe_url(realm)} of {registry} answered {answer.status}")
        if answer is None or answer.status in (404, 405):
            login = credential.basic if credential is not None else ""
            name = {"account": credential.username} if credential is not None and credential.username else {}
            asked = f"{realm}{'&' if '?' in realm else '?'}{urlencode({**wanted, **name, 'client_id': CLIENT_ID})}"
            answer = yield Request("GET", asked, authorization=login)
        if answer.status != 200:
            raise _refusal(answer, registry, credential)
        return _read_token(answer)


def _choose(challenges: tuple[Challenge, ...]) -> Challenge | None:
    """Bearer with a realm before Basic; Negotiate and the like are not for us."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.parameters.get("realm"):
            return challenge
    return next((challenge for challenge in challenges if challenge.scheme == "basic"), None)


def _read_token(answer: RegistryResponse) -> tuple[str, float, str]:
    """``token`` or ``access_token``, ``expires_in`` and ``refresh_token`` of the token server's answer."""
    where = safe_url(answer.url)
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ProtocolError(f"the token server {where} did not answer with JSON") from None  # it may hold a token
    if not isinstance(document, dict):
        raise ProtocolError(f"the token server {where} did not answer with a JSON object")
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ProtocolError(f"the token server {where} gave no token")
    seconds = document.get("expires_in")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not abs(seconds) < math.inf:
        seconds = _SHORTEST_LIFE
    refresh = document.get("refresh_token")
    refresh = refresh if isinstance(refresh, str) and _TOKEN.fullmatch(refresh) else ""
    return f"Bearer {token}", float(max(_SHORTEST_LIFE, min(seconds, _LONGEST_LIFE))), refresh


def _refusal(answer: RegistryResponse, registry: Host, credential: Credential | None) -> RegistryError:
    """What a token server's refusal means for whoever asked."""
    server = safe_url(answer.url)
    said = safe_reason(answer.body, answer.header("content-type"), credential.forms if credential else ())
    ending = f": {said}" if said else ""
    if answer.status in RETRIED_STATUSES:
        return Busy(answer, f"the token server {server} of {registry} answered {answer.status}{ending}")
    if answer.status in (400, 401, 403):
        if credential is None:
            return Unauthorized(
                f"the token server {server} of {registry} gives nothing without credentials{ending}",
                hint=f"log in to {registry}, or name a secretRef",
            )
        return Unauthorized(
            f"the token server {server} of {registry} refuses the credentials from {safe(credential.source)}{ending}",
            hint="they are wrong or have expired; nothing was tried without them",
        )
    if 300 <= answer.status < 400:
        return ProtocolError(f"the token server {server} of {registry} redirects, which is not followed")
    return ProtocolError(f"the token server {server} of {registry} answered {answer.status}{ending}")
