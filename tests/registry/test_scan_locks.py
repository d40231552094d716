"""Several runs at once: one asks the registry, and the others find its answer in the cache."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.registry.cache import Cache, CacheIdentity
from support.fakes import FakeServer, Reply, Seen, run_fake

RUNS = 4


@pytest.fixture
def slow() -> Iterator[FakeServer]:
    """A registry that takes its time."""

    def listed(request: Seen) -> Reply:
        time.sleep(1.0)
        return Reply(body={"name": "app", "tags": ["1.0.0"]})

    with run_fake(listed) as server:
        yield server


def start(host: str, cache: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "imagesetter", "tags", f"{host}/app", "--insecure", "--cache-dir", str(cache)]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("options", "times"), [((), 1), (("--refresh",), RUNS)], ids=["as usual", "all with --refresh"]
)
def test_runs_at_once_ask_once(options: tuple[str, ...], times: int, slow: FakeServer, tmp_path: Path) -> None:
    running = [start(f"localhost:{slow.port}", tmp_path / "cache", *options) for _ in range(RUNS)]
    answers = [(run.communicate(timeout=300), run.returncode) for run in running]
    assert answers == [(("1.0.0\n", ""), 0)] * RUNS
    assert len(slow.seen) == times


HOLDER = """
import sys
from pathlib import Path
from imagesetter.registry.cache import CacheIdentity, Cache

with Cache(Path(sys.argv[1])).scan_lock("app", CacheIdentity(), 1) as waited:
    print(waited, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run, whose turn it is to ask for ``app``, until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "False\n"
        yield process
        process.kill()


def test_nobody_waits_for_ever_for_one_that_hangs(held: subprocess.Popen[str], tmp_path: Path) -> None:
    with Cache(tmp_path).scan_lock("app", CacheIdentity(), 0.05) as waited:
        assert waited is True


@pytest.mark.parametrize("end", ["done", "killed"])
def test_turn_ends_with_the_run_that_had_it(end: str, held: subprocess.Popen[str], tmp_path: Path) -> None:
    if end == "done":
        held.communicate()
    else:
        held.kill()
        held.wait()
    cache = Cache(tmp_path)
    for _ in range(2):
        with cache.scan_lock("app", CacheIdentity(), 1) as waited:
            assert waited is False


@pytest.mark.usefixtures("held")
def test_other_repositories_and_other_askers_are_not_waited_for(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with (
        cache.scan_lock("other", CacheIdentity(), 1) as repository,
        cache.scan_lock("app", CacheIdentity(network="insecure"), 1) as identity,
    ):
        assert (repository, identity) == (False, False)
    with cache.scan_lock("app", CacheIdentity(), 0.05) as waited:
        assert waited is True, "releasing one lock releases no other"


def test_a_folder_that_cannot_be_written_makes_nobody_wait(tmp_path: Path) -> None:
    (tmp_path / "turns").write_text("")
    with (
        Cache(tmp_path).scan_lock("app", CacheIdentity(), 1) as first,
        Cache(tmp_path).scan_lock("app", CacheIdentity(), 1) as second,
    ):
        assert (first, second) == (False, False)
