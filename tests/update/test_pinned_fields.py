"""A field that is pinned by a digest stays pinned: it gets the new tag's digest, or it stays and that is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from imagesetter.errors import Unreachable
from krm_functions.yaml.load import load
from support.sandbox import IMAGE, POLICIES, Sandbox, digest, open_sandbox

OLD = "sha256:" + "c" * 64
OTHER = "sha256:" + "d" * 64
NEW = digest("1.4.2")
REFLECTING = f"{POLICIES}  digestReflectionPolicy: IfNotPresent\n"
STATUS = f"status: {{latestRef: {{name: {IMAGE}, tag: 1.4.2}}}}\n"
WITH_DIGEST = f'status: {{latestRef: {{name: {IMAGE}, tag: 1.4.2, digest: "{NEW}"}}}}\n'
WAY_OUT = (
    "take it from a registry or a lock, or set spec.digestReflectionPolicy on the ImagePolicy; or allow it with "
    "--allow-unpin (allowUnpin: true in a functionConfig)"
)


def mark(part: str = "") -> str:
    return f'# {{"$imagepolicy": "flux-system:web{part}"}}'


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as found:
        found.registry.push("1.4.2")
        yield found


# What is pinned (the whole text of a file), and what it becomes.
PINNED: dict[str, tuple[str, str]] = {
    "a whole image": (f"image: {IMAGE}:1.4.0@{OLD} {mark()}\n", f"image: {IMAGE}:1.4.2@{NEW} {mark()}\n"),
    "an image by its digest alone": (f"image: {IMAGE}@{OLD} {mark()}\n", f"image: {IMAGE}:1.4.2@{NEW} {mark()}\n"),
    "an image of a mirror": (
        f"image: mirror.example.com/web:1.4.0@{OLD} {mark()}\n",
        f"image: {IMAGE}:1.4.2@{NEW} {mark()}\n",
    ),
    "an image in quotes": (f'image: "{IMAGE}:1.4.0@{OLD}" {mark()}\n', f'image: "{IMAGE}:1.4.2@{NEW}" {mark()}\n'),
    "a digest of SHA-512": (
        f"image: {IMAGE}:1.4.0@sha512:{'c' * 128} {mark()}\n",
        f"image: {IMAGE}:1.4.2@{NEW} {mark()}\n",
    ),
    "a tag": (f"tag: 1.4.0@{OLD} {mark(':tag')}\n", f"tag: 1.4.2@{NEW} {mark(':tag')}\n"),
    "a tag that is a digest": (f"tag: {OLD} {mark(':tag')}\n", f"tag: 1.4.2@{NEW} {mark(':tag')}\n"),
    "a newTag of kustomize": (
        f"images:\n- name: a\n  newTag: 1.4.0@{OLD} {mark(':tag')}\n",
        f"images:\n- name: a\n  newTag: 1.4.2@{NEW} {mark(':tag')}\n",
    ),
    "a name": (f"repository: {IMAGE}@{OLD} {mark(':name')}\n", f"repository: {IMAGE}@{NEW} {mark(':name')}\n"),
    "an image in an argument": (
        f"args:\n- --image={IMAGE}:1.4.0@{OLD} {mark()}\n",
        f"args:\n- --image={IMAGE}:1.4.2@{NEW} {mark()}\n",
    ),
    "a tag in an argument": (
        f"args:\n- --tag=1.4.0@{OLD} {mark(':tag')}\n",
        f"args:\n- --tag=1.4.2@{NEW} {mark(':tag')}\n",
    ),
    "a digest beside a tag": (
        f"image:\n  digest: {OLD}\n  tag: 1.4.0 {mark(':tag')}\n",
        f"image:\n  digest: {NEW}\n  tag: 1.4.2 {mark(':tag')}\n",
    ),
    "a digest beside a tag, in braces": (
        f"image: {{\n  tag: 1.4.0, {mark(':tag')}\n  digest: '{OLD}' }}\n",
        f"image: {{\n  tag: 1.4.2, {mark(':tag')}\n  digest: '{NEW}' }}\n",
    ),
    "a digest beside a newTag": (
        f"images:\n- name: a\n  newTag: 1.4.0 {mark(':tag')}\n  digest: {OLD} # by hand\n",
        f"images:\n- name: a\n  newTag: 1.4.2 {mark(':tag')}\n  digest: {NEW} # by hand\n",
    ),
    "a digest beside an image": (
        f"web:\n  image: {IMAGE}:1.4.0 {mark()}\n  digest: {OLD}\n",
        f"web:\n  image: {IMAGE}:1.4.2 {mark()}\n  digest: {NEW}\n",
    ),
    "an imageDigest beside an imageTag": (
        f"imageTag: 1.4.0 {mark(':tag')}\nimageDigest: {OLD}\n",
        f"imageTag: 1.4.2 {mark(':tag')}\nimageDigest: {NEW}\n",
    ),
    "a bare sha beside a tag": (
        f"image:\n  tag: 1.4.0 {mark(':tag')}\n  sha: {'c' * 64}\n",
        f"image:\n  tag: 1.4.2 {mark(':tag')}\n  sha: {NEW.removeprefix('sha256:')}\n",
    ),
    "a digest with a marker of its own": (
        f"image:\n  tag: 1.4.0 {mark(':tag')}\n  digest: {OLD} {mark(':digest')}\n",
        f"image:\n  tag: 1.4.2 {mark(':tag')}\n  digest: {NEW} {mark(':digest')}\n",
    ),
    "two places of one image": (
        f"a: {IMAGE}:1.4.0@{OLD} {mark()}\nb:\n  tag: 1.4.0@{OLD} {mark(':tag')}\n",
        f"a: {IMAGE}:1.4.2@{NEW} {mark()}\nb:\n  tag: 1.4.2@{NEW} {mark(':tag')}\n",
    ),
    "an image of a List": (
        f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: X\n  metadata: {{name: x}}\n"
        f"  image:\n    tag: 1.4.0 {mark(':tag')}\n    digest: {OLD}\n",
        f"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: X\n  metadata: {{name: x}}\n"
        f"  image:\n    tag: 1.4.2 {mark(':tag')}\n    digest: {NEW}\n",
    ),
}


@pytest.mark.parametrize("policies", [POLICIES, REFLECTING], ids=["not reflecting", "reflecting"])
@pytest.mark.parametrize(("before", "after"), PINNED.values(), ids=PINNED)
def test_a_pinned_field_gets_the_digest_of_its_new_tag(
    before: str, after: str, policies: str, sandbox: Sandbox
) -> None:
    sandbox.write("policies.yaml", policies)
    sandbox.write("app.yaml", before)
    if "image:" in before and "digest" in before and policies == REFLECTING:
        after = after.replace(f"image: {IMAGE}:1.4.2 ", f"image: {IMAGE}:1.4.2@{NEW} ")  # as in Flux
    ran = sandbox.run("update")
    assert (ran.status, ran.err, sandbox.text("app.yaml")) == (0, "", after)
    assert sandbox.registry.asked == ["1.4.2"], "asked once, however many fields want it"
    assert "0 fields changed" in sandbox.run("update").out
    assert sandbox.text("app.yaml") == after


@pytest.mark.parametrize(("before", "after"), PINNED.values(), ids=PINNED)
def test_a_lock_pins_without_a_registry(before: str, after: str, sandbox: Sandbox) -> None:
    sandbox.run("lock")
    sandbox.registry.asked.clear()
    sandbox.write("app.yaml", before)
    ran = sandbox.run("update", "--from", "lock")
    assert (ran.status, ran.err, sandbox.text("app.yaml")) == (0, "", after)
    assert sandbox.registry.asked == []


@pytest.mark.parametrize(("before", "after"), PINNED.values(), ids=PINNED)
def test_a_status_with_a_digest_pins(before: str, after: str, sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", REFLECTING + WITH_DIGEST)
    sandbox.write("app.yaml", before)
    after = after.replace(f"image: {IMAGE}:1.4.2 ", f"image: {IMAGE}:1.4.2@{NEW} ")  # the policy reflects
    ran = sandbox.run("update", "--from", "status")
    assert (ran.status, ran.err, sandbox.text("app.yaml")) == (0, "", after)


BESIDE = {name for name in PINNED if "beside" in name or name == "an image of a List"}


@pytest.mark.parametrize("name", PINNED)
def test_without_a_digest_to_write_the_field_stays(name: str, sandbox: Sandbox) -> None:
    before, _ = PINNED[name]
    sandbox.write("policies.yaml", POLICIES + STATUS)
    sandbox.write("app.yaml", before)
    ran = sandbox.run("update", "--from", "status")
    assert sandbox.text("app.yaml") == before
    assert "flux-system:web gives no digest of 1.4.2" in ran.err
    marked_itself = name == "a digest with a marker of its own"
    assert ran.status == (1 if marked_itself else 0), ran.err
    assert sandbox.run("update", "--from", "status", "--strict").status == 1
    assert sandbox.text("app.yaml") == before
    allowed = sandbox.run("update", "--from", "status", "--allow-unpin")
    if name in BESIDE or marked_itself:
        assert "remove that digest" in allowed.err
        assert sandbox.text("app.yaml") == before
    else:
        assert allowed.status == 0
        assert "1.4.0" not in sandbox.text("app.yaml")
        assert "sha" not in sandbox.text("app.yaml")


def test_the_warning_says_what_pins_it_and_the_ways_out(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", POLICIES + STATUS)
    sandbox.write("app.yaml", f"image: {IMAGE}:1.4.0@{OLD} {mark()}\ntag: 1.4.0 {mark(':tag')}\ndigest: {OLD}\n")
    ran = sandbox.run("update", "--from", "status")
    assert ran.err.splitlines() == [
        f"app.yaml:1: warning: flux-system:web: stays at {IMAGE}:1.4.0@{OLD}: it is pinned by a digest, and "
        f"flux-system:web gives no digest of 1.4.2; {WAY_OUT}",
        "app.yaml:2: warning: flux-system:web:tag: stays at 1.4.0: the digest beside it pins the image, and "
        "flux-system:web gives no digest of 1.4.2; take it from a registry or a lock, or set "
        "spec.digestReflectionPolicy on the ImagePolicy; or remove that digest",
    ]


def test_what_unpins_a_field_is_said(sandbox: Sandbox) -> None:
    sandbox.write("policies.yaml", POLICIES + STATUS)
    sandbox.write("app.yaml", f"tag: 1.4.0@{OLD} {mark(':tag')}\n")
    ran = sandbox.run("update", "--from", "status", "--allow-unpin")
    told = f"warning: flux-system:web:tag: the digest in tag is lost: 1.4.0@{OLD} → 1.4.2\n"
    assert (ran.status, ran.err) == (0, f"app.yaml:1: {told}")
    assert sandbox.text("app.yaml") == f"tag: 1.4.2 {mark(':tag')}\n"


def test_a_field_is_not_unpinned_where_there_is_a_digest(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", f"tag: 1.4.0@{OLD} {mark(':tag')}\n")
    assert sandbox.run("update", "--allow-unpin").status == 0
    assert sandbox.text("app.yaml") == f"tag: 1.4.2@{NEW} {mark(':tag')}\n"


LEFT: dict[str, str] = {
    "an image of the chosen tag": f"image: {IMAGE}:1.4.2@{OTHER} {mark()}\n",
    "a tag that is chosen": f"tag: 1.4.2@{OTHER} {mark(':tag')}\n",
    "a digest beside the chosen tag": f"tag: 1.4.2 {mark(':tag')}\ndigest: {OTHER}\n",
}


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_the_digest_of_the_chosen_tag_stays_and_nobody_is_asked(text: str, sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", text)
    ran = sandbox.run("update")
    assert (ran.status, ran.err, sandbox.text("app.yaml")) == (0, "", text)
    assert "0 fields changed" in ran.out
    assert sandbox.registry.asked == []


NEIGHBOURS: dict[str, tuple[str, str]] = {
    "an image without a digest": (f"image: {IMAGE}:1.4.0 {mark()}\n", f"image: {IMAGE}:1.4.2 {mark()}\n"),
    "a tag of forty digits": (f"tag: {'a' * 40} {mark(':tag')}\n", f"tag: 1.4.2 {mark(':tag')}\n"),
    "a digest of something else": (
        f"image:\n  tag: 1.4.0 {mark(':tag')}\nchart:\n  digest: {OLD}\n",
        f"image:\n  tag: 1.4.2 {mark(':tag')}\nchart:\n  digest: {OLD}\n",
    ),
    "an empty digest beside the tag": (
        f"image:\n  tag: 1.4.0 {mark(':tag')}\n  digest: ''\n",
        f"image:\n  tag: 1.4.2 {mark(':tag')}\n  digest: ''\n",
    ),
    "a placeholder beside the tag": (
        f"image:\n  tag: 1.4.0 {mark(':tag')}\n  digest: ${{DIGEST}}\n",
        f"image:\n  tag: 1.4.2 {mark(':tag')}\n  digest: ${{DIGEST}}\n",
    ),
    "a digest beside a name": (
        f"image:\n  repository: mirror.example.com/web {mark(':name')}\n  digest: {OLD}\n",
        f"image:\n  repository: {IMAGE} {mark(':name')}\n  digest: {OLD}\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_a_field_that_is_not_pinned_is_not_pinned_and_nobody_is_asked(
    before: str, after: str, sandbox: Sandbox
) -> None:
    sandbox.write("app.yaml", before)
    ran = sandbox.run("update", "--strict")
    assert (ran.status, sandbox.text("app.yaml")) == (0, after)
    assert sandbox.registry.asked == []


def test_a_pinned_and_a_loose_field_of_one_policy_each_stay_what_they_are(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", f"a: {IMAGE}:1.4.0 {mark()}\nb: {IMAGE}:1.4.0@{OLD} {mark()}\n")
    sandbox.run("update")
    assert sandbox.text("app.yaml") == f"a: {IMAGE}:1.4.2 {mark()}\nb: {IMAGE}:1.4.2@{NEW} {mark()}\n"


def test_a_digest_that_another_field_holds_is_taken_over(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", f"a: {IMAGE}:1.4.2@{OTHER} {mark()}\nb: {IMAGE}:1.4.0@{OLD} {mark()}\n")
    sandbox.run("update")
    assert sandbox.text("app.yaml") == f"a: {IMAGE}:1.4.2@{OTHER} {mark()}\nb: {IMAGE}:1.4.2@{OTHER} {mark()}\n"
    assert sandbox.registry.asked == []


def test_a_pinned_field_does_not_go_back_and_neither_does_the_digest_beside_it(sandbox: Sandbox) -> None:
    text = f"a:\n  tag: 1.5.0@{OLD} {mark(':tag')}\nb:\n  tag: 1.5.0 {mark(':tag')}\n  digest: {OLD}\n"
    sandbox.write("app.yaml", text)
    ran = sandbox.run("update")
    assert (ran.status, sandbox.text("app.yaml")) == (0, text)
    assert [line.count("stays at 1.5.0, which flux-system:web ranks") for line in ran.err.splitlines()] == [1, 1]


def test_a_digest_that_the_registry_does_not_give_holds_up_the_pinned_fields_alone(sandbox: Sandbox) -> None:
    sandbox.registry.broken_digests = Unreachable("the registry is closed", hint="come back tomorrow")
    sandbox.write("app.yaml", f"a: {IMAGE}:1.4.0 {mark()}\nb: {IMAGE}:1.4.0@{OLD} {mark()}\n")
    ran = sandbox.run("update")
    assert ran.status == 1
    assert "app.yaml:2: error: flux-system:web: stays at" in ran.err
    assert "the digest of 1.4.2 could not be had: the registry is closed; come back tomorrow" in ran.err
    assert sandbox.text("app.yaml") == f"a: {IMAGE}:1.4.2 {mark()}\nb: {IMAGE}:1.4.0@{OLD} {mark()}\n"


ITEM = f"""\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    annotations:
      imagesetter.dev/fields: "spec.annotated: web"
  spec:
    annotated: {IMAGE}:1.4.0@{OLD}
    containers:
    - name: web
      image: {IMAGE}:1.4.0@{OLD}
    target:
      tag: 1.4.0
      digest: {OLD}
    marked: {IMAGE}:1.4.0@{OLD} {mark()}
    chart:
      tag: 1.4.0@{OLD} {mark(":tag")}
    beside:
      digest: {OLD}
      tag: 1.4.0 {mark(":tag")}
"""
SPEC = {
    "bindByImage": True,
    "targets": [{"select": {"kind": "Deployment"}, "fieldPaths": ["spec.target.tag"], "policy": "web:tag"}],
}
FIELDS = (
    "spec.annotated",
    "spec.containers[0].image",
    "spec.target.tag",
    "spec.marked",
    "spec.chart.tag",
    "spec.beside.tag",
)


def function(policies: str, **spec: object) -> str:
    """A list with a field of every way to find one."""
    config = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter", "metadata": {"name": "images"}}
    text = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
    text += f"functionConfig: {json.dumps({**config, 'spec': {**SPEC, **spec}})}\nitems:\n"
    for resource in policies.strip("-\n").split("---\n"):
        text += f"- {resource.strip()}\n".replace("\n", "\n  ").rstrip(" ")
    return text + ITEM


def spec_of(out: str) -> Mapping[str, object]:
    answer = load(out)
    assert isinstance(answer, dict)
    found: Mapping[str, object] = answer["items"][-1]["spec"]
    return found


def test_a_function_keeps_the_pin_of_every_field_that_it_finds(sandbox: Sandbox) -> None:
    sandbox.write("list.yaml", function(POLICIES))
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 0, ran
    assert spec_of(ran.out) == {
        "annotated": f"{IMAGE}:1.4.2@{NEW}",
        "containers": [{"name": "web", "image": f"{IMAGE}:1.4.2@{NEW}"}],
        "target": {"tag": "1.4.2", "digest": NEW},
        "marked": f"{IMAGE}:1.4.2@{NEW}",
        "chart": {"tag": f"1.4.2@{NEW}"},
        "beside": {"digest": NEW, "tag": "1.4.2"},
    }
    assert sandbox.registry.asked == ["1.4.2"]


@pytest.mark.parametrize(("strict", "severity"), [(False, "warning"), (True, "error")], ids=["as it is", "strictly"])
def test_a_function_says_what_it_cannot_pin(strict: bool, severity: str, sandbox: Sandbox) -> None:
    text = function(POLICIES + STATUS, strict=strict, **{"from": "status"})
    sandbox.write("list.yaml", text)
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == (1 if strict else 0), ran.err
    answer = load(ran.out)
    assert isinstance(answer, dict)
    lost = {each["field"]["path"]: each for each in answer["results"] if each["tags"].get("error") == "LostDigest"}
    assert {path: each["severity"] for path, each in lost.items()} == dict.fromkeys(FIELDS, severity)
    assert lost["spec.target.tag"]["field"] == {
        "path": "spec.target.tag",
        "currentValue": "1.4.0",
        "proposedValue": "1.4.2",
    }
    assert spec_of(ran.out) == spec_of(text)


@pytest.mark.parametrize("way", ["functionConfig", "environment"])
def test_a_function_unpins_what_it_is_allowed_to(way: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "environment":
        monkeypatch.setenv("IMAGESETTER_ALLOW_UNPIN", "yes")
    spec = {"from": "status", **({"allowUnpin": True} if way == "functionConfig" else {})}
    sandbox.write("list.yaml", function(POLICIES + STATUS, **spec))
    ran = sandbox.run("fn", "list.yaml")
    assert ran.status == 0
    assert spec_of(ran.out) == {
        "annotated": f"{IMAGE}:1.4.2",
        "containers": [{"name": "web", "image": f"{IMAGE}:1.4.2"}],
        "target": {"tag": "1.4.0", "digest": OLD},
        "marked": f"{IMAGE}:1.4.2",
        "chart": {"tag": "1.4.2"},
        "beside": {"digest": OLD, "tag": "1.4.0"},
    }


def test_the_report_shows_how_far_a_pinned_tag_moved(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", f"tag: 1.4.0@{OLD} {mark(':tag')}\n")
    ran = sandbox.run("update", "--check", "--output", "json")
    (change,) = json.loads(ran.out)["changes"]
    assert (change["delta"], change["downgrade"]) == ("patch", False)
    assert "patch" in sandbox.run("update", "--check").out
