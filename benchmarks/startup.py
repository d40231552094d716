"""What a run costs before it has done anything."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN
from benchmarks.measuring import Program, interleaved
from benchmarks.page import Aim, Section, seconds, table
from benchmarks.profiles import imported, imports_sentence

LIST, LOCKED = "function, list without markers", "function, locked apply"


def startup(folder: Path, quick: bool) -> Section:
    """Small inputs, beside bare Python."""
    unmarked, locked = folder / "unmarked.yaml", folder / "locked.yaml"
    unmarked.write_text(inputs.resource_list(3, marked=False))
    locked.write_text(inputs.resource_list(1, 2, locked=True))
    tree = folder / "tree"
    tree.mkdir()
    (tree / "web.yaml").write_text(inputs.deployment(0, 2, marked=False))
    (tree / "images.lock.yaml").write_text(inputs.lock(range(2)))
    ours = peers.imagesetter()
    runs = {
        LIST: Program([ours], unmarked, env=CLEAN),
        LOCKED: Program([ours], locked, env={**CLEAN, "IMAGESETTER_FROM": "lock"}),
        "update --from lock, nothing marked": Program([ours, "update", "--from", "lock", str(tree)], env=CLEAN),
        "lint, nothing marked": Program([ours, "lint", str(tree)], env=CLEAN),
    }
    bare = "python -c pass"
    programs = {
        bare: Program([sys.executable, "-c", "pass"]),
        "python -c 'import yaml'": Program([sys.executable, "-c", "import yaml"]),
        **runs,
    }
    found = interleaved(programs, 7 if quick else 15)
    rows = [
        [name, f"{each.over(found[bare], 'cpu'):.2f}", f"{each.over(found[bare]):.2f}", seconds(each.cpu),
         seconds(each.wall), f"{each.peak:.0f} MiB"]
        for name, each in found.items()
    ]  # fmt: skip
    parts = imported(runs[LOCKED], 1 if quick else 3)
    why = f"imports are {1 - parts['bare'] - parts['work']:.0%} of it, the work {parts['work']:.0%}"
    aims = [
        Aim("start-up, list without markers over bare Python", 2.5, found[LIST].over(found[bare], "cpu")),
        Aim("start-up, locked apply over bare Python", 6, found[LOCKED].over(found[bare], "cpu"), reason=why),
    ]
    text = (
        "The same environment, compiled files warm; bare Python is the limit. A list in which nothing can follow a "
        "policy is given back without a YAML library. A locked apply imports no pydantic, no HTTP, no policies."
    )
    head = ["run", "× bare, processor", "× bare, clock", "processor", "clock", "peak"]
    return Section("Start-up", text, [table(head, rows)], aims, findings=[imports_sentence(runs, 1 if quick else 3)])
