"""What runs tell other programs: CloudEvents, signed as Flux signs them, and metrics, read by real parsers."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from git.conftest import AUTOMATION, Bench, image, policy
from imagesetter.cli import clock
from imagesetter.cli.main import main
from imagesetter.cli.reports.metrics import LastRun, render_metrics
from imagesetter.flux.markers import PolicyName
from imagesetter.git.run_result import AutomationRunResult

STATUS = "status: {latestRef: {name: registry.example.com/web, tag: TAG}}\n"
BROKEN = 'a: [ # {"$imagepolicy": "apps:web"}\n'


class Receiver(ThreadingHTTPServer):
    """Takes events; ``got`` are their headers and bodies."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], str]] = []
        self.status = 202

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def place(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A checkout with an automation and the status of its policy, which is the working directory; it is noon."""
    set_status(bench, "1.0.1")
    bench.remote.commit({"flux/auto.yaml": AUTOMATION})
    bench.checkout()
    monkeypatch.chdir(bench.directory)
    monkeypatch.setattr(clock, "now", lambda: 1772366400.0)
    return bench


def set_status(bench: Bench, tag: str) -> None:
    bench.remote.commit({"flux/web.yaml": policy("web") + STATUS.replace("TAG", tag)})


def automate(place: Bench, *options: str) -> int:
    place.remote.git("pull", "-q", "--ff-only", cwd=place.directory)
    return main(["automate", "--from", "status", *options])


CHANGE = {
    "automation": "apps:auto",
    "action": "CommitAndPush",
    "policy": "apps:web",
    "file": "deploy/web.yaml",
    "field": "image",
    "old": "registry.example.com/web:1.0.0",
    "new": "registry.example.com/web:1.0.1",
}


def check_event(event: dict[str, object]) -> None:
    """That an event is valid, by the SDK of CloudEvents."""
    from cloudevents.core.formats.json import JSONFormat
    from cloudevents.core.v1.event import CloudEvent

    found = JSONFormat().read(CloudEvent, json.dumps(event))
    assert found.get_type() == event["type"]


def test_each_change_hold_and_error_is_an_event_in_a_file_and_a_second_run_adds_none(
    place: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "events.ndjson"
    assert automate(place, "--events", str(path)) == 0
    (event,) = map(json.loads, path.read_text().splitlines())
    check_event(event)
    commit = place.remote.git("rev-parse", "main")
    assert event == {
        "specversion": "1.0",
        "id": event["id"],
        "source": "/namespaces/apps/imageupdateautomations/auto",
        "type": "dev.imagesetter.automation.change",
        "time": "2026-03-01T12:00:00Z",
        "subject": "apps:web",
        "datacontenttype": "application/json",
        "data": {**CHANGE, "commit": commit, "branch": "main"},
    }
    assert automate(place, "--events", str(path)) == 0
    assert automate(place, "--dry-run", "--events", str(path)) == 0
    assert len(path.read_text().splitlines()) == 1
    # somebody sets it back, and a file breaks
    place.remote.commit({"deploy/web.yaml": image("web", "1.0.0"), "deploy/broken.yaml": BROKEN})
    assert automate(place, "--events", str(path)) == 1
    events = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    for each in events:
        check_event(each)
    kinds = sorted((each["type"].rpartition(".")[2], each["data"]["action"]) for each in events)
    assert kinds == [("error", "Reconcile"), ("hold", "ApplyPolicies")]
    assert len({each["id"] for each in events}) == 2


def test_events_are_posted_and_signed(place: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGESETTER_EVENTS_KEY", "s3cret")
    assert automate(place, "--events", receiver.url) == 0
    ((headers, body),) = receiver.got
    check_event(json.loads(body))
    assert headers["content-type"] == "application/cloudevents+json"
    assert headers["x-signature"] == f"sha256={hmac.new(b's3cret', body.encode(), hashlib.sha256).hexdigest()}"


def test_a_receiver_that_refuses_is_an_error_after_the_push(
    place: Bench, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.status = 500
    assert automate(place, "--events", f"{receiver.url}/t0ken?key=s3cret") == 1
    assert place.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    err = capsys.readouterr().err
    assert f"error: {receiver.url.removesuffix('/hook')} responds with 500 to an event (--events)" in err
    assert "t0ken" not in err
    assert "s3cret" not in err
    assert "x-signature" not in receiver.got[0][0]


@pytest.mark.parametrize("events", ["ftp://host/x", "https://user:pw@host/x", "https://", "https://host/a b"])
def test_a_url_that_cannot_be_used_is_refused_before_anything_runs(
    place: Bench, capsys: pytest.CaptureFixture[str], events: str
) -> None:
    assert automate(place, "--events", events) == 2
    err = capsys.readouterr().err
    assert ("where: --events" in err, "pw" in err) == (True, False), err


def samples(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type == "gauge"  # a node exporter reads the older format, which has no `info`
        for sample in family.samples:
            found[f"{sample.name.removeprefix('imagesetter_')}/{sample.labels.get('name', '')}"] = sample.value
    return found


def test_metrics_say_how_the_last_run_ended(place: Bench, tmp_path: Path) -> None:
    path = tmp_path / "imagesetter.prom"
    path.write_text("of the run before")
    assert automate(place, "--metrics", str(path)) == 0
    assert samples(path.read_text()) == {
        "build_info/": 1,
        "automation_last_run_timestamp_seconds/auto": 1772366400,
        "automation_success/auto": 1,
        "automation_suspended/auto": 0,
        "automation_changed_fields/auto": 1,
        "automation_warnings/auto": 0,
        "automation_errors/auto": 0,
    }
    place.remote.commit({"deploy/web.yaml": image("web", "1.0.0"), "deploy/broken.yaml": BROKEN})
    assert automate(place, "--metrics", str(path)) == 1
    found = samples(path.read_text())
    names = ("success", "changed_fields", "warnings", "errors")
    assert [found[f"automation_{name}/auto"] for name in names] == [0, 0, 1, 1]
    assert [each.name for each in tmp_path.glob("imagesetter.prom*")] == ["imagesetter.prom"]


def test_odd_names_are_escaped_in_metrics() -> None:
    odd = 'a"b\\c\nd'
    run = AutomationRunResult(PolicyName("apps", odd), "suspended")
    text = render_metrics([LastRun(run, 1.5), LastRun(AutomationRunResult(PolicyName("b", "b"), "failed"), 2)], "1\\")
    assert samples(text)[f"automation_suspended/{odd}"] == 1
    assert samples(text)["automation_success/b"] == 0


@pytest.mark.parametrize("option", ["--events", "--metrics"])
@pytest.mark.parametrize("name", ["missing/x", "folder"])
def test_a_file_that_cannot_be_there_is_refused_before_anything_runs(
    place: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    assert automate(place, option, str(tmp_path / name)) == 2
    assert f"where: {option}" in capsys.readouterr().err
    assert "Update from image update automation" not in place.remote.subjects()


def test_metrics_that_cannot_be_written_are_an_error(
    place: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert automate(place, "--metrics", str(tmp_path / ("x" * 250))) == 1  # no name is left for a temporary file
    assert "cannot be written: File name too long" in capsys.readouterr().err


def test_metrics_go_to_a_pipe_that_stays_one(place: Bench, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert automate(place, "--metrics", str(pipe)) == 0
        assert samples(os.read(reader, 1 << 16).decode())["automation_success/auto"] == 1
    finally:
        os.close(reader)
    assert pipe.is_fifo()
