"""(k) The SDK beside kpt's for Go: one label for every resource."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, comparison, growth, plots
from benchmarks.measuring import Program, Series, interleaved
from benchmarks.page import Aim, Section
from benchmarks.profiles import sampled, sentence

HERE = Path(__file__).resolve().parent
OURS, GO = "krm_functions", "Go, kpt's SDK"
PARSE = "Python, libyaml's events alone"


def sdk(folder: Path, quick: bool) -> Section:
    """(k) ResourceLists of Deployments, each of which gets a label."""
    sizes = (100, 300) if quick else (100, 1000)
    go = peers.built("sdk")
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        data = folder / f"{size}.yaml"
        data.write_text(inputs.resource_list(size))
        ours = Program(
            [sys.executable, str(HERE / "labeller.py")], data, env={**CLEAN, "PYTHONPATH": str(peers.ROOT / "fn")}
        )
        programs = {OURS: ours, PARSE: Program([sys.executable, str(HERE / "limits.py"), "parse", str(data)])}
        if go:
            programs[GO] = Program([go, "label"], data)
        found[size] = interleaved(programs, 5)
    text = (
        "Deployments of sixty lines; each gets one label, in three lines of Python and in six of Go. kpt's SDK for Go "
        "loads everything and writes everything anew; ours reads the list by libyaml's events, loads an item "
        "that is edited, splices, and reads each edited item again to prove that nothing else changed. The limit for "
        "a reader in Python is taking libyaml's events once, from which nothing is made."
    )
    aims = []
    for size in sizes[1:]:
        each = found[size]
        why = f"taking the events alone is {each[PARSE].over(each[GO], 'cpu'):.2g} × Go" if go else ""
        for kind, words, limit in (("cpu", "processor", 2.0), ("peak", "memory", 0.5)):
            value = each[OURS].over(each[GO], kind) if go else None
            aims.append(Aim(f"(k) a label for {size:,} Deployments over Go, {words}", limit, value, reason=why))
    ratios = [(GO, "Go", "wall"), (GO, "Go", "cpu"), (GO, "Go", "peak"), (PARSE, "events alone", "cpu")]
    return Section(
        "(k) The SDK",
        text,
        [comparison("Deployments", found, ratios)],
        aims,
        plots("sdk", "The SDK", "Deployments", found),
        [sentence(f"a label for {sizes[-1]:,} Deployments", sampled(ours)), growth("Deployments", found, OURS)],
        [] if go else ["Go, or its modules"],
    )
