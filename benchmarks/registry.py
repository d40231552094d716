"""(d) Many repositories far away, one large one, and (g) one enormous one, beside curl, crane and skopeo."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.comparing import OURS, comparison, growth, plots
from benchmarks.delay import Away, far_away
from benchmarks.fake_registry import FakeRegistry, run_fake_registry, write_lists
from benchmarks.measuring import Program, Series, interleaved, run_once
from benchmarks.page import Aim, Section, seconds, table

if TYPE_CHECKING:
    from support.registries import RunningRegistry

HERE = Path(__file__).resolve().parent
HOST = "registry.example.com"
"""What the registry far away is called, and its certificate says."""
CURL, CURL_2, CURL_50 = "curl, 8 connections", "curl, HTTP/2, 8 at once", "curl, 50 connections"
CURL_48 = "curl, 48 connections"
LIMIT, HOSTS = 8, 6
TAGS, MANY_TAGS = 100, 4900
"""A list of 5,000 would look as if it had been cut, and so cost a second request; few real lists have such a length."""
LOOP = 20
DIGITS = "{:.2f}".format


@dataclass(frozen=True, slots=True)
class Machine:
    """What the programs are given: a folder to work in, and the authority to trust where there is TLS.

    The authority is alone in its own folder, since skopeo takes all that is there.
    """

    folder: Path
    ca: Path | None = None

    @property
    def listed(self) -> Path:
        """The number of tags that ours has found."""
        return self.folder / "listed"

    def ours(self, names: Sequence[str], *, host: str = HOST) -> Program:
        """The registry client."""
        command = [sys.executable, str(HERE / "lister.py"), str(self.ca or ""), host, str(LIMIT), *names]
        return Program(command, stdout=self.listed)

    def curl(self, names: Sequence[str], limit: int = LIMIT, *, http2: bool = False) -> Program:
        """curl, which throws the lists away."""
        command = [
            *("curl", "-sS", "--no-progress-meter", "--fail", "--cacert", str(self.ca)),
            *("--parallel", "--parallel-max", str(limit), "--http2" if http2 else "--http1.1"),
        ]
        for host, _, path in (name.partition("/") for name in names):
            command += ["--resolve", f"{host}:127.0.0.1"] if host.startswith(HOST) else []
            command += ["-o", "/dev/null", f"https://{host}/v2/{path}/tags/list?n=1000"]
        return Program(command)

    def crane(self, names: Sequence[str]) -> Program:
        """A loop of crane, which calls it once a repository."""
        crane = peers.find("crane") or "crane"
        return Program(["sh", "-ec", f'for n; do "{crane}" ls "$n"; done', "-", *names],
                       env={"SSL_CERT_FILE": str(self.ca)})  # fmt: skip

    def skopeo(self, names: Sequence[str]) -> Program:
        """A loop of skopeo."""
        loop = f'for n; do skopeo list-tags --cert-dir "{self.folder / "trusted"}" "docker://$n"; done'
        return Program(["sh", "-ec", loop, "-", *names])


def registry(folder: Path, quick: bool) -> Section:
    """(d), and one large repository, from a real registry with TLS."""
    sizes = (10, 20, 50) if quick else (50, 100, 300)
    title = "(d) Registries far away"
    text = (
        f"A real registry (distribution 2.8) with TLS on loopback, behind a proxy that delays every byte, so that it "
        f"is as far away as the table says; repositories of {TAGS} tags. curl is the limit: it gets the same lists and "
        f"throws them away. `{CURL}` speaks HTTP/1.1 on as many connections as ours, kept open; `{CURL_2}` is its "
        "default. Without logins, both send one request for each list, and neither looks a name up. The loops call one "
        "program a repository."
    )
    most = f"(d) {sizes[-1]} repositories, 50 ms away, over curl --parallel"
    missing = [name for name in ("curl", "crane", "skopeo", "docker-registry") if peers.find(name) is None]
    if missing:
        return Section(title, text, [], [Aim(most, 1.1, None)], missing=missing)
    with _registry(folder, sizes[-1]) as (running, machine):
        found, rows = {}, []
        for trip in (50,) if quick else (30, 50):
            with far_away(running.port, trip) as away:
                for size in sizes if trip == 50 else sizes[-1:]:
                    names = [f"{HOST}:{away.port}/fleet/app{number:03}" for number in range(size)]
                    each = _far(machine, names, 2 if quick else 3)
                    rows.append(_row(size, trip, each))
                    if trip == 50:
                        found[size] = each
        with far_away(running.port, 50) as away:
            names = [f"{HOST}:{away.port}/fleet/app{number:03}" for number in range(sizes[-1])]
            few = [f"127.0.0.1:{away.port}/fleet/app{number:03}" for number in range(5 if quick else LOOP)]
            loops = interleaved({"crane": machine.crane(few), "skopeo": machine.skopeo(few)}, 1, warm=0)
            connections = _connections(away, machine, names)
        spread = _hosts(running, machine, sizes[-1], 2 if quick else 3)
        large = _large(running, machine)
    last = found[sizes[-1]]
    scale = sizes[-1] / len(few)
    over = {name: last[OURS].wall / (each.wall * scale) for name, each in loops.items()}
    head = ["repositories", "round trip", f"× {CURL}", "× less the start", f"× {CURL_2}", OURS, "its start",
            "its processor time", CURL, CURL_2, CURL_50]  # fmt: skip
    start = last[OURS].wall - _inside(last[OURS])
    why = f"its start is {seconds(start)}; without it {DIGITS(_inside(last[OURS]) / last[CURL].wall)} ×"
    aims = [
        Aim(most, 1.1, last[OURS].over(last[CURL]), reason=why),
        Aim(
            f"(d) {sizes[-1]} repositories on {HOSTS} hosts, 50 ms away, over {CURL_48}",
            1.3,
            spread[OURS].over(spread[CURL_48]),
            reason=f"{seconds(spread[OURS].cpu)} of its {seconds(spread[OURS].wall)} are processor time: TLS and HTTP "
            f"in Python, where curl needs {seconds(spread[CURL_48].cpu)}",
        ),
        Aim(f"(d) ours over a loop of crane, {sizes[-1]} repositories", 0.2, over["crane"]),
    ]
    loop_rows = [[name, f"{1 / over[name]:.0f}", seconds(each.wall * scale)] for name, each in loops.items()]
    return Section(
        title,
        text,
        [
            table(head, rows),
            f"{sizes[-1]} repositories on {HOSTS} hosts, each 50 ms away; ours has {LIMIT} connections to each host:",
            table(
                [f"× {CURL_48}", OURS, CURL_48],
                [[DIGITS(spread[OURS].over(spread[CURL_48])), *(seconds(spread[n].wall) for n in (OURS, CURL_48))]],
            ),
            f"Loops over {sizes[-1]} repositories, 50 ms away ({len(few)} measured, scaled up):",
            table(["loop of", "× imagesetter", "clock"], loop_rows),
            f"One repository of {MANY_TAGS:,} tags, TLS on loopback:",
            large,
        ],
        aims,
        plots("registry", "Repositories 50 ms away", "repositories", found, ("wall", "cpu")),
        [
            f"**What dominates** {sizes[-1]} repositories 50 ms away: waiting, "
            f"{max(0.0, 1 - last[OURS].cpu / last[OURS].wall):.0%} of the time on the clock; the start of the process "
            f"is {start / last[OURS].wall:.0%}. {connections}",
            growth("repositories", found, kinds=("wall",)),
        ],
    )


@contextmanager
def _registry(folder: Path, repositories: int) -> Iterator[tuple[RunningRegistry, Machine]]:
    """A registry whose certificate is for `HOST` too, with these repositories and a large one."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from support.certificates import Authority, Certificate, make_authority
    from support.registries import link_tags, push_image, run_registry

    class Named(Authority):
        def issue(self, *names: str) -> Certificate:
            return super().issue(*names, HOST)

    made = make_authority(folder / "authority")
    trusted = folder / "trusted" / "ca.crt"
    trusted.parent.mkdir()
    shutil.copyfile(made.certificate, trusted)
    machine = Machine(folder, trusted)
    with run_registry("2.8", folder=folder / "registry", tls=Named(**vars(made))) as running:
        push_image(running, "fleet/app000", ["1.0.0"])
        link_tags(running, "fleet/app000", [f"1.0.{number}" for number in range(1, TAGS)], "1.0.0")
        storage = running.storage / "docker/registry/v2/repositories/fleet"
        for number in range(1, repositories):
            shutil.copytree(storage / "app000", storage / f"app{number:03}", symlinks=True)
        push_image(running, "big/app", ["latest"])
        link_tags(running, "big/app", [f"1.0.{number}" for number in range(MANY_TAGS - 1)], "latest")
        yield running, machine


def _far(machine: Machine, names: Sequence[str], runs: int) -> dict[str, Series]:
    programs = {
        OURS: machine.ours(names),
        CURL: machine.curl(names),
        CURL_2: machine.curl(names, http2=True),
        CURL_50: machine.curl(names, 50),
    }
    found = interleaved(programs, runs, warm=0)
    _check(machine, TAGS * len(names))
    return found


def _hosts(running: RunningRegistry, machine: Machine, repositories: int, runs: int) -> dict[str, Series]:
    """Repositories that are spread over several hosts, as far as a client can tell."""
    with ExitStack() as stack:
        ports = [stack.enter_context(far_away(running.port, 50)).port for _ in range(HOSTS)]
        names = [f"{HOST}:{ports[number % HOSTS]}/fleet/app{number:03}" for number in range(repositories)]
        programs = {OURS: machine.ours(names), CURL_48: machine.curl(names, LIMIT * HOSTS)}
        found = interleaved(programs, runs, warm=0)
    _check(machine, TAGS * repositories)
    return found


def _check(machine: Machine, tags: int) -> None:
    """Ours must have found as many tags."""
    listed = int(machine.listed.read_text())
    if listed != tags:
        raise RuntimeError(f"registry: {listed} tags of {tags}")


def _inside(series: Series) -> float:
    """Seconds since it began to ask, as the client told them: importing HTTP is among them."""
    return median(float(sample.said) for sample in series.samples)


def _row(size: int, trip: int, each: dict[str, Series]) -> list[str]:
    ours, curl = each[OURS], each[CURL]
    ratios = [ours.over(curl), _inside(ours) / curl.wall, ours.over(each[CURL_2])]
    times = [ours.wall, ours.wall - _inside(ours), ours.cpu, *(each[name].wall for name in (CURL, CURL_2, CURL_50))]
    return [f"{size:,}", f"{trip} ms", *map(DIGITS, ratios), *map(seconds, times)]


def _connections(away: Away, machine: Machine, names: Sequence[str]) -> str:
    """How many connections each of them makes, in words."""
    told = []
    for name, program in ((OURS, machine.ours(names)), ("curl", machine.curl(names))):
        before = away.connections
        run_once(program)
        told.append(f"{away.connections - before} by {name}")
    return f"Connections made: {', '.join(told)}."


def _large(running: RunningRegistry, machine: Machine) -> str:
    names = [f"{running.host}/big/app"]
    programs = {OURS: machine.ours(names, host=""), "crane": machine.crane(names), "skopeo": machine.skopeo(names),
                "curl": machine.curl(names)}  # fmt: skip
    found = interleaved(programs, 3)
    _check(machine, MANY_TAGS)
    rows = [[name, DIGITS(each.over(found["crane"])), seconds(each.wall), seconds(each.cpu), f"{each.peak:.0f} MiB"]
            for name, each in found.items()]  # fmt: skip
    return table(["program", "× crane", "clock", "processor", "peak"], rows)


def enormous(folder: Path, quick: bool) -> Section:
    """(g) One repository of up to a million tags, whole and in pages."""
    sizes = (1000, 10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
    title = "(g) One enormous repository"
    text = (
        "One repository, in pages of 1,000 tags, each of which names the next, or all in one answer; plain HTTP on "
        "loopback, every answer made beforehand. curl is the limit: it gets the same pages, whose URLs it is "
        "given, one after the other on one connection, and throws them away."
    )
    aim = f"(g) one repository of {sizes[-1]:,} tags, peak memory"
    if peers.find("curl") is None:
        return Section(title, text, [], [Aim(aim, 150, None, "MiB")], missing=["curl"])
    machine = Machine(folder)
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        tags = [f"1.{number}.{number % 97}" for number in range(size)]
        write_lists(folder / "lists", [{"name": "paged", "tags": tags, "page": 1000}, {"name": "whole", "tags": tags}])
        with run_fake_registry(folder / "lists") as running:
            found[size] = interleaved(_one(machine, running, folder, tags), 2, warm=0)
            _check(machine, size)
    last = found[sizes[-1]]
    peak = max(last[f"{OURS}, {kind}"].peak for kind in ("pages", "whole"))
    ratios = [("curl, pages", "curl, pages", "wall"), ("curl, whole", "curl, whole", "wall")]
    return Section(
        title,
        text,
        [comparison("tags", found, ratios)],
        [Aim(aim, 150, peak, "MiB", reason="one answer holds all tags")],
        plots("enormous", "One repository", "tags", found),
        [
            # Too short to be sampled: the thread that asks ends before it is looked at.
            f"**What dominates** {sizes[-1]:,} tags in one answer: the tags; {sizes[0]:,} of them, mostly the start, "
            f"take {found[sizes[0]][f'{OURS}, whole'].cpu / last[f'{OURS}, whole'].cpu:.0%} of that processor time.",
            *(growth("tags", found, f"{OURS}, {kind}") for kind in ("pages", "whole")),
        ],
    )


def _one(machine: Machine, running: FakeRegistry, folder: Path, tags: Sequence[str]) -> dict[str, Program]:
    programs = {}
    for kind, name in (("pages", "paged"), ("whole", "whole")):
        programs[f"{OURS}, {kind}"] = machine.ours([f"{running.host}/{name}"], host="")
        queries = [f"?n=1000&last={tags[start - 1]}" if start else "" for start in range(0, len(tags), 1000)]
        config = folder / f"urls-{name}"
        config.write_text("".join(
            f'url = "http://{running.host}/v2/{name}/tags/list{query}"\noutput = "/dev/null"\n'
            for query in (queries if kind == "pages" else [""])
        ))  # fmt: skip
        programs[f"curl, {kind}"] = Program(["curl", "-sS", "--fail", "--config", str(config)])
    return programs
