"""One request, one answer: connections and the limits they are under. The only file that names the HTTP library.

Every byte of every exchange, those with a token server included, passes `Transport._send`. There the host is checked,
the resolver's answer is checked and *that* address connected to, a slot is taken, the body is counted while it arrives
(packed or not), and the deadline runs down in every single read. Whatever is asked above: nothing reads more, waits
longer or asks elsewhere than the rules allow.

The library is httpcore, the half of httpx that speaks HTTP: connections, pools, proxies. The other half takes as long
to import again, and as long for each request, and all it did here was to send what a login asks for.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpcore

from imagesetter import __version__
from imagesetter.errors import EgressRefused, Unreachable
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.bodies import first_bytes, whole_body
from imagesetter.registry.http.hosts import Address, Host, Url, parse_host, parse_url
from imagesetter.registry.http.limits import Deadline, RateLimiter
from imagesetter.registry.http.messages import (
    ERROR_CAP,
    Flow,
    Interrupted,
    NoTls,
    Question,
    RegistryResponse,
    Request,
    Route,
    Wire,
)
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.http.redaction import Redaction
from imagesetter.registry.http.remote_text import safe, safe_url
from imagesetter.registry.http.routes import Routes
from imagesetter.registry.http.tls import Tls

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_TIMEOUT = {"connect": _CONNECT_SECONDS, "pool": _CONNECT_SECONDS, "read": _READ_SECONDS, "write": _READ_SECONDS}
# Connections of a pool, the library counts the busy ones too: eight to each of a few registries and token servers. Any
# more are closed after each answer, to be opened again for the next question.
_KEPT = 64
_ALWAYS = ((b"User-Agent", f"imagesetter/{__version__}".encode()), (b"Accept-Encoding", b"identity"))
_BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING"})


class Transport:
    """The connections of a run."""

    def __init__(
        self,
        egress: AddressRules,
        pace: RateLimiter,
        ways: Routes,
        *,
        wire: Wire | None = None,
        redaction: Redaction | None = None,
    ) -> None:
        """Connect nowhere yet; *wire* answers in the place of a network, *redaction* learns what is sent."""
        self._egress, self._pace, self._wire = egress, pace, wire
        self._redaction = redaction or Redaction()
        self._call = _Call()
        self._pools = _Pools(ways, egress, self._call)
        logging.getLogger("httpcore").setLevel(logging.CRITICAL)  # it logs URLs, and these may be signed

    def close(self) -> None:
        """Close every connection, those in use too."""
        self._pools.close()

    def send(self, question: Question) -> RegistryResponse:
        """Send one request, and what its way past a challenge takes; a redirect is an answer.

        Raises:
            RegistryError: no answer in time, or one beyond the limits.
        """
        deadline, route = question.deadline, question.route

        def wire(request: Request) -> RegistryResponse:
            self._redaction.learn(request.authorization, request.form)
            return self._wire(request) if self._wire else self._send(request, route, deadline)

        request = Request(question.method, question.url, question.accept, question.cap)
        self._call.deadline = deadline
        try:
            return wire(request) if question.auth is None else _follow(question.auth.flow(request), wire)
        finally:
            self._call.deadline = None

    def _send(self, request: Request, route: Route, deadline: Deadline) -> RegistryResponse:
        """Every request leaves here, those to a token server too."""
        url = parse_url(request.url)
        self._egress.check_name(url.host)
        pool, proxy = self._pools.find(url, route)
        if proxy is not None and proxy.username:
            self._redaction.learn(Credential(proxy.username, proxy.password).basic)
        self._pace.acquire(url.netloc, deadline)
        try:
            response = pool.handle_request(_composed(request, url))
            try:
                return _read(response, request)
            finally:
                response.close()
        except _BROKEN as err:
            raise _explain(err, request, url, deadline, proxy) from err
        finally:
            self._pace.release(url.netloc)


def _follow(flow: Flow, wire: Wire) -> RegistryResponse:
    """Send what a flow asks for until it has its answer; whatever happens, it lets go of what it holds."""
    with contextlib.closing(flow):
        request = next(flow)
        while True:
            answer = wire(request)
            try:
                request = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]


def _composed(request: Request, url: Url) -> httpcore.Request:
    """The request as the library takes it: our headers, and nothing else."""
    headers = [(b"Host", url.netloc.encode()), *_ALWAYS, (b"Accept", request.accept.encode())]
    if request.authorization:
        headers.append((b"Authorization", request.authorization.encode()))
    body = request.form.encode()
    if body:
        length = str(len(body)).encode()
        headers += [(b"Content-Type", b"application/x-www-form-urlencoded"), (b"Content-Length", length)]
    where = httpcore.URL(
        scheme=url.scheme.encode(), host=url.name.strip("[]").encode(), port=url.port, target=url.target.encode()
    )
    return httpcore.Request(request.method, where, headers=headers, content=body, extensions={"timeout": _TIMEOUT})


def _read(response: httpcore.Response, request: Request) -> RegistryResponse:
    """The whole answer, within its cap."""
    headers: dict[str, str] = {}
    challenges: list[str] = []
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
        if name == "www-authenticate":
            challenges.append(value)
    encoding = headers.get("content-encoding", "").strip().lower()
    if response.status >= 300:
        parts = first_bytes(response.iter_stream(), encoding, ERROR_CAP)
    else:
        parts = whole_body(response.iter_stream(), encoding, request.cap)
    return RegistryResponse(response.status, headers, b"".join(parts), request.url, tuple(challenges))


def _text(value: bytes) -> str:
    """A header's value; what servers mean beyond ASCII nobody says, and most mean UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Call(threading.local):
    """The deadline of the request that this thread has under way."""

    deadline: Deadline | None = None


@dataclass
class _Pools:
    """Connection pools by way: proxy, certificates, encrypted or not."""

    ways: Routes
    egress: AddressRules
    call: _Call
    _pools: dict[tuple[Proxy | None, Tls | None, bool], httpcore.ConnectionPool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, url: Url, route: Route) -> tuple[httpcore.ConnectionPool, Proxy | None]:
        """The pool to send a request by, and the proxy that it leads through."""
        proxy = route.proxy or self.ways.proxies.find(f"{url.scheme}://{url.netloc}")
        encrypted = url.scheme == "https"
        tls = self.ways.certificates(str(url.host), route.tls) if encrypted else None
        key = (proxy, tls, encrypted)
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make(proxy, self.ways.contexts.find(tls) if encrypted else None)
            return self._pools[key], proxy

    def close(self) -> None:
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()

    def _make(self, proxy: Proxy | None, context: ssl.SSLContext | None) -> httpcore.ConnectionPool:
        checked = proxy is None or proxy.from_input
        backend = _Backend(self.call, self.egress.check_address if checked else None)
        common: dict[str, Any] = {
            "ssl_context": context, "network_backend": backend, "max_connections": None,
            "max_keepalive_connections": _KEPT, "keepalive_expiry": 30.0,
        }  # fmt: skip
        if proxy is None:
            return httpcore.ConnectionPool(**common)
        login = (proxy.username.encode(), proxy.password.encode()) if proxy.username else None
        if not proxy.is_socks:
            over = self.ways.contexts.find(None) if proxy.is_https else None
            return httpcore.HTTPProxy(proxy.url, login, proxy_ssl_context=over, **common)
        try:
            return httpcore.SOCKSProxy(proxy.url, login, **common)
        except RuntimeError as err:
            hint = "install the package socksio, or name an http proxy"
            raise Unreachable("a socks5 proxy is configured, but support for it is not installed", hint=hint) from err


class _Backend(httpcore.NetworkBackend):
    """Connects to an address of a host that was looked at first, so that no later answer of the resolver counts."""

    def __init__(self, call: _Call, check: Callable[[Host, Address], None] | None) -> None:
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
                self._check(checked, ipaddress.ip_address(address.partition("%")[0]))
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


def _explain(err: Exception, request: Request, url: Url, deadline: Deadline, proxy: Proxy | None) -> Unreachable:
    """What went wrong on the way, in the words of somebody who has to mend it."""
    host = safe(url.netloc)
    by = f" through the proxy {safe_url(proxy.url)}" if proxy is not None else ""
    # A proxy that is there tells by itself what became of the way from it to the host.
    there, what = (f"the proxy {safe_url(proxy.url)}", "proxy") if proxy is not None else (host, "registry")
    if isinstance(err, httpcore.LocalProtocolError):  # its text quotes headers
        return Unreachable(f"{host} cannot be sent such a request")
    # What a POST did before it broke nobody knows, so it is not repeated.
    sent = not isinstance(err, httpcore.ConnectError | httpcore.ConnectTimeout)
    broken = Unreachable if request.method == "POST" and sent else Interrupted
    cause = err.args[0] if err.args else None  # the pool drops __cause__, the library's errors keep it here
    if isinstance(err, httpcore.TimeoutException):
        if deadline.left() <= 0:
            return deadline.missed(f"{host} did not answer in time{by}")
        return broken(f"{host} did not answer{by}")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unreachable(
            f"the certificate of {host} is not trusted{by}: {safe(cause.verify_message)}",
            hint="for an authority of your own: certSecretRef, a certs.d directory, or SSL_CERT_FILE",
        )
    if isinstance(cause, ssl.SSLError):
        kind = NoTls if cause.reason in _NOT_TLS else Unreachable
        return kind(f"{host} does not speak TLS as it should{by}: {safe(cause.reason or str(cause))}")
    if isinstance(cause, socket.gaierror):
        hint = "is its name right, and known to the DNS of this machine?"
        return Unreachable(f"there is no host {there}: {safe(cause.strerror or '')}", hint=hint)
    if isinstance(cause, ConnectionRefusedError):
        return Interrupted(f"{there} refuses connections", hint=f"does a {what} listen there, on that port?")
    if isinstance(err, httpcore.ProxyError):
        return Unreachable(f"the proxy does not lead to {host}{by}: {safe(str(err))}")
    if isinstance(err, httpcore.ConnectError):
        hint = "is this machine connected to that network, or does a proxy lead there (HTTPS_PROXY)?"
        return Interrupted(f"{host} cannot be reached{by}: {safe(str(err))}", hint=hint)
    return broken(f"{host} broke off{by}: {safe(str(err))}")
