"""The container image runs under kpt and kustomize: as nobody, on a read-only root, with no more than was granted.

All that needs the image stands in this module, so that it is built once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from e2e.conftest import EXAMPLES, WRITTEN_HOST, Stage
from image.conftest import BASE, NAME, SUITE, Buildah, Image, make_docker
from imagesetter import __version__
from tools import CHECKOUT, require_tool

WITH_GIT = "localhost/imagesetter-git:test"
BASE_WITH_GIT = "localhost/imagesetter-base-git"
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
CONTAINER = f"container: {{image: {NAME}, network: true}}"


def packages(image: Image) -> Path:
    (found,) = image.root.glob("opt/imagesetter/lib/python3*/site-packages")
    return found


def in_container(package: Path, file: str, old: str, new: str) -> None:
    path = package / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_configuration_names_an_unprivileged_user_the_function_and_where_it_comes_from(image: Image) -> None:
    labels = image.config["Labels"]
    assert image.config["User"] == "65534:65534"
    assert image.config["Entrypoint"][-2:] == ["-m", "imagesetter"]
    assert "Cmd" not in image.config
    assert labels["org.opencontainers.image.version"] == __version__
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["org.opencontainers.image.revision"])
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", labels["org.opencontainers.image.created"])
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_only_the_pinned_requirements_are_installed(image: Image) -> None:
    installed = {
        (canonicalize_name(name), version)
        for path in packages(image).glob("*.dist-info")
        for name, version in [path.stem.split("-")]
    }
    pins = re.findall(r"^([\w.-]+)==(\S+)", (CHECKOUT / "requirements/runtime.txt").read_text(), re.M)
    assert installed == {*((canonicalize_name(name), version) for name, version in pins), ("imagesetter", __version__)}


def test_everything_that_runs_is_compiled_and_no_time_stamp_can_make_it_stale(image: Image) -> None:
    ours = list(packages(image).rglob("*.py"))
    (library,) = (path.parent for path in image.root.glob("usr/**/lib/python3.*/os.py"))
    standard = list(library.glob("*.py"))
    assert min(len(ours), len(standard)) > 100
    flags = {
        int.from_bytes(next((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")).read_bytes()[4:8], "little")
        for path in [*ours, *standard]
    }
    assert flags == {0b01}, "PEP 552: valid by hash, and the hash is not checked at run time"


def test_two_builds_of_one_commit_are_the_same_image(image: Image, buildah: Buildah) -> None:
    assert buildah.build("--no-cache") == image.id


def render(image: Image, stage: Stage, *options: str) -> subprocess.CompletedProcess[bytes]:
    """What `kustomize build` says to the example, with the container in place of the command."""
    package = stage.example("kustomize-build")
    in_container(package, "imagesetter.yaml", "exec:\n        path: imagesetter", CONTAINER)
    return image.run(require_tool("kustomize"), "build", "--enable-alpha-plugins", *options, cwd=package)


def test_kustomize_build_runs_the_image_and_gives_the_same_as_the_command(image: Image, stage: Stage) -> None:
    done = render(image, stage, "--network")
    assert done.returncode == 0, done.stderr.decode()
    expected = (EXAMPLES / "kustomize-build/.expected/output.yaml").read_text()
    assert done.stdout.decode() == expected.replace(WRITTEN_HOST, stage.host)
    (run,) = image.runs()
    assert run[run.index("--network") + 1] == "host"
    assert run[run.index("--user") + 1] == "nobody"


def test_kustomize_build_starts_nothing_when_the_network_is_not_granted(image: Image, stage: Stage) -> None:
    done = render(image, stage)
    assert done.returncode != 0
    assert "--network" in done.stderr.decode()
    assert image.runs() == []


def test_kpt_runs_the_image_and_keeps_every_comment(image: Image, stage: Stage) -> None:
    package = stage.example("kpt-package")
    before = (package / "deployment.yaml").read_text()
    in_container(package, "Kptfile", "exec: imagesetter", f"image: {NAME}")
    render = (require_tool("kpt"), "fn", "render", "--allow-network")
    for turn in ("first", "second"):
        done = image.run(*render, cwd=package)
        assert done.returncode == 0, done.stderr.decode()
        assert (package / "deployment.yaml").read_text() == before.replace("1.0.0", "1.0.10"), turn
    assert [run[run.index("--network") + 1] for run in image.runs()] == ["host", "host"]


def test_without_the_network_the_package_stays_as_it_is_and_the_reason_is_told(image: Image, stage: Stage) -> None:
    package = stage.example("kpt-package")
    before = (package / "deployment.yaml").read_text()
    in_container(package, "Kptfile", "exec: imagesetter", f"image: {NAME}")
    done = image.run(require_tool("kpt"), "fn", "render", cwd=package)
    assert done.returncode != 0
    assert stage.host in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert (package / "deployment.yaml").read_text() == before


def test_the_command_line_is_there_too(image: Image, tmp_path: Path) -> None:
    done = image.run("docker", "run", "--rm", NAME, "--version", cwd=tmp_path)
    assert done.stdout.decode().splitlines()[0] == f"imagesetter {__version__}", done.stderr.decode()


def test_no_shell_is_needed(image: Image, stage: Stage) -> None:
    shells = [image.root / "usr/bin" / name for name in ("bash", "dash")]
    try:
        for shell in shells:
            shell.chmod(0)
        assert render(image, stage, "--network").returncode == 0
        assert len(image.runs()) == 1
    finally:
        for shell in shells:
            shell.chmod(0o755)


def test_kpt_and_kustomize_run_a_function_of_the_sdk_in_a_container(
    image: Image, buildah: Buildah, tmp_path: Path
) -> None:
    """The Dockerfile of kustomization-examples/sdk, on the image of imagesetter."""
    name, folder = "localhost/set-labels:test", CHECKOUT / "kustomization-examples" / "sdk"
    arguments = ("--build-arg", f"IMAGE={NAME}", "--build-arg", "FUNCTION=set_labels", "--tag", name)
    buildah("build", "--quiet", "--pull-never", *arguments, str(folder))
    container = buildah("from", "--pull-never", name)
    try:
        config = json.loads(buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
        (tmp_path / "docker").mkdir()
        root = Path(buildah("mount", container))
        environment, log = make_docker(tmp_path / "docker", name, root, config)
        function = replace(image, environment=environment, log=log, root=root)
        package = Path(shutil.copytree(folder / "package", tmp_path / "package"))
        settings = ("--", "team=five", "example.com/tier=front")
        done = function.run(require_tool("kpt"), "fn", "eval", str(package), "--image", name, *settings, cwd=tmp_path)
        assert done.returncode == 0, done.stderr.decode()
        (started,) = function.runs()
        assert started[started.index("--network") + 1] == "none"
        assert b"[PASS]" in done.stderr, done.stderr.decode()
        by_hand = Path(shutil.copytree(folder / "package", tmp_path / "by-hand"))
        options = [f"--set={setting}" for setting in settings[1:]]
        command = [sys.executable, folder / "functions" / "set_labels.py", by_hand, *options]
        subprocess.run(command, env={**os.environ, "PYTHONPATH": str(CHECKOUT / "fn")}, check=True)
        assert {path.name: path.read_text() for path in package.iterdir()} == {
            path.name: path.read_text() for path in by_hand.iterdir()
        }, done.stderr.decode()
        kustomize = (require_tool("kustomize"), "fn", "run", str(package), "--image", name, *settings)
        (package / "Kptfile").unlink()
        assert function.run(*kustomize, cwd=tmp_path).returncode == 0
        assert (package / "web.yaml").read_text() == (by_hand / "web.yaml").read_text()
    finally:
        buildah("rm", container)
        buildah("rmi", "--force", name)


def test_kpt_without_network_applies_the_lock_of_the_package(image: Image, stage: Stage) -> None:
    package = stage.example("locked")
    before = (package / "deployment.yaml").read_text()
    lock = (package / "images.lock.yaml").read_bytes()
    kptfile = package / "Kptfile"
    kptfile.write_text(kptfile.read_text().replace("exec: imagesetter", f"image: {NAME}"))
    done = image.run(require_tool("kpt"), "fn", "render", cwd=package)
    assert done.returncode == 0, done.stderr.decode()
    assert (package / "deployment.yaml").read_text() == before.replace("1.4.2", "1.4.1")
    assert (package / "images.lock.yaml").read_bytes() == lock
    (run,) = image.runs()
    assert run[run.index("--network") + 1] == "none"


# --- automate: the image has no git and says so; the documented lines put it on top


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
    """Our image with what the manual and the example's README put on top.

    Their lines run on the base image, once for each text of theirs, and stay with it in the storage; what ours adds to
    the base is copied into the result.
    """
    pages = (CHECKOUT / "docs/automate.md", EXAMPLES / "automation/README.md")
    found = [re.findall(r"^```dockerfile\nFROM \S+\n(.*?)^```", page.read_text(), re.M | re.S) for page in pages]
    assert found[0] == found[1]
    (lines,) = found[0]
    folder = tmp_path_factory.mktemp("with-git")
    name = f"{BASE_WITH_GIT}:{SUITE}-{hashlib.sha256(lines.encode()).hexdigest()[:16]}"
    if not buildah("images", "--quiet", "--filter", f"reference={name}"):
        (folder / "Dockerfile").write_text(f"FROM {BASE}\n{lines}")
        buildah("build", "--quiet", "--pull-never", "--network=host", "--tag", name, str(folder))
    container = buildah("from", "--pull-never", name)
    try:
        root = Path(buildah("mount", container))
        subprocess.run(["cp", "-a", str(built_image.root / "opt/imagesetter"), str(root / "opt")], check=True)
        user = json.loads(buildah("inspect", "--type", "image", name))["OCIv1"]["config"]["User"]
        config = {**built_image.config, "User": user}
        yield Image(name, config, root, *make_docker(folder, WITH_GIT, root, config))
    finally:
        buildah("rm", container)


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
