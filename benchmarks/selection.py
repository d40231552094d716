"""Choosing tags for thousands of policies, beside a Go program that calls Masterminds/semver on the same lists.

``python benchmarks/selection.py`` makes the lists, builds the Go program in ``benchmarks/go/selection``, runs both in
turn, and prints a table in Markdown. ``QUICK=1`` makes it small. Both programs must choose the same tags.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

QUICK = bool(os.environ.get("QUICK"))
POLICIES = 250 if QUICK else 5000
RUNS = 3 if QUICK else 7
GO = Path(__file__).resolve().parent / "go" / "selection"

# --- the lists


def noise(rng: random.Random, count: int) -> Iterator[str]:
    """What stands beside the tags that count: commits, signatures, a word or two."""
    yield from ("latest", "main", "1.2")[:count]
    for _ in range(count - 3):
        commit = f"sha-{rng.getrandbits(40):010x}"
        yield commit if rng.random() < 0.6 else f"sha256-{rng.getrandbits(256):064x}.sig"


def versions(rng: random.Random, count: int, prereleases: float, suffixes: tuple[str, ...] = ("",)) -> set[str]:
    """Different versions, some of them prereleases; all of a list with a v, or none."""
    v = rng.choice(["", "v"])
    found: set[str] = set()
    while len(found) < count:
        version = f"{v}{rng.randrange(6)}.{rng.randrange(40)}.{rng.randrange(30)}"
        if rng.random() < prereleases:
            version += f"-{rng.choice(['rc', 'beta', 'alpha'])}.{rng.randrange(9)}"
        found.add(version + rng.choice(suffixes))
    return found


def semver(rng: random.Random) -> dict[str, Any]:
    """A range of releases over a list in which a tenth are prereleases."""
    major, minor = rng.randrange(6), rng.randrange(40)
    text = rng.choice(
        [
            "*",
            f"{major}.x",
            f"^{major}.{minor}",
            f"~{major}.{minor}",
            f">={major}.0.0 <{major + 2}.0.0",
            f"<{major + 1}",
        ]
    )
    return {"tags": [*versions(rng, 360, 0.1), *noise(rng, 40)], "policy": {"semver": {"range": text}}}


def semver_with_prereleases(rng: random.Random) -> dict[str, Any]:
    """A range that admits prereleases over a list in which a third are."""
    text = rng.choice([">=0.0.0-0", f"^{rng.randrange(1, 6)}.0.0-0", ">=1.2.0-0 <4.0.0-0"])
    return {"tags": [*versions(rng, 370, 0.33), *noise(rng, 30)], "policy": {"semver": {"range": text}}}


def semver_of_a_variant(rng: random.Random) -> dict[str, Any]:
    """Versions cut out of tags that end in the name of a base image."""
    suffix = rng.choice(["alpine", "slim", "bookworm", "distroless"])
    return {
        "tags": [*versions(rng, 380, 0, ("", "-alpine", "-slim", "-bookworm", "-distroless")), *noise(rng, 20)],
        "filterTags": {"pattern": rf"^v?(?P<v>\d+\.\d+\.\d+)-{suffix}$", "extract": "$v"},
        "policy": {"semver": {"range": rng.choice(["*", "1.x", f">={rng.randrange(4)}.2.0"])}},
    }


def timestamps(rng: random.Random) -> dict[str, Any]:
    """Tags of a pipeline, branch-commit-time, as Flux's manual proposes them."""
    branch = rng.choice(["main", "release", "staging", "production"])
    tags = {
        f"{rng.choice([branch, branch, 'feature'])}-{rng.getrandbits(28):07x}-{1_600_000_000 + number * 977}"
        for number in rng.sample(range(90_000), 380)
    }
    return {
        "tags": [*tags, *noise(rng, 20)],
        "filterTags": {"pattern": rf"^{branch}-[a-f0-9]+-(?P<ts>[0-9]+)$", "extract": "$ts"},
        "policy": {"numerical": {"order": "asc"}},
    }


def builds(rng: random.Random) -> dict[str, Any]:
    """Build numbers and nothing else."""
    tags = map(str, rng.sample(range(10_000), 400))
    return {"tags": list(tags), "policy": {"numerical": {"order": rng.choice(["asc", "asc", "asc", "desc"])}}}


def dates(rng: random.Random) -> dict[str, Any]:
    """Releases named by their time, which order by their letters."""
    days = rng.sample(range(7000), 380)
    tags = {f"RELEASE.{date(2010, 1, 1) + timedelta(day)}T{rng.randrange(24):02}-00-00Z" for day in days}
    return {
        "tags": [*tags, *noise(rng, 20)],
        "filterTags": {"pattern": r"^(?:RELEASE|EDGE)\.(?P<time>.*)Z$", "extract": "$time"},
        "policy": {"alphabetical": {"order": "asc"}},
    }


def any_case(rng: random.Random) -> dict[str, Any]:
    """The same with a pattern that only RE2 can read."""
    question = dates(rng)
    question["filterTags"]["pattern"] = r"(?i)^release\.(?P<time>[[:alnum:]-]+)z$"
    return question


KINDS = {
    "semver": (0.4, semver),
    "semver, prereleases": (0.1, semver_with_prereleases),
    "filterTags, semver": (0.15, semver_of_a_variant),
    "filterTags, numerical": (0.2, timestamps),
    "numerical": (0.05, builds),
    "filterTags, alphabetical": (0.05, dates),
    "filterTags for RE2": (0.05, any_case),
}


def questions() -> Iterator[dict[str, Any]]:
    """The same policies and lists every time, each list in the order in which Flux keeps it."""
    rng = random.Random(20260101)
    for kind, (share, make) in KINDS.items():
        for _ in range(round(POLICIES * share)):
            question = make(rng)
            yield {"kind": kind, **question, "tags": sorted(set(question["tags"]), reverse=True)}


# --- our side


def run(name: str) -> None:
    """What the Go program does: print the picks, and the seconds that choosing took for each kind."""
    from imagesetter.errors import PolicyError
    from imagesetter.policy.rules import Alphabetical, FilterTags, Numerical, Rule, Semver, TagPolicy
    from imagesetter.policy.select import select

    def rule_of(choice: dict[str, Any]) -> Rule:
        match choice:
            case {"semver": {"range": text}}:
                return Semver(text)
            case {"alphabetical": {"order": order}}:
                return Alphabetical(order)
        return Numerical(choice["numerical"]["order"])

    rows = []
    with Path(name).open(encoding="utf-8") as file:
        for question in map(json.loads, file):
            filter_tags = FilterTags(**question["filterTags"]) if "filterTags" in question else None
            rows.append((question["kind"], TagPolicy(rule_of(question["policy"]), filter_tags), question["tags"]))
    seconds: dict[str, float] = defaultdict(float)
    picks = []
    before = time.process_time()
    for kind, policy, tags in rows:
        start = time.perf_counter()
        try:
            pick = select(policy, tags)
        except PolicyError:
            pick = ""
        seconds[kind] += time.perf_counter() - start
        picks.append(pick)
    seconds["processor"] = time.process_time() - before
    print("\n".join(picks))
    print(json.dumps(seconds), file=sys.stderr)


# --- both


def measure(command: list[str], folder: Path) -> tuple[str, dict[str, float], float]:
    """The picks, the seconds for each kind, and the peak memory in MB."""
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(f"{command[0]} failed: {err.read()}")
        return out.read(), json.loads(err.read()), usage.ru_maxrss / 1024


def main() -> None:
    """Measure, and print the table."""
    if shutil.which("go") is None:
        sys.exit("selection: no go on PATH to build the program to compare with")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts: dict[str, int] = defaultdict(int)
        with (folder / "questions").open("w", encoding="utf-8") as file:
            for question in questions():
                counts[question["kind"]] += len(question["tags"])
                file.write(json.dumps(question) + "\n")
        subprocess.run(["go", "build", "-o", folder / "selection", "."], cwd=GO, check=True)
        commands = {
            "go": [str(folder / "selection"), str(folder / "questions")],
            "imagesetter": [sys.executable, __file__, "--run", str(folder / "questions")],
        }
        taken: dict[str, list[dict[str, float]]] = defaultdict(list)
        memory: dict[str, list[float]] = defaultdict(list)
        for _ in range(RUNS):
            picks = {}
            for side, command in commands.items():
                picks[side], seconds, peak = measure(command, folder)
                taken[side].append(seconds)
                memory[side].append(peak)
            if picks["go"] != picks["imagesetter"]:
                sys.exit("selection: the two programs chose different tags")
    print(table(counts, taken, memory))


def table(counts: dict[str, int], taken: dict[str, list[dict[str, float]]], memory: dict[str, list[float]]) -> str:
    """Medians of all runs, and the median of the ratios run by run."""
    lines = [
        f"{sum(counts.values()):,} tags, {POLICIES:,} policies; medians of {RUNS} runs in turn",
        "",
        "| policies | tags | Go, s | imagesetter, s | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind in [*counts, "all", "processor"]:
        kinds = list(counts) if kind == "all" else [kind]
        go, ours = ([sum(run[each] for each in kinds) for run in taken[side]] for side in ("go", "imagesetter"))
        ratio = median(b / a for a, b in zip(go, ours, strict=True))
        tags = counts.get(kind, sum(counts.values()))
        name = {"processor": "all, processor time"}.get(kind, kind)
        lines.append(f"| {name} | {tags:,} | {median(go):.2f} | {median(ours):.2f} | {ratio:.2f} |")
    peaks = {side: median(values) for side, values in memory.items()}
    lines.append(
        f"| peak memory, MB, all lists loaded | | {peaks['go']:.0f} | {peaks['imagesetter']:.0f} | "
        f"{peaks['imagesetter'] / peaks['go']:.2f} |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2])
    else:
        main()
