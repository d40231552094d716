"""The law of releases, on random registries, failures and rules: one key for all policies, the highest, or none moves.

``python -m candidates.release_law 5000`` from ``tests`` tries more than the suite does.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field

from imagesetter.errors import RegistryError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import resource
from imagesetter.lock.document import Lock
from imagesetter.lock.holds import Hold
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.selection.choose import Chooser
from imagesetter.selection.registry_source import RegistrySource
from imagesetter.selection.sources import Resolution, Resolved
from krm_functions.errors import ReportedError
from support.shelf import Shelf

NOW = 1_800_000_000.0
DAY = 86_400.0
GROUP = "image.toolkit.fluxcd.io/v1"


@dataclass
class TimedShelf(Shelf):
    """A registry that says when each tag was uploaded, and that may not say what one points to."""

    uploaded: dict[str, dict[str, float]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        found = Shelf.scan(self, repository, options=options)
        return Scan(found.tags, 0.0, uploaded=self.uploaded[repository.canonical])

    def digest(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> str:
        if repository.canonical in self.silent:
            raise RegistryError(f"{repository} did not respond")
        return Shelf.digest(self, repository, tag, platform=platform, options=options)


@dataclass(frozen=True)
class Case:
    """Some policies of one release: their tags with their ages, what fails, and the rules of each."""

    ages: dict[str, dict[str, int]]
    failed: frozenset[str]
    silent: frozenset[str]
    minimum: dict[str, int]
    lowest: dict[str, int]
    excluded: dict[str, str]

    def allowed(self, name: str) -> list[str]:
        """The tags that a policy allows, worked out without any of our code."""
        return [
            tag
            for tag, age in self.ages[name].items()
            if int(tag.split(".")[0]) >= self.lowest[name]
            and age >= self.minimum[name]
            and tag != self.excluded.get(name)
        ]

    def expected(self) -> str:
        """The version that all policies come to; empty for none."""
        if self.failed or self.silent:
            return ""
        common = set.intersection(*(set(self.allowed(name)) for name in self.ages))
        return max(common, key=lambda tag: tuple(map(int, tag.split("."))), default="")

    def answers(self, *, backwards: bool = False) -> dict[str, Resolution]:
        """What our code makes of it, whichever way round it is asked."""
        catalog = Catalog()
        for name in self.ages:
            annotations = {"imagesetter.dev/minimum-age": f"{self.minimum[name]}d"} if self.minimum[name] else {}
            metadata = {"name": name, "namespace": "ns"}
            spec = {
                "imageRepositoryRef": {"name": name},
                "policy": {"semver": {"range": f">={self.lowest[name]}.0.0"}},
                "digestReflectionPolicy": "IfNotPresent",
            }
            policy = {**metadata, "annotations": annotations}
            for data in (
                {"apiVersion": GROUP, "kind": "ImagePolicy", "metadata": policy, "spec": spec},
                {
                    "apiVersion": GROUP,
                    "kind": "ImageRepository",
                    "metadata": metadata,
                    "spec": {"image": f"x.io/{name}"},
                },
            ):
                catalog.add([found for found in [resource(data, name)] if found])
        made = {
            "apiVersion": "imagesetter.dev/v1alpha1",
            "kind": "ImageRelease",
            "metadata": {"name": "app", "namespace": "ns"},
            "spec": {"policies": list(self.ages), "same": "version"},
        }
        catalog.add([found for found in [resource(made, "app")] if found])
        listed = {
            f"x.io/{name}": RegistryError("it did not respond") if name in self.failed else list(tags)
            for name, tags in self.ages.items()
        }
        uploaded = {
            f"x.io/{name}": {tag: NOW - age * DAY for tag, age in tags.items()} for name, tags in self.ages.items()
        }
        silent = frozenset(f"x.io/{name}" for name in self.silent)
        holds = tuple(Hold(PolicyName("ns", name), exclude=tag, reason="r") for name, tag in self.excluded.items())
        chooser = Chooser(Lock({}, holds=holds), NOW)
        shelf = TimedShelf(listed, uploaded=uploaded, silent=silent)
        source = RegistrySource(catalog, shelf, choose=chooser, situation=chooser.situation)
        names = [PolicyName("ns", name) for name in self.ages]
        return {
            name.name: answer for name, answer in source.answers(reversed(names) if backwards else names[:1]).items()
        }


def make(chance: random.Random) -> Case:
    """A case by chance: mostly one in which something fits."""
    names = ["web", "worker", "cron", "api"][: chance.randint(2, 4)]
    versions = [f"{major}.{minor}.0" for major in range(1, 4) for minor in range(4)]
    ages = {
        name: {tag: chance.randint(0, 6) for tag in versions if chance.random() < 0.7} or {"1.0.0": 9} for name in names
    }
    return Case(
        ages,
        frozenset(name for name in names if chance.random() < 0.05),
        frozenset(name for name in names if chance.random() < 0.05),
        {name: chance.choice([0, 0, 3]) for name in names},
        {name: chance.choice([1, 1, 2]) for name in names},
        {name: chance.choice(list(ages[name])) for name in names if chance.random() < 0.3},
    )


def check(seed: int) -> str:
    """Check one case; the version that it came to."""
    case = make(random.Random(seed))
    expected = case.expected()
    for answers in (case.answers(), case.answers(backwards=True)):
        found = {name: answer.ref.tag if isinstance(answer, Resolved) else "" for name, answer in answers.items()}
        assert found == dict.fromkeys(case.ages, expected), f"seed {seed}: {found}, expected {expected!r} of {case}"
        for name, answer in answers.items():
            if isinstance(answer, Resolved):
                better = [each.tag for each in answer.passed_over if each.rule == "release"]
                assert expected not in better, f"seed {seed}: {name} passed {expected} over"
                assert set(better) <= set(case.ages[name]), f"seed {seed}: {better} are not tags of {name}"
            else:
                assert isinstance(answer.error, ReportedError)
                assert answer.error.what, f"seed {seed}"
    return expected


if __name__ == "__main__":
    came = [check(seed) for seed in range(int(sys.argv[1]))]
    print(f"{len(came)} cases, {sum(map(bool, came))} with a version")
