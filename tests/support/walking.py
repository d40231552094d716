"""Walking through a page of the manual: write the files that it shows, run the commands that it shows, in their order.

A block ```` ```yaml title="a.yaml" ```` is a file; a block ```` ```console ```` holds commands behind ``$ `` with what
they print. A page is true when walking through it gives the page again.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from support.runs import run_in

_FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.M | re.S)
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
_PLAIN = re.compile(r"imagesetter [^|&;<>()$`\\*?~{}\[\]!#]+")
"""A command without anything that only a shell understands, beyond quotes."""
_BLOCK = re.compile(rf"{_FILE.pattern}|{_CONSOLE.pattern}", re.M | re.S)


def commands(text: str) -> list[str]:
    """The commands of a page."""
    return [line[2:] for block in _CONSOLE.findall(text) for line in block.splitlines() if line.startswith("$ ")]


def sections(text: str) -> dict[str, str]:
    """The sections of a page by heading, ``## heading``."""
    parts = re.split(r"^## (.+)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def same_each_time(text: str) -> str:
    """What a command printed, without times and without what pre-commit says of a new environment."""
    text = re.sub(r"scan of \d\d:\d\d", "scan of 12:03", text)
    text = re.sub(r"(?<=\" in )[\d.]+m?s$", "0.5s", text, flags=re.M)
    return re.sub(r"^\[INFO\] .*\n", "", text, flags=re.M)


def walk(
    text: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    read: Callable[[str], str] = str,
    shown: Callable[[str], str] = str,
) -> str:
    """The page, as it has to be if it is to be true.

    Args:
        text: of the page.
        folder: where its files are written and its commands run.
        environment: of the commands.
        read: what stands in the place of the page's text in files and commands (this run's port, say).
        shown: the way back, for what a command printed.
    """

    def block(match: re.Match[str]) -> str:
        if match[1]:
            path = folder / match[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(read(match[2]), encoding="utf-8")
            return match[0]
        said = [line[2:] for line in match[3].splitlines() if line.startswith("$ ")]
        ran = [f"$ {line}\n{shown(_run(read(line), folder, environment))}" for line in said]
        separator = "\n" if any(line == "" for line in match[3].splitlines()) else ""
        return f"```console\n{separator.join(ran)}```"

    return _BLOCK.sub(block, text)


def _run(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    if _PLAIN.fullmatch(command):
        ran = run_in(folder, *shlex.split(command)[1:], environment=environment, together=True)
        if ran.status not in (0, 1):
            raise AssertionError(f"{command}: {ran}")
        return ran.out
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}")
    return done.stdout
