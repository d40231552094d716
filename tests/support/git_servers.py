"""Real Git servers on loopback: smart HTTP by ``git http-backend``, with a login and TLS, and SSH by a real sshd.

::

    with run_git_http(folder, users={"bot": "s3cret"}) as server:
        ...server.url("remote.git"), server.fault = "cut before"
    server = make_sshd(folder)
    ...server.url(path), server.command(), server.known_hosts
"""

from __future__ import annotations

import base64
import contextlib
import getpass
import os
import shlex
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal, cast

from support.certificates import Authority
from tools import require_tool

Fault = Literal["", "cut before", "cut after", "hang", "refuse"]


class GitHttp(ThreadingHTTPServer):
    """A Git server over HTTP.

    ``users`` may do all; without any, everybody may. ``fault`` is what happens to the next pushes: the connection is
    cut before the server has done anything, or after it has done all; it hangs; the server refuses with 403.
    ``asked`` are the requests, and whose they were.
    """

    daemon_threads = True

    def __init__(self, folder: Path, users: Mapping[str, str], tls: Authority | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.users = folder, users
        self.scheme = "https" if tls else "http"
        self.port: int = self.server_address[1]
        self.fault: Fault = ""
        self.released = threading.Event()
        self.asked: list[tuple[str, str]] = []
        self.errors: list[str] = []
        """What went wrong in the server itself; a test must not pass, nor fail, in silence about it."""
        if tls:
            certificate = tls.issue("localhost", "127.0.0.1")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def url(self, name: str, login: str = "") -> str:
        """The URL of a repository in the folder, with ``user:password`` if one is given."""
        return f"{self.scheme}://{login + '@' if login else ''}127.0.0.1:{self.port}/{name}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what is wrong; that a client went away is not."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            self.errors.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 300

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server = cast("GitHttp", self.server)
        body = self._body()
        user = self._user(server.users)
        server.asked.append((user, self.path))
        if server.users and not user:
            self._send("401 Unauthorized", {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            return
        pushes = self.command == "POST" and self.path.endswith("/git-receive-pack")
        fault = server.fault if pushes else ""
        if fault == "cut before":
            self.close_connection = True
            return
        if fault == "refuse":
            text = b"Write access to repository not granted."
            self._send("403 Forbidden", {"Content-Type": "text/plain"}, text)
            return
        if fault == "hang":
            server.released.wait()
            self.close_connection = True
            return
        head, _, answer = self._backend(server.folder, user, body).partition(b"\r\n\r\n")
        if fault == "cut after":
            self.close_connection = True
            return
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self._send(headers.pop("Status", "200 OK"), headers, answer)

    def _user(self, users: Mapping[str, str]) -> str:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ""
        name, _, password = base64.b64decode(encoded).decode().partition(":")
        return name if users.get(name) == password else ""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while length := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _backend(self, folder: Path, user: str, body: bytes) -> bytes:
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "receive.autogc",
            "GIT_CONFIG_VALUE_1": "false",
            "GIT_CONFIG_KEY_2": "core.fsync",
            "GIT_CONFIG_VALUE_2": "none",
            "GIT_PROJECT_ROOT": str(folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": user,
            "REMOTE_ADDR": "127.0.0.1",
        }
        return subprocess.run(
            [require_tool("git"), "http-backend"], input=body, env=environment, capture_output=True, check=True
        ).stdout

    def _send(self, status: str, headers: Mapping[str, str], body: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def run_git_http(
    folder: Path, *, users: Mapping[str, str] | None = None, tls: Authority | None = None
) -> Iterator[GitHttp]:
    """Serve the repositories of a folder over HTTP.

    Args:
        folder: holds bare repositories.
        users: name → password.
        tls: serve HTTPS with a certificate of this authority.
    """
    with GitHttp(folder, users or {}, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
            assert server.errors == []


@dataclass(frozen=True)
class GitSsh:
    """An SSH server that takes one key, and what a client needs to reach it.

    No port is listened to: the client starts a server of its own for each connection and talks to it through pipes, as
    OpenSSH's own tests do it. So ``host`` and ``port`` are but the server's name, in URLs and in ``known_hosts``.
    """

    server: str
    user: str
    identity: Path
    known_hosts: Path
    host = "git.test"
    port = 2222

    def url(self, path: Path) -> str:
        """The URL of a repository."""
        return f"ssh://{self.user}@{self.host}:{self.port}{path}"

    def command(self, *options: str, identity: Path | None = None, known_hosts: Path | None = None) -> str:
        """The ssh command that a deploy key's owner gives to git."""
        settings = {
            "IdentityFile": identity or self.identity,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": known_hosts or self.known_hosts,
            "GlobalKnownHostsFile": os.devnull,
            "ProxyCommand": self.server,
        }
        # Without -F: a machine's own settings shall not decide a test.
        words = ["ssh", "-F", os.devnull, *options]
        return shlex.join([*words, *(f"-o{name}={value}" for name, value in settings.items())])


def make_key(path: Path) -> Path:
    """A key pair of ssh; the public half is beside it."""
    subprocess.run(
        [require_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True
    )
    return path


def make_sshd(folder: Path) -> GitSsh:
    """A real sshd, as the user that runs the tests; its log is in the folder."""
    sshd = require_tool("sshd")
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        # Where root's sshd locks up its unprivileged half; the package leaves that to its service to make.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host, identity = make_key(folder / "host"), make_key(folder / "identity")
    configuration = folder / "sshd_config"
    configuration.write_text(
        f"HostKey {host}\nAuthorizedKeysFile {identity}.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\n"
        f"SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL={os.devnull}\n",
        encoding="utf-8",
    )
    server = shlex.join([sshd, "-i", "-E", str(folder / "sshd.log"), "-f", str(configuration)])
    known = folder / "known_hosts"
    ssh = GitSsh(server, getpass.getuser(), identity, known)
    kind, key, _ = (folder / "host.pub").read_text(encoding="utf-8").split()
    known.write_text(f"[{ssh.host}]:{ssh.port} {kind} {key}\n", encoding="utf-8")
    return ssh
