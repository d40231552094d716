"""A lock is made once with the network; everything after that works without, and gives the bytes of the online run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.conftest import FUNCTION, MARK, POLICIES, Done, Stage
from tools import cannot_run, require_tool

NO_NETWORK = ("unshare", "--map-root-user", "--net")
PINNED = f"{POLICIES}  digestReflectionPolicy: IfNotPresent\n"
DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app # the only one
  namespace: default
spec:
  template:
    spec:
      containers:
      - name: app
        image:   HOST/my-app:1.0.0   {MARK % ""}
        env:
        - {{name: VERSION, value: "1.0.0"}} {MARK % ":tag"}
      - name: digest
        image: other
        args:
        - old {MARK % ":digest"}
"""
KPTFILE = """\
apiVersion: kpt.dev/v1
kind: Kptfile
metadata:
  name: app
  annotations: {config.kubernetes.io/local-config: "true"}
pipeline:
  mutators:
  - exec: imagesetter
    configMap: {from: SOURCE}
"""
LOCKED = f"{FUNCTION}spec: {{from: SOURCE}}\n"
KUSTOMIZATION = """\
resources: [deployment.yaml, policies.yaml, images.lock.yaml]
transformers: [imagesetter.yaml]
namePrefix: eu-
"""
HOOK = """\
repos:
- repo: local
  hooks:
  - id: imagesetter
    name: imagesetter
    entry: imagesetter update --from SOURCE
    language: system
    files: deployment.yaml
"""


@pytest.fixture
def cut_off() -> tuple[str, ...]:
    """The words before a command that cut it off from every network, its own machine's included."""
    program = (require_tool("unshare"), *NO_NETWORK[1:])
    tried = subprocess.run([*program, "true"], capture_output=True, check=False)
    if tried.returncode:
        cannot_run(f"this machine permits no network namespaces: {tried.stderr.decode().strip()}")
    return program


def lay_out(stage: Stage, name: str, source: str, **files: str) -> Path:
    """A package with its policies, its lock, and how it is run."""
    package = stage.root / name
    package.mkdir()
    texts = {"policies.yaml": PINNED, "deployment.yaml": DEPLOYMENT, **files}
    for file, text in texts.items():
        (package / file).write_text(text.replace("HOST", stage.host).replace("SOURCE", source))
    locked = stage.here("lock", cwd=package)
    assert locked.status == 0, str(locked)
    return package


def update(stage: Stage, package: Path, *before: str, source: str) -> Done:
    return stage.run(*before, "imagesetter", "update", "--from", source, cwd=package)


def kpt(stage: Stage, package: Path, *before: str, source: str) -> Done:
    return stage.run(*before, require_tool("kpt"), "fn", "render", "--allow-exec", cwd=package)


def build(stage: Stage, package: Path, *before: str, source: str) -> Done:
    flags = ("--enable-alpha-plugins", "--enable-exec")
    return stage.run(*before, require_tool("kustomize"), "build", *flags, ".", cwd=package)


def hook(stage: Stage, package: Path, *before: str, source: str) -> Done:
    tool = require_tool("pre-commit")
    for command in (("init", "-q"), ("add", ".")):
        assert stage.run("git", *command, cwd=package).status == 0
    done = stage.run(*before, tool, "run", "--all-files", cwd=package)
    assert "files were modified by this hook" in done.stdout, str(done)
    return Done(done.status - 1, "", "")  # a hook that changes files fails, on purpose


WAYS: dict[str, tuple[Callable[..., Done], dict[str, str]]] = {
    "update": (update, {}),
    "kpt fn render": (kpt, {"Kptfile": KPTFILE}),
    "kustomize build": (build, {"kustomization.yaml": KUSTOMIZATION, "imagesetter.yaml": LOCKED}),
    "pre-commit": (hook, {".pre-commit-config.yaml": HOOK}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_locked_run_without_a_network_gives_the_bytes_of_the_online_run(
    way: str, stage: Stage, cut_off: tuple[str, ...]
) -> None:
    run, files = WAYS[way]
    online = lay_out(stage, "online", "registry", **files)
    offline = lay_out(stage, "offline", "lock", **files)
    with_network = run(stage, online, source="registry")
    without = run(stage, offline, *cut_off, source="lock")
    assert with_network.status == 0, str(with_network)
    assert without.status == 0, str(without)
    deployment = (offline / "deployment.yaml").read_bytes()
    assert deployment == (online / "deployment.yaml").read_bytes()
    assert without.stdout.replace("offline", "") == with_network.stdout.replace("online", "")
    changed = without.stdout if way == "kustomize build" else deployment.decode()
    assert f"{stage.host}/my-app:1.0.10@sha256:" in changed


def test_a_run_that_asks_a_registry_fails_where_there_is_no_network(stage: Stage, cut_off: tuple[str, ...]) -> None:
    package = lay_out(stage, "package", "registry")
    done = stage.run(*cut_off, "imagesetter", "update", "--refresh", cwd=package)
    assert done.status == 1
    assert (package / "deployment.yaml").read_text() == DEPLOYMENT.replace("HOST", stage.host)


def test_the_lock_passes_through_kpt_as_a_resource_and_is_kept(stage: Stage, cut_off: tuple[str, ...]) -> None:
    package = lay_out(stage, "package", "lock", Kptfile=KPTFILE)
    assert kpt(stage, package, *cut_off, source="lock").status == 0
    once = (package / "images.lock.yaml").read_bytes()
    assert kpt(stage, package, *cut_off, source="lock").status == 0
    assert (package / "images.lock.yaml").read_bytes() == once
    checked = stage.here("lock", "--check", cwd=package)
    assert checked.status == 0, str(checked)


def test_the_lock_stays_out_of_what_kustomize_builds(stage: Stage, cut_off: tuple[str, ...]) -> None:
    files = {"kustomization.yaml": KUSTOMIZATION, "imagesetter.yaml": LOCKED}
    built = build(stage, lay_out(stage, "package", "lock", **files), *cut_off, source="lock")
    assert built.status == 0, str(built)
    assert "ImageLock" not in built.stdout


def test_two_packages_that_rename_one_policy_each_follow_their_own_lock(stage: Stage) -> None:
    for name, range_ in (("eu", "1.0.x"), ("us", "1.x")):
        kustomization = f"resources: [deployment.yaml, policies.yaml]\nnamePrefix: {name}-\n"
        policies = PINNED.replace("1.0.x", range_)
        lay_out(stage, name, "lock", **{"kustomization.yaml": kustomization, "policies.yaml": policies})
    updated = stage.here("update", "--from", "lock")
    assert updated.status == 0, str(updated)
    for name, tag in (("eu", "1.0.10"), ("us", "1.1.0")):
        assert f"{stage.host}/my-app:{tag}@sha256:" in (stage.root / name / "deployment.yaml").read_text()


@pytest.mark.parametrize("command", ["lock", "update", "function"])
def test_one_list_of_allowed_registries_counts_everywhere(command: str, stage: Stage) -> None:
    package = lay_out(stage, "package", "registry", Kptfile=KPTFILE)
    (package / "images.lock.yaml").unlink()
    words = {"lock": ("lock", "--no-cache"), "update": ("update", "--no-cache"), "function": ()}[command]
    run = (require_tool("kpt"), "fn", "render", "--allow-exec") if command == "function" else ("imagesetter", *words)
    refused = stage.run(*run, cwd=package, IMAGESETTER_ALLOW_REGISTRY="registry.example.com", IMAGESETTER_NO_CACHE="1")
    assert refused.status == 1
    assert "allow" in refused.stderr
    assert stage.host.rpartition(":")[2] in refused.stderr
    allowed = stage.run(*run, cwd=package, IMAGESETTER_ALLOW_REGISTRY=stage.host, IMAGESETTER_NO_CACHE="1")
    assert allowed.status == 0, str(allowed)
