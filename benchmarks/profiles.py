"""What dominates, as measured by the harness itself: processor time by package and function, and imports by package."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from benchmarks import peers
from benchmarks.measuring import Program, interleaved, run_once
from benchmarks.sampled import IMPORTS, OTHER

SAMPLED = Path(__file__).resolve().with_name("sampled.py")
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def sampled(program: Program, runs: int = 1) -> dict[str, float]:
    """Seconds of processor time by function of ours (``text/walk.py:walk``), of several runs of imagesetter together.

    Args:
        program: a command that runs Python: our own, or Python with the file of a program.
        runs: how many; the more the shorter it is, since the timer looks a few hundred times a second.
    """
    total: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        script = program.command[1:] if program.command[0] == sys.executable else program.command
        command = [sys.executable, str(SAMPLED), str(answer), *script]
        for _ in range(runs):
            run_once(Program(command, program.stdin, None, program.cwd, program.env, program.before, program.statuses))
            for name, seconds in json.loads(answer.read_text()).items():
                total[name] += seconds
    return total


def shares(found: Mapping[str, float]) -> dict[str, float]:
    """The share of each package, the largest first; a module that is in no package stands for itself."""
    packages: dict[str, float] = defaultdict(float)
    for name, seconds in found.items():
        packages["/".join(name.partition(":")[0].split("/")[:2]).removesuffix(".py")] += seconds
    total = sum(packages.values()) or 1.0
    return {package: packages[package] / total for package in sorted(packages, key=lambda package: -packages[package])}


def sentence(what: str, found: Mapping[str, float]) -> str:
    """What dominates a run, in words: the packages, and the functions that take the most."""
    total = sum(found.values()) or 1.0
    packages = ", ".join(
        f"{_package_name(package)} {share:.0%}" for package, share in shares(found).items() if share >= 0.02
    )
    functions = sorted((name for name in found if ":" in name), key=lambda name: -found[name])[:4]
    most = ", ".join(f"`{name}` {found[name] / total:.0%}" for name in functions)
    return f"**What dominates** {what}, by processor time (sampled): {packages}. The most by function: {most}."


def _package_name(name: str) -> str:
    return {IMPORTS: "imports", OTHER: "the interpreter's start and end"}.get(name, f"`{name}`")


def imported(program: Program, runs: int) -> dict[str, float]:
    """Shares of a run: ``bare`` Python, imports by package (``standard library`` one of them), and the ``work``.

    From ``-X importtime``, on the clock, of several runs beside bare ones.
    """
    python = [sys.executable, "-X", "importtime"]
    ours = Program([*python, peers.imagesetter(), *program.command[1:]], program.stdin, None, program.cwd, program.env)
    found = interleaved({"bare": Program([*python, "-c", "pass"], env=program.env), "ours": ours}, runs, warm=0)
    known = {name for _, name in _IMPORT.findall(found["bare"].samples[0].said)}
    packages: dict[str, float] = defaultdict(float)
    for sample in found["ours"].samples:
        for microseconds, name in _IMPORT.findall(sample.said):
            if name not in known:
                packages[_package(name)] += int(microseconds) / 1e6
    bare, whole = (sum(sample.wall for sample in found[name].samples) for name in ("bare", "ours"))
    whole = max(whole, bare + sum(packages.values()))  # on a busy machine a bare run may be the slower one
    parts = {"bare": bare / whole}
    parts |= {name: packages[name] / whole for name in sorted(packages, key=lambda name: -packages[name])}
    return {**parts, "work": max(0.0, 1 - sum(parts.values()))}


def _package(name: str) -> str:
    top = name.partition(".")[0]
    compiled = {"_yaml": "yaml", "pydantic_core": "pydantic", "annotated_types": "pydantic"}
    return "standard library" if top in sys.stdlib_module_names else compiled.get(top, top)


def imports_sentence(programs: Mapping[str, Program], runs: int) -> str:
    """What dominates start-up, in words: for each run what its imports are of it, and whose they are."""
    parts = []
    for name, program in programs.items():
        found = imported(program, runs)
        packages = [package for package in found if package not in ("bare", "work")]
        whole = sum(found[package] for package in packages)
        most = ", ".join(f"{_owner(package)} {found[package]:.0%}" for package in packages if found[package] >= 0.02)
        rest = f"bare Python {found['bare']:.0%}, the rest of the run {found['work']:.0%}"
        parts.append(f"{name}: imports {whole:.0%}" + (f" ({most})" if most else "") + f", {rest}")
    return f"**What dominates**, on the clock by `-X importtime`: {'; '.join(parts)}."


def _owner(package: str) -> str:
    return {"standard library": "the standard library", "imagesetter": "our own modules"}.get(package, f"`{package}`")
