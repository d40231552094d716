"""A Python in which modules and functions are missing, as on a system that does not have them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_HIDE = """\
import importlib.abc, sys

class Hidden(importlib.abc.MetaPathFinder):
    names = frozenset({names!r})

    def find_spec(self, name, path=None, target=None):
        if name in self.names or name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {{name!r}} (hidden by the test)", name=name)
        return None

for name in [name for name in sys.modules if name in Hidden.names or name.partition(".")[0] in Hidden.names]:
    del sys.modules[name]
sys.meta_path.insert(0, Hidden())
"""


def without(modules: Sequence[str]) -> str:
    """Code after which these modules cannot be imported."""
    return _HIDE.format(names=tuple(modules))


def command(prelude: str, arguments: Sequence[str]) -> list[str]:
    """The command line of imagesetter, in a Python that ran the prelude first."""
    start = f"{prelude}\nimport sys\nfrom imagesetter.__main__ import main\nsys.argv[0] = 'imagesetter'\nmain()\n"
    return [sys.executable, "-c", start, *arguments]


def run(
    prelude: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run imagesetter in a folder; standard output and error are kept apart."""
    return subprocess.run(
        command(prelude, arguments),
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
