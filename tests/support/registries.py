"""Real registries on loopback, one a test may own: Debian's docker-registry 2.8 and distribution v3.

They differ where clients break: 2.8 ignores ``n``, does not page and lists unsorted; v3 pages by ``Link``, sorts, and
sends ``"tags": null``. Start one with `run_registry`, fill it with `push_image` (a few tags, by the protocol) or
`link_tags` (thousands, straight into its storage folder).

::

    with run_registry("v3", folder=tmp_path, users={"alice": "s3cret"}, tls=authority) as registry:
        push_image(registry, "team/app", ["1.0.0", "1.1.0"], user=("alice", "s3cret"))
        ...registry.host, registry.ca_file
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from support.certificates import Authority
from support.waiting import wait_until
from tools import require_tool

Kind = Literal["2.8", "v3"]
KINDS: tuple[Kind, ...] = ("2.8", "v3")

_SERVING = re.compile(rb"serving on port ([0-9]+)")
_LISTENING = re.compile(rb"listening on 127\.0\.0\.1:([0-9]+)")

_BINARIES: Mapping[Kind, str] = {"2.8": "docker-registry", "v3": "registry"}

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"


@dataclass(frozen=True)
class RunningRegistry:
    """A registry that answers: where it is, and what a client needs to trust it."""

    kind: Kind
    host: str
    """``127.0.0.1:PORT``; the certificate names ``localhost`` as well."""
    scheme: str
    storage: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    ca_file: Path | None = None

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


@contextlib.contextmanager
def run_registry(
    kind: Kind,
    *,
    folder: Path,
    users: Mapping[str, str] | None = None,
    token_realm: str = "",
    token_certificate: Path | None = None,
    tls: Authority | None = None,
    client_certificates: bool = False,
    storage: Path | None = None,
) -> Iterator[RunningRegistry]:
    """Start a registry on a free loopback port and stop it afterwards.

    Args:
        kind: "2.8" (Debian's docker-registry) or "v3" (distribution).
        folder: for its configuration, log and, without *storage*, its images.
        users: name → password: htpasswd authentication.
        token_realm: URL of a token server (`support.tokens.run_token_server`), with *token_certificate* its signer.
        tls: serve HTTPS with a certificate of this authority.
        client_certificates: and only to clients that show one of the same authority.
        storage: an existing storage folder: both kinds read the same layout.
    """
    binary = require_tool(_BINARIES[kind])
    folder.mkdir(parents=True, exist_ok=True)
    storage = storage or folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": "127.0.0.1:0"},
    }
    if tls is not None:
        certificate = tls.issue("localhost", "127.0.0.1")
        settings["http"]["tls"] = {"certificate": str(certificate.certificate), "key": str(certificate.key)}
        if client_certificates:
            settings["http"]["tls"]["clientcas"] = [str(tls.certificate)]
    if users:
        settings["auth"] = {"htpasswd": {"realm": "test-registry", "path": str(write_htpasswd(folder, users))}}
    elif token_realm:
        settings["auth"] = {
            "token": {
                "realm": token_realm,
                "service": "test-registry",
                "issuer": "test-issuer",
                "rootcertbundle": str(token_certificate),
            }
        }
    name = f"registry-{len(list(folder.glob('registry-*.yml')))}"
    configuration = folder / f"{name}.yml"
    configuration.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
    log = (folder / f"{name}.log").open("wb")
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    process = subprocess.Popen(
        [binary, "serve", str(configuration)], stdout=log, stderr=subprocess.STDOUT, env=environment
    )
    try:
        port = listening_port(process, Path(log.name))
        yield RunningRegistry(
            kind=kind,
            host=f"127.0.0.1:{port}",
            scheme="https" if tls else "http",
            storage=storage,
            process=process,
            ca_file=tls.certificate if tls else None,
        )
    finally:
        process.kill()
        process.wait()
        log.close()


@contextlib.contextmanager
def run_crane_registry(folder: Path) -> Iterator[str]:
    """go-containerregistry's own registry, without TLS and logins, in memory; its ``HOST:PORT``.

    It honours ``n`` and ``last`` and sends no ``Link``, so a list of more than ``n`` tags is cut without a word.
    """
    log = folder / "crane.log"
    command = [require_tool("crane"), "registry", "serve", "--address", "127.0.0.1:0"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield f"localhost:{listening_port(process, log, _SERVING)}"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def run_registry_with_referrers(folder: Path) -> Iterator[str]:
    """go-containerregistry's registry with the referrers API, in memory; its ``HOST:PORT``."""
    log = folder / "registry.log"
    with log.open("wb") as file:
        process = subprocess.Popen([require_tool("registry-with-referrers")], stdout=file, stderr=subprocess.STDOUT)
    try:
        yield f"localhost:{listening_port(process, log, _SERVING)}"
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A loopback port that refuses connections until the block ends: it is taken, and nothing listens on it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def listening_port(process: subprocess.Popen[bytes], log: Path, said: re.Pattern[bytes] = _LISTENING) -> int:
    """The port that *process* chose, once it has written to its log which one it is.

    A port chosen for it could be taken by somebody else before it starts.

    Raises:
        RuntimeError: it ended instead; with the end of its log.
    """
    wait_until(lambda: said.search(log.read_bytes()) or process.poll() is not None)
    if found := said.search(log.read_bytes()):
        return int(found[1])
    raise RuntimeError(f"it does not listen:\n{log.read_text(errors='replace')[-2000:]}")


def write_htpasswd(folder: Path, users: Mapping[str, str]) -> Path:
    """A password file with bcrypt hashes, the only ones that the registries accept."""
    htpasswd = require_tool("htpasswd")
    path = folder / "htpasswd"
    path.write_bytes(
        b"".join(
            subprocess.run([htpasswd, "-Bbn", "-C", "4", name, word], check=True, capture_output=True).stdout
            for name, word in users.items()
        )
    )
    return path


@dataclass(frozen=True)
class Pushed:
    """What lies behind the tags that were pushed."""

    digest: str
    """What a tag resolves to: the index's digest when several platforms were pushed."""
    config_digest: str
    size: int
    """Of the manifest or index, in bytes."""
    platforms: Mapping[str, str] = field(default_factory=dict)
    """platform → manifest digest, such as ``linux/arm64/v8`` → ``sha256:…``; empty without an index."""


def push_image(
    registry: RunningRegistry | str,
    repository: str,
    tags: Iterable[str],
    *,
    user: tuple[str, str] | None = None,
    token: str = "",
    ca_file: Path | None = None,
    docker: bool = False,
    platforms: Iterable[str] = (),
    created: str = "2024-05-01T12:00:00Z",
    labels: Mapping[str, str] | None = None,
) -> Pushed:
    """Push one tiny image under every one of *tags*, over the protocol.

    Args:
        registry: a running one, or ``host:port`` of one that speaks plain HTTP.
        user: name and password, where it asks for them.
        token: a Bearer token instead.
        docker: docker's media types instead of OCI's.
        platforms: ``os/architecture[/variant]``: push an index over one image each.
    """
    host = registry if isinstance(registry, str) else registry.host
    scheme = "http" if isinstance(registry, str) else registry.scheme
    ca_file = ca_file or (None if isinstance(registry, str) else registry.ca_file)
    authorization = f"Bearer {token}" if token else _basic(user) if user else ""
    with _connect(scheme, host, ca_file) as connection:
        push = _Push(connection, repository, authorization)
        wanted = list(platforms)
        if not wanted:
            config, manifest = push.image(docker=docker, platform="linux/amd64", created=created, labels=labels or {})
            for tag in tags:
                push.manifest(tag, manifest)
            return Pushed(_digest(manifest), config, len(manifest))
        children: dict[str, str] = {}
        descriptors = []
        config = ""
        for platform in wanted:
            config, manifest = push.image(docker=docker, platform=platform, created=created, labels=labels or {})
            push.manifest(_digest(manifest), manifest)
            system, architecture, *variant = platform.split("/")
            shape = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
            children[platform] = _digest(manifest)
            media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
            descriptors.append(
                {"mediaType": media_type, "digest": _digest(manifest), "size": len(manifest), "platform": shape}
            )
        index = _encode(
            {"schemaVersion": 2, "mediaType": DOCKER_INDEX if docker else OCI_INDEX, "manifests": descriptors}
        )
        for tag in tags:
            push.manifest(tag, index)
        return Pushed(_digest(index), config, len(index), children)


def push_artifact(host: str, repository: str, name: str, manifest: bytes, blobs: Iterable[bytes] = ()) -> None:
    """Push a manifest of any kind under a tag or its digest, and blobs before it, over plain HTTP."""
    with _connect("http", host, None) as connection:
        push = _Push(connection, repository, "")
        for blob in blobs:
            push.blob(blob)
        push.manifest(name, manifest)


def link_tags(registry: RunningRegistry, repository: str, tags: Iterable[str], existing: str) -> None:
    """Give an image that was pushed under the tag *existing* thousands of tags more, in the registry's storage folder.

    A symbolic link each: both kinds follow it, and 5,000 folders of folders take a slow disk half a minute to delete.
    """
    folder = registry.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags"
    for tag in tags:
        (folder / tag).symlink_to(existing, target_is_directory=True)


def delete_tags(registry: RunningRegistry, repository: str) -> None:
    """Leave the repository without a tag, as garbage collection of old images does."""
    shutil.rmtree(registry.storage / "docker/registry/v2/repositories" / repository / "_manifests/tags")


class _Push:
    def __init__(self, connection: http.client.HTTPConnection, repository: str, authorization: str) -> None:
        self._connection, self._repository, self._authorization = connection, repository, authorization

    def image(self, *, docker: bool, platform: str, created: str, labels: Mapping[str, str]) -> tuple[str, bytes]:
        system, architecture, *variant = platform.split("/")
        config = _encode(
            {
                "created": created,
                "os": system,
                "architecture": architecture,
                **({"variant": variant[0]} if variant else {}),
                "config": {"Labels": dict(labels)},
                "rootfs": {"type": "layers", "diff_ids": []},
            }
        )
        self.blob(config)
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
            "config": {
                "mediaType": DOCKER_CONFIG if docker else OCI_CONFIG,
                "digest": _digest(config),
                "size": len(config),
            },
            "layers": [],
        }
        return _digest(config), _encode(manifest)

    def blob(self, data: bytes) -> None:
        _, headers = self._send("POST", f"/v2/{self._repository}/blobs/uploads/", b"", "", 202)
        place = urlsplit(headers["location"])
        query = f"{place.query}&digest={_digest(data)}" if place.query else f"digest={_digest(data)}"
        self._send("PUT", f"{place.path}?{query}", data, "application/octet-stream", 201)

    def manifest(self, name: str, data: bytes) -> None:
        media_type = json.loads(data)["mediaType"]
        self._send("PUT", f"/v2/{self._repository}/manifests/{name}", data, media_type, 201)

    def _send(
        self, method: str, target: str, body: bytes, media_type: str, expected: int
    ) -> tuple[bytes, dict[str, str]]:
        headers = {"Content-Type": media_type} if media_type else {}
        if self._authorization:
            headers["Authorization"] = self._authorization
        self._connection.request(method, target, body=body, headers=headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != expected:
            raise RuntimeError(f"{method} {target}: {response.status} {answer[:300]!r}")
        return answer, {name.lower(): value for name, value in response.getheaders()}


@contextlib.contextmanager
def _connect(scheme: str, host: str, ca_file: Path | None) -> Iterator[http.client.HTTPConnection]:
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(host, context=ssl.create_default_context(cafile=ca_file), timeout=300)
    else:
        connection = http.client.HTTPConnection(host, timeout=300)
    try:
        yield connection
    finally:
        connection.close()


def _basic(user: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(user).encode()).decode()


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
