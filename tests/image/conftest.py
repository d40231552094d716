"""The container image, built by `make image`'s script with buildah, and a command that runs it.

The base is a stand-in: a Debian of the same release with its own Python of the same version, from debootstrap, under
the name of the base that the Dockerfile asks for. So these tests prove the Dockerfile, the start as an unprivileged
user on a read-only root, and the protocol with kpt and kustomize; they say nothing about the real base image. The base
is kept in ``.tools/cache``, making it takes a minute.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import registry, stage  # noqa: F401 -- the registry with my-app, and copies of the examples
from tools import CHECKOUT, cannot_run, require_tool

CACHE = CHECKOUT / ".tools" / "cache"
BASE = "docker.io/library/python:3.13-slim"
SUITE = "trixie"
NAME = "localhost/imagesetter:test"
TOOLS = ("buildah", "debootstrap", "unshare", "setpriv")
# As in an image of the operator's with one line more: the registry of these tests is on this machine.
ALLOWED = ("IMAGESETTER_ALLOW_LOOPBACK=true",)

# What no test needs, and the bytecode, which the real base does not have either.
SPARE = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man")


@dataclass(frozen=True)
class Image:
    """The built image: its configuration, its unpacked root and the environment with a `docker` that runs it."""

    id: str
    config: Mapping[str, Any]
    root: Path
    environment: Mapping[str, str]
    log: Path

    def run(self, *arguments: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command that finds the `docker` of this image on PATH."""
        return subprocess.run(
            arguments, cwd=cwd, env=dict(self.environment), input=stdin, capture_output=True, timeout=300, check=False
        )

    def runs(self) -> list[list[str]]:
        """The arguments of each `docker run` since the last call."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]


class Buildah:
    """buildah with a storage of its own, where only the base image stays."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "storage.conf"
        self.environment = {
            **os.environ,
            "ENGINE": "buildah",
            "CONTAINERS_STORAGE_CONF": str(configuration),
            "BUILDAH_ISOLATION": "chroot",
        }
        # Without overlays, as where the folder is on one itself, each layer and container is a copy of all below it.
        for driver in ("overlay", "vfs"):
            configuration.write_text(
                f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n',
                encoding="utf-8",
            )
            self.environment["STORAGE_DRIVER"] = driver
            tried = subprocess.run(["buildah", "info"], env=self.environment, capture_output=True, check=False)
            if tried.returncode == 0:
                break

    def __call__(self, *arguments: str) -> str:
        return self.execute(require_tool("buildah"), *arguments)

    def execute(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def build(self, *arguments: str) -> str:
        """Build the image as `make image` does; its ID."""
        self.execute(
            str(CHECKOUT / ".ci" / "image"),
            *("--quiet", "--pull-never", "--network=host", "--build-arg", "BASE_DIGEST=", *arguments),
        )
        return self("images", "--no-trunc", "--quiet", NAME)


@contextmanager
def open_storage() -> Iterator[Buildah]:
    """buildah with the base image in its storage, for one session at a time."""
    with _locked(CACHE / "image.lock"):
        buildah = Buildah(CACHE / "containers")
        buildah.environment["IMAGE"] = NAME
        if not buildah("images", "--quiet", "--filter", f"reference={BASE}", "--filter", f"label=suite={SUITE}"):
            _make_base(buildah)
        yield buildah


@contextmanager
def build_image(buildah: Buildah) -> Iterator[tuple[str, Path]]:
    """The image's ID and its unpacked root; both are gone afterwards."""
    number = buildah.build()
    container = buildah("from", "--pull-never", NAME)
    try:
        yield number, Path(buildah("mount", container))
    finally:
        buildah("rm", container)
        buildah("rmi", "--prune", "--force")
        buildah("rmi", "--force", NAME)


@contextmanager
def open_base(buildah: Buildah) -> Iterator[Path]:
    """The unpacked root of the base image."""
    container = buildah("from", "--pull-never", BASE)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


@pytest.fixture(scope="module")  # not longer: the storage is locked, and another worker's tests wait for it
def buildah() -> Iterator[Buildah]:
    for tool in TOOLS:
        require_tool(tool)
    if os.geteuid() != 0:
        cannot_run("needs root: debootstrap and buildah make a root file system")
    with open_storage() as buildah:
        yield buildah


@pytest.fixture
def image(built_image: Image) -> Image:
    """The image, with no run of another test in its log."""
    built_image.runs()
    return built_image


@pytest.fixture(scope="module")
def built_image(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with build_image(buildah) as (number, root):
        config = json.loads(buildah("inspect", "--type", "image", NAME))["OCIv1"]["config"]
        yield Image(number, config, root, *make_docker(tmp_path_factory.mktemp("docker"), NAME, root, config))


def make_docker(folder: Path, name: str, root: Path, config: Mapping[str, Any]) -> tuple[dict[str, str], Path]:
    """Put the stand-in for `docker`, for this image, into a folder; the environment that finds it, and its log."""
    docker = folder / "docker"
    # The interpreter by name: kpt and kustomize may start it with any PATH.
    text = (Path(__file__).parent / "docker").read_text(encoding="utf-8")
    docker.write_text(text.replace("/usr/bin/env python3", sys.executable, 1), encoding="utf-8")
    docker.chmod(0o755)
    known = {"user": config["User"], "entrypoint": config["Entrypoint"], "environment": [*config["Env"], *ALLOWED]}
    (folder / "docker.json").write_text(json.dumps({name: {"root": str(root), **known}}), encoding="utf-8")
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    return environment, folder / "docker.log"


def _make_base(buildah: Buildah) -> None:
    """debootstrap's smallest Debian with Python, as the base image that the Dockerfile names."""
    folder = CACHE / "base"
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / "root"
    packages = "--include=python3,python3-venv,ca-certificates"
    buildah.execute(require_tool("debootstrap"), "--variant=minbase", packages, SUITE, str(root))
    for name in SPARE:
        shutil.rmtree(root / name)
    for bytecode in sorted(root.glob("usr/lib/python3*/**/__pycache__")):
        shutil.rmtree(bytecode)
    # pip in the build has to reach the same index in the same way as pip on this machine.
    for name in ("etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        if Path("/", name).exists():
            shutil.copyfile(Path("/", name), root / name)
    buildah.execute("tar", "--numeric-owner", "-cf", str(folder / "root.tar"), "-C", str(root), ".")
    (folder / "Dockerfile").write_text(f"FROM scratch\nADD root.tar /\nLABEL suite={SUITE}\n", encoding="utf-8")
    buildah("build", "--quiet", "--tag", BASE, str(folder))
    shutil.rmtree(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one session at a time uses the storage."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
