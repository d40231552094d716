"""A program that is listened to until it ends: bounded in time and in what it says."""

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
"""Bytes of stdout: a listing of a million files has about as many."""
_TAIL = 1 << 16
"""Bytes of stderr that are kept, the last ones: a server's hook may write to it for ever."""


class OutputTooLarge(Exception):
    """A program wrote more to stdout than anything that we ask it for has."""


def read_output(process: subprocess.Popen[bytes], stdin: bytes, timeout: float) -> tuple[bytes, bytes]:
    """What a program wrote to stdout, and the end of what it wrote to stderr.

    Unlike ``communicate`` this does not wait for what the program leaves behind, though that holds the same pipes: a
    connection that ssh keeps for the next one, say, or what a hook has started in the background.

    Args:
        process: its three streams are pipes; they are closed afterwards.
        stdin: what it reads.
        timeout: seconds.

    Raises:
        subprocess.TimeoutExpired: it has not ended.
        TooMuchSaid: it has not ended either, but has written more than it may.
    """
    assert process.stdin and process.stdout and process.stderr
    if not hasattr(os, "killpg"):  # Windows: pipes cannot be waited for there
        said, told = process.communicate(stdin, timeout)
        if len(said) > _LONGEST:
            raise OutputTooLarge
        return said, told[-_TAIL:]
    end = time.monotonic() + timeout
    out, err, rest = bytearray(), bytearray(), memoryview(stdin)
    with process.stdin, process.stdout, process.stderr, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        reading = 2
        while reading:
            # Asked first: what it wrote before it ended is there to be read by then.
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
    """What is left to write; nothing, if nobody reads."""
    try:
        return data[os.write(stream, data[:_CHUNK]) :] if data else data
    except BlockingIOError:
        return data
    except BrokenPipeError:
        return data[:0]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that leads a process group, and what it has started.

    First so that it can take its locks and half-written files away.
    """
    for politely, seconds in ((True, 2), (False, 5)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(process, politely=politely)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
