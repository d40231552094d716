"""A registry of the outside world, such as ghcr.io, played by one on loopback: commands run as the manual shows them.

Clients get to it by ``HTTPS_PROXY`` and believe its certificate by ``SSL_CERT_FILE``. The proxy answers in its
name and hands on each request to the real one on loopback; what is meant for another host is refused.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from support.certificates import make_authority


@contextlib.contextmanager
def outside_registry(name: str, *, played_by: str, folder: Path) -> Iterator[dict[str, str]]:
    """Play a registry; yields the variables with which clients find it.

    Args:
        name: of the registry, as clients write it.
        played_by: ``HOST:PORT`` of the one on loopback, plain HTTP.
        folder: for the certificates.
    """
    authority = make_authority(folder)
    issued = authority.issue(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if self.path != f"{name}:443":
                return self.send_error(403)
            self.send_response(200)
            self.end_headers()
            self.request = context.wrap_socket(self.request, server_side=True)
            self.setup()  # reads and writes through the encrypted connection from here on
            return None

        def do_GET(self) -> None:
            connection = http.client.HTTPConnection(played_by)
            connection.request(self.command, self.path, headers=dict(self.headers))
            response = connection.getresponse()
            body = response.read()
            connection.close()
            self.send_response(response.status)
            for header, value in response.getheaders():
                if header.lower() not in {"date", "server", "transfer-encoding", "content-length"}:
                    self.send_header(header, value)
            self.send_header("Content-Length", response.headers.get("Content-Length", str(len(body))))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

        def finish(self) -> None:
            super().finish()
            self.request.close()  # the encrypted one, which the server does not know

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        yield {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(authority.certificate)}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
