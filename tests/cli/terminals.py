"""A command at a terminal of its own, and the same one with pipes."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

from support.runs import Ran


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the machine's own settings, and a home in the folder."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "IMAGESETTER_ALLOW_LOOPBACK": "true",
        **more,
    }


def run_at_terminal(*arguments: str, cwd: Path, home: Path, out_piped: bool = False, **more: str) -> Ran:
    """Run imagesetter with a terminal as standard input, error and, unless it is piped, output."""
    screen, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "imagesetter", *arguments],
            stdin=terminal,
            stdout=subprocess.PIPE if out_piped else terminal,
            stderr=terminal,
            cwd=cwd,
            env=environment(home, **more),
        )
        os.close(terminal)
        terminal = -1
        shown = bytearray()
        while True:
            try:
                data = os.read(screen, 65536)
            except OSError:  # the terminal was closed with the last process
                break
            if not data:
                break
            shown += data
        out = process.stdout.read() if process.stdout else b""
        if process.stdout:
            process.stdout.close()
        status = process.wait(timeout=300)
    finally:
        os.close(screen)
        if terminal >= 0:
            os.close(terminal)
    seen = shown.decode().replace("\r\n", "\n")
    return Ran(status, out.decode() if out_piped else seen, seen)


def run_piped(*arguments: str, cwd: Path, home: Path, stdin: str = "", **more: str) -> Ran:
    """Run imagesetter with pipes only."""
    done = subprocess.run(
        [sys.executable, "-m", "imagesetter", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(home, **more),
        check=False,
        timeout=300,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
