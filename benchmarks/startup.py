"""What a run costs before it has done anything."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN
from benchmarks.fake_registry import run_fake_registry, write_lists
from benchmarks.measuring import Program, interleaved
from benchmarks.page import Aim, Section, seconds, table
from benchmarks.profiles import imported, imports_sentence

LIST, LOCKED = "function, list without markers", "function, locked apply"
ASKED = "function, one tag list from a registry"
ASKS = {**CLEAN, "IMAGESETTER_ALLOW_LOOPBACK": "true", "IMAGESETTER_NO_CACHE": "true"}


def startup(folder: Path, quick: bool) -> Section:
    """Small inputs, beside bare Python."""
    lists = folder / "lists"
    write_lists(lists, [{"name": inputs.image(0).partition("/")[2], "tags": [inputs.OLD, inputs.NEW]}])
    with run_fake_registry(lists) as registry:
        asked = folder / "asked.yaml"
        text = inputs.as_list([*inputs.policy(0).split("---\n"), inputs.deployment(0, 1)])
        asked.write_text(text.replace(inputs.image(0).partition("/")[0], registry.host))
        return _startup(folder, Program([peers.imagesetter()], asked, env=ASKS), quick)


def _startup(folder: Path, asks: Program, quick: bool) -> Section:
    unmarked, locked = folder / "unmarked.yaml", folder / "locked.yaml"
    unmarked.write_text(inputs.resource_list(3, marked=False))
    locked.write_text(inputs.resource_list(1, 2, locked=True))
    tree = folder / "tree"
    (tree / ".git").mkdir(parents=True)  # or the linter looks for policies in all that is beside the folder
    (tree / "web.yaml").write_text(inputs.deployment(0, 2, marked=False))
    (tree / "images.lock.yaml").write_text(inputs.lock(range(2)))
    ours = peers.imagesetter()
    runs = {
        LIST: Program([ours], unmarked, env=CLEAN),
        LOCKED: Program([ours], locked, env={**CLEAN, "IMAGESETTER_FROM": "lock"}),
        ASKED: asks,
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
    limits = {LIST: 1.5, LOCKED: 5, ASKED: 15}
    aims = [
        Aim(
            f"start-up: {name}, over bare Python",
            limit,
            found[name].over(found[bare], "cpu"),
            reason=_why(runs[name], quick),
        )
        for name, limit in limits.items()
    ]
    text = (
        "The same environment, compiled files warm; bare Python is the limit. A list in which nothing can follow a "
        "policy is given back without a YAML library. A locked apply imports no pydantic, no HTTP, no policies. The "
        "registry is on loopback and has every answer at hand."
    )
    head = ["run", "× bare, processor", "× bare, clock", "processor", "clock", "peak"]
    return Section("Start-up", text, [table(head, rows)], aims, findings=[imports_sentence(runs, 1 if quick else 3)])


def _why(program: Program, quick: bool) -> str:
    """What a run is made of, in words."""
    parts = imported(program, 1 if quick else 3)
    theirs = [name for name in parts if name not in ("bare", "work", "imagesetter", "krm_functions")][:2]
    most = " and ".join(f"{name} {parts[name]:.0%}" for name in theirs)
    whole = 1 - parts["bare"] - parts["work"]
    rest = f"bare Python {parts['bare']:.0%}, the work {parts['work']:.0%}"
    return f"imports are {whole:.0%} of it (of others: {most}), {rest}"
