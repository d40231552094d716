"""The project's own files: pinned requirements, one version, scripts, workflows and the Dockerfile."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from itertools import combinations
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from imagesetter import __version__
from tools import CHECKOUT, require_tool

REQUIREMENTS = sorted((CHECKOUT / "requirements").glob("*.txt"))
SCRIPTS = sorted(path for path in (CHECKOUT / ".ci").iterdir() if path.is_file() and path.suffix != ".py")
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["re2"]]]


def pinned(path: Path) -> dict[str, tuple[str, int]]:
    """Each pinned requirement of a file: its version and how many hashes it has."""
    entries = re.split(r"^(?=\w)", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    found: dict[str, tuple[str, int]] = {}
    for entry in entries:
        name, version = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==([^\s;]+)", entry).groups()  # type: ignore[union-attr]
        found[canonicalize_name(name)] = (version, len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)))
    return found


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_hashes_and_no_package_index_is_named(path: Path) -> None:
    pins = pinned(path)
    assert pins
    assert [name for name, (_, hashes) in pins.items() if not hashes] == []
    assert not re.search(r"https?://|^\s*--?(index|extra|find|i |f )", path.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize(("one", "other"), list(combinations(["dev", "build", "docs", "release", "runtime"], 2)))
def test_requirements_that_meet_in_one_environment_agree(one: str, other: str) -> None:
    first, second = (pinned(CHECKOUT / "requirements" / f"{name}.txt") for name in (one, other))
    assert {package: pin for package, pin in second.items() if first.get(package, pin) != pin} == {}


@pytest.mark.parametrize("name", ["runtime", "lowest", "dev"])
def test_pins_are_within_what_the_package_asks_for(name: str) -> None:
    pins = pinned(CHECKOUT / "requirements" / f"{name}.txt")
    for wanted in DEPENDENCIES:
        assert pins[canonicalize_name(wanted.name)][0] in wanted.specifier, wanted


def test_the_lowest_requirements_are_the_lowest_that_the_package_allows() -> None:
    pins = pinned(CHECKOUT / "requirements" / "lowest.txt")
    floors = {
        canonicalize_name(wanted.name): clause.version
        for wanted in DEPENDENCIES
        for clause in wanted.specifier
        if clause.operator == ">="
    }
    assert len(floors) == len(DEPENDENCIES), "a dependency without a lower bound"
    assert {name: Version(pins[name][0]) for name in floors} == {name: Version(v) for name, v in floors.items()}


def test_the_version_stands_in_one_place_and_the_changelog_knows_it() -> None:
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+)?", __version__)
    changelog = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[({re.escape(__version__)}|Unreleased)\]", changelog, re.M)


def test_release_notes_are_the_section_of_the_version_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / ".ci" / "changelog.py"
    script.parent.mkdir()
    script.write_bytes((CHECKOUT / ".ci" / "changelog.py").read_bytes())
    sections = ["# Changelog", "## [Unreleased]", "- new", "## [1.2.0] - 2026-01-01", "### Fixed", "- that"]
    sections += ["## [1.1.0]", "- old", "[1.1.0]: there"]
    (tmp_path / "CHANGELOG.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")

    def notes(version: str) -> tuple[int, str]:
        run = subprocess.run([sys.executable, str(script), version], capture_output=True, text=True, check=False)
        return run.returncode, run.stdout

    assert notes("1.2.0") == (0, "### Fixed\n\n- that\n")
    assert notes("1.1.0") == (0, "- old\n")
    assert notes("Unreleased") == (0, "- new\n")
    assert notes("1.2") == (1, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_pass_shellcheck_and_stop_at_the_first_failure(script: Path) -> None:
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111, "not executable"
    run = subprocess.run([require_tool("shellcheck"), str(script)], capture_output=True, text=True, check=False)
    assert run.stdout == ""
    assert run.returncode == 0


@pytest.mark.parametrize(
    ("programs", "says"),
    [
        ({"docker": "exit 0", "buildah": ""}, "with docker"),
        ({"docker": "exit 1", "buildah": ""}, "with buildah"),
        ({"docker": "exit 1"}, "no docker with buildx, no podman and no buildah on PATH"),
    ],
    ids=["docker with buildx", "docker without it, and buildah", "docker without it alone"],
)
def test_the_image_is_built_by_the_first_program_that_can(programs: dict[str, str], says: str, tmp_path: Path) -> None:
    for name in ("bash", "dirname", "sed", "git", "date"):
        (tmp_path / name).symlink_to(require_tool(name))
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    command = [require_tool("bash"), str(CHECKOUT / ".ci" / "image")]
    run = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert says in run.stdout + run.stderr, repr(run)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    command = [require_tool("hadolint"), "--no-color", str(CHECKOUT / "Dockerfile")]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [("github-workflows", "workflows/*.yml"), ("github-issue-forms", "ISSUE_TEMPLATE/[!c]*.yml")],
    ids=["workflows", "issue forms"],
)
def test_github_files_follow_their_schema(schema: str, pattern: str) -> None:
    files = sorted((CHECKOUT / ".github").glob(pattern))
    assert files
    command = [require_tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *map(str, files)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_help_lists_every_verb_of_the_makefile() -> None:
    text = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    verbs = set(" ".join(re.findall(r"^\.PHONY: (.*)$", text, re.M)).split())
    help_page = subprocess.run(
        [require_tool("make"), "--no-print-directory", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in help_page.stdout.splitlines()} == verbs
    assert {"demo", "test", "tools"} <= verbs
