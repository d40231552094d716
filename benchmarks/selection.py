"""(f) Choosing tags for thousands of policies, beside a Go program that calls Masterminds/semver on the same lists.

``python -m benchmarks.selection FILE`` is our side: it reads lists, a line of JSON each, prints what it chooses, and on
standard error the seconds that choosing took for each kind.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.measuring import Series
    from benchmarks.page import Section
    from imagesetter.policy.rule import Rule
    from imagesetter.policy.tag_policy import TagPolicy

SEED = 20260101

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


def questions(policies: int) -> Iterator[dict[str, Any]]:
    """The same policies and lists every time, each list in the order in which Flux keeps it."""
    rng = random.Random(SEED)
    for kind, (share, make) in KINDS.items():
        for _ in range(round(policies * share)):
            question = make(rng)
            yield {"kind": kind, **question, "tags": sorted(set(question["tags"]), reverse=True)}


# --- our side


def tag_policy(choice: Mapping[str, Any]) -> TagPolicy:
    """``filterTags`` and ``policy`` of an ImagePolicy, as the value that `imagesetter.policy` takes."""
    from imagesetter.policy.alphabetical import AlphabeticalRule
    from imagesetter.policy.numerical import NumericalRule
    from imagesetter.policy.semver import SemverRule
    from imagesetter.policy.tag_policy import FilterTags, TagPolicy

    def rule() -> Rule:
        match choice["policy"]:
            case {"semver": {"range": text}}:
                return SemverRule(text)
            case {"alphabetical": {"order": order}}:
                return AlphabeticalRule(order)
        return NumericalRule(choice["policy"]["numerical"]["order"])

    return TagPolicy(rule(), FilterTags(**choice["filterTags"]) if "filterTags" in choice else None)


def choose(name: str) -> None:
    """What the Go program does."""
    from imagesetter.errors import PolicyError
    from imagesetter.policy.select import select

    with Path(name).open(encoding="utf-8") as file:
        rows = [(each["kind"], tag_policy(each), each["tags"]) for each in map(json.loads, file)]
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

GO, OURS = "Go, Masterminds/semver", "imagesetter"
READ = "Python, reading the lists alone"


def selection(folder: Path, quick: bool) -> Section:
    """Policies of all kinds over lists of 400 tags: three numbers of policies."""
    from benchmarks import peers
    from benchmarks.comparing import growth, plots
    from benchmarks.measuring import Program
    from benchmarks.page import Aim, Section

    title = "(f) Selection beside Masterminds/semver"
    text = (
        "Policies of all kinds over lists of 400 tags, chosen in one process by us and by a Go program that calls "
        "Masterminds/semver as Flux does; both must choose the same. Reading the lists is not counted in the first "
        "table, choosing is. The limits for text, in the second: reading the same lists from Python and choosing "
        "nothing, and `grep` for a word that is not there. The table of kinds shows what dominates."
    )
    program = peers.built("selection")
    if program is None:
        return Section(title, text, [], [Aim("(f) selection over Go, processor", 1.0, None)], missing=["Go"])
    sizes = (125, 250, 500) if quick else (500, 1500, 5000)
    root = Path(__file__).resolve().parent.parent
    counts: dict[str, int] = {}
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        lists = folder / f"{size}"
        counts = dict.fromkeys(KINDS, 0)
        with lists.open("w", encoding="utf-8") as file:
            for question in questions(size):
                counts[question["kind"]] += len(question["tags"])
                file.write(json.dumps(question) + "\n")
        python = [sys.executable, "-m", "benchmarks.selection", str(lists)]
        programs = {
            GO: Program([program, str(lists)], stdout=folder / "go"),
            OURS: Program(python, stdout=folder / "ours", cwd=root),
            READ: Program([sys.executable, str(root / "benchmarks/limits.py"), "lists", str(lists)]),
            "grep": Program([peers.find("grep") or "grep", "-cF", "no such word", str(lists)], statuses=(1,)),
        }
        found[sum(counts.values())] = _agreeing(programs, 3 if quick or size < sizes[-1] else 5, folder)
    whole = found[max(found)]
    kinds, ratio = _by_kind(counts, whole)
    aims = [
        Aim("(f) selection over Go, processor", 1.0, ratio, reason="see the kinds in the table"),
        Aim("(f) selection, peak memory, all lists in memory", 512, whole[OURS].peak, "MiB"),
    ]
    from benchmarks.comparing import comparison

    ratios = [(GO, "Go", "cpu"), (GO, "Go", "peak"), (READ, "reading", "cpu")]
    return Section(
        title,
        text,
        [f"{sum(counts.values()):,} tags, {sizes[-1]:,} policies:", kinds, "Whole processes, reading included:",
         comparison("tags", found, ratios)],
        aims,
        plots("selection", "Reading lists and choosing", "tags", found),
        [growth("tags", found)],
    )  # fmt: skip


def _agreeing(programs: Mapping[str, Any], runs: int, folder: Path) -> dict[str, Series]:
    """Their runs; both sides must have chosen the same."""
    from benchmarks.measuring import interleaved

    found = interleaved(programs, runs, warm=0)
    if (folder / "go").read_text() != (folder / "ours").read_text():
        raise RuntimeError("selection: the two programs chose different tags")
    return found


def _by_kind(counts: Mapping[str, int], found: Mapping[str, Series]) -> tuple[str, float]:
    """Seconds of choosing for each kind, as the programs told them; and the ratio of processor time of all."""
    from benchmarks.page import table

    told = {side: [json.loads(sample.said) for sample in found[side].samples] for side in (GO, OURS)}
    rows, ratio = [], 0.0
    for kind in [*counts, "all, clock", "all, processor"]:
        names = {"all, clock": list(counts), "all, processor": ["processor"]}.get(kind, [kind])
        go, ours = ([sum(run[name] for name in names) for run in told[side]] for side in (GO, OURS))
        ratio = median(b / max(a, 1e-9) for a, b in zip(go, ours, strict=True))
        tags = counts.get(kind, sum(counts.values()))
        whole = median(sum(run[name] for name in counts) for run in told[OURS])
        share = "" if kind.startswith("all") else f"{median(ours) / whole:.0%}"
        rows.append([kind, f"{ratio:.2f}", share, f"{tags:,}", f"{median(ours):.3f}", f"{median(go):.3f}"])
    return table(["policies", "× Go", "share of ours", "tags", "imagesetter, s", "Go, s"], rows), ratio


if __name__ == "__main__":
    choose(sys.argv[1])
