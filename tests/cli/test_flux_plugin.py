"""``flux imagesetter …``: the plugin that Flux 2.9 finds, and what it answers when Flux asks for completion."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from tools import CHECKOUT

RUN = f"""\
import sys
sys.path.insert(0, {str(CHECKOUT / "fn")!r})
from imagesetter.__main__ import flux_plugin
flux_plugin()
"""


def plugin(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", RUN, *arguments]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_the_executable_has_the_name_that_flux_looks_for() -> None:
    scripts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts["flux-imagesetter"] == "imagesetter.__main__:flux_plugin"


def test_it_runs_commands_and_without_one_shows_the_help_whatever_standard_input_is(tmp_path: Path) -> None:
    ran = plugin("lint", "--help")
    assert (ran.returncode, ran.stdout.split("\n", 1)[0]) == (0, "Usage: imagesetter lint [OPTIONS] [PATH]...")
    ran = plugin(folder=tmp_path)
    assert (ran.returncode, ran.stdout.split("\n", 1)[0]) == (0, "Usage: imagesetter [OPTIONS] [COMMAND] [ARGS]...")
    assert plugin("no-such-command").returncode == 2


def test_flux_gets_candidates_with_descriptions_and_a_directive() -> None:
    assert plugin("__complete", "unh").stdout == "unhold\tRemove the holds of a policy from the lock.\n:4\n"
    assert plugin("__complete", "update", "--from", "").stdout == "registry\nlock\nstatus\n:4\n"
    assert plugin("__complete", "lock", "--lock-file", "").stdout == ":0\n"
    assert plugin("__complete", "update", "--cache-dir", "").stdout == ":16\n"
    commands = plugin("__complete", "").stdout.splitlines()
    assert ("update\tRewrite marked fields in place." in commands, commands[-1]) == (True, ":4")
    assert plugin("__complete").stdout.splitlines() == commands
    assert plugin("__complete", "no-such-command", "").stdout == ":4\n"
