"""Trees of files: (a) the shape of a real repository, and (b) many files from the lock."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, GO, OURS, RUAMEL, comparison, growth, plots
from benchmarks.measuring import Program, Series, interleaved, run_once
from benchmarks.page import Aim, Section
from benchmarks.profiles import sampled, sentence

HERE = Path(__file__).resolve().parent
LOCK, STATUS = f"{OURS}, lock", f"{OURS}, status"
FEW, FEW_GO = f"{OURS}, lock, a tenth of the fields", f"{GO}, a tenth of the fields"
UNCHANGED, START = f"{OURS}, lock, nothing changed", f"{OURS}, a tree of one file"
GREP, SEARCH = "grep -rlF", "Python, reading and searching alone"
RATIOS = [(GO, "Go", "wall"), (GO, "Go", "cpu"), (GO, "Go", "peak"), (GREP, "grep", "cpu")]
FEW_RATIOS = [(FEW_GO, "Go", "wall"), (FEW_GO, "Go", "cpu"), (SEARCH, "reading", "wall"), (SEARCH, "reading", "cpu")]
LIMITS = "The limits: `grep -rlF` for the marker over the same files, and reading and searching them from Python."
REAL = {"files": 1735, "marked": 234, "markers": 242, "policies": 88, "size": 14_000_000}


def monorepo(folder: Path, quick: bool) -> Section:
    """(a) A third, the whole, and three times the shape of a real Flux repository."""
    found, profile = {}, {}
    few: dict[str, Series] = {}
    for share in (1 / 9, 1 / 3, 1) if quick else (1 / 3, 1, 3):
        shape = {name: round(value * share) for name, value in REAL.items()}
        tree = Tree(folder / str(shape["files"]), shape)
        found[shape["files"]] = tree.measure(2 if quick else 3 if share > 1 else 5, warm=not quick, ruamel=share == 1)
        if share == 1:
            few = tree.measure_few(2 if quick else 5)
            profile = sampled(tree.ours["lock"], 1 if quick else 3)
    text = (
        "The measured shape of a public Flux repository: 1,735 YAML files of 14 MB, 234 with 242 markers, 88 policies; "
        "and smaller and larger ones of the same make. Ours finds the policies among the files, checks them against "
        "the lock (or takes their status), changes every field, proves each file and flushes it to the disk; the Go "
        f"program is given the images, changes the fields, and flushes nothing. {LIMITS} The second table is about the "
        "usual runs: a tenth of the fields is behind, or none, in which case every file is read, the marked files are "
        "parsed, and nothing is written; beside it a run over one file without a marker, which is start-up alone."
    )
    aims = []
    whole = found[REAL["files"]]
    tenth = few[FEW].over(few[FEW_GO]) if FEW_GO in few else None
    for name in (STATUS, LOCK):
        value = whole[name].over(whole[GO]) if GO in whole else None
        alone = f"{whole[SEARCH].over(whole[GO]):.2g}" if GO in whole else "—"
        why = (
            f"reading and searching alone is {alone} × Go; then the imports, reading policies that Go is given, the "
            "proof, the flush: see what dominates"
        )
        aims.append(Aim(f"(a) monorepo, {name.split(', ')[1]}, over Go, clock", 1.0, value, reason=why))
    aims.append(Aim("(a) monorepo, lock, a tenth of the fields, over Go, clock", 1.0, tenth, reason="as above"))
    shares = few[START].over(few[UNCHANGED]), few[START].over(few[SEARCH])
    why = "start-up alone is {:.0%} of it, {:.2g} × reading; then marked files and policies are parsed".format(*shares)
    what = "(a) monorepo, lock, nothing changed, over Python reading and searching, clock"
    aims.append(Aim(what, 1.2, few[UNCHANGED].over(few[SEARCH]), reason=why))
    return Section(
        "(a) A real repository",
        text,
        [
            comparison("files", found, RATIOS),
            comparison("files", {REAL["files"]: few}, FEW_RATIOS),
        ],
        aims,
        plots("monorepo", "A real repository, three sizes", "files", found),
        [sentence(f"{REAL['files']:,} files from the lock", profile), growth("files", found, LOCK)],
        peers.missing(GO in whole),
    )


def trees(folder: Path, quick: bool) -> Section:
    """(b) Up to ten thousand files from the lock."""
    sizes = (300, 1000, 3000) if quick else (1000, 3000, 10_000)
    found = {}
    for size in sizes:
        shape = {"files": size, "marked": size // 10, "markers": size // 10, "policies": size * 3 // 100,
                 "size": size * 3000}  # fmt: skip
        tree = Tree(folder / str(size), shape)
        found[size] = tree.measure(2 if quick else 3, status=False, warm=not quick)
    profile = sampled(tree.ours["lock"], 1 if quick else 2)
    clusters = {count: _clusters(folder / f"clusters-{count}", count) for count in ((5, 50) if quick else (50, 500))}
    text = (
        "Files of 3 kB on average, one in ten marked, three policies a hundred files; the largest is 10,000 files, "
        f"1,000 markers and 300 policies. Every field changes. {LIMITS}"
    )
    each = found[sizes[-1]]
    why = f"reading and searching alone is {each[SEARCH].wall:.2f} s, the processor works {each[LOCK].cpu:.2f} s"
    return Section(
        "(b) Many files",
        text,
        [
            comparison("files", found, RATIOS),
            "A fleet: a folder for each cluster, of a hundred Deployments with two marked fields, and one lock for "
            "all. Every field changes. Measured once:",
            comparison("clusters", clusters, RATIOS[:3]),
        ],
        [
            Aim(f"(b) {sizes[-1]:,} files from the lock", 1.0, each[LOCK].wall, "s", reason=why),
            *_fleet_aims(*max(clusters.items())),
        ],
        plots("trees", "Trees of files", "files", found),
        [sentence(f"{sizes[-1]:,} files from the lock", profile), growth("files", found, LOCK)],
        [] if GO in each else ["Go, or its modules"],
    )


def _clusters(folder: Path, clusters: int) -> dict[str, Series]:
    """Ours, and the Go program where it is there, over a fleet; each once, since 50,000 files take a while to copy."""
    source, copy = folder / "source", folder / "tree"
    inputs.write_clusters(source, clusters)
    images = inputs.write_images(folder / "images", 200)

    def restore() -> None:
        shutil.copytree(source, copy, dirs_exist_ok=True)

    command = [peers.imagesetter(), "update", "--quiet", "--from", "lock", str(copy)]
    programs = {LOCK: Program(command, env=CLEAN, before=restore)}
    if setters := peers.built("setters"):
        programs[GO] = Program([setters, "tree", str(images), str(copy)], before=restore)
    return interleaved(programs, 1, warm=0)


def _fleet_aims(clusters: int, found: Mapping[str, Series]) -> list[Aim]:
    what = f"(b) {clusters * 200:,} fields of {clusters} clusters from one lock"
    ours = found[LOCK]
    why = (
        f"the processor works {ours.cpu:.0f} s: libyaml's events of each file, each an object in Python; and the "
        "disk, which is as slow without a flush"
    )
    memory = "each field is held, with its place and what becomes of it: all is known before any file changes"
    return [
        Aim(f"{what}, clock", 10, ours.wall, "s", reason=why),
        Aim(f"{what}, peak memory", 200, ours.peak, "MiB", reason=memory),
    ]


class Tree:
    """A generated tree, and the programs that run over a copy of it, which is restored before each run."""

    def __init__(self, folder: Path, shape: Mapping[str, int]) -> None:
        self._source, self._copy = folder / "source", folder / "tree"
        folder.mkdir(parents=True)
        inputs.write_tree(self._source, **shape)
        shutil.copytree(self._source, self._copy)
        self._images = inputs.write_images(folder / "images", shape["policies"])
        self._search = Program([sys.executable, str(HERE / "limits.py"), "search", str(self._copy)])
        command = [peers.imagesetter(), "update", "--quiet", "--from"]
        self.ours = {
            source: Program([*command, source, str(self._copy)], env=CLEAN, before=self.restore)
            for source in ("lock", "status")
        }

    def restore(self) -> None:
        """Give every field its old tag back."""
        shutil.copytree(self._source / "apps", self._copy / "apps", dirs_exist_ok=True)

    def measure_few(self, runs: int) -> dict[str, Series]:
        """The usual runs: every tenth of the marked files is behind, or none; beside them Go, and reading alone."""
        self.restore()
        behind = {path: path.read_bytes() for path in sorted((self._copy / "apps").rglob("*.yaml"))}
        run_once(self.ours["lock"])
        current = {path: path.read_bytes() for path in behind}
        some = frozenset([path for path in behind if behind[path] != current[path]][::10])

        def prepare(late: Collection[Path]) -> None:
            for path in behind:
                path.write_bytes(behind[path] if path in late else current[path])

        one = self._source.parent / "one"
        one.mkdir(exist_ok=True)
        (one / "a.yaml").write_text("a: 1\n")
        update = [peers.imagesetter(), "update", "--quiet", "--from", "status"]
        programs = {
            FEW: replace(self.ours["lock"], before=partial(prepare, some)),
            UNCHANGED: replace(self.ours["lock"], before=partial(prepare, ())),
            START: Program([*update, str(one)], env=CLEAN),
            SEARCH: self._search,
        }
        setters = peers.built("setters")
        if setters:
            programs[FEW_GO] = Program(
                [setters, "tree", str(self._images), str(self._copy)], before=partial(prepare, some)
            )
        return interleaved(programs, runs)

    def measure(self, runs: int, *, warm: bool, status: bool = True, ruamel: bool = False) -> dict[str, Series]:
        """Ours, the Go program and the limits in turn; ruamel.yaml once."""
        tree = str(self._copy)
        programs = {
            LOCK: self.ours["lock"],
            **({STATUS: self.ours["status"]} if status else {}),
            GREP: Program([peers.find("grep") or "grep", "-rlF", "$imagepolicy", tree]),
            SEARCH: self._search,
        }
        setters = peers.built("setters")
        if setters:
            programs[GO] = Program([setters, "tree", str(self._images), tree], before=self.restore)
        found = interleaved(programs, runs, int(warm))
        if ruamel and peers.has_ruamel():
            roundtrip = Program([sys.executable, str(HERE / "roundtrip.py"), tree])
            found[RUAMEL] = interleaved({RUAMEL: roundtrip}, 1, warm=0)[RUAMEL]
        return found
