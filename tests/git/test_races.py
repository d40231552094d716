"""Others push while an automation is at work, and runs that die: no commit is lost, and none is made twice."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

import pytest

from e2e.conftest import Stage
from git.conftest import (
    AUTOMATION,
    GIT_REPOSITORY,
    Answers,
    Bench,
    Repository,
    catalog_of,
    image,
    leftovers,
    policy,
)
from git.test_run import error
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import read_automation
from imagesetter.git.run import TRIES, AutomationOptions, run_automation
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.selection.sources import Digests, Resolution, Resolved
from support.waiting import wait_until

ROUNDS = 5


def test_a_push_that_comes_second_is_done_again_on_the_new_head(bench: Bench) -> None:
    others = iter([True])
    asked: list[PolicyName] = []

    def before() -> None:
        if next(others, False):
            bench.remote.commit({"other.txt": "x"}, message="somebody else")

    waited: list[float] = []
    result = bench.run(before=before, asked=asked, options=AutomationOptions(sleep=waited.append))
    assert result.status == "pushed"
    assert bench.remote.subjects() == ["Update from image update automation", "somebody else", "begin"]
    assert len(waited) == 1
    assert asked == [PolicyName("apps", "web")], "no registry is asked again for what is known"


def test_work_that_somebody_else_has_done_meanwhile_is_not_done_twice(bench: Bench) -> None:
    others = iter([True])

    def before() -> None:
        if next(others, False):
            bench.remote.commit({"deploy/web.yaml": image("web", "1.0.1")}, message="somebody else")

    assert bench.run(before=before).status == "up to date"
    assert bench.remote.subjects() == ["somebody else", "begin"]


DIGESTS = {tag: f"sha256:{letter * 64}" for tag, letter in (("1.0.0", "a"), ("1.0.1", "b"), ("fixed", "c"))}


@dataclass
class PinsWhereNeeded:
    """Answers with a digest for pinned fields only, as a registry gives them to a policy that reflects none."""

    bench: Bench
    meanwhile: list[dict[str, str]]
    """What somebody pushes before each try."""
    reflects: bool = False
    asked: list[PolicyName] = dataclass_field(default_factory=list)
    digests: Digests | None = None

    def make(self, catalog: Catalog, digests: Digests) -> PinsWhereNeeded:
        self.digests = digests
        return self

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        assert self.digests
        wanted = list(names)
        self.asked += wanted
        if self.meanwhile:  # after the tree was read
            self.bench.remote.commit(self.meanwhile.pop(0), message="somebody else")
        found: dict[PolicyName, Resolution] = {}
        for name in wanted:
            ref = LatestRef(f"registry.example.com/{name.name}", "1.0.1")
            digest = self.digests.known(name, ref) or DIGESTS["1.0.1"]
            pin = digest if self.digests.needed(name, ref) else ""
            found[name] = Resolved(ref._replace(digest=digest if self.reflects else ""), pin=pin)
        return found

    def run(self) -> AutomationRunResult:
        repository = GIT_REPOSITORY.replace("URL", self.bench.remote.url)
        catalog = catalog_of(AUTOMATION + policy("web") + policy("api") + repository)
        options = AutomationOptions(
            sleep=lambda seconds: None, address_rules=GitAddressRules.parse(("file:///",)), per="policy"
        )
        automation = read_automation(catalog, PolicyName("apps", "auto"))
        return run_automation(automation, catalog, self.make, self.bench.directory, options)


def pinned(tag: str, digest: str = "", name: str = "web") -> str:
    return image(name, f"{tag}@{DIGESTS[digest or tag]}")


RETRIED = {
    "a pin that came meanwhile": (image("web"), pinned("1.0.0"), False, pinned("1.0.1")),
    "a pin that went meanwhile": (pinned("1.0.0"), image("web", "1.0.0"), False, image("web", "1.0.1")),
    "another digest of the same tag, by hand": (
        pinned("1.0.1"),
        pinned("1.0.1", "fixed"),
        True,
        pinned("1.0.1", "fixed"),
    ),
}


@pytest.mark.parametrize(("first", "then", "reflects", "right"), RETRIED.values(), ids=RETRIED)
def test_a_retry_decides_by_the_pins_of_the_new_head(
    bench: Bench, first: str, then: str, reflects: bool, right: str
) -> None:
    # The other policy has a change to push in each try, and pins of its own.
    bench.remote.commit({"deploy/new.yaml": first, "deploy/api.yaml": pinned("1.0.0", name="api")})
    source = PinsWhereNeeded(bench, [{"deploy/new.yaml": then}], reflects)
    result = source.run()
    assert (result.status, result.results) == ("pushed", ())
    assert bench.remote.file("deploy/new.yaml") == right
    assert bench.remote.file("deploy/api.yaml") == pinned("1.0.1", name="api")


def test_only_a_policy_whose_pins_have_changed_is_asked_for_again(bench: Bench) -> None:
    bench.remote.commit({"deploy/web.yaml": image("web"), "deploy/api.yaml": pinned("1.0.0", name="api")})
    source = PinsWhereNeeded(bench, [{"deploy/web.yaml": pinned("1.0.0")}])
    assert source.run().status == "pushed"
    assert [each.name for each in source.asked] == ["api", "web", "web"]


def test_what_an_earlier_try_had_to_say_of_another_head_is_not_reported(bench: Bench) -> None:
    unknown = 'image: registry.example.com/old:1.0.0 # {"$imagepolicy": "apps:old"}\n'
    bench.remote.commit({"deploy/old.yaml": unknown})
    source = PinsWhereNeeded(bench, [{"deploy/old.yaml": "image: registry.example.com/old:1.0.0\n"}])
    result = source.run()
    assert (result.status, result.results) == ("pushed", ())


def test_a_remote_that_never_stands_still_ends_in_an_error_and_the_work_is_kept(bench: Bench) -> None:
    top = bench.checkout()
    waited: list[float] = []

    def before() -> None:
        bench.remote.commit({"other.txt": str(len(waited))}, message="somebody else")

    result = bench.run(clone=False, before=before, options=AutomationOptions(sleep=waited.append))
    assert f"during each of {TRIES} tries" in error(result)
    assert "kept on the local branch imagesetter/apps-auto" in error(result)
    assert len(waited) == TRIES - 1
    assert all(0 <= seconds <= 0.02 * 2**TRIES for seconds in waited)
    assert bench.remote.git("log", "-1", "--format=%an", "imagesetter/apps-auto", cwd=top) == "fluxbot"
    assert bench.remote.git("diff", "--numstat", "imagesetter/apps-auto~", "imagesetter/apps-auto", cwd=top) == (
        "1\t1\tdeploy/web.yaml"
    )
    assert bench.remote.subjects()[0] == "somebody else"


def test_a_push_that_the_server_refuses_is_told_in_its_words_and_not_repeated(bench: Bench, tmp_path: Path) -> None:
    bench.remote.hook("pre-receive", f'echo x >> "{tmp_path}/tries"\necho "main is protected" >&2\nexit 1\n')
    top = bench.checkout()
    message = error(bench.run(clone=False))
    assert "pre-receive hook declined" in message
    assert "main is protected" in message
    assert (tmp_path / "tries").read_text() == "x\n"
    assert bench.remote.git("show", "imagesetter/apps-auto:deploy/web.yaml", cwd=top) + "\n" == image("web", "1.0.1")


def test_work_of_a_clone_that_cannot_be_pushed_is_kept_in_one_folder(bench: Bench, tmp_path: Path) -> None:
    bench.remote.hook("pre-receive", "exit 1\n")
    for tag in ("1.0.1", "1.0.2"):
        message = error(bench.run(tags={"web": tag}))
    kept = tmp_path / "cache/imagesetter/unpushed/apps-auto"
    assert f"on the branch imagesetter/apps-auto in {kept}" in message
    assert (kept / "deploy/web.yaml").read_text() == image("web", "1.0.2")
    assert bench.remote.git("log", "-1", "--format=%D", cwd=kept) == "HEAD -> imagesetter/apps-auto"
    assert leftovers(bench) == []


def test_two_automations_on_one_branch_lose_no_commit(bench: Bench) -> None:
    bench.remote.commit({f"{name}/image.yaml": image(name, "1.0.0") for name in ("red", "blue")})
    problems: list[object] = []
    anywhere = AutomationOptions(address_rules=GitAddressRules.parse(("file:///",)))

    def rounds(name: str) -> None:
        text = AUTOMATION.replace("./deploy", name).replace("name: auto", f"name: {name}")
        text += policy(name) + GIT_REPOSITORY.replace("URL", bench.remote.url)
        catalog = catalog_of(text)
        one = read_automation(catalog, catalog.of_kind("ImageUpdateAutomation")[0][0])
        for number in range(1, ROUNDS + 1):
            # A run may come second every time while others push without a pause; the next interval's run mends that.
            # The other pushes no more than ROUNDS times.
            runs = (
                run_automation(one, catalog, Answers({name: f"1.0.{number}"}).make, bench.directory, anywhere)
                for _ in range(ROUNDS)
            )
            if all(done.status != "pushed" for done in runs):
                problems.append((name, number))

    threads = [threading.Thread(target=rounds, args=(name,)) for name in ("red", "blue")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    assert len(bench.remote.subjects()) == 2 * ROUNDS + 2
    for name in ("red", "blue"):
        steps = bench.remote.git("log", "--reverse", "--format=", "-p", "main", "--", f"{name}/image.yaml")
        tags = [line.split()[1].rpartition(":")[2] for line in steps.splitlines() if line.startswith("+image")]
        assert tags == [f"1.0.{number}" for number in range(ROUNDS + 1)]
    bench.remote.git("fsck", "--strict")


def killed_before_the_push(stage: Stage, top: Path) -> None:
    """Run `imagesetter automate`, and kill it with its git in the pre-push hook: the commit is made, not pushed."""
    hooks = stage.root / "hooks"
    hooks.mkdir()
    reached = stage.root / "reached"
    (hooks / "pre-push").write_text(
        f'#!/bin/sh\necho $PPID > "{reached}.part"\nmv "{reached}.part" "{reached}"\nsleep 3600\n'
    )
    (hooks / "pre-push").chmod(0o755)
    process = subprocess.Popen(
        ["imagesetter", "automate", "."],
        cwd=top,
        env={
            **stage.environment,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.hooksPath",
            "GIT_CONFIG_VALUE_0": str(hooks),
        },
    )
    wait_until(lambda: reached.exists() or process.poll() is not None)
    assert reached.exists(), process.poll()
    process.kill()
    process.wait()
    os.killpg(os.getpgid(int(reached.read_text())), signal.SIGKILL)


def test_a_run_that_is_killed_between_commit_and_push_leaves_exactly_one_commit_to_the_next(stage: Stage) -> None:
    remote = Repository(stage.root / "remote.git", stage.root / "somebody")
    stage.shell("git init -q --bare -b main remote.git", cwd=stage.root)
    example = stage.example("flux-repository")
    files = {str(path.relative_to(example)): path.read_text() for path in example.rglob("*.yaml")}
    remote.commit(files, message="begin")
    stage.shell("git clone -q remote.git checkout", cwd=stage.root)
    top = stage.root / "checkout"
    killed_before_the_push(stage, top)
    assert remote.subjects() == ["begin"]
    assert len(stage.run("git", "worktree", "list", cwd=top).stdout.splitlines()) == 2
    done = stage.run("imagesetter", "automate", ".", cwd=top)
    assert done.status == 0, str(done)
    assert len(remote.subjects()) == 2
    assert len(stage.run("git", "worktree", "list", cwd=top).stdout.splitlines()) == 1
    assert stage.run("git", "for-each-ref", "refs/imagesetter", cwd=top).stdout == ""
    done = stage.run("imagesetter", "automate", ".", cwd=top)
    assert "up to date" in done.stdout
    assert len(remote.subjects()) == 2


def test_a_lock_that_a_killed_push_left_in_the_remote_is_told_as_such(bench: Bench) -> None:
    (bench.remote.path / "refs/heads/main.lock").touch()
    done = bench.run()
    (message,) = [result.message for result in done.results]
    assert message.startswith("main is locked during each of 5 tries: the push was rejected: "), message
    assert message.endswith(
        "; if no push is under way, a killed one left the lock of the branch: remove its .lock file in the remote"
    )
