"""(c) ResourceLists beside kyaml, and (i) the function's share of a kpt run."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, GO, OURS, RUAMEL, comparison, growth, plots
from benchmarks.measuring import Program, Series, interleaved
from benchmarks.page import Aim, Section, seconds, table
from benchmarks.profiles import sampled, sentence
from benchmarks.shapes import SHAPES

HERE = Path(__file__).resolve().parent
CAT, PARSE = "cat through a pipe", "Python, libyaml's events alone"


def lists(folder: Path, quick: bool) -> Section:
    """(c) ResourceLists of the shapes that people have; the worst of them counts against the aims."""
    sizes = (100, 1000) if quick else (1000, 10_000)
    go = peers.built("setters")
    images = inputs.write_images(folder / "images", sizes[-1])
    found: dict[str, dict[int, dict[str, Series]]] = {}
    for shape, make in SHAPES.items():
        found[shape] = {}
        for size in (100, *sizes) if shape == PLAIN else sizes:
            data = folder / f"{shape}-{size}.yaml"
            data.write_text(make(size))
            programs = _programs(data, images, go, ruamel=shape == PLAIN and size == 100)
            large = size >= 10_000
            found[shape][size] = interleaved(programs, 2 if large else 3, warm=0 if large else 1)
    plain = found[PLAIN]
    ratios = [(GO, "Go", "wall"), (GO, "Go", "cpu"), (GO, "Go", "peak"), (PARSE, "events alone", "cpu")]
    tables = [comparison("resources", plain, ratios)]
    if go:
        tables.append(_by_shape(found, folder))
    return Section(
        "(c) ResourceLists",
        LISTS,
        tables,
        _aims(found, sizes) if go else [],
        plots("lists", "ResourceLists", "resources", plain),
        [
            sentence(f"a list of {sizes[-1]:,} Deployments", sampled(_ours(folder / f"{PLAIN}-{sizes[-1]}.yaml"))),
            growth("resources", plain),
        ],
        peers.missing(go),
    )


PLAIN = "plain"
LISTS = (
    "Lists of the shapes that people have, most of them Deployments of sixty lines with two markers each: in plain "
    "block style; with a comment behind each value and blocks of comments; in flow style with quotes; half of them "
    "ConfigMaps with scripts; one in ten a CustomResourceDefinition of five hundred lines; as kpt prints them; with"
    " a policy for each among them. Every field changes, and every change is a result. Ours reads the list by "
    "libyaml's events, splices, has the result read again to prove that nothing else changed, and writes a result "
    "for each field; the Go program reads, sets and writes as Flux's setter pass does, and reports nothing. "
    "ruamel.yaml reads and writes and changes nothing. The limits: `cat` for the bytes; for a reader in Python that"
    " takes libyaml's events one by one, as ours does, taking them once, from which nothing is made."
)


def _ours(data: Path) -> Program:
    return Program([peers.imagesetter()], data, env={**CLEAN, "IMAGESETTER_FROM": "status"})


def _programs(data: Path, images: Path, go: str | None, *, ruamel: bool = False) -> dict[str, Program]:
    """Ours, the Go program and the limits, on the same list."""
    programs = {
        OURS: _ours(data),
        CAT: Program(["sh", "-c", 'cat "$0" | cat', str(data)]),
        PARSE: Program([sys.executable, str(HERE / "limits.py"), "parse", str(data)]),
    }
    if go:
        programs[GO] = Program([go, "list", str(images)], data)
    if ruamel and peers.has_ruamel():
        programs[RUAMEL] = Program([sys.executable, str(HERE / "roundtrip.py"), str(data)])
    return programs


def _by_shape(found: Mapping[str, Mapping[int, Mapping[str, Series]]], folder: Path) -> str:
    """A row for each shape and size, with the ratios to Go."""
    rows = []
    for shape, by_size in found.items():
        for size, each in by_size.items():
            ours, go = each[OURS], each[GO]
            megabytes = (folder / f"{shape}-{size}.yaml").stat().st_size / 1e6
            ratios = [f"{ours.over(go, kind):.2f}" for kind in ("cpu", "wall", "peak")]
            rows.append([shape, f"{size:,}", f"{megabytes:.1f}", *ratios, seconds(ours.cpu), seconds(go.cpu)])
    heads = [
        "shape",
        "resources",
        "MB",
        "× Go, processor",
        "× Go, clock",
        "× Go, memory",
        "processor",
        "Go's processor",
    ]
    return table(heads, rows)


def _aims(found: Mapping[str, Mapping[int, Mapping[str, Series]]], sizes: Sequence[int]) -> list[Aim]:
    """The worst shape of each size against the aims."""
    aims = []
    for size in sizes[-2:]:
        limits = [("cpu", "processor", 0.5), ("peak", "memory", 0.15)]
        if size == 1000:
            limits.append(("wall", "clock", 0.8))
        for kind, words, limit in limits:
            ratios = {shape: each[size][OURS].over(each[size][GO], kind) for shape, each in found.items()}
            worst = max(ratios, key=ratios.__getitem__)
            alone = found[worst][size][PARSE].over(found[worst][size][GO], kind)
            why = f'the shape is "{worst}"; taking the events alone is {alone:.2g} × Go'
            aims.append(Aim(f"(c) worst list of {size:,} over Go, {words}", limit, ratios[worst], reason=why))
    return aims


def kpt(folder: Path, quick: bool) -> Section:
    """(i) `kpt fn eval` with the function, and with one that gives back what it gets."""
    program = peers.find("kpt")
    title = "(i) The function's share of a kpt run"
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
