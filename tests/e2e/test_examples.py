"""Every example runs as it stands in its README, with the real tools, and gives what stands beside it.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write what came out into `.expected/`, and read the diff before committing it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from e2e.conftest import EXAMPLES, WRITTEN_HOST, Stage
from tools import require_tool

UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"

# example -> the tools that it needs
NEEDED = {
    "locked": ("kpt",),
    "kpt-package": ("kpt",),
    "kustomize-build": ("kustomize",),
    "kustomize-source-scan": ("kustomize",),
    "kustomize-annotation": ("kustomize",),
    "kustomize-bind-by-image": ("kustomize",),
    "flux-repository": (),
    "pre-commit": ("git", "pre-commit"),  # in test_pre_commit.py, where the environment of the hooks is
}
IN_PLACE = ("kpt-package", "flux-repository", "locked")
RENDERED = tuple(name for name in NEEDED if name.startswith("kustomize-"))


def blocks(name: str) -> list[str]:
    """The ```sh blocks of an example's README."""
    text = (EXAMPLES / name / "README.md").read_text()
    return re.findall(r"^```sh\n(.*?)^```", text, flags=re.M | re.S)


def texts(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes().decode()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts and ".expected" not in path.parts
    }


def patch(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    lines: list[str] = []
    for name in sorted({*before, *after}):
        old, new = (side.get(name, "").splitlines(keepends=True) for side in (before, after))
        lines += difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(lines)


def expect(name: str, file: str, text: str, host: str) -> None:
    """Compare with a golden file, which is written with the host of the README."""
    golden = EXAMPLES / name / ".expected" / file
    text = text.replace(host, WRITTEN_HOST)
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def prepare(stage: Stage, name: str) -> Path:
    for tool in NEEDED[name]:
        require_tool(tool)
    return stage.example(name)


@pytest.mark.parametrize("name", IN_PLACE)
def test_example_changes_what_its_patch_says_and_nothing_on_a_second_run(name: str, stage: Stage) -> None:
    run_in_place(name, stage, prepare(stage, name))


def run_in_place(name: str, stage: Stage, package: Path) -> None:
    """What an example's README runs, once and a second time, in a copy of the example."""
    before = texts(package)
    for block in blocks(name):
        done = stage.shell(block, cwd=package)
        assert done.status == 0, f"{block}\n{done}"
    after = texts(package)
    expect(name, "diff.patch", patch(before, after), stage.host)
    done = stage.shell(blocks(name)[-1], cwd=package)
    assert done.status == 0, str(done)
    assert texts(package) == after


@pytest.mark.parametrize("name", RENDERED)
def test_kustomize_build_example_gives_its_output(name: str, stage: Stage) -> None:
    package = prepare(stage, name)
    (stage.root / ".git").mkdir()  # the examples stand in a repository, below which sources may be scanned
    (block,) = blocks(name)
    done = stage.shell(block, cwd=package)
    assert done.status == 0, str(done)
    expect(name, "output.yaml", done.stdout, stage.host)
    expect(name, "stderr.txt", done.stderr, stage.host)


def test_kpt_changes_nothing_beyond_what_cat_changes(stage: Stage) -> None:
    package = prepare(stage, "kpt-package")
    kptfile = package / "Kptfile"
    kptfile.write_text(kptfile.read_text().replace("exec: imagesetter", "exec: cat"))
    assert stage.run("kpt", "fn", "render", "--allow-exec", cwd=package).status == 0
    by_cat = texts(package)
    kptfile.write_text(kptfile.read_text().replace("exec: cat", "exec: imagesetter"))
    assert stage.run("kpt", "fn", "render", "--allow-exec", cwd=package).status == 0
    ours = texts(package)
    changed = {
        (file, old, new)
        for file in ours
        if file != "Kptfile"
        for old, new in zip(by_cat[file].splitlines(), ours[file].splitlines(), strict=True)
        if old != new
    }
    assert {old.replace("1.0.0", "1.0.10") for _, old, _ in changed} == {new for _, _, new in changed}
    assert len(changed) == 2


def test_a_second_kpt_run_has_no_result_but_the_summary(stage: Stage) -> None:
    package = prepare(stage, "kpt-package")
    results = stage.root / "results"
    command = ("kpt", "fn", "render", "--allow-exec", "--results-dir", str(results))
    assert stage.run(*command, cwd=package).status == 0
    first = (results / "results.yaml").read_text()
    assert first.count("currentValue:") == 2
    before = texts(package)
    done = stage.run(*command, cwd=package)
    assert done.status == 0, str(done)
    assert texts(package) == before
    second = (results / "results.yaml").read_text()
    summary, scan = re.findall(r"message: (.*)", second)
    assert summary == "0 fields changed, 2 up to date"
    assert re.fullmatch(r"'?scan of \d\d:\d\d; --refresh asks again'?", scan)
