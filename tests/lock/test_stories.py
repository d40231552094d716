"""What people see over several days: one golden text a story, through lock, update and explain.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write `tests/lock/stories/` anew, and read the diff before committing it.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.sandbox import APP, POLICIES, POLICY, REPOSITORY, Sandbox
from tools import require_tool

STORIES = Path(__file__).parent / "stories"
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"


PINNED = f"""\
image: registry.example.com/web:1.4.0@sha256:{"c" * 64} # {{"$imagepolicy": "flux-system:web"}}
values:
  tag: 1.4.0@sha256:{"c" * 64} # {{"$imagepolicy": "flux-system:web:tag"}}
beside:
  tag: 1.4.0 # {{"$imagepolicy": "flux-system:web:tag"}}
  digest: sha256:{"c" * 64}
"""
UNFIT = """\
images:
  - name: web
    newTag: 1.4.0 # {"$imagepolicy": "flux-system:web"}
  - name: web-canary
    newTag: 1.4.0 # {"$imagepolicy": "flux-system:web:tag"}
"""
BROKEN = """\
{{ if .x }}
image: registry.example.com/web:1 # {"$imagepolicy": "flux-system:web"}
"""


@dataclass
class Story:
    """A sandbox whose commands are written down, with what they print and what they change."""

    sandbox: Sandbox
    lines: list[str] = field(default_factory=list)

    def day(self, day: str, what: str) -> None:
        self.sandbox.day(day)
        self.lines += ["", f"## {day}: {what}"]

    def run(self, *arguments: str) -> None:
        before = self._files()
        ran = self.sandbox.run(*arguments)
        shown = [f"'{each}'" if " " in each else each for each in arguments]
        self.lines += ["", f"$ imagesetter {' '.join(shown)}", *ran.out.splitlines(), *ran.err.splitlines()]
        if ran.status:
            self.lines.append(f"[exit {ran.status}]")
        after = self._files()
        for name in sorted(after):
            old, new = (side.get(name, "").splitlines() for side in (before, after))
            changes = list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]
            lines = [line for line in changes if not line.startswith("@@")]
            self.lines += [f"| {name}", *(f"|   {line}" for line in lines)] if lines else []

    def everything(self) -> None:
        """What a pull request bot does each night, and what its reader asks."""
        self.run("lock")
        self.run("update", "--from", "lock")
        self.run("explain", "web", "--limit", "0")

    def _files(self) -> dict[str, str]:
        root = self.sandbox.root
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.yaml")}

    @property
    def text(self) -> str:
        text = re.sub(r"sha256:([0-9a-f]{8})[0-9a-f]{56}", r"sha256:\1…", "\n".join(self.lines))
        return f"{text.strip()}\n"


def downgrade(story: Story) -> None:
    registry = story.sandbox.registry
    story.day("2026-03-01", "1.5.0 is there")
    registry.push("1.5.0")
    story.everything()
    story.day("2026-03-02", "the registry answers without it")
    registry.delete("1.5.0")
    story.everything()
    story.run("update")
    story.run("lock", "--strict")
    story.day("2026-03-03", "it was deleted on purpose, and somebody says so")
    story.run("lock", "--allow-downgrade")
    story.run("update", "--from", "lock")


def narrowed(story: Story) -> None:
    sandbox = story.sandbox
    story.day("2026-03-01", "1.5.0 is there")
    sandbox.registry.push("1.5.0")
    story.everything()
    story.day("2026-03-02", "1.5 is not wanted yet, and the policy says so")
    sandbox.write("policies.yaml", POLICIES.replace("range: 1.x", "range: 1.4.x"))
    story.run("update", "--check")
    story.run("update", "--from", "lock")
    story.everything()
    story.run("explain", "web", "--tag", "1.5.0", "--limit", "0")
    story.day("2026-03-03", "1.4.1 comes, and is gone before the day is over")
    sandbox.registry.push("1.4.1")
    story.everything()
    sandbox.registry.delete("1.4.1")
    story.everything()


def pinned(story: Story) -> None:
    sandbox = story.sandbox
    sandbox.write("app.yaml", PINNED)
    story.day("2026-03-01", "1.5.0 is there, and the policy reflects no digest")
    sandbox.registry.push("1.5.0")
    story.run("update")
    story.day("2026-03-02", "1.5.0 is pushed again, and 1.6.0 with it; the lock records its digest")
    sandbox.registry.push("1.5.0", content="rebuilt")
    story.run("update")
    sandbox.registry.push("1.6.0")
    story.run("lock")
    story.run("update", "--from", "lock")
    story.day("2026-03-03", "a status of a cluster has no digest")
    status = "status: {latestRef: {name: registry.example.com/web, tag: 1.7.0}}\n"
    sandbox.write("policies.yaml", POLICIES + status)
    story.run("update", "--from", "status")
    story.run("update", "--from", "status", "--strict")
    story.run("update", "--from", "status", "--allow-unpin")


def held_up(story: Story) -> None:
    sandbox = story.sandbox
    sandbox.registry.push("1.5.0")
    story.day("2026-03-01", "one marker is dead, one does not fit, and one file is broken")
    sandbox.write("dead.yaml", 'image: registry.example.com/api:1 # {"$imagepolicy": "flux-system:api"}\n')
    sandbox.write("kustomization.yaml", UNFIT)
    sandbox.write("broken.yaml", BROKEN)
    story.run("update", "--on-error", "fail")
    story.run("update", "--check")
    story.run("update")
    story.run("update")
    story.day("2026-03-02", "they are right")
    sandbox.write("kustomization.yaml", UNFIT.replace('system:web"', 'system:web:tag"'))
    for name in ("dead.yaml", "broken.yaml"):
        (sandbox.root / name).unlink()
    story.run("update")


def hold(story: Story) -> None:
    registry = story.sandbox.registry
    story.day("2026-03-01", "1.4.2 is there")
    registry.push("1.4.1", "1.4.2")
    story.everything()
    story.day("2026-03-02", "it crashes")
    story.run("hold", "web", "--exclude-tag", "1.4.2", "--reason", "crashes on start", "--until", "2026-03-05")
    story.run("update", "--from", "lock")
    story.everything()
    story.run("explain", "web", "--tag", "1.4.2")
    story.day("2026-03-04", "1.4.3 is there")
    registry.push("1.4.3")
    story.everything()
    story.day("2026-03-05", "the hold is over")
    story.everything()
    story.run("unhold", "web")
    story.run("lock")


def rollback(story: Story) -> None:
    require_tool("git")
    registry, root = story.sandbox.registry, story.sandbox.root

    def commit() -> None:
        person = ("-c", "user.name=Jane", "-c", "user.email=jane@example.com")
        subprocess.run(["git", "add", "-A"], cwd=root, check=True)
        subprocess.run(["git", *person, "commit", "-q", "-m", "change"], cwd=root, check=True)

    subprocess.run(["git", "init", "-q", "--template="], cwd=root, check=True)
    commit()
    story.day("2026-03-01", "1.4.1 is there, and a day later 1.4.2")
    for tag in ("1.4.1", "1.4.2"):
        registry.push(tag)
        story.sandbox.run("lock")
        story.sandbox.run("update", "--from", "lock")
        commit()
        story.sandbox.day("2026-03-02")
    story.day("2026-03-03", "it crashes")
    story.run("rollback", "web", "--reason", "crashes on start")
    commit()
    story.day("2026-03-04", "1.4.3 is there, and 1.4.1 crashes as well")
    registry.push("1.4.3")
    story.everything()
    story.run("rollback", "web", "--reason", "crashes, too")
    commit()
    story.day("2026-03-05", "1.4.3 is tested")
    story.run("unhold", "web")
    story.everything()


def age(story: Story) -> None:
    sandbox = story.sandbox
    sandbox.write(
        "policies.yaml", POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
    )
    story.day("2026-03-01", "a first lock takes what is there")
    story.everything()
    story.day("2026-03-02", "1.5.0 is there")
    sandbox.registry.push("1.5.0")
    story.everything()
    story.day("2026-03-04", "1.5.0 is pushed again, and 1.5.1 with it")
    sandbox.registry.push("1.5.0", content="rebuilt")
    sandbox.registry.push("1.5.1")
    story.everything()
    story.day("2026-03-05", "the first sight of 1.5.0 is three days ago, but it was other content")
    story.everything()
    story.day("2026-03-07", "1.5.1 is three days old")
    story.everything()


def soak(story: Story) -> None:
    sandbox = story.sandbox
    staging = POLICY.replace("name: web\n  namespace", "name: staging\n  namespace")
    follower = POLICY.replace("{}", "{imagesetter.dev/follows: staging, imagesetter.dev/soak: 48h}")
    story.day("2026-03-01", "web follows staging, after 48 hours")
    sandbox.write("policies.yaml", f"{REPOSITORY}---\n{staging}---\n{follower}")
    story.run("lock")
    story.day("2026-03-03", "1.4.0 has soaked, and 1.5.0 comes")
    sandbox.registry.push("1.5.0")
    story.everything()
    story.day("2026-03-04", "1.5.0 is young, and 1.5.1 takes its place")
    sandbox.registry.push("1.5.1")
    story.everything()
    story.day("2026-03-06", "1.5.1 has soaked")
    story.everything()


def ledger(story: Story) -> None:
    sandbox = story.sandbox
    aged = POLICIES.replace("annotations: {}", "annotations: {imagesetter.dev/minimum-age: 3d}")
    (sandbox.root / "policies.yaml").unlink()
    (sandbox.root / "app.yaml").unlink()
    story.day("2026-03-01", "two clusters, each with a lock of its own")
    for cluster in ("east", "west"):
        sandbox.write(f"clusters/{cluster}/policies.yaml", aged)
        sandbox.write(f"clusters/{cluster}/app.yaml", APP)
        story.run("lock", f"clusters/{cluster}", "--ledger", "ledger.yaml")
    story.day("2026-03-02", "1.5.0 is pushed, and the east sees it at once")
    sandbox.registry.push("1.5.0")
    story.run("lock", "clusters/east", "--ledger", "ledger.yaml")
    story.day("2026-03-04", "the west sees it two days later, and counts from the first of them")
    story.run("lock", "clusters/west", "--ledger", "ledger.yaml")
    story.run("explain", "web", "--policies", "clusters/west", "--ledger", "ledger.yaml", "--limit", "0")
    story.day("2026-03-05", "1.5.0 is old enough for both")
    for cluster in ("east", "west"):
        story.run("lock", f"clusters/{cluster}", "--ledger", "ledger.yaml")
        story.run("update", f"clusters/{cluster}", "--from", "lock")


def newest(story: Story) -> None:
    sandbox = story.sandbox
    sandbox.registry.push("sha-9a41")
    sandbox.write("app.yaml", APP.replace("1.4.0", "sha-9a41"))
    policies = POLICIES.replace("{}", "{imagesetter.dev/newest: pushed}").replace(
        "semver: {range: 1.x}", "alphabetical: {}"
    )
    sandbox.write("policies.yaml", f"{policies}  filterTags: {{pattern: '^sha-'}}\n")
    story.day("2026-03-01", "a first lock takes the only tag")
    story.everything()
    story.day("2026-03-02", "sha-1b07 is pushed, which ranks lower by its name")
    sandbox.registry.push("sha-1b07")
    story.everything()
    story.run("explain", "web", "--tag", "sha-9a41", "--limit", "0")
    story.day("2026-03-03", "sha-1b07 is deleted")
    sandbox.registry.delete("sha-1b07")
    story.everything()
    story.day("2026-03-04", "on purpose, and somebody says so; a run without a lock has no order")
    story.run("lock", "--allow-downgrade")
    story.run("update", "--from", "lock")
    story.run("update")


def moved_tag(story: Story) -> None:
    sandbox = story.sandbox
    story.day("2026-03-01", "a first lock")
    story.everything()
    story.day("2026-03-02", "somebody pushes 1.4.0 again")
    sandbox.registry.push("1.4.0", content="something else")
    story.everything()
    story.run("lock", "--check")
    story.run("explain", "web", "--digest", "--limit", "0")
    story.day("2026-03-03", "the policy says that its tags are meant to move")
    sandbox.write("policies.yaml", POLICIES + "  digestReflectionPolicy: Always\n  interval: 10m\n")
    story.run("update", "--from", "lock")
    story.everything()


def clusters(story: Story) -> None:
    """Two clusters whose policies have one name: each file follows the policy, the lock and the holds of its own."""
    sandbox = story.sandbox
    (sandbox.root / "policies.yaml").unlink()
    (sandbox.root / "app.yaml").unlink()
    (sandbox.root / ".git").mkdir()
    for cluster, policies in {"dev": POLICIES, "prod": POLICIES.replace("1.x", "1.4.x")}.items():
        sandbox.write(f"clusters/{cluster}/policies.yaml", policies)
        sandbox.write(f"clusters/{cluster}/app.yaml", APP)
    story.day("2026-03-01", "both are updated from the top")
    sandbox.registry.push("1.4.1", "1.5.0")
    story.run("lint")
    story.run("lock")
    story.run("lock", "--check")
    story.run("update", "--from", "lock")
    story.run("update", "--check")
    story.run("explain", "web")
    story.run("explain", "web", "--policies", "clusters/prod", "--limit", "0")
    story.day("2026-03-02", "a hook is given one file, and another cluster's policy")
    sandbox.write("clusters/prod/app.yaml", APP)
    story.run("update", "--from", "lock", "clusters/prod/app.yaml", "clusters/dev/policies.yaml")
    story.day("2026-03-03", "production gets a lock of its own, with a hold")
    sandbox.write("images.lock.yaml", "")
    (sandbox.root / "images.lock.yaml").unlink()
    story.run("lock", "clusters/prod")
    lock = ("--lock-file", "clusters/prod/images.lock.yaml")
    story.run("hold", "web", "--exclude-tag", "1.4.1", "--reason", "crashes on start", *lock)
    story.run("lock", "clusters/prod")
    story.run("lock", "clusters/dev")
    story.run("update", "--from", "lock")
    story.run("explain", "web", "--policies", "clusters/dev", "--limit", "0")
    story.run("explain", "web", "--policies", "clusters/prod", "--limit", "0")
    story.day("2026-03-04", "a file that is as near to one as to the other")
    sandbox.write("apps/app.yaml", APP)
    story.run("update", "--check", "--from", "lock")
    story.run("lint")
    story.run("update", "--from", "lock", "apps", "clusters/dev")


@pytest.mark.parametrize(
    "tell",
    [downgrade, narrowed, pinned, held_up, hold, rollback, age, ledger, soak, newest, moved_tag, clusters],
    ids=lambda tell: str(tell.__name__),
)
def test_a_story_is_told_in_these_words(tell: Callable[[Story], None], sandbox: Sandbox) -> None:
    story = Story(sandbox)
    tell(story)
    golden = STORIES / f"{tell.__name__.replace('_', '-')}.txt"
    if UPDATE:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(story.text, encoding="utf-8")
    assert story.text == golden.read_text(encoding="utf-8")
