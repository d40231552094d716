"""Start-up, ResourceLists, trees of files, and kpt: each at sizes that show how the cost grows."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.measuring import Program, Series, interleaved
from benchmarks.page import FOLDER, Aim, Section, seconds, table
from benchmarks.plot import chart

OURS = "imagesetter"
GO = "Go, kyaml"
RUAMEL = "ruamel.yaml"
CLEAN: Mapping[str, str | None] = {
    name: None for name in os.environ if name.startswith("IMAGESETTER_") or name == "LOG_TO_STDERR"
}


def startup(folder: Path, quick: bool) -> Section:
    """What a run costs before it has done anything."""
    unmarked, locked = folder / "unmarked.yaml", folder / "locked.yaml"
    unmarked.write_text(inputs.resource_list(3, marked=False))
    locked.write_text(inputs.resource_list(1, 2, locked=True))
    tree = folder / "tree"
    tree.mkdir()
    (tree / "web.yaml").write_text(inputs.deployment(0, 2, marked=False))
    (tree / "images.lock.yaml").write_text(inputs.lock(range(2)))
    ours = peers.imagesetter()
    programs = {
        "python -c pass": Program([sys.executable, "-c", "pass"]),
        "python -c 'import yaml'": Program([sys.executable, "-c", "import yaml"]),
        "function, list without markers": Program([ours], unmarked, env=CLEAN),
        "function, locked apply": Program([ours], locked, env={**CLEAN, "IMAGESETTER_FROM": "lock"}),
        "update --from lock, nothing marked": Program([ours, "update", "--from", "lock", str(tree)], env=CLEAN),
        "lint, nothing marked": Program([ours, "lint", str(tree)], env=CLEAN),
    }
    found = interleaved(programs, 7 if quick else 15)
    bare = found["python -c pass"]
    rows = [
        [name, f"{each.over(bare, 'cpu'):.2f}", f"{each.over(bare):.2f}", seconds(each.cpu), seconds(each.wall),
         f"{each.peak:.0f} MiB"]
        for name, each in found.items()
    ]  # fmt: skip
    aims = [
        Aim(
            "start-up, list without markers over bare Python",
            2.5,
            found["function, list without markers"].over(bare, "cpu"),
        ),
        Aim(
            "start-up, locked apply over bare Python",
            6,
            found["function, locked apply"].over(bare, "cpu"),
            reason=(
                "its imports alone: bare Python with PyYAML is 2.8, making some sixty data classes adds about 2.7, "
                "compiling patterns about 1.4; the work itself is below 0.5"
            ),
        ),
    ]
    text = (
        "The same environment, compiled files warm. A list in which nothing can follow a policy is given back "
        "without a YAML library. A locked apply imports no pydantic, no HTTP, no policies; what it costs is its "
        "imports. Peaks of about 24 MiB are the harness itself, from which each program is started."
    )
    head = ["run", "× bare, processor", "× bare, clock", "processor", "clock", "peak"]
    return Section("Start-up", text, [table(head, rows)], aims)


def lists(folder: Path, quick: bool) -> Section:
    """(c) ResourceLists of Deployments, beside kyaml."""
    sizes = (100, 300, 1000) if quick else (100, 1000, 10_000)
    setters = peers.built("setters")
    images = _images(folder, 20)
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        data = folder / f"{size}.yaml"
        data.write_text(inputs.resource_list(size))
        programs = {OURS: Program([peers.imagesetter()], data, env={**CLEAN, "IMAGESETTER_FROM": "status"})}
        if setters:
            programs[GO] = Program([setters, "list", str(images)], data)
        if peers.has_ruamel() and size == sizes[0]:
            programs[RUAMEL] = _roundtrip(data)
        found[size] = interleaved(programs, 3 if size < 10_000 else 2, warm=1 if size < 10_000 else 0)
    text = (
        "Deployments of sixty lines with two markers each; every field changes, and every change is a result. Ours "
        "reads the list once, splices, reads the result again to prove that nothing else changed, and writes a result "
        "for each field; the Go program reads, sets and writes as Flux's setter pass does, and reports nothing. "
        "ruamel.yaml reads and writes and changes nothing."
    )
    aims = []
    if setters:
        for size in sizes[1:]:
            ours, go = found[size][OURS], found[size][GO]
            why = "libyaml's events come to Python one by one; a result is written for each field"
            aims.append(
                Aim(f"(c) list of {size:,} Deployments over Go, processor", 0.5, ours.over(go, "cpu"), reason=why)
            )
            aims.append(
                Aim(f"(c) list of {size:,} Deployments over Go, memory", 0.1, ours.over(go, "peak"), reason=why)
            )
    tables = [_comparison("Deployments", found)]
    plots = _plots("lists", "ResourceLists", "Deployments", found)
    return Section("(c) ResourceLists", text, tables, aims, plots, _missing(setters))


def monorepo(folder: Path, quick: bool) -> Section:
    """(a) The shape of a real Flux repository."""
    shape = {"files": 1735, "marked": 234, "markers": 242, "policies": 88, "size": 14_000_000}
    found = {shape["files"]: _tree(folder, shape, 3 if quick else 5)}
    text = (
        "The measured shape of a public Flux repository: 1,735 YAML files of 14 MB, 234 with 242 markers, 88 policies. "
        "Ours finds the policies among the files, checks them against the lock (or takes their status), changes every "
        "field and proves each file; the Go program is given the images and changes the fields."
    )
    aims = []
    each = found[shape["files"]]
    if GO in each:
        why = (
            "start-up is a third; then reading 88 policies from their files (the Go program is told the answers), the "
            "proof, and on the clock flushing each file to the disk, which the Go program does not do"
        )
        for name in (f"{OURS}, status", f"{OURS}, lock"):
            aims.append(
                Aim(f"(a) monorepo, {name.split(', ')[1]}, over Go, clock", 1.0, each[name].over(each[GO]), reason=why)
            )
    return Section("(a) A real repository", text, [_comparison("files", found)], aims, missing=_missing(GO in each))


def trees(folder: Path, quick: bool) -> Section:
    """(b) Ten thousand files from the lock."""
    sizes = (300, 1000, 3000) if quick else (1000, 3000, 10_000)
    found = {}
    for size in sizes:
        shape = {"files": size, "marked": size // 10, "markers": size // 10, "policies": size * 3 // 100,
                 "size": size * 3000}  # fmt: skip
        found[size] = _tree(folder / str(size), shape, 2, ruamel=False)
    text = (
        "Files of 3 kB on average, one in ten marked, three policies a hundred files; the largest is 10,000 files, "
        "1,000 markers and 300 policies. Every field changes."
    )
    last = found[sizes[-1]][f"{OURS}, lock"]
    why = "reading 10,000 files is half; parsing, proving, writing and flushing 1,000 of them is the rest"
    aims = [Aim(f"(b) {sizes[-1]:,} files from the lock", 1.0, last.wall, "s", reason=why)]
    plots = _plots("trees", "Trees of files, from the lock", "files", found)
    return Section("(b) Many files", text, [_comparison("files", found)], aims, plots)


def kpt(folder: Path, quick: bool) -> Section:
    """(g) The function's share of a kpt run."""
    program = peers.find("kpt")
    title = "(g) The function's share of a kpt run"
    if program is None:
        return Section(title, "kpt fn eval with the function, and with one that does nothing.", [], missing=["kpt"])
    sizes = (100, 300) if quick else (100, 300, 1000)
    found = {}
    shares = {}
    for size in sizes:
        source = folder / str(size)
        source.mkdir(parents=True)
        for number in range(size):
            (source / f"web-{number:05}.yaml").write_text(inputs.deployment(number, 20))
        (source / "images.lock.yaml").write_text(inputs.lock(range(20)))
        copy = folder / f"{size}-run"
        cat = shutil.which("cat") or "cat"
        base = [program, "fn", "eval", str(copy), "--truncate-output=false", "--exec"]
        programs = {
            f"kpt with {OURS}": Program(
                [*base, peers.imagesetter()],
                env={**CLEAN, "IMAGESETTER_FROM": "lock"},
                before=partial(_restore, source, copy),
            ),
            "kpt with cat": Program([*base, cat], before=partial(_restore, source, copy)),
        }
        found[size] = interleaved(programs, 2, warm=0)
        ours, nothing = found[size].values()
        shares[size] = max(0.0, 1 - nothing.over(ours, "cpu"))
    rows = [
        [f"{size:,}", f"{shares[size]:.0%}", *(seconds(each.cpu) for each in found[size].values()),
         *(seconds(each.wall) for each in found[size].values())]
        for size in sizes
    ]  # fmt: skip
    head = ["files", "share", "with imagesetter, processor", "with cat, processor", "clock", "clock"]
    text = (
        "`kpt fn eval` over files of one Deployment with two markers, from a lock among them, beside the same with a "
        "function that gives back what it gets. The share is of processor time."
    )
    return Section(title, text, [table(head, rows)])


# --- what they share


def _tree(folder: Path, shape: Mapping[str, int], runs: int, *, ruamel: bool = True) -> dict[str, Series]:
    folder.mkdir(parents=True, exist_ok=True)
    source, copy = folder / "source", folder / "tree"
    inputs.write_tree(source, **shape)
    shutil.copytree(source, copy)

    def restore() -> None:
        shutil.copytree(source / "apps", copy / "apps", dirs_exist_ok=True)

    ours = [peers.imagesetter(), "update", "--quiet", "--from"]
    programs = {
        f"{OURS}, lock": Program([*ours, "lock", str(copy)], env=CLEAN, before=restore),
        f"{OURS}, status": Program([*ours, "status", str(copy)], env=CLEAN, before=restore),
    }
    setters = peers.built("setters")
    if setters:
        images = _images(folder, shape["policies"])
        programs[GO] = Program([setters, "tree", str(images), str(copy)], before=restore)
    found = interleaved(programs, runs)
    if ruamel and peers.has_ruamel():
        found[RUAMEL] = interleaved({RUAMEL: _roundtrip(copy)}, 1, warm=0)[RUAMEL]
    return found


def _restore(source: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)


def _images(folder: Path, count: int) -> Path:
    path = folder / "images.txt"
    lines = (f"{inputs.NAMESPACE}:service-{number:04} {inputs.image(number)}:{inputs.NEW}" for number in range(count))
    path.write_text("\n".join(lines) + "\n")
    return path


def _roundtrip(path: Path) -> Program:
    return Program([sys.executable, str(Path(__file__).with_name("roundtrip.py")), str(path)])


def _comparison(what: str, found: Mapping[int, Mapping[str, Series]]) -> str:
    rows = []
    for size, each in found.items():
        for name, series in each.items():
            go = each.get(GO)
            ratios = ["", "", ""]
            if go and name != GO and len(series.samples) == len(go.samples):
                ratios = [f"{series.over(go, kind):.2f}" for kind in ("wall", "cpu", "peak")]
            figures = [seconds(series.wall), seconds(series.cpu), f"{series.peak:.0f} MiB"]
            rows.append([f"{size:,}", name, *ratios, *figures])
    return table(
        [what, "program", "× Go, clock", "× Go, processor", "× Go, memory", "clock", "processor", "peak"], rows
    )


def _plots(name: str, title: str, what: str, found: Mapping[int, Mapping[str, Series]]) -> dict[str, str]:
    """Charts of processor time and memory over size, written; their names and descriptions."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    plots = {}
    for kind, unit in (("cpu", "processor time, s"), ("peak", "peak memory, MiB")):
        lines: dict[str, list[tuple[float, float]]] = {}
        for size, each in found.items():
            for program, series in each.items():
                lines.setdefault(program, []).append((size, getattr(series, kind)))
        lines = {program: line for program, line in lines.items() if len(line) > 1}
        file = f"{name}-{kind}.svg"
        (FOLDER / file).write_text(chart(title, what, unit, lines))
        plots[file] = f"{title}: {unit} by {what}"
    return plots


def _missing(setters: object) -> list[str]:
    return [*([] if setters else ["Go, or its modules"]), *([] if peers.has_ruamel() else ["ruamel.yaml"])]
