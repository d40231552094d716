"""The function of docs/sdk.md: under the real kpt and kustomize, as a program, and against its golden folders.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write what came out beside the example, and read the diff before committing it.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from krm_functions.main import respond
from krm_functions.testing import check_case, find_cases
from tools import CHECKOUT, require_tool

EXAMPLE = CHECKOUT / "kustomization-examples" / "sdk-label-function"
GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"


def load_function() -> ModuleType:
    spec = importlib.util.spec_from_file_location("set_labels", EXAMPLE / "set_labels.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


set_labels = load_function().set_labels


def commands() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", (EXAMPLE / "README.md").read_text(), flags=re.M | re.S)


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), str(CHECKOUT / ".tools" / "bin"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT / "fn")}
    return subprocess.run(
        ["sh", "-euc", command], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300
    )


def expect(name: str, text: str) -> None:
    golden = EXAMPLE / ".expected" / name
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns(".expected")))


def test_kpt_writes_the_labels_and_keeps_everything_else(example: Path) -> None:
    require_tool("kpt")
    done = shell(commands()[0], example)
    assert done.returncode == 0, done.stderr
    diff = ""
    for path in sorted((example / "package").iterdir()):
        before, after = (EXAMPLE / "package" / path.name).read_text(), path.read_text()
        names = (f"{side}/{path.name}" for side in "ab")
        diff += "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), *names))
    expect("diff.patch", diff)
    texts = [path.read_text() for path in sorted((example / "package").iterdir())]
    assert shell(commands()[0], example).returncode == 0
    assert [path.read_text() for path in sorted((example / "package").iterdir())] == texts


def test_kpt_shows_why_the_function_failed_and_leaves_the_files_alone(example: Path) -> None:
    require_tool("kpt")
    kptfile = example / "package" / "Kptfile"
    kptfile.write_text(re.sub(r"      configMap:\n(        .*\n)+", "", kptfile.read_text()))
    texts = [path.read_text() for path in sorted((example / "package").iterdir())]
    done = shell(commands()[0], example)
    assert done.returncode != 0
    assert "[error] : no labels are given; write them as key: value" in done.stderr.replace("[error]:", "[error] :")
    assert "Traceback" not in done.stderr
    assert [path.read_text() for path in sorted((example / "package").iterdir())] == texts


def test_kustomize_prints_the_labels_and_the_results(example: Path) -> None:
    require_tool("kustomize")
    done = shell(commands()[1], example)
    assert done.returncode == 0, done.stderr
    expect("output.yaml", done.stdout)
    expect("stderr.txt", done.stderr)


@pytest.mark.parametrize("case", find_cases(GOLDEN), ids=lambda case: case.name)
def test_function_answers_as_its_golden_folder_says(case: Path) -> None:
    check_case(case, set_labels, update=UPDATE)


def test_the_function_in_the_documentation_is_the_example() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (CHECKOUT / "docs" / "sdk.md").read_text(), flags=re.M | re.S)
    assert (EXAMPLE / "set_labels.py").read_text() in blocks


def test_every_python_block_of_the_documentation_runs(tmp_path: Path) -> None:
    text = (CHECKOUT / "docs" / "sdk.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    assert len(blocks) > 1
    shutil.copytree(EXAMPLE, tmp_path / "example")
    (tmp_path / "example" / "golden").mkdir()
    for block in blocks:
        path = tmp_path / "example" / "test_block.py"
        path.write_text(block)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "fn"), str(tmp_path / "example")])}
        done = subprocess.run(
            [sys.executable, str(path)], cwd=path.parent, env=env, input="", capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr


def test_the_function_is_twenty_lines() -> None:
    body = (EXAMPLE / "set_labels.py").read_text().split("def set_labels", 1)[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_function_without_configuration_says_what_to_write() -> None:
    answer = respond(set_labels, b"kind: ResourceList\n", env={"LOG_TO_STDERR": "true"})
    assert answer.status == 2
    assert answer.stderr.startswith("[error]: no labels are given; write them")
