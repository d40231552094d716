"""Asking registries, beside curl, crane and skopeo: many repositories far away, one large one, one enormous one.

``python benchmarks/registry.py`` starts a registry with TLS on loopback and a proxy before it that delays every byte,
lists the same repositories with each program in turn, checks that the lists agree, and prints tables in Markdown.
``QUICK=1`` makes it small. Whole processes are timed, their start included; the median of interleaved runs counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "fn"), str(ROOT / "tests")]

from support.certificates import make_authority  # noqa: E402
from support.registries import RunningRegistry, link_tags, push_image, run_registry  # noqa: E402
from tools import find_tool  # noqa: E402

QUICK = bool(os.environ.get("QUICK"))
REPOSITORIES = (20,) if QUICK else (50, 300)
ROUND_TRIPS = (30,) if QUICK else (30, 50)
RUNS = 2 if QUICK else int(os.environ.get("RUNS", "5"))
LOOP_RUNS = 1
MANY_TAGS = 5000
ENORMOUS = 100_000 if QUICK else 1_000_000

OURS = """
import sys, json, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from imagesetter.registry.client import Client, Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.trust import Tls
tls = Tls(ca=Path(sys.argv[2]).read_bytes()) if sys.argv[2] else None
options = ScanOptions(tls=tls, timeout=600)
import imagesetter.registry.asking
began = time.perf_counter()
settings = ClientSettings(connections_per_host=int(sys.argv[3]), connections=max(16, int(sys.argv[3])))
with Client(settings) as client:
    found = client.scan_all([(parse_flux_image(name), options) for name in sys.argv[4:]])
took = time.perf_counter() - began
for scan in found:
    assert isinstance(scan, Scan), scan
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([sum(len(scan.tags) for scan in found), int(status["VmHWM"].split()[0]) / 1024, took]))
"""


def ours(ca: Path | None, limit: int, names: list[str]) -> tuple[int, float, float]:
    """Tags listed, the peak of resident memory in MiB, and the seconds of the work without the start of the process."""
    command = [sys.executable, "-c", OURS, str(ROOT / "fn"), str(ca or ""), str(limit), *names]
    tags, peak, seconds = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return tags, peak, seconds


# --- the place far away


async def delay(listen: int, target: int, seconds: float) -> None:
    """A proxy that lets every byte, and the beginning of every connection, take its time."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, extra: float) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        task = asyncio.create_task(deliver())
        try:
            while data := await reader.read(65536):
                queue.put_nowait((loop.time() + seconds / 2 + extra, data))
                extra = 0.0
        except OSError:
            pass
        queue.put_nowait((loop.time() + seconds / 2, b""))
        await asyncio.gather(task, return_exceptions=True)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        # The kernel accepted at once; a distant host would have taken a round trip for it.
        await asyncio.gather(carry(reader, far_writer, seconds), carry(far_reader, writer, 0.0), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", listen, backlog=512)
    async with server:
        await server.serve_forever()


@contextmanager
def far_away(target: int, milliseconds: int) -> Iterator[str]:
    """The host and port behind which *target* seems to be that far away."""
    from support.registries import free_port, wait_for_port

    port = free_port()
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, __file__, "delay", str(port), str(target), str(milliseconds / 1000)],
            stderr=log,
            stdout=log,
        )
        try:
            wait_for_port(port, process, Path(log.name))
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


# --- programs


def curl(ca: Path, limit: int, names: list[str]) -> None:
    urls = [f"https://{host}/v2/{path}/tags/list?n=1000" for host, _, path in (name.partition("/") for name in names)]
    command = [
        "curl",
        "-sS",
        "--no-progress-meter",
        "--fail",
        "--cacert",
        str(ca),
        "--parallel",
        "--parallel-max",
        str(limit),
    ]
    for url in urls:
        command += ["-o", "/dev/null", url]
    subprocess.run(command, check=True)


def crane(ca: Path, names: list[str]) -> None:
    for name in names:
        command = [find_tool("crane") or "crane", "ls", name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "SSL_CERT_FILE": str(ca)})


def skopeo(ca: Path, names: list[str]) -> None:
    for name in names:
        command = ["skopeo", "list-tags", "--cert-dir", str(ca.parent), f"docker://{name}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(programs: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Seconds of each program, the median of runs in turn."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, work in programs.items():
            times[name].append(timed(work))
    return {name: median(each) for name, each in times.items()}


def table(title: str, rows: list[list[str]]) -> None:
    print(f"\n{title}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows[1:]:
        print("| " + " | ".join(row) + " |")


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}"


# --- measurements


def many_repositories(registry: RunningRegistry, ca: Path) -> None:
    push_image(registry, "fleet/app000", ["1.0.0"])
    link_tags(registry, "fleet/app000", [f"1.0.{number}" for number in range(1, 100)], "1.0.0")
    storage = registry.storage / "docker/registry/v2/repositories/fleet"
    for number in range(1, max(REPOSITORIES)):
        shutil.copytree(storage / "app000", storage / f"app{number:03}", symlinks=True)
    rows = [["repositories", "round trip", "imagesetter", "its start", "curl, 8 connections", "×", "× less start",
             "curl, 50 connections", "crane loop", "×", "skopeo loop", "×"]]  # fmt: skip
    for count in REPOSITORIES:
        for trip in ROUND_TRIPS:
            with far_away(registry.port, trip) as host:
                names = [f"{host}/fleet/app{number:03}" for number in range(count)]
                assert ours(ca, 8, names)[0] == 100 * count
                inside: list[float] = []
                times = compare(
                    {
                        "ours": lambda names=names, inside=inside: inside.append(ours(ca, 8, names)[2]),
                        "curl": lambda names=names: curl(ca, 8, names),
                        "curl50": lambda names=names: curl(ca, 50, names),
                    },
                    RUNS,
                )
                few = names[:20]
                loops = compare(
                    {"crane": lambda few=few: crane(ca, few), "skopeo": lambda few=few: skopeo(ca, few)}, LOOP_RUNS
                )
                loops = {name: seconds * count / len(few) for name, seconds in loops.items()}
                rows.append([
                    str(count), f"{trip} ms", milliseconds(times["ours"]), milliseconds(times["ours"] - median(inside)),
                    milliseconds(times["curl"]), f"{times['ours'] / times['curl']:.2f}",
                    f"{median(inside) / times['curl']:.2f}", milliseconds(times["curl50"]),
                    milliseconds(loops["crane"]), f"{loops['crane'] / times['ours']:.0f}",
                    milliseconds(loops["skopeo"]), f"{loops['skopeo'] / times['ours']:.0f}",
                ])  # fmt: skip
    table("Many repositories of 100 tags over TLS, ms (loops: 20 repositories, scaled up)", rows)


def one_large_repository(registry: RunningRegistry, ca: Path) -> None:
    push_image(registry, "big/app", ["latest"])
    link_tags(registry, "big/app", [f"1.0.{number}" for number in range(MANY_TAGS - 1)], "latest")
    name = f"{registry.host}/big/app"
    assert ours(ca, 8, [name])[0] == MANY_TAGS
    times = compare(
        {
            "imagesetter": lambda: ours(ca, 8, [name]),
            "crane": lambda: crane(ca, [name]),
            "skopeo": lambda: skopeo(ca, [name]),
        },
        RUNS,
    )
    rows = [["imagesetter", "crane", "skopeo"], [milliseconds(seconds) for seconds in times.values()]]
    table(f"One repository of {MANY_TAGS:,} tags over TLS on loopback, ms", rows)


class Enormous(BaseHTTPRequestHandler):
    """A registry with one repository of a million tags: in pages of a thousand, or all in one."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        start, size = 0, ENORMOUS
        if "paged" in parts.path:
            size = 1000
            start = int(parse_qs(parts.query).get("last", ["0"])[0])
        tags = [f"1.{number}.{number % 97}" for number in range(start, start + size)]
        body = json.dumps({"name": "x", "tags": tags}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if start + size < ENORMOUS:
            self.send_header("Link", f'<{parts.path}?n=1000&last={start + size}>; rel="next"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""


def one_enormous_repository() -> None:
    rows = [["answer", "seconds", "peak MiB"]]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Enormous)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for kind, path in (("pages of 1,000", "paged"), ("all in one", "whole")):
        began = time.perf_counter()
        tags, peak, _ = ours(None, 8, [f"127.0.0.1:{server.server_port}/enormous/{path}"])
        assert tags == ENORMOUS
        rows.append([kind, f"{time.perf_counter() - began:.1f}", f"{peak:.0f}"])
    server.shutdown()
    server.server_close()
    table(f"One repository of {ENORMOUS:,} tags", rows)


def main() -> None:
    """Everything, into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        authority = make_authority(work / "authority")
        ca = work / "trusted" / "ca.crt"  # skopeo takes everything in the folder for its own
        ca.parent.mkdir()
        shutil.copyfile(authority.certificate, ca)
        with run_registry("2.8", folder=work / "registry", tls=authority) as registry:
            many_repositories(registry, ca)
            one_large_repository(registry, ca)
        one_enormous_repository()


if __name__ == "__main__":
    if sys.argv[1:2] == ["delay"]:
        asyncio.run(delay(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
    else:
        main()
