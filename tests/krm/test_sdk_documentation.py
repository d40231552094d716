"""docs/sdk.md: every block runs, and every row of the comparison with other SDKs has a test."""

from __future__ import annotations

import difflib
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from krm_functions import run
from tools import CHECKOUT, require_tool

PAGE = (CHECKOUT / "docs" / "sdk.md").read_text()


class Block(NamedTuple):
    language: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.M | re.S)]
PROGRAMS = dict(zip(("own.py", "scale.py"), (text for language, text in BLOCKS if text.startswith("#!")), strict=True))
WEB = next(text for language, text in BLOCKS if language == "yaml")
RECIPES = [number for number, (_, text) in enumerate(BLOCKS) if re.search(r"^(def recipe|recipe = )", text, flags=re.M)]
TESTS = [text for language, text in BLOCKS if language == "python" and "krm_functions.testing" in text]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a reader has who saved the files of the page."""
    for name, text in {**PROGRAMS, "web.yaml": WEB}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), str(CHECKOUT / ".tools" / "bin"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT / "fn"), "PWD": str(folder)}
    return subprocess.run(["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_every_block_is_one_that_a_test_runs() -> None:
    """Programs, the file that they run on, sessions, recipes with what they do, tests, and the layout of a folder."""
    used = {text for _, text in BLOCKS if text in (*PROGRAMS.values(), WEB, *TESTS)}
    used |= {text for language, text in BLOCKS if language == "console"}
    used |= {BLOCKS[number + after].text for number in RECIPES for after in (0, 1)}
    (left,) = [text for _, text in BLOCKS if text not in used]
    assert left.startswith("golden/\n")
    assert len(RECIPES) >= 10


def test_the_first_function_is_ten_lines() -> None:
    lines = [line for line in PROGRAMS["own.py"].splitlines() if line.strip()]
    assert len(lines) <= 10


@pytest.mark.parametrize("session", [text for language, text in BLOCKS if language == "console"])
def test_sessions_show_what_the_commands_print(session: str, folder: Path) -> None:
    shown = ""
    for command in re.findall(r"^\$ (.*)$", session, flags=re.M):
        shown += f"$ {command}\n"
        shown += shell(f"({command}) 2>&1", folder).stdout
    assert shown == session


def recipe_of(number: int) -> Any:
    names: dict[str, Any] = {}
    exec(BLOCKS[number].text, names)
    return names["recipe"]


@pytest.mark.parametrize("number", RECIPES, ids=lambda number: f"block {number}")
def test_a_recipe_does_what_the_page_shows(number: int, folder: Path) -> None:
    stderr = io.StringIO()
    assert run(recipe_of(number), argv=["."], stdout=io.BytesIO(), stderr=stderr) == 0, stderr.getvalue()
    shown = BLOCKS[number + 1]
    if shown.language == "text":
        assert stderr.getvalue() == f"{shown.text}0 of 1 files changed.\n"
        return
    lines: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        before = WEB if path.name == "web.yaml" else ""
        lines += list(difflib.unified_diff(before.splitlines(), path.read_text().splitlines(), lineterm="", n=9))[2:]
    changed = [line for line in lines if line[:1] in "+-"]
    assert [line for line in shown.text.splitlines() if line[:1] in "+-"] == changed
    context = [line for line in shown.text.splitlines() if line[:1] == " "]
    assert [line for line in context if line not in lines] == []


def test_the_pages_tests_pass(folder: Path) -> None:
    case = folder / "golden" / "one"
    case.mkdir(parents=True)
    item = "- " + WEB.replace("\n", "\n  ").removesuffix("  ")
    (case / "in.yaml").write_text(f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{item}")
    (case / "functionconfig.yaml").write_text("apiVersion: v1\nkind: ConfigMap\ndata:\n  replicas: '5'\n")
    for number, text in enumerate(TESTS):
        (folder / f"test_page_{number}.py").write_text(text)
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"
    made = shell(f"UPDATE_GOLDEN=1 {command}", folder)
    assert (made.returncode, "2 passed" in made.stdout) == (0, True), made.stdout
    again = shell(command, folder)
    assert (again.returncode, "2 passed" in again.stdout) == (0, True), again.stdout


def test_kpt_runs_the_first_function_as_the_page_says(folder: Path) -> None:
    require_tool("kpt")
    done = shell("kpt fn eval . --exec ./own.py", folder)
    assert done.returncode == 0, done.stderr
    assert "  annotations:\n    example.com/owner: team five\n" in (folder / "web.yaml").read_text()


ROWS = {
    "comments, quotes, blank lines of what is left alone": "test_sdk_examples: test_other_layouts_keep_theirs",
    "read a field": "test_fields: test_get_gives_the_first_field_as_a_copy_or_the_default",
    "set a field": "test_fields: test_only_what_is_changed_is_another_text",
    "remove a field": "test_fields: test_find_and_paths_give_places_that_get_set_and_remove_take",
    "choose entries of a list in a path": "test_fields: test_set_says_how_many_fields_it_has_set",
    "insert, move, rename": "test_sdk_documentation: test_a_recipe_does_what_the_page_shows",
    "a list's entry by key": "test_fields: test_set_says_how_many_fields_it_has_set",
    "labels and annotations": "test_fields: test_reads_see_what_was_written_before",
    "read and set comments": "test_comments_by_path: test_comments_are_written_and_removed",
    "choose resources": "test_helpers: test_where_gives_the_items_that_have_all_properties",
    "add, replace, remove resources": "test_fields: test_resources_are_added_removed_and_put_in_the_place_of_others",
    "scope": "test_helpers: test_scope_is_known_for_built_in_kinds_and_for_those_that_the_list_defines",
    "where a resource comes from": "test_helpers: test_the_origin_is_kpts_upstream_identifier_or_the_first_name",
    "the package's Kptfile": "test_helpers: test_the_kptfile_is_that_of_the_package_itself",
    "configuration as an object": "test_typed_config: test_each_mistake_is_told_with_its_path",
    "report": "test_helpers: test_results_name_the_resource_the_field_and_the_file",
    "several functions as one": "test_helpers: test_chain_runs_functions_one_after_the_other",
    "the orchestrator's annotations": "test_fields: test_what_cannot_be_done_is_refused_and_nothing_changes",
    "by hand on files and folders": "test_by_hand: test_a_file_keeps_every_byte_but_the_change",
    "the whole list is given back": "test_fields: test_a_failure_gives_back_the_list_as_it_was",
    "a test says what may change": "test_only_changed: test_what_is_not_named_may_not_differ",
    "golden folders": "test_golden: ",
}
"""For each row of the comparison the test that shows our part of it."""


def test_every_row_of_the_comparison_has_a_test() -> None:
    table = PAGE.partition("## Beside other SDKs")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert rows == list(ROWS)
    for place in ROWS.values():
        file, name = place.split(": ")
        assert f"def {name}" in (Path(__file__).parent / f"{file}.py").read_text(), place
