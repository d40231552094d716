"""The shell of docs/ci.md and action.yml, run in a clone of a bare repository; what only the vendor has is left out."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Done, Stage
from krm_functions.yaml.load import load_all
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
    hook = stage.root / "origin.git" / "hooks" / "update"
    hook.write_text('#!/bin/sh\necho "$1" >> "$GIT_DIR/pushes"\n')
    hook.chmod(0o755)
    stage.shell("git clone -q origin.git clone", cwd=stage.root)
    return stage.root / "clone"


def changed_in(stage: Stage, branch: str) -> str:
    done = stage.shell(
        f"git diff --stat main {branch} && git show {branch}:kustomize/deployment.yaml", cwd=stage.root / "origin.git"
    )
    assert done.status == 0, str(done)
    return done.stdout


def action_step(name: str) -> dict[str, Any]:
    """A step of the action, by its name."""
    (action,) = (data for data, _ in load_all((CHECKOUT / "action.yml").read_text(encoding="utf-8")))
    assert isinstance(action, dict)
    (step,) = (step for step in action["runs"]["steps"] if step.get("name") == name)
    assert isinstance(step, dict)
    return step


def run_step(stage: Stage, clone: Path, step: dict[str, Any], **variables: str) -> Done:
    """A step of the action as the runner starts it, in a checkout."""
    assert step["shell"] == "bash"
    assert set(step["env"]) <= set(variables)
    files = {"RUNNER_TEMP": str(stage.root / "runner"), "GITHUB_ACTION_PATH": str(CHECKOUT)}
    bash = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"])
    return stage.run(*bash, cwd=clone, **files, **variables)


def run_action(stage: Stage, clone: Path, **variables: str) -> tuple[Done, dict[str, str], str]:
    """The action's own step in the environment that runs the tests; its outputs, and the job's summary."""
    runner = stage.root / "runner"
    runner.mkdir(exist_ok=True)
    if not (runner / "imagesetter").exists():
        (runner / "imagesetter").symlink_to(Path(sys.executable).parent.parent)
    output, summary = runner / "output", runner / "summary"
    for path in (output, summary):
        path.write_text("")
    files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
    given = {"PATHS": ".", "ARGS": "", "CHECK": "false", **variables}
    done = run_step(stage, clone, action_step("update"), **files, **given)
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


def test_every_line_of_the_inputs_counts(stage: Stage, clone: Path) -> None:
    (clone / "a folder").mkdir()
    (clone / "kustomize/deployment.yaml").rename(clone / "a folder/deployment.yaml")
    paths = 'clusters\n"a folder"\n'
    done, outputs, _ = run_action(stage, clone, PATHS=paths, ARGS="--quiet\n--check\n--exclude '*.tmp'\n")
    assert (done.status, outputs["changed"]) == (1, "true"), str(done)
    assert stage.shell("git diff --quiet -- clusters", cwd=clone).status == 0
    assert ":1.0.0 #" in (clone / "a folder/deployment.yaml").read_text()
    done, outputs, summary = run_action(stage, clone, PATHS=paths)
    assert (done.status, outputs["changed"]) == (0, "true"), str(done)
    assert "a folder/deployment.yaml" in summary


@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"PATHS": 'clusters\n"kustomize'}, "cannot be read: No closing quotation\n  where: input paths\n"),
        ({"ARGS": "--exclude 'a"}, "cannot be read: No closing quotation\n  where: input args\n"),
        ({"CHECK": "yes"}, "'yes' is neither true nor false\n  where: input check\n"),
        ({"ARGS": "--chek"}, "unknown option '--chek'"),
    ],
    ids=["an open quote", "an open quote in args", "neither true nor false", "an unknown option"],
)
def test_an_input_that_cannot_be_read_stops_the_action(
    stage: Stage, clone: Path, variables: dict[str, str], error: str
) -> None:
    run_action(stage, clone, CHECK="true")  # whose report must not be taken for the next one's
    done, outputs, summary = run_action(stage, clone, **variables)
    assert (done.status, outputs, summary) == (2, {}, "")
    assert error in done.stderr
    assert stage.shell("git diff --quiet", cwd=clone).status == 0


MODULES = (
    "json",
    "shlex",
    "subprocess",
    "venv",
    "ensurepip",
    "pip",
    "hatchling",
    "imagesetter",
    "sitecustomize",
    "click",
)


def test_the_action_runs_nothing_of_the_checkout(stage: Stage, clone: Path) -> None:
    """Both of its steps, for real, in a pull request that brings modules and settings of its own."""
    witness = stage.root / "witness"
    code = f"open({str(witness)!r}, 'a').write(__name__)\n"
    for name in MODULES:
        (clone / f"{name}.py").write_text(code)
        (clone / name).mkdir()
        (clone / name / "__init__.py").write_text(code)
        (clone / name / "__main__.py").write_text(code)
    (clone / "setup.py").write_text(code)
    for name in ("pip.conf", ".pydistutils.cfg", "setup.cfg"):
        (clone / name).write_text("[global]\nindex-url = http://127.0.0.1:1/\n[install]\nprefix = /nowhere\n")
    (clone / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "json"\nbackend-path = ["."]\n'
    )
    (stage.root / "runner").mkdir()
    hostile = {"PYTHONPATH": ".", "PYTHONSTARTUP": "json.py"}
    done = run_step(stage, clone, action_step("install"), INTERPRETER=sys.executable, **hostile)
    assert done.status == 0, str(done)
    installed = stage.root / "runner" / "imagesetter"
    assert not installed.is_symlink()
    done, outputs, _ = run_action(stage, clone, CHECK="true", PATHS="clusters kustomize", **hostile)
    assert (done.status, outputs["changed"]) == (1, "true"), str(done)
    assert not witness.exists(), witness.read_text()


def test_what_the_action_installs_is_hashed(stage: Stage, clone: Path) -> None:
    """A wheel other than the pinned one is refused: here pip is a program that says what it was asked for."""
    runner, log = stage.root / "runner", stage.root / "log"
    interpreter = stage.root / "interpreter"
    interpreter.write_text(
        f'#!/bin/sh\necho "$@" >> "{log}"\nmkdir -p imagesetter/bin\nln -sf "{interpreter}" imagesetter/bin/python\n'
    )
    interpreter.chmod(0o755)
    runner.mkdir()
    done = run_step(stage, clone, action_step("install"), INTERPRETER=str(interpreter))
    assert done.status == 0, str(done)
    made, requirements, package, _ = log.read_text().splitlines()
    assert made.startswith("-I -m venv ")
    files = " ".join(f"-r {CHECKOUT}/requirements/{name}.txt" for name in ("build", "runtime"))
    assert requirements.endswith(f" install --no-deps --only-binary :all: --require-hashes {files}")
    assert package.endswith(f" install --no-deps --no-build-isolation {CHECKOUT}")


def pushes(stage: Stage) -> str:
    """What was pushed to the bare repository: one line for each ref that a push moved."""
    log = stage.root / "origin.git" / "pushes"
    return log.read_text() if log.exists() else ""


def commit_to_main(stage: Stage, clone: Path) -> None:
    """Somebody else's commit on the base, which the next run starts from."""
    line = "git switch -q main && git commit -q --allow-empty -m other && git push -q origin main"
    assert stage.shell(line, cwd=clone).status == 0


def next_run(stage: Stage, clone: Path) -> None:
    """A later job: a shallow clone of its own, as runners make them."""
    line = f"rm -rf {clone} && git clone -q --depth 1 --branch main file://{stage.root}/origin.git {clone}"
    assert stage.shell(line, cwd=stage.root).status == 0


def test_the_github_workflow_opens_a_request_and_renews_it(stage: Stage, clone: Path) -> None:
    (workflow,) = documents(".github/workflows/images.yml")
    job = workflow["jobs"]["update"]
    assert job["permissions"] == {"contents": "write", "pull-requests": "write", "packages": "read"}
    (request,) = (step for step in job["steps"] if step.get("name") == "request")
    (uses,) = (step for step in job["steps"] if step.get("id") == "images")
    gh = stage.root / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\necho "gh $*"\n[ "$2" = edit ] || mkdir "$0.opened"\n')  # creates one request only
    gh.chmod(0o755)
    path = f"{gh.parent}:{stage.environment['PATH']}"

    def run() -> Done:
        done, outputs, _ = run_action(stage, clone, ARGS=uses["with"]["args"], PATHS="kustomize")
        assert outputs.get("changed") == "true", str(done)
        variables = {"GROUP": "production", "BASE": "main", "REPORT": outputs["report"]}
        done = stage.run("bash", "-eo", "pipefail", "-c", request["run"], cwd=clone, PATH=path, **variables)
        assert done.status == 0, str(done)
        return done

    opened = "gh pr create --base main --head images/production --title Update images of production"
    assert opened in run().stdout
    assert "+          image: " in stage.shell("git show images/production", cwd=stage.root / "origin.git").stdout
    assert ":1.0.10 #" in changed_in(stage, "images/production")
    assert pushes(stage) == "refs/heads/images/production\n"
    next_run(stage, clone)
    assert "gh pr edit images/production" in run().stdout
    assert pushes(stage) == "refs/heads/images/production\n", "the same change was pushed again"
    commit_to_main(stage, clone)
    next_run(stage, clone)
    run()
    assert pushes(stage).splitlines()[1:] == ["refs/heads/main", "refs/heads/images/production"]


def test_the_gitlab_component_pushes_with_a_merge_request(stage: Stage, clone: Path) -> None:
    spec, jobs = documents("templates/images.yml")
    assert set(spec["spec"]["inputs"]) == {"paths", "group"}
    hook = stage.root / "origin.git" / "hooks" / "pre-receive"
    hook.write_text('#!/bin/sh\nenv | grep ^GIT_PUSH_OPTION_ | sort > "$GIT_DIR/options"\n')
    hook.chmod(0o755)
    script = "\n".join(jobs["images"]["script"])
    variables = {"IMAGES_PATHS": ".", "IMAGES_GROUP": "all", "CI_DEFAULT_BRANCH": "main"}

    def run() -> None:
        done = stage.run("bash", "-eo", "pipefail", "-c", script, cwd=clone, **variables)
        assert done.status == 0, str(done)

    run()
    assert ":1.0.10 #" in changed_in(stage, "images/all")
    options = (stage.root / "origin.git" / "options").read_text()
    assert "merge_request.create" in options
    assert "merge_request.target=main" in options
    assert (clone / "images.md").read_text().startswith("### 1 image updated")
    next_run(stage, clone)
    run()
    assert pushes(stage) == "refs/heads/images/all\n", "the same change was pushed again"
    commit_to_main(stage, clone)
    next_run(stage, clone)
    run()
    assert pushes(stage).splitlines()[1:] == ["refs/heads/main", "refs/heads/images/all"]


def test_the_tekton_task_pushes_a_branch(stage: Stage, clone: Path) -> None:
    (task,) = documents("task.yaml")
    (step,) = task["spec"]["steps"]
    values = {each["name"]: each["default"] for each in task["spec"]["params"]}
    variables = {each["name"]: values[each["value"][len("$(params.") : -1]] for each in step["env"]}
    script = stage.root / "script"
    script.write_text(step["script"])
    script.chmod(0o755)

    def run() -> None:
        done = stage.run(str(script), cwd=clone, **variables)
        assert done.status == 0, str(done)

    run()
    assert ":1.0.10 #" in changed_in(stage, "images")
    next_run(stage, clone)
    run()
    assert pushes(stage) == "refs/heads/images\n", "the same change was pushed again"
    commit_to_main(stage, clone)
    next_run(stage, clone)
    run()
    assert pushes(stage).splitlines()[1:] == ["refs/heads/main", "refs/heads/images"]


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
