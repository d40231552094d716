"""A build with the function, and `imagesetter build`, give what an update of the sources and a plain build give."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path

import pytest

from e2e.conftest import FUNCTION, Stage, environment_in
from e2e.test_kustomize import build, kustomization, plant
from e2e.test_kustomize_layers import (
    API,
    BASE,
    BOTH,
    CASES,
    COMPONENT,
    MARKED,
    ONE,
    VERSION,
    WEB,
    deployment,
    images_entry,
    images_of,
    mark,
    overlay,
    policy,
)
from imagesetter.cli.main import main
from support.waiting import wait_until
from tools import require_tool

FUNCTIONS = ("--enable-alpha-plugins", "--enable-exec")

TAG = f"tag: 1.0.0 {mark('web:tag')}\n"
COPY = (
    "replacements:\n- source: {kind: Deployment, fieldPath: spec.template.spec.containers.0.image, "
    "options: {delimiter: ':', index: 1}}\n  targets:\n"
    "  - {select: {kind: Deployment}, fieldPaths: [metadata.labels.version], options: {create: true}}\n"
)
USES = deployment(f"{WEB}:1.0.0", "web", "        envFrom: [{configMapRef: {name: values}}]\n")
GENERATED = "configMapGenerator: [{name: values, files: [values.yaml]}]\n"
IMAGE_TAG = (
    "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: t}\n"
    f"imageTag:\n  name: {WEB}\n  newTag: 1.0.0 {mark('web:tag')}\n"
)
PATCHES = "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: sub/p.yaml\n"


NEIGHBOURS: dict[str, dict[str, str]] = {
    "a generated ConfigMap, and the name that others call it by": overlay(GENERATED, values=TAG)
    | {"base/d.yaml": MARKED, "ov/u.yaml": USES}
    | {"ov/kustomization.yaml": kustomization("u.yaml", "policies.yaml") + GENERATED},
    "a generated Secret with a file under another name": overlay(
        "secretGenerator: [{name: s, files: [config=values.yaml]}]\n", values=TAG
    ),
    "a replacement that copies the tag of an image": overlay(COPY),
    "a replacement in a file of its own": overlay(
        "replacements: [{path: r.yaml}]\n",
        r=COPY.partition("\n")[2],
    ),
    "a built-in transformer with a marker": overlay().copy()
    | {
        "ov/kustomization.yaml": "resources: [../base, policies.yaml]\ntransformers: [t.yaml, imagesetter.yaml]\n",
        "ov/t.yaml": IMAGE_TAG,
        "base/d.yaml": deployment(f"{WEB}:0.1.0"),
    },
    "a built-in transformer that names a patch": overlay().copy()
    | {
        "ov/kustomization.yaml": "resources: [../base, policies.yaml]\ntransformers: [t.yaml, imagesetter.yaml]\n",
        "ov/t.yaml": PATCHES,
        "ov/sub/p.yaml": deployment(f"{API}:1.0.0", "api"),
        "ov/policies.yaml": BOTH,
    },
    "transformers in a folder of their own": overlay().copy()
    | {
        "ov/kustomization.yaml": "resources: [../base, policies.yaml]\ntransformers: [../functions]\n",
        "functions/kustomization.yaml": "resources: [is.yaml]\n",
        "functions/is.yaml": FUNCTION,
    },
    "a function in a component": {
        **BASE,
        "ov/kustomization.yaml": "resources: [../base]\ncomponents: [../comp]\n",
        "comp/kustomization.yaml": f"{COMPONENT}resources: [policies.yaml]\ntransformers: [is.yaml]\n",
        "comp/policies.yaml": ONE,
        "comp/is.yaml": FUNCTION,
    },
    "a function in a component that two overlays include": {
        **BASE,
        "ov/kustomization.yaml": "resources: [../a, ../b]\n",
        "a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\ncomponents: [../comp]\n",
        "b/kustomization.yaml": "resources: [../base]\nnamePrefix: b-\ncomponents: [../comp]\n"
        + images_entry(newTag="2"),
        "comp/kustomization.yaml": f"{COMPONENT}resources: [policies.yaml]\ntransformers: [is.yaml]\n",
        "comp/policies.yaml": ONE,
        "comp/is.yaml": FUNCTION,
    },
    "a function in a component of two overlays with resources of the same names": {
        **BASE,
        "other/kustomization.yaml": "resources: [d.yaml]\n",
        "other/d.yaml": deployment(f"{API}:2.0.0", "api"),
        "ov/kustomization.yaml": "resources: [../a, ../b]\n",
        "a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\ncomponents: [../comp]\n",
        "b/kustomization.yaml": "resources: [../other]\nnamePrefix: b-\ncomponents: [../comp]\n",
        "comp/kustomization.yaml": f"{COMPONENT}resources: [policies.yaml]\ntransformers: [is.yaml]\n",
        "comp/policies.yaml": BOTH,
        "comp/is.yaml": FUNCTION,
    },
    "functions in the base and in the overlay": {
        **overlay(f"images:\n- name: {WEB}\n  newTag: 1.0.0 {mark('web:tag')}\n"),
        "base/kustomization.yaml": kustomization("d.yaml", "policies.yaml"),
        "base/policies.yaml": ONE,
        "base/imagesetter.yaml": FUNCTION,
        "ov/kustomization.yaml": kustomization("../base"),
    },
    "a function in a base that two overlays use": {
        "base/kustomization.yaml": kustomization("d.yaml", "policies.yaml"),
        "base/d.yaml": MARKED + VERSION,
        "base/policies.yaml": ONE,
        "base/imagesetter.yaml": FUNCTION,
        "a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\n",
        "b/kustomization.yaml": "resources: [../base]\nnameSuffix: -b\n",
        "ov/kustomization.yaml": "resources: [../a, ../b]\n",
    },
    "labels with a marker in the kustomization": overlay(
        f"labels:\n- pairs:\n    version: 1.0.0 {mark('web:tag')}\n  includeTemplates: true\n"
    ),
    "an unmarked patch with the value of the marked field": overlay(
        "patches: [{path: p.yaml}]\n", p=deployment(f"{WEB}:1.0.0")
    ),
    "a patch that copies the marked field": overlay(
        "patches: [{path: p.yaml, target: {kind: Deployment}}]\n",
        p="- {op: copy, from: /spec/template/spec/containers/0/image, path: /metadata/name}\n".replace(
            "/metadata/name", "/spec/template/spec/containers/0/workingDir"
        ),
    ),
    "a policy that selects an image of another name under images:": overlay(
        images_entry(newTag="7"), policies=policy("web", "new.example.com/web", "2.0.0")
    ),
    "two policies by two overlays of one base": {
        **overlay(base="../a, ../b", policies=ONE + "---\n" + policy("older", WEB, "1.0.1")),
        "base/d.yaml": deployment(f"{WEB}:1"),
        "a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\n"
        f"images:\n- name: {WEB}\n  newTag: 1.0.0 {mark('web:tag')}\n",
        "b/kustomization.yaml": "resources: [../base]\nnamePrefix: b-\n"
        f"images:\n- name: {WEB}\n  newTag: 1.0.0 {mark('older:tag')}\n",
    },
    "resources of the same name with different markers": {
        **overlay(base="../base, ../other", policies=BOTH),
        "base/kustomization.yaml": "resources: [d.yaml]\nnamePrefix: a-\n",
        "other/kustomization.yaml": "resources: [d.yaml]\nnamePrefix: b-\n",
        "other/d.yaml": deployment(f"{WEB}:1.0.0", "api"),
    },
}
EXACT = {
    name: CASES[name].files
    for name in (
        "a patch with a marker of its own decides",
        "what a function in the base has set already is right",
        "numbers and quoted values that a JSON patch has kustomize write anew follow",
        "aliases of a marked scalar and of a collection around one follow",
        "a marker on newTag of the overlay decides over the one in the base",
    )
}


@pytest.fixture
def layers(tmp_path: Path) -> Stage:
    """A stage whose policies come with their status, so that no registry is asked."""
    work = tmp_path / "work"
    work.mkdir()
    return Stage(work, "HOST", {**environment_in(tmp_path), "IMAGESETTER_FROM": "status", "TMPDIR": str(tmp_path)})


def plain(stage: Stage, directory: str, *options: str) -> str:
    """What kustomize prints of a copy without our functions, after an update of it."""
    copy = stage.root.with_name("reference")
    shutil.copytree(stage.root, copy, symlinks=True, dirs_exist_ok=True)
    for path in copy.rglob("kustomization.yaml"):
        text = re.sub(r"(?m)^transformers: \[([^]]*, )?(imagesetter|is)\.yaml\]\n", _others, path.read_text())
        path.write_text(text.replace("transformers: [../functions]\n", ""))
    with chdir(copy):  # in this process, since the function is what is tested
        assert main(["update", "--quiet", "--from", "status"]) == 0
    done = stage.run(require_tool("kustomize"), "build", directory, *options, cwd=copy)
    assert done.status == 0, str(done)
    return done.stdout


def _others(found: re.Match[str]) -> str:
    return f"transformers: [{found[1]}]\n" if found[1] else ""


def leftovers(stage: Stage) -> list[Path]:
    """The temporary folders that are still there."""
    return list(stage.root.parent.glob("imagesetter-build-*"))


@pytest.mark.parametrize("files", [*EXACT.values(), *NEIGHBOURS.values()], ids=[*EXACT, *NEIGHBOURS])
def test_the_function_gives_what_an_update_and_a_plain_build_give(files: dict[str, str], layers: Stage) -> None:
    plant(layers, files)
    before = {path: path.read_bytes() for path in layers.root.rglob("*") if path.is_file()}
    status, output, messages = build(layers, "ov")
    assert status == 0, messages
    assert output == plain(layers, "ov")
    assert "Traceback" not in messages
    assert {path: path.read_bytes() for path in layers.root.rglob("*") if path.is_file()} == before
    assert leftovers(layers) == []


INLINE = (
    "patches:\n- target: {kind: Deployment}\n  patch: |\n    - op: replace\n"
    f"      path: /spec/template/spec/containers/0/image\n      value: {WEB}:1.0.1 {mark('web')}\n"
)


def test_an_inline_patch_is_followed_on_request(layers: Stage) -> None:
    plant(layers, overlay(INLINE, spec="spec: {nested: true}\n"))
    status, output, messages = build(layers, "ov")
    assert status == 0, messages
    assert f"image: {WEB}:1.0.5\n" in output
    command = ["build", "ov", "-q"]
    assert layers.here(*command, "--nested", "--", *FUNCTIONS).stdout == output
    without = layers.here(*command, "--", *FUNCTIONS, IMAGESETTER_NESTED="false")
    assert without.stderr.count("kustomization.yaml") == 1
    assert "ov/kustomization.yaml:" in without.stderr
    assert "this marker is inside the text of a value" in without.stderr


INSIDE = f"image: {WEB}:1.0.0 {mark('web')}\n"
IN_A_CONFIG_MAP = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  values.yaml: |\n    {INSIDE}"
SET = f"set {WEB}:1.0.0 → {WEB}:1.0.5"
TEXTS = {
    "a generated ConfigMap": (
        overlay("configMapGenerator: [{name: c, files: [values.yaml]}]\n", values=INSIDE),
        f'[info] v1/ConfigMap/c data["values.yaml"]: {SET} in its text',
    ),
    "a generated Secret, of which nothing is shown": (
        overlay("secretGenerator: [{name: c, files: [values.yaml]}]\n", values=INSIDE + "more: text\n" * 9),
        '[info] v1/Secret/c data["values.yaml"]: set what its updated sources give',
    ),
    "a marker inside a text": (
        overlay(spec="spec: {nested: true}\n") | {"base/d.yaml": IN_A_CONFIG_MAP},
        f'[info] v1/ConfigMap/c data["values.yaml"]: {SET} in its text',
    ),
    "a marker inside a text, statically": (
        overlay(spec="spec: {nested: true, sourceScan: static}\n") | {"base/d.yaml": IN_A_CONFIG_MAP},
        f'[info] v1/ConfigMap/c data["values.yaml"].image: {SET}',
    ),
}


@pytest.mark.parametrize(("files", "message"), TEXTS.values(), ids=TEXTS)
def test_a_change_inside_a_text_is_reported_and_nothing_is_said_to_be_lost(
    files: dict[str, str], message: str, layers: Stage
) -> None:
    plant(layers, files)
    status, _, messages = build(layers, "ov")
    assert status == 0, messages
    lines = messages.splitlines()
    assert message in lines, messages
    assert not [each for each in lines if "warning" in each or "does not reach" in each], messages


@pytest.mark.parametrize(
    "name", ["a generated ConfigMap, and the name that others call it by", "a function in a component"]
)
def test_the_command_gives_the_same_with_the_function_and_without_it(name: str, layers: Stage) -> None:
    plant(layers, NEIGHBOURS[name])
    done = layers.run("imagesetter", "build", "ov", "--", *FUNCTIONS)
    wanted = plain(layers, "ov")
    assert (done.status, done.stdout) == (0, wanted), str(done)
    done = layers.run("imagesetter", "build", cwd=layers.root.with_name("reference") / "ov")
    assert (done.status, done.stdout) == (0, wanted), str(done)
    assert leftovers(layers) == []


OVERLAYS = {
    **BASE,
    "policies/policies.yaml": BOTH,
    "comp/kustomization.yaml": COMPONENT + images_entry(name="unrelated", newTag="1"),
    "a/kustomization.yaml": "resources: [../base]\n",
    "b/kustomization.yml": "resources: [../base]\ncomponents: [../comp]\n" + images_entry(newTag="7"),
    "clusters/flux-system/kustomization.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n",
}


def test_all_overlays_are_built_once_and_bases_and_components_are_not(layers: Stage) -> None:
    plant(layers, OVERLAYS)
    done = layers.here("build", "--all")
    rendered = MARKED.replace(f" {mark('web')}", "").replace(
        "      - name: web\n        image: registry.example.com/web:1.0.0\n",
        "      - image: registry.example.com/web:%s\n        name: web\n",
    )
    assert done.stdout == f"# a\n{rendered % '1.0.5'}---\n# b\n{rendered % '7'}"
    assert (done.status, done.stderr) == (0, "1 field changed, 0 up to date\n")


def test_check_says_which_overlay_differs_and_diff_shows_how(layers: Stage) -> None:
    plant(layers, OVERLAYS)
    checked = layers.here("build", "--all", "--check", "-q")
    assert (checked.status, checked.stdout) == (1, "")
    assert checked.stderr == "a: the build of the updated sources differs\n"
    shown = layers.here("build", "--all", "--diff", "-q")
    assert (shown.status, shown.stderr) == (0, "")
    assert shown.stdout == (
        "--- a/a\n+++ b/a\n@@ -6,5 +6,5 @@\n   template:\n     spec:\n       containers:\n"
        f"-      - image: {WEB}:1.0.0\n+      - image: {WEB}:1.0.5\n         name: web\n"
    )
    assert layers.here("update", "-q").status == 0
    assert layers.here("build", "--all", "--check", "-q").status == 0


def test_kubectl_builds_the_same(layers: Stage) -> None:
    plant(layers, OVERLAYS)
    kubectl = require_tool("kubectl")
    done = layers.here("build", "a", "--kustomize", f"{kubectl} kustomize")
    assert (done.status, done.stdout) == (0, layers.here("build", "a").stdout), str(done)


def test_what_git_ignores_is_copied_only_where_kustomize_reads_it(layers: Stage) -> None:
    tool = '#!/bin/sh\nls .. >&2\nstat -c %a "${PWD%%/sources/*}" secret.env >&2\ncat\n'
    files = overlay("secretGenerator: [{name: s, envs: [secret.env]}]\n", values=TAG)
    files["ov/kustomization.yaml"] = files["ov/kustomization.yaml"].replace("imagesetter.yaml", "tool.yaml")
    files["ov/tool.yaml"] = FUNCTION.replace("path: imagesetter", "path: ./tool")
    plant(
        layers, {**files, "ov/secret.env": "a=b\n", ".gitignore": "*.env\njunk\n", "junk/large": "x", "ov/tool": tool}
    )
    (layers.root / ".git").rmdir()
    (layers.root / "ov/tool").chmod(0o755)
    (layers.root / "ov/secret.env").chmod(0o640)
    layers.shell("git init -q && git add . && git commit -qm all", cwd=layers.root)
    done = layers.here("build", "ov", "--", *FUNCTIONS)
    assert done.status == 0, str(done)
    assert done.stderr == "1 field changed, 0 up to date\nbase\nov\n700\n640\n"
    assert "  a: Yg==\n" in done.stdout
    assert f"image: {WEB}:1.0.5\n" in done.stdout


def test_without_a_repository_what_kustomize_reads_is_copied_and_links_lead_where_they_did(layers: Stage) -> None:
    plant(layers, {**overlay(), "elsewhere/d.yaml": MARKED, "elsewhere/kustomization.yaml": "resources: [d.yaml]\n"})
    (layers.root / ".git").rmdir()
    shutil.rmtree(layers.root / "base")
    (layers.root / "base").symlink_to("elsewhere")
    status, output, messages = build(layers, "ov")
    assert status == 0, messages
    assert f"image: {WEB}:1.0.5\n" in output
    assert (layers.root / "elsewhere/d.yaml").read_text() == MARKED


def test_a_link_out_of_the_repository_is_built_as_it_is_and_reported(layers: Stage) -> None:
    outside = layers.root.with_name("outside")
    outside.mkdir()
    (outside / "d.yaml").write_text(MARKED)
    (outside / "kustomization.yaml").write_text("resources: [d.yaml]\n")
    own = deployment(f"{API}:2.0.0", "api").replace("name: web\nspec", "name: own\nspec")
    plant(layers, {**overlay(base="../link, own.yaml", policies=BOTH), "ov/own.yaml": own})
    (layers.root / "link").symlink_to(outside)
    status, output, messages = build(layers, "ov")
    assert status == 0, messages
    assert f"image: {WEB}:1.0.0\n" in output
    assert f"image: {API}:2.3.4\n" in output
    assert "[warning]: ../link lies outside the repository and was not scanned for markers" in messages
    assert (outside / "d.yaml").read_text() == MARKED


def test_a_large_file_of_the_sources_is_not_written_through_its_link(layers: Stage) -> None:
    plant(layers, overlay())
    large = f"{MARKED}# {'x' * (1 << 20)}\n"
    (layers.root / "base/d.yaml").write_text(large)
    status, output, messages = build(layers, "ov")
    assert status == 0, messages
    assert f"image: {WEB}:1.0.5\n" in output
    assert (layers.root / "base/d.yaml").read_text() == large


def test_the_copy_is_gone_after_a_kill(layers: Stage) -> None:
    tool = "#!/bin/sh\necho > started\nwhile [ -e started ]; do sleep 0.1; done\ncat\n"
    files = overlay()
    files["ov/kustomization.yaml"] = files["ov/kustomization.yaml"].replace("imagesetter.yaml", "tool.yaml")
    plant(layers, {**files, "ov/tool.yaml": FUNCTION.replace("path: imagesetter", "path: ./tool"), "ov/tool": tool})
    (layers.root / "ov/tool").chmod(0o755)
    command = ["imagesetter", "build", "ov", "--", *FUNCTIONS]
    with subprocess.Popen(command, cwd=layers.root, env=layers.environment, stdout=subprocess.DEVNULL) as running:
        assert wait_until(lambda: list(layers.root.parent.glob("imagesetter-build-*/sources/**/started")))
        running.kill()
    assert wait_until(lambda: not leftovers(layers))


REFUSED: dict[str, tuple[dict[str, str], tuple[str, ...], str]] = {
    "a directory without a kustomization": (
        {"x/a.yaml": "a: b\n"},
        ("x",),
        "error: there is no kustomization in x\n  where: imagesetter build\n  hint:  name the directory of an ",
    ),
    "no directory": (
        {},
        ("nowhere",),
        "error: nowhere is not a directory\n  where: imagesetter build\n  hint:  name the directory of a",
    ),
    "an output file": (
        BASE,
        ("base", "--", "-o", "x"),
        "error: -o is not passed on\n  where: imagesetter build\n  hint:  write the stream to a",
    ),
    "two directories": (BASE, ("base", "base"), "error: one directory is built at a time: base base\n"),
    "a program that does not exist": (
        BASE,
        ("base", "--kustomize", "nothing-like-it"),
        "error: nothing-like-it is not on PATH\n  where: --kustomize\n  hint:  install kustomize or kubectl",
    ),
    "a function without the flags": (
        overlay(),
        ("ov", "-q"),
        "error: kustomize cannot build ov: Error: external plugins disabled; unable to load external plugin "
        "'ImageSetter'\n  hint:  the kustomization runs a function: add -- --enable-alpha-plugins --enable-exec\n",
    ),
    "a base that does not exist": (
        {"ov/kustomization.yaml": "resources: [../nothing]\n"},
        ("ov", "-q"),
        "error: kustomize cannot build ov: Error: accumulating resources: accumulation err='accumulating resources "
        "from '../nothing':",
    ),
    "an unknown policy": (
        {**BASE, "ov/kustomization.yaml": "resources: [../base]\n"},
        ("ov",),
        "base/d.yaml:10: error: flux-system:web: ImagePolicy flux-system:web was not found",
    ),
}


@pytest.mark.parametrize(("files", "arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_built_is_an_error(
    files: dict[str, str], arguments: tuple[str, ...], message: str, layers: Stage
) -> None:
    plant(layers, files)
    done = layers.here("build", *arguments)
    assert done.status in (1, 2)
    assert done.stdout == ""
    assert done.stderr.startswith(message), done.stderr
    assert "Traceback" not in done.stderr


def test_a_function_that_cannot_see_its_caller_says_so_where_it_matters(layers: Stage) -> None:
    plant(layers, overlay(GENERATED, values=TAG))
    recorder = "#!/bin/sh\ntee input.yaml\n"
    (layers.root / "ov/imagesetter.yaml").write_text(FUNCTION.replace("path: imagesetter", "path: ./recorder"))
    (layers.root / "ov/recorder").write_text(recorder)
    (layers.root / "ov/recorder").chmod(0o755)
    assert build(layers, "ov")[0] == 0
    text = (layers.root / "ov/input.yaml").read_text()
    done = layers.run("imagesetter", "fn", cwd=layers.root / "ov", stdin=text)
    assert f"image: {WEB}:1.0.5\n" in done.stdout
    assert "[info]: the markers were read from the source files, since the kustomize build that runs" in done.stderr
    plant(layers, overlay())
    (layers.root / "ov/values.yaml").write_text("a: b\n")
    done = layers.run("imagesetter", "fn", cwd=layers.root / "ov", stdin=text)
    assert "since the kustomize build" not in done.stderr


def test_static_builds_nothing(layers: Stage) -> None:
    plant(layers, NEIGHBOURS["a generated Secret with a file under another name"])
    status, output, messages = build(layers, "ov", "static")
    assert status == 0
    assert "    dGFnOiAxLjAuMCAj" in output  # tag: 1.0.0
    assert "[warning]: markers in a file of secretGenerator are not followed" in messages


HELM = """\
#!/bin/sh
case "$1" in
version) echo v3.99.0;;
template)
  for word in "$@"; do case $word in *.yaml) values=$word;; esac; done
  echo 'apiVersion: v1'
  echo 'kind: ConfigMap'
  echo 'metadata: {name: c}'
  echo "data: {tag: $(sed -n 's/^tag: \\([^ ]*\\).*/\\1/p' $values)}"
esac
"""


def test_charts_that_git_ignores_are_built_with_updated_values(layers: Stage) -> None:
    chart = "helmCharts: [{name: web, releaseName: w, valuesFile: values.yaml}]\n"
    plant(
        layers,
        {
            "kustomization.yaml": f"resources: [policies.yaml]\n{chart}",
            "policies.yaml": ONE,
            "values.yaml": TAG,
            "charts/web/Chart.yaml": "name: web\nversion: 1.0.0\n",
            "charts/web/values.yaml": "tag: 9\n",
            ".gitignore": "charts\n",
            "helm": HELM,
        },
    )
    (layers.root / ".git").rmdir()
    (layers.root / "helm").chmod(0o755)
    layers.shell("git init -q && git add . && git commit -qm all", cwd=layers.root)
    done = layers.here("build", "-q", ".", "--", "--enable-helm", "--helm-command", "./helm")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == "apiVersion: v1\ndata:\n  tag: 1.0.5\nkind: ConfigMap\nmetadata:\n  name: c\n"
    done = layers.here("build", ".")
    assert done.status == 1
    assert "  hint:  the kustomization has Helm charts: add -- --enable-helm\n" in done.stderr


CHART = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\n",
    "charts/web/values.yaml": f"image: {{repository: {WEB}, tag: 0.9.0}}\n",
    "charts/web/templates/deployment.yaml": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '{{ .Release.Name }}'}\nspec:\n  template:\n"
        "    spec:\n      containers:\n      - name: web\n"
        "        image: '{{ .Values.image.repository }}:{{ .Values.image.tag }}'\n"
    ),
    "values.yaml": f"image:\n  {TAG}",
    "policies.yaml": ONE,
}
CHARTS = f"""\
helmCharts:
- {{name: web, releaseName: a, valuesFile: values.yaml}}
- name: web
  releaseName: b
  valuesInline:
    image:
      {TAG}\
- {{name: web, releaseName: c}}
"""


def test_helm_itself_renders_charts_of_updated_values(layers: Stage) -> None:
    require_tool("helm")
    plant(layers, {**CHART, "kustomization.yaml": f"resources: [policies.yaml]\n{CHARTS}"})
    images = (f"{WEB}:1.0.5", f"{WEB}:1.0.5", f"{WEB}:0.9.0")
    done = layers.here("build", "-q", ".", "--", "--enable-helm")
    assert (done.status, done.stderr, images_of(done.stdout)) == (0, "", images)
    files = {"kustomization.yaml": kustomization("policies.yaml") + CHARTS, "imagesetter.yaml": FUNCTION}
    plant(layers, files)
    done = layers.run("kustomize", "build", "--enable-helm", *FUNCTIONS, ".")
    assert (done.status, images_of(done.stdout)) == (0, images)
    assert sorted(path.name for path in layers.root.iterdir()) == sorted(
        [".git", "charts", "imagesetter.yaml", "kustomization.yaml", "policies.yaml", "values.yaml"]
    )


def test_a_check_names_each_field_that_would_differ_and_fails(layers: Stage) -> None:
    plant(layers, overlay(COPY, spec="spec: {check: true}\n"))
    status, output, messages = build(layers, "ov")
    assert (status, output) == (1, "")
    where = "[error] apps/v1/Deployment/web"
    assert f"{where} metadata.labels.version: not up to date: set 1.0.0 → 1.0.5\n" in messages
    assert f"{where} spec.template.spec.containers[0].image: not up to date: set {WEB}:1.0.0" in messages
