"""Several runs at once: one asks the registry, and the others find its answer in the cache."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.registry.cache import Asker, Cache

RUNS = 4


@pytest.fixture
def slow() -> Iterator[tuple[str, list[str]]]:
    """A registry that takes its time, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            time.sleep(1.0)
            body = json.dumps({"name": "app", "tags": ["1.0.0"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def start(host: str, cache: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "imagesetter", "tags", f"{host}/app", "--insecure", "--cache-dir", str(cache)]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("options", "times"), [((), 1), (("--refresh",), RUNS)], ids=["as usual", "all with --refresh"]
)
def test_runs_at_once_ask_once(
    options: tuple[str, ...], times: int, slow: tuple[str, list[str]], tmp_path: Path
) -> None:
    host, asked = slow
    running = [start(host, tmp_path / "cache", *options) for _ in range(RUNS)]
    answers = [(run.communicate(timeout=60), run.returncode) for run in running]
    assert answers == [(("1.0.0\n", ""), 0)] * RUNS
    assert len(asked) == times


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
