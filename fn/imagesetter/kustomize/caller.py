"""Who runs the function: the ``kustomize build`` above it, as Linux shows it in ``/proc``."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

from imagesetter.kustomize.program import Program, parse_arguments

_NEAREST = 4
"""Processes that are looked at: a script may be between kustomize and the function."""


class Caller(NamedTuple):
    """A build that is under way: the program, and the directory that it builds, or None for one that is remote."""

    program: Program
    directory: Path | None


def find_caller() -> Caller | None:
    """The build that runs this process; None where that is unknown, as in a container or on another system."""
    if not sys.platform.startswith("linux"):
        return None
    process = os.getppid()
    for _ in range(_NEAREST):
        try:
            found = _caller(Path(f"/proc/{process}"))
            if found or process <= 1:
                return found
            process = _parent(process)
        except (OSError, ValueError):
            return None
    return None


def _caller(process: Path) -> Caller | None:
    executable = (process / "exe").readlink()
    words = [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")[:-1]]
    names = {executable.name, Path(words[0]).name if words else ""}
    if not any("kustomize" in name for name in names) or "build" not in words:
        return None
    at = words.index("build")
    arguments = parse_arguments(words[at + 1 :])
    if arguments is None or any(not word.startswith("-") for word in words[1:at]):
        return None
    folder = (process / "cwd").readlink()
    command = str(executable) if executable.exists() else str(process / "exe")
    variables = (os.fsdecode(entry).partition("=") for entry in (process / "environ").read_bytes().split(b"\0"))
    environment = {name: value for name, sign, value in variables if sign}
    directory = folder / (arguments.directory or ".")
    program = Program((command, "build"), (*words[1:at], *arguments.options), folder, environment)
    return Caller(program, directory if directory.is_dir() else None)


def _parent(process: int) -> int:
    """The parent of a process, from its ``stat``: the name in it may hold anything, and ends at the last bracket."""
    text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    return int(text.rpartition(")")[2].split()[1])
