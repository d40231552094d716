"""The programs to compare with: found, or built from our own small Go programs into ``.tools/bin``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"


def find(name: str) -> str | None:
    """A program's path, among our tools or on PATH; None where it is not there."""
    return shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")


def built(name: str) -> str | None:
    """The program of ``benchmarks/go/NAME``, built where it is not or is old; None without Go or its modules."""
    folder, program = ROOT / "benchmarks" / "go" / name, TOOLS / f"bench-{name}"
    newest = max(path.stat().st_mtime for path in folder.iterdir())
    if program.exists() and program.stat().st_mtime >= newest:
        return str(program)
    go = find("go")
    if go is None:
        return None
    TOOLS.mkdir(parents=True, exist_ok=True)
    run = subprocess.run([go, "build", "-o", program, "."], cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        print(f"go build {name}: {run.stderr.strip()[-500:]}", file=sys.stderr)
        return None
    return str(program)


def imagesetter() -> str:
    """Our own command, of the environment that runs us."""
    return str(Path(sys.executable).parent / "imagesetter")


def has_ruamel() -> bool:
    """Whether ruamel.yaml can be imported."""
    from importlib.util import find_spec

    return find_spec("ruamel") is not None


def missing(setters: object) -> list[str]:
    """What was to be compared with and is not there."""
    return [*([] if setters else ["Go, or its modules"]), *([] if has_ruamel() else ["ruamel.yaml"])]
