"""Many questions at once, a few to each host, and an end at once when somebody presses Ctrl-C."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from imagesetter.errors import ImagesetterError

T = TypeVar("T")


@dataclass(frozen=True)
class Job(Generic[T]):
    """Something to find out, and the host that it presses."""

    host: str
    run: Callable[[], T]


def run_jobs(
    jobs: Sequence[Job[T]], limit: Callable[[str], int], stop: Callable[[], None]
) -> list[T | ImagesetterError]:
    """The results in the order of the jobs; an `ImagesetterError` is a result, and ends no other job.

    Each host has threads of its own, so a slow one keeps no other waiting. They are daemons: when the caller is
    interrupted, *stop* is called and nobody waits for them.

    Args:
        limit: how many jobs of a host may run at once.
        stop: makes running jobs end soon.
    """
    results: dict[int, T | ImagesetterError] = {}
    bugs: list[BaseException] = []
    done = threading.Condition()
    queues: dict[str, deque[tuple[int, Job[T]]]] = {}
    for number, job in enumerate(jobs):
        queues.setdefault(job.host, deque()).append((number, job))

    def work(queue: deque[tuple[int, Job[T]]]) -> None:
        while not bugs:
            try:
                number, job = queue.popleft()
            except IndexError:
                return
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
                results[number] = result
                done.notify_all()

    try:
        for host, queue in queues.items():
            for _ in range(min(limit(host), len(queue))):
                threading.Thread(target=work, args=(queue,), name=f"scan {host}", daemon=True).start()
        with done:
            while len(results) < len(jobs) and not bugs:
                done.wait()
    except BaseException:
        stop()
        raise
    if bugs:
        stop()
        raise bugs[0]
    return [results[number] for number in range(len(jobs))]
