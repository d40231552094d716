"""The shell of docs/ci.md and action.yml, run in a clone of a bare repository; what only the vendor has is left out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Done, Stage
from krm_functions.yaml.load import load_all
from support.forges import REPOSITORY, TOKEN, FakeForge, run_forge
from support.git_servers import GitHttp, run_git_http
from tools import CHECKOUT, require_tool

PAGE = (CHECKOUT / "docs" / "ci.md").read_text(encoding="utf-8")


def block(title: str) -> str:
    """The page's file of that name."""
    match = re.search(rf'^```yaml title="{re.escape(title)}"\n(.*?)^```', PAGE, re.M | re.S)
    assert match, title
    return match[1]


def documents(title: str) -> list[Any]:
    """The YAML documents of the page's file of that name."""
    return [document for document, _ in load_all(block(title), name=title)]


@pytest.fixture
def clone(stage: Stage) -> Path:
    """A clone of a bare repository that holds the Flux example."""
    require_tool("git")
    folder = stage.example("flux-repository")
    stage.shell("git init -q && git add . && git commit -qm before && git clone -q --bare . ../origin.git", cwd=folder)
    stage.shell("git clone -q origin.git clone", cwd=stage.root)
    return stage.root / "clone"


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


def test_the_action_runs_nothing_of_the_checkout(without_index: None, stage: Stage, clone: Path) -> None:
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


@dataclass(frozen=True)
class Hosted:
    """The example with the automation of the page on a forge, and jobs of its CI in clones of their own."""

    stage: Stage
    forge: FakeForge
    server: GitHttp

    @property
    def clone(self) -> Path:
        return self.stage.root / "job"

    def git(self, *arguments: str) -> str:
        done = self.stage.run("git", *arguments, cwd=self.stage.root / "origin.git")
        assert done.status == 0, str(done)
        return done.stdout

    def check_out(self) -> None:
        """A shallow, detached clone, as runners make them."""
        url = self.server.url(f"{REPOSITORY}.git")
        line = f"rm -rf job && git clone -q --depth 1 --branch main {url} job && git -C job checkout -q --detach"
        assert self.stage.shell(line, cwd=self.stage.root).status == 0

    def run(self, script: str, **variables: str) -> Done:
        """A job in a new clone; pip is there already."""
        self.check_out()
        pip = self.stage.root / "bin" / "pip"
        pip.parent.mkdir(exist_ok=True)
        wanted = "install --quiet imagesetter[re2] @ git+https://github.com/imagesetter/imagesetter"
        pip.write_text(f'#!/bin/sh\n[ "$*" = "{wanted}" ]\n')
        pip.chmod(0o755)
        done = self.stage.run(
            "bash", "-eo", "pipefail", "-c", script, cwd=self.clone,
            PATH=f"{pip.parent}:{self.stage.environment['PATH']}",
            IMAGESETTER_FORGE=f"{self.forge.kind}={self.forge.api}",
            **variables,
        )  # fmt: skip
        assert done.status == 0, str(done)
        return done

    def pushes(self) -> list[str]:
        """What was pushed: a line for each ref that a push moved."""
        log = self.stage.root / "origin.git" / "pushes"
        return log.read_text().splitlines() if log.exists() else []

    def commit_to_main(self) -> None:
        """Somebody else's commit on the base, which the next run starts from."""
        tree = self.git("rev-parse", "main^{tree}").strip()
        made = self.git("commit-tree", "-p", "main", "-m", "other", tree).strip()
        self.git("update-ref", "refs/heads/main", made)


@pytest.fixture
def hosted(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Hosted]:
    require_tool("git")
    folder = stage.example("flux-repository")
    policies = folder / "clusters" / "image-automation.yaml"
    policies.write_text(policies.read_text().rpartition("---\n")[0])
    (folder / "images").mkdir()
    (folder / "images/automation.yaml").write_text(block("images/automation.yaml"))
    stage.shell("git init -q && git add . && git commit -qm before && git clone -q --bare . ../origin.git", cwd=folder)
    hook = stage.root / "origin.git" / "hooks" / "update"
    hook.write_text('#!/bin/sh\necho "$1" >> "$GIT_DIR/pushes"\n')
    hook.chmod(0o755)
    served = stage.root / "served" / f"{REPOSITORY}.git"
    served.parent.mkdir(parents=True)
    served.symlink_to(stage.root / "origin.git")
    with run_forge(request.param) as forge, run_git_http(stage.root / "served") as server:
        yield Hosted(stage, forge, server)


def keeps_one_request(hosted: Hosted, run: Callable[[], Done]) -> None:
    """A job opens a request, and the next one pushes nothing."""
    assert "request #1 of images: created" in run().stdout
    (request,) = hosted.forge.requests
    assert (request.branch, request.base, request.labels) == ("images", "main", ["images"])
    assert request.body.startswith("### 1 image updated")
    assert ":1.0.10 #" in hosted.git("show", "images:kustomize/deployment.yaml")
    assert "request #1 of images: unchanged" in run().stdout
    assert hosted.pushes() == ["refs/heads/images"], "the same change was pushed again"


@pytest.mark.parametrize("hosted", ["github", "gitea"], indirect=True)
def test_the_workflow_keeps_one_request_on_github_and_on_forgejo(hosted: Hosted) -> None:
    (workflow,) = documents(".github/workflows/images.yml")
    job = workflow["jobs"]["update"]
    assert job["permissions"] == {"contents": "write", "pull-requests": "write"}
    checkout, step = job["steps"]
    assert checkout["with"] == {"persist-credentials": True}
    assert step["env"] == {"GITHUB_TOKEN": "${{ github.token }}"}
    variables = {"GITHUB_TOKEN": TOKEN, "GITHUB_REF": "refs/heads/main"}
    keeps_one_request(hosted, lambda: hosted.run(step["run"], **variables))
    if hosted.forge.kind == "github":  # the others differ in their API only
        hosted.commit_to_main()
        hosted.run(step["run"], **variables)
        assert hosted.pushes() == ["refs/heads/images"] * 2
        assert hosted.git("rev-parse", "images^") == hosted.git("rev-parse", "main")
        assert [each.state for each in hosted.forge.requests] == ["open"]


@pytest.mark.parametrize("hosted", ["gitlab"], indirect=True)
def test_the_job_keeps_one_request_on_gitlab(hosted: Hosted) -> None:
    (jobs,) = documents(".gitlab-ci.yml")
    script = "\n".join(jobs["images"]["script"])
    # What a server of its own would serve at that URL.
    hosted.stage.shell(
        f"git config --global url.{hosted.server.url('')}.insteadOf https://images:{TOKEN}@127.0.0.1/",
        cwd=hosted.stage.root,
    )
    variables = {"CI_SERVER_HOST": "127.0.0.1", "CI_PROJECT_PATH": REPOSITORY, "CI_COMMIT_BRANCH": "main"}
    keeps_one_request(hosted, lambda: hosted.run(script, GITLAB_TOKEN=TOKEN, **variables))


@pytest.mark.parametrize("hosted", ["gitea"], indirect=True)
def test_the_tekton_task_pushes_a_branch(hosted: Hosted) -> None:
    (task,) = documents("task.yaml")
    (step,) = task["spec"]["steps"]
    values = {each["name"]: each["default"] for each in task["spec"]["params"]}
    variables = {each["name"]: values[each["value"][len("$(params.") : -1]] for each in step["env"]}
    script = hosted.stage.root / "script"
    script.write_text(step["script"])
    script.chmod(0o755)

    def run() -> None:
        hosted.run(str(script), **variables)

    run()
    assert ":1.0.10 #" in hosted.git("show", "images:kustomize/deployment.yaml")
    run()
    assert hosted.pushes() == ["refs/heads/images"], "the same change was pushed again"
    assert hosted.forge.written == []


def test_what_a_pull_request_has_to_pass_needs_no_registry(stage: Stage, clone: Path) -> None:
    assert stage.here("lock", cwd=clone).status == 0
    assert stage.here("update", "--from", "lock", cwd=clone).status == 0
    section = PAGE.partition("## Without a network")[2].partition("```sh\n")[2].partition("```")[0]
    for line in section.splitlines():
        if line != "imagesetter test":  # the example has none
            done = stage.run(
                "bash", "-c", line, cwd=clone, HTTPS_PROXY="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1"
            )
            assert done.status == 0, str(done)
