"""`init`: which images have no policy, which policies and markers they get; and nothing is written unasked."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from imagesetter.cli.schemas.kinds import schema_of
from support.runs import write_files
from support.sandbox import Sandbox, open_sandbox

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n    - image: "
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  sources:
    - kustomize:
        images:
          - ghcr.io/org/argo:1.2.3
          - old=ghcr.io/org/renamed:1.0.0
    - helm:
        parameters:
          - name: image.repository
            value: ghcr.io/org/chart
          - name: image.tag
            value: v2.0.1
        valuesObject:
          api:
            image:
              repository: ghcr.io/org/api
              tag: 3.1.0
"""
KUSTOMIZATION = """\
images:
  - name: base
    newName: ghcr.io/org/base
    newTag: main-1699999999-abc1234
"""
VALUES = """\
image:
  registry: docker.io
  repository: org/values
  tag: '5.0'
sidecar:
  image: redis:7.2.4-alpine
"""
FILES = {
    "pod.yaml": f"{POD}ghcr.io/org/web:1.4.0\n",
    "kustomization.yaml": KUSTOMIZATION,
    "base.yaml": f"{POD}base:latest\n",
    "values.yaml": VALUES,
    "application.yaml": APPLICATION,
    "moving.yaml": f"{POD}nginx:latest\n",
    "variable.yaml": "image:\n  repository: ghcr.io/org/web\n  tag: ${TAG}\n",
    "generated.yaml": f"# This file is generated. DO NOT EDIT.\n{POD}ghcr.io/org/generated:1.0.0\n",
}
POLICIES = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageSetter
metadata:
  name: images
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  policies:
    - name: api
      image: ghcr.io/org/api
      semver: {range: 3.x}
    - name: argo
      image: ghcr.io/org/argo
      semver: {range: 1.x}
    - name: base
      image: ghcr.io/org/base
      numerical: {order: asc}
      filterTags:
        pattern: '^main-(?P<ts>[0-9]{10})-[a-f0-9]+$'
        extract: '$ts'
    - name: chart
      image: ghcr.io/org/chart
      semver: {range: 2.x}
    - name: web
      image: ghcr.io/org/web
      semver: {range: 1.x}
    - name: redis
      image: redis
      semver: {range: 7.x}
      filterTags:
        pattern: '^(?P<version>[0-9]+\\.[0-9]+\\.[0-9]+)-alpine$'
        extract: '$version'
    - name: values
      image: docker.io/org/values
      semver: {range: 5.x}
      filterTags:
        pattern: '^(?P<version>[0-9]+\\.[0-9]+)$'
        extract: '${version}.0'
"""
MARKED = {
    "pod.yaml": {"ghcr.io/org/web:1.4.0": "web"},
    "base.yaml": {},
    "moving.yaml": {},
    "variable.yaml": {},
    "generated.yaml": {},
    "kustomization.yaml": {"newTag: main-1699999999-abc1234": "base:tag"},
    "values.yaml": {"tag: '5.0'": "values:tag", "redis:7.2.4-alpine": "redis"},
    "application.yaml": {"- ghcr.io/org/argo:1.2.3": "argo", "value: v2.0.1": "chart:tag", "tag: 3.1.0": "api:tag"},
}


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        (tmp_path / "policies.yaml").unlink()
        (tmp_path / "app.yaml").unlink()
        write_files(tmp_path, FILES)
        yield opened


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_it_writes_nothing_without_being_told_to_and_contacts_no_registry(sandbox: Sandbox) -> None:
    before = contents(sandbox.root)
    ran = sandbox.run("init")
    assert (ran.status, contents(sandbox.root), sandbox.registry.scanned) == (0, before, [])
    assert ran.err.endswith("hint: nothing was written; `imagesetter init --write` writes this\n")


def test_it_writes_the_policies_and_the_markers_that_it_showed(sandbox: Sandbox) -> None:
    shown = sandbox.run("init")
    assert sandbox.run("init", "--write").status == 0
    assert sandbox.text("image-policies.yaml") == POLICIES
    for name, marks in MARKED.items():
        expected = FILES[name]
        for value, policy in marks.items():
            expected = expected.replace(value, f'{value} # {{"$imagepolicy": "flux-system:{policy}"}}')
        assert sandbox.text(name) == expected
    after = contents(sandbox.root)
    write_files(sandbox.root, FILES)
    (sandbox.root / "image-policies.yaml").unlink()
    patch = shown.out[: shown.out.index("\nghcr.io/org/api ") + 1]
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=sandbox.root, check=True)
    assert contents(sandbox.root) == after


def test_it_names_each_image_with_its_policy_or_why_it_gets_none(sandbox: Sandbox) -> None:
    lines = [
        " ".join(line.split())
        for line in sandbox.run("init").out.splitlines()
        if line.startswith(("ghcr", "doc", "ng"))
    ]
    assert lines == [
        "ghcr.io/org/api 3.1.0 api: semver 3.x",
        "ghcr.io/org/argo 1.2.3 argo: semver 1.x",
        "ghcr.io/org/base main-1699999999-abc1234 base: numerical asc, filtered",
        "ghcr.io/org/chart v2.0.1 chart: semver 2.x",
        "ghcr.io/org/web 1.4.0 web: semver 1.x",
        "nginx latest no policy: latest is a moving tag: the same name, again and again; write the tag that you run",
        "docker.io/org/values 5.0 values: semver 5.x, filtered",
    ]


def test_what_it_wrote_is_complete(sandbox: Sandbox) -> None:
    sandbox.run("init", "--write")
    after = contents(sandbox.root)
    assert sandbox.run("lint", "--strict", "--disable", "untagged-image").status == 0
    assert sandbox.run("mark", "--check").status == 0
    again = sandbox.run("init", "--write")
    assert (again.status, contents(sandbox.root)) == (0, after)
    assert again.out.splitlines()[-1].startswith("0 policies and 0 markers written; 1 image without a proposal")


def test_policies_are_added_to_those_that_are_there(sandbox: Sandbox) -> None:
    sandbox.run("init", "--write")
    sandbox.write("new.yaml", f"{POD}ghcr.io/other/web:2.0.0\n")
    assert sandbox.run("init", "--write").status == 0
    added = POLICIES[: POLICIES.index("    - name: api")].replace("name: images", "name: images-other-web")
    added += "    - name: other-web\n      image: ghcr.io/other/web\n      semver: {range: 2.x}\n"
    assert sandbox.text("image-policies.yaml") == f"{POLICIES}---\n{added}"
    assert sandbox.run("lint", "--strict", "--disable", "untagged-image").status == 0


def test_beside_flux_it_writes_resources_of_flux(sandbox: Sandbox) -> None:
    for name in FILES:
        (sandbox.root / name).unlink()
    sandbox.write("web.yaml", FILES["pod.yaml"])
    sandbox.write("db.yaml", f"{POD}ghcr.io/org/db:16.1\n")
    flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec: {path: ./}\n"
    sandbox.write("flux.yaml", flux)
    assert sandbox.run("init", "--write", "--file", "flux/policies.yaml").status == 2
    assert sandbox.run("init", "--write", "--namespace", "apps").status == 0
    text = sandbox.text("image-policies.yaml")
    first, *_ = text.split("---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n")
    assert (
        first
        == """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata:
  name: db
  namespace: apps
spec:
  image: ghcr.io/org/db
  interval: 10m
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: db
  namespace: apps
spec:
  imageRepositoryRef:
    name: db
  filterTags:
    pattern: '^(?P<version>[0-9]+\\.[0-9]+)$'
    extract: '${version}.0'
  policy:
    semver: {range: 16.x}
"""
    )
    assert sandbox.run("lint", "--strict").status == 0


def test_an_image_with_several_tags_gets_no_policy_and_no_marker(sandbox: Sandbox) -> None:
    sandbox.write("staging.yaml", f"{POD}ghcr.io/org/web:2.0.0\n")
    ran = sandbox.run("init", "pod.yaml", "staging.yaml")
    assert ran.out.splitlines()[0].split("no policy: ")[1] == (
        "it is used as 1.4.0, 2.0.0, and one policy would give all of them one tag; write one for each"
    )
    assert "@@" not in ran.out


def test_an_image_whose_policy_is_there_gets_its_marker_only(sandbox: Sandbox) -> None:
    sandbox.write("setter.yaml", POLICIES.replace("semver: {range: 1.x}", "semver: {range: 1.4.x}"))
    assert sandbox.run("init", "--write", "pod.yaml").out.startswith("0 policies and 1 marker written")
    assert sandbox.text("pod.yaml").endswith('1.4.0 # {"$imagepolicy": "flux-system:web"}\n')
    assert not (sandbox.root / "image-policies.yaml").exists()


def test_a_policy_file_that_exists_and_is_no_yaml_is_not_touched(sandbox: Sandbox) -> None:
    sandbox.write("image-policies.yaml", "a: b: c\n")
    ran = sandbox.run("init", "--write")
    assert (ran.status, sandbox.text("pod.yaml")) == (1, FILES["pod.yaml"])
    assert "image-policies.yaml" in ran.err


def test_its_json_document_is_as_its_schema_says(sandbox: Sandbox) -> None:
    document = json.loads(sandbox.run("init", "--output", "json").out)
    Draft202012Validator(schema_of("InitReport")).validate(document)
    assert (document["written"], document["policyFile"], len(document["suggestions"])) == (
        False,
        "image-policies.yaml",
        8,
    )
