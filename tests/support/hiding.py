"""A Python in which modules and functions are missing, as on a system that does not have them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.runs import Ran

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

_RUN_EACH = """\
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from imagesetter.cli.main import main

found = []
for arguments in json.load(sys.stdin):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    found.append([status, *(stream.buffer.getvalue().decode() for stream in (out, err))])
json.dump(found, sys.stdout)
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


def run_each(prelude: str, runs: Sequence[Sequence[str]], folder: Path) -> list[Ran]:
    """Run imagesetter in a folder several times, in one Python that ran the prelude first."""
    done = subprocess.run(
        [sys.executable, "-c", f"{prelude}\n{_RUN_EACH}"],
        cwd=folder,
        input=json.dumps(runs),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [Ran(*each) for each in json.loads(done.stdout)]
