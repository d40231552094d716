"""An httpx transport: connections, and the limits that apply to them.

Every request, those to a token server included, passes `RegistryTransport.handle_request`. It checks the host's name,
checks the addresses that the resolver gives and connects to a checked one, takes a slot of the rate limiter, counts the
body while it arrives (packed or not), and lets no read or write outlast the deadline. So no code above can read more,
wait longer or connect elsewhere than the rules allow.

The connection pools are httpcore's, as in httpx's own transport, which offers no way to check the connected address.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpcore

from imagesetter.errors import EgressRefused, Unreachable
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.bodies import compression, first_bytes, whole_body
from imagesetter.registry.http.hosts import Address, Host, Url, parse_host, parse_url
from imagesetter.registry.http.library import httpx
from imagesetter.registry.http.limits import Deadline, RateLimiter
from imagesetter.registry.http.network import NetworkOverrides, NetworkSettings
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.http.redaction import Redaction, printable, redacted_url
from imagesetter.registry.http.request import ERROR_CAP, TIMEOUT, options_of
from imagesetter.registry.http.tls import Tls

# Idle connections of a pool, whose host has eight busy ones, or as many as are allowed; the library counts these too.
# Any more are closed after each response, to be opened again for the next request.
_KEPT = 128
_BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING"})
# What describes the body as it was sent; the response that we hand on has it unpacked and whole.
_BODY_HEADERS = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


# By OpenSSL's codes: X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH.
_NAME_HINT = "the certificate is for other names: check the name of the registry, and whether a proxy responds for it"
_CERTIFICATE_HINTS = {
    9: "check the clock of this machine",
    10: "the registry's administrator has to renew it; or check the clock of this machine",
    62: _NAME_HINT,
    64: _NAME_HINT,
}
_AUTHORITY_HINT = "for a certificate authority of your own: certSecretRef, a certs.d directory, or SSL_CERT_FILE"


class ConnectionBroken(Unreachable):
    """The connection broke or took too long: another attempt may help."""


class NotConnected(ConnectionBroken):
    """No connection was made: the host does not respond at all."""

    host: Host | None = None


class NoTls(Unreachable):
    """The server does not speak TLS: it may speak plain HTTP instead."""


class RegistryTransport(httpx.BaseTransport):
    """The connections of a run. It takes requests of `imagesetter.registry.http.request` only."""

    def __init__(
        self, address_rules: AddressRules, rate_limiter: RateLimiter, network: NetworkSettings, redaction: Redaction
    ) -> None:
        """Connect nowhere yet; *redaction* learns the logins of proxies."""
        self._address_rules, self._rate_limiter, self._redaction = address_rules, rate_limiter, redaction
        self._call = _Call()
        self._pools = _Pools(network, address_rules, self._call)
        logging.getLogger("httpcore").setLevel(logging.CRITICAL)  # it logs headers

    def close(self) -> None:
        """Close every connection, those in use too."""
        self._pools.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read the whole response, within its limits.

        Raises:
            RegistryError: no response in time, or one beyond the limits.
        """
        options = options_of(request)
        url = parse_url(str(request.url))
        self._address_rules.check_name(url.host, allow_local=options.allow_local)
        pool, proxy = self._pools.find(url, options.overrides)
        if proxy is not None and proxy.username:
            self._redaction.learn(Credential(proxy.username, proxy.password).basic)
        self._rate_limiter.acquire(url.netloc, options.deadline)
        self._call.deadline, self._call.allow_local = options.deadline, options.allow_local
        try:
            response = pool.handle_request(_for_httpcore(request, url))
            try:
                return _read(response, options.body_cap)
            finally:
                response.close()
        except _BROKEN as err:
            error = _explain(err, request.method, url, options.deadline, proxy)
            if isinstance(error, NotConnected):
                error.host = url.host
            raise error from err
        finally:
            self._call.deadline = None
            self._rate_limiter.release(url.netloc)


def _for_httpcore(request: httpx.Request, url: Url) -> httpcore.Request:
    """The request as the connection pools take it; *url* is the URL whose host was checked."""
    target = httpcore.URL(
        scheme=url.scheme.encode(), host=url.name.strip("[]").encode(), port=url.port, target=url.target.encode()
    )
    timeout = {"timeout": request.extensions["timeout"]}
    return httpcore.Request(
        request.method, target, headers=request.headers.raw, content=request.content, extensions=timeout
    )


def _read(response: httpcore.Response, body_cap: int) -> httpx.Response:
    """The whole response, its body unpacked and within the cap."""
    named = b",".join(value for name, value in response.headers if name.lower() == b"content-encoding")
    encoding = compression(named.decode("latin-1"))
    if response.status >= 300:
        parts = first_bytes(response.iter_stream(), encoding, ERROR_CAP)
    else:
        parts = whole_body(response.iter_stream(), encoding, body_cap)
    headers = [(name, value) for name, value in response.headers if name.lower() not in _BODY_HEADERS]
    return httpx.Response(response.status, headers=headers, content=b"".join(parts))


class _Call(threading.local):
    """What the request that this thread has under way may do."""

    deadline: Deadline | None = None
    allow_local: bool = False


@dataclass
class _Pools:
    """Connection pools by host, proxy, certificates, and whether they are encrypted.

    For each request httpcore looks at all connections of a pool, and for each idle one at all others again.
    """

    network: NetworkSettings
    address_rules: AddressRules
    call: _Call
    _pools: dict[tuple[str, Proxy | None, Tls | None, bool], httpcore.ConnectionPool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, url: Url, overrides: NetworkOverrides) -> tuple[httpcore.ConnectionPool, Proxy | None]:
        """The pool to send a request with, and the proxy that it goes through."""
        proxy = overrides.proxy or self.network.proxies.find(f"{url.scheme}://{url.netloc}")
        encrypted = url.scheme == "https"
        tls = self.network.certificates(str(url.host), overrides.tls) if encrypted else None
        key = (url.netloc, proxy, tls, encrypted)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make(proxy, self.network.contexts.find(tls) if encrypted else None)
            return self._pools[key], proxy

    def close(self) -> None:
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()

    def _make(self, proxy: Proxy | None, context: ssl.SSLContext | None) -> httpcore.ConnectionPool:
        checked = proxy is None or proxy.from_input
        backend = _Backend(self.call, self.address_rules.check_address if checked else None)
        common: dict[str, Any] = {
            "ssl_context": context, "network_backend": backend, "max_connections": None,
            "max_keepalive_connections": _KEPT, "keepalive_expiry": 30.0,
        }  # fmt: skip
        if proxy is None:
            return httpcore.ConnectionPool(**common)
        login = (proxy.username.encode(), proxy.password.encode()) if proxy.username else None
        if not proxy.is_socks:
            over = self.network.contexts.find(None) if proxy.is_https else None
            return httpcore.HTTPProxy(proxy.url, login, proxy_ssl_context=over, **common)
        try:
            return httpcore.SOCKSProxy(proxy.url, login, **common)
        except RuntimeError as err:
            hint = "install the package socksio, or name an http proxy"
            raise Unreachable("a socks5 proxy is configured, but support for it is not installed", hint=hint) from err


class _Check(Protocol):
    """Refuses an address that a host resolved to."""

    def __call__(self, host: Host, address: Address, *, allow_local: bool) -> None: ...


class _Backend(httpcore.NetworkBackend):
    """Resolves a host once, checks the addresses and connects to a checked one: a later DNS answer cannot change it."""

    def __init__(self, call: _Call, check: _Check | None) -> None:
        self._call, self._check = call, check
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        failure: Exception | None = None
        for address in self._addresses(host, port):
            try:
                stream = self._sockets.connect_tcp(address, port, _clamp(self._call, timeout), None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as err:
                failure = err
            else:
                return _Stream(stream, self._call)
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        """The addresses that may be connected to, in the resolver's order."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as err:
            raise httpcore.ConnectError(err) from err
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if self._check is None:
            return addresses
        checked = parse_host(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        allowed, refusal = [], None
        for address in addresses:
            try:
                ip = ipaddress.ip_address(address.partition("%")[0])
                self._check(checked, ip, allow_local=self._call.allow_local)
                allowed.append(address)
            except EgressRefused as err:
                refusal = err
        if refusal is not None and not allowed:
            raise refusal
        return allowed


class _Stream(httpcore.NetworkStream):
    """A connection on which no read or write outlasts the deadline of the request it serves."""

    def __init__(self, inner: httpcore.NetworkStream, call: _Call) -> None:
        self._inner, self._call = inner, call

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _clamp(self._call, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _clamp(self._call, timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _clamp(self._call, timeout)), self._call)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _clamp(call: _Call, timeout: float | None) -> float | None:
    if call.deadline is None:
        return timeout
    left = call.deadline.left()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left if timeout is None else min(timeout, left)


def _explain(err: Exception, method: str, url: Url, deadline: Deadline, proxy: Proxy | None) -> Unreachable:
    """What went wrong with the connection, in the words of somebody who has to fix it."""
    host = printable(url.netloc)
    through = f" through the proxy {redacted_url(proxy.url)}" if proxy is not None else ""
    # A proxy that was reached reports by itself what happened between it and the host.
    server, kind = (f"the proxy {redacted_url(proxy.url)}", "proxy") if proxy is not None else (host, "registry")
    if isinstance(err, httpcore.LocalProtocolError):  # its text quotes headers
        return Unreachable(f"{host} cannot be sent such a request")
    # A POST is not repeated: it is not known what it did before the connection broke.
    sent = not isinstance(err, httpcore.ConnectError | httpcore.ConnectTimeout)
    broken = (Unreachable if method == "POST" else ConnectionBroken) if sent else NotConnected
    cause = err.args[0] if err.args else None  # the pool drops __cause__, httpcore's errors keep it here
    if isinstance(err, httpcore.TimeoutException):
        if deadline.left() <= 0:
            return deadline.missed(f"{host} did not respond in time{through}")
        seconds = TIMEOUT.connect if not sent else TIMEOUT.read
        return broken(f"{host} did not respond within {seconds:.0f} s{through}")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(
            f"the certificate of {host} is not trusted{through}: {printable(cause.verify_message)}",
            hint=_CERTIFICATE_HINTS.get(cause.verify_code, _AUTHORITY_HINT),
        )
    if isinstance(cause, ssl.SSLError):
        reason = printable(cause.reason or str(cause))
        if cause.reason in _NOT_TLS:
            return NoTls(f"{host} does not speak TLS{through}: {reason}")
        return Unreachable(f"the TLS handshake with {host} failed{through}: {reason}")
    if isinstance(cause, socket.gaierror):
        hint = "check the name, and whether this machine's DNS knows it"
        return Unreachable(
            f"the host name of {server} cannot be resolved: {printable(cause.strerror or '')}", hint=hint
        )
    if isinstance(cause, ConnectionRefusedError):
        return NotConnected(f"{server} refuses connections", hint=f"check that a {kind} listens on that port")
    if isinstance(err, httpcore.ProxyError):
        hint = "check that the proxy may connect to that host, or name the host in NO_PROXY"
        if str(err).startswith("407"):
            known = proxy is not None and proxy.username
            hint = (
                "its login is wrong or has expired"
                if known
                else "write its login into HTTPS_PROXY, or into the Secret of proxySecretRef"
            )
        return Unreachable(f"{server} does not connect to {host}: {printable(str(err))}", hint=hint)
    if isinstance(err, httpcore.ConnectError):
        hint = "check this machine's connection to that network, or set a proxy (HTTPS_PROXY)"
        return NotConnected(f"{host} cannot be reached{through}: {printable(str(err))}", hint=hint)
    hint = "try again later; if it stays so, check this machine's connection to that network"
    if isinstance(err, httpcore.RemoteProtocolError):
        hint = f"check that a {kind} listens on that port, and whether another server before it breaks connections"
    return broken(f"the connection to {host} broke{through}: {printable(str(err))}", hint=hint)
