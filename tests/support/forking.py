"""The command for tables that start it a hundred times below kustomize: a fork of a process that has imported it.

Most of what a short run costs is importing. Here a server imports all of it once, and a small program called
``imagesetter`` hands its arguments, directory, environment and streams to the server, whose fork runs the command with
them. What imports of its own would show is lost: the examples and walks start the command itself, and so does
`test_imports.py`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from imagesetter.__main__ import main
from support.waiting import wait_until
from tools import CHECKOUT

_IMPORTED = (
    *("imagesetter.cli.function", "imagesetter.cli.main", "imagesetter.cli.source", "imagesetter.config.image_setter"),
    *("imagesetter.kustomize.exact", "imagesetter.kustomize.recording", "httpx", "pydantic"),
)

# Its own start is what each run still costs: it imports nothing but what the interpreter has loaded already.
_PROGRAM = """\
#!{python} -IS
import _socket, os, sys
words = [os.fsencode(word) for word in sys.argv[1:]]
variables = [name + b"=" + value for name, value in os.environb.items()]
data = b"\\0".join([b"%d" % os.getppid(), os.getcwdb(), b"%d" % len(words), *words, *variables])
data = len(data).to_bytes(8, "big") + data
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address!r})
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
sent = server.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
while sent < len(data):
    sent += server.send(data[sent:])
status = server.recv(1)
os._exit(status[0] if status else 70)
"""


@contextlib.contextmanager
def forking_program() -> Iterator[Path]:
    """A folder for PATH with an ``imagesetter`` that is a fork of a server, which runs until the block ends."""
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has to be short
        address = Path(folder, "server")
        program = Path(folder, "bin", "imagesetter")
        program.parent.mkdir()
        program.write_text(_PROGRAM.format(python=sys.executable, address=str(address)), encoding="utf-8")
        program.chmod(0o755)
        paths = os.pathsep.join([str(CHECKOUT / "fn"), str(CHECKOUT / "tests")])
        command = [sys.executable, "-m", "support.forking", str(address)]
        server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.DEVNULL)
        try:
            wait_until(lambda: address.exists() or server.poll() is not None)
            yield program.parent
        finally:
            server.kill()
            server.wait()


def _serve(address: str) -> None:
    for name in _IMPORTED:
        importlib.import_module(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(f"{address}.new")
        listening.listen(64)
        os.rename(f"{address}.new", address)
        forks: set[int] = set()
        while True:
            client, _ = listening.accept()
            forks -= {fork for fork in forks if os.waitpid(fork, os.WNOHANG)[0]}
            fork = os.fork()
            if fork == 0:
                listening.close()
                _run(client)
            forks.add(fork)
            client.close()


def _run(client: socket.socket) -> None:
    data, streams, _, _ = socket.recv_fds(client, 1 << 16, 3)
    while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "big"):
        data += client.recv(1 << 16)
    parent, directory, count, *rest = data[8:].split(b"\0")
    words, variables = rest[: int(count)], rest[int(count) :]
    os.getppid = lambda: int(parent)  # kustomize, as for the program whose place this process takes
    os.chdir(directory)
    os.environb.clear()
    os.environb.update(variable.split(b"=", 1) for variable in variables)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.argv = ["imagesetter", *map(os.fsdecode, words)]
    status = 1
    try:
        main()
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would show it
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        client.send(bytes([status]))
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
