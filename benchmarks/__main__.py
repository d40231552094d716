"""``python -m benchmarks [SECTION...]`` measures and writes docs/benchmarks.md; ``QUICK=1`` takes smaller sizes.
``python -m benchmarks lists --input FILE`` measures a list or a tree that somebody has, and prints what it measured.

Sections that are not measured keep what an earlier run recorded in docs/benchmarks/measurements.json.
"""

from __future__ import annotations

import argparse
import compileall
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import page, peers
from benchmarks.alternatives import alternatives
from benchmarks.builds import builds
from benchmarks.fleet import fleet
from benchmarks.given import given
from benchmarks.image import image
from benchmarks.lists import kpt, lists
from benchmarks.registry import enormous, registry
from benchmarks.sdk import sdk
from benchmarks.selection import selection
from benchmarks.startup import startup
from benchmarks.trees import monorepo, trees
from krm_functions.errors import ReportedError


def main() -> None:
    """Measure what is asked for, one section after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="measure this list or tree instead, and print it only"
    )
    options = parser.parse_args()
    asked = options.sections or list(SECTIONS)
    if unknown := set(asked) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    quick = os.environ.get("QUICK", "") not in ("", "0")
    # As after an installation. With PYTHONDONTWRITEBYTECODE each run would compile anew whatever was edited since.
    if not compileall.compile_dir(peers.ROOT / "fn", quiet=1):
        parser.error("fn/ does not compile")
    if options.input:
        if not options.input.exists():
            parser.error(f"{options.input} does not exist")
        with tempfile.TemporaryDirectory(prefix="imagesetter-bench-") as folder:
            try:
                print(given(options.input, Path(folder)))
            except OSError as err:  # shutil's, too
                parser.error(f"{options.input} cannot be read: {err}")
            except ReportedError as err:
                parser.error("; ".join(filter(None, (f"{err.where}: {err}" if err.where else str(err), err.hint))))
        return
    for name in asked:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="imagesetter-bench-") as folder:
            section = SECTIONS[name](Path(folder), quick)
        if not section.tables:
            section = page.kept(section, page.record({}).get(name))
            page.write(page.record({name: section}), SECTIONS)
            print(f"{name}: not measured, {section.skipped}", file=sys.stderr)
            continue
        took = time.monotonic() - began
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        size = "small sizes" if quick else "full sizes"
        section = replace(section, when=f"{day}, {size}, took {took:.0f} s; {page.machine()}")
        page.write(page.record({name: section}), SECTIONS)
        print(f"{name}: {took:.0f} s", file=sys.stderr)
        for text in (*section.tables, *section.findings):
            print(f"\n{text}")
        for aim in section.aims:
            print(" · ".join(aim.row))


SECTIONS: dict[str, Callable[[Path, bool], page.Section]] = {
    "startup": startup,
    "monorepo": monorepo,
    "trees": trees,
    "lists": lists,
    "registry": registry,
    "fleet": fleet,
    "selection": selection,
    "enormous": enormous,
    "peers": alternatives,
    "kpt": kpt,
    "builds": builds,
    "sdk": sdk,
    "image": image,
}

if __name__ == "__main__":
    main()
