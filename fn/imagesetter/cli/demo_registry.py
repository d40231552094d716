"""A registry on loopback that serves tags and digests only, which is all that the demo needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from krm_functions.errors import InputError, UsageError


@contextmanager
def loopback_registry(repositories: Mapping[str, Sequence[str]], *, port: int = 0) -> Iterator[str]:
    """Serve ``tags/list`` and manifest digests of the given repositories; yields ``127.0.0.1:PORT``.

    Args:
        repositories: the tags of each repository name.
        port: the port to listen on; 0 for any free port.

    Raises:
        UsageError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            for name, tags in repositories.items():
                if path == f"/v2/{name}/tags/list":
                    return self._answer(200, json.dumps({"name": name, "tags": list(tags)}).encode())
                for tag in tags:
                    if path == f"/v2/{name}/manifests/{tag}":
                        return self._answer(200, json.dumps({"schemaVersion": 2, "annotations": {"tag": tag}}).encode())
            return self._answer(404, b'{"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known"}]}')

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing: the demo prints its own steps."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UsageError(f"cannot listen on port {port}: {error.strerror}", hint="choose another port") from error
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        server.server_close()
        hint = "allow this user more processes and threads (ulimit -u)"
        raise InputError("cannot start the registry: no thread can be started", hint=hint) from error
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
