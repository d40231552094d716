"""Start-up: what a KRM function run imports before it knows that it needs more.

kpt and kustomize start one process a function and run. pydantic costs about 70 ms, httpx about 100 ms, rich and click
about 35 ms each; a package without markers needs none of them. Four runs have a budget each: what they may import.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.fakes import Reply, run_fake

SOURCE_ROOT = Path(__file__).resolve().parent.parent / "fn"
HEAVY = {"pydantic", "httpx", "httpcore", "ssl", "re2", "rich", "click", "ruamel", "asyncio", "importlib.metadata"}

FUNCTION_PATH = [
    "imagesetter.errors",
    "krm_functions.yaml.scan",
    "krm_functions.yaml.load",
    "krm_functions.yaml.proof",
    "krm_functions.function",
    "krm_functions.main",
    "krm_functions.resource_list",
    "imagesetter.policy.select",
    "imagesetter.registry.reference",
    "imagesetter.registry.client",
    "imagesetter.flux.markers",
    "imagesetter.flux.catalog",
    "imagesetter.selection.sources",
    "imagesetter.update.plan",
    "imagesetter.config.options",
    "imagesetter.update.resource_list",
    "imagesetter.cli.function",
    "imagesetter.__main__",
]


def imported_with(module: str) -> set[str]:
    """The modules that importing one module in a new interpreter brings in."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE_ROOT)!r}); import {module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("module", FUNCTION_PATH)
def test_a_module_on_the_function_path_imports_nothing_heavy(module: str) -> None:
    loaded = imported_with(module)
    assert module in loaded
    assert loaded & HEAVY == set()


def test_the_probe_sees_a_heavy_import() -> None:
    assert "pydantic" in imported_with("pydantic")


RUN = """
import runpy, sys
try:
    runpy.run_module("imagesetter", run_name="__main__", alter_sys=True)
except SystemExit as end:
    status = end.code
print(status or 0, *sys.modules, sep="\\n", file=sys.stderr)
"""
LIST = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: web
  spec:
    containers:
    - name: web
      image: localhost:1/web:1.2.3
"""
MARKED = LIST.replace("1.2.3", '1.2.3 # {"$imagepolicy": "flux-system:web"}')
LOCK = """\
- apiVersion: imagesetter.dev/v1alpha1
  kind: ImageLock
  metadata:
    name: images
  spec:
    entries:
    - policy: flux-system:web
      image: localhost:1/web
      tag: 1.3.0
      digest: sha256:0
      inputs: sha256:0
"""
POLICY = """\
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageRepository
  metadata:
    name: web
    namespace: flux-system
  spec:
    image: localhost:1/web
    interval: 5m
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata:
    name: web
    namespace: flux-system
  spec:
    imageRepositoryRef:
      name: web
    policy:
      semver:
        range: 1.x
"""
HERE = {"IMAGESETTER_ALLOW_LOOPBACK": "true"}
"""For runs that ask a registry on this machine."""


def loaded_by(arguments: list[str], stdin: str, cache: Path, status: int = 0, **options: str) -> set[str]:
    """The modules that a run of the program has imported by its end; ``options`` are environment variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IMAGESETTER_", "LOG_TO"))}
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE_ROOT)!r})\n{RUN}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**kept, "XDG_CACHE_HOME": str(cache), **options},
        check=False,
    )
    # A registry that does not answer makes the function print results for kustomize alone, so these are our lines.
    lines = run.stderr.splitlines()
    assert str(status) in lines, run.stderr
    return set(lines)


def test_a_list_without_a_marker_needs_nothing_at_all(tmp_path: Path) -> None:
    loaded = loaded_by([], LIST, tmp_path)
    assert {name for name in loaded if name.startswith("imagesetter")} == {
        "imagesetter",
        "imagesetter.cli",
        "imagesetter.cli.fast_path",
    }
    assert loaded & (HEAVY | {"yaml", "dataclasses", "inspect", "json", "re", "enum"}) == set()


def test_a_list_that_the_shortest_way_leaves_alone_needs_no_registry_unless_a_field_follows_one(tmp_path: Path) -> None:
    loaded = loaded_by([], LIST.replace("kind: Pod", "kind: Secret"), tmp_path)
    assert "imagesetter.update.resource_list" in loaded
    assert (
        loaded & {"imagesetter.policy.select", "imagesetter.registry.client", "imagesetter.selection.choose"} == set()
    )


def test_a_locked_apply_needs_neither_policies_nor_registries(tmp_path: Path) -> None:
    loaded = loaded_by([], MARKED + LOCK, tmp_path, IMAGESETTER_FROM="lock")
    assert "imagesetter.lock.document" in loaded
    assert loaded & HEAVY == set()
    assert (
        loaded & {"imagesetter.flux.models", "imagesetter.policy.select", "imagesetter.fields.kustomize_sources"}
        == set()
    )
    assert {name for name in loaded if name.startswith("imagesetter.registry")} == set()
    assert loaded & {"tempfile", "threading", "socket", "subprocess", "concurrent.futures", "logging"} == set()
    assert loaded & {"dataclasses", "inspect", "pathlib", "urllib.parse", "hashlib", "copy"} == set()
    assert {name for name in loaded if name.startswith("imagesetter.golang")} == set()


def test_a_module_that_defines_named_tuples_has_no_annotations_for_typing_to_compile() -> None:
    defining = [
        path.relative_to(SOURCE_ROOT).as_posix()
        for path in SOURCE_ROOT.rglob("*.py")
        if "(NamedTuple)" in (text := path.read_text(encoding="utf-8")) and "from __future__ import annotations" in text
    ]
    assert defining == []


def test_a_lint_needs_no_registry(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()  # what is around the repository is none of the linter's business
    (tmp_path / "web.yaml").write_text('image: web:1 # {"$imagepolicy": "flux-system:web"}\n')
    loaded = loaded_by(["lint", str(tmp_path)], "", tmp_path, status=1)
    assert "imagesetter.lint.run" in loaded
    assert loaded & {"httpx", "httpcore", "ssl", "rich", "ruamel", "asyncio", "re2"} == set()
    assert loaded & {"imagesetter.registry.client", "imagesetter.registry.http.transport"} == set()


def test_an_update_of_releases_compiles_no_rule_and_imports_only_what_it_does(tmp_path: Path) -> None:
    (tmp_path / "policies.yaml").write_text(
        f"apiVersion: v1\nkind: List\nitems:\n{POLICY}  status:\n    latestRef: {{name: localhost:1/web, tag: 1.3.0}}\n"
    )
    (tmp_path / "web.yaml").write_text('image: localhost:1/web:1.2.3 # {"$imagepolicy": "flux-system:web"}\n')
    loaded = loaded_by(["update", "--quiet", "--from", "status", str(tmp_path)], "", tmp_path)
    assert "1.3.0 #" in (tmp_path / "web.yaml").read_text()
    assert "imagesetter.files.atomic_write" in loaded
    assert loaded & (HEAVY - {"click"}) == set()
    assert loaded & {"tempfile", "traceback", "difflib", "pathspec", "socket", "logging", "concurrent.futures"} == set()
    assert (
        loaded & {"imagesetter.flux.models", "imagesetter.policy.select", "imagesetter.fields.resource_list"} == set()
    )
    assert loaded & {"krm_functions.selector", "krm_functions.item", "imagesetter.cli.reports.commit_message"} == set()
    assert loaded & {"krm_functions.label_selector", "imagesetter.golang.regexp.pattern"} == set()
    assert {name for name in loaded if name.startswith("imagesetter.registry")} == set()


def test_a_registry_run_needs_no_terminal_and_no_event_loop(tmp_path: Path) -> None:
    loaded = loaded_by([], MARKED + POLICY, tmp_path, status=1, **HERE)
    assert {"httpx", "imagesetter.flux.models"} <= loaded
    assert loaded & {"click", "httpx._main", "pygments", "rich", "ruamel", "re2", "asyncio"} == set()
    assert loaded & {"imagesetter.cli.main", "imagesetter.fields.kustomize_sources"} == set()
    assert "imagesetter.flux.automations" not in loaded


def test_a_plugin_of_pydantic_that_is_installed_beside_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "intruder.py").write_text("plugin = None\n")
    metadata = tmp_path / "intruder-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: intruder\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pydantic]\nintruder = intruder:plugin\n")
    loaded = loaded_by([], MARKED + POLICY, tmp_path, status=1, PYTHONPATH=str(tmp_path))
    assert "imagesetter.flux.models" in loaded
    assert "intruder" not in loaded


def test_a_run_that_finds_every_scan_in_the_cache_needs_no_network(tmp_path: Path) -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["1.2.3"]})) as fake:
        text = (MARKED + POLICY).replace("localhost:1", fake.host)
        assert "httpx" in loaded_by([], text, tmp_path, **HERE)
        loaded = loaded_by([], text, tmp_path, **HERE)
        assert loaded & {"httpx", "httpcore", "ssl", "http.client"} == set()
        # Nor any rule about candidates, as no policy has one.
        assert "imagesetter.selection.choose" in loaded
        assert {name for name in loaded if name.startswith("imagesetter.candidates")} == set()
        assert "imagesetter.policy.platform" not in loaded
        assert len(fake.seen) == 1
