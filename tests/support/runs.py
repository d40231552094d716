"""A command, and what it left."""

from __future__ import annotations

from collections.abc import Mapping
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


def write_files(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a directory, with the directories that they need."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
