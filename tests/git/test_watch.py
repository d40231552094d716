"""Automations on their intervals: due ones run, others wait, and SIGTERM ends it cleanly."""

from __future__ import annotations

import signal
import subprocess
import threading

from e2e.conftest import Stage
from git.test_command import AUTOMATION, fleet
from imagesetter.flux.markers import PolicyName
from imagesetter.git.watch import SPREAD, jittered, watch
from support.waiting import PATIENCE, wait_until

FAST, SLOW = PolicyName("apps", "fast"), PolicyName("apps", "slow")


class Clock:
    """A clock that waiting moves."""

    def __init__(self, stop: threading.Event, end: float) -> None:
        self.now, self.end, self.stop = 0.0, end, stop

    def wait(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.end:
            self.stop.set()


def test_each_automation_runs_at_once_and_then_on_its_interval() -> None:
    stop = threading.Event()
    clock = Clock(stop, 100)
    runs: list[tuple[float, str]] = []

    def run(name: PolicyName) -> None:
        runs.append((clock.now, name.name))

    watch(lambda: {FAST: 30, SLOW: 70}, run, stop, clock=lambda: clock.now, wait=clock.wait, spread=lambda s: s)
    assert runs == [(0, "fast"), (0, "slow"), (30, "fast"), (60, "fast"), (70, "slow"), (90, "fast")]


def test_a_run_may_ask_for_another_one_before_its_interval() -> None:
    stop = threading.Event()
    clock = Clock(stop, 100)
    runs: list[float] = []

    def run(name: PolicyName) -> float | None:
        runs.append(clock.now)
        return 5 if len(runs) % 2 else None

    watch(lambda: {FAST: 30}, run, stop, clock=lambda: clock.now, wait=clock.wait, spread=lambda s: s)
    assert runs == [0, 5, 35, 40, 70, 75]


def test_an_automation_that_appears_later_runs_and_one_that_went_does_not() -> None:
    stop = threading.Event()
    clock = Clock(stop, 100)
    runs: list[tuple[float, str]] = []
    watch(
        lambda: {FAST: 40} if clock.now < 40 else {SLOW: 40},
        lambda name: runs.append((clock.now, name.name)),
        stop,
        clock=lambda: clock.now,
        wait=clock.wait,
        spread=lambda s: s,
    )
    assert runs == [(0, "fast"), (40, "slow"), (80, "slow")]


def test_after_a_stop_no_other_automation_begins() -> None:
    stop = threading.Event()
    runs: list[PolicyName] = []

    def run(name: PolicyName) -> None:
        runs.append(name)
        stop.set()

    watch(lambda: {FAST: 30, SLOW: 30}, run, stop)
    assert runs == [FAST]


def test_an_interval_is_spread_a_little() -> None:
    spread = [jittered(100) for _ in range(200)]
    assert all(100 * (1 - SPREAD) <= seconds <= 100 * (1 + SPREAD) for seconds in spread)
    assert len(set(spread)) > 20


def test_the_watch_pushes_goes_on_beside_a_failing_automation_and_ends_cleanly_on_sigterm(stage: Stage) -> None:
    remote = fleet(stage)
    text = remote.file(AUTOMATION).replace("interval: 30m", "interval: 1s\n  policyChangeDelay: 100ms")
    bad = text[text.index("apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation") :]
    remote.commit(
        {AUTOMATION: text, "clusters/bad.yaml": bad.replace("name: my-app", "name: bad").replace("./kust", "../")}
    )
    stage.run("git", "pull", "-q", cwd=stage.root / "checkout")
    process = subprocess.Popen(
        ["imagesetter", "automate", "--watch", "--no-cache"],
        cwd=stage.root / "checkout",
        env=stage.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert wait_until(lambda: len(remote.subjects()) >= 3)
    field = next(line for line in remote.file("kustomize/deployment.yaml").splitlines() if "1.0.10" in line)
    remote.commit({"kustomize/second.yaml": f"{field.strip().removeprefix('- ').replace('1.0.10', '1.0.1')}\n"})
    assert wait_until(lambda: len(remote.subjects()) >= 5)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.count("pushed") == 2
    assert "flux-system:bad: failed" in out
    assert "leaves the repository" in err
    assert err.count("flux-system:my-app: changes wait 0.1 s for more (spec.policyChangeDelay)\n") == 2
    assert "Traceback" not in err
