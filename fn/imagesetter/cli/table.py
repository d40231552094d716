"""Aligned columns of plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def aligned(rows: Iterable[Sequence[str]], *, gap: str = "  ") -> list[str]:
    """The rows as lines, each column as wide as its widest cell; nothing trails.

    Rows may differ in length. Widths are of the plain text: style a line after it was aligned.
    """
    rows = list(rows)
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], len(cell))
    return [gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
