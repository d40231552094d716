"""The recipes of docs/kustomize.md and docs/kpt.md, as they are printed there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Stage, environment_in
from e2e.test_kustomize import plant
from e2e.test_kustomize_layers import BASE, ONE, WEB
from krm_functions.yaml.load import load
from tools import CHECKOUT, require_tool

# What apply-setters of kpt's catalog does to a field with `# kpt-set: ${web-tag}`.
SETTERS = """\
#!{python}
import re, sys
text = sys.stdin.read()
tag = re.search(r"(?s)functionConfig:.*web-tag: (\\S+)", text)[1]
sys.stdout.write(re.sub(r"web:\\S+ # kpt-set", f"web:{{tag}} # kpt-set", text))
"""
TREE = {
    **BASE,
    "base/policies.yaml": ONE,
    "overlays/prod/kustomization.yaml": "resources: [../../base]\nnamePrefix: prod-\n",
}


@pytest.fixture
def recipe(tmp_path: Path) -> Stage:
    """A stage whose policies come with their status, so that no registry is asked."""
    work = tmp_path / "work"
    work.mkdir()
    return Stage(work, "HOST", {**environment_in(tmp_path), "IMAGESETTER_FROM": "status"})


def block(page: str, language: str, word: str) -> str:
    """The block of a page that holds a word."""
    text = (CHECKOUT / "docs" / page).read_text(encoding="utf-8")
    found = [each for each in re.findall(rf"```{language}\n(.*?)```", text, flags=re.S) if word in each]
    assert len(found) == 1
    return str(found[0])


def test_the_plugin_of_argo_cd_renders_the_application_that_it_stands_in(recipe: Stage) -> None:
    plant(recipe, TREE)
    plugin: Any = load(block("kustomize.md", "yaml", "ConfigManagementPlugin"))
    command = plugin["spec"]["generate"]["command"]
    assert command[:2] == ["imagesetter", "build"]
    command = ["status" if word == "lock" else word for word in command]
    done = recipe.run(*command, cwd=recipe.root / "overlays/prod")
    assert (done.status, done.stderr) == (0, "")
    assert f"image: {WEB}:1.0.5\n" in done.stdout
    assert "name: prod-web\n" in done.stdout


def test_the_recipe_for_flux_writes_what_flux_applies(recipe: Stage) -> None:
    plant(recipe, TREE)
    script = block("kustomize.md", "sh", "mkdir -p deploy").replace("--from lock", "--from status")
    done = recipe.shell(script, cwd=recipe.root)
    assert done.status == 0, str(done)
    assert f"image: {WEB}:1.0.5\n" in (recipe.root / "deploy/prod.yaml").read_text()


def test_one_render_sets_a_setter_of_kpt_and_the_fields_that_name_it(recipe: Stage) -> None:
    kpt = require_tool("kpt")
    python = require_tool("python3")
    program = recipe.root.parent / "apply-setters"
    program.write_text(SETTERS.format(python=python))
    program.chmod(0o755)
    pipeline = re.sub(r"image: \S+", f"exec: {program}", block("kpt.md", "yaml", "apply-setters"))
    head = "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata:\n  name: app\n"
    pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n    - name: web\n"
    plant(
        recipe,
        {
            "Kptfile": head + pipeline,
            "setters.yaml": block("kpt.md", "yaml", "name: setters"),
            "policies.yaml": ONE,
            "pod.yaml": f"{pod}      image: {WEB}:1.0.0 # kpt-set: {WEB}:${{web-tag}}\n",
        },
    )
    shutil.rmtree(recipe.root / ".git")
    done = recipe.run(kpt, "fn", "render", "--allow-exec")
    assert done.status == 0, str(done)
    assert 'web-tag: 1.0.5 # {"$imagepolicy": "flux-system:web:tag"}\n' in (recipe.root / "setters.yaml").read_text()
    assert f"image: {WEB}:1.0.5 # kpt-set: {WEB}:${{web-tag}}\n" in (recipe.root / "pod.yaml").read_text()
