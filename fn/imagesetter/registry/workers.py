"""Many questions at once, a few to each host, and an end at once when somebody presses Ctrl-C."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from imagesetter.registry.http.hosts import parse_host
from imagesetter.registry.http.limits import Deadline
from imagesetter.registry.reference import Repository
from krm_functions.errors import ReportedError

MOST_THREADS = 256
"""Far more than there are connections. Only an input that means harm names so many hosts that some have to wait."""

_GRACE = 1.0
"""Seconds after the deadline in which jobs that are under way tell by themselves what they missed."""

T = TypeVar("T")
Item = TypeVar("Item")


class Task(NamedTuple, Generic[T]):
    """Something to find out, and the host that it presses."""

    host: str
    run: Callable[[], T]


def host_of(repository: Repository) -> str:
    """The host whose connections a repository uses, or its registry as it was written."""
    try:
        return str(parse_host(repository.registry))
    except ReportedError:
        return repository.registry


def run_tasks(
    jobs: Sequence[Task[T]], limit: Callable[[str], int], stop: Callable[[], None], deadline: Deadline | None = None
) -> Iterator[tuple[int, T | ReportedError]]:
    """The number of each job with its result, as they come; an `ReportedError` is a result, and ends no other job.

    Each host has threads of its own, so a slow one keeps no other waiting (unless there are hundreds of hosts). They
    are daemons: when the caller is interrupted, or wants no more, *stop* is called and they are not waited for.

    Args:
        limit: how many jobs of a host may run at once.
        stop: makes running jobs end soon.
        deadline: when it has passed, nobody waits for the jobs that are left: each result is an error that names it.
            This holds for whatever keeps a job: a name server or a credential helper as well as a registry.
    """
    results: list[tuple[int, T | ReportedError]] = []
    bugs: list[BaseException] = []
    done = threading.Condition()
    given_up = threading.Event()
    queues: dict[str, deque[tuple[int, Task[T]]]] = {}
    for number, job in enumerate(jobs):
        queues.setdefault(job.host, deque()).append((number, job))
    seats = deque(_seats(queues, limit))

    def work() -> None:
        while (queue := _next(seats)) is not None:
            while not (bugs or given_up.is_set()) and (numbered := _next(queue)) is not None:
                do(*numbered)

    def do(number: int, job: Task[T]) -> None:
        result: T | ReportedError
        try:
            result = job.run()
        except ReportedError as err:
            result = err
        except BaseException as err:  # noqa: BLE001 - raised again below, in the caller's thread
            with done:
                bugs.append(err)
                done.notify_all()
            return
        with done:
            results.append((number, result))
            done.notify_all()

    waiting = _Waiting(done, deadline)
    missing = set(range(len(jobs)))
    try:
        for number in range(min(len(seats), MOST_THREADS)):
            try:
                threading.Thread(target=work, name="scan", daemon=True).start()
            except RuntimeError:  # the system has no more: those that run do all the jobs
                if number == 0:
                    work()
                break
        while missing:
            with done:
                in_time = waiting.until(lambda: bool(results or bugs))
                if bugs:
                    raise bugs[0]
                ready = results.copy()
                results.clear()
            missing.difference_update(number for number, _ in ready)
            yield from ready
            if not in_time:
                given_up.set()
                assert deadline
                yield from (
                    (number, deadline.missed(f"{jobs[number].host} did not respond in time"))
                    for number in sorted(missing)
                )
                return
    except BaseException:
        stop()
        raise


class _Waiting:
    """Waits for results until the deadline, and a moment longer once it has passed."""

    def __init__(self, done: threading.Condition, deadline: Deadline | None) -> None:
        self.done = done
        self.deadline = deadline
        self._given_up = math.inf

    def until(self, ready: Callable[[], bool]) -> bool:
        """Wait until there is something to do; False where nothing came in time. The condition is held."""
        while not ready():
            left = self.deadline.left() if self.deadline else math.inf
            if left > 0:
                self.done.wait(min(left, threading.TIMEOUT_MAX))
                continue
            self._given_up = min(self._given_up, time.monotonic() + _GRACE)
            return self.done.wait_for(ready, max(0.0, self._given_up - time.monotonic()))
        return True


def _seats(queues: Mapping[str, deque[Item]], limit: Callable[[str], int]) -> Iterator[deque[Item]]:
    """The queue of a host for each job that it may have under way: every host once, then every host again."""
    most = {host: min(limit(host), len(queue)) for host, queue in queues.items()}
    for turn in range(max(most.values(), default=0)):
        yield from (queue for host, queue in queues.items() if turn < most[host])


def _next(queue: deque[Item]) -> Item | None:
    try:
        return queue.popleft()
    except IndexError:
        return None
