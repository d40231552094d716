"""What the SDK imports, and when: an orchestrator starts one process for every function of every run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE_ROOT = Path(__file__).resolve().parents[2] / "fn"
OWN = {"krm_functions"}


def foreign_modules(code: str, stdin: bytes = b"") -> set[str]:
    """Modules from outside Python's own library that a program has imported when it ends."""
    program = (
        f"import sys; sys.path.insert(0, {str(SOURCE_ROOT)!r}); before = set(sys.modules)\n{code}\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*(names - sys.stdlib_module_names), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], input=stdin, capture_output=True, check=False)
    return set(done.stderr.decode().splitlines()[-1].split())


@pytest.mark.parametrize(
    "module",
    [
        "main",
        "resource_list",
        "item",
        "result",
        "selector",
        "label_selector",
        "function_config",
        "annotations",
        "testing",
    ],
)
def test_importing_the_sdk_imports_no_other_library(module: str) -> None:
    assert foreign_modules(f"import krm_functions.{module}") == OWN


RUN = "from krm_functions.function import Output\nfrom krm_functions.main import run\nrun(lambda resources: Output())"


@pytest.mark.parametrize("data", [b"", b" \n", b"\xff"])
def test_input_without_anything_to_parse_imports_no_yaml_library(data: bytes) -> None:
    assert foreign_modules(RUN, data) == OWN


def test_running_a_function_imports_the_yaml_library_and_nothing_more() -> None:
    result = RUN.replace("Output()", "Output(results=[Result('m')])")
    result = f"from krm_functions.result import Result\n{result}"
    assert foreign_modules(result, b"kind: ResourceList\nitems: [{kind: A}]\n") == {*OWN, "yaml"} | (
        foreign_modules("import yaml") - OWN
    )


def test_a_function_runs_without_imagesetter() -> None:
    block = "import sys; sys.modules['imagesetter'] = None  # any import of it fails"
    example = SOURCE_ROOT.parent / "kustomization-examples" / "sdk" / "functions"
    data = (
        "kind: ResourceList\nfunctionConfig: {kind: ConfigMap, data: {team: web}}\n"
        "items:\n- kind: Pod\n  metadata:\n    labels: {}\n"
    )
    program = (
        f"{block}\nsys.path[:0] = [{str(SOURCE_ROOT)!r}, {str(example)!r}]\n"
        "from krm_functions import run\nfrom set_labels import Labels, set_labels\n"
        "sys.exit(run(set_labels, config=Labels, argv=()))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], input=data, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("    labels:\n      team: web\n")
