"""A registry that behaves as badly as a test wants: the test says how each request is answered, and reads what came.

::

    with run_fake(lambda seen: Reply(200, {"tags": None})) as fake:
        ...ask fake.host...
        assert fake.seen[0].path == "/v2/app/tags/list"
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.certificates import Authority, Certificate

_TLS_GREETING = b"\x16"


@dataclass(frozen=True)
class Seen:
    """A request that came."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")

    def argument(self, name: str) -> str:
        """One value of the query, or of the form in the body."""
        return parse_qs(self.query or self.body.decode()).get(name, [""])[0]


@dataclass(frozen=True)
class Reply:
    """An answer: JSON, bytes, or chunks that are sent as they come (then without a length)."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str | list[str]] = field(default_factory=dict)


Respond = Callable[[Seen], "Reply | None"]
"""None closes the connection without an answer."""


@dataclass
class FakeServer:
    """A running server: where it is, and what came so far."""

    port: int
    scheme: str
    respond: Respond
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    most_at_once: int = 0
    """The largest number of requests that waited for their answer at one time."""
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def paths(self) -> list[str]:
        """Method, path and query of every request, in the order of arrival."""
        return [f"{seen.method} {seen.path}{'?' + seen.query if seen.query else ''}" for seen in self.seen]

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        with self._lock:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1


@contextlib.contextmanager
def serving(listener: ThreadingHTTPServer) -> Iterator[None]:
    """Serve in a thread of its own until the block ends."""
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@contextlib.contextmanager
def run_fake(
    respond: Respond, *, tls: Authority | None = None, certificate: Certificate | None = None
) -> Iterator[FakeServer]:
    """Serve on a free loopback port until the block ends; with TLS for loopback's names, or by *certificate*."""
    listener = _Listener(("127.0.0.1", 0), _Handler)
    if tls is not None:
        certificate = certificate or tls.issue("localhost", "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        listener.context = context
    server = FakeServer(listener.server_port, "https" if tls else "http", respond)
    listener.fake = server
    with serving(listener):
        yield server


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    fake: FakeServer
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.fake.connections += 1
        if self.context is not None:
            try:
                encrypted = self.context.wrap_socket(request, server_side=True)
            except OSError:
                return
            with encrypted:
                super().finish_request(encrypted, client_address)
        elif request.recv(1, socket.MSG_PEEK) == _TLS_GREETING:
            request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up in the middle are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        fake = self.server.fake  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, parts.query, headers, body)
        with fake.under_way():
            fake.seen.append(seen)
            reply = fake.respond(seen)
        # Not under way any more: once it has its answer, the client may ask the next before this thread goes on.
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_CONNECT(self) -> None:
        self.do_GET()

    def _send(self, reply: Reply) -> None:
        names = {name.lower() for name in reply.headers}
        body = reply.body
        self.send_response(reply.status)
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
            if "content-type" not in names:
                self.send_header("Content-Type", "application/json")
        for name, values in reply.headers.items():
            for value in [values] if isinstance(values, str) else values:
                self.send_header(name, value)
        if isinstance(body, bytes):
            if "content-length" not in names:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            return
        self.close_connection = True
        self.send_header("Connection", "close")
        self.end_headers()
        chunks: Iterable[bytes] = body
        for chunk in chunks:
            self.wfile.write(chunk)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""
