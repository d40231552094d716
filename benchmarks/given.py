"""``--input``: a ResourceList, a file or a tree of your own, measured as the page's own ones, and printed only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import peers
from benchmarks.comparing import CLEAN, GO, OURS, comparison
from benchmarks.measuring import Program, Series, interleaved
from imagesetter.config.options import FunctionOptions
from imagesetter.errors import ResolveError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import parse_lock
from imagesetter.update.read_tree import read_tree
from imagesetter.update.resource_list import catalog_from_items, lock_among_items
from krm_functions.errors import InputError, ReportedError, TextError
from krm_functions.resource_list import ResourceList
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_all

HERE = Path(__file__).resolve().parent
PARSE, SEARCH = "Python, libyaml's events alone", "Python, reading and searching alone"
_MESSAGE = re.compile(r'^(?:- message: |.*?"results": \[\{"message": )"?([^"\n]{,200})', re.M)
"""Of a result in the function's output, in YAML or, of the first, in JSON."""
Refs = Mapping[PolicyName, LatestRef]


def given(path: Path, folder: Path, runs: int = 3) -> str:
    """What was measured, and a table of ours, the Go program and the limit, over a list, a file or a tree.

    Fields change where the answers of their policies are in it: a lock, or policies with a status. Without answers,
    reading is what is measured.

    Args:
        path: a ResourceList, another file of YAML such as what kustomize prints, or a directory.
        folder: for the copy of a file or tree, and for what is written along the way.
        runs: rounds that count, after one that does not.

    Raises:
        ReportedError: it cannot be read as YAML, or imagesetter refuses it.
    """
    listing = None if path.is_dir() else _as_list(path)
    refs, source = _answers_in_list(listing) if listing else _answers_in_tree(path)
    images = folder / "images"
    images.write_text("".join(f"{name.plain} {ref}\n" for name, ref in refs.items()))
    programs = _on_list(path, source, images) if listing else _on_tree(path, folder, source, images)
    said, broken = _try(programs)
    found = interleaved(programs, runs)
    kind = "a ResourceList" if listing else "a tree" if path.is_dir() else "a file"
    told = [f"{path}: {kind}, {_counted(len(refs), source)}.", *broken]
    told += [f"imagesetter: {line}" for line in said]
    return "\n".join([*told, "", _table(path, found)])


def _as_list(path: Path) -> ResourceList | None:
    """The list in a file; None where it is other YAML.

    Raises:
        TextError: it is not YAML.
    """
    data = path.read_bytes()
    try:
        return ResourceList.parse(data, name=str(path))
    except TextError:
        raise
    except InputError:
        list(load_all(decode_text(data, name=str(path)).text, name=str(path)))
        return None


def _answers_in_list(listing: ResourceList) -> tuple[Refs, str]:
    if present := lock_among_items(listing):
        return {name: entry.ref for name, entry in present.entries.items()}, "lock"
    return _recorded(catalog_from_items(listing, FunctionOptions())[0]), "status"


def _answers_in_tree(path: Path) -> tuple[Refs, str]:
    tree = read_tree([path], needed=True)
    if tree.locks:
        locks = [parse_lock(decode_text(data).text, str(name)) for name, data in tree.locks]
        return {name: entry.ref for each in locks for name, entry in each.entries.items()}, "lock"
    catalog = Catalog()
    catalog.add(tree.resources)
    return _recorded(catalog), "status"


def _recorded(catalog: Catalog) -> Refs:
    refs = {}
    for name in catalog.policy_names:
        try:
            ref = catalog.recorded(name)
        except ResolveError:  # ours reports it
            ref = None
        if ref:
            refs[name] = ref
    return refs


def _counted(refs: int, source: str) -> str:
    if not refs:
        return "without a lock or a policy with a status, so no field can change (`imagesetter lock` makes a lock)"
    words = f"{refs:,} answer{'s' * (refs != 1)}"
    return f"{words} from its lock" if source == "lock" else f"{words} from the status of its policies"


def _on_list(path: Path, source: str, images: Path) -> dict[str, Program]:
    env = {**CLEAN, "IMAGESETTER_FROM": source}
    programs = {
        OURS: Program([peers.imagesetter()], path, env=env, statuses=(0, 1)),
        PARSE: Program([sys.executable, str(HERE / "limits.py"), "parse", str(path)]),
    }
    if go := peers.built("setters"):
        programs[GO] = Program([go, "list", str(images)], path)
    return programs


def _on_tree(path: Path, folder: Path, source: str, images: Path) -> dict[str, Program]:
    """A file is measured as the tree that holds it alone."""
    tree = folder / "tree"

    def restore() -> None:
        shutil.rmtree(tree, ignore_errors=True)
        if path.is_dir():
            shutil.copytree(path, tree, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        else:
            tree.mkdir()
            shutil.copy(path, tree / f"{path.name.removesuffix(path.suffix)}.yaml")

    # Outside of any repository, or policies of the one from which the benchmarks run would count.
    update = [peers.imagesetter(), "update", "--from", source, tree.name]
    programs = {
        OURS: Program(update, cwd=folder, env=CLEAN, before=restore, statuses=(0, 1)),
        SEARCH: Program([sys.executable, str(HERE / "limits.py"), "search", str(tree)]),
    }
    if go := peers.built("setters"):
        programs[GO] = Program([go, "tree", str(images), str(tree)], before=restore)
    return programs


def _try(programs: dict[str, Program]) -> tuple[list[str], list[str]]:
    """Run ours and the Go program once: the lines that ours says; and that Go fails, which takes it out.

    Raises:
        ReportedError: ours refuses the input.
    """
    ours = _run(programs[OURS])
    if ours.returncode not in programs[OURS].statuses:
        raise ReportedError(ours.stderr.strip() or f"imagesetter ended with {ours.returncode}")
    lines = [line for line in f"{ours.stderr}{ours.stdout}".splitlines() if line.strip()]
    if programs[OURS].stdin:
        lines = _MESSAGE.findall(ours.stdout)
    go = _run(programs[GO]) if GO in programs else None
    if go is None:
        return lines[:3], ["Not compared: Go, or its modules, is not there."]
    if go.returncode:
        del programs[GO]
        return lines[:3], [f"Not compared: the Go program ends with {go.returncode}: {go.stderr.strip()[-300:]}"]
    return lines[:3], []


def _run(program: Program) -> subprocess.CompletedProcess[str]:
    if program.before:
        program.before()
    env = {name: value for name, value in {**os.environ, **program.env}.items() if value is not None}
    stdin = program.stdin.read_bytes() if program.stdin else b""
    run = subprocess.run(program.command, input=stdin, cwd=program.cwd, env=env, capture_output=True, check=False)
    return subprocess.CompletedProcess(
        run.args, run.returncode, run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")
    )


def _table(path: Path, found: Mapping[str, Series]) -> str:
    files = (
        [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file() and ".git" not in file.parts]
    )
    size = sum(file.stat().st_size for file in files)
    return comparison("bytes", {size: found}, [(GO, "Go", kind) for kind in ("wall", "cpu", "peak")])
