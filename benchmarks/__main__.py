"""``python -m benchmarks [SECTION...]`` measures and writes docs/benchmarks.md; ``QUICK=1`` takes smaller sizes.

Sections that are not measured keep what an earlier run recorded in docs/benchmarks/measurements.json.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import network, page, shapes


def main() -> None:
    """Measure what is asked for, one section after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    asked = parser.parse_args().sections or list(SECTIONS)
    if unknown := set(asked) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    quick = os.environ.get("QUICK", "") not in ("", "0")
    for name in asked:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="imagesetter-bench-") as folder:
            section = SECTIONS[name](Path(folder), quick)
        took = time.monotonic() - began
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        size = "small sizes" if quick else "full sizes"
        section = replace(section, when=f"{day}, {size}, took {took:.0f} s; {page.machine()}")
        page.write(page.record({name: section}), SECTIONS)
        print(f"{name}: {took:.0f} s", file=sys.stderr)
        for table in section.tables:
            print(f"\n{table}")
        for aim in section.aims:
            print(" · ".join(aim.row))


SECTIONS = {
    "startup": shapes.startup,
    "lists": shapes.lists,
    "monorepo": shapes.monorepo,
    "selection": network.selection,
    "registry": network.registry,
    "trees": shapes.trees,
    "kpt": shapes.kpt,
}

if __name__ == "__main__":
    main()
