"""The main job's stage: a real registry with `my-app`, and an environment in which `imagesetter` is on PATH."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.registries import RunningRegistry, push_image, run_registry
from support.runs import run_in
from support.wheels import pinned_wheels
from tools import CHECKOUT

TAGS = ("1.0.0", "1.0.1", "1.0.10", "1.0.9", "1.1.0", "latest")
EXAMPLES = CHECKOUT / "kustomization-examples"
WRITTEN_HOST = "localhost:5000"
_PINNED = ("PIP_NO_INDEX", "PIP_FIND_LINKS")

# What the packages of these tests have in common; HOST stands for the registry.
MARK = '# {"$imagepolicy": "flux-system:my-app%s"}'
POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: my-app
  namespace: flux-system
  annotations: {config.kubernetes.io/local-config: "true"}
spec: {image: HOST/my-app, interval: 5m, insecure: true}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: my-app
  namespace: flux-system
  annotations: {config.kubernetes.io/local-config: "true"}
spec:
  imageRepositoryRef: {name: my-app}
  policy: {semver: {range: 1.0.x}}
"""
FUNCTION = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata:
  name: images
  annotations:
    config.kubernetes.io/function: "exec: {path: imagesetter}"
"""


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """Debian's docker-registry with the tags of the classic example."""
    with run_registry("2.8", folder=tmp_path_factory.mktemp("registry")) as running:
        push_image(running, "my-app", TAGS)
        yield running


@dataclass(frozen=True)
class Stage:
    """A directory to work in, and the environment to run commands in."""

    root: Path
    host: str
    environment: dict[str, str]

    def run(self, *command: str, cwd: Path | None = None, stdin: str = "", **environment: str) -> Done:
        done = subprocess.run(
            command,
            cwd=cwd or self.root,
            env={**self.environment, **environment},
            input=stdin.encode(),
            capture_output=True,
            timeout=600,  # against a hang; pre-commit builds an environment meanwhile
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def here(self, *arguments: str, cwd: Path | None = None, **environment: str) -> Done:
        """`imagesetter` in this process, in the same environment."""
        ran = run_in(cwd or self.root, *arguments, environment={**self.environment, **environment})
        return Done(ran.status, ran.out, ran.err)

    def shell(self, script: str, *, cwd: Path) -> Done:
        return self.run("bash", "-euo", "pipefail", "-c", script, cwd=cwd)

    def example(self, name: str) -> Path:
        """A copy of an example, with the port of this run's registry in place of the written one."""
        target = self.root / name
        for source in sorted((EXAMPLES / name).rglob("*")):
            if source.is_file():
                path = target / source.relative_to(EXAMPLES / name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(source.read_bytes().replace(WRITTEN_HOST.encode(), self.host.encode()))
        return target


@dataclass(frozen=True)
class Done:
    """What a command left: exit status, stdout, stderr."""

    status: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit {self.status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


@pytest.fixture
def stage(tmp_path: Path, registry: RunningRegistry) -> Stage:
    """A directory of its own, away from any credentials of the machine."""
    work = tmp_path / "work"
    work.mkdir()
    return Stage(work, registry.host.replace("127.0.0.1", "localhost"), environment_in(tmp_path))


def environment_in(folder: Path) -> dict[str, str]:
    """An environment with a home of its own in the folder, and `imagesetter` and the real tools on PATH."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    (home / "gitconfig").write_text(
        "[user]\n  name = tester\n  email = tester@example.com\n[init]\n  defaultBranch = main\n"
        "[maintenance]\n  auto = false\n[receive]\n  autogc = false\n[core]\n  fsync = none\n"
    )
    scripts = Path(sys.executable).parent
    path = os.pathsep.join([str(scripts), str(CHECKOUT / ".tools/bin"), os.environ.get("PATH", os.defpath)])
    return {
        "PATH": path,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "GIT_CONFIG_GLOBAL": str(home / "gitconfig"),
        "LANG": "C.UTF-8",
        # What is installed for a test runs a few times: wheels that are here already, and bytecode of what is imported.
        **{name: os.environ[name] for name in ("PIP_CACHE_DIR", *_PINNED) if name in os.environ},
        "PIP_NO_COMPILE": "1",
        # Registries and remotes of the tests are on this machine.
        "IMAGESETTER_ALLOW_LOOPBACK": "true",
        "IMAGESETTER_ALLOW_GIT": "file:///",
    }


@pytest.fixture(scope="module")
def without_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """pip takes the pinned wheels from a folder, and asks no index."""
    wheels = pinned_wheels(tmp_path_factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        yield


def hook_repository(stage: Stage) -> Path:
    """A Git repository with this checkout's hooks, tagged v0.1.0, standing for the one on the Internet."""
    hooks = stage.root / "hooks"
    tracked = stage.run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=CHECKOUT).stdout.split("\0")
    for file in tracked:
        if file.startswith(
            ("fn/", "requirements/", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
        ):
            target = hooks / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((CHECKOUT / file).read_bytes())
    stage.shell("git init -q && git add . && git commit -qm hooks && git tag v0.1.0", cwd=hooks)
    return hooks
