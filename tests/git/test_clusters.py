"""Several clusters in one repository: `automate` from its root runs each automation with the policies nearest to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, image, policy
from imagesetter.cli.main import main

TAGS = {"dev": "1.5.0", "prod": "1.0.9"}
RANGES = {"dev": "1.x", "prod": "1.0.x"}


def policies(cluster: str) -> str:
    status = f"status: {{latestRef: {{name: registry.example.com/web, tag: {TAGS[cluster]}}}}}\n"
    return policy("web").replace("range: 1.x", f"range: {RANGES[cluster]}") + status


def automation(cluster: str) -> str:
    return AUTOMATION.replace("./deploy", f"./apps/{cluster}")


class Fleet:
    """A remote with two clusters, and a checkout, which is the working directory."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench, self.remote = bench, bench.remote
        self.commit({f"clusters/{cluster}/policies.yaml": policies(cluster) for cluster in TAGS})
        self.commit({f"apps/{cluster}/web.yaml": image("web") for cluster in TAGS})
        bench.checkout()
        monkeypatch.chdir(bench.directory)

    def commit(self, files: dict[str, str]) -> None:
        self.remote.commit(files)

    def automate(self, *arguments: str) -> int:
        self.remote.git("pull", "-q", "--ff-only", cwd=self.bench.directory)
        return main(["automate", "--from", "status", *arguments])

    def tags(self, branch: str = "main") -> dict[str, str]:
        found = {cluster: self.remote.file(f"apps/{cluster}/web.yaml", branch) for cluster in TAGS}
        return {cluster: text.partition(":")[2].split()[0].partition(":")[2] for cluster, text in found.items()}


@pytest.fixture
def fleet(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    return Fleet(bench, monkeypatch)


def written(fleet: Fleet, patch: str = "") -> None:
    """The automations: one file each, or a base that each cluster patches."""
    if not patch:
        fleet.commit({f"clusters/{cluster}/auto.yaml": automation(cluster) for cluster in TAGS})
        return
    fleet.commit({"base/auto.yaml": AUTOMATION, "base/kustomization.yaml": "resources: [auto.yaml]\n"})
    for cluster in TAGS:
        kustomization = f"resources: [policies.yaml, ../../base]\npatches: [{{path: {patch}}}]\n"
        fleet.commit({f"clusters/{cluster}/kustomization.yaml": kustomization})


PATCH = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: auto, namespace: apps}
spec:
  sourceRef: {kind: GitRepository, name: fleet-CLUSTER}
  update: {path: ./apps/CLUSTER}
"""


@pytest.mark.parametrize("more", ["", "  interval: 10m\n"], ids=["a part of it", "all that it needs"])
def test_a_patch_of_an_automation_is_no_second_one(fleet: Fleet, more: str) -> None:
    written(fleet, "fleet.yaml")
    fleet.commit({f"clusters/{name}/fleet.yaml": PATCH.replace("CLUSTER", name) + more for name in TAGS})
    assert fleet.automate() == 0
    assert fleet.tags() == TAGS


def test_two_automations_of_one_name_are_two_and_a_second_run_pushes_nothing(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    written(fleet)
    assert fleet.automate() == 0
    assert fleet.tags() == TAGS
    capsys.readouterr()
    assert fleet.automate() == 0
    assert capsys.readouterr().out == (
        "apps:auto in clusters/dev: up to date\napps:auto in clusters/prod: up to date\n"
    )
    assert fleet.automate("--output", "json") == 0
    found = json.loads(capsys.readouterr().out)["automations"]
    assert [(run["automation"], run["folder"]) for run in found] == [
        ("apps:auto", "clusters/dev"), ("apps:auto", "clusters/prod"),
    ]  # fmt: skip


def test_of_two_clusters_the_path_chooses_one(fleet: Fleet) -> None:
    written(fleet)
    assert fleet.automate("clusters/prod") == 0
    assert fleet.tags() == {"dev": "1.0.0", "prod": "1.0.9"}


def test_equal_automations_that_work_on_different_repositories_are_two(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for cluster in TAGS:
        path = tmp_path / f"{cluster}.git"
        fleet.remote.git("clone", "-q", "--bare", str(fleet.remote.path), str(path), cwd=tmp_path)
        source = (
            "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
            f"metadata: {{name: fleet, namespace: apps}}\nspec: {{interval: 5m, url: '{path.as_uri()}'}}\n"
        )
        fleet.commit({f"clusters/{cluster}/auto.yaml": AUTOMATION + source})
    assert fleet.automate() == 0
    for cluster, tag in TAGS.items():
        path = tmp_path / f"{cluster}.git"
        assert fleet.remote.git("show", "main:deploy/web.yaml", cwd=path) + "\n" == image("web", tag)


def test_automations_of_one_push_branch_do_not_drop_each_others_commits(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    push = "    push: {branch: images}\n  update:"
    for cluster in TAGS:
        fleet.commit({f"clusters/{cluster}/auto.yaml": automation(cluster).replace("  update:", push)})
    for _ in range(2):
        assert fleet.automate() == 0
        assert fleet.tags("images") == TAGS
    head = fleet.remote.git("rev-parse", "images")
    assert "images is the push branch of several automations" in capsys.readouterr().err
    assert fleet.automate() == 0
    assert fleet.remote.git("rev-parse", "images") == head
    # squash-merged, with the branch kept: it starts over
    fleet.commit({f"apps/{cluster}/web.yaml": image("web", tag) for cluster, tag in TAGS.items()})
    fleet.commit({"clusters/dev/policies.yaml": policies("dev").replace("tag: 1.5.0", "tag: 1.6.0")})
    assert fleet.automate() == 0
    assert fleet.tags("images") == TAGS | {"dev": "1.6.0"}
    assert fleet.remote.git("rev-list", "--count", "main..images") == "1"


def test_two_automations_do_not_overwrite_a_branch_that_a_template_gives_both(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    written(fleet)
    given = ("--per", "image", "--branch", "images/{{ .Values.set }}")
    for _ in range(2):
        assert fleet.automate(*given) == 1
        assert "is already the one of apps:auto in clusters/dev in this run (--branch)" in capsys.readouterr().err
        assert fleet.tags("images/registry.example.com-web") == {"dev": "1.5.0", "prod": "1.0.0"}
    values = "      messageTemplateValues: {cluster: CLUSTER}\n"
    for cluster in TAGS:
        text = automation(cluster).replace("    commit:\n", f"    commit:\n{values.replace('CLUSTER', cluster)}")
        fleet.commit({f"clusters/{cluster}/auto.yaml": text})
    assert fleet.automate("--per", "image", "--branch", "{{ .Values.cluster }}/{{ .Values.set }}") == 0
    assert fleet.tags("prod/registry.example.com-web") == {"dev": "1.0.0", "prod": "1.0.9"}


def test_manifests_are_for_one_cluster_and_the_hint_names_the_paths(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    written(fleet)
    assert fleet.automate("--emit", "cronjob") == 2
    assert capsys.readouterr().err == (
        "error: there are 2 automations apps:auto, for a cluster each\n"
        "  where: imagesetter automate\n"
        "  hint:  name the folder of one of them as PATH: clusters/dev or clusters/prod\n"
    )
    assert fleet.automate("--emit", "cronjob", "clusters/prod") == 0


def test_a_variable_in_a_marker_has_the_value_that_update_gives_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = "status: {latestRef: {name: registry.example.com/web, tag: 1.0.1}}\n"
    marked = image("web").replace("apps:web", "apps:${name}")
    deployed = (
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "metadata: {name: apps, namespace: apps}\nspec: {path: ./deploy, postBuild: {substitute: {name: web}}}\n"
    )
    bench.remote.commit({"flux.yaml": AUTOMATION + policy("web") + status, "clusters/apps.yaml": deployed})
    bench.remote.commit({"deploy/web.yaml": marked, "deploy/deeper/web.yaml": marked})
    bench.checkout()
    monkeypatch.chdir(bench.directory)
    assert main(["update", "--from", "status", "--check", "-q"]) == 1
    assert main(["automate", "--from", "status", "-q"]) == 0
    assert capsys.readouterr().err == ""
    for name in ("deploy/web.yaml", "deploy/deeper/web.yaml"):
        assert bench.remote.file(name) == marked.replace("1.0.0", "1.0.1")


def test_a_variable_that_one_cluster_lacks_is_reported_with_that_cluster(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = AUTOMATION.replace("./deploy", "'./apps/${cluster}'").replace(
        "    commit:\n", '    commit:\n      messageTemplate: "to ${zone}"\n'
    )
    fleet.commit({"base/auto.yaml": shared, "base/kustomization.yaml": "resources: [auto.yaml]\n"})
    for cluster in TAGS:
        values = f"cluster: {cluster}" + (", zone: a" if cluster == "dev" else "")
        deployed = (
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: auto, namespace: apps}\n"
            f"spec: {{path: ./base, postBuild: {{substitute: {{{values}}}}}}}\n"
        )
        fleet.commit({f"clusters/{cluster}/auto.yaml": deployed})
    assert fleet.automate("-q") == 1
    assert fleet.tags() == {"dev": "1.5.0", "prod": "1.0.0"}
    assert capsys.readouterr().err == (
        "error: unresolved variable ${zone} in spec.git.commit.messageTemplate (ImageUpdateAutomation apps:auto of "
        "clusters/prod in base/auto.yaml:1); give its value with --substitute zone=VALUE or --substitute-from FILE\n"
    )


def test_an_automation_in_a_document_that_does_not_parse_is_looked_for_there(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.commit({"auto.yaml": AUTOMATION.replace("./deploy", "./apps/${cluster}")})
    assert fleet.automate() == 2
    assert "hint:  it may be in a document that does not parse: auto.yaml:11:26: " in capsys.readouterr().err
