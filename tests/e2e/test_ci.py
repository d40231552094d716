"""The shell of docs/ci.md and action.yml, run in a clone of a bare repository; what only the vendor has is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Done, Stage
from imagesetter.text.load import load_all
from tools import CHECKOUT, require_tool

PAGE = (CHECKOUT / "docs" / "ci.md").read_text(encoding="utf-8")


def documents(title: str) -> list[Any]:
    """The YAML documents of the page's file of that name."""
    match = re.search(rf'^```yaml title="{re.escape(title)}"\n(.*?)^```', PAGE, re.M | re.S)
    assert match, title
    return [document for document, _ in load_all(match[1], name=title)]


@pytest.fixture
def clone(stage: Stage) -> Path:
    """A clone of a bare repository that holds the Flux example."""
    require_tool("git")
    folder = stage.example("flux-repository")
    stage.shell("git init -q && git add . && git commit -qm before && git clone -q --bare . ../origin.git", cwd=folder)
    stage.shell("git -C ../origin.git config receive.advertisePushOptions true", cwd=folder)
    stage.shell("git clone -q origin.git clone", cwd=stage.root)
    return stage.root / "clone"


def changed_in(stage: Stage, branch: str) -> str:
    done = stage.shell(
        f"git diff --stat main {branch} && git show {branch}:kustomize/deployment.yaml", cwd=stage.root / "origin.git"
    )
    assert done.status == 0, str(done)
    return done.stdout


def run_action(stage: Stage, clone: Path, **variables: str) -> tuple[Done, dict[str, str], str]:
    """The action's own step, with the runner's files; its outputs, and the job's summary."""
    (action,) = (data for data, _ in load_all((CHECKOUT / "action.yml").read_text(encoding="utf-8")))
    assert isinstance(action, dict)
    (step,) = (step for step in action["runs"]["steps"] if step.get("id") == "update")
    assert set(step["env"]) == {"PATHS", "ARGS", "CHECK"}
    runner = stage.root / "runner"
    (runner / "imagesetter").mkdir(parents=True, exist_ok=True)
    stage.shell('mkdir -p imagesetter/bin && ln -sf "$(command -v imagesetter)" imagesetter/bin/', cwd=runner)
    output, summary = runner / "output", runner / "summary"
    for path in (output, summary):
        path.write_text("")
    files = {"RUNNER_TEMP": str(runner), "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    given = {"PATHS": ".", "ARGS": "", "CHECK": "false", **variables}
    done = stage.run("bash", "-eo", "pipefail", "-c", step["run"], cwd=clone, **files, **given)
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
    return done, outputs, summary.read_text()


def test_the_action_updates_and_says_so(stage: Stage, clone: Path) -> None:
    done, outputs, summary = run_action(stage, clone, ARGS="--links", PATHS="clusters kustomize")
    assert done.status == 0, str(done)
    assert outputs["changed"] == "true"
    assert summary == Path(outputs["report"]).read_text()
    assert summary.startswith("### 1 image updated")
    again, outputs, _ = run_action(stage, clone)
    assert (again.status, outputs["changed"]) == (0, "false")


def test_the_action_as_a_gate_fails_and_writes_nothing(stage: Stage, clone: Path) -> None:
    done, outputs, summary = run_action(stage, clone, CHECK="true")
    assert (done.status, outputs["changed"]) == (1, "true"), str(done)
    assert summary.startswith("### 1 image to update")
    assert stage.shell("git diff --quiet", cwd=clone).status == 0


def test_the_github_workflow_opens_a_request_and_renews_it(stage: Stage, clone: Path) -> None:
    (workflow,) = documents(".github/workflows/images.yml")
    steps = workflow["jobs"]["update"]["steps"]
    (request,) = (step for step in steps if step.get("name") == "request")
    (uses,) = (step for step in steps if step.get("id") == "images")
    done, outputs, _ = run_action(stage, clone, ARGS=uses["with"]["args"], PATHS="kustomize")
    assert outputs.get("changed") == "true", str(done)
    gh = stage.root / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\necho "gh $*"\n[ "$2" = edit ] || mkdir "$0.opened"\n')  # creates one request only
    gh.chmod(0o755)
    variables = {"GROUP": "production", "BASE": "main", "REPORT": outputs["report"]}
    path = f"{gh.parent}:{stage.environment['PATH']}"
    first = stage.run("bash", "-eo", "pipefail", "-c", request["run"], cwd=clone, PATH=path, **variables)
    assert first.status == 0, str(first)
    assert "gh pr create --base main --head images/production --title Update images of production" in first.stdout
    assert "+          image: " in stage.shell("git show images/production", cwd=stage.root / "origin.git").stdout
    assert ":1.0.10 #" in changed_in(stage, "images/production")
    stage.shell("git switch -q main", cwd=clone)
    run_action(stage, clone, PATHS="kustomize")
    second = stage.run("bash", "-eo", "pipefail", "-c", request["run"], cwd=clone, PATH=path, **variables)
    assert (second.status, "gh pr edit images/production" in second.stdout) == (0, True), str(second)


def test_the_gitlab_component_pushes_with_a_merge_request(stage: Stage, clone: Path) -> None:
    spec, jobs = documents("templates/images.yml")
    assert set(spec["spec"]["inputs"]) == {"paths", "group"}
    hook = stage.root / "origin.git" / "hooks" / "pre-receive"
    hook.write_text('#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION_ | sort > "$GIT_DIR/options"\n')
    hook.chmod(0o755)
    script = "\n".join(jobs["images"]["script"])
    variables = {"IMAGES_PATHS": ".", "IMAGES_GROUP": "all", "CI_DEFAULT_BRANCH": "main"}
    done = stage.run("bash", "-eo", "pipefail", "-c", script, cwd=clone, **variables)
    assert done.status == 0, str(done)
    assert ":1.0.10 #" in changed_in(stage, "images/all")
    options = (stage.root / "origin.git" / "options").read_text()
    assert "merge_request.create" in options
    assert "merge_request.target=main" in options
    assert (clone / "images.md").read_text().startswith("### 1 image updated")


def test_the_tekton_task_pushes_a_branch(stage: Stage, clone: Path) -> None:
    (task,) = documents("task.yaml")
    (step,) = task["spec"]["steps"]
    values = {each["name"]: each["default"] for each in task["spec"]["params"]}
    variables = {each["name"]: values[each["value"][len("$(params.") : -1]] for each in step["env"]}
    script = stage.root / "script"
    script.write_text(step["script"])
    script.chmod(0o755)
    done = stage.run(str(script), cwd=clone, **variables)
    assert done.status == 0, str(done)
    assert ":1.0.10 #" in changed_in(stage, "images")


def test_what_a_pull_request_has_to_pass_needs_no_registry(stage: Stage, clone: Path) -> None:
    assert stage.run("imagesetter", "lock", cwd=clone).status == 0
    assert stage.run("imagesetter", "update", "--from", "lock", cwd=clone).status == 0
    section = PAGE.partition("## Without a network")[2].partition("```sh\n")[2].partition("```")[0]
    for line in section.splitlines():
        if line != "imagesetter test":  # the example has none
            done = stage.run(
                "bash", "-c", line, cwd=clone, HTTPS_PROXY="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1"
            )
            assert done.status == 0, str(done)
