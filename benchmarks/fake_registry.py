"""A registry that is never what one waits for: ``python fake_registry.py LISTS``, with every answer made beforehand.

LISTS has a line of JSON for each repository: its ``name``, its ``tags`` and, where it answers in pages, how many a
``page`` holds. It prints its port, speaks plain HTTP on loopback, keeps connections open, and needs less than 100 µs a
request: a client in Python takes ten times that. ``GET /asked`` tells how many connections were made and how many
requests came, other than such ones.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Asked:
    """What has been asked since the start."""

    connections: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class FakeRegistry:
    """One that runs."""

    host: str
    process: subprocess.Popen[bytes]

    def asked(self) -> Asked:
        """How many connections and requests there have been."""
        connection = HTTPConnection(self.host)
        connection.request("GET", "/asked")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return Asked(answer["connections"], answer["requests"])

    def seconds(self) -> float:
        """Processor time that it has used."""
        ticks = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / 100


@contextmanager
def run_fake_registry(lists: Path) -> Iterator[FakeRegistry]:
    """Start one with these lists, and stop it afterwards."""
    process = subprocess.Popen([sys.executable, __file__, str(lists)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip().decode()
        yield FakeRegistry(f"127.0.0.1:{int(port)}", process)
    finally:
        process.kill()
        process.communicate()


def write_lists(path: Path, repositories: Iterable[Mapping[str, Any]]) -> None:
    """The file that it reads."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(repository) + "\n" for repository in repositories)


# --- the process

_TLS_GREETING = b"\x16"


def _answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _answers(lists: Path) -> dict[bytes, bytes]:
    """Every answer by its path, with the query for a page other than the first."""
    answers = {b"/v2/": _answer(b"{}", "Docker-Distribution-Api-Version: registry/2.0")}
    with lists.open(encoding="utf-8") as file:
        for repository in map(json.loads, file):
            name, tags = repository["name"], repository["tags"]
            size = repository.get("page") or len(tags)
            path = f"/v2/{name}/tags/list"
            for start in range(0, len(tags), size):
                page = tags[start : start + size]
                following = f"{path}?n={size}&last={page[-1]}"
                headers = [f'Link: <{following}>; rel="next"'] if start + size < len(tags) else []
                here = f"{path}?n={size}&last={tags[start - 1]}" if start else path
                body = json.dumps({"name": name, "tags": page}, separators=(",", ":"))
                answers[here.encode()] = _answer(body.encode(), *headers)
    return answers


class _Connection(asyncio.Protocol):
    def __init__(self, answers: Mapping[bytes, bytes], asked: Asked) -> None:
        self.answers, self.asked = answers, asked
        self.rest = b""
        self.counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(_TLS_GREETING):
            # go-containerregistry tries https first, and waits 300 ms for a server that stays silent.
            self.transport.write(_answer(b"", status="400 Bad Request"))
            self.transport.close()
            return
        *heads, self.rest = (self.rest + data).split(b"\r\n\r\n")
        for head in heads:
            target = head.split(b" ", 2)[1]
            if target == b"/asked":
                told = {"connections": self.asked.connections, "requests": self.asked.requests}
                self.transport.write(_answer(json.dumps(told).encode()))
                continue
            self.asked.requests += 1
            self.asked.connections += not self.counted
            self.counted = True
            answer = self.answers.get(target) or self.answers.get(target.partition(b"?")[0])
            self.transport.write(answer or _answer(b"{}", status="404 Not Found"))


async def serve(lists: Path) -> None:
    """Answer for ever."""
    answers, asked = _answers(lists), Asked()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(answers, asked), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
