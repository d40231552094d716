"""The scripts of `imagesetter completion`, sourced in the real shells: what a shell offers for an incomplete line."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.runs import write_files
from support.sandbox import POLICIES
from support.waiting import wait_until
from tools import require_tool

FILES = {"policies.yaml": POLICIES, "apps/web.yaml": "a: b\n", "with space.yaml": "a: b\n"}
OFFERED = {
    "a command": ("imagesetter outd", ["outdated"]),
    "an option": ("imagesetter update --pol", ["--policies"]),
    "a choice": ("imagesetter update --from l", ["lock"]),
    "a policy": ("imagesetter update --only w", ["web"]),
    "a policy with its namespace": ("imagesetter hold flux-system:", ["flux-system:web"]),
    "the policy of an explanation": ("imagesetter explain we", ["web"]),
    "a rule": ("imagesetter lint --disable unused", ["unused-policy"]),
    "a kind": ("imagesetter schema ImageL", ["ImageLedger", "ImageLock", "ImageLog"]),
    "a format": ("imagesetter update --output mark", ["markdown"]),
    "a shell": ("imagesetter completion fi", ["fish"]),
    "a file": ("imagesetter update pol", ["policies.yaml"]),
    "a file with a space": ("imagesetter lint with", ["with space.yaml"]),
    "a file of an option": ("imagesetter lint --policies po", ["policies.yaml"]),
    "the file of a report": ("imagesetter update --output json=po", ["policies.yaml"]),
}
FEW = ("a command", "a policy", "a policy with its namespace", "a rule", "a file with a space")
"""For the shells that have click's own scripts."""
BASH = """
source <(imagesetter completion bash)
for line; do
    COMP_LINE=$line COMP_POINT=${#line}
    _imagesetter_completion imagesetter
    printf '%s\\t' "${COMPREPLY[@]}"
    printf '\\n'
done
"""
FISH = """
imagesetter completion fish | source
for line in $argv
    complete -C $line | string split -f1 \\t | string replace -a '\\\\' '' | string join \\t
end
true
"""


def environment(folder: Path) -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": programs, "HOME": str(folder.parent), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def offered(program: str, arguments: list[str], folder: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """What a shell offers for each line."""
    lines = [OFFERED[name][0] for name in names]
    command = [require_tool(program), *arguments, *lines]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found = [line.rstrip("\t").split("\t") for line in done.stdout.splitlines()]
    return dict(zip(names, found, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("completion") / "work"
    write_files(root, FILES)
    return root


def test_bash_offers_commands_files_policies_rules_kinds_and_formats(folder: Path) -> None:
    # bash replaces only what follows the last colon of a word.
    expected = {name: [each.rpartition(":")[2] for each in words] for name, (_, words) in OFFERED.items()}
    assert offered("bash", ["--norc", "-c", BASH, "bash"], folder, OFFERED) == expected


def test_fish_offers_them(folder: Path) -> None:
    expected = {name: OFFERED[name][1] for name in FEW}
    assert offered("fish", ["--no-config", "-c", FISH], folder, FEW) == expected


def test_zsh_completes_them(folder: Path) -> None:
    screen, terminal = pty.openpty()
    shown = bytearray()

    def see(text: str) -> bool:
        def came() -> bool:
            if select.select([screen], [], [], 0.05)[0]:
                shown.extend(os.read(screen, 65536))
            return text in shown.decode(errors="replace")

        return wait_until(came)

    shell = subprocess.Popen(
        [require_tool("zsh"), "-f", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=folder,
        env={**environment(folder), "PS1": "", "ZLE_RPROMPT_INDENT": "0"},
        start_new_session=True,
    )
    try:
        start = "PS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit && compinit -u -D"
        os.write(screen, f'{start} && eval "$(imagesetter completion zsh)" && print rea"dy"\n'.encode())
        assert see("\nready")
        for name in FEW:
            line, (word, *_) = OFFERED[name]
            shown.clear()
            os.write(screen, f"{line}\t".encode())
            assert see(word.replace(" ", "\\ ")), (name, shown)
            os.write(screen, b"\x15")
    finally:
        shell.kill()
        shell.wait()
        os.close(screen)
        os.close(terminal)
