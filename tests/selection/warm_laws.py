"""Generated histories: a run that finds answers in the cache selects what a run without them selects.

``PYTHONPATH=fn:tests python -m selection.warm_laws 500`` runs five hundred histories, ``--start 7`` begins with another
seed.

In a history the lists of a registry on loopback, the policies, the holds, the ages of tags and the clock change at
random, and so does the file of answers in the cache: a byte, an end, an answer that was made up. After each change a
run with this cache is compared with one over a copy of it that has the scans but no answers; and with a run without any
cache, where the scans are as new as the lists.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import resource
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.lock.holds import Hold
from imagesetter.lock.tag_age import Seen as SeenTag
from imagesetter.lock.tag_age import timestamp
from imagesetter.registry.answers import dump_answers, load_answers
from imagesetter.registry.client import Client
from imagesetter.registry.settings import ClientSettings
from imagesetter.selection.choose import Chooser
from imagesetter.selection.registry_source import RegistrySource
from imagesetter.selection.sources import Failed, Resolution
from support.clocks import FakeClock
from support.fakes import Reply, Seen, run_fake

DAY, INTERVAL = 86400.0, 300.0
REPOSITORIES = ("web", "api", "tools")
RULES: tuple[Mapping[str, Any], ...] = (
    {"policy": {"semver": {"range": "*"}}},
    {"policy": {"semver": {"range": "1.x"}}},
    {"policy": {"semver": {"range": ">=2.0.0-0"}}},
    {"policy": {"alphabetical": {"order": "desc"}}},
    {"policy": {"numerical": {}}},
    {"policy": {"numerical": {}}, "filterTags": {"pattern": r"^main-[0-9a-f]+-(?P<ts>\d+)$", "extract": "$ts"}},
    {"policy": {"semver": {"range": "*"}}, "filterTags": {"pattern": r"^v?(?P<v>.*)-alpine$", "extract": "$v"}},
    {"policy": {"semver": {"range": "not a range"}}},
)


def digest_of(tag: str) -> str:
    return "sha256:" + tag.encode().hex().rjust(64, "0")[-64:]


@dataclass
class World:
    """What a run sees, and how it changes."""

    rng: random.Random
    clock: FakeClock = field(default_factory=FakeClock)
    lists: dict[str, list[str]] = field(default_factory=dict)
    rules: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    exclusions: dict[str, list[str]] = field(default_factory=dict)
    ages: dict[str, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=lambda: Lock({}))
    highest: int = 40
    """Later tags are higher ones."""
    listed_anew: float = 0.0
    """When a list changed last."""

    def __post_init__(self) -> None:
        for name in REPOSITORIES:
            self.lists[name] = [self.tag() for _ in range(self.rng.choice([3, 150, 200, 250]))]
            self.exclusions[name] = []
        for number in range(5):
            self.rules[f"{self.rng.choice(REPOSITORIES)}-{number}"] = self.rng.choice(RULES)

    def tag(self) -> str:
        number = self.rng.randrange(self.highest)
        return self.rng.choice(
            [
                f"{number % 3}.{number}.{self.rng.randrange(9)}",
                f"v{number % 4}.{number}.0-alpine",
                f"2.{number}.0-rc.{self.rng.randrange(5)}",
                f"main-{self.rng.randrange(16**6):06x}-{1700000000 + self.rng.randrange(900)}",
                str(number),
                digest_of(str(number)).replace(":", "-") + ".sig",
            ]
        )

    def policy(self) -> PolicyName:
        return PolicyName("flux-system", self.rng.choice(list(self.rules)))

    def change(self, answers: Path) -> str:
        """Change one thing at random; its name."""
        what = self.rng.choice(
            ["list", "list", "rule", "exclusion", "age", "hold", "lock", "clock", "answers", "nothing"]
        )
        name = self.policy()
        repository = name.name.partition("-")[0]
        tags = self.lists[repository]
        match what:
            case "list":
                self.rng.shuffle(tags)
                self.highest += 20
                tags[0:1] = [self.tag() for _ in range(self.rng.choice([0, 1, 40]))]
                self.listed_anew = self.clock.now
                self.clock.now += self.rng.choice([1.0, INTERVAL + 1])
            case "rule":
                self.rules[name.name] = self.rng.choice(RULES)
            case "exclusion":
                self.exclusions[repository] = self.rng.choice([[], ["^1\\."], [".*-rc.*"], [".*"]])
            case "age":
                self.ages[name.name] = self.rng.choice(["", "1d", "30d", "pushed"])
            case "hold":
                until = self.rng.choice(["", timestamp(self.clock.now + self.rng.choice([1, 3]) * DAY)[:10]])
                tag = self.rng.choice([*tags, "1.0.0"])
                held = Hold(name, **{self.rng.choice(["tag", "exclude"]): tag}, reason="a test", until=until)
                self.lock = self.lock._replace(holds=(*self.lock.holds[-2:], held))
            case "lock":
                seen = [SeenTag(name, tag, digest_of(tag), timestamp(self.clock.now - 2 * DAY)) for tag in tags[:40]]
                entry = LockEntry(name, f"{name.name}", tags[-1], digest_of(tags[-1]), "Never", "", 1, "")
                self.lock = self.lock._replace(entries={name: entry}, seen=tuple(seen))
            case "clock":
                self.clock.now += self.rng.choice([1.0, INTERVAL + 1, DAY, 40 * DAY])
            case "answers":
                if answers.exists():
                    damage(answers, self.rng)
        return what

    def catalog(self, host: str) -> Catalog:
        made, group = Catalog(), "image.toolkit.fluxcd.io/v1"
        resources: list[dict[str, Any]] = []
        for name, exclusions in self.exclusions.items():
            spec = {"image": f"{host}/{name}", "interval": f"{INTERVAL:.0f}s"}
            if exclusions:
                spec["exclusionList"] = exclusions
            metadata = {"name": name, "namespace": "flux-system"}
            resources.append({"apiVersion": group, "kind": "ImageRepository", "metadata": metadata, "spec": spec})
        for name, rule in self.rules.items():
            age = self.ages.get(name)
            annotation = {"imagesetter.dev/newest": age} if age == "pushed" else {"imagesetter.dev/minimum-age": age}
            annotations = {"annotations": annotation} if age else {}
            metadata = {"name": name, "namespace": "flux-system", **annotations}
            spec = {"imageRepositoryRef": {"name": name.partition("-")[0]}, **rule}
            resources.append({"apiVersion": group, "kind": "ImagePolicy", "metadata": metadata, "spec": spec})
        made.add(found for number, data in enumerate(resources) if (found := resource(data, f"file.yaml:{number}")))
        return made

    def respond(self, seen: Seen) -> Reply:
        name, _, what = seen.path.removeprefix("/v2/").partition("/")
        if what == "tags/list":
            return Reply(200, {"name": name, "tags": sorted(set(self.lists[name]))})
        headers = {"Docker-Content-Digest": digest_of(what.rpartition("/")[2]), "Content-Type": "application/json"}
        return Reply(200, b"", headers)

    def run(self, host: str, cache: Path | None) -> dict[str, str]:
        """The answers of a run, in words, by policy."""
        settings = ClientSettings(cache_folder=cache, clock=self.clock)
        with Client(settings) as client:
            chooser = Chooser(self.lock, self.clock.now, "wait")
            source = RegistrySource(self.catalog(host), client, choose=chooser)
            answers = source.answers([PolicyName("flux-system", name) for name in self.rules])
        return {str(name): in_words(answer, cached=cache is not None) for name, answer in answers.items()}


def in_words(answer: Resolution, *, cached: bool) -> str:
    if isinstance(answer, Failed):
        return f"{answer.error!r} {answer.error.hint} {answer.too_young} {answer.passed_over}"
    return repr(answer if cached else answer._replace(cached=0.0))


def damage(answers: Path, rng: random.Random) -> None:
    """Make a file of answers one that this program would not have written."""
    data = bytearray(answers.read_bytes())
    match rng.choice(["byte", "end", "nothing", "other", "forged", "stranger"]):
        case "byte":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case "end":
            del data[rng.randrange(len(data)) :]
        case "other":
            data[:] = rng.choice([b"[]", b"null", b'{"a": 1}', b"\xff\x00", b"[" * 10_000])
        case "forged":
            data[:] = dump_answers(
                dict.fromkeys(load_answers(bytes(data)), rng.choice(["99.99.99", "latest", "", "\n"]))
            )
        case "stranger":
            data[:] = dump_answers({"0" * 64: "1.0.0"})
    answers.write_bytes(bytes(data))


def run_history(seed: int, folder: Path, steps: int = 8) -> str:
    """Run a history; what differs first, in words, or nothing."""
    world = World(random.Random(seed))
    warm, cold = folder / "warm", folder / "cold"
    with run_fake(world.respond) as registry:
        for step in range(steps):
            what = world.change(warm / "answers") if step else "nothing"
            shutil.rmtree(cold, ignore_errors=True)
            if warm.exists():
                shutil.copytree(warm, cold, ignore=shutil.ignore_patterns("answers"))
            found, expected = world.run(registry.host, warm), world.run(registry.host, cold)
            if found != expected:
                return f"seed {seed}, step {step}, {what}: {found} with answers, {expected} without"
            if not world.listed_anew or world.clock.now - world.listed_anew > INTERVAL:
                again = {name: text.partition(", cached=")[0] for name, text in found.items()}
                plain = {name: text.partition(", cached=")[0] for name, text in world.run(registry.host, None).items()}
                if again != plain:
                    return f"seed {seed}, step {step}, {what}: {again} with the cache, {plain} without"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    wrong = 0
    for seed in range(options.start, options.start + options.count):
        with tempfile.TemporaryDirectory() as folder:
            if difference := run_history(seed, Path(folder)):
                wrong += 1
                print(difference, flush=True)
    print(f"{options.count} histories, {wrong} of them wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
