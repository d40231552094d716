"""A small repository with a registry that changes from day to day, and the real commands run in it.

The registry is a dictionary, and the time of day is what the test says it is; nothing sleeps and nothing connects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagesetter.cli import clock
from imagesetter.errors import NotFound
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan, ScanOptions
from support.runs import Ran, run_here, write_files
from support.shelf import Shelf

IMAGE = "registry.example.com/web"
REPOSITORY = f"""\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web, namespace: flux-system}}
spec: {{image: {IMAGE}, interval: 5m}}
"""
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: web
  namespace: flux-system
  annotations: {}
spec:
  imageRepositoryRef: {name: web}
  policy: {semver: {range: 1.x}}
"""
POLICIES = f"{REPOSITORY}---\n{POLICY}"
APP = f"""\
image: {IMAGE}:1.4.0 # {{"$imagepolicy": "flux-system:web"}}
"""


def digest(content: str) -> str:
    """The digest of some content."""
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


@dataclass
class Days(Shelf):
    """A registry of one repository: what each tag holds now, and when it was uploaded where the registry says so."""

    repositories: dict[str, list[str]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    uploaded: dict[str, float] = field(default_factory=dict)
    cached: bool = False
    """Whether its scans are from the cache, five minutes old on the first day."""

    def push(self, *tags: str, content: str = "") -> None:
        """Tags with a content of their own, or with the one that is given."""
        for tag in tags:
            self.contents[tag] = content or tag

    def delete(self, *tags: str) -> None:
        for tag in tags:
            del self.contents[tag]

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        self.scanned.append((repository.canonical, options or ScanOptions()))
        scanned_at = datetime.fromisoformat("2026-03-01T11:55:00").timestamp()  # local time, as it is shown
        return Scan(tuple(sorted(self.contents)), scanned_at, from_cache=self.cached, uploaded=self.uploaded)

    def digest(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> str:
        self.asked.append(tag)
        if self.broken_digests:
            raise self.broken_digests
        if tag not in self.contents:
            raise NotFound(f"{repository}:{tag} was not found")
        return digest(self.contents[tag])


@dataclass
class Sandbox:
    """The repository: files in the working directory, the registry, and the time."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    registry: Days = field(default_factory=Days)
    time: float = 0.0

    def day(self, text: str) -> None:
        """Let it be noon (UTC) of a day."""
        self.time = datetime.fromisoformat(f"{text}T12:00:00").replace(tzinfo=UTC).timestamp()

    def write(self, name: str, text: str) -> None:
        write_files(self.root, {name: text})

    def text(self, name: str = "images.lock.yaml") -> str:
        return (self.root / name).read_bytes().decode()

    def run(self, *arguments: str) -> Ran:
        return run_here(self.capsys, *arguments)


@contextmanager
def open_sandbox(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox in an empty directory with a policy, a field that follows it, and 1.4.0 in the registry."""
    sandbox = Sandbox(root, capsys)
    monkeypatch.chdir(root)

    @contextmanager
    def client(*arguments: object, **options: object) -> Iterator[Days]:
        yield sandbox.registry

    # Where every command gets its client from, when it needs one: no module keeps this one beyond the test.
    monkeypatch.setattr("imagesetter.cli.registry_client.Client", client)
    monkeypatch.setattr(clock, "now", lambda: sandbox.time)
    sandbox.day("2026-03-01")
    sandbox.write("policies.yaml", POLICIES)
    sandbox.write("app.yaml", APP)
    sandbox.registry.push("1.4.0")
    yield sandbox
