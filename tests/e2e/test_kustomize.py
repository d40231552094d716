"""kustomize build strips comments; the policy-selected tag still gets into each field that is marked in the sources.

Each case builds with and without imagesetter, and the two outputs may differ in the marked fields alone.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.conftest import FUNCTION, MARK, POLICIES, Stage
from tools import require_tool

DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app}}
spec:
  template:
    spec:
      containers:
      - name: app
        image: HOST/my-app:1.0.0 {MARK % ""}
        env:
        - {{name: MODE, value: fast}}
        - name: VERSION
          value: "1.0.0" {MARK % ":tag"}
"""
ASIDE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      containers:
      - name: aside
        image: HOST/my-app:1.0.1
      - name: app
        args: [--x]
"""
HELM_RELEASE = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: app}}
spec:
  values:
    image:
      repository: HOST/old {MARK % ":name"}
      tag: 1.0.0 {MARK % ":tag"}
"""


@dataclass(frozen=True)
class Case:
    """A tree of files, where to build, and the lines that change."""

    files: dict[str, str]
    build: str = "."
    changed: dict[str, str] = field(default_factory=dict)


def kustomization(*resources: str, function: bool = True, **more: str) -> str:
    lines = [f"{key}: {value}" for key, value in more.items()]
    transformers = ["transformers: [imagesetter.yaml]"] if function else []
    return "\n".join([f"resources: [{', '.join(resources)}]", *lines, *transformers, ""])


IMAGE = {"image: HOST/my-app:1.0.0": "image: HOST/my-app:1.0.10", "value: 1.0.0": "value: 1.0.10"}
BASE = {
    "base/kustomization.yaml": kustomization("deployment.yaml", "policies.yaml", function=False),
    "base/deployment.yaml": DEPLOYMENT,
    "base/policies.yaml": POLICIES,
}
CASES = {
    "base alone": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml"),
            "imagesetter.yaml": FUNCTION,
            "deployment.yaml": DEPLOYMENT,
            "policies.yaml": POLICIES,
        },
        changed=IMAGE,
    ),
    "overlay with prefix, namespace and a container in front": Case(
        {
            **BASE,
            "overlay/kustomization.yaml": kustomization(
                "../base", namePrefix="eu-", namespace="shop", patches="[{path: aside.yaml}]"
            ),
            "overlay/aside.yaml": ASIDE,
            "overlay/imagesetter.yaml": FUNCTION,
        },
        "overlay",
        IMAGE,
    ),
    "function in the base, built through an overlay": Case(
        {
            **BASE,
            "base/kustomization.yaml": kustomization("deployment.yaml", "policies.yaml"),
            "base/imagesetter.yaml": FUNCTION,
            "deep/er/kustomization.yaml": kustomization("../../base", function=False, namePrefix="x-"),
        },
        "deep/er",
        IMAGE,
    ),
    "component": Case(
        {
            **BASE,
            "component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            "patches: [{path: patch.yaml}]\n",
            "component/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n"
            f"    metadata:\n      annotations:\n        version: 1.0.0 {MARK % ':tag'}\n",
            "overlay/kustomization.yaml": kustomization("../base", components="[../component]"),
            "overlay/imagesetter.yaml": FUNCTION,
        },
        "overlay",
        {**IMAGE, "version: 1.0.0": "version: 1.0.10"},
    ),
    "two overlays that share a base": Case(
        {
            **BASE,
            "a/kustomization.yaml": kustomization("../base", function=False, namePrefix="a-"),
            "b/kustomization.yaml": kustomization("../base", function=False, namePrefix="b-"),
            "all/kustomization.yaml": kustomization("../a", "../b"),
            "all/imagesetter.yaml": FUNCTION,
        },
        "all",
        IMAGE,
    ),
    "values of a HelmRelease": Case(
        {
            "kustomization.yaml": kustomization("release.yaml", "policies.yaml", namespace="shop"),
            "imagesetter.yaml": FUNCTION,
            "release.yaml": HELM_RELEASE,
            "policies.yaml": POLICIES,
        },
        changed={"repository: HOST/old": "repository: HOST/my-app", "tag: 1.0.0": "tag: 1.0.10"},
    ),
    "marker on the kustomization's own images": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
            + f"images:\n- name: HOST/other\n  newName: HOST/mirror\n  newTag: 1.0.0 {MARK % ':tag'}\n",
            "imagesetter.yaml": FUNCTION,
            "deployment.yaml": ASIDE.replace("HOST/my-app:1.0.1", "HOST/other:0.9"),
            "policies.yaml": POLICIES,
        },
        changed={"image: HOST/mirror:1.0.0": "image: HOST/mirror:1.0.10"},
    ),
    "policies that the overlay moves and renames": Case(
        {
            "base/kustomization.yaml": kustomization("deployment.yaml", function=False),
            "base/deployment.yaml": DEPLOYMENT,
            "overlay/kustomization.yaml": kustomization("../base", "policies.yaml", namePrefix="p-", namespace="prod"),
            "overlay/policies.yaml": POLICIES,
            "overlay/imagesetter.yaml": FUNCTION,
        },
        "overlay",
        IMAGE,
    ),
    "annotation on a resource": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml", namePrefix="x-"),
            "imagesetter.yaml": FUNCTION,
            "deployment.yaml": ASIDE.replace(
                "metadata: {name: app}",
                "metadata:\n  name: app\n  annotations:\n    imagesetter.dev/fields: |\n"
                "      spec.template.spec.containers[name=aside].image: flux-system:my-app",
            ),
            "policies.yaml": POLICIES,
        },
        changed={"image: HOST/my-app:1.0.1": "image: HOST/my-app:1.0.10"},
    ),
    "image bound by its repository": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml"),
            "imagesetter.yaml": FUNCTION + "spec: {bindByImage: true}\n",
            "deployment.yaml": ASIDE,
            "policies.yaml": POLICIES,
        },
        changed={"image: HOST/my-app:1.0.1": "image: HOST/my-app:1.0.10"},
    ),
}


def plant(stage: Stage, files: dict[str, str]) -> None:
    (stage.root / ".git").mkdir(exist_ok=True)
    for name, text in files.items():
        path = stage.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("HOST", stage.host))


def build(stage: Stage, directory: str, scan: str = "") -> tuple[int, str, str]:
    """Build with the function; *scan* is its sourceScan, where that is not the default."""
    command = (require_tool("kustomize"), "build", "--enable-alpha-plugins", "--enable-exec", ".")
    done = stage.run(*command, cwd=stage.root / directory, IMAGESETTER_SOURCE_SCAN=scan)
    return done.status, done.stdout, done.stderr


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_marked_fields_follow_and_nothing_else_differs(case: Case, stage: Stage) -> None:
    plant(stage, case.files)
    function = next(stage.root.rglob("imagesetter.yaml"))
    written = function.read_text()
    function.write_text(written.replace("path: imagesetter", "path: cat"))
    status, without, told = build(stage, case.build)
    assert status == 0, told
    function.write_text(written)
    status, output, told = build(stage, case.build)
    assert status == 0, told
    expected = without.replace(stage.host, "HOST")
    for old, new in case.changed.items():
        assert old in expected
        expected = expected.replace(f"{old}\n", f"{new}\n")
    assert output.replace(stage.host, "HOST") == expected, "\n".join(
        difflib.unified_diff(expected.splitlines(), output.replace(stage.host, "HOST").splitlines(), lineterm="")
    )
    assert "Traceback" not in told
    assert "[warning]" not in told


FAILURES = {
    "the same id in two bases, with different markers": (
        {
            "a/kustomization.yaml": kustomization("deployment.yaml", function=False, namePrefix="a-"),
            "a/deployment.yaml": DEPLOYMENT,
            "b/kustomization.yaml": kustomization("deployment.yaml", function=False, namePrefix="b-"),
            "b/deployment.yaml": DEPLOYMENT.replace("flux-system:my-app:tag", "flux-system:other:tag"),
            "kustomization.yaml": kustomization("a", "b", "policies.yaml"),
            "imagesetter.yaml": FUNCTION,
            "policies.yaml": POLICIES,
        },
        1,
        ["[error]", "Deployment app stands in a/deployment.yaml and in b/deployment.yaml", "spec.targets"],
    ),
    "a target that matches nothing": (
        {
            "kustomization.yaml": kustomization("policies.yaml"),
            "imagesetter.yaml": FUNCTION
            + "spec: {targets: [{select: {kind: Deploymnt}, fieldPaths: [spec.image], policy: my-app}]}\n",
            "policies.yaml": POLICIES,
        },
        0,
        ["[warning]", "spec.targets[0].select: no resource is selected"],
    ),
    "the same, strictly": (
        {
            "kustomization.yaml": kustomization("policies.yaml"),
            "imagesetter.yaml": FUNCTION + "spec:\n  strict: true\n"
            "  targets: [{select: {kind: Deploymnt}, fieldPaths: [spec.image], policy: my-app}]\n",
            "policies.yaml": POLICIES,
        },
        1,
        ["[error]", "spec.targets[0].select: no resource is selected"],
    ),
    "two policies on one repository": (
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml"),
            "imagesetter.yaml": FUNCTION + "spec:\n  bindByImage: true\n"
            "  policies: [{name: z, image: HOST/my-app, semver: {range: 1.x}, insecure: true}]\n",
            "deployment.yaml": ASIDE,
            "policies.yaml": POLICIES,
        },
        1,
        ["[error]", "flux-system:my-app and flux-system:z both follow", "spec.targets"],
    ),
    "an image that the same layer renames": (
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
            + "images: [{name: HOST/my-app, newName: mirror.example.com/my-app}]\n",
            "imagesetter.yaml": FUNCTION + "spec: {bindByImage: true}\n",
            "deployment.yaml": ASIDE,
            "policies.yaml": POLICIES,
        },
        0,
        ["[warning]", "is renamed to mirror.example.com/my-app"],
    ),
    "an annotation that counts positions": (
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml"),
            "imagesetter.yaml": FUNCTION,
            "deployment.yaml": ASIDE.replace(
                "metadata: {name: app}",
                "metadata:\n  name: app\n  annotations:\n"
                '    imagesetter.dev/fields: "spec.template.spec.containers[0].image: my-app"',
            ),
            "policies.yaml": POLICIES,
        },
        1,
        ["[error]", "selects by position, which a patch can change"],
    ),
    "a policy that nothing follows": (
        {
            "kustomization.yaml": kustomization("policies.yaml"),
            "imagesetter.yaml": FUNCTION,
            "policies.yaml": POLICIES,
        },
        0,
        ["[warning]", "no field follows ImagePolicy flux-system:my-app"],
    ),
}


GOLDENS = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", FAILURES)
def test_what_cannot_be_followed_is_said(name: str, stage: Stage) -> None:
    files, status, words = FAILURES[name]
    plant(stage, files)
    got, output, told = build(stage, ".", "static")
    assert got == status, told
    told = told.replace(stage.host, "HOST").replace(str(stage.root), "ROOT")
    golden = GOLDENS / f"kustomize-{name.replace(',', '').replace(' ', '-')}.txt"
    if os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1":
        golden.write_text(told)
    assert told == golden.read_text()
    for word in words:
        assert word in told
    assert status == 0 or output == ""


def test_sources_outside_the_repository_are_not_read(stage: Stage, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "deployment.yaml").write_text(DEPLOYMENT.replace("HOST", stage.host))
    (outside / "kustomization.yaml").write_text("resources: [deployment.yaml]\n")
    plant(
        stage,
        {
            "kustomization.yaml": kustomization("../../outside", "policies.yaml"),
            "imagesetter.yaml": FUNCTION,
            "policies.yaml": POLICIES,
        },
    )
    (stage.root / "link").symlink_to(outside)
    (stage.root / "kustomization.yaml").write_text(kustomization("link", "policies.yaml"))
    status, output, told = build(stage, ".")
    assert status == 0, told
    assert f"image: {stage.host}/my-app:1.0.0" in output
    assert "lies outside the repository and was not scanned" in told


def test_a_stream_that_the_function_was_skipped_for_is_recognised(stage: Stage) -> None:
    plant(stage, CASES["base alone"].files)
    kustomize = require_tool("kustomize")
    skipped = stage.run(kustomize, "build", "--enable-alpha-plugins", ".")
    assert skipped.status == 0
    assert f"{stage.host}/my-app:1.0.0" in skipped.stdout
    _, rendered, _ = build(stage, ".")
    check = ("imagesetter", "lint", "--rendered", "-", "--policies", "policies.yaml")
    told = stage.run(*check, stdin=skipped.stdout)
    assert told.status == 1, str(told)
    assert f"the image is {stage.host}/my-app:1.0.0" in told.stderr
    assert "--enable-exec" in told.stderr
    told = stage.run(*check, stdin=rendered)
    assert told.status == 0, str(told)
    assert told.stderr == ""


def test_kubectl_skips_the_function_and_says_nothing(stage: Stage) -> None:
    plant(stage, CASES["base alone"].files)
    done = stage.run(require_tool("kubectl"), "kustomize", "--enable-alpha-plugins", ".")
    assert done.status == 0, str(done)
    assert f"image: {stage.host}/my-app:1.0.0" in done.stdout


def test_kustomize_fn_run_edits_the_files_and_keeps_the_comments(stage: Stage) -> None:
    files = CASES["base alone"].files
    plant(stage, {name: files[name] for name in ("deployment.yaml", "policies.yaml")})
    command = (require_tool("kustomize"), "fn", "run", ".", "--enable-exec", "--exec-path")
    stage.run(*command, require_tool("cat"))
    by_cat = (stage.root / "deployment.yaml").read_text()
    done = stage.run(*command, require_tool("imagesetter"))
    assert done.status == 0, str(done)
    text = (stage.root / "deployment.yaml").read_text()
    assert text == by_cat.replace("my-app:1.0.0 #", "my-app:1.0.10 #").replace('"1.0.0" #', '"1.0.10" #')
    assert MARK % "" in text
    done = stage.run(*command, require_tool("imagesetter"))
    assert (stage.root / "deployment.yaml").read_text() == text


def test_a_remote_base_is_named_as_not_scanned(stage: Stage, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    (remote / "app").mkdir(parents=True)
    (remote / "app/deployment.yaml").write_text(DEPLOYMENT.replace("HOST", stage.host))
    (remote / "app/kustomization.yaml").write_text("resources: [deployment.yaml]\n")
    done = stage.shell("git init -q -b main && git add . && git commit -qm base", cwd=remote)
    assert done.status == 0, str(done)
    base = f"{remote.as_uri()}//app?ref=main"
    plant(
        stage,
        {
            "kustomization.yaml": kustomization(f'"{base}"', "policies.yaml"),
            "imagesetter.yaml": FUNCTION,
            "policies.yaml": POLICIES,
        },
    )
    status, output, told = build(stage, ".")
    assert status == 0, told
    assert f"image: {stage.host}/my-app:1.0.0" in output
    assert f"{base} is remote and was not scanned for markers; name its fields in spec.targets" in told
