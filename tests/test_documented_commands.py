"""What the manual shows is what comes: pages that need no registry are walked through in a directory of their own.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write what came out into the pages, and read the diff before committing it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.walking import commands, walk
from tools import CHECKOUT

PAGES = ("explain", "policies", "policy-tests", "troubleshooting")
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_true(page: str, tmp_path: Path) -> None:
    path = CHECKOUT / "docs" / f"{page}.md"
    text = path.read_text(encoding="utf-8")
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    mine = {name: value for name, value in os.environ.items() if not name.startswith("IMAGESETTER_")}
    walked = walk(text, tmp_path, {**mine, "PATH": programs, "XDG_CACHE_HOME": str(tmp_path / ".cache")})
    if UPDATE:
        path.write_text(walked, encoding="utf-8")
    assert walked == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_commands_to_run(page: str) -> None:
    assert commands((CHECKOUT / "docs" / f"{page}.md").read_text(encoding="utf-8"))
