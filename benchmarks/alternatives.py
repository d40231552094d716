"""(h) What a user would run instead: Renovate, a loop of crane, and Go programs of what Flux's controllers do."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, OURS, comparison, growth, plots
from benchmarks.fake_registry import FakeRegistry, run_fake_registry, write_lists
from benchmarks.measuring import Program, Sample, Series, run_once
from benchmarks.page import Aim, Section, table
from benchmarks.selection import noise, versions

RENOVATE_VERSION = "39.264.1"
"""Of the last major version that runs on Node 20. Newer ones need Node 22.13 or 24.11."""
RENOVATE, FLUX = f"Renovate {RENOVATE_VERSION}", "Go, Flux's steps"
CRANE, CRANES = "crane, a loop", "crane, 8 at once"
LOOKUP = f"{OURS} --check --diff"
SHORT = {FLUX: "Go", CRANES: CRANES, RENOVATE: "Renovate"}
AIMS = (
    (RENOVATE, 0.5, "wall", "clock"),
    (CRANES, 1.0, "wall", "clock"),
    (FLUX, 2.0, "cpu", "processor"),
    (FLUX, 1.0, "peak", "memory"),
)
"""The program, what ours should need at most of what it needs, and of what."""
WHY = {
    CRANES: "its start is most of a small run",
    FLUX: "Python's start and libraries; it reads policies, proves files and holds all tags, which Go does not",
}
PAGE = 1000
MOST = {CRANE: 200, RENOVATE: 200}
UPDATECLI = "updatecli (the Go module proxy does not serve its module)"
WHAT_THEY_DO = {
    OURS: ("policies as Flux reads them", "semver range", "writes each field, proves each file, flushes it"),
    LOOKUP: ("policies as Flux reads them", "semver range", "nothing: prints a diff"),
    FLUX: ("a list of images and ranges", "semver range", "sets each field, writes the file anew"),
    CRANE: ("a list of images and patterns", "`grep -E \\| sort -V \\| tail -n 1`", "nothing: prints the tags"),
    CRANES: ("a list of images and patterns", "`grep -E \\| sort -V \\| tail -n 1`", "nothing: prints the tags"),
    RENOVATE: ("the manifests, and a package rule for each image", "its `docker` versioning", "nothing: a report"),
}
_LOOP = """\
one() { "$CRANE" ls "$1" | grep -E "$2" | sort -V | tail -n 1; }
while read -r image pattern; do echo "$image:$(one "$image" "$pattern")"; done
"""
_AT_ONCE = 'xargs -P 8 -L 1 sh -c \'echo "$0:$("$CRANE" ls "$0" | grep -E "$1" | sort -V | tail -n 1)"\''
_FLUX = '"$GO" scan questions > picks && "$SETTERS" tree picks tree'


@dataclass(frozen=True, slots=True)
class Image:
    """A repository of a registry with its tags, the major version that is wanted (None: any), and the answer."""

    number: int
    tags: Sequence[str]
    major: int | None
    old: str
    new: str

    @property
    def path(self) -> str:
        """Its repository, in the registry."""
        return f"fleet/service-{self.number:04}"

    @property
    def range(self) -> str:
        """What the policy says."""
        return "*" if self.major is None else f"{self.major}.x"

    @property
    def pattern(self) -> str:
        """The same for those who know no ranges: a regular expression."""
        return rf"^v?{'[0-9]+' if self.major is None else self.major}\.[0-9]+\.[0-9]+$"


def images(count: int) -> list[Image]:
    """Images of 100 to 2,000 tags, most of them of few; every third follows one major version."""
    from imagesetter.policy.select import select
    from imagesetter.policy.semver import SemverRule
    from imagesetter.policy.tag_policy import TagPolicy

    rng = random.Random(inputs.SEED)
    made = []
    for number in range(count):
        size = round(100 * 20 ** rng.random())
        tags = sorted({*versions(rng, size * 8 // 10, 0.1), *noise(rng, size - size * 8 // 10)})
        major = rng.randrange(6) if number % 3 == 0 else None
        rule = TagPolicy(SemverRule("*" if major is None else f"{major}.x"))
        new = select(rule, tags)
        made.append(Image(number, tags, major, select(rule, [tag for tag in tags if tag != new]), new))
    return made


def renovate() -> str | None:
    """Renovate's command, installed into ``.tools`` the first time; None where npm or its registry is not there."""
    folder = peers.TOOLS.parent / f"renovate-{RENOVATE_VERSION}"
    program = folder / "node_modules/.bin/renovate"
    npm = peers.find("npm")
    if not program.exists() and npm:
        # Without scripts: they download programs from elsewhere, which Renovate does without.
        install = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*install, f"renovate@{RENOVATE_VERSION}"], check=False, capture_output=True)
    return str(program) if program.exists() else None


class Repository:
    """A Git repository whose fields follow images of a registry, and the programs to compare over it."""

    def __init__(self, folder: Path, registry: FakeRegistry, made: Sequence[Image]) -> None:
        self._folder, self._registry, self._made = folder, registry, made
        self._source, self._tree = folder / "source", folder / "tree"
        questions = []
        for each in made:
            policy = {"policy": {"semver": {"range": each.range}}}
            inputs.write_service(self._source, each.number, self._image(each), each.old, each.new, policy)
            name = f"{inputs.NAMESPACE}:service-{each.number:04}"
            questions.append(json.dumps({"name": name, "image": self._image(each), **policy}) + "\n")
        shutil.copytree(self._source, self._tree)
        for command in (["init", "--quiet"], ["add", "--all"]):
            subprocess.run(["git", *command], cwd=self._tree, check=True)
        (folder / "patterns").write_text("".join(f"{self._image(each)} {each.pattern}\n" for each in made))
        (folder / "questions").write_text("".join(questions))

    def _image(self, each: Image) -> str:
        return f"{self._registry.host}/{each.path}"

    def programs(self) -> dict[str, Program]:
        """Those that are on this machine, each behind what restores its input and empties its cache."""
        env = {**CLEAN, "DOCKER_CONFIG": str(self._folder / "no-logins"), "IMAGESETTER_ALLOW_LOOPBACK": "true"}
        update = [peers.imagesetter(), "update", "--quiet", "--no-cache", str(self._tree)]
        made = {
            OURS: Program(update, env=env, before=self._restore),
            LOOKUP: Program([*update, "--check", "--diff"], None, self._folder / LOOKUP, env=env,
                            before=self._restore, statuses=(1,)),
        }  # fmt: skip
        if crane := peers.find("crane"):
            shell = partial(Program, stdin=self._folder / "patterns", env={"CRANE": crane})
            made[CRANE] = shell(["sh", "-ec", _LOOP], stdout=self._folder / CRANE)
            made[CRANES] = shell(["sh", "-ec", _AT_ONCE], stdout=self._folder / CRANES)
        return made

    def fetched(self) -> dict[str, Program]:
        """Those that are built or installed first, as far as that succeeds."""
        made = {}
        go, setters = peers.built("selection"), peers.built("setters")
        if go and setters:
            env = {"GO": go, "SETTERS": setters}
            made[FLUX] = Program(["sh", "-ec", _FLUX], cwd=self._folder, env=env, before=self._restore)
        if program := renovate():
            made[RENOVATE] = self._renovate(program)
        return made

    def _renovate(self, program: str) -> Program:
        """A lookup of the kubernetes manager, which gets each policy as ``allowedVersions``."""
        rules = [{"matchPackageNames": [self._image(each)], "allowedVersions": f"/{each.pattern}/"}
                 for each in self._made if each.major is not None]  # fmt: skip
        config = {
            "platform": "local",
            "dryRun": "lookup",
            "requireConfig": "ignored",
            "onboarding": False,
            "enabledManagers": ["kubernetes"],
            "kubernetes": {"fileMatch": [r"^apps/.+\.yaml$"]},
            "hostRules": [{"matchHost": self._registry.host, "insecureRegistry": True}],
            "packageRules": rules,
            "baseDir": str(self._folder / "renovate"),
            "reportType": "file",
            "reportPath": str(self._folder / "report.json"),
        }
        (self._folder / "renovate.json").write_text(json.dumps(config))
        env = {"RENOVATE_CONFIG_FILE": str(self._folder / "renovate.json"), "LOG_LEVEL": "warn"}
        return Program([program], cwd=self._tree, env=env, before=self._restore)

    def _restore(self) -> None:
        shutil.copytree(self._source / "apps", self._tree / "apps", dirs_exist_ok=True)
        shutil.rmtree(self._folder / "renovate", ignore_errors=True)

    def measure(self, programs: Mapping[str, Program], rounds: int) -> tuple[dict[str, Series], dict[str, int]]:
        """Run programs in turn: their runs, and how many requests the last one made. Every answer is checked.

        Raises:
            RuntimeError: a program did not find the right tag of every image.
        """
        samples: dict[str, list[Sample]] = defaultdict(list)
        counts = {}
        for _ in range(rounds):
            for name, program in programs.items():
                before = self._registry.asked().requests
                samples[name].append(run_once(program))
                counts[name] = self._registry.asked().requests - before
                found = self._found(name)
                wrong = [each.path for each in self._made if found.get(each.path) != each.new]
                if wrong:
                    raise RuntimeError(f"{name}: {len(wrong)} tags of {len(self._made)} are wrong, such as {wrong[0]}")
        return {name: Series(tuple(each)) for name, each in samples.items()}, counts

    def _found(self, program: str) -> dict[str, str]:
        """The tag that a program found for each repository."""
        if program == RENOVATE:
            return reported_by_renovate(json.loads((self._folder / "report.json").read_text()), self._registry.host)
        if program in (CRANE, CRANES):
            lines = (self._folder / program).read_text().split()
        elif program == LOOKUP:
            diff = (self._folder / program).read_text().splitlines()
            lines = [line.partition("image: ")[2].split()[0] for line in diff if line.startswith("+ ")]
        else:
            files = (inputs.service_file(self._tree, each.number).read_text() for each in self._made)
            lines = [text.partition("image: ")[2].split()[0] for text in files]
        refs = (line.removeprefix(f"{self._registry.host}/").rpartition(":") for line in lines)
        return {path: tag for path, _, tag in refs}


def reported_by_renovate(report: Any, host: str) -> dict[str, str]:
    """The last update of each image in Renovate's report: the highest, behind those within the major version."""
    (repository,) = report["repositories"].values()
    found = {}
    for file in repository["packageFiles"]["kubernetes"]:
        for dependency in file["deps"]:
            for update in dependency.get("updates", []):
                found[dependency["depName"].removeprefix(f"{host}/")] = update["newValue"]
    return found


def alternatives(folder: Path, quick: bool) -> Section:
    """(h) One repository and one registry, and all programs that are there."""
    sizes = (60, 200) if quick else (60, 200, 1000)
    made = images(sizes[-1])
    write_lists(folder / "lists", ({"name": each.path, "tags": each.tags, "page": PAGE} for each in made))
    found: dict[int, dict[str, Series]] = {}
    counts: dict[int, dict[str, int]] = {}
    with run_fake_registry(folder / "lists") as registry:
        for size in sizes:
            repository = Repository(folder / str(size), registry, made[:size])
            programs = {**repository.programs(), **repository.fetched()}
            programs = {name: each for name, each in programs.items() if size <= MOST.get(name, size)}
            found[size], counts[size] = repository.measure(programs, 1 if quick or size > 200 else 3)
    return _section(found, counts, made)


def _section(
    found: Mapping[int, Mapping[str, Series]], counts: Mapping[int, Mapping[str, int]], made: Sequence[Image]
) -> Section:
    sizes = ", ".join(f"{size:,}" for size in found)
    tags = sum(len(each.tags) for each in made)
    text = (
        f"A Flux repository with a policy, a Deployment and a marked field for each image: {sizes} images of 100 to "
        f"2,000 tags, {tags:,} in all at the last size. Every program uses the same registry (a process of its own on "
        f"loopback, plain HTTP, pages of {PAGE:,} tags), starts without a cache, and has to find the same tag for "
        "every image, which is checked. A registry on loopback answers at once, so this compares the programs; over a "
        "network all of them wait more, see (d). Renovate and the loop run for 200 images at most, to save time. The "
        "second table says what each program does."
    )
    notes = (
        "**What differs**. Renovate gets each policy as a package rule, since it reads no Flux policies; its pinned "
        "version is the last that runs on Node 20; `--platform=local` looks up and writes nothing. It lacks its "
        "compiled `re2` and uses the regular expressions of Node. It also requests the manifest of each image, to find "
        "where its source is; this registry has none, so a real one would cost it more. crane gets a list of images "
        "and patterns: it reads no files, requests `/v2/` before each list, as the Go programs do, and `sort -V` knows "
        "neither ranges nor the order of prereleases, so the patterns leave them out. The Go programs are not Flux's "
        "controllers, which need a cluster and whose packages are internal: they list with go-containerregistry, 8 "
        "images at once (the controller: 4), choose with Masterminds/semver and set fields with kyaml, as the "
        "controllers do, but get the policies as a list, keep no database and make no commit. imagesetter reads the "
        "policies from the files and flushes what it writes to the disk, which the others do not."
    )
    heads = ["program", *(f"requests, {size:,} images" for size in found), "gets", "chooses by", "with the answer"]
    sent = {name: [f"{each[name]:,}" if name in each else "" for each in counts.values()] for name in found[min(found)]}
    rows = [[name, *cells, *WHAT_THEY_DO[name]] for name, cells in sent.items()]
    ratios = [(name, short, kind) for name, short in SHORT.items() for kind in ("wall", "cpu")]
    missing = [name for name in WHAT_THEY_DO if name not in found[min(found)]]
    return Section(
        "(h) Beside what else one could use",
        text,
        [comparison("images", found, ratios), table(heads, rows, 3)],
        _aims(found),
        plots("peers", "Latest tags of a repository's images", "images", found),
        [notes, *(growth("images", found, name) for name in (OURS, FLUX) if name not in missing)],
        [*missing, UPDATECLI],
    )


def _aims(found: Mapping[int, Mapping[str, Series]]) -> list[Aim]:
    """Ours, which writes, over each of the others, at the smallest and the largest size of both."""
    aims = []
    for other, limit, kind, words in AIMS:
        sizes = [size for size, each in found.items() if other in each] or [min(found)]
        for size in (sizes[0], sizes[-1]):
            value = found[size][OURS].over(found[size][other], kind) if other in found[size] else None
            name = f"(h) {size:,} images, over {SHORT[other]}, {words}"
            aims.append(Aim(name, limit, value, "×", WHY.get(other, "")))
    return aims
