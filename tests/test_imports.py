"""Start-up: what a KRM function run imports before it knows that it needs more.

kpt and kustomize start one process a function and run. pydantic costs about 70 ms, httpx about 110 ms, rich and click
about 35 ms each; a package without markers needs none of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE_ROOT = Path(__file__).resolve().parent.parent / "fn"
HEAVY = {"pydantic", "httpx", "ssl", "re2", "rich", "click", "ruamel", "asyncio", "importlib.metadata"}

FUNCTION_PATH = [
    "imagesetter.errors",
    "imagesetter.text.scan",
    "imagesetter.text.load",
    "imagesetter.text.proof",
    "imagesetter.krm.run",
    "imagesetter.krm.resourcelist",
    "imagesetter.policy.select",
    "imagesetter.registry.reference",
    "imagesetter.registry.client",
    "imagesetter.flux.markers",
    "imagesetter.flux.catalog",
    "imagesetter.resolve",
    "imagesetter.plan",
    "imagesetter.config",
    "imagesetter.function",
    "imagesetter.cli.function",
    "imagesetter.__main__",
]


def imported_with(module: str) -> set[str]:
    """The modules that importing one module in a new interpreter brings in."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE_ROOT)!r}); import {module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("module", FUNCTION_PATH)
def test_a_module_on_the_function_path_imports_nothing_heavy(module: str) -> None:
    loaded = imported_with(module)
    assert module in loaded
    assert loaded & HEAVY == set()


def test_the_probe_sees_a_heavy_import() -> None:
    assert "pydantic" in imported_with("pydantic")
