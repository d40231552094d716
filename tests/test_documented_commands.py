"""What the manual shows is what comes: its console blocks are run on the files that stand beside them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import CHECKOUT

PAGES = ("explain", "policy-tests")
_FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```', re.M | re.S)
_CONSOLE = re.compile(r"^```console\n\$ ([^\n]+)\n(.*?)^```", re.M | re.S)


def blocks() -> list[tuple[str, str, str]]:
    found = []
    for page in PAGES:
        text = (CHECKOUT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        found += [(page, command, output) for command, output in _CONSOLE.findall(text)]
    return found


@pytest.mark.parametrize(("page", "command", "output"), blocks(), ids=[f"{page}: {line}" for page, line, _ in blocks()])
def test_a_documented_command_gives_its_output(page: str, command: str, output: str, tmp_path: Path) -> None:
    for name, text in _FILE.findall((CHECKOUT / "docs" / f"{page}.md").read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    done = subprocess.run(
        command,
        shell=True,
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.stdout == output
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_commands_to_run(page: str) -> None:
    assert page in {found for found, _, _ in blocks()}
