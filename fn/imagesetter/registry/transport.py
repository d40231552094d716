"""One request, one answer: connections and the limits they are under. The only file that names the HTTP library.

Every byte of every exchange, those with a token server included, passes `_Wire`. There the host is checked, the
resolver's answer is checked and *that* address connected to, a slot is taken, the body is counted while it arrives
(packed or not), and the deadline runs down in every single read. What is above may therefore use the library as it
likes: nothing reads more, waits longer or asks elsewhere than the rules allow.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpcore

from imagesetter import __version__
from imagesetter.errors import EgressRefused, ProtocolError, RegistryError, Unreachable
from imagesetter.registry.bodies import first_bytes, whole_body
from imagesetter.registry.egress import Egress
from imagesetter.registry.hosts import Address, Host, origin, parse_host
from imagesetter.registry.pacing import Deadline, Pace
from imagesetter.registry.proxies import Proxy
from imagesetter.registry.questions import Answer, Interrupted, NoTls, Question, Route
from imagesetter.registry.trust import Tls, make_context
from imagesetter.registry.ways import Ways
from imagesetter.registry.wording import safe, safe_url

# Where rich is installed, as it is with us, `import httpx` loads a command line program of its own, which takes longer
# than all the rest of it. It does without where that cannot be imported, so for this moment it cannot.
_barred = sys.modules.setdefault("httpx._main", None) is None  # type: ignore[arg-type]
import httpx  # noqa: E402

if _barred:
    del sys.modules["httpx._main"]

AuthFlow = httpx.Auth
Request = httpx.Request
Response = httpx.Response
Wire = httpx.BaseTransport

ERROR_CAP = 64 * 1024
"""Bytes that are read of an answer which is not a success, and of a token server's answer."""

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_CAP = "imagesetter.cap"
_AGENT = f"imagesetter/{__version__}"
_BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING"})


def make_request(method: str, url: str, *, headers: Mapping[str, str], cap: int = ERROR_CAP, form: str = "") -> Request:
    """A request with our headers, and nothing that the library would add by itself."""
    request = Request(
        method,
        url,
        headers={"User-Agent": _AGENT, "Accept": "application/json", "Accept-Encoding": "identity", **headers},
        content=form.encode() if form else None,
    )
    request.extensions = {
        _CAP: cap,
        "timeout": {
            "connect": _CONNECT_SECONDS,
            "pool": _CONNECT_SECONDS,
            "read": _READ_SECONDS,
            "write": _READ_SECONDS,
        },
    }
    if form:
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    return request


def read_answer(response: Response, url: str) -> Answer:
    """Read a response whole, within its cap, and free its connection."""
    try:
        body = response.read()
    finally:
        response.close()
    return Answer(response.status_code, dict(response.headers), body, url)


class Transport:
    """The connections of a run."""

    def __init__(self, egress: Egress, pace: Pace, ways: Ways, *, wire: Wire | None = None) -> None:
        """Connect nowhere yet; *wire* answers in the place of a network."""
        self._call = _Call()
        self._pools = _Pools(ways, egress, self._call)
        self._make_wire: Callable[[Route], Wire] = lambda route: (
            wire or _Wire(route, self._pools, egress, pace, self._call)
        )
        self._lock = threading.Lock()
        self._clients: dict[Route, httpx.Client] = {}
        for name in ("httpx", "httpcore"):  # they log URLs, and these may be signed
            logging.getLogger(name).setLevel(logging.CRITICAL)

    def close(self) -> None:
        """Close every connection, those in use too."""
        self._pools.close()

    def send(self, question: Question) -> Answer:
        """Send one request; a redirect is an answer.

        Raises:
            RegistryError: no answer in time, or one beyond the limits.
        """
        with self._lock:
            if question.route not in self._clients:
                wire = self._make_wire(question.route)
                self._clients[question.route] = httpx.Client(transport=wire, trust_env=False, follow_redirects=False)
            client = self._clients[question.route]
        request = make_request(question.method, question.url, headers={"Accept": question.accept}, cap=question.cap)
        self._call.deadline = question.deadline
        try:
            return read_answer(client.send(request, auth=question.auth, stream=True), question.url)
        except httpx.HTTPError as err:  # what the library finds wrong by itself, such as an unreadable Location
            raise ProtocolError(f"{safe_url(question.url)}: {safe(str(err))}") from err
        finally:
            self._call.deadline = None


class _Call(threading.local):
    """The deadline of the request that this thread has under way."""

    deadline: Deadline | None = None


@dataclass
class _Pools:
    """Connection pools by way: proxy, certificates, encrypted or not."""

    ways: Ways
    egress: Egress
    call: _Call
    _pools: dict[tuple[Proxy | None, Tls | None, bool], httpcore.ConnectionPool] = field(default_factory=dict)
    _contexts: dict[Tls | None, ssl.SSLContext] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, url: str, route: Route) -> tuple[httpcore.ConnectionPool, Proxy | None]:
        """The pool to send a request by, and the proxy that it leads through."""
        proxy = route.proxy or self.ways.proxies.find(url)
        scheme, host = origin(url)
        tls = self.ways.certificates(str(host), route.tls) if scheme == "https" else None
        key = (proxy, tls, scheme == "https")
        with self._lock:
            if key not in self._pools:
                # The SSL context takes 20 ms to fill, so plain HTTP goes without.
                self._pools[key] = self._make(proxy, self._context(tls) if scheme == "https" else None)
            return self._pools[key], proxy

    def close(self) -> None:
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()

    def _context(self, tls: Tls | None) -> ssl.SSLContext:
        if tls not in self._contexts:
            self._contexts[tls] = make_context(tls)
        return self._contexts[tls]

    def _make(self, proxy: Proxy | None, context: ssl.SSLContext | None) -> httpcore.ConnectionPool:
        checked = proxy is None or proxy.from_input
        backend = _Backend(self.call, self.egress.check_address if checked else None)
        common: dict[str, Any] = {
            "ssl_context": context, "network_backend": backend, "max_connections": None,
            "max_keepalive_connections": 16, "keepalive_expiry": 30.0,
        }  # fmt: skip
        if proxy is None:
            return httpcore.ConnectionPool(**common)
        login = (proxy.username.encode(), proxy.password.encode()) if proxy.username else None
        if not proxy.is_socks:
            over = self._context(None) if proxy.is_https else None
            return httpcore.HTTPProxy(proxy.url, login, proxy_ssl_context=over, **common)
        try:
            return httpcore.SOCKSProxy(proxy.url, login, **common)
        except RuntimeError as err:
            hint = "install the package socksio, or name an http proxy"
            raise Unreachable("a socks5 proxy is configured, but support for it is not installed", hint=hint) from err


class _Wire(Wire):
    """Where requests leave, those of the library's own making too; see the module."""

    def __init__(self, route: Route, pools: _Pools, egress: Egress, pace: Pace, call: _Call) -> None:
        self._route, self._pools, self._egress, self._pace, self._call = route, pools, egress, pace, call

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url, host, deadline = str(request.url), request.url.netloc.decode("ascii"), self._call.deadline
        assert deadline is not None
        self._egress.check_name(origin(url)[1])
        pool, proxy = self._pools.find(url, self._route)
        self._pace.acquire(host, deadline)

        def explain(err: Exception) -> RegistryError:
            return _explain(err, request, deadline, proxy)

        try:
            core = pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except BaseException as err:
            self._pace.release(host)
            if isinstance(err, _BROKEN):
                raise explain(err) from err
            raise
        headers = httpx.Headers(core.headers)
        encoding = headers.pop("content-encoding", "").strip().lower()
        headers.pop("set-cookie", None)
        if core.status >= 300:
            parts = first_bytes(core.iter_stream(), encoding, ERROR_CAP)
        else:
            parts = whole_body(core.iter_stream(), encoding, int(request.extensions.get(_CAP, ERROR_CAP)))
        body = _Body(core, parts, explain, lambda: self._pace.release(host))
        return httpx.Response(core.status, headers=headers, stream=body, extensions={"http_version": b"HTTP/1.1"})


class _Body(httpx.SyncByteStream):
    """A bounded body that frees its connection's slot when it is closed."""

    def __init__(
        self, core: httpcore.Response, parts: Iterable[bytes], explain: Callable[[Exception], RegistryError],
        done: Callable[[], None],
    ) -> None:  # fmt: skip
        self._core, self._parts, self._explain, self._done = core, parts, explain, done
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._parts
        except _BROKEN as err:
            raise self._explain(err) from err

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            try:
                self._core.close()
            finally:
                self._done()


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


def _explain(err: BaseException, request: httpx.Request, deadline: Deadline, proxy: Proxy | None) -> Unreachable:
    """What went wrong on the way, in the words of somebody who has to mend it."""
    host = safe(request.url.netloc.decode("ascii"))
    by = f" through the proxy {safe_url(proxy.url)}" if proxy is not None else ""
    if isinstance(err, httpcore.LocalProtocolError):  # its text quotes headers
        return Unreachable(f"{host} cannot be sent such a request")
    # What a POST did before it broke nobody knows, so it is not repeated.
    sent = not isinstance(err, httpcore.ConnectError | httpcore.ConnectTimeout)
    broken = Unreachable if request.method == "POST" and sent else Interrupted
    cause = err.args[0] if err.args else None  # the pool drops __cause__, the library's errors keep it here
    if isinstance(err, httpcore.TimeoutException):
        if deadline.left() <= 0:
            return Unreachable(f"{host} did not answer in time{by}", hint=f"give it more time: {deadline.what}")
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
        return Unreachable(f"there is no host {host}{by}: {safe(cause.strerror or '')}")
    if isinstance(cause, ConnectionRefusedError):
        return Interrupted(f"{host} refuses connections{by}")
    if isinstance(err, httpcore.ProxyError):
        return Unreachable(f"the proxy does not lead to {host}{by}: {safe(str(err))}")
    if isinstance(err, httpcore.ConnectError):
        return Interrupted(f"{host} cannot be reached{by}: {safe(str(err))}")
    return broken(f"{host} broke off{by}: {safe(str(err))}")
