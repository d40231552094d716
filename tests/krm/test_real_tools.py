"""Under the real kpt and kustomize: a function that only talks changes nothing that `cat` would have kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import CHECKOUT, require_tool

TALKATIVE = f"""\
#!{sys.executable}
import sys
sys.path.insert(0, {str(CHECKOUT / "fn")!r})
from krm_functions.result import Field, Result
from krm_functions.function import Output
from krm_functions.main import run

def talk(resources):
    return Output(results=[
        Result("talk: # {{}}", "warning", item.ref, Field("metadata.name", item.name), item.file, {{"a": "b\\n"}})
        for item in resources.items
    ])

sys.exit(run(talk))
"""

FILES = {
    "comments.yaml": """\
# head of the file

# head of a
apiVersion: v1 # version
kind: ConfigMap
metadata:
  name: a
data:
  # above k
  k: v # line
  # foot of k

  l: "1.10" #tight
# foot of a
---
# head of b
apiVersion: v1
kind: ConfigMap
metadata: {name: b, labels: {x: y}} # flow
data:
  folded: >-
    one
    two
  literal: |+
    one

  # deep at the end
    # deeper
# last
""",
    "lists.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: wide
spec:
  template:
    spec:
      containers:
        - name: web # the first
          image: &image registry.example.com/web:1.0.0 # {"$imagepolicy": "flux-system:web"}
          args: ['a', "b", c]
        # between
        - {name: side, image: *image} # second
        # foot of the list
""",
    "odd.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
    name: crlf
data:
    mode: 0644
    on: 'yes'
""".replace("\n", "\r\n"),
    "foot.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: foot
data:
  k: v
# the comment that kpt writes twice when a key follows the items
""",
    "data.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"k": "v"}}\n',
}


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "kustomization.yaml"}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two equal packages and a function."""
    function = tmp_path / "talk"
    function.write_text(TALKATIVE)
    function.chmod(0o755)
    for name in ("by-cat", "ours"):
        (tmp_path / name).mkdir()
        for file, text in FILES.items():
            (tmp_path / name / file).write_bytes(text.encode())
    return tmp_path / "by-cat", tmp_path / "ours", function


def do(*command: str, cwd: Path) -> str:
    env = {**os.environ, "PWD": str(cwd)}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("last", ["comments.yaml", "foot.yaml", "lists.yaml", "odd.yaml"])
def test_kpt_fn_render_without_function_config(folders: tuple[Path, Path, Path], last: str) -> None:
    kpt = require_tool("kpt")
    for folder, function in ((folders[0], "cat"), (folders[1], str(folders[2]))):
        (folder / last).rename(folder / f"z-{last}")
        kptfile = (
            "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata:\n  name: p\npipeline:\n  mutators:\n  - exec: FUNCTION\n"
        )
        (folder / "Kptfile").write_text(kptfile.replace("FUNCTION", function))
        shown = do(kpt, "fn", "render", "--allow-exec", "--truncate-output=false", cwd=folder)
        (folder / "Kptfile").unlink()
    assert "[warning] v1/ConfigMap/a metadata.name: talk" in shown
    assert tree(folders[1]) == tree(folders[0])


def test_kpt_fn_eval(folders: tuple[Path, Path, Path]) -> None:
    kpt = require_tool("kpt")
    do(kpt, "fn", "eval", ".", "--exec", "cat", cwd=folders[0])
    shown = do(kpt, "fn", "eval", ".", "--exec", str(folders[2]), "--truncate-output=false", cwd=folders[1])
    assert "[warning] v1/ConfigMap/json metadata.name" in shown
    assert "Stderr" not in shown
    assert tree(folders[1]) == tree(folders[0])


def test_kpt_shows_the_error_among_many_results_and_writes_nothing(folders: tuple[Path, Path, Path]) -> None:
    kpt = require_tool("kpt")
    folder, function = folders[1:]
    function.write_text(TALKATIVE.replace('"warning"', '"error" if item.name == "wide" else "warning"'))
    before = tree(folder)
    done = subprocess.run(
        [kpt, "fn", "eval", ".", "--exec", str(function)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "[error] apps/v1/Deployment/wide metadata.name: talk: # {}" in done.stderr
    assert "truncated" in done.stderr
    assert tree(folder) == before


def test_kustomize_fn_run(folders: tuple[Path, Path, Path]) -> None:
    kustomize = require_tool("kustomize")
    cat = subprocess.run(["which", "cat"], capture_output=True, text=True, check=True).stdout.strip()
    do(kustomize, "fn", "run", ".", "--enable-exec", "--exec-path", cat, cwd=folders[0])
    do(kustomize, "fn", "run", ".", "--enable-exec", "--exec-path", str(folders[2]), cwd=folders[1])
    assert tree(folders[1]) == tree(folders[0])


def test_kustomize_build_prints_the_same_and_shows_the_results(folders: tuple[Path, Path, Path]) -> None:
    kustomize = require_tool("kustomize")
    printed = []
    for folder, function in ((folders[0], "cat"), (folders[1], str(folders[2]))):
        (folder / "kustomization.yaml").write_text(
            f"namePrefix: p-\nresources: [{', '.join(FILES)}]\ntransformers: [fn.yaml]\n"
        )
        (folder / "fn.yaml").write_text(
            "apiVersion: example.com/v1\nkind: Talk\nmetadata:\n  name: talk\n  annotations:\n"
            f"    config.kubernetes.io/function: |\n      exec: {{path: {function}}}\n"
        )
        flags = ("--enable-alpha-plugins", "--enable-exec")
        done = subprocess.run(
            [kustomize, "build", ".", *flags], cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert "name: p-wide" in printed[1]
    assert done.stderr.count("\n") == 6
    assert "[warning] apps/v1/Deployment/p-wide metadata.name: talk: # {}" in done.stderr
