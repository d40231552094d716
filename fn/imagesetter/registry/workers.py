"""Many questions at once, a few to each host, and an end at once when somebody presses Ctrl-C."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from imagesetter.errors import ImagesetterError

MOST_THREADS = 256
"""Far more than there are connections. Only an input that means harm names so many hosts that some have to wait."""

T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Job(Generic[T]):
    """Something to find out, and the host that it presses."""

    host: str
    run: Callable[[], T]


def run_jobs(
    jobs: Sequence[Job[T]], limit: Callable[[str], int], stop: Callable[[], None]
) -> Iterator[tuple[int, T | ImagesetterError]]:
    """The number of each job with its result, as they come; an `ImagesetterError` is a result, and ends no other job.

    Each host has threads of its own, so a slow one keeps no other waiting (unless there are hundreds of hosts). They
    are daemons: when the caller is interrupted, or wants no more, *stop* is called and nobody waits for them.

    Args:
        limit: how many jobs of a host may run at once.
        stop: makes running jobs end soon.
    """
    results: list[tuple[int, T | ImagesetterError]] = []
    bugs: list[BaseException] = []
    done = threading.Condition()
    queues: dict[str, deque[tuple[int, Job[T]]]] = {}
    for number, job in enumerate(jobs):
        queues.setdefault(job.host, deque()).append((number, job))
    seats = deque(_seats(queues, limit))

    def work() -> None:
        while (queue := _next(seats)) is not None:
            while not bugs and (numbered := _next(queue)) is not None:
                do(*numbered)

    def do(number: int, job: Job[T]) -> None:
        result: T | ImagesetterError
        try:
            result = job.run()
        except ImagesetterError as err:
            result = err
        except BaseException as err:  # noqa: BLE001 - raised again below, in the caller's thread
            with done:
                bugs.append(err)
                done.notify_all()
            return
        with done:
            results.append((number, result))
            done.notify_all()

    left = len(jobs)
    try:
        for number in range(min(len(seats), MOST_THREADS)):
            try:
                threading.Thread(target=work, name="scan", daemon=True).start()
            except RuntimeError:  # the system has no more: those that run do all the jobs
                if number == 0:
                    work()
                break
        while left:
            with done:
                while not results and not bugs:
                    done.wait()
                if bugs:
                    raise bugs[0]
                ready = results.copy()
                results.clear()
            left -= len(ready)
            yield from ready
    except BaseException:
        stop()
        raise


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
