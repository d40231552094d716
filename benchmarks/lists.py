"""(c) ResourceLists beside kyaml, and (g) the function's share of a kpt run."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, GO, OURS, RUAMEL, comparison, growth, plots
from benchmarks.measuring import Program, Series, interleaved
from benchmarks.page import Aim, Section, seconds, table
from benchmarks.profiles import sampled, sentence

HERE = Path(__file__).resolve().parent
CAT, PARSE = "cat through a pipe", "Python, libyaml's events alone"


def lists(folder: Path, quick: bool) -> Section:
    """(c) ResourceLists of Deployments of three sizes."""
    sizes = (100, 300, 1000) if quick else (100, 1000, 10_000)
    setters = peers.built("setters")
    images = inputs.write_images(folder / "images", 20)
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        data = folder / f"{size}.yaml"
        data.write_text(inputs.resource_list(size))
        ours = Program([peers.imagesetter()], data, env={**CLEAN, "IMAGESETTER_FROM": "status"})
        programs = {
            OURS: ours,
            CAT: Program(["sh", "-c", 'cat "$0" | cat', str(data)]),
            PARSE: Program([sys.executable, str(HERE / "limits.py"), "parse", str(data)]),
        }
        if setters:
            programs[GO] = Program([setters, "list", str(images)], data)
        if peers.has_ruamel() and size == sizes[0]:
            programs[RUAMEL] = Program([sys.executable, str(HERE / "roundtrip.py"), str(data)])
        found[size] = interleaved(programs, 3 if size < 10_000 else 2, warm=1 if size < 10_000 else 0)
    profile = sampled(ours)
    text = (
        "Deployments of sixty lines with two markers each; every field changes, and every change is a result. Ours "
        "reads the list by libyaml's events, splices, has the result read again to prove that nothing else changed, "
        "and writes a result for each field; the Go program reads, sets and writes as Flux's setter pass does, and "
        "reports nothing. ruamel.yaml reads and writes and changes nothing. The limits: `cat` for the bytes; for a "
        "reader in Python that takes libyaml's events one by one, as ours does, taking them once, from which nothing "
        "is made."
    )
    aims = []
    for size in sizes[1:]:
        each = found[size]
        why = f"taking the events alone is {each[PARSE].over(each[GO], 'cpu'):.2g} × Go" if setters else ""
        value = {kind: each[OURS].over(each[GO], kind) if setters else None for kind in ("cpu", "peak")}
        name = f"(c) list of {size:,} Deployments over Go"
        aims.append(Aim(f"{name}, processor", 0.5, value["cpu"], reason=f"{why}; a result is written for each field"))
        times = each[OURS].peak * 2**20 / (folder / f"{size}.yaml").stat().st_size
        aims.append(Aim(f"{name}, memory", 0.1, value["peak"], reason=f"{times:.0f} × the bytes of the list"))
    ratios = [(GO, "Go", "wall"), (GO, "Go", "cpu"), (GO, "Go", "peak"), (PARSE, "events alone", "cpu")]
    return Section(
        "(c) ResourceLists",
        text,
        [comparison("Deployments", found, ratios)],
        aims,
        plots("lists", "ResourceLists", "Deployments", found),
        [sentence(f"a list of {sizes[-1]:,} Deployments", profile), growth("Deployments", found)],
        peers.missing(setters),
    )


def kpt(folder: Path, quick: bool) -> Section:
    """(g) `kpt fn eval` with the function, and with one that gives back what it gets."""
    program = peers.find("kpt")
    title = "(g) The function's share of a kpt run"
    if program is None:
        return Section(title, "kpt fn eval with the function, and with one that does nothing.", [], missing=["kpt"])
    sizes = (50, 100, 300) if quick else (100, 300, 1000)
    ours, nothing = f"kpt with {OURS}", "kpt with cat"
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        source, copy = folder / str(size), folder / f"{size}-run"
        source.mkdir(parents=True)
        for number in range(size):
            (source / f"web-{number:05}.yaml").write_text(inputs.deployment(number, 20))
        (source / "images.lock.yaml").write_text(inputs.lock(range(20)))
        base = [program, "fn", "eval", str(copy), "--truncate-output=false", "--exec"]
        restore = partial(_restore, source, copy)
        locked = {**CLEAN, "IMAGESETTER_FROM": "lock"}
        programs = {
            ours: Program([*base, peers.imagesetter()], env=locked, before=restore),
            nothing: Program([*base, shutil.which("cat") or "cat"], before=restore),
        }
        found[size] = interleaved(programs, 2, warm=0)
    rows = [
        [f"{size:,}", *(f"{max(0.0, 1 - each[nothing].over(each[ours], kind)):.0%}" for kind in ("cpu", "wall")),
         *map(seconds, (each[ours].cpu, each[nothing].cpu, each[ours].wall, each[nothing].wall))]
        for size, each in found.items()
    ]  # fmt: skip
    head = ["files", "share, processor", "share, clock", "with imagesetter, processor", "with cat, processor",
            "with imagesetter, clock", "with cat, clock"]  # fmt: skip
    text = (
        "`kpt fn eval` over files of one Deployment with two markers, from a lock among them, beside the same with "
        "`cat`, which gives back what it gets: the limit for any function. The share is what ours adds to that."
    )
    return Section(
        title,
        text,
        [table(head, rows)],
        plots=plots("kpt", "kpt fn eval", "files", found, ("wall",)),
        findings=[growth("files", found, ours, ("wall",)), growth("files", found, nothing, ("wall",))],
    )


def _restore(source: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
