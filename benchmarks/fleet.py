"""(e) A fleet in one run: scan 5,000 repositories of 400 tags, select by 5,000 policies, apply to 5,000 fields."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, OURS, comparison, growth, plots
from benchmarks.fake_registry import FakeRegistry, run_fake_registry, write_lists
from benchmarks.measuring import Program, Series, interleaved, run_once
from benchmarks.page import Aim, Section
from benchmarks.profiles import sampled, sentence
from benchmarks.selection import KINDS, tag_policy

COLD, WARM = OURS, f"{OURS}, again in the interval"
UNCHANGED = f"{OURS}, nothing changed"
APPLY = f"{OURS} --from status"
CURL = "curl --parallel, 8 connections"
WIDE = ("*", "1.x", ">=2.0.0 <4.0.0", "<5")
"""Ranges in which each list has tags enough, so that every field changes."""


@dataclass(frozen=True, slots=True)
class Service:
    """A repository with its tags, the policy that chooses among them, the tag of its field, and what it becomes."""

    number: int
    tags: Sequence[str]
    choice: Mapping[str, Any]
    old: str
    new: str

    @property
    def path(self) -> str:
        """Its repository, in the registry."""
        return f"fleet/service-{self.number:04}"


def services(count: int) -> Iterator[Service]:
    """Policies of all kinds, in the shares of `selection`; the field has the second of the tags by its policy."""
    from imagesetter.policy.select import select

    rng = random.Random(inputs.SEED)
    kinds = [make for share, make in KINDS.values() for _ in range(round(share * 20))]
    for number in range(count):
        choice = kinds[number % len(kinds)](rng)
        tags = sorted(set(choice.pop("tags")))
        if len(tags) % 100 == 0:
            # Such a list looks as if it had been cut, so it costs a second request; few real lists have this length.
            del tags[0]
        if "semver" in choice["policy"] and "filterTags" not in choice:
            choice["policy"] = {"semver": {"range": WIDE[number % len(WIDE)]}}
        rule = tag_policy(choice)
        new = select(rule, tags)
        yield Service(number, tags, choice, select(rule, [tag for tag in tags if tag != new]), new)


def fleet(folder: Path, quick: bool) -> Section:
    """The real command over trees of three sizes, beside curl, which gets the same lists and throws them away."""
    sizes = (50, 150, 500) if quick else (500, 1500, 5000)
    title = "(e) A fleet: scan, select and apply in one run"
    text = (
        f"`imagesetter update` over a tree with a policy, a Deployment and a marked field for each image, up to "
        f"{sizes[-1]:,} images; the registry is a process of its own on loopback, plain HTTP, with every answer made "
        "beforehand, some 400 tags each. The cache is empty at first, and filled; every field changes, which is "
        "checked. The limit: curl gets the same lists over as many connections and throws them away. Beside it the "
        "same tree again within the interval of its policies, which sends no request; once more, where every field is "
        "up to date by then; and from the policies' status, which neither scans nor selects."
    )
    if peers.find("curl") is None:
        return Section(title, text, [], [Aim(MEMORY.format(sizes[-1]), 512, None, "MiB")], missing=["curl"])
    made = list(services(sizes[-1]))
    write_lists(folder / "lists", ({"name": each.path, "tags": each.tags} for each in made))
    found: dict[int, dict[str, Series]] = {}
    with run_fake_registry(folder / "lists") as registry:
        for size in sizes:
            one = Fleet(folder / str(size), registry, made[:size])
            found[size] = one.measure(1 if quick else 2)
            if size == sizes[1]:
                profile = sampled(one.cold)
    tags = sum(len(each.tags) for each in made)
    last = found[sizes[-1]]
    parts = (
        f"**Of the whole** ({sizes[-1]:,} images, {tags:,} tags): without scan and selection it takes "
        f"{last[APPLY].over(last[COLD], 'cpu'):.0%} of the processor time; getting the lists takes curl "
        f"{last[CURL].over(last[COLD], 'cpu'):.0%} of ours. {one.served}"
    )
    ratios = [
        (CURL, "curl", "wall"),
        (CURL, "curl", "cpu"),
        (APPLY, "apply alone", "wall"),
        (APPLY, "apply alone", "cpu"),
    ]
    return Section(
        title,
        text,
        [comparison("images", found, ratios)],
        [
            Aim(MEMORY.format(sizes[-1]), 512, last[COLD].peak, "MiB", reason="see what dominates"),
            Aim(
                AGAIN.format(sizes[-1]),
                2,
                last[UNCHANGED].wall,
                "s",
                reason="reading and parsing the files, the policies and the cached lists; ranking is not repeated",
            ),
        ],
        plots("fleet", "Scan, select and apply", "images", found),
        [sentence(f"{sizes[1]:,} images", profile), parts, growth("images", found, COLD)],
    )


AGAIN = "(e) {:,} images again, nothing changed, clock"
MEMORY = "(e) scan, select and apply {:,} images in one run, peak memory"


class Fleet:
    """A tree whose fields follow repositories of a registry, and the programs that run over a copy of it."""

    def __init__(self, folder: Path, registry: FakeRegistry, made: Sequence[Service]) -> None:
        self._source, self._copy, self._cache = folder / "source", folder / "tree", folder / "cache"
        self._registry, self._made = registry, made
        for each in made:
            repository = f"{registry.host}/{each.path}"
            inputs.write_service(self._source, each.number, repository, each.old, each.new, each.choice)
        shutil.copytree(self._source, self._copy)
        urls = folder / "urls"
        lines = (f'url = "http://{registry.host}/v2/{each.path}/tags/list"\noutput = "/dev/null"\n' for each in made)
        urls.write_text("".join(lines))
        update = [peers.imagesetter(), "update", "--quiet", "--cache-dir", str(self._cache), str(self._copy), "--from"]
        env = {**CLEAN, "DOCKER_CONFIG": str(folder / "no-logins"), "IMAGESETTER_ALLOW_LOOPBACK": "true"}
        self.cold = Program([*update, "registry"], env=env, before=self._forget)
        self._warm = Program([*update, "registry"], env=env, before=self._restore)
        self._unchanged = Program([*update, "registry"], env=env)
        self._applied = Program([*update, "status"], env=env, before=self._restore)
        curl = [peers.find("curl") or "curl", "-sS", "--fail", "--parallel", "--parallel-max", "8"]
        self._curl = Program([*curl, "--config", str(urls)])

    def _restore(self) -> None:
        shutil.copytree(self._source / "apps", self._copy / "apps", dirs_exist_ok=True)

    def _forget(self) -> None:
        """An empty cache; the old one is put aside, since ext4 makes files slowly where many were removed just now."""
        if self._cache.exists():
            self._cache.rename(tempfile.mkdtemp(prefix="cache-", dir=self._cache.parent))
        self._restore()

    def measure(self, runs: int) -> dict[str, Series]:
        """All programs in turn, after a run of each that asks, whose requests are counted and whose work is checked."""
        self.served = self._ask()
        wrong = [each.path for each in self._made if self._field(each) != f"{each.path}:{each.new}"]
        if wrong:
            raise RuntimeError(f"{len(wrong)} fields are not what their policies say, such as {wrong[0]}")
        programs = {
            COLD: self.cold,
            WARM: self._warm,
            UNCHANGED: self._unchanged,  # behind the one that brings every field up to date
            APPLY: self._applied,
            CURL: self._curl,
        }
        return interleaved(programs, runs, warm=0)

    def _ask(self) -> str:
        """What the registry had to do for curl and for ours, in words; ours comes last and leaves its work to check."""
        told = []
        for name, program in (("curl", self._curl), (OURS, self.cold)):
            before, worked = self._registry.asked(), self._registry.seconds()
            run_once(program)
            asked, worked = self._registry.asked(), self._registry.seconds() - worked
            requests, connections = asked.requests - before.requests, asked.connections - before.connections
            told.append(f"{requests:,} requests on {connections} connections from {name} ({worked:.1f} s)")
        return f"The registry answered {' and '.join(told)}, in brackets its own processor time."

    def _field(self, each: Service) -> str:
        text = inputs.service_file(self._copy, each.number).read_text()
        return text.partition(f"image: {self._registry.host}/")[2].partition(" ")[0]
