"""A server that takes every connection and never says a word, or says it a drop at a time."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Silent:
    """A listening socket; ``connections`` are all that came, and none is closed before the end."""

    listener: socket.socket
    drops: bool
    connections: list[socket.socket] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self.listener.accept()[0])

    def drip(self) -> None:
        """The head of an answer, and then white space for ever."""
        greeted: set[socket.socket] = set()
        while not self.ended.wait(0.05):
            for connection in list(self.connections):
                with contextlib.suppress(OSError):
                    if connection not in greeted:
                        connection.sendall(
                            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
                        )
                        greeted.add(connection)
                    connection.sendall(b" ")


@contextlib.contextmanager
def run_silent(*, drops: bool = False) -> Iterator[Silent]:
    """Listen on a free loopback port until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        silent = Silent(listener, drops)
        accepting = threading.Thread(target=silent.serve, daemon=True)
        accepting.start()
        if drops:
            threading.Thread(target=silent.drip, daemon=True).start()
        try:
            yield silent
        finally:
            silent.ended.set()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)
            for connection in silent.connections:
                connection.close()
