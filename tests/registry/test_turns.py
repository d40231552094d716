"""Several runs at once: one asks the registry, and the others find its answer in the cache."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.registry.cache import Asker, Cache
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
    answers = [(run.communicate(timeout=60), run.returncode) for run in running]
    assert answers == [(("1.0.0\n", ""), 0)] * RUNS
    assert len(slow.seen) == times


def test_nobody_waits_for_ever_for_one_that_hangs(tmp_path: Path) -> None:
    cache, asker = Cache(tmp_path), Asker()
    with cache.turn("app", asker, 1) as first, Cache(tmp_path).turn("app", asker, 0.05) as second:
        assert (first, second) == (False, True)
    with Cache(tmp_path).turn("app", asker, 1) as third:
        assert third is False


def test_other_repositories_are_not_waited_for(tmp_path: Path) -> None:
    with Cache(tmp_path).turn("app", Asker(), 1), Cache(tmp_path).turn("other", Asker(), 1) as waited:
        assert waited is False


def test_a_folder_that_cannot_be_written_makes_nobody_wait(tmp_path: Path) -> None:
    (tmp_path / "scans").write_text("")
    with Cache(tmp_path).turn("app", Asker(), 1) as first, Cache(tmp_path).turn("app", Asker(), 1) as second:
        assert (first, second) == (False, False)
