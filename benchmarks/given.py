"""``--input``: a ResourceList or a tree that somebody has, measured as the page's own ones, and printed only."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks import peers
from benchmarks.comparing import CLEAN, GO, OURS, comparison
from benchmarks.measuring import Program, interleaved
from imagesetter.flux.catalog import Catalog
from imagesetter.lock.document import KIND, parse_lock
from imagesetter.update.read_tree import flux_resources

HERE = Path(__file__).resolve().parent
PARSE, SEARCH = "Python, libyaml's events alone", "Python, reading and searching alone"


def given(path: Path, folder: Path, runs: int = 3) -> str:
    """A table of ours, the Go program and the limit, over a list or a tree.

    The policies' answers have to be in it: a lock, or policies with a status.

    Args:
        path: the file of a ResourceList, or a directory.
        folder: for the copy of a tree, and for what is written along the way.
        runs: rounds that count, after one that does not.

    Raises:
        RuntimeError: nothing can be measured: no answers, or a program that fails.
    """
    source = "lock" if _locks(path) else "status"
    images = folder / "images"
    images.write_text(_answers(path))
    go = peers.built("setters")
    env = {**CLEAN, "IMAGESETTER_FROM": source}
    if path.is_dir():
        tree = folder / "tree"

        def restore() -> None:
            shutil.copytree(path, tree, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))

        programs = {
            OURS: Program([peers.imagesetter(), "update", "--quiet", str(tree)], env=env, before=restore),
            SEARCH: Program([sys.executable, str(HERE / "limits.py"), "search", str(tree)]),
        }
        if go:
            programs[GO] = Program([go, "tree", str(images), str(tree)], before=restore)
    else:
        programs = {
            OURS: Program([peers.imagesetter()], path, env=env),
            PARSE: Program([sys.executable, str(HERE / "limits.py"), "parse", str(path)]),
        }
        if go:
            programs[GO] = Program([go, "list", str(images)], path)
    found = interleaved(programs, runs)
    return comparison("bytes", {_size(path): found}, [(GO, "Go", kind) for kind in ("wall", "cpu", "peak")])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in path.rglob("*.y*ml") if file.is_file() and ".git" not in file.parts]


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path))


def _locks(path: Path) -> list[Path]:
    return [file for file in _files(path) if f"kind: {KIND}".encode() in file.read_bytes()]


def _answers(path: Path) -> str:
    """What each marked field gets, a line each, for the Go program, which is told them."""
    locks = [parse_lock(file.read_text(), str(file)) for file in _locks(path)]
    refs = {name: entry.ref for lock in locks for name, entry in lock.entries.items()}
    if not locks:
        catalog = Catalog()
        for file in _files(path):
            catalog.add(flux_resources(file.read_bytes(), str(file)))
        refs = {name: ref for name in catalog.policy_names if (ref := catalog.recorded(name))}
    if not refs:
        raise RuntimeError(f"{path} has neither a lock nor a policy with a status; run `imagesetter lock` in it first")
    return "".join(f"{name.plain} {ref}\n" for name, ref in refs.items())
