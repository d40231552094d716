"""The README and the quick start, walked through block by block, with a real registry in place of the one they name.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write what came out into the pages, and read the diff before committing it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from e2e.conftest import WRITTEN_HOST, Stage
from support.walking import commands, walk
from tools import CHECKOUT, require_tool

UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"


def walked(page: Path, stage: Stage, folder: Path) -> str:
    text = page.read_text(encoding="utf-8")
    done = walk(
        text,
        folder,
        stage.environment,
        read=lambda part: part.replace(WRITTEN_HOST, stage.host),
        shown=lambda part: re.sub(r"scan of \d\d:\d\d", "scan of 12:03", part.replace(stage.host, WRITTEN_HOST)),
    )
    if UPDATE:
        page.write_text(done, encoding="utf-8")
    return done


def test_the_readme_is_true_in_the_repository_that_it_talks_about(stage: Stage) -> None:
    page = CHECKOUT / "README.md"
    folder = stage.example("flux-repository")
    assert walked(page, stage, folder) == page.read_text(encoding="utf-8")
    assert len(commands(page.read_text(encoding="utf-8"))) >= 2


def test_the_quick_start_is_true_in_an_empty_directory(stage: Stage) -> None:
    require_tool("git")
    page = CHECKOUT / "docs" / "index.md"
    folder = stage.root / "empty"
    folder.mkdir()
    assert walked(page, stage, folder) == page.read_text(encoding="utf-8")
    assert len(commands(page.read_text(encoding="utf-8"))) >= 5


@pytest.mark.parametrize("line", re.findall(r"^imagesetter .*", (CHECKOUT / "README.md").read_text(), re.M))
def test_each_command_of_the_readme_runs_in_a_flux_repository(line: str, stage: Stage) -> None:
    done = stage.run("bash", "-c", line, cwd=stage.example("flux-repository"))
    assert done.status == (1 if "--check" in line else 0), str(done)
