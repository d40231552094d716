"""Under kustomize a marker speaks for the value in its file, and a layer above that sets another one has the last word.

The reference is ``imagesetter update`` on the sources, followed by a plain build. What is left alone is said, with the
field, the file of the marker and, where it is known, the file of the other value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.conftest import FUNCTION, Stage, environment_in
from e2e.test_kustomize import build, kustomization, plant
from krm_functions.yaml.load import load_all

WEB = "registry.example.com/web"
API = "registry.example.com:5000/team/api"
MIRROR = "mirror.example.com/web"
OLD = "sha256:" + "c" * 64
NEW = "sha256:" + "a" * 64


def policy(name: str, image: str, tag: str, digest: str = "") -> str:
    local = 'annotations: {config.kubernetes.io/local-config: "true"}'
    reflects = ", digestReflectionPolicy: IfNotPresent" if digest else ""
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
        f"metadata: {{name: {name}, namespace: flux-system, {local}}}\nspec: {{image: {image}, interval: 5m}}\n---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
        f"metadata: {{name: {name}, namespace: flux-system, {local}}}\n"
        f"spec: {{imageRepositoryRef: {{name: {name}}}, policy: {{semver: {{range: '>=0.0.0-0'}}}}{reflects}}}\n"
        f"status: {{latestRef: {{name: {image}, tag: {tag}{f', digest: {digest!r}' if digest else ''}}}}}\n"
    )


def mark(name: str) -> str:
    return f'# {{"$imagepolicy": "flux-system:{name}"}}'


def deployment(image: str, marker: str = "", more: str = "") -> str:
    return (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n"
        "spec:\n  template:\n    spec:\n      containers:\n"
        f"      - name: web\n        image: {image} {mark(marker) if marker else ''}".rstrip()
        + f"\n{more}"
    )


ONE = policy("web", WEB, "1.0.5")
BOTH = ONE + "---\n" + policy("api", API, "2.3.4")
MARKED = deployment(f"{WEB}:1.0.0", "web")
BASE = {"base/kustomization.yaml": "resources: [d.yaml]\n", "base/d.yaml": MARKED}
VERSION = f'        env:\n        - name: VERSION\n          value: "1.0.0" {mark("web:tag")}\n'
API_VERSION = f'        env:\n        - name: API\n          value: "1" {mark("api:tag")}\n'
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
REPLACE = "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: %s\n"
LEFT = (
    "[warning] apps/v1/Deployment/web spec.template.spec.containers[0].image: left alone: the build has %s here%s, "
    "while base/%s, where a marker ties the field to flux-system:web, has %s; put the marker where the value is set, "
    "or name the field in spec.targets\n"
)


def left(value: str, origin: str, at: str = "d.yaml:10", source: str = f"{WEB}:1.0.0") -> str:
    return LEFT % (value, origin, at, source)


def overlay(
    more: str = "", *, base: str = "../base", spec: str = "", policies: str = ONE, **files: str
) -> dict[str, str]:
    """An overlay with the function over the base, and files in it: ``p`` is p.yaml."""
    return {
        **BASE,
        "ov/kustomization.yaml": kustomization(base, "policies.yaml") + more,
        "ov/policies.yaml": policies,
        "ov/imagesetter.yaml": FUNCTION + spec,
        **{f"ov/{name}.yaml": text for name, text in files.items()},
    }


@dataclass(frozen=True)
class Case:
    """Files, the images in the build in order, all the warnings, and other words that the build has."""

    files: dict[str, str]
    images: tuple[str, ...]
    warnings: str = ""
    has: tuple[str, ...] = field(default=())


def images_entry(**entry: str) -> str:
    return f"images: [{ {'name': WEB, **entry} }]\n"


PATCH = "patches: [{path: p.yaml}]\n"
OLDER = policy("older", WEB, "1.0.1")
LABEL = "- {op: add, path: /metadata/annotations, value: {a: b}}\n"
RELEASE = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web}}
spec:
  values:
    float: 1.10 {mark("web:tag")}
    hexadecimal: 0x10 {mark("web:tag")}
    name: '{WEB}' {mark("web:name")}
    date: 2020-01-02 {mark("web:tag")}
"""
ALIASES = f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    version: &v "1.0.0" {mark("web:tag")}
  labels:
    app.kubernetes.io/version: *v
spec:
  template:
    spec:
      initContainers:
      - name: migrate
        image: &img {WEB}:1.0.0 {mark("web")}
        env: &env
        - name: VERSION
          value: 1.0.0-env {mark("web:tag")}
      containers:
      - name: web
        image: *img
        env: *env
      - name: more
        image: *img
"""
NEW_TAG = {
    "base/d.yaml": deployment(f"{WEB}:1"),
    "base/kustomization.yaml": f"resources: [d.yaml]\nimages:\n- name: {WEB}\n  newTag: 1.0.0 {mark('web:tag')}\n",
}
RENAMED = deployment(f"{API}:1.0.0", "web")
OTHER_NAME = (
    "[warning] apps/v1/Deployment/web spec.template.spec.containers[0].image: left alone: flux-system:web, which the "
    f"marker at base/d.yaml:10 names, selects an image of another name than {API}:1.0.0 has, and nobody can tell what "
    "images: of %s of it; name the field in spec.targets by its current name, which wins over the source scan\n"
)
TARGET = (
    "spec:\n  targets:\n  - select: {kind: Deployment}\n    policy: web\n"
    '    fieldPaths: ["spec.template.spec.containers[name=web].image"]\n'
)
CASES = {
    "a patch with a marker of its own decides": Case(
        overlay(PATCH, policies=BOTH, p=deployment(f"{API}:2.0.0", "api")), (f"{API}:2.3.4",)
    ),
    "a policy of another name, when images: are about neither name": Case(
        {**overlay("images: [{name: x, newTag: '2'}]\n"), "base/d.yaml": RENAMED}, (f"{WEB}:1.0.5",)
    ),
    "a policy of another name, when the build has it and an update leaves it so": Case(
        {**overlay(f"images: [{{name: '{API}', newName: {WEB}, newTag: 1.0.5}}]\n"), "base/d.yaml": RENAMED},
        (f"{WEB}:1.0.5",),
    ),
    "a policy of another name, when the build has it and an update gives it a mirror": Case(
        {
            **overlay(
                f"images: [{{name: '{WEB}', newName: {MIRROR}}}, {{name: '{API}', newName: {WEB}, newTag: 1.0.5}}]\n"
            ),
            "base/d.yaml": RENAMED,
        },
        (f"{WEB}:1.0.5",),
        OTHER_NAME % "ov/kustomization.yaml makes",
    ),
    "a policy of another name, when the build has it and two layers are about it": Case(
        {
            **overlay(f"images: [{{name: '{API}', newName: {WEB}, newTag: 1.0.5}}]\n"),
            "base/kustomization.yaml": f"resources: [d.yaml]\n{images_entry(newTag='2')}",
            "base/d.yaml": RENAMED,
        },
        (f"{WEB}:1.0.5",),
        OTHER_NAME % "base/kustomization.yaml and ov/kustomization.yaml make",
    ),
    "also where it has the same value": Case(
        overlay(PATCH, policies=BOTH, p=deployment(f"{WEB}:1.0.0", "api")), (f"{API}:2.3.4",)
    ),
    "a patch with the same marker follows the same policy": Case(
        overlay(PATCH, p=deployment(f"{WEB}:0.9.0", "web")), (f"{WEB}:1.0.5",)
    ),
    "a patch with another program stays": Case(
        overlay(PATCH, p=deployment("debug.example.com/web-debug:7")),
        ("debug.example.com/web-debug:7",),
        left("debug.example.com/web-debug:7", ", a value that ov/p.yaml:10 has"),
    ),
    "a patch with another tag stays": Case(
        overlay(PATCH, p=deployment(f"{WEB}:0.9.0")),
        (f"{WEB}:0.9.0",),
        left(f"{WEB}:0.9.0", ", a value that ov/p.yaml:10 has"),
    ),
    "a patch with a digest stays": Case(
        overlay(PATCH, p=deployment(f"{WEB}:1.0.0@{OLD}")),
        (f"{WEB}:1.0.0@{OLD}",),
        left(f"{WEB}:1.0.0@{OLD}", ", a value that ov/p.yaml:10 has"),
    ),
    "an inline patch stays": Case(
        overlay("patches:\n- patch: |\n" + "".join(f"    {line}\n" for line in deployment("x:1").splitlines())),
        ("x:1",),
        left("x:1", ", a value that ov/kustomization.yaml has"),
    ),
    "a JSON patch stays": Case(
        overlay("patches: [{path: p.yaml, target: {kind: Deployment}}]\n", p=REPLACE % "x:1"),
        ("x:1",),
        left("x:1", ", a value that ov/p.yaml:3 has"),
    ),
    "a JSON patch with a marker decides": Case(
        overlay(
            "patches: [{path: p.yaml, target: {kind: Deployment}}]\n",
            policies=BOTH,
            p=REPLACE % f"{API}:2.0.0 {mark('api')}",
        ),
        (f"{API}:2.3.4",),
    ),
    "a strategic merge patch in the older form stays": Case(
        overlay("patchesStrategicMerge: [p.yaml]\n", p=deployment("x:1")),
        ("x:1",),
        left("x:1", ", a value that ov/p.yaml:10 has"),
    ),
    "a patch of a component stays": Case(
        {
            **overlay("components: [../comp]\n"),
            "comp/kustomization.yaml": f"{COMPONENT}{PATCH}",
            "comp/p.yaml": deployment("x:1"),
        },
        ("x:1",),
        left("x:1", ", a value that comp/p.yaml:10 has"),
    ),
    "a mirror of an overlay stays, and the tag follows": Case(
        overlay(images_entry(newName=MIRROR)), (f"{MIRROR}:1.0.5",)
    ),
    "a mirror of a component stays, and the tag follows": Case(
        {
            **overlay("components: [../comp]\n"),
            "comp/kustomization.yaml": COMPONENT + images_entry(newName=MIRROR),
        },
        (f"{MIRROR}:1.0.5",),
    ),
    "a mirror stays where the policy reflects a digest": Case(
        overlay(images_entry(newName=MIRROR), policies=policy("web", WEB, "1.0.5", NEW)), (f"{MIRROR}:1.0.5@{NEW}",)
    ),
    "a mirror of a mirror stays, with a prefix and a namespace": Case(
        {
            **overlay(
                images_entry(name=MIRROR, newName="second.example.com/web") + "namePrefix: eu-\nnamespace: shop\n",
                base="../mid",
            ),
            "mid/kustomization.yaml": "resources: [../base]\n" + images_entry(newName=MIRROR),
        },
        ("second.example.com/web:1.0.5",),
    ),
    "what a suffix of an overlay makes stays": Case(
        overlay(images_entry(tagSuffix="-debian")),
        (f"{WEB}:1.0.0-debian-debian",),
        left(f"{WEB}:1.0.0-debian-debian", ""),
    ),
    "a tag that images of an overlay set stays": Case(
        overlay(images_entry(newTag="0.9.0")),
        (f"{WEB}:0.9.0",),
        left(f"{WEB}:0.9.0", ", set by images: of ov/kustomization.yaml"),
    ),
    "also where it is the tag of the file": Case(
        overlay(images_entry(newTag="1.0.0")),
        (f"{WEB}:1.0.0",),
        left(f"{WEB}:1.0.0", ", set by images: of ov/kustomization.yaml"),
    ),
    "a digest that images of an overlay set stays": Case(
        overlay(images_entry(digest=OLD)),
        (f"{WEB}@{OLD}",),
        left(f"{WEB}@{OLD}", ", set by images: of ov/kustomization.yaml"),
    ),
    "a tag with a digest that images of an overlay set stays": Case(
        overlay(images_entry(newTag=f"0.9.0@{OLD}")),
        (f"{WEB}:0.9.0@{OLD}",),
        left(f"{WEB}:0.9.0@{OLD}", ", set by images: of ov/kustomization.yaml"),
    ),
    "the tag of images of the marker's own layer stays": Case(
        {
            **overlay(),
            "base/kustomization.yaml": "resources: [d.yaml]\n" + images_entry(newName=MIRROR, newTag="0.9.0"),
        },
        (f"{MIRROR}:0.9.0",),
        left(f"{MIRROR}:0.9.0", ", set by images: of base/kustomization.yaml"),
    ),
    "of two overlays of a base the one that pins stays": Case(
        {
            **overlay(base="../a, ../b"),
            "a/kustomization.yaml": "resources: [../base]\nnamePrefix: a-\n",
            "b/kustomization.yaml": "resources: [../base]\nnamePrefix: b-\n" + images_entry(newTag="1.0.0-b"),
        },
        (f"{WEB}:1.0.5", f"{WEB}:1.0.0-b"),
        left(f"{WEB}:1.0.0-b", ", set by images: of b/kustomization.yaml").replace(
            "Deployment/web", "Deployment/b-web"
        ),
    ),
    "what a function in the base has set already is right": Case(
        {
            **overlay(images_entry(newName=MIRROR)),
            "base/kustomization.yaml": kustomization("d.yaml", "policies.yaml"),
            "base/policies.yaml": ONE,
            "base/imagesetter.yaml": FUNCTION,
            "ov/kustomization.yaml": kustomization("../base") + images_entry(newName=MIRROR),
        },
        (f"{MIRROR}:1.0.5",),
    ),
    "a policy that nobody knows is no error for what is left alone": Case(
        overlay(PATCH, policies=policy("api", API, "2.3.4"), p=deployment("x:1", more=API_VERSION)),
        ("x:1",),
        left("x:1", ", a value that ov/p.yaml:10 has"),
    ),
    "a short value is not looked for inside others": Case(
        overlay("labels: [{pairs: {version: '7'}}]\nnamePrefix: x7-\n")
        | {
            "base/d.yaml": deployment(f"{WEB}:1.0.0").replace(
                "  name: web\nspec", f"  name: web\n  labels:\n    version: 1.0.0 {mark('web:tag')}\nspec"
            ),
        },
        (f"{WEB}:1.0.0",),
        left("7", ", a value that ov/kustomization.yaml has", "d.yaml:6", "1.0.0").replace(
            "Deployment/web spec.template.spec.containers[0].image:", "Deployment/x7-web metadata.labels.version:"
        ),
    ),
    "a replacement stays": Case(
        overlay(
            "replacements:\n- source: {kind: ConfigMap, name: c, fieldPath: data.image}\n  targets:\n"
            "  - {select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.0.image]}\n"
            "configMapGenerator: [{name: c, literals: [image=x:1]}]\n"
        ),
        ("x:1",),
        left("x:1", ", a value that ov/kustomization.yaml has"),
    ),
    "numbers and quoted values that a JSON patch has kustomize write anew follow": Case(
        {
            **overlay("patches: [{path: p.yaml, target: {}}]\n", p=LABEL),
            "base/kustomization.yaml": "resources: [d.yaml, r.yaml]\n",
            "base/d.yaml": MARKED + VERSION,
            "base/r.yaml": RELEASE,
        },
        (f"{WEB}:1.0.5",),
        has=(
            "value: 1.0.5\n",
            "    float: 1.0.5\n",
            "    hexadecimal: 1.0.5\n",
            f"    name: {WEB}\n",
            "    date: 1.0.5\n",
        ),
    ),
    "a label that the overlay sets stays": Case(
        {
            **overlay("labels: [{pairs: {version: debug}}]\n"),
            "base/d.yaml": deployment(f"{WEB}:1.0.0").replace(
                "  name: web\nspec", f"  name: web\n  labels:\n    version: 1.0.0 {mark('web:tag')}\nspec"
            ),
        },
        (f"{WEB}:1.0.0",),
        left("debug", ", a value that ov/kustomization.yaml has", "d.yaml:6", "1.0.0").replace(
            "spec.template.spec.containers[0].image:", "metadata.labels.version:"
        ),
    ),
    "aliases of a marked scalar and of a collection around one follow": Case(
        {**overlay(), "base/d.yaml": ALIASES},
        (f"{WEB}:1.0.5", f"{WEB}:1.0.5", f"{WEB}:1.0.5"),
        has=("app.kubernetes.io/version: 1.0.5\n", "    version: 1.0.5\n"),
    ),
    "a marked newTag of a base follows through a mirror of the overlay": Case(
        overlay(images_entry(newName=MIRROR)) | NEW_TAG, (f"{MIRROR}:1.0.5",)
    ),
    "a marked newTag stays where a patch sets another tag": Case(
        overlay(PATCH, p=deployment(f"{WEB}:0.9.0")) | NEW_TAG,
        (f"{WEB}:0.9.0",),
        left(f"{WEB}:0.9.0", ", a value that ov/p.yaml:10 has", "kustomization.yaml:4"),
    ),
    "a marked newTag stays where images of the overlay set another tag": Case(
        overlay(images_entry(newTag="0.9.0")) | NEW_TAG,
        (f"{WEB}:0.9.0",),
        left(f"{WEB}:0.9.0", ", set by images: of ov/kustomization.yaml", "kustomization.yaml:4"),
    ),
    "a marked newTag with a mirror beside it follows": Case(
        overlay()
        | {
            "base/d.yaml": deployment(f"{WEB}:1"),
            "base/kustomization.yaml": "resources: [d.yaml]\nimages:\n"
            f"- name: {WEB}\n  newName: {MIRROR}\n  newTag: 1.0.0 {mark('web:tag')}\n",
        },
        (f"{MIRROR}:1.0.5",),
    ),
    "a marker on newTag of the overlay decides over the one in the base": Case(
        overlay(f"images:\n- name: {WEB}\n  newTag: 1.0.0 {mark('older:tag')}\n", policies=f"{ONE}---\n{OLDER}"),
        (f"{WEB}:1.0.1",),
    ),
    "files of a generator are not followed": Case(
        overlay(
            "configMapGenerator: [{name: c, files: [v=values.yaml]}]\n", values=f"a: b\ntag: 1 {mark('web:tag')}\n"
        ),
        (f"{WEB}:1.0.5",),
        "[warning]: markers in a file of configMapGenerator are not followed; write the value into a resource and mark "
        "it there (ov/values.yaml:2)\n",
    ),
    "an image that is bound by its repository is not left alone": Case(
        overlay(PATCH, spec="spec: {bindByImage: true}\n", p=deployment(f"{WEB}:0.9.0")), (f"{WEB}:1.0.5",)
    ),
    "an alias in images of a marked tag": Case(
        overlay(f"images:\n- name: a\n  newTag: &t 1.0.0 {mark('web:tag')}\n- {{name: {WEB}, newTag: *t}}\n"),
        (f"{WEB}:1.0.5",),
    ),
    "a marked entry of images that is merged into another": Case(
        overlay(f"images:\n- &e\n  newTag: 1.0.0 {mark('web:tag')}\n  name: a\n- {{<<: *e, name: {WEB}}}\n"),
        (f"{WEB}:1.0.5",),
    ),
    "markers that no field has": Case(
        overlay()
        | {"base/d.yaml": MARKED + f"          args: [a] {mark('web')}\n".replace("          ", "        ", 1)}
        | {"base/kustomization.yaml": "resources: [d.yaml, c.yaml]\n"}
        | {
            "base/c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
            f"data:\n  c: |\n    a: 1 {mark('web')}\n"
        },
        (f"{WEB}:1.0.5",),
        "[warning]: this marker is inside the text of a value, so it has no effect (Flux ignores it, too); write the "
        "value into a field of its own, and mark it there (base/c.yaml:6)\n"
        "[warning]: this marker stands behind a whole collection, so nothing follows it (Flux ignores it as well); put "
        "it behind the value, on the same line (base/d.yaml:11)\n",
    ),
    "fields that are images by a configuration": Case(
        overlay(
            f"images:\n- name: {WEB}\n  newTag: 1.0.0 {mark('web:tag')}\nconfigurations: [c.yaml]\n",
            c=("images: [{path: spec/image, kind: Thing}]\n"),
        ),
        (f"{WEB}:1.0.5",),
        "[warning]: the fields that this file adds to images: do not follow the markers there; use imagesetter build, "
        "or name the fields in spec.targets (ov/c.yaml)\n",
    ),
    "a target counts more than what a layer sets": Case(
        overlay(PATCH, spec=TARGET, p=deployment("x:1")), (f"{WEB}:1.0.5",)
    ),
}


@pytest.fixture
def layers(tmp_path: Path) -> Stage:
    """A stage whose policies come with their status, so that no registry is asked."""
    work = tmp_path / "work"
    work.mkdir()
    return Stage(work, "HOST", {**environment_in(tmp_path), "IMAGESETTER_FROM": "status"})


def images_of(rendered: str) -> tuple[str, ...]:
    found = []
    for document, _ in load_all(rendered):
        assert isinstance(document, dict)
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            found += [container["image"] for container in [*pod.get("initContainers", ()), *pod["containers"]]]
    return tuple(found)


def warnings_of(told: str) -> str:
    return "".join(f"{line}\n" for line in told.splitlines() if line.startswith(("[warning]", "[error]")))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_last_layer_decides_and_what_is_left_alone_is_said(case: Case, layers: Stage) -> None:
    plant(layers, case.files)
    status, output, told = build(layers, "ov", "static")
    assert status == 0, told
    assert images_of(output) == case.images
    assert warnings_of(told) == case.warnings
    for words in case.has:
        assert words in output
    assert "-env" not in output


STRICT = {
    "a patch": (overlay(PATCH, spec="spec: {strict: true}\n", p=deployment("x:1")), "a value that ov/p.yaml:10 has"),
    "images": (overlay(images_entry(newTag="2"), spec="spec: {strict: true}\n"), "set by images: of ov/kustomization"),
}


@pytest.mark.parametrize(("files", "said"), STRICT.values(), ids=STRICT)
def test_strictly_a_field_that_would_be_left_alone_is_an_error(files: dict[str, str], said: str, layers: Stage) -> None:
    plant(layers, files)
    status, output, told = build(layers, "ov", "static")
    assert (status, output) == (1, "")
    (error,) = [line for line in told.splitlines() if line.startswith(("[error]", "[warning]"))]
    assert error.startswith("[error] apps/v1/Deployment/web spec.template.spec.containers[0].image: left alone:")
    assert said in error


def test_strictly_a_marker_that_an_outer_one_overrides_is_no_error(layers: Stage) -> None:
    files = overlay(PATCH, policies=BOTH, spec="spec: {strict: true}\n", p=deployment(f"{API}:2.0.0", "api"))
    plant(layers, files)
    status, output, told = build(layers, "ov", "static")
    assert (status, images_of(output), warnings_of(told)) == (0, (f"{API}:2.3.4",), "")


COMPONENT_FUNCTION = {
    **BASE,
    "ov/kustomization.yaml": "resources: [../base]\ncomponents: [../comp]\n",
    "comp/kustomization.yaml": f"{COMPONENT}resources: [policies.yaml]\ntransformers: [is.yaml]\n",
    "comp/policies.yaml": ONE,
}


@pytest.mark.parametrize(("strict", "status"), [("false", 0), ("true", 1)], ids=["as it is", "strictly"])
def test_a_function_in_a_component_says_that_it_does_not_see_the_files_of_the_host(
    strict: str, status: int, layers: Stage
) -> None:
    plant(layers, {**COMPONENT_FUNCTION, "comp/is.yaml": f"{FUNCTION}spec: {{strict: {strict}}}\n"})
    got, _, told = build(layers, "ov", "static")
    assert got == status
    assert (
        f"[{'error' if status else 'warning'}]: this function is declared in a component, so markers were looked for "
        "in its own files only, and not in those of Deployment web; declare it in the kustomization that includes the "
        "component, or name the fields in spec.targets (comp/kustomization.yaml)\n"
    ) in told


def test_a_function_in_a_component_that_names_its_targets_has_no_more_to_say(layers: Stage) -> None:
    plant(layers, {**COMPONENT_FUNCTION, "comp/is.yaml": FUNCTION + TARGET})
    status, output, told = build(layers, "ov", "static")
    assert (status, images_of(output), warnings_of(told)) == (0, (f"{WEB}:1.0.5",), "")


PINNED = f"{WEB}:1.0.0@{OLD}"


@pytest.mark.parametrize(
    ("spec", "status"), [("bindByImage: true", 0), ("bindByImage: true, strict: true", 1)], ids=["as it is", "strictly"]
)
def test_an_image_that_nobody_marked_does_not_lose_its_digest_without_a_word(
    spec: str, status: int, layers: Stage
) -> None:
    files = overlay(spec=f"spec: {{{spec}}}\n")
    plant(layers, {**files, "base/d.yaml": deployment(PINNED)})
    got, output, told = build(layers, "ov", "static")
    assert (got, images_of(output)) == (status, () if status else (PINNED,))
    assert warnings_of(told).startswith(
        f"[{'error' if status else 'warning'}] apps/v1/Deployment/web spec.template.spec.containers[0].image: "
        f"flux-system:web: stays at {PINNED}: it is pinned by a digest, and flux-system:web gives no digest of 1.0.5; "
    )


@pytest.mark.parametrize("scan", ["static", "exact"])
def test_a_marked_newtag_beside_a_digest_stays_with_a_warning(scan: str, layers: Stage) -> None:
    entry = f"images:\n- name: {WEB}\n  digest: {OLD}\n  newTag: 1.0.0 {mark('web:tag')}\n"
    plant(layers, overlay() | {**NEW_TAG, "base/kustomization.yaml": f"resources: [d.yaml]\n{entry}"})
    status, output, told = build(layers, "ov", scan)
    assert (status, images_of(output)) == (0, (PINNED,))
    assert f"stays at {PINNED if scan == 'static' else '1.0.0'}: " in told


def test_a_replacement_copies_the_new_tag_from_a_function_in_the_layer_below(layers: Stage) -> None:
    copy = (
        "replacements:\n- source: {kind: Deployment, fieldPath: spec.template.spec.containers.0.image, "
        "options: {delimiter: ':', index: 1}}\n  targets:\n"
        "  - {select: {kind: Deployment}, fieldPaths: [metadata.labels.version], options: {create: true}}\n"
    )
    plant(
        layers,
        {
            **BASE,
            "base/kustomization.yaml": kustomization("d.yaml", "policies.yaml"),
            "base/policies.yaml": ONE,
            "base/imagesetter.yaml": FUNCTION,
            "ov/kustomization.yaml": "resources: [../base]\n" + copy,
        },
    )
    status, output, told = build(layers, "ov", "static")
    assert (status, images_of(output), warnings_of(told)) == (0, (f"{WEB}:1.0.5",), "")
    assert "    version: 1.0.5\n" in output


LATE = {
    "a function in a base": (
        {
            "base/kustomization.yaml": kustomization("d.yaml", "policies.yaml"),
            "base/policies.yaml": BOTH,
            "base/imagesetter.yaml": FUNCTION,
            "ov/kustomization.yaml": f"resources: [../base]\n{PATCH}",
        },
        "base/kustomization.yaml",
    ),
    "a function in a component": (
        {
            "comp/kustomization.yaml": COMPONENT + kustomization("policies.yaml"),
            "comp/policies.yaml": BOTH,
            "comp/imagesetter.yaml": FUNCTION,
            "ov/kustomization.yaml": f"resources: [../base]\ncomponents: [../comp]\n{PATCH}",
        },
        "comp/kustomization.yaml",
    ),
}
MORE = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
MORE += f"      initContainers:\n      - name: first\n        image: {WEB}:0.9.0 {mark('web')}\n"


@pytest.mark.parametrize("strict", [False, True], ids=["as it is", "strictly"])
@pytest.mark.parametrize(("files", "where"), LATE.values(), ids=LATE)
def test_what_a_layer_above_the_function_reads_later_is_said(
    files: dict[str, str], where: str, strict: bool, layers: Stage
) -> None:
    setter = next(name for name in files if name.endswith("imagesetter.yaml"))
    spec = {setter: f"{FUNCTION}spec: {{strict: {str(strict).lower()}, policies: []}}\n"}
    plant(layers, {**BASE, **files, **spec, "ov/p.yaml": MORE})
    status, output, told = build(layers, "ov", "exact")
    assert (status, images_of(output)) == ((1, ()) if strict else (0, (f"{WEB}:0.9.0", f"{WEB}:1.0.5")))
    assert [line for line in told.splitlines() if "not followed" in line] == [
        f"[{'error' if strict else 'warning'}]: {WEB}:0.9.0 → {WEB}:1.0.5 is not followed: the function in {where} "
        "runs before kustomize reads this file; declare it as the last transformer of the outermost kustomization "
        "(ov/p.yaml:9)"
    ]


TAGS = f"apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {{name: tags}}\nimageTag:\n  name: {WEB}\n"
TAGS += f"  newTag: 0.9.0 {mark('web:tag')}\n"


@pytest.mark.parametrize(
    ("transformers", "image"),
    [
        ("imagesetter.yaml, tags/tags.yaml", "0.9.0"),
        ("imagesetter.yaml, tags", "0.9.0"),
        ("tags/tags.yaml, imagesetter.yaml", "1.0.5"),
        ("imagesetter.yaml, tags, last.yaml", "1.0.5"),
    ],
    ids=["behind the function", "in a folder", "before the function", "between two functions"],
)
def test_a_transformer_behind_the_function_is_not_followed_and_said(
    transformers: str, image: str, layers: Stage
) -> None:
    files = {
        "ov/kustomization.yaml": f"resources: [../base, policies.yaml]\ntransformers: [{transformers}]\n",
        "ov/policies.yaml": ONE,
        "ov/imagesetter.yaml": FUNCTION,
        "ov/last.yaml": FUNCTION.replace("name: images", "name: last"),
        "ov/tags/kustomization.yaml": "resources: [tags.yaml]\n",
        "ov/tags/tags.yaml": TAGS,
    }
    plant(layers, {**BASE, **files})
    status, output, told = build(layers, "ov", "exact")
    assert (status, images_of(output)) == (0, (f"{WEB}:{image}",))
    late = (
        "[warning]: 0.9.0 → 1.0.5 is not followed: the function in ov/kustomization.yaml runs before kustomize reads "
        "this file; declare it as the last transformer of the outermost kustomization (ov/tags/tags.yaml:6)"
    )
    assert [line for line in told.splitlines() if "not followed" in line] == ([late] if image == "0.9.0" else [])


def test_a_function_in_the_layer_above_follows_what_one_below_cannot_see(layers: Stage) -> None:
    files, _ = LATE["a function in a base"]
    above = {"ov/kustomization.yaml": f"{kustomization('../base')}{PATCH}", "ov/imagesetter.yaml": FUNCTION}
    plant(layers, {**BASE, **files, **above, "ov/p.yaml": MORE})
    status, output, told = build(layers, "ov", "exact")
    assert (status, images_of(output)) == (0, (f"{WEB}:1.0.5", f"{WEB}:1.0.5"))
    assert "not followed" not in told


INLINE = """\
transformers:
- |-
  apiVersion: imagesetter.dev/v1alpha1
  kind: ImageSetter
  metadata:
    name: images
    annotations:
      config.kubernetes.io/function: "exec: {path: imagesetter}"
  spec: {onError: keep}
"""
FLAT = INLINE.replace("imagesetter.dev/v1alpha1", "v1").replace("ImageSetter", "ConfigMap").replace("spec:", "data:")


@pytest.mark.parametrize("transformer", [INLINE, FLAT], ids=["ImageSetter", "ConfigMap"])
def test_two_bases_with_a_function_each_hold_up_nothing_of_one_another(layers: Stage, transformer: str) -> None:
    files = {
        "ov/kustomization.yaml": "resources: [../mid]\n",
        "mid/kustomization.yaml": "resources: [../a, ../b]\n",
    }
    for base in ("a", "b"):
        more = f"      - name: gone\n        image: {WEB}:1.0.0 {mark('gone')}\n"
        files[f"{base}/kustomization.yaml"] = f"namePrefix: {base}-\nresources: [d.yaml, policies.yaml]\n{transformer}"
        files[f"{base}/policies.yaml"] = ONE.replace("flux-system", f"flux-{base}")
        files[f"{base}/d.yaml"] = deployment(f"{WEB}:1.0.0", "web", more).replace("flux-system", f"flux-{base}")
    plant(layers, files)
    status, output, told = build(layers, "ov", "exact")
    assert (status, images_of(output)) == (0, (f"{WEB}:1.0.5", f"{WEB}:1.0.0") * 2)
    assert warnings_of(told) == "".join(
        f"[warning] apps/v1/Deployment/web spec.template.spec.containers[1].image: flux-{base}:gone: ImagePolicy "
        f"flux-{base}:gone was not found; known policies: flux-{base}:web ({base}/d.yaml:12)\n"
        for base in ("a", "b")
    )


def test_an_error_in_the_sources_says_how_many_changes_it_stops(layers: Stage) -> None:
    plant(layers, overlay(PATCH, p=MORE.replace("flux-system:web", "flux-system:gone")))
    status, output, told = build(layers, "ov", "exact")
    assert (status, output) == (1, "")
    assert "[info]: 1 field would change, and nothing is changed because of the errors; onError: keep changes" in told


SPELLINGS = {
    "a key given twice: the last one counts": "resources: [none]\nresources: [../base, policies.yaml]\nTRANSFORMERS\n",
    "keys in any case": "Resources: [../base, policies.yaml]\nTRANSFORMERS\n",
    "of two spellings the small one": "Resources: [none]\nresources: [../base, policies.yaml]\nTRANSFORMERS\n",
    "the first of several documents": "resources: [../base, policies.yaml]\nTRANSFORMERS\n---\nresources: [none]\n",
    "a merge key": "<<: {resources: [../base, policies.yaml]}\nTRANSFORMERS\n",
    "a patch by another spelling": "resources: [../base, policies.yaml]\nTRANSFORMERS\npatchesJSON6902:\n"
    "- {path: p.yaml, target: {kind: Deployment, name: web}}\n",
}


@pytest.mark.parametrize("scan", ["static", "exact"])
@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_a_kustomization_is_read_as_kustomize_reads_it(text: str, scan: str, layers: Stage) -> None:
    """It reads JSON of YAML, as Go does; a field missed here would keep its old image without a word."""
    path = "/spec/template/spec/containers/0/image"
    patch = f"- op: replace\n  path: {path}\n  value: {WEB}:0.9.0 {mark('web')}\n"
    files = overlay(p=patch)
    files["ov/kustomization.yaml"] = text.replace("TRANSFORMERS", "transformers: [imagesetter.yaml]")
    plant(layers, files)
    status, output, told = build(layers, "ov", scan)
    assert (status, images_of(output)) == (0, (f"{WEB}:1.0.5",)), told
    assert warnings_of(told) == ""
