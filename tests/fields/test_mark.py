"""Markers go behind the images that exactly one policy selects, and not one other byte changes."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.fields.mark import Insertion, Owner, insert_markers, prove
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.update.files import marked_fields
from imagesetter.update.read_tree import read_tree
from krm_functions.errors import SpliceError
from krm_functions.yaml.scan import scan
from krm_functions.yaml.scan_result import KEEP_ALL
from support.runs import Ran, run_here, write_files

DIGEST = "sha256:" + "5" * 64


def repository(name: str, image: str) -> str:
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\nspec: {{image: {image}, interval: 5m}}\n---\n"
    )


def policy(name: str, of: str = "", more: str = "") -> str:
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
        f"metadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec: {{imageRepositoryRef: {{name: {of or name}}}, policy: {{semver: {{range: 1.x}}}}{more}}}\n---\n"
    )


POLICIES = (
    repository("web", "registry.example.com/web")
    + policy("web")
    + repository("nginx", "docker.io/library/nginx")
    + policy("nginx")
    + repository("pinned", "registry.example.com/pinned")
    + policy("pinned", more=", digestReflectionPolicy: IfNotPresent")
    + repository("both", "registry.example.com/both")
    + policy("both-stable", "both")
    + policy("both-next", "both")
)


def marker(name: str) -> str:
    return f'# {{"$imagepolicy": "flux-system:{name}"}}'


Mark = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mark:
    """Write files beside policies.yaml in an empty working directory, and run ``imagesetter mark`` there."""
    monkeypatch.chdir(tmp_path)

    def call(files: Mapping[str, str], *arguments: str, command: str = "mark") -> Ran:
        write_files(tmp_path, {"policies.yaml": POLICIES, **files})
        return run_here(capsys, command, *arguments)

    return call


# before; ¶NAME¶ is where a marker of that policy has to be, and stands for nothing in the text before
MARKED = {
    "containers of every kind": """\
kind: Deployment
spec:
  template:
    spec:
      initContainers:
      - name: a
        image: registry.example.com/web:1.0.0¶web¶
      containers:
      - image: "registry.example.com/web:1.0.0"¶web¶
        name: b
      - {name: c,
         image: 'registry.example.com/web@sha256'}
      ephemeralContainers:
      - name: d
        image: nginx¶nginx¶
      volumes:
      - image:
          reference: registry.example.com/web:1.0.0¶web¶
""",
    "a container far down, and an item of a list": """\
kind: List
items:
- kind: CronJob
  spec: {jobTemplate: {spec: {template: {spec: {
    containers: [
      {name: a,
       image: registry.example.com/web:1.0.0,¶web¶
       args: []},
    ]}}}}}
""",
    "kustomize's images": f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
images:
- name: registry.example.com/web
  newTag: 1.0.0¶web:tag¶
- name: web
  newName: registry.example.com/web¶web:name¶
  newTag: "1.0"¶web:tag¶
- name: registry.example.com/pinned
  newTag: 1.0.0¶pinned:tag¶
  digest: {DIGEST}¶pinned:digest¶
- name: other
  newTag: 1.0.0
""",
    "repository and tag of a chart": """\
web:
  image:
    repository: registry.example.com/web¶web:name¶
    tag: v1.0.0¶web:tag¶
    pullPolicy: Always
proxy:
  registry: docker.io
  repository: library/nginx
  tag: 1.27.0¶nginx:tag¶
default:
  repository: registry.example.com/web¶web:name¶
  tag: ""
source:
  repository: https://git.example.com/web
  tag: v1.0.0
""",
    "an image with a digest that its policy reflects": f"""\
containers:
- image: registry.example.com/pinned:1.0.0@{DIGEST}¶pinned¶
""",
    "block scalars, anchors and values on the next line": """\
containers:
- image: |-¶web¶
    registry.example.com/web:1.0.0
- image: >2-¶web¶
    registry.example.com/web:1.0.0

- image: &image registry.example.com/web:1.0.0¶web¶
- image: *image
- image:
    registry.example.com/web:1.0.0¶web¶
- image: !!str registry.example.com/web:1.0.0¶web¶
""",
    "blanks and tabs at the end of the line": (
        "containers:\n- image: registry.example.com/web:1.0.0¶web¶  \n- image: registry.example.com/web:1.1.0¶web¶\t\n"
    ),
    "the second value of a key": """\
containers:
- image: registry.example.com/web:1.0.0¶web¶
  image: registry.example.com/web:1.1.0
""",
    "what is no image field": """\
image: registry.example.com/web:1.0.0
spec:
  image: registry.example.com/web:1.0.0
  containers:
    image: registry.example.com/web:1.0.0
containers:
- image: {{ .Values.image }}
- image: ${IMAGE}
- image: ""
- image:
- env: [{name: image, value: registry.example.com/web:1.0.0}]
images:
- registry.example.com/web:1.0.0
- name: registry.example.com/web
repository: registry.example.com/web:1.0.0
tag: 1.0.0
""",
    "documents of every kind": """\
# images, all of them
---
containers: [

]
--- # second
containers:
- image: registry.example.com/web:1.0.0¶web¶
...
---
broken: [
---
containers:
- image: nginx:1.27¶nginx¶
""",
}
LINE_ENDS = {"LF": "\n", "CR LF": "\r\n"}


def expected(text: str) -> str:
    parts = text.split("¶")
    return "".join(f" {marker(part)}" if index % 2 else part for index, part in enumerate(parts)).replace(",  #", ", #")


@pytest.mark.parametrize("newline", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize("text", MARKED.values(), ids=MARKED)
def test_images_are_marked_and_nothing_else_changes(text: str, newline: str, run: Mark, tmp_path: Path) -> None:
    before = "".join(text.split("¶")[::2]).replace("\n", newline)
    after = expected(text).replace("\n", newline)
    ran = run({"a.yaml": before})
    assert (tmp_path / "a.yaml").read_bytes().decode() == after
    assert ran.status == 0
    assert f"{text.count('¶') // 2} field" in ran.out
    assert "warning" not in ran.err

    again = run({"a.yaml": after})
    assert (tmp_path / "a.yaml").read_bytes().decode() == after
    assert f"0 fields marked, {text.count('¶') // 2} had a marker" in again.out

    fields = [field for file in read_tree([tmp_path / "a.yaml"]).marked for field in marked_fields(file)[0]]
    names = [field.marker.policy.name + (f":{field.marker.part}" if field.marker.part else "") for field in fields]
    assert names == text.split("¶")[1::2]


def test_a_byte_order_mark_and_a_missing_last_newline_stay(run: Mark, tmp_path: Path) -> None:
    run({"a.yaml": "\ufeffcontainers:\r\n- image: registry.example.com/web:1.0.0"})
    after = f"\ufeffcontainers:\r\n- image: registry.example.com/web:1.0.0 {marker('web')}"
    assert (tmp_path / "a.yaml").read_bytes().decode() == after


# before, and what is said
SKIPPED = {
    "a mapping on one line": (
        "containers:\n- {name: a, image: registry.example.com/web:1.0.0}\n",
        "a.yaml:2: warning: not marked: it is in a collection on one line, where a comment would hide the "
        "rest; mark it by hand\n",
    ),
    "an entry that is not the last of its line": (
        'containers: [\n  {image: "registry.example.com/web:1.0.0", name: a}\n]\n',
        "a.yaml:2: warning: not marked: it is in a collection on one line, where a comment would hide the "
        "rest; mark it by hand\n",
    ),
    "another comment": (
        "containers:\n- image: registry.example.com/web:1.0.0 # keep at 1.x\n",
        "a.yaml:2: warning: not marked: another comment follows it; mark it by hand\n",
    ),
    "a marker that is none": (
        'containers:\n- image: registry.example.com/web:1.0.0 # {"$imagepolicy": "web"}\n',
        "a.yaml:2: warning: not marked: another comment follows it; mark it by hand\n",
    ),
    "a comment on the header of a block scalar": (
        "containers:\n- image: |- # long\n    registry.example.com/web:1.0.0\n",
        "a.yaml:2: warning: not marked: another comment follows it; mark it by hand\n",
    ),
    "two policies": (
        "containers:\n- image: registry.example.com/both:1.0.0\n",
        "a.yaml:2: warning: not marked: flux-system:both-next and flux-system:both-stable both select from "
        "registry.example.com/both; say with --policy which one to name\n",
    ),
    "a document that is not YAML": (
        "containers:\n- image: registry.example.com/web:1.0.0\n {{ if }}\n",
        "a.yaml:3: info: a document is not YAML (did not find expected key while parsing a block mapping)"
        ", so no image in it was looked at\n",
    ),
    "bytes that are not UTF-8": (
        "# registry.example.com/web \udcff\n",
        "a.yaml: warning: byte 0xed at offset 27 is not UTF-8 (a.yaml:1:28); store the file as UTF-8\n",
    ),
}


@pytest.mark.parametrize(("text", "said"), SKIPPED.values(), ids=SKIPPED)
def test_what_cannot_be_marked_is_left_alone_and_said(text: str, said: str, run: Mark, tmp_path: Path) -> None:
    data = text.encode("utf-8", "surrogatepass")
    run({})
    (tmp_path / "a.yaml").write_bytes(data)
    ran = run({})
    assert ran.err == said
    assert ran.out == "0 fields marked, 0 had a marker (2 files read)\n"
    assert ran.status == 0
    assert (tmp_path / "a.yaml").read_bytes() == data


# Text before (with ¶part¶ where a marker is inserted), for policies that reflect no digest (web) and that do (pinned).
PINNED = {
    "an image": f"containers:\n- image: registry.example.com/web:1.0.0@{DIGEST}¶web¶\n",
    "a digest in a field of its own": (
        f"images:\n- name: registry.example.com/web\n  digest: {DIGEST}\n  newTag: 1.0.0¶web:tag¶\n"
    ),
    "a tag that ends in a digest": (
        f"image:\n  repository: registry.example.com/pinned¶pinned:name¶\n  tag: 1.0.0@{DIGEST}¶pinned:tag¶\n"
    ),
    "a tag that ends in a digest beside its registry": (
        f"image:\n  registry: registry.example.com\n  repository: pinned\n  tag: 1.0.0@{DIGEST}¶pinned:tag¶\n"
    ),
    "a newTag that ends in a digest, and no reflection": (
        f"images:\n- name: registry.example.com/web\n  newTag: 1.0.0@{DIGEST}¶web:tag¶\n"
    ),
}


@pytest.mark.parametrize("text", PINNED.values(), ids=PINNED)
def test_a_pinned_image_is_marked_and_an_update_keeps_its_pin(text: str, run: Mark, tmp_path: Path) -> None:
    before = re.sub("¶.*?¶", "", text)
    ran = run({"a.yaml": before})
    marker = r' # {"$imagepolicy": "flux-system:\1"}'
    assert (tmp_path / "a.yaml").read_text() == re.sub("¶(.*?)¶", marker, text)
    said = "info: the image is pinned by a digest: imagesetter writes that of each new tag, Flux would not\n"
    assert re.fullmatch(f"a.yaml:[234]: {said}", ran.err)


CONTAINER = "containers:\n- image: registry.example.com/web:1.0.0\n"


def test_a_marker_of_another_policy_is_left_in_peace(run: Mark, tmp_path: Path) -> None:
    text = CONTAINER.replace("1.0.0", f"1.0.0 {marker('other')}")
    ran = run({"a.yaml": text})
    assert (ran.err, ran.out) == ("", "0 fields marked, 1 had a marker (2 files read)\n")
    assert (tmp_path / "a.yaml").read_text() == text


def test_check_writes_nothing_and_fails_until_everything_is_marked(run: Mark, tmp_path: Path) -> None:
    ran = run({"a.yaml": CONTAINER}, "--check")
    assert ran.status == 1
    assert ran.out.splitlines() == [
        f"a.yaml:2: registry.example.com/web:1.0.0 {marker('web')}",
        "1 field would be marked, 0 had a marker (2 files read)",
    ]
    assert (tmp_path / "a.yaml").read_text() == CONTAINER
    assert run({}).status == 0
    assert run({}, "--check").status == 0


def test_the_diff_is_one_that_git_applies(run: Mark, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    text = CONTAINER.replace("\n", "\r\n").rstrip()
    ran = run({"a.yaml": text}, "--check", "--diff")
    diff = ran.out.rpartition("1 field would be")[0]
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff.encode(), check=True)
    assert (tmp_path / "a.yaml").read_bytes().decode() == f"{text} {marker('web')}"


SETS_A_TAG = "kind: Kustomization\nimages:\n- name: NAME\n  newTag: 1.2.0 " + marker("web:tag") + "\n"
CONTAINERS = "spec:\n  template: {{spec: {{containers: [\n    {{image: {image},\n    name: a}}]}}}}\n"
OVERRIDDEN = {
    "no tag, and a component elsewhere": ("registry.example.com/web", "components/images", "app", False),
    "a tag, and a kustomization beside it": ("registry.example.com/web:1.0.0", "app", "app", False),
    "a tag, and a kustomization above it": ("registry.example.com/web:1.0.0", ".", "app/web", False),
    "a tag, and a kustomization elsewhere": ("registry.example.com/web:1.0.0", "other", "app", True),
    "another spelling of the name, to which kustomize does nothing": ("nginx:1.0.0", "app", "app", True),
}


@pytest.mark.parametrize(("image", "images", "app", "marked"), OVERRIDDEN.values(), ids=OVERRIDDEN)
def test_an_image_whose_tag_a_kustomization_sets_gets_no_marker(
    run: Mark, image: str, images: str, app: str, marked: bool
) -> None:
    name = "docker.io/library/nginx" if "nginx" in image else "registry.example.com/web"
    files = {
        f"{images}/kustomization.yaml": SETS_A_TAG.replace("NAME", name),
        f"{app}/deployment.yaml": CONTAINERS.format(image=image),
    }
    ran = run(files, "--check")
    assert ran.status == (1 if marked else 0), ran
    assert (f"{app}/deployment.yaml:3" in ran.out) == marked


def test_a_policy_can_be_chosen(run: Mark, tmp_path: Path) -> None:
    text = CONTAINER.replace("/web", "/both")
    run({"a.yaml": text, "b.yaml": CONTAINER}, "--policy", "flux-system:both-next")
    assert (tmp_path / "a.yaml").read_text() == text.replace("1.0.0", f"1.0.0 {marker('both-next')}")
    assert (tmp_path / "b.yaml").read_text() == CONTAINER


def test_a_policy_that_is_not_there_cannot_be_chosen(run: Mark) -> None:
    ran = run({}, "--policy", "flux-system:wbe")
    assert ran.status == 2
    assert "ImagePolicy flux-system:wbe was not found" in ran.err
    assert "did you mean flux-system:web?" in ran.err


def test_policies_are_looked_for_in_the_whole_repository(run: Mark, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    beside = repository("api", "registry.example.com/api") + policy("api")
    ran = run({"apps/a.yaml": CONTAINER, "apps/policies.yaml": beside, "other/b.yaml": CONTAINER}, "apps")
    assert ran.out.splitlines()[-1] == "1 field marked, 0 had a marker (2 files read)"
    assert (tmp_path / "other/b.yaml").read_text() == CONTAINER


def test_policies_can_come_from_a_rendered_stream(run: Mark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(POLICIES.encode())))
    ran = run({"policies.yaml": "", "a.yaml": CONTAINER}, "--policies", "-")
    assert ran.out.splitlines()[-1] == "1 field marked, 0 had a marker (2 files read)"


def test_without_any_policy_a_warning_says_where_they_may_be(run: Mark) -> None:
    ran = run({"policies.yaml": "", "a.yaml": CONTAINER})
    assert ran.err == "warning: no ImagePolicy with its ImageRepository was found; add them with --policies\n"
    assert ran.status == 0


def test_a_policy_that_cannot_be_read_is_said(run: Mark, tmp_path: Path) -> None:
    ran = run(
        {
            "policies.yaml": policy("web") + POLICIES.partition("---\n")[0].replace("/web,", "/web:1,"),
            "a.yaml": CONTAINER,
        }
    )
    assert ran.err.splitlines() == [
        "warning: no image of flux-system:web is marked: image 'registry.example.com/web:1' should not "
        "include a tag; remove ':1'",
        "warning: no ImagePolicy with its ImageRepository was found; add them with --policies",
    ]
    assert (tmp_path / "a.yaml").read_text() == CONTAINER


def test_json_names_every_marker_and_every_result(run: Mark) -> None:
    ran = run({"a.yaml": CONTAINER + "- image: registry.example.com/both:1\n"}, "--check", "--output", "json")
    report = json.loads(ran.out)
    assert (report["apiVersion"], report["kind"]) == ("imagesetter.dev/v1alpha1", "MarkReport")
    assert report["markers"] == [
        {
            "policy": "flux-system:web",
            "part": "",
            "file": "a.yaml",
            "line": 2,
            "field": "containers[0].image",
            "value": "registry.example.com/web:1.0.0",
        }
    ]
    assert [(result["severity"], result["file"]) for result in report["results"]] == [("warning", {"path": "a.yaml"})]


def test_quiet_leaves_only_warnings(run: Mark) -> None:
    ran = run({"a.yaml": CONTAINER + "- image: registry.example.com/both:1\n---\na: [\n"}, "-q")
    assert ran.out == ""
    assert [line.split(": ")[1] for line in ran.err.splitlines()] == ["warning"]


def test_what_was_marked_passes_the_linter(run: Mark) -> None:
    images = CONTAINER + "- image: nginx:1.27.0\n- image: registry.example.com/pinned:1.0.0\n"
    run({"a.yaml": images})
    ran = run({}, "--disable", "unused-policy", command="lint")
    assert ran.out == "nothing found (2 files read)\n"


def test_a_file_is_not_parsed_unless_it_mentions_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    (tmp_path / "a.yaml").write_text("containers:\n- image: registry.example.com/api:1.0.0\n")
    monkeypatch.setattr("imagesetter.fields.mark.scan", refuse)
    owners = {"registry.example.com/web": [Owner(PolicyName("flux-system", "web"), reflects=False)]}
    assert insert_markers([tmp_path], owners).files == 1
    (tmp_path / "a.yaml").write_text(CONTAINER)
    with pytest.raises(AssertionError, match="parsed"):
        insert_markers([tmp_path], owners)


def read(text: str) -> object:
    return scan(text, outline=KEEP_ALL)


PROOFS = {
    "nothing inserted": "a: x\nb: y\n",
    "behind another scalar": f"a: x\nb: y {marker('web')}\n",
    "another policy": f"a: x {marker('api')}\nb: y\n",
    "a value lost": f"a: x {marker('web')}\n",
    "a value changed": f"a: x {marker('web')}\nb: z\n",
    "a style changed": f"a: x {marker('web')}\nb: 'y'\n",
    "a further marker": f"a: x {marker('web')}\nb: y {marker('web')}\n",
    "broken": f"a: x {marker('web')}\nb: y\n c: [\n",
}


@pytest.mark.parametrize("after", PROOFS.values(), ids=PROOFS)
def test_a_text_that_does_not_read_as_planned_is_refused(after: str) -> None:
    before = scan("a: x\nb: y\n", outline=KEEP_ALL)
    scalar = before.documents[0].kept["a",]
    planned = [Insertion("a.yaml", scalar, Marker(PolicyName("flux-system", "web")), scalar.end)]
    good = scan(f"a: x {marker('web')}\nb: y\n", outline=KEEP_ALL)
    prove(before, good, planned)
    with pytest.raises(SpliceError):
        prove(before, scan(after, outline=KEEP_ALL), planned)


IMAGES = st.sampled_from(
    [
        "registry.example.com/web:1.0.0",
        "'registry.example.com/web:1.0.0'",
        '"registry.example.com\\/web:1.0.0"',
        "&a registry.example.com/web:1.0.0",
        "|-\n      registry.example.com/web:1.0.0",
        ">-\n      registry.example.com/web:1.0.0\n\n",
        "\n      registry.example.com/web:1.0.0",
        "{{ template }}",
        "other",
        "",
    ]
)
TAILS = st.sampled_from(["", " ", "\t", " # comment", f" {marker('web')}", " #", "  # {}"])
AROUND = st.sampled_from(
    [
        "",
        "# comment\n",
        "\n\n",
        "    env: [a, {b: c}]\n",
        "    args: |\n      image: a\n",
        "    # {x}\n",
        "---\n",
        "\U0001f6a2: 1\n",
    ]
)
START, BREAK = "spec:\n  containers:\n", "---\n"
ENTRIES = st.lists(st.tuples(AROUND, IMAGES, TAILS, AROUND), max_size=6)


@given(ENTRIES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_without_the_markers_a_marked_text_is_what_it_was(
    entries: list[tuple[str, str, str, str]], newline: str, bom: bool, final: bool
) -> None:
    text = START
    for before, image, tail, after in entries:
        head, line, rest = image.partition("\n")
        text += f"{before}{START if before == BREAK else ''}  - image: {head}{tail}{line}{rest}\n{after}"
        text += START if after == BREAK else ""
    text = text if final else text.rstrip()
    data = (("\ufeff" if bom else "") + text.replace("\n", newline)).encode()
    owners = {"registry.example.com/web": [Owner(PolicyName("flux-system", "web"), reflects=False)]}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.yaml"
        path.write_bytes(data)
        outcome = insert_markers([path], owners)
        assert not [result for result in outcome.results if result.severity == "error"]
        for rewrite in outcome.rewrites:
            before, after = rewrite.versions()
            assert before == data
            plain = after.replace(f" {marker('web')}".encode(), b"")
            assert plain == data.replace(f" {marker('web')}".encode(), b"")
            added = after.count(b"$imagepolicy") - data.count(b"$imagepolicy")
            assert added == len(outcome.insertions)
            path.write_bytes(after)
            again = insert_markers([path], owners)
            assert again.rewrites == []
            assert again.marked == outcome.marked + added
