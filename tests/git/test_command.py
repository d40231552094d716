"""The main job: Flux's classic example on a real bare remote and a real registry, by the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from e2e.conftest import Stage
from git.conftest import Repository
from imagesetter.cli.schemas.kinds import schema_of

MESSAGE = "Update image to {host}/my-app:1.0.10\n"
AUTOMATION = "clusters/image-automation.yaml"


def fleet(stage: Stage, *, version: str = "v1", clone: bool = False, edit: tuple[str, str] = ("", "")) -> Repository:
    """The example in a bare repository, and a checkout of it."""
    remote = Repository(stage.root / "remote.git", stage.root / "somebody")
    stage.shell("git init -q --bare -b main remote.git", cwd=stage.root)
    example = stage.example("flux-repository")
    files = {str(path.relative_to(example)): path.read_text() for path in example.rglob("*.yaml")}
    text = files[AUTOMATION].replace("fluxcd.io/v1\n", f"fluxcd.io/{version}\n").replace(*edit)
    if clone:
        text += "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\n"
        text += "metadata: {name: flux-system, namespace: flux-system}\n"
        text += f'spec: {{interval: 1m, url: "{remote.url}"}}\n'
    remote.commit({**files, AUTOMATION: text}, message="begin")
    done = stage.shell("git clone -q remote.git checkout", cwd=stage.root)
    assert done.status == 0, str(done)
    return remote


def one_image(remote: Repository) -> None:
    """Leave the deployment one marked field, so that the diff is one line."""
    text = remote.file("kustomize/deployment.yaml")
    remote.commit({"kustomize/deployment.yaml": text.replace(' # {"$imagepolicy": "flux-system:my-app:tag"}', "")})


@pytest.mark.parametrize(
    ("version", "clone"),
    [("v1", True), ("v1", False), ("v1beta2", False), ("v1beta1", True)],
    ids=["clone", "checkout", "v1beta2 from a checkout", "v1beta1 from a clone"],
)
def test_the_classic_example_ends_in_one_pushed_commit(stage: Stage, version: str, *, clone: bool) -> None:
    remote = fleet(stage, version=version, clone=clone)
    one_image(remote)
    top = stage.root / "checkout"
    stage.run("git", "pull", "-q", cwd=top)
    done = stage.here("automate", cwd=top)
    assert (done.status, done.stderr) == (0, ""), str(done)
    short = remote.git("rev-parse", "--short=7", "main")
    assert done.stdout == f"flux-system:my-app: pushed {short} to main (1 field)\n"
    assert len(remote.subjects()) == 3
    header, _, message = (remote.git("cat-file", "commit", "main") + "\n").partition("\n\n")
    assert "author fluxbot <fluxbot@example.com> " in header
    assert "committer fluxbot <fluxbot@example.com> " in header
    assert message == MESSAGE.format(host=stage.host)
    assert remote.git("diff", "--numstat", "main~", "main") == "1\t1\tkustomize/deployment.yaml"
    assert f"image: {stage.host}/my-app:1.0.10 # " in remote.file("kustomize/deployment.yaml")
    again = stage.here("automate", cwd=top)
    assert (again.status, again.stdout) == (0, "flux-system:my-app: up to date\n")
    assert len(remote.subjects()) == 3


def test_a_dry_run_prints_message_and_diff(stage: Stage) -> None:
    remote = fleet(stage)
    done = stage.here("automate", "--dry-run", cwd=stage.root / "checkout")
    assert done.status == 0, str(done)
    head, _, diff = done.stdout.partition("diff --git")
    assert head == f"would push to main (2 fields):\n\n    {MESSAGE.format(host=stage.host)}\n"
    (stage.root / "p.patch").write_text(f"diff --git{diff}")
    assert stage.run("git", "apply", "--check", "../p.patch", cwd=stage.root / "checkout").status == 0
    assert remote.subjects() == ["begin"]


def test_json_tells_what_was_pushed(stage: Stage) -> None:
    remote = fleet(stage)
    done = stage.here("automate", "--output", "json", cwd=stage.root / "checkout")
    report = json.loads(done.stdout)
    Draft202012Validator(schema_of("AutomationReport")).validate(report)
    (run,) = report["automations"]
    (commit,) = run["commits"]
    assert (run["automation"], run["status"]) == ("flux-system:my-app", "pushed")
    assert (commit["hash"], commit["branch"]) == (remote.git("rev-parse", "main"), "main")
    assert commit["changes"][0] == {
        "policy": "flux-system:my-app",
        "file": "kustomize/deployment.yaml",
        "line": 16,
        "field": "spec.template.spec.containers[0].image",
        "old": f"{stage.host}/my-app:1.0.0",
        "new": f"{stage.host}/my-app:1.0.10",
    }


def test_one_failing_automation_does_not_stop_the_others(stage: Stage) -> None:
    remote = fleet(stage)
    text = remote.file(AUTOMATION)
    start = text.index("apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation")
    bad = text[start:].replace("name: my-app", "name: a-bad-one").replace("path: ./kustomize", "path: ../..")
    worse = bad.replace("a-bad-one", "a-worse-one").replace("      author:", "      nobody:")
    remote.commit({"clusters/others.yaml": f"{bad}---\n{worse}"})
    top = stage.root / "checkout"
    stage.run("git", "pull", "-q", cwd=top)
    done = stage.here("automate", cwd=top)
    assert done.status == 1
    assert "flux-system:a-bad-one: failed" in done.stdout
    assert "leaves the repository" in done.stderr
    assert "spec.git.commit.author: is required" in done.stderr
    assert "flux-system:my-app: pushed" in done.stdout
    only = stage.here("automate", "--automation", "my-app", cwd=top)
    assert (only.status, only.stdout) == (0, "flux-system:my-app: up to date\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "my-ap"], "ImagePolicy flux-system:my-ap was not found\n  where: --only\n  hint:  did you mean"),
        (["--automation", "nobody"], "unknown ImageUpdateAutomation flux-system:nobody"),
        (["kustomize"], "no ImageUpdateAutomation was found"),
        (["--branch", "x/{{ .Values.set }}"], "--per all makes one commit"),
        (["--git-timeout", "soon"], "--git-timeout"),
    ],
    ids=["unknown policy", "unknown automation", "none at all", "a template for one commit", "no duration"],
)
def test_wrong_usage_ends_in_2_and_says_what_to_do(stage: Stage, arguments: list[str], words: str) -> None:
    fleet(stage)
    done = stage.here("automate", *arguments, cwd=stage.root / "checkout")
    assert (done.status, words in done.stderr) == (2, True), str(done)


def test_policies_may_come_from_a_clusters_export(stage: Stage) -> None:
    remote = fleet(stage)
    text = remote.file(AUTOMATION)
    export = text.replace(
        "    semver:\n      range: 1.0.x\n",
        "    semver:\n      range: 1.0.x\nstatus:\n  latestRef: {name: x.example/my-app, tag: 9.9.9}\n",
    )
    (stage.root / "export.yaml").write_text(export)
    done = stage.here(*("automate", "--from", "status", "--policies", "../export.yaml"), cwd=stage.root / "checkout")
    assert done.status == 0, str(done)
    assert "image: x.example/my-app:9.9.9" in remote.file("kustomize/deployment.yaml")


def test_here_uses_the_checkout_although_a_git_repository_is_among_the_files(stage: Stage) -> None:
    remote = fleet(stage, clone=True)
    stage.run("git", "remote", "rename", "origin", "up", cwd=stage.root / "checkout")
    path = stage.root / "checkout" / AUTOMATION
    path.write_text(path.read_text().replace(remote.url, "https://127.0.0.1:9/x.git"))
    done = stage.here("automate", "--here", "--allow-dirty", cwd=stage.root / "checkout")
    assert done.status == 0, str(done)
    assert len(remote.subjects()) == 2


def test_git_missing_is_told(stage: Stage, tmp_path: Path) -> None:
    fleet(stage)
    scripts = tmp_path / "bin"
    scripts.mkdir()
    found = stage.run("which", "imagesetter").stdout.strip()
    done = stage.run(found, "automate", cwd=stage.root / "checkout", PATH=str(scripts))
    assert "git is not installed" in done.stderr


def test_a_shallow_checkout_of_a_ci_job_is_enough_and_gets_history_only_for_a_change(stage: Stage) -> None:
    remote = fleet(stage)
    remote.commit({"README": "more history"})
    stage.run("git", "clone", "-q", "--depth", "1", remote.url, "shallow")
    done = stage.here("automate", cwd=stage.root / "shallow")
    assert done.status == 0, str(done)
    assert len(remote.subjects()) == 3
    # Whoever set a field back is found in the history.
    assert stage.run("git", "rev-list", "--count", "HEAD", cwd=stage.root / "shallow").stdout == "3\n"
    stage.run("git", "clone", "-q", "--depth", "1", remote.url, "later")
    assert stage.here("automate", cwd=stage.root / "later").status == 0
    assert stage.run("git", "rev-list", "--count", "HEAD", cwd=stage.root / "later").stdout == "1\n"
    assert "1.0.10" in (stage.root / "shallow/kustomize/deployment.yaml").read_text()


def test_a_field_does_not_go_back_unless_that_is_allowed(stage: Stage) -> None:
    remote = fleet(stage)
    text = remote.file("kustomize/deployment.yaml").replace("1.0.0", "1.0.99")
    remote.commit({"kustomize/deployment.yaml": text})
    top = stage.root / "checkout"
    done = stage.here("automate", cwd=top)
    assert (done.status, done.stdout) == (0, "flux-system:my-app: up to date\n")
    assert "stays at 1.0.99" in done.stderr
    assert "kustomize/deployment.yaml:16" in done.stderr
    done = stage.here("automate", "--allow-downgrade", cwd=top)
    assert "pushed" in done.stdout
    assert "1.0.99" not in remote.file("kustomize/deployment.yaml")
