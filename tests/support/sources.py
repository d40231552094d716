"""The modules of the package, each parsed once in a process."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tools import CHECKOUT

FN = CHECKOUT / "fn"


@cache
def modules() -> dict[str, Path]:
    """The file of each module, by its dotted name."""
    files = sorted(FN.rglob("*.py"))
    names = {path: path.relative_to(FN).with_suffix("").parts for path in files}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in names.items()}


@cache
def parsed(path: Path) -> ast.Module:
    """A module as Python parses it."""
    return ast.parse(path.read_text(encoding="utf-8"))
