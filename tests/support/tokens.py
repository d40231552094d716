"""A token server that both real registries accept: anonymous, password, refresh token, and tokens that expire soon.

It follows the Docker registry token specification with ES256 and an ``x5c`` header. Repositories under ``public/`` are
open to everybody; all others need a user. Every request it answered is in `TokenServer.requests`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support.certificates import Authority, make_authority
from support.fakes import serving

LEEWAY = 60


@dataclass
class TokenServer:
    """A running token server."""

    realm: str
    certificate: Path
    """The signer's certificate: the registry's ``rootcertbundle``."""
    users: Mapping[str, str]
    refresh_tokens: Mapping[str, str]
    """refresh token → user."""
    lifetime: int
    """Seconds that a token is good for, by both registries' reckoning: they grant a minute beyond its claim."""
    refuses_post: bool = False
    """Answer 404 to POST, as servers do that know no refresh tokens."""
    requests: list[dict[str, Any]] = field(default_factory=list)

    signer: _Signer | None = field(default=None, repr=False)

    def issue(self, repository: str, actions: list[str], user: str = "") -> str:
        """A token as the server gives it; tests that push ask for ``["pull", "push"]``."""
        assert self.signer is not None
        now = int(time.time())
        access = [{"type": "repository", "name": repository, "actions": actions}] if actions else []
        claims = {"iss": "test-issuer", "sub": user, "aud": "test-registry", "jti": uuid.uuid4().hex, "access": access}
        return self.signer.sign({**claims, "exp": now + self.lifetime - LEEWAY, "nbf": now - 90, "iat": now})


@contextlib.contextmanager
def run_token_server(
    folder: Path,
    *,
    users: Mapping[str, str] | None = None,
    refresh_tokens: Mapping[str, str] | None = None,
    lifetime: int = 300,
    tls: Authority | None = None,
    host: str = "localhost",
    refuses_post: bool = False,
) -> Iterator[TokenServer]:
    """Start a token server on loopback; ``http`` unless *tls* signs a certificate for it."""
    signer = _Signer(make_authority(folder / "signer", "test token issuer"))
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listener.daemon_threads = True
    scheme = "http"
    if tls is not None:
        certificate = tls.issue("localhost", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        scheme = "https"
    server = TokenServer(
        realm=f"{scheme}://{host}:{listener.server_port}/token",
        certificate=signer.authority.certificate,
        users=users or {},
        refresh_tokens=refresh_tokens or {},
        lifetime=lifetime,
        refuses_post=refuses_post,
        signer=signer,
    )
    listener.state = server  # type: ignore[attr-defined]
    with serving(listener):
        yield server


class _Signer:
    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        key = serialization.load_pem_private_key(authority.certificate.with_suffix(".key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        parsed = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
        self._chain = [base64.b64encode(parsed.public_bytes(serialization.Encoding.DER)).decode()]

    def sign(self, claims: dict[str, Any]) -> str:
        parts = [_base64url(_encode({"typ": "JWT", "alg": "ES256", "x5c": self._chain})), _base64url(_encode(claims))]
        r, s = decode_dss_signature(self._key.sign(".".join(parts).encode(), ec.ECDSA(hashes.SHA256())))
        return ".".join([*parts, _base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        user = ""
        authorization = self.headers.get("Authorization", "")
        self._note("GET", query, authorization)
        if authorization:
            user, _, word = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            if self._state.users.get(user) != word:
                self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "bad credentials"}]})
                return
        self._issue(query, user, "token")

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())
        values = {name: entries[0] for name, entries in form.items()}
        self._note("POST", values, self.headers.get("Authorization", ""))
        user = self._state.refresh_tokens.get(values.get("refresh_token", ""), "")
        if self._state.refuses_post:
            self._answer(404, {"errors": [{"code": "NOT_FOUND", "message": "no such page"}]})
        elif values.get("grant_type") != "refresh_token" or not user:
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "bad refresh token"}]})
        else:
            self._issue(values, user, "access_token")

    def _issue(self, wanted: Mapping[str, str], user: str, member: str) -> None:
        kind, _, rest = wanted.get("scope", "").partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = actions.split(",") if kind == "repository" and (user or name.startswith("public/")) else []
        token = self._state.issue(name, allowed, user)
        self._answer(200, {member: token, "expires_in": self._state.lifetime})

    def _note(self, method: str, values: Mapping[str, str], authorization: str) -> None:
        self._state.requests.append({"method": method, "authorization": authorization, **values})

    def _answer(self, status: int, value: object) -> None:
        body = _encode(value)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def _state(self) -> TokenServer:
        state = self.server.state  # type: ignore[attr-defined]
        assert isinstance(state, TokenServer)
        return state

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
