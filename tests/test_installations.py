"""What is installed is what this commit names: each list of pins is complete, and nothing published later gets in."""

from __future__ import annotations

import functools
import http.server
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.wheels import pinned_wheels
from tools import CHECKOUT, cannot_run, require_tool

REQUIREMENTS = CHECKOUT / "requirements"
FILES = sorted(REQUIREMENTS.glob("*.txt"))
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RE2 = [Requirement(line) for line in PROJECT["optional-dependencies"]["re2"]]
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
SYSTEMS = {
    "linux": ("Linux", "posix", "x86_64"),
    "darwin": ("Darwin", "posix", "arm64"),
    "win32": ("Windows", "nt", "AMD64"),
}


def pins(path: Path) -> list[Requirement]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]


def marker_environment(python: str, system: str) -> dict[str, str]:
    platform_system, os_name, machine = SYSTEMS[system]
    values = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    values |= {"platform_system": platform_system, "os_name": os_name, "platform_machine": machine}
    values |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return {**default_environment(), **values, "implementation_version": f"{python}.0"}  # type: ignore[dict-item]


def applies(requirement: Requirement, environment: dict[str, str], extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment, "extra": extra})


def wanted_by(pin: Requirement, environment: dict[str, str]) -> list[Requirement]:
    """What an installed distribution says that it needs, its extras as they are pinned."""
    lines = importlib.metadata.requires(pin.name) or []
    return [
        wanted
        for wanted in map(Requirement, lines)
        if any(applies(wanted, environment, extra) for extra in ("", *pin.extras))
    ]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ["runtime", "build", "dev"])
def test_each_package_of_a_file_finds_all_that_it_needs_in_the_same_file(name: str, python: str, system: str) -> None:
    environment = marker_environment(python, system)
    held = {canonicalize_name(pin.name): pin for pin in pins(REQUIREMENTS / f"{name}.txt") if applies(pin, environment)}
    ours = [] if name == "build" else [*map(Requirement, PROJECT["dependencies"]), *RE2]
    lacking = []
    for pin in held.values():
        try:
            needs = wanted_by(pin, environment)
        except importlib.metadata.PackageNotFoundError:
            assert pin.marker, f"{pin.name} is not installed here"  # it is for another platform
            continue
        lacking += [
            f"{pin.name} needs {wanted}"
            for wanted in [*needs, *(one for one in ours if applies(one, environment))]
            if (found := held.get(canonicalize_name(wanted.name))) is None
            or str(found.specifier)[2:] not in wanted.specifier
            or not wanted.extras <= found.extras
        ]
    assert lacking == []


def test_the_files_are_what_make_requirements_writes_so_each_is_complete() -> None:
    run = script("requirements", "--check")
    assert run.returncode == 0, run.stderr


def test_there_are_wheels_for_each_platform_that_the_readme_promises() -> None:
    pythons = ("3.11", "3.15")
    run = script("resolve", *pythons)  # together, since what the index says is asked for once
    assert run.returncode == 0, run.stderr
    for python in pythons:
        for platform in ("linux-gnu", "linux-musl", "apple-darwin"):
            found = re.findall(rf"(?m)^{python} +\S+-{platform} +\d+ packages of imagesetter", run.stdout)
            assert len(found) == 2, run.stdout


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of .ci that asks the package index; skipped where there is none."""
    require_tool("uv")
    command = [require_tool("bash"), str(CHECKOUT / ".ci" / name), *arguments]
    environment = {**os.environ, "VENV": sys.prefix}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if re.search(r"failed to fetch|error sending request|dns error", run.stderr, re.I):
        cannot_run("the package index cannot be reached")
    return run


def commands() -> Iterator[str]:
    """Each command of the project's own files that installs something, on one line; those of make as it runs them."""
    verbs = ["docs", "release", "VENV_PIP=requirements/pip.txt", "--dry-run", "--always-make", "--no-print-directory"]
    made = subprocess.run(["make", *verbs], cwd=CHECKOUT, env=calm(), capture_output=True, text=True, check=True).stdout
    scripts = [path.read_text(encoding="utf-8") for path in (CHECKOUT / ".ci").iterdir() if path.is_file()]
    others = [CHECKOUT / "Dockerfile", CHECKOUT / "action.yml", *(CHECKOUT / ".github" / "workflows").glob("*.yml")]
    for text in [made, *scripts, *(path.read_text(encoding="utf-8") for path in others)]:
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            for command in map(str.strip, re.split(r"&& |\|\| ", line)):
                installs = re.search(r"\b(pip|uv)\b.* (install|run|sync|download) |\{install\[@\]\}", command)
                if installs and not re.match(r"#|printf|echo|local", command):
                    yield command


def calm() -> dict[str, str]:
    """The environment without what a make that runs the tests leaves in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "VENV"))}


def test_every_command_that_installs_takes_exactly_what_is_pinned() -> None:
    found = list(commands())
    lists = [command for command in found if re.search(r"(-r|--requirements?) \S*requirements/|\"\$pins\"", command)]
    flags = ("--only-binary :all:", "--require-hashes")
    assert [c for c in lists if any(flag not in c for flag in flags) or not re.search("--no-deps|pip sync", c)] == []
    others = [command for command in found if command not in lists]
    assert [command for command in others if not re.search("--no-deps|--constraint", command)] == []
    assert (len(lists), len(others)) == (14, 11), "\n".join(found)  # a pattern that finds nothing must not pass


def test_the_hooks_name_all_that_runtime_txt_does() -> None:
    hooks = yaml.safe_load((CHECKOUT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert len(hooks) == 4
    for hook in hooks:
        listed = list(map(Requirement, hook["additional_dependencies"]))
        assert listed == pins(REQUIREMENTS / "runtime.txt"), hook["id"]


@pytest.mark.parametrize("hook", ["wheel", "sdist", "editable"])
def test_an_isolated_build_asks_for_the_pinned_hatchling_and_another_for_nothing(hook: str) -> None:
    text = f"import build_backend, json; print(json.dumps(build_backend.get_requires_for_build_{hook}()))"

    def asked(*options: str) -> list[Requirement]:
        code = f"import sys; sys.path.insert(0, {str(REQUIREMENTS)!r}); {text}"
        run = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True)
        return list(map(Requirement, json.loads(run.stdout)))

    assert asked("-I", "-S") == pins(REQUIREMENTS / "build.txt")  # -S: without site-packages
    assert asked("-I") == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_oldest_pip_that_is_promised_is_the_one_that_ci_begins_with(page: str) -> None:
    (pip,) = pins(REQUIREMENTS / "pip.txt")
    promised = re.search(r"pip (\d+\.[\d.]*\d) or later", (CHECKOUT / page).read_text(encoding="utf-8"))
    assert promised
    assert str(pip.specifier) == f"=={promised[1]}"


def test_ci_makes_its_environment_anew_with_the_oldest_pip_and_runs_the_verbs_of_the_readme(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in (".ci/run", "requirements/pip.txt"):
        (checkout / name).parent.mkdir(parents=True)
        (checkout / name).write_bytes((CHECKOUT / name).read_bytes())
    old = checkout / "build" / "ci" / "venv" / "left-over"
    old.mkdir(parents=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"make": 'echo "make $*"', "python3": "exit 0"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = [require_tool("bash"), str(checkout / ".ci" / "run")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    settings = "VENV=build/ci/venv PYTHON=python3 VENV_PIP=requirements/pip.txt"
    assert (run.returncode, run.stdout) == (0, f"make tools\nmake test {settings}\n"), run.stderr
    assert not old.exists()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def newer_release(folder: Path, name: str) -> None:
    """A wheel of a version that no pin can name, which says that it needs something that nobody has."""
    module = name.replace("-", "_")
    info = f"{module}-9999.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 9999\nRequires-Dist: published-since\n"
    with zipfile.ZipFile(folder / f"{module}-9999-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index on loopback: the wheels that are pinned, and of each package a release that came later."""
    root = tmp_path_factory.mktemp("index")
    for wheel in pinned_wheels(tmp_path_factory).glob("*.whl"):
        name = canonicalize_name(wheel.name.split("-")[0])
        folder = root / "simple" / name
        folder.mkdir(parents=True)
        shutil.copyfile(wheel, folder / wheel.name)
        newer_release(folder, name)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def test_what_make_installs_is_the_same_after_newer_releases_of_everything(index: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in calm().items() if not name.startswith("PIP_")}
    environment |= {
        "PIP_INDEX_URL": index,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_COMPILE": "1",
    }

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    oldest = ["VENV_PIP=requirements/pip.txt"] if sys.version_info < (3, 12) else []  # it runs on 3.11 only
    venv = tmp_path / "venv"
    run("make", f"VENV={venv}", f"PYTHON={sys.executable}", *oldest, f"{venv}/.run")
    python = str(venv / "bin" / "python")
    here = {**default_environment(), "extra": ""}
    pinned = {
        canonicalize_name(pin.name): str(pin.specifier)[2:]
        for name in ("runtime", "build")
        for pin in pins(REQUIREMENTS / f"{name}.txt")
        if pin.marker is None or pin.marker.evaluate(here)  # type: ignore[arg-type]
    }
    listed = json.loads(run(python, "-m", "pip", "list", "--format=json"))
    installed = {canonicalize_name(one["name"]): one["version"] for one in listed}
    assert {name: installed.get(name) for name in pinned} == pinned
    assert installed.keys() - pinned.keys() <= {"imagesetter", "pip", "setuptools"}

    # The larger list, as make gives it to the same pip; and what comes where a version is not named.
    listing = ["--dry-run", "--ignore-installed", "--report", "-"]
    made = next(command for command in commands() if command.endswith("requirements/dev.txt"))
    assert "9999" not in chosen(run(python, *made.split()[1:], *listing))
    assert chosen(run(python, "-m", "pip", "--quiet", "install", "--no-deps", "coverage", *listing)) == {"9999"}


def chosen(report: str) -> set[str]:
    return {one["metadata"]["version"] for one in json.loads(report)["install"]}
