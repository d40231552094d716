"""A push branch that outlives its pull request: made anew while it is ours, kept where somebody worked on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, image, leftovers
from git.test_run import error
from imagesetter.git.branch_history import BranchCommit, parse_raw_log
from imagesetter.git.run import AutomationOptions
from imagesetter.git.run_result import AutomationRunResult

PUSHING = AUTOMATION.replace("  update:", "    push: {branch: auto}\n  update:")
BUMP = "Update from image update automation"


class Place:
    """One way to run: from a clone of the GitRepository, or from the user's checkout, full or shallow."""

    def __init__(self, bench: Bench, kind: str) -> None:
        self.bench, self.remote, self._kind = bench, bench.remote, kind
        # So that there is history to be shallow about.
        for number in range(3):
            self.remote.commit({"README": f"{number}"}, message=f"work {number}")
        if kind == "checkout":
            bench.checkout()
        elif kind == "shallow checkout":
            self.remote.git(
                "clone", "-q", "--depth=1", self.remote.url, str(bench.directory), cwd=bench.directory.parent
            )

    def run(self, tag: str, text: str = PUSHING, options: AutomationOptions | None = None) -> AutomationRunResult:
        done = self.bench.run(text, {"web": tag}, clone=self._kind == "clone", options=options)
        assert done.status != "failed", repr(done)
        return done

    def head(self, branch: str = "auto") -> str:
        return self.remote.git("rev-parse", branch)

    def on_top(self, branch: str = "auto") -> list[str]:
        """The subjects of the commits that main does not have."""
        return self.remote.git("log", "--format=%s", f"main..{branch}").splitlines()

    def behind(self, branch: str = "auto") -> int:
        """How many commits of main the branch lacks."""
        return int(self.remote.git("rev-list", "--count", f"{branch}..main"))


@pytest.fixture(params=["clone", "checkout", "shallow checkout"])
def place(bench: Bench, request: pytest.FixtureRequest) -> Place:
    return Place(bench, request.param)


@pytest.fixture
def clone(bench: Bench) -> Place:
    return Place(bench, "clone")


def squash(place: Place) -> None:
    place.remote.commit({"deploy/web.yaml": place.remote.file("deploy/web.yaml", "auto")}, message="squashed")


def test_the_branch_is_made_anew_when_main_has_moved(place: Place) -> None:
    place.run("1.0.1")
    place.remote.commit({"NEWS": "moved on"})
    assert place.run("1.0.1").status == "pushed"
    assert (place.on_top(), place.behind()) == ([BUMP], 0)
    head = place.head()
    assert (place.run("1.0.1").status, place.head()) == ("up to date", head)


def test_a_newer_tag_replaces_the_commit_of_the_last_run(clone: Place) -> None:
    clone.run("1.0.1")
    clone.run("1.0.2")
    assert clone.on_top() == [BUMP]
    assert clone.remote.file("deploy/web.yaml", "auto") == image("web", "1.0.2")


def test_a_squash_merged_branch_starts_over(place: Place) -> None:
    place.run("1.0.1")
    squash(place)
    place.run("1.0.2")
    assert (place.on_top(), place.behind()) == ([BUMP], 0)


def test_a_merged_branch_starts_over(clone: Place) -> None:
    clone.run("1.0.1")
    clone.remote.git("update-ref", "refs/heads/main", "auto")
    clone.remote.commit({"NEWS": "later"})
    clone.run("1.0.2")
    assert (clone.on_top(), clone.behind()) == ([BUMP], 0)


def test_nothing_is_pushed_when_main_has_the_change_already(place: Place) -> None:
    place.run("1.0.1")
    squash(place)
    head = place.head()
    done = place.run("1.0.1")
    assert (done.status, place.head()) == ("up to date", head)
    assert done.notes == ("auto is not needed: what it is made from has these values already",)


def test_somebody_elses_commit_on_the_branch_is_kept_and_said(place: Place) -> None:
    place.run("1.0.1")
    work = place.remote.commit({"deploy/more.yaml": "kind: X\n"}, branch="auto", message="a fix")
    place.remote.commit({"NEWS": "moved on"})
    done = place.run("1.0.2")
    author = place.remote.git("log", "-1", "--format=%an <%ae>", work)
    assert place.on_top() == [BUMP, "a fix", BUMP]
    assert done.notes == (
        f"auto has commits of somebody else, the newest {work[:7]} by {author}; it does not contain the newest commit "
        "of main: merge or rebase it. The run adds to the branch",
    )


def test_an_amended_commit_is_somebody_elses(clone: Place) -> None:
    clone.run("1.0.1")
    clone.remote.commit_in_clone({}, branch="auto", message="to have it here")
    scratch = clone.remote.scratch
    clone.remote.git("reset", "-q", "--hard", "HEAD~1", cwd=scratch)
    (scratch / "deploy/extra.yaml").write_text("kind: X\n")
    clone.remote.git("add", "-A", cwd=scratch)
    clone.remote.git("commit", "-q", "--amend", "--no-edit", cwd=scratch)
    clone.remote.git("push", "-q", "--force", "origin", "HEAD:refs/heads/auto", cwd=scratch)
    clone.run("1.0.2")
    assert clone.remote.file("deploy/extra.yaml", "auto") == "kind: X\n"


def test_a_branch_with_somebody_elses_commit_starts_over_once_it_is_squash_merged(bench: Bench) -> None:
    place = Place(bench, "checkout")
    place.run("1.0.1")
    place.remote.commit({"deploy/more.yaml": "kind: X\n"}, branch="auto", message="a fix")
    place.remote.commit({"deploy/web.yaml": image("web", "1.0.1"), "deploy/more.yaml": "kind: X\n"}, message="squashed")
    done = place.run("1.0.2")
    assert (place.on_top(), place.behind(), done.notes) == ([BUMP], 0, ())


def test_a_dry_run_shows_the_branch_as_it_would_be_made(clone: Place) -> None:
    clone.run("1.0.1")
    clone.remote.commit({"NEWS": "moved on"})
    head = clone.head()
    (commit,) = clone.run("1.0.2", options=AutomationOptions(dry_run=True)).commits
    assert clone.head() == head
    assert "-image: registry.example.com/web:1.0.0" in commit.diff
    assert "+image: registry.example.com/web:1.0.2" in commit.diff


def test_several_commits_of_one_branch_are_made_anew_together(bench: Bench) -> None:
    bench.remote.commit({"deploy/api.yaml": image("api")})
    options = AutomationOptions(per="image")
    bench.run(PUSHING, {"web": "1.0.1", "api": "1.0.1"}, options=options)
    head = bench.remote.git("rev-parse", "auto")
    assert bench.run(PUSHING, {"web": "1.0.1", "api": "1.0.1"}, options=options).status == "up to date"
    assert bench.remote.git("rev-parse", "auto") == head
    bench.run(PUSHING, {"web": "1.0.1", "api": "1.0.2"}, options=options)
    assert bench.remote.subjects("auto") == [BUMP, BUMP, "by hand", "begin"]


@pytest.mark.parametrize(
    ("there", "push"), [("auto", "auto/web"), ("auto/web/debug", "auto/web"), ("auto/web", "auto")]
)
def test_a_branch_that_cannot_exist_beside_one_of_the_remote_is_refused(bench: Bench, there: str, push: str) -> None:
    bench.remote.git("branch", there, "main")
    done = bench.run(PUSHING.replace("branch: auto}", f"branch: {push}}}"))
    assert error(done).startswith(f"the branch {push} cannot exist beside the branch {there}, which the remote has; ")


def test_a_server_that_forbids_to_rewrite_the_branch_is_named(bench: Bench) -> None:
    bench.remote.git("config", "receive.denyNonFastForwards", "true")
    bench.run(PUSHING)
    bench.remote.commit({"NEWS": "moved on"})
    (result,) = bench.run(PUSHING, {"web": "1.0.2"}).results
    assert "non-fast-forward" in result.message
    assert "allow force pushes to auto, or delete it" in result.message


def test_a_push_between_look_and_push_is_never_overwritten(bench: Bench) -> None:
    bench.run(PUSHING)
    bench.remote.commit({"NEWS": "moved on"})
    once = iter([True])

    def somebody_pushes() -> None:
        if next(once, False):
            bench.remote.commit({"deploy/more.yaml": "kind: X\n"}, branch="auto", message="a fix")

    done = bench.run(PUSHING, {"web": "1.0.2"}, before=somebody_pushes)
    assert done.status == "pushed", repr(done)
    assert bench.remote.subjects("auto")[:2] == [BUMP, "a fix"]
    assert leftovers(bench) == []


def test_the_checkout_ref_by_name_is_the_same_branch(bench: Bench) -> None:
    text = AUTOMATION.replace("{ref: {branch: main}}", "{ref: {name: refs/heads/main}}").replace(
        "  update:", "    push: {branch: main}\n  update:"
    )
    bench.run(text)
    bench.run(text, {"web": "1.0.2"})
    assert bench.remote.subjects() == [BUMP, BUMP, "begin"]


def commit(author: str, committer: str, *parents: str) -> BranchCommit:
    return BranchCommit("a", parents, author, committer)


@pytest.mark.parametrize(
    ("made", "ours"),
    [
        (commit("bot <bot@x.io>", "bot <bot@x.io>", "p"), True),
        (commit("another name <bot@x.io>", "bot <bot@x.io>", "p"), True),
        (commit("bot <bot@x.io>", "GitHub <noreply@github.com>", "p"), True),
        (commit("bot <bot@x.io>", "ann <ann@x.io>", "p"), False),
        (commit("ann <ann@x.io>", "bot <bot@x.io>", "p"), False),
        (commit("ann <ann@x.io>", "GitHub <noreply@github.com>", "p"), False),
        (commit("bot <robot@x.io>", "bot <robot@x.io>", "p"), False),
        (commit("bot <bot@x.io>", "bot <bot@x.io>", "p", "q"), False),
    ],
    ids=[
        "ours",
        "renamed",
        "rebased on GitHub",
        "amended",
        "cherry-picked",
        "edited on GitHub",
        "like ours",
        "a merge",
    ],
)
def test_whose_a_commit_is(made: BranchCommit, *, ours: bool) -> None:
    assert made.is_by("bot@x.io") is ours


def test_a_raw_log_is_read_with_signatures_and_odd_names(tmp_path: Path) -> None:
    text = (
        "commit aa\ntree t\nparent bb\nauthor A > B <a@x> 1 +0000\ncommitter C <c@x> 2 +0100\n"
        "gpgsig -----BEGIN\n author no <no@x> 1 +0000\n\n    author in the message <m@x> 1 +0000\n\n"
        "commit bb\ntree t\nauthor A <a@x> 1 +0000\ncommitter C <c@x> 2 +0100\n\n    m\n"
    )
    assert parse_raw_log(text) == [
        BranchCommit("aa", ("bb",), "A > B <a@x>", "C <c@x>", 2, "author in the message <m@x> 1 +0000"),
        BranchCommit("bb", (), "A <a@x>", "C <c@x>", 2, "m"),
    ]
