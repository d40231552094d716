"""The container image runs under kpt and kustomize: as nobody, on a read-only root, with no more than was granted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from e2e.conftest import EXAMPLES, WRITTEN_HOST, Stage
from image.conftest import NAME, Buildah, Image, make_docker
from imagesetter import __version__
from tools import CHECKOUT, require_tool

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
