"""One automation against a real bare remote: what is checked out, followed, committed and pushed."""

from __future__ import annotations

from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, image, leftovers, policy
from imagesetter.git.run import AutomationOptions
from imagesetter.git.run_result import AutomationRunResult


def error(run: AutomationRunResult) -> str:
    assert run.status == "failed", repr(run)
    return "\n".join(result.message for result in run.results if result.severity == "error")


def without_checkout(text: str = AUTOMATION) -> str:
    return text.replace("    checkout: {ref: {branch: main}}\n", "")


def with_push(push: str, text: str = AUTOMATION) -> str:
    return text.replace("  update:", f"    push: {push}\n  update:")


def with_ref(ref: str, push: str = "{branch: auto}") -> str:
    return with_push(push, AUTOMATION.replace("{ref: {branch: main}}", f"{{ref: {ref}}}"))


def test_a_clone_ends_in_one_pushed_commit_of_the_author(bench: Bench) -> None:
    run = bench.run()
    (commit,) = run.commits
    remote = bench.remote
    assert run.status == "pushed"
    assert remote.subjects() == ["Update from image update automation", "begin"]
    people = remote.git("log", "-1", "--format=%an <%ae>|%cn <%ce>", "main")
    assert people == "|".join(["fluxbot <fluxbot@example.com>"] * 2)
    assert commit.hash == remote.git("rev-parse", "main")
    assert remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert remote.git("diff", "--numstat", "main~", "main") == "1\t1\tdeploy/web.yaml"
    assert leftovers(bench) == []


def test_a_second_run_pushes_nothing(bench: Bench) -> None:
    bench.run()
    run = bench.run()
    assert (run.status, run.commits) == ("up to date", ())
    assert len(bench.remote.subjects()) == 2


def test_a_pinned_image_stays_where_there_is_no_digest_and_is_unpinned_only_if_allowed(bench: Bench) -> None:
    digest = "sha256:" + "a" * 64
    pinned = image("web", f"1.0.0@{digest}")
    bench.remote.commit({"deploy/web.yaml": pinned})
    run = bench.run()
    (warning,) = run.results
    assert (run.status, run.failed, warning.severity, warning.tags["line"]) == ("up to date", False, "warning", "1")
    assert warning.file is not None
    assert warning.file.path == "deploy/web.yaml"
    old = f"registry.example.com/web:1.0.0@{digest}"
    assert f"apps:web: stays at {old}: it is pinned by a digest" in warning.message
    assert bench.remote.file("deploy/web.yaml") == pinned
    allowed = bench.run(options=AutomationOptions(allow_unpin=True))
    assert allowed.status == "pushed"
    assert f"apps:web: the digest in image is lost: {old}" in allowed.results[0].message
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")


def test_a_suspended_automation_does_nothing(bench: Bench) -> None:
    assert bench.run(AUTOMATION + "  suspend: true\n").status == "suspended"
    assert bench.remote.subjects() == ["begin"]


def test_a_dry_run_shows_diff_and_message_and_pushes_nothing(bench: Bench) -> None:
    run = bench.run(options=AutomationOptions(dry_run=True))
    (commit,) = run.commits
    assert (run.status, commit.hash, commit.branch) == ("would push", "", "main")
    assert "+" + image("web", "1.0.1") in commit.diff
    assert bench.remote.subjects() == ["begin"]


def test_the_message_is_the_templates_with_paths_below_update_path_and_is_not_trimmed(bench: Bench) -> None:
    template = "{{ range $file, $_ := .Changed.FileChanges }}{{ $file }} {{ end }}"
    template += "{{ .Values.cluster }} {{ .AutomationObject }}\\n\\n"
    text = AUTOMATION.replace(
        "    commit:\n",
        f'    commit:\n      messageTemplate: "{template}"\n      messageTemplateValues: {{cluster: prod}}\n',
    )
    bench.run(text)
    raw = bench.remote.git("cat-file", "commit", "main") + "\n"
    assert raw.partition("\n\n")[2] == "web.yaml prod apps/auto\n"  # `git` strips the last ones


def test_a_template_gets_branch_commit_and_the_jobs_page_if_it_names_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = bench.remote.git("rev-parse", "main")
    monkeypatch.setenv("CI_JOB_URL", "https://git.example.com/jobs/7")
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    for template, expected in (
        (
            "{{ .Values.Branch }} {{ .Values.Commit }} {{ .Values.RunURL }}",
            f"main {base} https://git.example.com/jobs/7",
        ),
        ("{{ range $name, $_ := .Values }}{{ $name }} {{ end }}", "cluster \n"),
    ):
        text = AUTOMATION.replace(
            "    commit:\n",
            f'    commit:\n      messageTemplate: "{template}"\n      messageTemplateValues: {{cluster: prod}}\n',
        )
        (commit,) = bench.run(text, options=AutomationOptions(dry_run=True)).commits
        assert commit.message == expected.removesuffix("\n")


def test_only_policies_of_the_automations_namespace_are_followed(bench: Bench) -> None:
    bench.remote.commit({"deploy/other.yaml": image("other", namespace="elsewhere")})
    run = bench.run(
        tags={"web": "1.0.1", "other": "1.0.1"}, policies=policy("web") + policy("other", namespace="elsewhere")
    )
    assert [change.field.location.file for commit in run.commits for change in commit.changes] == ["deploy/web.yaml"]
    assert bench.remote.file("deploy/other.yaml") == image("other", namespace="elsewhere")


def test_a_policy_selector_leaves_the_other_policies_alone(bench: Bench) -> None:
    bench.remote.commit({"deploy/api.yaml": image("api")})
    run = bench.run(
        AUTOMATION + "  policySelector: {matchLabels: {tier: front}}\n",
        {"web": "1.0.1", "api": "1.0.1"},
        policies=policy("web", labels="tier: front") + policy("api"),
    )
    assert run.status == "pushed"
    assert (bench.remote.file("deploy/web.yaml"), bench.remote.file("deploy/api.yaml")) == (
        image("web", "1.0.1"),
        image("api"),
    )


def test_an_automation_whose_selector_selects_nothing_says_so(bench: Bench) -> None:
    run = bench.run(AUTOMATION + "  policySelector: {matchLabels: {tier: none}}\n")
    assert run.status == "up to date"
    assert "follows no policy" in run.notes[0]


def test_a_marker_of_an_unknown_policy_is_a_warning_with_its_place(bench: Bench) -> None:
    bench.remote.commit({"deploy/typo.yaml": image("wbe")})
    run = bench.run()
    assert run.status == "pushed"
    (warning,) = run.results
    assert (warning.severity, warning.file and warning.file.path) == ("warning", "deploy/typo.yaml")
    assert "apps:wbe" in warning.message


BROKEN = {"deploy/broken.yaml": 'a: [\n---\nimage: x # {"$imagepolicy": "apps:web"}\nb: [\n'}


def test_a_broken_file_holds_up_itself_and_the_run_fails(bench: Bench) -> None:
    bench.remote.commit(BROKEN)
    run = bench.run()
    assert (run.status, run.failed) == ("pushed", True)
    (result,) = run.results
    assert (result.severity, "not YAML" in result.message) == ("error", True)
    assert result.file is not None
    assert result.file.path == "deploy/broken.yaml"
    assert bench.remote.subjects() == ["Update from image update automation", "by hand", "begin"]
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert bench.remote.file("deploy/broken.yaml") == BROKEN["deploy/broken.yaml"]


def test_an_error_stops_the_commit_where_that_is_wanted(bench: Bench) -> None:
    bench.remote.commit(BROKEN)
    run = bench.run(options=AutomationOptions(on_error="fail"))
    assert "not YAML" in error(run)
    assert {result.file.path for result in run.results if result.file} == {"deploy/broken.yaml"}
    assert bench.remote.subjects() == ["by hand", "begin"]


# --- the current checkout


def test_without_a_git_repository_the_checkout_and_its_remote_are_used_and_the_checkout_follows(bench: Bench) -> None:
    top = bench.checkout()
    run = bench.run(without_checkout(), clone=False)
    assert run.status == "pushed"
    assert bench.remote.subjects()[0] == "Update from image update automation"
    assert (top / "deploy/web.yaml").read_text() == image("web", "1.0.1")
    assert bench.remote.git("status", "--porcelain", "-b", cwd=top) == "## main...origin/main"
    assert len(bench.remote.git("worktree", "list", cwd=top).splitlines()) == 1
    assert bench.remote.git("for-each-ref", "refs/imagesetter", cwd=top) == ""


def test_a_commit_of_the_checkout_that_was_not_pushed_stays_unpushed(bench: Bench) -> None:
    top = bench.checkout()
    (top / "private.txt").write_text("mine")
    bench.remote.git("add", ".", cwd=top)
    bench.remote.git("commit", "-qm", "private", cwd=top)
    run = bench.run(clone=False)
    assert bench.remote.subjects() == ["Update from image update automation", "begin"]
    assert bench.remote.git("log", "-1", "--format=%s", cwd=top) == "private"
    assert "git pull" in run.notes[0]


def test_a_dirty_checkout_is_refused_unless_allowed_and_never_committed(bench: Bench) -> None:
    top = bench.checkout()
    dirty = image("web") + "edited: true\n"
    (top / "deploy/web.yaml").write_text(dirty)
    assert "deploy/web.yaml" in error(bench.run(clone=False))
    assert bench.remote.subjects() == ["begin"]
    run = bench.run(clone=False, options=AutomationOptions(allow_dirty=True))
    assert run.status == "pushed"
    assert bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert (top / "deploy/web.yaml").read_text() == dirty


def test_a_checkout_on_another_branch_is_left_alone(bench: Bench) -> None:
    top = bench.checkout()
    bench.remote.git("checkout", "-qb", "topic", cwd=top)
    assert bench.run(clone=False).status == "pushed"
    assert (top / "deploy/web.yaml").read_text() == image("web")


def test_a_detached_checkout_without_a_ref_has_no_branch_to_push_to(bench: Bench) -> None:
    top = bench.checkout()
    bench.remote.git("checkout", "-q", "--detach", cwd=top)
    assert "push spec not provided, and cannot be inferred" in error(bench.run(without_checkout(), clone=False))


@pytest.mark.parametrize("remove", ["remote", "checkout"])
def test_without_a_remote_or_a_checkout_the_error_says_what_to_add(bench: Bench, remove: str) -> None:
    if remove == "remote":
        bench.remote.git("remote", "remove", "origin", cwd=bench.checkout())
        assert "no remote to push to" in error(bench.run(clone=False))
    else:
        bench.directory.mkdir()
        assert "is not in a Git checkout" in error(bench.run(clone=False))


def test_refs_of_a_killed_run_whose_folder_is_gone_are_cleared_away_and_others_are_not(bench: Bench) -> None:
    top = bench.checkout()
    dead, other = "refs/imagesetter/imagesetter-run-gone/head", "refs/imagesetter/mine/head"
    for name in (dead, other):
        bench.remote.git("update-ref", name, "HEAD", cwd=top)
    assert bench.run(clone=False).status == "pushed"
    assert bench.remote.git("for-each-ref", "--format=%(refname)", "refs/imagesetter", cwd=top) == other


# --- refs and push branches


def test_a_push_branch_is_made_from_the_checkout_branch(bench: Bench) -> None:
    run = bench.run(with_push("{branch: auto}"))
    assert run.commits[0].branch == "auto"
    assert bench.remote.subjects("auto") == ["Update from image update automation", "begin"]
    assert bench.remote.subjects("main") == ["begin"]


@pytest.fixture
def tagged(bench: Bench) -> Bench:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        bench.remote.commit({"version": version}, message=version)
        bench.remote.git("tag", "-a", "-m", version, f"v{version}", "main")
    bench.remote.git("update-ref", "refs/pull/7/head", "v1.0.0^{commit}")
    return bench


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("{tag: v1.0.0}", "1.0.0"),
        ("{semver: 1.x}", "1.1.0"),
        ("{semver: 1.x, tag: v2.0.0, branch: main}", "1.1.0"),
        ("{name: refs/pull/7/head}", "1.0.0"),
        ("{branch: main}", "2.0.0"),
    ],
    ids=["a tag", "a range of tags", "a range before tag and branch", "a name", "a branch"],
)
def test_the_push_branch_starts_from_the_ref(tagged: Bench, ref: str, version: str) -> None:
    run = tagged.run(with_ref(ref))
    assert run.status == "pushed", repr(run)
    assert tagged.remote.subjects("auto")[1] == version


@pytest.mark.parametrize("allowed", [True, False], ids=["given out by hash", "found in a branch"])
def test_the_push_branch_starts_from_a_commit(tagged: Bench, *, allowed: bool) -> None:
    if allowed:
        tagged.remote.git("config", "uploadpack.allowAnySHA1InWant", "true")
    commit = tagged.remote.git("rev-parse", "v1.0.0^{commit}")
    tagged.run(with_ref(f"{{commit: {commit}, branch: main}}"))
    assert tagged.remote.subjects("auto")[1] == "1.0.0"


def test_a_ref_that_names_a_branch_is_pushed_to(tagged: Bench) -> None:
    text = AUTOMATION.replace("{ref: {branch: main}}", "{ref: {name: refs/heads/main}}")
    assert [commit.branch for commit in tagged.run(text).commits] == ["main"]


def test_a_tag_alone_gives_nothing_to_push_to(tagged: Bench) -> None:
    text = AUTOMATION.replace("{ref: {branch: main}}", "{ref: {tag: v1.0.0}}")
    assert "push spec not provided, and cannot be inferred" in error(tagged.run(text))


def test_a_branch_that_is_not_there_is_named_with_those_that_are(bench: Bench) -> None:
    message = error(bench.run(AUTOMATION.replace("branch: main", "branch: maim")))
    assert "the remote has no branch maim" in message
    assert "its branches: main" in message


def test_without_any_ref_the_remotes_default_branch_is_meant(bench: Bench) -> None:
    assert bench.run(without_checkout()).commits[0].branch == "main"


def test_a_refspec_is_pushed_after_the_branch(bench: Bench) -> None:
    bench.run(with_push('{refspec: "refs/heads/main:refs/for/main"}'))
    git = bench.remote.git
    assert git("rev-parse", "refs/for/main") == git("rev-parse", "main")
    assert len(bench.remote.subjects()) == 2


@pytest.mark.parametrize("refspec", [":refs/heads/gone", "refs/heads/other:refs/heads/x", "main:refs/../x"])
def test_a_refspec_that_does_not_push_the_work_is_refused(bench: Bench, refspec: str) -> None:
    bench.remote.commit({}, branch="gone")
    assert "git.push.refspec" in error(bench.run(with_push(f'{{refspec: "{refspec}"}}')))
    assert "gone" in bench.remote.branches()


def test_push_options_reach_the_server(bench: Bench, tmp_path: Path) -> None:
    bench.remote.git("config", "receive.advertisePushOptions", "true")
    bench.remote.hook("pre-receive", f'echo "$GIT_PUSH_OPTION_0|$GIT_PUSH_OPTION_1" > "{tmp_path}/options"\n')
    bench.run(with_push('{options: {merge_request.create: "", ci.variable: "a=b c"}}'))
    assert (tmp_path / "options").read_text() == "ci.variable=a=b c|merge_request.create\n"
