"""httpx without its command line: the one module that imports httpx, seen in interpreters of their own."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE_ROOT = Path(__file__).resolve().parents[2] / "fn"
COMMAND_LINE = {"httpx._main", "click", "pygments", "rich"}
IMPORT = f"import sys; sys.path.insert(0, {str(SOURCE_ROOT)!r}); from imagesetter.registry.http.library import httpx\n"


def run(code: str, *paths: Path) -> str:
    """What Python prints that runs *code*, with *paths* before everything that is installed."""
    begin = f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
    done = subprocess.run([sys.executable, "-I", "-c", begin + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_of_httpx_is_not_imported() -> None:
    loaded = set(run(IMPORT + "print(*sys.modules, sep='\\n')").split())
    assert "httpx" in loaded
    release = importlib.metadata.version("httpx")
    assert loaded & COMMAND_LINE == set(), f"httpx {release} imports its command line; see registry/http/library.py"


def test_the_command_line_of_httpx_can_still_be_imported_by_others() -> None:
    assert run(IMPORT + "import httpx._main; print(httpx._main.__name__)") == "httpx._main\n"


def test_an_httpx_that_was_imported_before_is_the_same() -> None:
    assert run("import httpx as first\n" + IMPORT + "print(first is httpx)") == "True\n"


@pytest.mark.parametrize(
    "init", ["from ._main import main\n", "main = 'of another module'\n"], ids=["needed", "not there"]
)
def test_a_release_whose_command_line_is_another_is_imported_whole(init: str, tmp_path: Path) -> None:
    package = tmp_path / "httpx"
    package.mkdir()
    (package / "__init__.py").write_text(init)
    if "_main" in init:
        (package / "_main.py").write_text("main = 'of _main'\n")
    assert run(IMPORT + "print(httpx.main)", tmp_path).startswith("of ")
