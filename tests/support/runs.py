"""A command, and what it left."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagesetter.cli.main import main


@dataclass(frozen=True)
class Ran:
    """What a command left: exit status, and what came on each stream."""

    status: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.status}\n{self.out}{self.err}"

    @property
    def findings(self) -> list[str]:
        """The lines of a linter's run without the summary."""
        return self.out.splitlines()[:-1]

    def about(self, rule: str) -> list[str]:
        """The findings of one rule."""
        return [line for line in self.findings if f" {rule}: " in line]


def run_here(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    """Run imagesetter in this process."""
    capsys.readouterr()
    status = main(arguments)
    captured = capsys.readouterr()
    return Ran(status, captured.out, captured.err)


def run_in(folder: Path, *arguments: str, environment: Mapping[str, str], together: bool = False) -> Ran:
    """Run imagesetter in this process, in a folder and an environment: to start a process takes longer than most runs.

    How the command starts, its standard input, signals and terminals need a process of their own.

    Args:
        folder: the working directory.
        arguments: the command's.
        environment: all of it.
        together: put what comes on standard error into ``out``, where it comes.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out if together else err):
        patch.chdir(folder)
        patch.setattr("tempfile.tempdir", None)  # which folder it is depends on the environment
        for name in os.environ.keys() - environment.keys():
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        status = main(arguments)
    return Ran(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def write_files(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a directory, with the directories that they need."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
