"""A place far away: ``python delay.py TARGET SECONDS COUNT`` is a proxy that lets everything take its time.

It says which port it listens on. COUNT is a file that has as many bytes as connections were made.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Away:
    """A registry that is far away now."""

    port: int
    count: Path

    @property
    def connections(self) -> int:
        """How many there have been."""
        return self.count.stat().st_size


@contextmanager
def far_away(target: int, milliseconds: int) -> Iterator[Away]:
    """What seems to be that many milliseconds away, there and back, and is the port *target* of this machine."""
    from support.registries import listening_port

    with tempfile.TemporaryDirectory() as folder:
        log, count = Path(folder, "log"), Path(folder, "count")
        count.touch()
        arguments = [str(target), str(milliseconds / 1000), str(count)]
        with log.open("wb") as out:
            process = subprocess.Popen([sys.executable, __file__, *arguments], stderr=out, stdout=out)
        try:
            yield Away(listening_port(process, log), count)
        finally:
            process.kill()
            process.wait()


async def delay(target: int, seconds: float, count: Path) -> None:
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
        with count.open("ab") as file:
            file.write(b".")
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        # The kernel accepted at once; a distant host would have taken a round trip for it.
        await asyncio.gather(carry(reader, far_writer, seconds), carry(far_reader, writer, 0.0), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    async with server:
        print("listening on {}:{}".format(*server.sockets[0].getsockname()), flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(delay(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
