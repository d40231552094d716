"""Read the output of a program until it ends, with limits of time and size."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time

from imagesetter.files.platform import kill

_PAUSE = 0.1
_CHUNK = 1 << 16
_LONGEST = 1 << 27
"""The limit of stdout in bytes: about a listing of a million files."""
_TAIL = 1 << 16
"""The last bytes of stderr that are kept: a server's hook may write without end."""


class OutputTooLarge(Exception):
    """A program wrote more to stdout than the limit."""


def read_output(process: subprocess.Popen[bytes], stdin: bytes, timeout: float) -> tuple[bytes, bytes]:
    """The stdout of a program, and the end of its stderr.

    Unlike ``communicate``, this does not wait for child processes that keep the pipes open, such as a connection that
    ssh keeps for the next command, or a background process of a hook.

    Args:
        process: its three streams are pipes; they are closed afterwards.
        stdin: what it reads.
        timeout: seconds.

    Raises:
        subprocess.TimeoutExpired: it has not ended.
        OutputTooLarge: it has written more than the limit, and has not ended.
    """
    assert process.stdin and process.stdout and process.stderr
    if not hasattr(os, "killpg"):  # Windows: pipes cannot be waited for there
        stdout, stderr = process.communicate(stdin, timeout)
        if len(stdout) > _LONGEST:
            raise OutputTooLarge
        return stdout, stderr[-_TAIL:]
    end = time.monotonic() + timeout
    out, err, rest = bytearray(), bytearray(), memoryview(stdin)
    with process.stdin, process.stdout, process.stderr, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        reading = 2
        while reading:
            # Polled first: then all output of an ended process can be read.
            ended = process.poll() is not None
            events = selector.select(0 if ended else _PAUSE)
            late = time.monotonic() > end
            if ended and (late or not any(mask & selectors.EVENT_READ for _, mask in events)):
                break
            if late:
                raise subprocess.TimeoutExpired(process.args, timeout)
            for key, mask in events:
                if mask & selectors.EVENT_WRITE:
                    rest = _write(key.fd, rest)
                    if not rest:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                elif chunk := os.read(key.fd, _CHUNK):
                    key.data.extend(chunk)
                else:
                    selector.unregister(key.fileobj)
                    reading -= 1
            del err[:-_TAIL]
            if len(out) > _LONGEST:
                raise OutputTooLarge
        process.wait(max(0.0, end - time.monotonic()))
    return bytes(out), bytes(err)


def _write(stream: int, data: memoryview) -> memoryview:
    """Write to the pipe; returns the rest, which is empty if the reader has gone."""
    try:
        return data[os.write(stream, data[:_CHUNK]) :] if data else data
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]


def terminate(process: subprocess.Popen[bytes]) -> None:
    """End a program that leads a process group, and its child processes.

    SIGTERM comes first, so that it can remove its locks and temporary files.
    """
    for politely, seconds in ((True, 2), (False, 5)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(process, politely=politely)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
