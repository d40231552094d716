"""A tree of files and the real command over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from support.runs import Ran, run_here, write_files

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


Lint = Callable[..., Ran]


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lint:
    """Write files below an empty working directory, and run ``imagesetter lint`` there."""
    monkeypatch.chdir(tmp_path)

    def run(files: Mapping[str, str | bytes], *arguments: str) -> Ran:
        write_files(tmp_path, files)
        return run_here(capsys, "lint", *arguments)

    return run
