"""The wheels that requirements/ pins, downloaded once for all workers of a run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tools import CHECKOUT, cannot_run

_LISTS = ("dev", "pip")


def pinned_wheels(factory: pytest.TempPathFactory) -> Path:
    """A folder with what ``pip download`` gives for the development environment and the oldest pip.

    It is for several tests: copy from it, or install with ``pip install --no-index --find-links``.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "wheels"
    with FileLock(shared / "wheels.lock"):
        if not folder.exists():
            partial = shared / "wheels.partial"
            lists = [part for name in _LISTS for part in ("-r", str(CHECKOUT / "requirements" / f"{name}.txt"))]
            options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--dest", str(partial)]
            command = [*_pip(shared / "pip"), "download", *options, *lists]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                cannot_run(f"the pinned wheels cannot be downloaded: {run.stderr.strip().splitlines()[-1]}")
            partial.rename(folder)
    return folder


def _pip(folder: Path) -> list[str]:
    """The pip of the environment that runs the tests; where uv made that, one of virtualenv's in the folder."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(folder)], check=True)
    return [str(folder / "bin" / "python"), "-m", "pip"]
