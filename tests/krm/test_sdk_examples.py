"""The functions of kustomization-examples/sdk: by hand, under kpt and under kustomize, with the same bytes each time.

The package there is written as kpt writes it, so what a function changes is all that changes. `.expected/NAME.patch`
holds it. Set IMAGESETTER_UPDATE_GOLDENS=1 to write the patches, and read them before committing.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import RootModel

from krm_functions import ResourceList, UsageError, respond, run
from krm_functions.files import Folder
from krm_functions.testing import check_case, check_only_changed, find_cases
from tools import CHECKOUT, require_tool

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = CHECKOUT / "kustomization-examples" / "sdk"
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"

CONFIGURATIONS: dict[str, dict[str, str]] = {
    "set_labels": {"team": "five", "example.com/tier": "front"},
    "set_namespace": {"namespace": "market"},
    "inject_sidecar": {"image": "registry.example.com/proxy:2.0.0"},
    "remove_annotation": {"keys": "[example.com/owner]"},
    "require_limits": {},
    "set_image": {"name": "registry.example.com/shop/legacy", "newTag": "1.0.0"},
    "apply_setters": {"tag": "1.5.0", "replicas": "5"},
    "ensure_name_substring": {"prepend": "shop-"},
    "generate_dashboards": {"services": "[web, legacy]"},
}
WRITERS = [name for name in CONFIGURATIONS if name != "require_limits"]
CHANGED = {
    "set_labels": (*("metadata.labels", "spec.selector", "spec.template.metadata.labels"),),
    "set_namespace": ("metadata.namespace", "metadata.name", "subjects[*].namespace"),
    "inject_sidecar": ("spec.template.spec.containers[name=proxy]",),
    "remove_annotation": ('metadata.annotations["example.com/owner"]', "spec.template.metadata.annotations"),
    "set_image": ("spec.template.spec.containers[name=legacy].image",),
    "apply_setters": ("spec.template.spec.containers[name=web].image", "spec.replicas"),
    "ensure_name_substring": ("metadata.name",),
}
"""What each function may change; see `check_only_changed`."""


def load_function(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / "functions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def model_of(name: str) -> type[Any]:
    classes = (value for value in vars(load_function(name)).values() if isinstance(value, type))
    return next(value for value in classes if value.__module__ == name)


def script(name: str) -> str:
    return str(EXAMPLES / "functions" / f"{name}.py")


def by_hand(name: str, path: Path) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a function on files."""
    stdout, stderr = io.BytesIO(), io.StringIO()
    options = [f"--set={key}={value}" for key, value in CONFIGURATIONS[name].items()]
    function = getattr(load_function(name), name)
    status = run(function, config=model_of(name), argv=[str(path), *options], stdout=stdout, stderr=stderr)
    return status, stdout.getvalue().decode(), stderr.getvalue()


def shell(*command: str, cwd: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    """Run a command that finds this Python as python3, and the SDK."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(CHECKOUT / ".tools" / "bin"), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(CHECKOUT / "fn"), "PWD": str(cwd)}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)


def texts(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in files}


def patch(before: dict[str, str], after: dict[str, str]) -> str:
    lines: list[str] = []
    for name in sorted({*before, *after}):
        old, new = (each.get(name, "").splitlines(True) for each in (before, after))
        lines += difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", n=1)
    return "".join(lines)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / "package", tmp_path / "package"))


@pytest.mark.parametrize("name", WRITERS)
def test_by_hand_a_function_changes_what_its_patch_says_and_nothing_when_run_again(name: str, package: Path) -> None:
    before = texts(package)
    assert by_hand(name, package)[0] == 0
    after = texts(package)
    golden = EXAMPLES / ".expected" / f"{name}.patch"
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(patch(before, after))
    assert patch(before, after) == golden.read_text()
    assert by_hand(name, package)[:2] == (0, "")
    assert texts(package) == after


def in_turn(names: list[str], package: Path) -> dict[str, str]:
    """What the package is when a person runs functions one after the other."""
    copy = Path(shutil.copytree(package, package.with_name("by-hand")))
    for name in names:
        status, _, told = by_hand(name, copy)
        assert status == 0, told
    return texts(copy)


def test_kpt_makes_the_same_of_the_package_with_all_of_them_in_its_pipeline(package: Path) -> None:
    kpt = require_tool("kpt")
    pipeline = [{"exec": script(name), "configMap": CONFIGURATIONS[name]} for name in WRITERS]
    kptfile = package / "Kptfile"
    lines = "".join(f"  - {json.dumps(function)}\n" for function in pipeline)
    kptfile.write_text(f"{kptfile.read_text()}pipeline:\n  mutators:\n{lines}")
    wanted = in_turn(WRITERS, package)
    done = shell(kpt, "fn", "render", str(package), "--allow-exec")
    assert done.returncode == 0, done.stderr
    del wanted["Kptfile"]
    found = texts(package)
    del found["Kptfile"]  # kpt writes its status into it
    assert found == wanted


@pytest.mark.parametrize("name", WRITERS)
def test_the_order_of_the_configuration_changes_nothing(name: str, package: Path) -> None:
    """kpt writes the configMap of a Kptfile in another order each time."""
    config = CONFIGURATIONS[name]
    data = Folder([package]).resources(None)[1]
    sent = [
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": dict(pairs)})
        for pairs in (config.items(), reversed(config.items()))
    ]
    once, again = (answer_of(name, data + f"functionConfig: {each}\n".encode()) for each in sent)
    assert once.replace(sent[0].encode(), sent[1].encode()) == again


@pytest.mark.parametrize("name", ["inject_sidecar", "apply_setters"])
def test_kustomize_fn_run_makes_the_same_of_the_package(name: str, package: Path) -> None:
    kustomize = require_tool("kustomize")
    (package / "Kptfile").unlink()
    wanted = in_turn([name], package)
    settings = [f"{key}={value}" for key, value in CONFIGURATIONS[name].items()]
    command = ["fn", "run", str(package), "--enable-exec", "--exec-path", script(name), "--", *settings]
    done = shell(kustomize, *command)
    assert done.returncode == 0, done.stderr
    assert texts(package) == wanted


def declared(name: str) -> dict[str, Any]:
    """A function's configuration, with the annotation by which kustomize finds it."""
    annotations = {"config.kubernetes.io/function": json.dumps({"exec": {"path": script(name)}})}
    metadata = {"name": name.replace("_", "-"), "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": CONFIGURATIONS[name]}


def test_kustomize_build_prints_what_it_would_print_of_the_changed_package(package: Path) -> None:
    kustomize = require_tool("kustomize")
    (package / "Kptfile").unlink()
    names = [name for name in WRITERS if name != "apply_setters"]  # a build shows no comments to a function
    resources, wanted = sorted(texts(package)), in_turn(names, package)
    changed = package.with_name("by-hand")
    (changed / "kustomization.yaml").write_text(json.dumps({"resources": sorted(wanted)}))
    for name in names:
        (package / f"fn-{name}.yaml").write_text(json.dumps(declared(name)))
    transformers = [f"fn-{name}.yaml" for name in names]
    (package / "kustomization.yaml").write_text(json.dumps({"resources": resources, "transformers": transformers}))
    found = shell(kustomize, "build", str(package), "--enable-alpha-plugins", "--enable-exec")
    assert found.returncode == 0, found.stderr
    assert "[info] apps/v1/Deployment/market/shop-web spec.template.spec.containers: container proxy" in found.stderr
    built = shell(kustomize, "build", str(changed))
    assert built.returncode == 0, built.stderr
    assert sorted(found.stdout.split("---\n")) == sorted(built.stdout.split("---\n"))


def test_kustomize_runs_the_generator_as_a_generator(package: Path) -> None:
    kustomize = require_tool("kustomize")
    function = declared("generate_dashboards")
    function |= {"apiVersion": "example.com/v1", "kind": "Dashboards", "spec": {"services": ["web"]}}
    del function["data"]
    (package / "fn.yaml").write_text(json.dumps(function))
    (package / "kustomization.yaml").write_text(json.dumps({"generators": ["fn.yaml"]}))
    built = shell(kustomize, "build", str(package), "--enable-alpha-plugins", "--enable-exec")
    assert built.returncode == 0, built.stderr
    assert "  name: dashboard-web\n  namespace: monitoring\n" in built.stdout
    assert "kind: Dashboards" not in built.stdout


REFUSAL = (
    "[error] apps/v1/Deployment/shop/shop-web spec.template.spec.containers[1].resources.limits.memory: "
    "container legacy has no memory limit"
)


def test_the_validator_names_what_it_refuses(package: Path) -> None:
    before = texts(package)
    assert by_hand("require_limits", package) == (1, "", f"{REFUSAL} (web.yaml)\nNothing was written.\n")
    assert texts(package) == before


def test_kpt_stops_at_the_validator_and_shows_why(package: Path) -> None:
    kpt = require_tool("kpt")
    before = texts(package)
    done = shell(kpt, "fn", "eval", str(package), "--exec", script("require_limits"))
    assert done.returncode != 0
    assert REFUSAL in done.stderr
    assert texts(package) == before


@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_a_function_is_short_and_documented_and_imports_the_public_face_alone(name: str) -> None:
    source = Path(script(name)).read_text()
    assert len(source.splitlines()) <= 40
    assert ast.get_docstring(ast.parse(source))
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in imports} <= {"krm_functions", "pydantic"}
    assert Path(script(name)).stat().st_mode & 0o111


def test_a_function_is_a_command_with_a_help() -> None:
    done = shell(script("set_namespace"), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: set_namespace.py ")
    assert done.stdout.endswith("  namespace             string, required; where the resources go\n")


LAYOUTS: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "no final line end": lambda text: text.removesuffix("\n"),
    "blank lines": lambda text: text.replace("\nspec:", "\n\n\nspec:").replace("\n---", "\n\n# end\n---"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", WRITERS)
def test_other_layouts_keep_theirs(name: str, layout: str, package: Path) -> None:
    """The change is the same in each of them, and so is everything else."""
    before = texts(package)
    wanted = {path: LAYOUTS[layout](text) for path, text in in_turn([name], package).items() if path in before}
    for path, text in before.items():
        (package / path).write_bytes(LAYOUTS[layout](text).encode())
    assert by_hand(name, package)[0] == 0
    assert {path: text for path, text in texts(package).items() if path in before} == wanted


def talkative_set_labels(resources: ResourceList, config: RootModel[dict[str, str]]) -> None:
    """set_labels with a result for each label."""
    if not config.root:
        raise UsageError("no labels are given", hint="write them as key: value into the data of a ConfigMap")
    for item in resources.where(local_config=False):
        for key, value in config.root.items():
            if (old := item.labels.get(key)) != value:
                path = f"metadata.labels.{key}"
                resources.results.info(f"label {key} set to {value}", item, path, current=old, proposed=value)
    load_function("set_labels").set_labels(resources, config)


@pytest.mark.parametrize("case", find_cases(GOLDEN), ids=lambda case: case.name)
def test_set_labels_answers_as_its_golden_folder_says(case: Path) -> None:
    check_case(case, talkative_set_labels, config=model_of("set_labels"), update=UPDATE)


def resource_list(package: Path, name: str) -> bytes:
    """The package as an orchestrator sends it."""
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": CONFIGURATIONS[name]}
    return Folder([package]).resources(None)[1] + f"functionConfig: {json.dumps(config)}\n".encode()


def answer_of(name: str, data: bytes) -> bytes:
    answer = respond(getattr(load_function(name), name), data, config=model_of(name))
    assert answer.status == (name == "require_limits"), answer
    return answer.stdout


@pytest.mark.parametrize("name", sorted(CHANGED))
def test_nothing_but_the_fields_of_a_function_changes(name: str, package: Path) -> None:
    data = resource_list(package, name)
    answer = answer_of(name, data)
    assert answer != data
    check_only_changed(data, answer, *CHANGED[name])


def test_gos_parsers_read_what_every_function_gives_back(package: Path, tmp_path: Path) -> None:
    """kpt's SDK and kyaml's framework, on the lists of all functions and those of the golden folders."""
    program = require_tool("bench-sdk")  # benchmarks/go/sdk
    for name in CONFIGURATIONS:
        (tmp_path / f"{name}.yaml").write_bytes(answer_of(name, resource_list(package, name)))
    (tmp_path / "no-items.yaml").write_bytes(
        respond(lambda resources: resources.results.info("done"), b"kind: ResourceList\n").stdout
    )
    files = [*sorted(tmp_path.glob("*.yaml")), *sorted(GOLDEN.rglob("out.yaml"))]
    done = shell(program, "check", *map(str, files))
    assert done.returncode == 0, done.stderr
    for file, line in zip(files, done.stdout.splitlines(), strict=True):
        ours = ResourceList.parse(file.read_bytes())
        counts = {"items": len(ours.items), "results": len(ours.results)}
        assert json.loads(line) == {"fn": counts, "framework": counts}, file
