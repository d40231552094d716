"""Selection and registries: the measurements of ``selection.py`` and ``registry.py``, put on the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import peers
from benchmarks.page import Aim, Section

HERE = Path(__file__).resolve().parent


def _printed(script: str, quick: bool, **environment: str) -> str:
    env = {name: value for name, value in os.environ.items() if name != "QUICK"}
    env.update(environment)
    env["PATH"] = f"{peers.TOOLS}{os.pathsep}{env.get('PATH', '')}"
    if quick:
        env["QUICK"] = "1"
    run = subprocess.run([sys.executable, str(HERE / script)], capture_output=True, text=True, env=env, check=False)
    if run.returncode:
        raise RuntimeError(f"{script}: {run.stderr.strip()[-1500:]}")
    return run.stdout.strip()


def _cells(text: str, start: str) -> list[str]:
    """The cells of the first table row that begins so."""
    row = next((line for line in text.splitlines() if line.startswith(f"| {start}")), "")
    return [cell.strip() for cell in row.strip("|").split("|")] if row else []


def selection(folder: Path, quick: bool) -> Section:
    """(e) Policies of all kinds over long lists, beside Go."""
    title = "(e) Selection beside Masterminds/semver"
    text = (
        "Policies of all kinds over lists of 400 tags, chosen in one process by us and by a Go program that calls "
        "Masterminds/semver as Flux does; both must choose the same. Reading the lists is not counted, choosing is."
    )
    if peers.find("go") is None:
        return Section(title, text, [], [Aim("(e) selection over Go", 1.0, None)], missing=["go"])
    printed = _printed("selection.py", quick, RUNS="3")
    ratio = float((_cells(printed, "all, processor") or _cells(printed, "all"))[-1])
    memory = float(_cells(printed, "peak memory")[3])
    aims = [
        Aim("(e) selection over Go, processor", 1.0, ratio, reason="see the kinds in the table"),
        Aim(
            "(e) peak memory, all lists in memory",
            512,
            memory,
            "MB",
            reason="all lists are loaded before the first choice",
        ),
    ]
    return Section(title, text, [printed], aims)


def registry(folder: Path, quick: bool) -> Section:
    """(d) and (f): many repositories far away, one large one, one enormous one."""
    title = "(d), (f) Registries"
    text = (
        "A real registry (distribution 2.8) with TLS on loopback, behind a proxy that delays every byte, so that it is "
        "as far away as the table says. curl is the physical limit: it gets the same lists over the same number of "
        "connections and throws them away. The loops call one program a repository."
    )
    missing = [name for name in ("curl", "crane", "skopeo") if peers.find(name) is None]
    if missing:
        return Section(title, text, [], [Aim("(d) many repositories over curl --parallel", 1.1, None)], missing=missing)
    printed = _printed("registry.py", quick, **({} if quick else {"RUNS": "2"}))
    tables = [block.strip() for block in re.split(r"\n(?=\n?[^|\n])", printed)]
    far = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in printed.splitlines()
        if re.match(r"\| \d+ \| \d+ ms", line)
    ]
    peaks = [float(_cells(printed, kind)[-1]) for kind in ("pages of", "all in one")]
    most = far[-1]
    aims = [
        Aim(
            f"(d) {most[0]} repositories, {most[1]} away, over curl --parallel",
            1.1,
            float(most[5]),
            reason=f"starting Python and httpx; {most[6]} × without the start",
        ),
        Aim(
            f"(d) ours over a loop of crane, {most[0]} repositories",
            0.2,
            1 / max(float(most[9]), 0.01),
            reason="with few repositories the start is most of it",
        ),
        Aim("(f) one enormous repository, peak memory", 150, max(peaks), "MiB", reason="one answer holds all tags"),
    ]
    return Section(title, text, ["\n\n".join(tables)], aims)
