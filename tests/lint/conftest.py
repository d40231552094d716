"""A tree of files and the real command over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagesetter.cli.main import main

REPOSITORY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: registry.example.com/web, interval: 5m}
"""
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
"""
POLICIES = f"{REPOSITORY}---\n{POLICY}"
FIELD = 'image: registry.example.com/web:1.2.0 # {"$imagepolicy": "flux-system:web"}\n'


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def findings(self) -> list[str]:
        """The lines without the summary."""
        return self.out.splitlines()[:-1]

    def about(self, rule: str) -> list[str]:
        return [line for line in self.findings if f" {rule}: " in line]


Lint = Callable[..., Ran]


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Write files below an empty working directory, and run ``imagesetter lint`` there."""
    monkeypatch.chdir(tmp_path)

    def run(files: Mapping[str, str | bytes], *arguments: str) -> Ran:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        capsys.readouterr()
        status = main(["lint", *arguments])
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return run
