"""The real command in a repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from imagesetter.cli.main import main
from support.flux_repositories import Run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Write files into a repository, run a command in it, and give what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()

    def run(files: Mapping[str, str], *arguments: str) -> str:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        capsys.readouterr()
        main(arguments)
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run
