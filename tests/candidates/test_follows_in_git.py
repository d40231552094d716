"""Follow and soak without a lock: production takes what staging's fields have held for long enough in Git's history."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.sandbox import IMAGE, POLICY, REPOSITORY, Sandbox, digest
from tools import require_tool

STAGING = POLICY.replace("name: web\n  namespace", "name: staging\n  namespace")
OURS = "{imagesetter.dev/follows: staging, imagesetter.dev/soak: 48h}"
FOLLOWING = f"{REPOSITORY}---\n{STAGING}---\n{POLICY.replace('{}', OURS)}"


def field(tag: str, policy: str) -> str:
    return f'image: {IMAGE}:{tag} # {{"$imagepolicy": "flux-system:{policy}"}}\n'


class Repository:
    """A sandbox that is a Git repository, whose commits are made at the sandbox's time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.root = sandbox, sandbox.root
        (self.root / "app.yaml").unlink()
        self.git("init", "-b", "main")

    def git(self, *arguments: str) -> None:
        when = f"{datetime.fromtimestamp(self.sandbox.time, UTC):%Y-%m-%dT%H:%M:%SZ}"
        subprocess.run(
            [require_tool("git"), *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            env={**os.environ, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when},
        )

    def commit(self, day: str, **files: str) -> None:
        self.sandbox.day(day)
        for name, text in files.items():
            self.sandbox.write(f"{name}.yaml", text)
        self.git("add", ".")
        self.git("commit", "-m", "change")

    def production(self, day: str, *options: str) -> str:
        """What an update of production says, and to which tag it goes; the files stay as they are."""
        self.sandbox.day(day)
        ran = self.sandbox.run("update", "--check", "--only", "flux-system:web", *options)
        return ran.out + ran.err


@pytest.fixture
def repository(sandbox: Sandbox) -> Repository:
    """Both at 1.4.0 since 1 February; staging at 1.5.0 since 1 March, which is committed."""
    made = Repository(sandbox)
    sandbox.registry.push("1.5.0")
    made.commit("2026-02-01", policies=FOLLOWING, staging=field("1.4.0", "staging"), web=field("1.4.0", "web"))
    made.commit("2026-03-01", staging=field("1.5.0", "staging"))
    return made


def test_a_tag_is_taken_when_its_commit_is_old_enough(repository: Repository) -> None:
    said = repository.production("2026-03-02")
    assert (
        "flux-system:staging has not held 1.5.0 for 2d until 2026-03-03T12:00:00Z (since 2026-03-01T12:00:00Z)" in said
    )
    assert "0 fields would change" in said
    assert "1.4.0 → 1.5.0" in repository.production("2026-03-03")


def test_the_commit_that_changed_the_value_counts_not_the_last_one_of_the_file(repository: Repository) -> None:
    repository.commit("2026-03-03", staging=f"# a comment\n{field('1.5.0', 'staging')}")
    assert "1.4.0 → 1.5.0" in repository.production("2026-03-03")


def test_a_tag_that_came_back_counts_from_its_return(repository: Repository) -> None:
    repository.commit("2026-03-02", staging=field("1.4.0", "staging"))
    repository.commit("2026-03-04", staging=field("1.5.0", "staging"))
    assert "until 2026-03-06T12:00:00Z (since 2026-03-04T12:00:00Z)" in repository.production("2026-03-05")


def test_a_file_that_could_not_be_read_in_between_holds_nothing(repository: Repository) -> None:
    repository.commit("2026-03-02", staging="a: [\n")
    repository.commit("2026-03-04", staging=field("1.5.0", "staging"))
    assert "(since 2026-03-04T12:00:00Z)" in repository.production("2026-03-05")


def test_what_is_not_committed_has_been_held_since_now(repository: Repository) -> None:
    repository.sandbox.registry.push("1.6.0")
    repository.sandbox.write("staging.yaml", field("1.6.0", "staging"))
    assert "has not held 1.6.0 for 2d until 2026-03-22T12:00:00Z" in repository.production("2026-03-20")


def test_a_commit_counts_as_made_after_those_before_it(repository: Repository) -> None:
    repository.sandbox.registry.push("1.6.0")
    repository.commit("2026-02-10", staging=field("1.6.0", "staging"))
    assert "(since 2026-03-01T12:00:00Z)" in repository.production("2026-03-02")


def test_a_commit_of_a_wrong_clock_is_not_yet(repository: Repository) -> None:
    repository.sandbox.registry.push("1.6.0")
    repository.commit("2036-02-10", staging=field("1.6.0", "staging"))
    assert "until 2036-02-12T12:00:00Z" in repository.production("2026-03-20")


def test_of_several_fields_the_last_change_counts(repository: Repository) -> None:
    repository.commit("2026-03-02", worker=field("1.5.0", "staging"))
    assert "(since 2026-03-02T12:00:00Z)" in repository.production("2026-03-03")
    assert "1.4.0 → 1.5.0" in repository.production("2026-03-04")


def test_several_fields_with_several_tags_are_an_error(repository: Repository) -> None:
    repository.commit("2026-03-02", worker=field("1.4.0", "staging"))
    said = repository.production("2026-03-09")
    assert (
        "the fields of flux-system:staging hold several tags: 1.5.0 (staging.yaml:1), 1.4.0 (worker.yaml:1); "
        "bring them to one tag"
    ) in said


def test_fields_of_production_with_several_tags_take_the_one_that_has_soaked(repository: Repository) -> None:
    repository.sandbox.registry.push("1.3.0")
    repository.commit("2026-03-02", other=field("1.3.0", "web"))
    assert "0 fields would change" in repository.production("2026-03-02")
    said = repository.production("2026-03-03")
    assert ("1.4.0 → 1.5.0" in said, "1.3.0 → 1.5.0" in said) == (True, True)


def test_a_merge_counts_from_when_it_was_merged(repository: Repository) -> None:
    repository.sandbox.registry.push("1.6.0")
    repository.git("checkout", "-b", "bump")
    repository.commit("2026-03-02", staging=field("1.6.0", "staging"))
    repository.git("checkout", "main")
    repository.sandbox.day("2026-03-06")
    repository.git("merge", "--no-ff", "bump")
    assert "until 2026-03-08T12:00:00Z (since 2026-03-06T12:00:00Z)" in repository.production("2026-03-07")
    assert "1.4.0 → 1.6.0" in repository.production("2026-03-08")


def test_a_rollback_of_staging_does_not_take_production_back(repository: Repository) -> None:
    repository.commit("2026-03-04", web=field("1.5.0", "web"))
    repository.commit("2026-03-05", staging=field("1.4.0", "staging"))
    said = repository.production("2026-03-20")
    assert "0 fields would change, 1 up to date" in said


def test_a_file_is_followed_through_a_rename(repository: Repository) -> None:
    repository.git("mv", "staging.yaml", "stage.yaml")
    repository.commit("2026-03-02")
    assert "1.4.0 → 1.5.0" in repository.production("2026-03-03")


def test_a_shallow_clone_says_that_it_is_one_and_never_yes_too_early(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("2026-03-09", other="a: 1\n")
    clone = tmp_path_factory.mktemp("clone") / "shallow"
    repository.git("clone", "--depth=1", f"file://{repository.root}", str(clone))
    monkeypatch.chdir(clone)
    said = repository.production("2026-03-10")
    assert (
        "flux-system:staging has not held 1.5.0 for 2d until 2026-03-11T12:00:00Z (since 2026-03-09T12:00:00Z or "
        "longer: Git's history is cut off there, as in a shallow clone; fetch more of it)"
    ) in said
    assert "1.4.0 → 1.5.0" in repository.production("2026-03-11")


def test_a_field_with_a_digest_must_still_be_what_the_tag_points_to(repository: Repository) -> None:
    pinned = f"1.5.0@{digest('1.5.0')}"
    repository.commit("2026-03-02", staging=field(pinned, "staging"))
    assert "1.4.0 → 1.5.0" in repository.production("2026-03-04")
    repository.sandbox.registry.push("1.5.0", content="other")
    said = repository.production("2026-03-04")
    assert f"1.5.0 points to {digest('other')}, and flux-system:staging holds {digest('1.5.0')}" in said


def test_without_a_repository_or_a_field_nothing_is_known(repository: Repository) -> None:
    (repository.root / "staging.yaml").unlink()
    assert "follows flux-system:staging, which is not in the lock" in repository.production("2026-03-09")


def test_a_first_lock_counts_what_staging_has_held_before(repository: Repository) -> None:
    repository.sandbox.day("2026-03-02")
    ran = repository.sandbox.run("lock")
    assert (ran.status, ran.out) == (
        0,
        f"flux-system:staging: locked to {IMAGE}:1.5.0\nflux-system:web: locked to {IMAGE}:1.4.0\n"
        "images.lock.yaml: 2 of 2 entries changed\n",
    )
    Path("images.lock.yaml").unlink()
    repository.sandbox.day("2026-03-03")
    assert f"flux-system:web: locked to {IMAGE}:1.5.0" in repository.sandbox.run("lock").out


def test_an_entry_without_a_time_has_that_of_its_commit(repository: Repository) -> None:
    repository.sandbox.day("2026-03-01")
    repository.sandbox.run("lock")
    text = "".join(
        line for line in Path("images.lock.yaml").read_text().splitlines(keepends=True) if "changed:" not in line
    )
    repository.commit("2026-03-05", **{"images.lock": text})
    repository.sandbox.day("2026-03-06")
    ran = repository.sandbox.run("lock", "--check")
    assert "has not held 1.5.0 for 2d until 2026-03-07T12:00:00Z (since 2026-03-05T12:00:00Z)" in ran.err
    repository.sandbox.day("2026-03-07")
    assert f"{IMAGE}:1.4.0 → {IMAGE}:1.5.0" in repository.sandbox.run("lock", "--check").out


def test_an_explanation_knows_the_history(repository: Repository) -> None:
    repository.sandbox.day("2026-03-02")
    ran = repository.sandbox.run("explain", "web", "--limit", "0")
    assert "→ registry.example.com/web:1.4.0\nnote: flux-system:staging has not held 1.5.0 for 2d" in ran.out
    repository.sandbox.day("2026-03-03")
    assert "→ registry.example.com/web:1.5.0" in repository.sandbox.run("explain", "web").out
