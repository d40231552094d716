"""action.yml, the project's workflows and those of the manual: pinned by commit, and clean by zizmor and actionlint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import CHECKOUT, require_tool

WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
RECIPE = re.compile(
    r"^```yaml[^\n]*\n((?:(?!^```).*\n)*?jobs:\n(?:(?!^```).*\n)*?.*\buses:(?:(?!^```).*\n)*)^```", re.M
)
RECIPES = {f"{page.stem}-{n}": text for page in PAGES for n, text in enumerate(RECIPE.findall(page.read_text("utf-8")))}
USES = re.compile(r"\buses: *(\S+)(.*)")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
OURS = "imagesetter/imagesetter@v"  # a release's commit is not known before there is the release


def uses() -> list[tuple[str, str, str]]:
    """Where, what and the comment behind it, of each action that is used."""
    files = [CHECKOUT / "action.yml", *WORKFLOWS, *PAGES]
    return [(path.name, *found) for path in files for found in USES.findall(path.read_text("utf-8"))]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the action, all workflows and the manual's recipes."""
    folder = tmp_path / "project"
    (folder / ".github" / "workflows").mkdir(parents=True)
    for path in (CHECKOUT / "action.yml", CHECKOUT / ".github" / "zizmor.yml", *WORKFLOWS):
        shutil.copy(path, folder / path.relative_to(CHECKOUT))
    for name, text in RECIPES.items():
        (folder / ".github" / "workflows" / f"{name}.yml").write_text(text, encoding="utf-8")
    subprocess.run([require_tool("git"), "init", "--quiet", str(folder)], check=True)
    return folder


def test_the_manual_has_workflows_to_look_at() -> None:
    assert list(RECIPES) == ["ci-0", "ci-1"]


@pytest.mark.parametrize(("file", "action", "comment"), uses(), ids=lambda value: value.strip(" #"))
def test_an_action_is_pinned_by_commit_and_its_version_stands_beside_it(file: str, action: str, comment: str) -> None:
    if not action.startswith(OURS):
        assert PINNED.fullmatch(action), f"{file}: {action}"
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{file}: {action}{comment}"


def test_one_action_has_one_pin() -> None:
    pins: dict[str, set[str]] = {}
    for _, action, _ in uses():
        pins.setdefault(action.partition("@")[0], set()).add(action)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_zizmor_finds_nothing(project: Path) -> None:
    command = [require_tool("zizmor"), "--offline", "--no-progress", "--color=never", "."]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_nothing(project: Path) -> None:
    command = [require_tool("actionlint"), "-no-color"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_nothing_of_the_event_is_put_into_a_script() -> None:
    """A value that somebody chose goes through the environment: in a script it would be code."""
    texts = [path.read_text("utf-8") for path in (CHECKOUT / "action.yml", *WORKFLOWS)] + list(RECIPES.values())
    scripts = [script for text in texts for script in re.findall(r"^( *)run: \|\n((?:\1 +.*\n|\n)+)", text, re.M)]
    assert len(scripts) > 4
    assert [script for _, script in scripts if "${{" in script] == []
