"""Random histories of one field and its lock entry, made with real git, against a model.

What `automate`, `update` and `lock` make of each is compared whole: never forward over a person's revert without a
word, never stuck without a word. ``python -m git.test_revert_histories 1000 [FIRST]`` (in ``tests/``) tries that many;
the suite tries a few.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Answers, catalog_of, image, policy
from imagesetter.cli.history import checkout_history, field_guard
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.git.automation import read_automation
from imagesetter.git.run import AutomationOptions, run_automation
from imagesetter.lock.document import LockEntry, parse_lock
from imagesetter.selection.sources import Resolution, Resolved
from imagesetter.update.files import update_files
from imagesetter.update.lock import update_lock
from imagesetter.update.read_tree import read_tree
from krm_functions.result import Result
from tools import require_tool

WEB = PolicyName("apps", "web")
CATALOG = catalog_of(AUTOMATION.replace("./deploy", ".") + policy("web"))
NEWEST = "1.0.999"
DIGEST = f"sha256:{'a' * 64}"
LOCK = """\
apiVersion: imagesetter.dev/v1alpha1
kind: ImageLock
metadata: {name: images}
spec:
  released:
RELEASED
  entries:
    - image: registry.example.com/web
      digest: DIGEST
      inputs: DIGEST
      candidates: 1
      changed: "2026-01-01T00:00:00Z"
      policy: apps:web
      tag: 1.0.PATCH
"""
RELEASED = """\
    - policy: apps:web
      since: "2026-01-01T00:00:00.%dZ"
"""


@dataclass(frozen=True)
class Step:
    """One commit of the branch, as the model sees it: who made it, the patch of the tag before and after it."""

    by_bot: bool
    old: int
    new: int
    releases: bool = False
    merge: bool = False


class Story:
    """A repository, and the model of its branch."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.steps: list[Step] = []
        self.told: list[str] = []
        self.highest = self.count = 0
        self.git("init", "-q", "-b", "main", "--template=")
        self.git("remote", "add", "origin", ".")
        self.set(0, by_bot=False)

    def git(self, *arguments: str, by_bot: bool = False) -> str:
        name = "fluxbot" if by_bot else "jane"
        person = ("-c", f"user.name={name}", "-c", f"user.email={name}@example.com", "-c", "core.fsync=none")
        done = subprocess.run(
            ["git", *person, *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{self.told}\ngit {arguments}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def commit(self, *, by_bot: bool) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change", by_bot=by_bot)

    def tag(self) -> int:
        return int((self.folder / "web.yaml").read_text().partition(":1.0.")[2].partition(" ")[0])

    def set(self, patch: int, *, by_bot: bool) -> None:
        self.write("web.yaml", image("web", f"1.0.{patch}"))
        self.write_lock(patch)
        self.commit(by_bot=by_bot)

    def write_lock(self, patch: int, released: str = "") -> None:
        path = self.folder / "images.lock.yaml"
        before = (
            path.read_text().partition("  released:\n")[2].partition("\n  entries:")[0] if path.exists() else "    []"
        )
        text = LOCK.replace("RELEASED", released or before).replace("DIGEST", DIGEST)
        self.write("images.lock.yaml", text.replace("PATCH", str(patch)))

    def act(self) -> None:
        """One random act, in git and in the model."""
        acts = [
            "bump",
            "bump",
            "edit",
            "revert",
            "revert",
            "reset",
            "squash",
            "rebase",
            "pick",
            "merge",
            "release",
            "noise",
        ]
        act = self.random.choice(acts)
        before = self.tag()
        self.told.append(act)
        step = getattr(self, f"_{act}")(before)
        if step:
            self.steps.append(step)
        self.told[-1] = f"{act} → 1.0.{self.tag()}"

    def _bump(self, before: int) -> Step:
        self.highest += 1
        self.set(self.highest, by_bot=True)
        return Step(True, before, self.highest)

    def _edit(self, before: int) -> Step:
        self.set(self.random.randint(0, self.highest), by_bot=False)
        return Step(False, before, self.tag())

    def _revert(self, before: int) -> Step | None:
        if not self.steps or self.steps[-1].merge or self.steps[-1].old == self.steps[-1].new:
            return None
        self.git("revert", "--no-edit", "HEAD", by_bot=self.random.random() < 0.2)  # even with the automation's name
        releases = self.steps[-1].releases
        return Step(False, before, self.tag(), releases)

    def _reset(self, before: int) -> None:
        if self.steps:
            self.steps.pop()
            self.git("reset", "-q", "--hard", "HEAD~1")

    def _squash(self, before: int) -> Step | None:
        if len(self.steps) < 2:
            return None
        second, first = self.steps.pop(), self.steps.pop()
        self.git("reset", "-q", "--soft", "HEAD~2")
        self.commit(by_bot=False)
        return Step(False, first.old, second.new, first.releases or second.releases)

    def _rebase(self, before: int) -> None:
        """A person's rebase: the author stays, the committer does not."""
        count = min(self.random.randint(1, 3), len(self.steps))
        if not count or any(step.merge for step in self.steps[-count:]):
            return
        self.git("rebase", "-q", "--force-rebase", f"HEAD~{count}")
        self.steps[-count:] = [Step(False, step.old, step.new, step.releases) for step in self.steps[-count:]]

    def _pick(self, before: int) -> Step | None:
        """An older commit of the automation, picked by a person."""
        found = [number for number, step in enumerate(self.steps) if step.by_bot and not step.merge]
        if not found:
            return None
        number = self.random.choice(found)
        self.git("cherry-pick", "-X", "theirs", "--keep-redundant-commits", f"HEAD~{len(self.steps) - 1 - number}")
        return Step(False, before, self.tag())

    def _merge(self, before: int) -> Step:
        """A branch that is merged by a person: the commit on it says who changed the tag."""
        by_bot = self.random.random() < 0.5
        self.git("checkout", "-q", "-b", f"side{len(self.told)}")
        if by_bot:
            self.highest += 1
            self.set(self.highest, by_bot=True)
        else:
            self.set(self.random.randint(0, self.highest), by_bot=False)
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--no-ff", "-m", "merge", f"side{len(self.told)}")
        return Step(by_bot, before, self.tag(), merge=True)

    def _release(self, before: int) -> Step:
        self.count += 1
        self.write_lock(before, RELEASED.rstrip() % self.count)
        self.commit(by_bot=False)
        return Step(False, before, before, releases=True)

    def _noise(self, before: int) -> Step:
        self.write("other.txt", str(len(self.told)))
        self.commit(by_bot=self.random.random() < 0.5)
        return Step(False, before, before)

    def expected(self) -> str:
        """The tag from which a person went back to the present one; empty if the automation may go on."""
        present = self.tag()
        for number in reversed(range(len(self.steps))):
            step = self.steps[number]
            if step.old == step.new:
                continue
            if step.by_bot:
                return ""
            if step.old > present:
                return "" if any(later.releases for later in self.steps[number:]) else f"1.0.{step.old}"
        return ""

    def automate(self) -> tuple[str, list[str]]:
        """The tag that `automate` would push, and what it says."""
        answers = Answers({"web": NEWEST})
        options = AutomationOptions(dry_run=True)
        automation = read_automation(CATALOG, PolicyName("apps", "auto"))
        done = run_automation(automation, CATALOG, answers.make, self.folder, options)
        new = [change.new for commit in done.commits for change in commit.changes]
        return new[0].rpartition(":")[2] if new else f"1.0.{self.tag()}", told(done.results)

    def update(self) -> tuple[str, list[str]]:
        """The same for `update`."""
        tree = read_tree([self.folder])
        done = update_files(
            tree,
            lambda fields: Answers({"web": NEWEST}),
            guards_of=lambda fields: [field_guard(tree, CATALOG, fields, self.folder)],
        )
        new = [change.ref.tag for change in done.changes]
        return new[0] if new else f"1.0.{self.tag()}", told(done.results)

    def lock(self) -> tuple[str, list[str]]:
        """The same for the entry of `lock`."""
        path = self.folder / "images.lock.yaml"
        history = checkout_history(read_tree([self.folder]), CATALOG, directory=self.folder)
        assert history

        def stays(old: LockEntry, new: LockEntry) -> Result | None:
            found = history.entry_revert(path, old)
            return Result(f"stays at {found.new}: {found}", severity="warning") if found else None

        locked = update_lock(CATALOG, parse_lock(path.read_text(), "lock"), Pinned(), now=0, stays=stays)
        return locked.entries[WEB].tag, told(locked.results)


class Pinned:
    """The newest tag with a digest, as a lock needs it."""

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        return {name: Resolved(LatestRef("registry.example.com/web", NEWEST, DIGEST)) for name in names}


def told(results: Iterable[Result]) -> list[str]:
    """From which tags it is said that somebody set something back."""
    return [found[1] for result in results if (found := re.search(r"set it back from (\S+) on", result.message))]


def check(seed: int, folder: Path) -> bool:
    """Check one history; returns whether somebody's revert was in force."""
    story = Story(folder, seed)
    for _ in range(story.random.randint(2, 10)):
        story.act()
    held_from = story.expected()
    expected = (f"1.0.{story.tag()}", [held_from]) if held_from else (NEWEST, [])
    for name in ("automate", "update", "lock"):
        assert getattr(story, name)() == expected, f"seed {seed}, {name}: {story.told}"
    return bool(held_from)


@pytest.mark.parametrize("seed", range(6))
def test_each_command_goes_on_exactly_where_no_revert_is_in_force_and_says_so_elsewhere(
    seed: int, tmp_path: Path
) -> None:
    require_tool("git")
    check(seed, tmp_path)


if __name__ == "__main__":
    count, first = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    held = 0
    for number in range(first, first + count):
        with tempfile.TemporaryDirectory() as name:
            held += check(number, Path(name))
        if number % 50 == 49:
            print(f"{number + 1 - first} histories, {held} with a revert in force", flush=True)
    print(f"{count} histories, {held} with a revert in force")
