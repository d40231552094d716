"""How hard a registry is pressed: connections, waiting, retries, deadlines, the end."""

from __future__ import annotations

import email.utils
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagesetter.errors import RateLimited, RegistryError, Unreachable
from imagesetter.registry.auth.credentials import Lookup
from imagesetter.registry.client import Client
from imagesetter.registry.http.limits import Clock, Deadline, RateLimiter, backoff, retry_after
from imagesetter.registry.reference import Repository, parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings
from imagesetter.registry.workers import MOST_THREADS, Task, run_tasks
from krm_functions.errors import ReportedError
from support.clocks import FakeClock
from support.fakes import Reply, Seen, run_fake
from support.registries import closed_port
from support.scanning import scan_all
from support.waiting import PATIENCE

TAGS = Reply(200, {"tags": ["1.0"]})
FN = str(Path(__file__).parents[2] / "fn")


def image(host: str, path: str = "app") -> Repository:
    return parse_flux_image(f"{host}/{path}")


def answers(*replies: Reply | None) -> Any:
    iterator: Iterator[Reply | None] = iter(replies)
    return lambda seen: next(iterator)


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_passing_trouble_is_tried_four_times_with_growing_pauses(status: int) -> None:
    clock = FakeClock()
    with (
        run_fake(answers(Reply(status), Reply(status), Reply(status), TAGS)) as fake,
        Client(ClientSettings(clock=clock)) as client,
    ):
        assert client.scan(image(fake.host)).tags == ("1.0",)
    assert clock.waits == pytest.approx([0.2, 0.4, 0.8])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 501, 505, 511])
def test_refusal_is_not_tried_again(status: int) -> None:
    clock = FakeClock()
    with run_fake(lambda seen: Reply(status)) as fake, Client(ClientSettings(clock=clock)) as client:
        with pytest.raises(RegistryError):
            client.scan(image(fake.host))
        assert len(fake.seen) == (2 if status == 400 else 1), "400 is asked once more without n"
    assert clock.waits == []


def test_trouble_that_stays_is_an_error_after_four_attempts() -> None:
    with run_fake(lambda seen: Reply(503, {"errors": [{"message": "maintenance"}]})) as fake:
        with Client(ClientSettings(clock=FakeClock())) as client, pytest.raises(RegistryError) as caught:
            client.scan(image(fake.host))
        assert len(fake.seen) == 4
    assert str(caught.value) == f"{fake.host}/app: {fake.host} fails (503): maintenance"


def test_connection_that_breaks_is_tried_again() -> None:
    def respond(seen: Seen) -> Reply | None:
        return TAGS if len(fake.seen) > 3 else None

    with run_fake(respond) as fake, Client(ClientSettings(clock=FakeClock())) as client:
        assert client.scan(image(fake.host)).tags == ("1.0",)


def test_nobody_there_is_an_error_that_names_the_host() -> None:
    with (
        closed_port() as port,
        Client(ClientSettings(clock=FakeClock())) as client,
        pytest.raises(Unreachable) as caught,
    ):
        client.scan(image(f"127.0.0.1:{port}"))
    assert str(caught.value) == f"127.0.0.1:{port} refuses connections"


def test_retry_after_in_seconds_is_waited_for() -> None:
    clock = FakeClock()
    with (
        run_fake(answers(Reply(429, b"", {"Retry-After": "7"}), TAGS)) as fake,
        Client(ClientSettings(clock=clock)) as client,
    ):
        client.scan(image(fake.host))
    assert clock.waits == [7.0]


@pytest.mark.parametrize("value", ["0", "-1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_without_a_wait_is_no_leave_to_hurry(value: str, status: int) -> None:
    clock = FakeClock()
    busy = Reply(status, b"", {"Retry-After": value})
    with run_fake(answers(busy, busy, busy, TAGS)) as fake, Client(ClientSettings(clock=clock)) as client:
        assert client.scan(image(fake.host)).tags == ("1.0",)
    assert clock.waits == pytest.approx([0.2, 0.4, 0.8])


def test_retry_after_as_a_date_is_waited_for() -> None:
    clock = FakeClock()
    date = email.utils.formatdate(clock.now + 9, usegmt=True)
    with (
        run_fake(answers(Reply(503, b"", {"Retry-After": date}), TAGS)) as fake,
        Client(ClientSettings(clock=clock)) as client,
    ):
        client.scan(image(fake.host))
    assert clock.waits == [9.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("1, 12", 12.0),
        ("12,", None),
        ("9" * 400, 999999999999999999.0),
        ("-1", None),
        ("1.5", 1.5),
        ("1.5.2", None),
        ("2e3", None),
        ("Tue Nov 14 22:13:50 2023", 30.0),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 17:13:50 EST", 30.0),
        ("Tue, 14 Nov 2023 22:13:50", 30.0),
        ("soon", None),
        ("", None),
        ("١٢", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 99:99:99 GMT", None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_retry_after_reads_both_forms_and_ignores_nonsense_and_the_past(
    value: str, seconds: float | None, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    assert retry_after(value, 1_700_000_000.0) == seconds


def test_wait_beyond_a_minute_is_an_error_with_the_time_in_it() -> None:
    with (
        run_fake(lambda seen: Reply(503, b"", {"Retry-After": "3600"})) as fake,
        Client(ClientSettings(clock=FakeClock())) as client,
        pytest.raises(RateLimited) as caught,
    ):
        client.scan(image(fake.host))
    assert str(caught.value) == f"{fake.host} responded with 503 and asked to wait 60 min"


def test_wait_beyond_the_deadline_is_an_error_at_once() -> None:
    clock = FakeClock()
    with (
        run_fake(lambda seen: Reply(429, b"", {"Retry-After": "30"})) as fake,
        Client(ClientSettings(clock=clock)) as client,
        pytest.raises(RateLimited, match="asked to wait 30 s"),
    ):
        client.scan(image(fake.host), options=ScanOptions(timeout=20))
    assert clock.waits == []


def test_paused_host_is_left_alone_by_every_thread() -> None:
    clock = FakeClock()
    pace = RateLimiter(clock)
    pace.pause("slow.example", 12.0, 429)
    pace.acquire("quick.example", Deadline(clock, clock.now + 60, ""))
    assert clock.waits == [], "another host is not held back"
    pace.acquire("slow.example", Deadline(clock, clock.now + 60, ""))
    assert clock.waits == [12.0]


def test_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = FakeClock()
    pace = RateLimiter(clock)
    pace.pause("slow.example", 12.0, 429)
    pace.pause("slow.example", 1.0, 429)
    pace.acquire("slow.example", Deadline(clock, clock.now + 60, ""))
    assert clock.waits == [12.0]


def test_pause_beyond_the_deadline_is_an_error() -> None:
    clock = FakeClock()
    pace = RateLimiter(clock)
    pace.pause("slow.example", 50.0, 429)
    with pytest.raises(RateLimited) as caught:
        pace.acquire("slow.example", Deadline(clock, clock.now + 10, "--timeout"))
    assert str(caught.value) == "slow.example asked to wait 50 s, longer than there is time for"
    assert "--timeout" in caught.value.hint


@pytest.mark.parametrize("attempt", range(12))
def test_backoff_is_somewhere_between_nothing_and_five_seconds(attempt: int) -> None:
    assert backoff(attempt, 0.0) == 0.0
    assert backoff(attempt, 1.0) == min(5.0, 0.2 * 2**attempt)
    assert 0.0 <= Clock().jitter() < 1.0


def once_so_many_have_come(number: int) -> Any:
    """Answers nobody before there are so many requests at one time; a little time for those beyond them to show."""
    gathered = threading.Barrier(number)

    def respond(seen: Seen) -> Reply:
        gathered.wait(PATIENCE)
        time.sleep(0.02)
        return TAGS

    return respond


def test_host_gets_eight_connections_and_no_more() -> None:
    with run_fake(once_so_many_have_come(8)) as fake, Client() as client:
        found = scan_all(client, [(image(fake.host, f"app{n}"), ScanOptions()) for n in range(40)])
        assert all(isinstance(scan, Scan) for scan in found)
        assert fake.most_at_once == 8


def test_run_gets_its_share_of_connections_and_no_more() -> None:
    with run_fake(once_so_many_have_come(3)) as fake, Client(ClientSettings(connections=3)) as client:
        scan_all(client, [(image(fake.host, f"app{n}"), ScanOptions()) for n in range(21)])
        assert fake.most_at_once == 3


def test_connections_to_several_registries_are_kept_while_there_is_something_to_ask() -> None:
    def respond(seen: Seen) -> Reply:
        time.sleep(0.02)
        return TAGS

    with run_fake(respond) as one, run_fake(respond) as two, run_fake(respond) as three, Client() as client:
        places = [image(fake.host, f"app{number}") for number in range(32) for fake in (one, two, three)]
        found = scan_all(client, [(place, ScanOptions()) for place in places])
        assert all(isinstance(scan, Scan) for scan in found)
        assert max(fake.connections for fake in (one, two, three)) <= 8, "none is closed to be opened again"


def test_results_come_in_the_order_of_the_questions_and_failures_are_values() -> None:
    def respond(seen: Seen) -> Reply:
        name = seen.path.split("/")[2]
        time.sleep(0.03 if name == "app0" else 0)
        return Reply(404, {"errors": [{"code": "NAME_UNKNOWN"}]}) if name == "app2" else Reply(200, {"tags": [name]})

    with run_fake(respond) as fake, Client() as client:
        questions = [(image(fake.host, f"app{n}"), ScanOptions()) for n in range(5)]
        found = scan_all(client, [*questions, (image("10.0.0.1", "app"), ScanOptions())])
    assert [scan.tags if isinstance(scan, Scan) else type(scan).__name__ for scan in found] == [
        ("app0",), ("app1",), "NotFound", ("app3",), ("app4",), "EgressRefused",
    ]  # fmt: skip


def test_repository_that_is_named_twice_is_asked_once() -> None:
    with run_fake(lambda seen: TAGS) as fake, Client() as client:
        options = [ScanOptions(interval=60, timeout=10), ScanOptions(interval=600), ScanOptions()]
        found = scan_all(client, [(image(fake.host), each) for each in options])
        assert [scan.tags for scan in found if isinstance(scan, Scan)] == [("1.0",)] * 3
        assert len(fake.seen) == 1


def test_connection_that_nobody_gives_back_is_waited_for_until_the_deadline() -> None:
    pace, clock = RateLimiter(per_host=1), Clock()
    pace.acquire("a.example", Deadline(clock, clock.monotonic() + 5, ""))
    with pytest.raises(Unreachable, match="no connection was free in time"):
        pace.acquire("a.example", Deadline(clock, clock.monotonic() + 0.02, "--timeout"))
    pace.release("a.example")
    pace.acquire("a.example", Deadline(clock, clock.monotonic() + 5, ""))


def test_bug_in_one_job_is_not_swallowed() -> None:
    def job() -> None:
        raise ZeroDivisionError

    stopped: list[bool] = []
    with pytest.raises(ZeroDivisionError):
        list(run_tasks([Task("a", job)], lambda host: 1, lambda: stopped.append(True)))
    assert stopped == [True]


def test_jobs_are_stopped_where_nobody_wants_more_results() -> None:
    stopped, held = threading.Event(), threading.Event()
    jobs = [Task("a", lambda: True), Task("b", lambda: held.wait(60))]
    running = run_tasks(jobs, lambda host: 1, stopped.set)
    assert next(running) == (0, True), "a result comes before the others are there"
    running.close()
    assert stopped.is_set()
    held.set()


def test_thousands_of_hosts_are_asked_by_a_few_hundred_threads() -> None:
    def job(number: int) -> Task[int]:
        return Task(f"host{number}", lambda: (time.sleep(0.001), threading.active_count())[1])

    before = threading.active_count()
    running = dict(run_tasks([job(number) for number in range(2000)], lambda host: 8, lambda: None))
    assert sorted(running) == list(range(2000))
    assert max(count for count in running.values() if isinstance(count, int)) <= before + MOST_THREADS


def test_host_has_no_more_jobs_under_way_than_it_may_however_fast_another_is() -> None:
    under_way, most, lock, gathered = 0, 0, threading.Lock(), threading.Barrier(4)

    def slow() -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        gathered.wait(PATIENCE)  # all that it may have are under way
        time.sleep(0.005)
        with lock:
            under_way -= 1

    jobs = [Task(f"fast{number % 3}", lambda: None) for number in range(60)] + [Task("slow", slow) for _ in range(32)]
    assert dict(run_tasks(jobs, lambda host: 4, lambda: None)) == dict.fromkeys(range(92))
    assert most == 4


def test_a_login_that_takes_its_time_keeps_no_other_registry_waiting(tmp_path: Path) -> None:
    """A credential helper may need seconds; who is asked without one is asked meanwhile."""
    asked = threading.Event()

    class Slow:
        def find(self, registry: str, path: str) -> Lookup:
            assert registry != slow.host or asked.wait(PATIENCE), "the other registry was not asked meanwhile"
            return Lookup()

    def answer(seen: Seen) -> Reply:
        asked.set()
        return TAGS

    with run_fake(lambda seen: TAGS) as slow, run_fake(answer) as quick:
        settings = ClientSettings(keychain=Slow(), cache_folder=tmp_path)
        with Client(settings) as client:
            found = scan_all(client, [(image(host), ScanOptions()) for host in (slow.host, quick.host)])
    assert [scan.tags for scan in found if isinstance(scan, Scan)] == [("1.0",), ("1.0",)]


def test_no_jobs_have_no_results() -> None:
    none: list[Task[int]] = []
    assert list(run_tasks(none, lambda host: 1, lambda: None)) == []


def test_time_for_the_whole_run_is_kept() -> None:
    clock = FakeClock()
    with run_fake(lambda seen: Reply(503)) as fake, Client(ClientSettings(clock=clock, deadline=0.5)) as client:
        with pytest.raises(ReportedError):
            client.scan(image(fake.host))
        with pytest.raises(ReportedError):
            client.scan(image(fake.host))
    assert clock.now - 1_700_000_000.0 < 2


class EndlessClock(Clock):
    """A clock by which no wait ends by itself; `waiting` is set when one has begun."""

    def __init__(self) -> None:
        self.waiting = threading.Event()

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        self.waiting.set()
        condition.wait(2 * PATIENCE)


def test_closing_wakes_whoever_waits() -> None:
    caught: list[BaseException] = []
    clock = EndlessClock()
    with run_fake(lambda seen: Reply(429, b"", {"Retry-After": "30"})) as fake:
        client = Client(ClientSettings(clock=clock))

        def work() -> None:
            try:
                client.scan(image(fake.host))
            except Unreachable as err:
                caught.append(err)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert clock.waiting.wait(PATIENCE)
        client.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert [str(err) for err in caught] == ["stopped"]


def test_interrupt_ends_a_run_that_hangs_on_every_registry(tmp_path: Path) -> None:
    """Ctrl-C while 20 requests are under way to a server that answers only when the run has ended."""
    hung, ended = threading.Event(), threading.Event()

    def respond(seen: Seen) -> Reply:
        hung.set()
        ended.wait(PATIENCE)
        return TAGS

    with run_fake(respond) as fake:
        # A job in the background of a script ignores SIGINT, and so does what it starts.
        script = f"""
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path.insert(0, {FN!r})
        from imagesetter.registry.client import Client
        from imagesetter.registry.scan import ScanOptions
        from imagesetter.registry.reference import parse_flux_image
        with Client() as client:
            list(client.scan_each([(parse_flux_image(f"{fake.host}/app{{n}}"), ScanOptions()) for n in range(20)]))
        """
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert hung.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        ended.set()
        assert len(fake.seen) <= 8, "and asks nothing more"
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in errors
