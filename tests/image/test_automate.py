"""`automate` in a container: the image has no git and says so; the documented lines put it on top."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.conftest import EXAMPLES
from image.conftest import NAME, Buildah, Image, make_docker
from tools import CHECKOUT, require_tool

WITH_GIT = "localhost/imagesetter-git:test"
NOBODY = 65534

FLEET = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {url: file:///mnt/origin.git, ref: {branch: main}, interval: 1m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: flux-system}
spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.0.x}}}
status: {latestRef: {name: registry.example.com/app, tag: 1.0.1}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: flux-system}
spec: {image: registry.example.com/app, interval: 5m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: fleet, namespace: flux-system}
spec:
  interval: 30m
  sourceRef: {kind: GitRepository, name: fleet}
  git:
    commit: {author: {name: bot, email: bot@example.com}, messageTemplate: Update images}
    push: {branch: main}
  update: {path: ./apps, strategy: Setters}
"""
FIELD = 'image: registry.example.com/app:1.0.0 # {"$imagepolicy": "flux-system:app"}\n'


@dataclass(frozen=True)
class Fleet:
    """A checkout and the bare repository behind it, which a container sees under /mnt."""

    root: Path

    def automate(self, image: Image, name: str) -> subprocess.CompletedProcess[bytes]:
        places = [("/mnt", self.root), ("/tmp", self.root / "tmp")]
        mounts = [part for at, path in places for part in ("--mount", f"type=bind,source={path},target={at}")]
        granted = (*mounts, "--network", "none", "-e", "HOME=/tmp", "-e", "IMAGESETTER_ALLOW_GIT=file:///mnt")
        command = ("automate", "--from", "status", "/mnt/checkout")
        return image.run("docker", "run", "--rm", *granted, name, *command, cwd=self.root)

    def log(self) -> str:
        git = (require_tool("git"), "-c", "safe.directory=*", "-C", str(self.root / "origin.git"))
        log = (*git, "log", "-1", "--format=%an: %s", "main")
        return subprocess.run(log, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Its files are nobody's, as in a pod whose fsGroup is nobody."""
    checkout = tmp_path / "checkout"
    (checkout / "apps").mkdir(parents=True)
    (checkout / "fleet.yaml").write_text(FLEET)
    (checkout / "apps/app.yaml").write_text(FIELD)
    (tmp_path / "tmp").mkdir()
    script = "git init -q -b main; git add .; git commit -qm all; git clone -q --bare . ../origin.git"
    subprocess.run(["bash", "-euc", script], cwd=checkout, check=True)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return Fleet(tmp_path)


@pytest.fixture(scope="module")
def with_git(buildah: Buildah, built_image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image that the manual and the example's README build on ours."""
    pages = (CHECKOUT / "docs/automate.md", EXAMPLES / "automation/README.md")
    found = [re.findall(r"^```dockerfile\nFROM \S+\n(.*?)^```", page.read_text(), re.M | re.S) for page in pages]
    assert found[0] == found[1]
    (dockerfile,) = found[0]
    folder = tmp_path_factory.mktemp("with-git")
    (folder / "Dockerfile").write_text(f"FROM {NAME}\n{dockerfile}")
    buildah("build", "--quiet", "--pull-never", "--network=host", "--tag", WITH_GIT, str(folder))
    container = buildah("from", "--pull-never", WITH_GIT)
    try:
        root = Path(buildah("mount", container))
        config = json.loads(buildah("inspect", "--type", "image", WITH_GIT))["OCIv1"]["config"]
        yield Image(WITH_GIT, config, root, *make_docker(folder, WITH_GIT, root, config))
    finally:
        buildah("rm", container)
        buildah("rmi", "--force", WITH_GIT)


def test_without_git_it_says_what_is_missing(image: Image, fleet: Fleet) -> None:
    before = fleet.log()
    done = fleet.automate(image, NAME)
    assert done.returncode == 1, done.stderr.decode()
    assert "install git" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert fleet.log() == before


def test_with_git_on_top_it_commits_and_pushes_as_nobody_on_a_read_only_root(with_git: Image, fleet: Fleet) -> None:
    assert with_git.config["User"] == f"{NOBODY}:{NOBODY}"
    done = fleet.automate(with_git, WITH_GIT)
    assert done.returncode == 0, f"{done.stdout.decode()}\n{done.stderr.decode()}"
    assert fleet.log() == "bot: Update images\n"
