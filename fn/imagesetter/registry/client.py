"""Which tags are there, and what is behind this one: the registry client.

Nothing here opens a connection, or even imports an HTTP library, before the first question is asked.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from imagesetter.errors import (
    ImagesetterError,
    NotFound,
    ProtocolError,
    RateLimited,
    RegistryError,
    Unauthorized,
    Unreachable,
)
from imagesetter.registry.reference import DOCKER_HUB, Repository, is_tag

if TYPE_CHECKING:
    from imagesetter.registry.transport import Answer, Transport

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class Scan:
    """The tags of one repository at one moment: valid, unique, sorted bytewise."""

    tags: tuple[str, ...]
    scanned_at: float
    from_cache: bool = False
    warnings: tuple[str, ...] = ()
    uploaded: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How one repository is asked: what its ImageRepository and its Secrets say."""

    insecure: bool = False
    interval: float | None = None
    timeout: float | None = None


class Registry(Protocol):
    """The seam between resolving and the network: `Client` in earnest, a dictionary in tests."""

    def scan(self, repository: Repository, *, options: ScanOptions = ...) -> Scan:
        """All tags of a repository."""
        ...

    def digest(self, repository: Repository, tag: str, *, options: ScanOptions = ...) -> str:
        """The digest that a tag points to now: ``sha256:…``, the index's for several platforms."""
        ...


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What the operator decides, for every repository alike."""

    keychain: Callable[[str, str], tuple[str, str] | None] | None = None
    ca_file: Path | None = None
    connections: int = 16


class Client:
    """A registry client for one run; use it as a context manager."""

    def __init__(self, settings: ClientSettings | None = None) -> None:
        self._settings = settings or ClientSettings()
        self._started: Transport | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        if self._started is not None:
            self._started.close()

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        """All tags of a repository.

        Raises:
            RegistryError: the registry did not give an answer; never "no tags" for that.
        """
        options = options or ScanOptions()
        tags: set[str] = set()
        path = f"/v2/{repository.path}/tags/list"
        query = "n=1000"
        seen = set()
        while query not in seen:
            seen.add(query)
            answer = self._ask("GET", repository, f"{path}?{query}", accept="application/json")
            _check_status(answer, f"{repository}")
            try:
                page = json.loads(answer.body)
            except (ValueError, RecursionError) as err:
                raise ProtocolError(f"{repository}: the tag list is not JSON") from err
            tags.update(tag for tag in page.get("tags") or () if is_tag(tag))
            link = _NEXT.search(answer.headers.get("link", ""))
            if link is None:
                break
            query = link[1].partition("?")[2]
        return Scan(tuple(sorted(tags)), time.time())

    def scan_all(self, questions: Sequence[tuple[Repository, ScanOptions]]) -> list[Scan | ImagesetterError]:
        """Scan several repositories at once; results in the given order, a failure is a value in its place."""

        def one(question: tuple[Repository, ScanOptions]) -> Scan | ImagesetterError:
            try:
                return self.scan(question[0], options=question[1])
            except ImagesetterError as err:
                return err

        with ThreadPoolExecutor(self._settings.connections) as pool:
            return list(pool.map(one, questions))

    def digest(self, repository: Repository, tag: str, *, options: ScanOptions | None = None) -> str:
        """The digest that a tag points to now: the index's where the image is for several platforms."""
        answer = self._ask(
            "HEAD", repository, f"/v2/{repository.path}/manifests/{tag}", accept=", ".join(MANIFEST_TYPES)
        )
        _check_status(answer, f"{repository}:{tag}")
        digest = answer.headers.get("docker-content-digest", "")
        if not digest:
            raise ProtocolError(f"{repository}:{tag}: no digest")
        return digest

    def _ask(self, method: str, repository: Repository, target: str, *, accept: str) -> Answer:
        with self._lock:
            if self._started is None:
                from imagesetter.registry.transport import Transport

                self._started = Transport(self._settings.ca_file)
        host = "registry-1.docker.io" if repository.registry == DOCKER_HUB else repository.registry
        credential = self._settings.keychain(repository.registry, repository.path) if self._settings.keychain else None
        try:
            return self._started.ask(
                method, f"https://{host}{target}", accept=accept, repository=repository.path, credential=credential
            )
        except Unreachable:
            if not host.startswith(("localhost:", "127.0.0.1")):
                raise
            return self._started.ask(
                method, f"http://{host}{target}", accept=accept, repository=repository.path, credential=credential
            )


def _check_status(answer: Answer, what: str) -> None:
    if answer.status == 200:
        return
    kinds: dict[int, type[RegistryError]] = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 429: RateLimited}
    raise kinds.get(answer.status, ProtocolError)(f"{what}: the registry answered {answer.status}")
