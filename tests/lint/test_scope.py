"""What is reported about, and what is only known: the given paths, --policies, and the repository around them."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lint.conftest import FIELD, POLICIES, POLICY, REPOSITORY, Lint

TREE = {"clusters/policies.yaml": POLICIES, "apps/web.yaml": FIELD}


@pytest.fixture
def repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("path", ["apps/web.yaml", "clusters/policies.yaml"], ids=["the field", "the policy"])
def test_a_hook_with_only_one_half_of_a_pair_knows_the_other(path: str, lint: Lint) -> None:
    assert lint(TREE, path).out == "nothing found (1 file read)\n"


@pytest.mark.usefixtures("repository")
def test_nothing_is_reported_about_the_rest_of_the_repository(lint: Lint) -> None:
    files = {**TREE, "other/bad.yaml": FIELD.replace(":web", ":wbe"), "apps/more.yaml": FIELD.replace(":web", ":api")}
    ran = lint(files, "apps")
    assert [line.split(":")[0] for line in ran.findings] == ["apps/more.yaml"]


def test_without_a_repository_a_policy_is_unused_by_what_was_given(lint: Lint) -> None:
    ran = lint(TREE, "clusters")
    assert ran.findings == [
        "clusters/policies.yaml:8:18: warning unused-policy: no field follows ImagePolicy flux-system:web; mark a "
        "field (`imagesetter mark`), or remove the policy"
    ]


def test_a_rendered_stream_stands_in_for_its_bases(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    base = POLICIES.replace(", policy: {semver: {range: 1.x}}", "")
    rendered = POLICIES.replace("1.x", "1.x, newest: true")
    files = {"base.yaml": base, "web.yaml": FIELD}
    assert len(lint(files).about("incomplete-policy")) == 1
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(rendered.encode())))
    assert lint(files, "--policies", "-", ".").findings == [
        "<stdin>:9:71: warning unknown-field: spec.policy.semver.newest: ImagePolicy of image-reflector-controller "
        "v1.3.0 has no such field; remove it, unless your Flux is newer: the API server drops it silently"
    ]


def test_what_a_stream_repeats_is_said_once_and_at_the_file(lint: Lint, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = POLICIES.replace("1.x", "1.y")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bad.encode())))
    ran = lint({"base.yaml": bad, "web.yaml": FIELD}, "--policies", "-", ".")
    assert [line.split(": ")[0] for line in ran.findings] == ["base.yaml:9:66"]


def test_a_policies_file_that_is_also_in_the_tree_is_read_once(lint: Lint) -> None:
    ran = lint({**TREE, "clusters/policies.yaml": POLICIES.replace("1.x", "1.y")}, "--policies", "clusters", ".")
    assert len(ran.findings) == 1


def test_policies_of_a_cluster_are_not_called_unused(lint: Lint) -> None:
    api = POLICY.replace("name: web,", "name: api,")
    assert lint(
        {"export/all.yaml": f"{POLICIES}---\n{api}", "apps/web.yaml": FIELD}, "--policies", "export", "apps"
    ).out == ("nothing found (1 file read)\n")


SETTER = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageSetter\nmetadata: {name: images}\nspec: "
UNMARKED = {
    "a target": SETTER + "{targets: [{policy: web, fieldPaths: [a]}]}",
    "a target with namespace and part": SETTER + "{targets: [{policy: 'flux-system:web:tag', fieldPaths: [a]}]}",
    "an annotation": "kind: A\nmetadata:\n  annotations:\n    imagesetter.dev/fields: |\n      spec.image: web:tag\n",
    "binding by image": SETTER + "{bindByImage: true}",
    "binding by image in a Kptfile": "pipeline: {mutators: [{exec: a, configMap: {bindByImage: 'true'}}]}",
}


@pytest.mark.parametrize("text", UNMARKED.values(), ids=UNMARKED)
def test_a_policy_can_be_followed_without_a_marker(text: str, lint: Lint) -> None:
    assert lint({"policies.yaml": POLICIES, "a.yaml": text}).findings == []
    other = text.replace("web", "api").replace("bindByImage: true", "strict: true").replace("'true'", "'false'")
    assert any(": warning unused-policy: " in line for line in lint({"a.yaml": other}).findings)


def test_targets_and_annotations_can_dangle_too(lint: Lint) -> None:
    texts = {"policies.yaml": POLICIES, "a.yaml": UNMARKED["a target"].replace("web", "wbe")}
    texts["b.yaml"] = UNMARKED["an annotation"].replace("web", "wbe")
    assert lint(texts).about("dangling-marker") == [
        "a.yaml:4:27: error dangling-marker: ImagePolicy flux-system:wbe was not found; did you mean flux-system:web?",
        "b.yaml:4:29: error dangling-marker: ImagePolicy flux-system:wbe was not found; did you mean flux-system:web?",
    ]


def test_policies_in_an_image_setter_are_known(lint: Lint) -> None:
    inline = "{policies: [{name: web, image: registry.example.com/web, semver: {range: 1.x}}]}"
    assert lint({"setter.yaml": SETTER + inline, "a.yaml": FIELD}).findings == []


def test_excluded_files_are_not_read(lint: Lint) -> None:
    files = {"policies.yaml": POLICIES, "web.yaml": FIELD, "old/web.yaml": FIELD.replace(":web", ":old")}
    assert lint(files, "--exclude", "old/").out == "nothing found (2 files read)\n"


def test_the_default_namespace_can_be_another(lint: Lint) -> None:
    bare = f"{REPOSITORY}---\n{POLICY}".replace(", namespace: flux-system", "")
    files = {"policies.yaml": bare, "web.yaml": FIELD.replace("flux-system", "apps")}
    assert lint(files).status == 1
    assert lint(files, "--namespace", "apps").status == 0


def test_a_path_that_does_not_exist_is_wrong_usage(lint: Lint) -> None:
    ran = lint({}, "nowhere")
    assert ran.status == 2
    assert "the file or directory does not exist\n  where: nowhere" in ran.err


def test_a_stale_lock_is_found_by_the_field_that_it_does_not_answer_for(lint: Lint) -> None:
    lock = "apiVersion: imagesetter.dev/v1alpha1\nkind: ImageLock\nmetadata: {name: images}\nspec:\n  entries: []\n"
    ran = lint({**TREE, "images.lock.yaml": lock})
    assert ran.findings == [
        "apps/web.yaml:1:39: error stale-lock: policy flux-system:web is not in the lock; run `imagesetter lock`, and "
        "commit the lock"
    ]


LOCK = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLock
metadata: {name: images}
spec:
  entries:
  - policy: flux-system:web
    image: registry.example.com/web
    tag: 1.2.0
    digest: sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    inputs: sha256:9961d67da14badee3feab6fe7f40a7a5c3809dff575f7ddf93e0aba0ea59993b
"""
STALE = "policy flux-system:web has changed since it was locked to registry.example.com/web:1.2.0"
WHERES = {
    "the policy alone": (("clusters/policies.yaml",), f"clusters/policies.yaml:8:18: error stale-lock: {STALE} in "),
    "the lock too": (
        ("clusters/policies.yaml", "images.lock.yaml"),
        f"images.lock.yaml:6:13: error stale-lock: {STALE};",
    ),
    "the lock alone": (("images.lock.yaml",), f"images.lock.yaml:6:13: error stale-lock: {STALE};"),
    "everything": ((), f"images.lock.yaml:6:13: error stale-lock: {STALE};"),
    "the field alone": (("apps/web.yaml",), ""),
}


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(("given", "finding"), WHERES.values(), ids=WHERES)
def test_a_hook_that_is_given_an_edited_policy_says_that_its_lock_is_stale(
    given: tuple[str, ...], finding: str, lint: Lint
) -> None:
    files = {**TREE, "images.lock.yaml": LOCK}
    assert lint(files, *given).about("stale-lock") == []
    ran = lint({**files, "clusters/policies.yaml": POLICIES.replace("1.x", "1.2.x")}, *given)
    assert [line.startswith(finding) for line in ran.about("stale-lock")] == [True] * bool(finding)
    assert ran.status == int(bool(finding))


@pytest.mark.usefixtures("repository")
def test_an_edited_repository_makes_the_lock_stale_too(lint: Lint) -> None:
    repository, policy = POLICIES.split("---\n")
    files = {**TREE, "images.lock.yaml": LOCK, "clusters/policies.yaml": policy}
    assert lint({**files, "clusters/web.yaml": repository}, "clusters/web.yaml").findings == []
    ran = lint({"clusters/web.yaml": repository.replace("com/web", "com/shop")}, "clusters/web.yaml")
    assert ran.findings == [
        f"clusters/web.yaml:3:18: error stale-lock: {STALE} in images.lock.yaml; run `imagesetter lock`, and commit "
        "the lock"
    ]


@pytest.mark.usefixtures("repository")
def test_the_lock_of_another_cluster_is_not_compared(lint: Lint, tmp_path: Path) -> None:
    other = LOCK.replace("9961d67d", "00000000")
    assert lint({**TREE, "vendor/other/images.lock.yaml": other}).findings == []
    (tmp_path / "vendor" / "other" / "images.lock.yaml").rename(tmp_path / "clusters" / "images.lock.yaml")
    assert len(lint({}).about("stale-lock")) == 1
