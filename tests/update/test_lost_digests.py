"""A field that is pinned by a digest does not lose it without a word: a warning, an error under strict."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from krm_functions.yaml.load import load
from support.runs import Ran, run_here, write_files

OLD = "sha256:" + "c" * 64
NEW = "sha256:" + "a" * 64
REFLECT = "set spec.digestReflectionPolicy to IfNotPresent or Always on the ImagePolicy"
OWN_FIELD = "write the digest into a field of its own that follows the policy with :digest"


def policy(name: str, digest: str = "", repository: str = "") -> str:
    reflected = f', digest: "{digest}"' if digest else ""
    image = repository or f"registry.example.com/{name}"
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\nspec: {{image: {image}, interval: 5m}}\n---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec: {{imageRepositoryRef: {{name: {name}}}, policy: {{semver: {{range: 3.x}}}}"
        f"{', digestReflectionPolicy: IfNotPresent' if digest else ''}}}\n"
        f"status: {{latestRef: {{name: {image}, tag: 3.1.0{reflected}}}}}\n---\n"
    )


POLICIES = policy("web") + policy("pinned", NEW)


def mark(name: str) -> str:
    return f'# {{"$imagepolicy": "flux-system:{name}"}}'


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Write files into an empty working directory, and run imagesetter there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGESETTER_FROM", "status")

    def call(files: Mapping[str, str], *arguments: str) -> Ran:
        write_files(tmp_path, files)
        return run_here(capsys, *arguments)

    return call


WEB = "registry.example.com/web"
PINNED = "registry.example.com/pinned"
# field, marker; what the field becomes, and what to do about it
LOST = {
    "a whole image": (f"image: {WEB}:3.0.0@{OLD}", "web", f"{WEB}:3.1.0", REFLECT),
    "an image by its digest alone": (f"image: {WEB}@{OLD}", "web", f"{WEB}:3.1.0", REFLECT),
    "an argument that holds an image": (f"arg: --image={WEB}@{OLD}", "web", f"{WEB}:3.1.0", REFLECT),
    "a quoted image with SHA-512": (f'image: "{WEB}:3.0.0@sha512:{"c" * 128}"', "web", f"{WEB}:3.1.0", REFLECT),
    "a tag": (f"tag: 3.0.0@{OLD}", "web:tag", "3.1.0", f"{OWN_FIELD}; {REFLECT}"),
    "a tag whose policy reflects a digest": (f"tag: 3.0.0@{OLD}", "pinned:tag", "3.1.0", OWN_FIELD),
    "a newTag of kustomize": (f"newTag: 3.0.0@{OLD}", "pinned:tag", "3.1.0", OWN_FIELD),
    "a name": (f"repository: {PINNED}@{OLD}", "pinned:name", PINNED, OWN_FIELD),
    "a digest behind the wrong marker": (f"digest: {OLD}", "pinned:tag", "3.1.0", OWN_FIELD),
}


@pytest.mark.parametrize(("field", "marker", "new", "todo"), LOST.values(), ids=LOST)
def test_an_update_that_drops_a_digest_says_where_and_what_to_do(
    field: str, marker: str, new: str, todo: str, run: Run
) -> None:
    text = f"a: b\n{field} {mark(marker)}\n"
    files = {"policies.yaml": POLICIES, "app.yaml": text}
    key, old = field.split(": ", 1)
    old = old.strip('"')
    told = f"app.yaml:2: %s: flux-system:{marker}: the digest in {key} %s lost: {old} → {new}; {todo}\n"
    checked = run(files, "update", "--check", ".")
    assert (checked.status, checked.err) == (1, told % ("warning", "is"))
    strict = run(files, "update", "--strict", ".")
    assert (strict.status, strict.err) == (1, told % ("error", "would be"))
    assert Path("app.yaml").read_text() == text
    done = run(files, "update", ".")
    assert (done.status, done.err) == (0, told % ("warning", "is"))
    assert Path("app.yaml").read_text() in {
        f"a: b\n{key}: {new} {mark(marker)}\n",
        f'a: b\n{key}: "{new}" {mark(marker)}\n',
    }


KEPT = {
    "a digest for a digest": (f"image: {PINNED}:3.0.0@{OLD}", "pinned"),
    "no digest before and after": (f"image: {WEB}:3.0.0", "web"),
    "a tag of forty digits": (f"image: {WEB}:{'a' * 40}", "web"),
    "a digest in a field of its own": (f"digest: {OLD}", "pinned:digest"),
    "a tag without one": ("tag: 3.0.0", "web:tag"),
}


@pytest.mark.parametrize(("field", "marker"), KEPT.values(), ids=KEPT)
def test_an_update_that_drops_no_digest_says_nothing(field: str, marker: str, run: Run) -> None:
    files = {"policies.yaml": POLICIES, "app.yaml": f"{field} {mark(marker)}\n"}
    done = run(files, "update", "--strict", ".")
    assert (done.status, "the digest in" in done.err) == (0, False)
    assert "1 field changed" in done.out


def test_a_pinned_tag_is_kept_from_going_back_as_any_tag_is(run: Run) -> None:
    text = f"tag: 3.2.0@{OLD} {mark('web:tag')}\n"
    done = run({"policies.yaml": POLICIES, "app.yaml": text}, "update", ".")
    assert "stays at 3.2.0, which flux-system:web ranks above the selected tag, 3.1.0" in done.err
    assert Path("app.yaml").read_text() == text


ITEM = f"""\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    annotations:
      imagesetter.dev/fields: "spec.annotated: web"
  spec:
    annotated: {WEB}:3.0.0@{OLD}
    containers:
    - name: web
      image: {WEB}:3.0.0@{OLD}
    target: 3.0.0@{OLD}
    marked: {WEB}:3.0.0@{OLD} {mark("web")}
"""
SPEC = {
    "bindByImage": True,
    "targets": [{"select": {"kind": "Deployment"}, "fieldPaths": ["spec.target"], "policy": "pinned:tag"}],
}
BOUND = ("spec.annotated", "spec.containers[0].image", "spec.target", "spec.marked")


@pytest.mark.parametrize(("strict", "severity"), [(False, "warning"), (True, "error")], ids=["as it is", "strictly"])
def test_a_function_says_it_of_every_way_to_find_a_field(strict: bool, severity: str, run: Run) -> None:
    config = {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "ImageSetter",
        "metadata": {"name": "images"},
        "spec": {**SPEC, "from": "status", "strict": strict},
    }
    resources = POLICIES.strip("-\n").split("---\n")
    items = "".join(f"- {resource.strip()}\n".replace("\n", "\n  ").rstrip(" ") for resource in resources)
    text = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    text += f"functionConfig: {json.dumps(config)}\nitems:\n{items}{ITEM}"
    done = run({"list.yaml": text}, "fn", "list.yaml")
    assert done.status == (1 if strict else 0), done.err
    answer = load(done.out)
    assert isinstance(answer, dict)
    lost = {
        each["field"]["path"]: each for each in answer["results"] if each.get("tags", {}).get("error") == "LostDigest"
    }
    assert {path: each["severity"] for path, each in lost.items()} == dict.fromkeys(BOUND, severity)
    assert lost["spec.target"]["field"] == {
        "path": "spec.target",
        "currentValue": f"3.0.0@{OLD}",
        "proposedValue": "3.1.0",
    }
    assert answer["items"][-1]["spec"]["marked"] == (f"{WEB}:3.0.0@{OLD}" if strict else f"{WEB}:3.1.0")


def test_mark_leaves_a_tag_alone_that_an_update_would_unpin(run: Run) -> None:
    """Helm charts with tag@digest: one real repository lost 27 of its 29 pins that way."""
    text = f"image:\n  repository: {PINNED}\n  tag: 3.0.0@{OLD}\n"
    marked = run({"policies.yaml": POLICIES, "values.yaml": text}, "mark", ".")
    assert "values.yaml:3" in marked.err
    assert "not marked: the tag ends in a digest" in marked.err
    updated = run({}, "update", ".")
    assert updated.status == 0
    assert Path("values.yaml").read_text() == text
