"""Checkouts and repositories as people have them: an automation works there, or says why not, and harms nothing."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, image, leftovers
from git.test_run import error, with_push, without_checkout
from imagesetter.files.platform import FileLock
from imagesetter.git.ci_variables import ci_branch, run_url
from imagesetter.git.run import AutomationOptions

CRLF = image("web").replace("\n", "\r\n")


def status(bench: Bench, top: Path) -> str:
    return bench.remote.git("status", "--porcelain", "--branch", cwd=top)


def files(top: Path) -> set[str]:
    return {path.name for path in top.iterdir()} - {".git"}


# --- the user's checkout stays as its owner has it


@pytest.mark.parametrize("index", ["--no-sparse-index", "--sparse-index"])
def test_a_sparse_checkout_stays_sparse(bench: Bench, index: str) -> None:
    bench.remote.commit({"big/a.txt": "1", "mine/b.txt": "1"})
    top = bench.checkout()
    bench.remote.git("sparse-checkout", "set", "--cone", index, "mine", cwd=top)
    bench.remote.commit({"big/a.txt": "2", "mine/b.txt": "2"}, message="meanwhile")
    run = bench.run(clone=False)
    assert run.status == "pushed"
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert files(top) == {"mine"}
    assert (top / "mine/b.txt").read_text() == "2"
    assert status(bench, top) == "## main...origin/main"


@pytest.mark.parametrize("how", ["setting", "attributes"])
def test_a_checkout_with_the_other_line_ends_is_clean_and_keeps_them(bench: Bench, how: str) -> None:
    if how == "attributes":
        bench.remote.commit({".gitattributes": "*.yaml text eol=crlf\n"})
    top = bench.checkout()
    if how == "setting":
        bench.remote.git("config", "core.autocrlf", "true", cwd=top)
    for file in top.glob("deploy/*.yaml"):
        file.unlink()
    bench.remote.git("checkout", "--", ".", cwd=top)
    assert (top / "deploy/web.yaml").read_bytes() == CRLF.encode()
    # What git remembers of the files is made worthless, so that it has to read them.
    (top / ".git/index").unlink()
    bench.remote.git("reset", "-q", cwd=top)
    assert bench.run(clone=False).status == "pushed"
    assert (top / "deploy/web.yaml").read_bytes() == image("web", "1.0.1").replace("\n", "\r\n").encode()
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert status(bench, top) == "## main...origin/main"


def test_files_of_lfs_are_pointers_in_the_temporary_tree_and_files_in_the_users(bench: Bench, tmp_path: Path) -> None:
    bench.remote.commit({".gitattributes": "*.bin filter=lfs -text\n", "deploy/a.bin": "pointer"})
    top = bench.checkout()
    smudge = f'echo "$GIT_LFS_SKIP_SMUDGE" >> "{tmp_path}/smudged"; cat'
    bench.remote.git("config", "filter.lfs.smudge", smudge, cwd=top)
    bench.remote.git("config", "filter.lfs.clean", "cat", cwd=top)
    bench.remote.commit({"deploy/a.bin": "another"})
    assert bench.run(clone=False).status == "pushed"
    assert (tmp_path / "smudged").read_text() == "1\n\n"


def test_another_working_tree_that_is_away_for_now_is_not_forgotten(bench: Bench, tmp_path: Path) -> None:
    top = bench.checkout()
    stick = tmp_path / "stick"
    bench.remote.git("worktree", "add", "-q", "-b", "topic", str(stick), cwd=top)
    stick.rename(tmp_path / "away")
    assert bench.run(clone=False).status == "pushed"
    (tmp_path / "away").rename(stick)
    assert status(bench, stick) == "## topic"


def test_a_dry_run_moves_no_ref_and_leaves_none(bench: Bench) -> None:
    top = bench.checkout()
    bench.remote.commit({"other.txt": "x"}, message="meanwhile")
    before = bench.remote.git("for-each-ref", cwd=top)
    assert bench.run(clone=False, options=AutomationOptions(dry_run=True)).status == "would push"
    assert bench.remote.git("for-each-ref", cwd=top) == before


def test_hooks_see_only_the_push_and_in_the_users_directory(bench: Bench, tmp_path: Path) -> None:
    top = bench.checkout()
    names = ["commit-msg", "post-checkout", "post-commit", "post-merge", "pre-commit", "pre-push", "prepare-commit-msg"]
    for name in names:
        (top / ".git/hooks").mkdir(exist_ok=True)
        (top / ".git/hooks" / name).write_text(f'#!/bin/sh\necho "{name} $PWD" >> "{tmp_path}/ran"\n')
        (top / ".git/hooks" / name).chmod(0o755)
    assert bench.run(clone=False).status == "pushed"
    assert (tmp_path / "ran").read_text() == f"pre-push {top}\n"


def test_a_hook_that_stops_the_push_is_told_in_its_words(bench: Bench) -> None:
    top = bench.checkout()
    (top / ".git/hooks").mkdir(exist_ok=True)
    (top / ".git/hooks/pre-push").write_text("#!/bin/sh\necho 'lint: line 3'\nexit 1\n")
    (top / ".git/hooks/pre-push").chmod(0o755)
    message = error(bench.run(clone=False))
    assert "lint: line 3" in message
    assert "kept on the local branch imagesetter/apps-auto" in message
    assert bench.remote.subjects() == ["begin"]


# --- what is committed


def test_only_the_changed_line_is_committed_whatever_the_attributes_ask_for(bench: Bench) -> None:
    bench.remote.commit_in_clone({"deploy/web.yaml": "# a\r\n" + CRLF})
    bench.remote.git("config", "core.safecrlf", "false", cwd=bench.remote.scratch)
    # Line ends that were committed before somebody asked for others.
    (bench.remote.scratch / ".gitattributes").write_text("*.yaml text\n")
    bench.remote.git("add", ".gitattributes", cwd=bench.remote.scratch)
    bench.remote.git("commit", "-qm", "attributes", cwd=bench.remote.scratch)
    bench.remote.git("push", "-q", "origin", "HEAD:main", cwd=bench.remote.scratch)
    assert bench.run().status == "pushed"
    assert bench.remote.git("diff", "--numstat", "main~", "main") == "1\t1\tdeploy/web.yaml"
    assert bench.remote.git("cat-file", "-s", "main:deploy/web.yaml") == bench.remote.git(
        "cat-file", "-s", "main~:deploy/web.yaml"
    )


def test_an_identity_in_a_file_stays_as_it_was_committed(bench: Bench) -> None:
    text = "# $Id$\n" + image("web")
    bench.remote.commit({".gitattributes": "*.yaml ident\n", "deploy/web.yaml": text})
    assert bench.run().status == "pushed"
    assert bench.remote.file("deploy/web.yaml") == "# $Id$\n" + image("web", "1.0.1")


def test_the_mode_of_a_file_stays(bench: Bench) -> None:
    bench.remote.commit_in_clone({})
    path = bench.remote.scratch / "deploy/web.yaml"
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    bench.remote.commit_in_clone({})
    top = bench.checkout()
    bench.remote.git("config", "core.fileMode", "false", cwd=top)
    assert bench.run(clone=False).status == "pushed"
    assert bench.remote.git("ls-tree", "main", "deploy/web.yaml").startswith("100755 ")


def test_odd_names_of_files_and_folders_are_staged_and_shown_as_they_are(bench: Bench) -> None:
    name = "deploy/ä 'ö\"/wéb\n1 $x.yaml"
    bench.remote.commit({name: image("web")})
    top = bench.checkout().rename(bench.directory.with_name("pfad mit ü"))
    (top / name).write_text("x")
    odd = Bench(bench.remote, top)
    assert name in error(odd.run(clone=False))
    assert odd.run(clone=False, options=AutomationOptions(allow_dirty=True)).status == "pushed"
    assert bench.remote.file(name) == image("web", "1.0.1")


# --- where the checkout stands


BRANCH_VARIABLES = (
    "GITHUB_REF", "BUILD_SOURCEBRANCH", "CI_COMMIT_BRANCH", "BITBUCKET_BRANCH", "GIT_BRANCH", "BITBUCKET_PR_ID",
    "CHANGE_ID",
)  # fmt: skip


def test_a_detached_checkout_works_where_a_branch_is_named_and_says_so_where_none_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BRANCH_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    top = bench.checkout()
    bench.remote.git("checkout", "-q", "--detach", cwd=top)
    message = error(bench.run(without_checkout(), clone=False))
    hint = "the checkout is not on a branch, and no variable of a CI system names one: set spec.git.checkout.ref.branch"
    assert hint in message
    assert bench.run(clone=False).status == "pushed"
    assert (top / "deploy/web.yaml").read_text() == image("web")


def test_a_detached_checkout_of_a_ci_job_pushes_to_the_jobs_branch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BRANCH_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    bench.remote.commit({"README": "a branch of its own"}, branch="feature")
    top = bench.checkout("feature")
    bench.remote.git("checkout", "-q", "--detach", cwd=top)
    monkeypatch.setenv("CI_COMMIT_BRANCH", "feature")
    assert [commit.branch for commit in bench.run(without_checkout(), clone=False).commits] == ["feature"]


@pytest.mark.parametrize(
    ("environment", "branch"),
    [
        ({"GITHUB_REF": "refs/heads/a/b"}, "a/b"),
        ({"GITHUB_REF": "refs/pull/7/merge"}, ""),
        ({"GITHUB_REF": "refs/tags/v1"}, ""),
        ({"BUILD_SOURCEBRANCH": "refs/heads/main"}, "main"),
        ({"CI_COMMIT_BRANCH": "main"}, "main"),
        ({"BITBUCKET_BRANCH": "main"}, "main"),
        ({"BITBUCKET_BRANCH": "theirs", "BITBUCKET_PR_ID": "3"}, ""),
        ({"GIT_BRANCH": "origin/main"}, "main"),
        ({"GIT_BRANCH": "PR-3", "CHANGE_ID": "3"}, ""),
        ({}, ""),
    ],
    ids=[
        "GitHub",
        "a pull request",
        "a tag",
        "Azure",
        "GitLab",
        "Bitbucket",
        "its request",
        "Jenkins",
        "its change",
        "none",
    ],
)
def test_the_branch_that_a_ci_system_names(environment: dict[str, str], branch: str) -> None:
    assert ci_branch(environment) == branch


GITHUB = {"GITHUB_SERVER_URL": "https://hub", "GITHUB_REPOSITORY": "org/fleet", "GITHUB_RUN_ID": "7"}
AZURE = {"SYSTEM_COLLECTIONURI": "https://dev/org/", "SYSTEM_TEAMPROJECT": "fleet", "BUILD_BUILDID": "7"}
BITBUCKET = {"BITBUCKET_GIT_HTTP_ORIGIN": "https://bucket/org/fleet", "BITBUCKET_BUILD_NUMBER": "7"}


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (GITHUB, "https://hub/org/fleet/actions/runs/7"),
        ({"CI_JOB_URL": "https://lab/-/jobs/7"}, "https://lab/-/jobs/7"),
        (AZURE, "https://dev/org/fleet/_build/results?buildId=7"),
        (BITBUCKET, "https://bucket/org/fleet/pipelines/results/7"),
        ({"BUILD_URL": "https://jenkins/job/7/"}, "https://jenkins/job/7/"),
        ({"GITHUB_RUN_ID": "7"}, ""),
    ],
    ids=["GitHub", "GitLab", "Azure", "Bitbucket", "Jenkins", "a part of GitHub's"],
)
def test_the_page_of_a_ci_job(environment: dict[str, str], url: str) -> None:
    assert run_url(environment) == url


def test_of_several_remotes_the_one_counts_that_the_branch_follows(bench: Bench) -> None:
    top = bench.checkout()
    bench.remote.git("remote", "rename", "origin", "up", cwd=top)
    bench.remote.git("remote", "add", "fork", "https://127.0.0.1:9/fork.git", cwd=top)
    assert bench.run(clone=False).status == "pushed"
    bench.remote.git("branch", "--unset-upstream", cwd=top)
    message = error(bench.run(clone=False))
    assert "several remotes, and none is origin: fork, up" in message
    assert "--set-upstream-to" in message


def test_a_remote_whose_path_is_relative_is_one_from_the_top_of_the_checkout(bench: Bench) -> None:
    top = bench.checkout()
    bench.remote.git("remote", "set-url", "origin", "../remote.git", cwd=top)
    assert Bench(bench.remote, top / "deploy").run(clone=False).status == "pushed"
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")


@pytest.mark.parametrize("bare", [True, False], ids=["of a bare repository", "of another checkout"])
def test_a_linked_working_tree_is_a_checkout(bench: Bench, tmp_path: Path, *, bare: bool) -> None:
    home = tmp_path / "home.git"
    bench.remote.git("clone", "-q", *(["--bare"] if bare else []), str(bench.remote.path), str(home), cwd=tmp_path)
    if not bare:
        bench.remote.git("checkout", "-q", "--detach", cwd=home)
    bench.remote.git("worktree", "add", "-q", str(bench.directory), "main", cwd=home)
    assert bench.run(without_checkout(), clone=False).status == "pushed"
    assert (bench.directory / "deploy/web.yaml").read_text() == image("web", "1.0.1")
    assert len(bench.remote.git("worktree", "list", cwd=home).splitlines()) == 2


def test_a_submodule_is_a_checkout_and_a_path_into_one_is_refused(bench: Bench, tmp_path: Path) -> None:
    top = bench.checkout()
    bench.remote.git(
        *("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", bench.remote.url, "conf"), cwd=top
    )
    bench.remote.git("commit", "-qm", "a submodule", cwd=top)
    bench.remote.git("push", "-q", "origin", "HEAD:super", cwd=top)
    text = AUTOMATION.replace("branch: main", "branch: super")
    for path in ("conf", "conf/deploy"):
        message = error(bench.run(text.replace("./deploy", path)))
        assert f"'{path}' is in the submodule conf" in message
    assert "leaves the repository" in error(bench.run(text.replace("./deploy", "../conf")))
    assert Bench(bench.remote, top / "conf").run(clone=False).status == "pushed"
    assert (top / "conf/deploy/web.yaml").read_text() == image("web", "1.0.1")


def test_a_path_by_a_link_inside_the_repository_is_followed(bench: Bench) -> None:
    bench.remote.commit_in_clone({"environments/prod/web.yaml": image("web")})
    (bench.remote.scratch / "current").symlink_to("environments/prod")
    bench.remote.commit_in_clone({})
    template = "{{ range $file, $_ := .Changed.FileChanges }}{{ $file }}{{ end }}"
    text = AUTOMATION.replace("    commit:\n", f'    commit:\n      messageTemplate: "{template}"\n')
    run = bench.run(text.replace("./deploy", "./current"))
    assert run.status == "pushed", repr(run)
    assert bench.remote.file("environments/prod/web.yaml") == image("web", "1.0.1")
    assert run.commits[0].message == "web.yaml"


def test_a_checkout_that_git_does_not_trust_is_told_in_its_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    top = bench.checkout()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    message = error(bench.run(clone=False))
    assert f"detected dubious ownership in repository at '{top}'" in message
    assert f"git config --global --add safe.directory {top}" in message


def test_variables_that_point_git_elsewhere_are_not_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench.checkout()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG", "/dev/null")
    monkeypatch.setenv("GIT_ICASE_PATHSPECS", "1")
    (tmp_path / "nowhere").mkdir()
    assert "GIT_DIR is ignored" in error(Bench(bench.remote, tmp_path / "nowhere").run(clone=False))
    run = bench.run(clone=False)
    monkeypatch.undo()
    assert run.status == "pushed", repr(run)
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")


# --- the remote, and keys that are not there


def test_git_told_to_sign_without_a_key_is_an_error_that_says_which_setting(bench: Bench) -> None:
    top = bench.checkout()
    bench.remote.git("config", "commit.gpgSign", "true", cwd=top)
    bench.remote.git("config", "gpg.program", "/nowhere/gpg", cwd=top)
    message = error(bench.run(clone=False))
    assert "cannot run /nowhere/gpg" in message
    assert "commit.gpgSign" in message
    assert leftovers(bench) == []


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_clone_names_objects_as_the_remote_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    path, work = tmp_path / "other.git", tmp_path / "other"
    bench.remote.git("init", "-q", "--bare", "-b", "main", f"--object-format={kind}", str(path))
    bench.remote.git("init", "-q", "-b", "main", f"--object-format={kind}", str(work))
    (work / "deploy").mkdir()
    (work / "deploy/web.yaml").write_text(image("web"))
    bench.remote.git("add", ".", cwd=work)
    bench.remote.git("commit", "-qm", "begin", cwd=work)
    bench.remote.git("push", "-q", str(path), "HEAD:main", cwd=work)
    monkeypatch.setenv("GIT_DEFAULT_HASH", {"sha1": "sha256", "sha256": "sha1"}[kind])
    run = bench.run(url=path.as_uri())
    assert run.status == "pushed", repr(run)
    assert run.commits[0].hash == bench.remote.git("rev-parse", "main", cwd=path)


def test_a_default_branch_that_is_not_there_is_asked_for_by_name(bench: Bench) -> None:
    bench.remote.git("symbolic-ref", "HEAD", "refs/heads/gone")
    assert "the remote has no default branch: set spec.git.checkout.ref.branch" in error(bench.run(without_checkout()))


def test_a_default_branch_that_is_not_there_does_not_hide_the_checkouts_branch(bench: Bench) -> None:
    bench.checkout()
    bench.remote.git("symbolic-ref", "HEAD", "refs/heads/gone")
    assert bench.run(without_checkout(), clone=False).status == "pushed"


def test_a_branch_of_the_checkout_that_was_never_pushed_is_named_with_those_that_are_there(bench: Bench) -> None:
    bench.remote.git("checkout", "-q", "-b", "local", cwd=bench.checkout())
    assert error(bench.run(without_checkout(), clone=False)) == (
        f"the remote has no branch local (origin, {bench.remote.path}); its branches: main"
    )


def test_a_branch_that_another_ones_name_stands_in_the_way_of_is_no_race(bench: Bench) -> None:
    waited: list[float] = []
    message = error(bench.run(with_push("{branch: main/auto}"), options=AutomationOptions(sleep=waited.append)))
    assert "the branch main/auto cannot exist beside the branch main, which the remote has" in message
    assert waited == []


def test_a_refspec_is_judged_before_anything_is_pushed(bench: Bench) -> None:
    assert "does not push the same commit as main" in error(bench.run(with_push("{refspec: 'other:x'}")))
    assert bench.remote.subjects() == ["begin"]


def test_a_refspec_that_the_server_refuses_does_not_undo_the_branch(bench: Bench) -> None:
    bench.remote.hook("update", 'case "$1" in refs/for/*) echo "no reviews here" >&2; exit 1;; esac\n')
    top = bench.checkout()
    message = error(bench.run(with_push('{refspec: "main:refs/for/main"}'), clone=False))
    assert "main was pushed, but git.push.refspec was not" in message
    assert "no reviews here" in message
    assert "kept" not in message
    assert bench.remote.subjects() == ["Update from image update automation", "begin"]
    assert (top / "deploy/web.yaml").read_text() == image("web", "1.0.1")


@pytest.mark.parametrize("clone", [True, False], ids=["clone", "checkout"])
def test_work_that_cannot_be_kept_either_does_not_hide_why_it_was_not_pushed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, clone: bool
) -> None:
    bench.remote.hook("pre-receive", 'echo "main is protected" >&2\nexit 1\n')
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    bench.remote.git("branch", "imagesetter", cwd=bench.checkout())
    message = error(bench.run(clone=clone))
    assert "main is protected" in message
    assert "the commit could not be kept" in message
    assert leftovers(bench) == []


def test_the_folder_of_a_killed_run_is_removed_and_that_of_a_young_or_running_one_is_not(bench: Bench) -> None:
    temporary = bench.remote.path.parent / "tmp"
    for name, age in {"killed": 7200, "young": 60, "running": 7200}.items():
        alive = temporary / f"imagesetter-run-{name}" / "alive"
        alive.parent.mkdir()
        alive.touch()
        os.utime(alive, (time.time() - age, time.time() - age))
    lock = FileLock(temporary / "imagesetter-run-running" / "alive")
    assert lock.acquire()
    os.utime(temporary / "imagesetter-run-running" / "alive", (time.time() - 7200, time.time() - 7200))
    try:
        assert bench.run().status == "pushed"
    finally:
        lock.release()
    assert sorted(leftovers(bench)) == ["imagesetter-run-running", "imagesetter-run-young"]
