"""A field that somebody set back stays, with a word about who and when, until somebody releases the policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, image
from imagesetter.errors import GitError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.git.command import Git
from imagesetter.git.history import History
from imagesetter.git.reverts import RevertGuard, Reverts
from imagesetter.git.run import AutomationOptions
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.update.files import marked_fields
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import read_tree

BOT = ("-c", "user.name=fluxbot", "-c", "user.email=fluxbot@example.com")
JANE = ("-c", "user.name=Jane", "-c", "user.email=jane@example.com")
WEB = "deploy/web.yaml"


class Branch:
    """What people and automations do to a branch, each by a name of their own."""

    def __init__(self, bench: Bench, *, clone: bool = True) -> None:
        self.bench, self.remote, self._clone = bench, bench.remote, clone
        self.at = bench.remote.scratch
        bench.remote.git("clone", "-q", bench.remote.url, str(self.at), cwd=bench.directory.parent)
        if not clone:
            bench.checkout()

    def git(self, *arguments: str, by: tuple[str, ...] = JANE) -> str:
        return self.remote.git(*by, *arguments, cwd=self.at)

    def write(self, text: str, *, by: tuple[str, ...] = JANE, message: str = "by hand", name: str = WEB) -> str:
        (self.at / name).parent.mkdir(exist_ok=True)
        (self.at / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, by=by)
        return self.head()

    def set(self, tag: str, *, by: tuple[str, ...] = JANE) -> str:
        return self.write(image("web", tag), by=by)

    def revert(self, *options: str, by: tuple[str, ...] = JANE) -> str:
        self.git("revert", "--no-edit", *(options or ("HEAD",)), by=by)
        return self.head()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def push(self) -> None:
        self.git("push", "-q", "--force", "origin", "HEAD:main")

    def pull(self) -> None:
        self.git("pull", "-q", "--ff-only", "origin", "main")

    def automate(
        self, tag: str, options: AutomationOptions | None = None, *, text: str = AUTOMATION, policies: str = ""
    ) -> AutomationRunResult:
        """Push what people did, run the automation, and fetch what it did."""
        self.push()
        if not self._clone:
            self.remote.git("pull", "-q", "--ff-only", cwd=self.bench.directory)
        done = self.bench.run(text, {"web": tag}, policies=policies, clone=self._clone, options=options)
        assert done.status != "failed", repr(done)
        self.pull()
        return done

    @property
    def tag(self) -> str:
        found = re.search(r":([0-9.]+) #", self.remote.file(WEB))
        assert found
        return found[1]


@pytest.fixture(params=["clone", "checkout"])
def branch(bench: Bench, request: pytest.FixtureRequest) -> Branch:
    return Branch(bench, clone=request.param == "clone")


@pytest.fixture
def clone(bench: Bench) -> Branch:
    return Branch(bench)


def held(done: AutomationRunResult) -> list[str]:
    """What is said about fields that stay, without dates and hashes."""
    told = [result.message for result in done.results if result.tags.get("error") == "Reverted"]
    return [re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} \([0-9a-f]{7}\)", "DAY (COMMIT)", message) for message in told]


STAYS = (
    "stays at {new}: Jane <jane@example.com> set it back from {old} on DAY (COMMIT); to go on: imagesetter unhold "
    "apps:web"
)


def test_a_reverted_bump_stays_reverted_and_the_run_names_who_did_it(branch: Branch) -> None:
    branch.automate("1.1.0")
    commit = branch.revert()
    done = branch.automate("1.1.0")
    assert (done.status, branch.tag) == ("up to date", "1.0.0")
    assert held(done) == [STAYS.format(old="1.1.0", new="1.0.0")]
    assert commit[:7] in done.results[0].message
    assert (done.failed, done.results[0].file) == (False, done.results[0].file)
    # nor does it go on to a newer tag
    assert (held(branch.automate("1.2.0")), branch.tag) == ([STAYS.format(old="1.1.0", new="1.0.0")], "1.0.0")


def test_what_somebody_reverts_again_goes_on(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.revert()
    clone.revert()
    assert (held(clone.automate("1.2.0")), clone.tag) == ([], "1.2.0")


def test_a_tag_that_somebody_sets_back_by_hand_stays_and_one_that_somebody_sets_forward_goes_on(clone: Branch) -> None:
    clone.automate("1.3.0")
    clone.set("1.1.5")
    assert (held(clone.automate("1.4.0")), clone.tag) == ([STAYS.format(old="1.3.0", new="1.1.5")], "1.1.5")
    clone.set("1.2.0")
    assert (held(clone.automate("1.4.0")), clone.tag) == ([STAYS.format(old="1.3.0", new="1.2.0")], "1.2.0")
    clone.set("1.3.5")
    assert (held(clone.automate("1.4.0")), clone.tag) == ([], "1.4.0")


def test_the_merge_of_a_revert_names_who_reverted(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.git("checkout", "-q", "-b", "fix")
    clone.revert()
    clone.git("checkout", "-q", "main")
    clone.write("x: 1\n", name="other.yaml", by=BOT)
    clone.git(
        "merge", "-q", "--no-ff", "-m", "merge the fix", "fix", by=("-c", "user.name=Max", "-c", "user.email=m@x")
    )
    assert held(clone.automate("1.1.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]


def test_a_bump_that_a_person_merged_or_squashed_can_be_reverted_too(clone: Branch) -> None:
    clone.set("1.1.0")
    clone.set("1.2.0")
    clone.revert()
    assert held(clone.automate("1.2.0")) == [STAYS.format(old="1.2.0", new="1.1.0")]


def test_an_older_commit_of_the_automation_that_somebody_picked_counts_as_theirs(clone: Branch) -> None:
    first = clone.set("1.1.0", by=BOT)
    clone.set("1.2.0", by=BOT)
    clone.git("cherry-pick", "-X", "theirs", "--allow-empty", first)
    assert clone.head() != first
    assert held(clone.automate("1.2.0")) == [STAYS.format(old="1.2.0", new="1.1.0")]


def test_a_revert_with_the_automations_own_address_is_a_persons(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.revert(by=BOT)
    assert held(clone.automate("1.1.0")) == [
        STAYS.format(old="1.1.0", new="1.0.0").replace("Jane <jane@", "fluxbot <fluxbot@")
    ]


def test_a_bump_that_was_reset_away_was_never_there(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.git("reset", "-q", "--hard", "HEAD~1")
    assert (held(clone.automate("1.1.0")), clone.tag) == ([], "1.1.0")


def test_a_revert_is_found_through_a_rename_and_below_other_commits(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.revert()
    clone.write(image("web", "1.0.0") + "replicas: 3\n")
    clone.git("mv", WEB, "deploy/shop.yaml")
    clone.git("commit", "-q", "-m", "rename")
    clone.write("x: 1\n", name="other.yaml")
    assert held(clone.automate("1.1.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]


def test_a_file_that_is_copied_with_an_older_tag_is_a_new_one(clone: Branch) -> None:
    more = "".join(f"key-{number}: value\n" for number in range(20))
    for tag in ("1.1.0", "1.2.0"):
        clone.write(image("web", tag) + more, by=BOT)
    clone.write(image("web", "1.0.0") + more, name="deploy/copy.yaml")
    assert held(clone.automate("1.2.0")) == []
    assert clone.remote.file("deploy/copy.yaml") == image("web", "1.2.0") + more


def test_a_revert_in_a_merged_branch_is_found_through_a_rename_and_names_who_reverted(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.git("checkout", "-q", "-b", "fix")
    clone.revert()
    clone.git("checkout", "-q", "main")
    clone.write("x: 1\n", name="other.yaml")
    clone.git(
        "merge", "-q", "--no-ff", "-m", "merge the fix", "fix", by=("-c", "user.name=Max", "-c", "user.email=m@x")
    )
    clone.git("mv", WEB, "deploy/shop.yaml")
    clone.git("commit", "-q", "-m", "rename")
    assert held(clone.automate("1.1.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]


def test_a_lock_that_moves_releases_nothing_anew(clone: Branch) -> None:
    clone.write(LOCK + RELEASED.replace("M", "1"), name="deploy/images.lock.yaml")
    clone.automate("1.1.0")
    clone.revert()
    clone.git("mv", "deploy/images.lock.yaml", "images.lock.yaml")
    clone.git("commit", "-q", "-m", "one lock for all")
    assert held(clone.automate("1.1.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]


def test_a_version_that_is_not_yaml_hides_nothing(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.write("a: [\n")
    clone.set("1.0.0")
    assert held(clone.automate("1.1.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]


def test_only_the_field_that_was_set_back_stays(clone: Branch) -> None:
    clone.write(image("web", "1.0.0"), name="deploy/b.yaml")
    clone.automate("1.1.0")
    clone.set("1.0.0")
    assert held(clone.automate("1.2.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]
    assert (clone.tag, clone.remote.file("deploy/b.yaml")) == ("1.0.0", image("web", "1.2.0"))


def test_a_policy_that_no_longer_allows_the_higher_tag_is_not_held(clone: Branch) -> None:
    clone.set("2.0.0", by=BOT)
    clone.set("1.0.0")  # the policy's range is 1.x
    assert (held(clone.automate("1.2.0")), clone.tag) == ([], "1.2.0")


LOCK = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLock
metadata: {name: images}
spec:
  entries: []
"""
HOLD = "  holds:\n    - policy: apps:web\n      KIND: TAG\n      reason: crashes\n"
RELEASED = '  released:\n    - policy: apps:web\n      since: "2026-0M-01T00:00:00Z"\n'


def test_a_policy_that_somebody_released_goes_on_until_the_next_revert(clone: Branch) -> None:
    clone.automate("1.1.0")
    clone.revert()
    clone.write(LOCK + RELEASED.replace("M", "1"), name="images.lock.yaml")
    assert (held(clone.automate("1.1.0")), clone.tag) == ([], "1.1.0")
    clone.revert()
    assert held(clone.automate("1.1.0")) == [STAYS.format(old="1.1.0", new="1.0.0")]
    clone.write(LOCK + RELEASED.replace("M", "2"), name="images.lock.yaml")
    assert (held(clone.automate("1.1.0")), clone.tag) == ([], "1.1.0")


@pytest.mark.parametrize(("kind", "tag"), [("tag", "1.0.0"), ("exclude", "1.1.0")])
def test_with_a_hold_of_the_step_the_hold_decides_and_after_it_the_policy(clone: Branch, kind: str, tag: str) -> None:
    clone.automate("1.1.0")
    clone.git("revert", "--no-edit", "--no-commit", "HEAD")
    clone.write(LOCK + HOLD.replace("KIND", kind).replace("TAG", tag), name="images.lock.yaml")
    # The source of these tests heeds no hold; what matters is that the history says nothing beside it.
    assert (held(clone.automate("1.1.0")), clone.tag) == ([], "1.1.0")


def test_a_hold_that_asks_for_the_step_decides_and_one_of_another_tag_releases_nothing(clone: Branch) -> None:
    clone.automate("1.2.0")
    clone.write(LOCK + HOLD.replace("KIND", "tag").replace("TAG", "1.0.0"), name="images.lock.yaml")
    clone.set("1.1.0")
    assert held(clone.automate("1.2.0")) == [STAYS.format(old="1.2.0", new="1.1.0")]
    other = HOLD.replace("KIND", "exclude").replace("TAG", "1.5.0").removeprefix("  holds:\n")
    clone.write(LOCK + HOLD.replace("KIND", "tag").replace("TAG", "1.0.0") + other, name="images.lock.yaml")
    assert held(clone.automate("1.2.0")) == [STAYS.format(old="1.2.0", new="1.1.0")]
    clone.set("1.0.0")  # what the hold asks for; this source heeds none
    assert (held(clone.automate("1.2.0")), clone.tag) == ([], "1.2.0")


PINNED = 'image: registry.example.com/web:1.0.0@sha256:DIGEST # {"$imagepolicy": "apps:web"}\n'


def test_a_digest_that_somebody_set_back_stays_and_one_that_is_set_again_goes_on(clone: Branch) -> None:
    old, new = PINNED.replace("DIGEST", "a" * 64), PINNED.replace("DIGEST", "b" * 64)
    clone.write(old)
    clone.write(new, by=BOT)
    clone.revert()
    assert len(held(clone.automate("1.1.0"))) == 1
    clone.revert()
    assert held(clone.automate("1.1.0")) == []


def test_a_history_that_cannot_be_read_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    def fails() -> Reverts:
        raise GitError("git fetch was stopped after 60 s")

    file = tmp_path / "web.yaml"
    file.write_text(image("web"))
    fields = [marked for found in read_tree([file]).marked for marked in marked_fields(found)[0]]
    guard = RevertGuard(fails, fields, PolicyRules(Catalog("apps")))
    ref = LatestRef("registry.example.com/web", "1.1.0")
    first, second = (guard(fields[0], ref, "registry.example.com/web:1.1.0") for _ in range(2))
    assert first
    assert (first.severity, first.message) == (
        "info",
        "the history could not be read, so it is not known whether somebody set a field back: git fetch was stopped "
        "after 60 s",
    )
    assert second is None


def test_a_repository_without_a_commit_has_a_history_in_which_nobody_set_anything_back(tmp_path: Path) -> None:
    git = Git(tmp_path, own=True)
    git.run("init", "--quiet")
    assert History(git).commits("web.yaml") == []
