"""How runs of several programs at several sizes are shown: a table with ratios first, charts, and how cost grows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import log

from benchmarks.measuring import Series
from benchmarks.page import FOLDER, seconds, table
from benchmarks.plot import chart

OURS = "imagesetter"
GO = "Go, kyaml"
RUAMEL = "ruamel.yaml"
CLEAN: Mapping[str, str | None] = {
    name: None for name in os.environ if name.startswith("IMAGESETTER_") or name == "LOG_TO_STDERR"
}
"""No option of whoever runs the benchmarks."""

Found = Mapping[int, Mapping[str, Series]]
"""size → program → its runs"""

KINDS = {"wall": "clock", "cpu": "processor", "peak": "memory"}


def comparison(what: str, found: Found, ratios: Sequence[tuple[str, str, str]]) -> str:
    """A table of all runs.

    Args:
        what: what the sizes count.
        ratios: a column each: the program to compare with, its name in the head, and ``wall``, ``cpu`` or ``peak``.
    """
    rows = []
    for size, each in found.items():
        for name, series in each.items():
            cells = []
            for program, _, kind in ratios:
                base = each.get(program)
                comparable = base and name != program and len(series.samples) == len(base.samples)
                cells.append(f"{series.over(base, kind):.2f}" if base and comparable else "")
            rows.append(
                [f"{size:,}", name, *cells, seconds(series.wall), seconds(series.cpu), f"{series.peak:.0f} MiB"]
            )
    heads = [f"× {title}, {KINDS[kind]}" for _, title, kind in ratios]
    return table([what, "program", *heads, "clock", "processor", "peak"], rows)


def plots(name: str, title: str, what: str, found: Found, kinds: Sequence[str] = ("cpu", "peak")) -> dict[str, str]:
    """Charts of cost over size, written; their file names and descriptions."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    units = {"wall": "time on the clock, s", "cpu": "processor time, s", "peak": "peak memory, MiB"}
    made = {}
    for kind in kinds:
        lines: dict[str, list[tuple[float, float]]] = {}
        for size, each in found.items():
            for program, series in each.items():
                lines.setdefault(program, []).append((size, max(getattr(series, kind), 0.001)))
        lines = {program: line for program, line in lines.items() if len(line) > 1}
        file = f"{name}-{kind}.svg"
        (FOLDER / file).write_text(chart(title, what, units[kind], lines))
        made[file] = f"{title}: {units[kind]} by {what}"
    return made


def growth(what: str, found: Found, program: str = OURS, kinds: Sequence[str] = ("cpu", "peak")) -> str:
    """How the cost of a program grows from the smallest size to the largest, in words."""
    small, large = min(found), max(found)
    first, last = found[small][program], found[large][program]
    words = {"wall": "time on the clock", "cpu": "processor time", "peak": "peak memory"}
    told = []
    for kind in kinds:
        ratio = getattr(last, kind) / max(getattr(first, kind), 1e-6)
        told.append(f"{words[kind]} {ratio:.1f} × (power {log(max(ratio, 1e-6)) / log(large / small):.2f})")
    return (
        f"**How it grows**: {large / small:.1f} × the {what} ({small:,} to {large:,}) cost {program} "
        f"{' and '.join(told)}; power 1 is linear."
    )
