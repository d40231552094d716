"""Aligned columns of plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from imagesetter.cli.terminal import PEN

_STYLE = re.compile(rf"{re.escape(PEN)}\[[0-9;]*m")


def aligned(rows: Iterable[Sequence[str]], *, gap: str = "  ") -> list[str]:
    """The rows as lines, each column as wide as its widest cell, without trailing spaces.

    Rows may differ in length. Cells may be styled: only visible characters count.
    """
    rows = list(rows)
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], _width(cell))
    return [_line(row, widths, gap) for row in rows]


def _line(row: Sequence[str], widths: Sequence[int], gap: str) -> str:
    padded = (f"{cell}{' ' * (width - _width(cell))}" for cell, width in zip(row, widths, strict=False))
    return gap.join(padded).rstrip()


def _width(cell: str) -> int:
    return len(_STYLE.sub("", cell))
