"""Servers that keep us waiting, and an input that asks us to wait: a run ends by its deadline, whatever they do."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from git.conftest import Bench, begun, bench  # noqa: F401 - fixtures
from git.test_run import error
from imagesetter.cli.main import main
from imagesetter.errors import Unreachable
from imagesetter.git.command import time_limit as git_time_limit
from imagesetter.git.run import AutomationOptions
from imagesetter.registry.client import Client, ClientSettings
from imagesetter.registry.http.limits import Clock, run_deadline
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.workers import Task, run_tasks
from krm_functions.errors import ReportedError
from support.clocks import FakeClock
from support.fakes import Reply, Seen, run_fake
from support.scanning import scan_all
from support.silent import run_silent
from support.waiting import PATIENCE

FOREVER = "999999s"
NAMED = "the run's deadline of 1 s has passed"


def package(folder: Path, host: str, count: int, timeout: str = FOREVER) -> None:
    """Marked fields that follow policies, each with a repository of its own on one host."""
    flux: dict[str, Any] = {"apiVersion": "image.toolkit.fluxcd.io/v1"}
    documents = []
    for number in range(count):
        meta = {"name": f"app{number}", "namespace": "apps"}
        repository = {"image": f"{host}/app{number}", "interval": "5m", "timeout": timeout}
        policy = {"imageRepositoryRef": {"name": f"app{number}"}, "policy": {"semver": {"range": "1.x"}}}
        documents += [{**flux, "kind": "ImageRepository", "metadata": meta, "spec": repository}]
        documents += [{**flux, "kind": "ImagePolicy", "metadata": meta, "spec": policy}]
    (folder / "policies.yaml").write_text("\n---\n".join(map(json.dumps, documents)))
    fields = "".join(
        f'image{number}: {host}/app{number}:1.0.0 # {{"$imagepolicy": "apps:app{number}"}}\n' for number in range(count)
    )
    (folder / "fields.yaml").write_text(fields)


def policies_in(line: str) -> int:
    """How many policies a line names that failed by the deadline: one, and those that have the same failure."""
    if NAMED not in line:
        return 0
    same = re.search(r" \(the same for (.*?)(?: and (\d+) more)?\)$", line)
    others = same[1].split(", ") if same else []
    names = [*re.findall(r"apps:app\d+", line.partition(NAMED)[0])[:1], *others]
    assert len(set(names)) == len(others) + 1, line
    return len(names) + int((same and same[2]) or 0)


@pytest.mark.parametrize("drops", [False, True], ids=["silent", "in-drops"])
@pytest.mark.parametrize("command", ["update --check", "lock"])
def test_a_run_ends_by_its_deadline_however_many_repositories_keep_it_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, drops: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    with run_silent(drops=drops) as server:
        package(tmp_path, server.host, 40)
        arguments = ["--no-cache", "--deadline", "1s", "--allow-registry", server.host]
        assert main([*command.split(), *arguments]) == 1
        accepted = len(server.connections)
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert sum(map(policies_in, said.splitlines())) == 40, f"each policy has its error: {said}"
    assert "--deadline, or IMAGESETTER_DEADLINE" in said
    assert accepted <= 16, "who was not asked by then is not asked"


def test_the_operators_timeout_is_the_upper_bound_of_the_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with run_silent() as server:
        package(tmp_path, server.host, 1)
        arguments = ["--no-cache", "--timeout", "1s", "--allow-registry", server.host]
        assert main(["update", *arguments]) == 1
    said = capsys.readouterr().err
    assert "did not respond in time" in said
    assert "deadline of" not in said, "it was the limit of one repository"
    assert "--timeout, which is its upper bound" in said


@pytest.mark.parametrize(
    ("asked", "operator", "seconds"),
    [
        pytest.param(None, None, 60, id="nobody-says-anything"),
        pytest.param(10, None, 10, id="the-input-asks-for-less"),
        pytest.param(120, None, 120, id="the-input-asks-for-more"),
        pytest.param(999_999, None, 300, id="the-input-asks-for-days"),
        pytest.param(999_999, 20, 20, id="the-operator-has-a-limit"),
        pytest.param(10, 20, 10, id="the-input-asks-for-less-than-the-limit"),
        pytest.param(None, 900, 900, id="the-operator-gives-more"),
        pytest.param(999_999, 900, 900, id="the-operator-gives-more-and-the-input-asks-for-days"),
    ],
)
def test_registries_and_git_servers_get_what_the_input_asks_for_up_to_the_operators_limit(
    asked: float | None, operator: float | None, seconds: float
) -> None:
    assert git_time_limit(asked, operator) == seconds
    assert Client(ClientSettings(timeout=operator))._seconds(ScanOptions(timeout=asked)) == seconds


def silent_behind(kind: str, silent: str) -> Any:
    """A registry that sends us on to a silent server."""

    def respond(seen: Seen) -> Reply:
        match kind:
            case "token server":
                return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="http://{silent}/token",service="s"'})
            case "blob" if seen.method == "HEAD":
                return Reply(405)
            case "blob":
                return Reply(307, b"", {"Location": f"http://{silent}/blob"})
            case "retry after":
                return Reply(503, b"", {"Retry-After": "999999"})
            case _:
                return Reply(503, b"")

    return respond


@pytest.mark.parametrize("kind", ["token server", "blob", "failing"])
def test_whoever_a_registry_sends_us_to_has_no_more_time_than_the_run(kind: str) -> None:
    with run_silent() as silent, run_fake(silent_behind(kind, silent.host)) as fake:
        questions = [(parse_flux_image(f"{fake.host}/app{n}"), f"1.{n}", ScanOptions(timeout=9e5)) for n in range(20)]
        with Client(ClientSettings(deadline=1)) as client:
            found = client.digest_all(questions)
        assert len(silent.connections) <= 16
    assert all(isinstance(each, ReportedError) for each in found)
    if kind != "failing":
        assert all(NAMED in str(each) for each in found)


def test_a_registry_that_asks_for_a_pause_of_days_is_not_obeyed() -> None:
    clock = FakeClock()
    with run_fake(silent_behind("retry after", "")) as fake, Client(ClientSettings(clock=clock)) as client:
        (found,) = scan_all(client, [(parse_flux_image(f"{fake.host}/app"), ScanOptions(timeout=9e5))])
        assert len(fake.seen) == 1
    assert "asked to wait 278 h" in str(found)
    assert clock.waits == []


def test_nobody_waits_for_a_job_that_does_not_look_at_the_clock() -> None:
    """A name server or a credential helper may keep a thread; the run goes on without it."""
    held = threading.Event()
    jobs = [Task("slow", lambda: held.wait(PATIENCE)), *[Task("slow", lambda: True)] * 3, Task("quick", lambda: True)]
    running = run_tasks(jobs, lambda host: 1, lambda: None, run_deadline(Clock(), 1))
    found = dict(running)
    held.set()
    assert found.pop(4) is True
    assert sorted(found) == [0, 1, 2, 3]
    assert all(isinstance(each, Unreachable) and NAMED in str(each) for each in found.values())


def test_after_the_deadline_nothing_is_asked() -> None:
    clock = FakeClock()
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0"]})) as fake:
        with Client(ClientSettings(clock=clock, deadline=600)) as client:
            image = parse_flux_image(f"{fake.host}/app")
            assert client.scan(image).tags == ("1.0",)
            clock.now += 601
            with pytest.raises(Unreachable, match=r"the run's deadline of 10 min has passed"):
                client.scan(image)
        assert len(fake.seen) == 1


# --- Git -------------------------------------------------------------------------------------------------------------


def test_a_silent_git_server_ends_with_the_runs_deadline(bench: Bench) -> None:  # noqa: F811
    with run_silent() as server:
        url = f"http://{server.host}/repo.git"
        message = error(bench.run(url=url, options=AutomationOptions(deadline=run_deadline(Clock(), 1))))
        again = error(bench.run(url=url, options=AutomationOptions(deadline=run_deadline(FakeClock(), 0))))
        assert len(server.connections) == 1
    assert message.startswith(f"git ls-remote did not end in time: {NAMED}")
    assert "the run's deadline of 0 s has passed" in again


def test_a_push_to_a_server_that_falls_silent_ends(bench: Bench) -> None:  # noqa: F811
    """The hook of a server that never ends is what `git push` waits for."""
    bench.remote.hook("pre-receive", "sleep 600\n")
    run = bench.run(options=AutomationOptions(timeout=5, sleep=lambda seconds: None))
    assert "git push was stopped after 5 s" in error(run)
    assert bench.remote.subjects() == ["begin"]


def test_a_git_repositorys_timeout_has_the_operators_limit_above_it(bench: Bench) -> None:  # noqa: F811
    with run_silent() as server:
        url = f'http://{server.host}/repo.git", timeout: "{FOREVER}'
        message = error(bench.run(url=url, options=AutomationOptions(timeout=1)))
    assert "was stopped after 1 s" in message
    assert "(at most --git-timeout)" in message


# --- what the operator may say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--timeout", "--deadline"])
@pytest.mark.parametrize("text", ["0s", "25h", "2562047h", "soon", "-1s"])
def test_a_limit_that_is_none_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("a: b\n")
    assert main(["update", option, text]) == 2
    assert option in capsys.readouterr().err


def test_the_function_has_the_deadline_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    with run_silent() as server:
        monkeypatch.setenv("IMAGESETTER_DEADLINE", "1s")
        monkeypatch.setenv("IMAGESETTER_ALLOW_REGISTRY", server.host)
        monkeypatch.setenv("IMAGESETTER_NO_CACHE", "1")
        package(tmp_path, server.host, 12)
        policies = [json.loads(text) for text in (tmp_path / "policies.yaml").read_text().split("\n---\n")]
        listing = {"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": policies}
        fields = "".join(f"\n    {line}" for line in (tmp_path / "fields.yaml").read_text().splitlines())
        item = f"\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: c}}\n  data:{fields}\n"
        text = "items:" + item + "".join(f"- {json.dumps(each)}\n" for each in policies)
        del listing["items"]
        (tmp_path / "list.yaml").write_text("".join(f"{key}: {value}\n" for key, value in listing.items()) + text)
        assert main(["fn", str(tmp_path / "list.yaml")]) == 1
        assert len(server.connections) <= 16
    assert capsysbinary.readouterr().out.decode().count(NAMED) >= 12
