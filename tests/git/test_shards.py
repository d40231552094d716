"""A fleet's lock made by several processes: the same bytes as by one, and each repository listed once in all."""

from __future__ import annotations

import http.client
import random
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from e2e.conftest import Stage
from git.conftest import catalog_of
from imagesetter.cli.lock_file import shard_option
from imagesetter.errors import LockError
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock, LockEntry
from imagesetter.update.shards import Shard, merge_shards, parse_shard, repository_of
from krm_functions.errors import UsageError
from support.registries import RunningRegistry, push_image

FLEET = """\
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: r{number}, namespace: flux-system}}
spec: {{image: {host}/team/app{repository}, insecure: true, interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: p{number}, namespace: flux-system}}
spec: {{imageRepositoryRef: {{name: r{number}}}, policy: {{semver: {{range: {range}}}}}}}
"""
COUNT, REPOSITORIES, PROCESSES = 60, 30, 4


def fleet(host: str = "registry.example.com", count: int = COUNT) -> str:
    """Policies two to a repository, each pair with different ranges."""
    return "".join(
        FLEET.format(number=number, host=host, repository=number % REPOSITORIES, range="1.0.x" if number % 2 else "1.x")
        for number in range(count)
    )


# --- parts


def test_every_policy_is_in_exactly_one_part_and_a_repository_in_one() -> None:
    catalog = catalog_of(fleet())
    parts = [Shard(index, PROCESSES).names(catalog) for index in range(PROCESSES)]
    assert sorted(name for part in parts for name in part) == sorted(catalog.policy_names)
    where: dict[str, set[int]] = {}
    for index, part in enumerate(parts):
        for name in part:
            where.setdefault(repository_of(catalog, name), set()).add(index)
    assert len(where) == REPOSITORIES
    assert all(len(indexes) == 1 for indexes in where.values())


def test_spellings_of_one_repository_belong_together() -> None:
    spellings = ("nginx", "docker.io/library/nginx", "index.docker.io/library/nginx")
    text = "".join(
        FLEET.format(number=number, host="x", repository=0, range="1.x").replace("x/team/app0", image)
        for number, image in enumerate(spellings)
    )
    catalog = catalog_of(text)
    assert {repository_of(catalog, name) for name in catalog.policy_names} == {"index.docker.io/library/nginx"}


def test_a_policy_that_cannot_be_read_is_in_some_part_so_that_its_error_is_told_once() -> None:
    text = fleet(count=3).replace("name: r1}", "name: gone}", 2).replace("team/app2", "http://x:y")
    catalog = catalog_of(text)
    parts = [Shard(index, 2).names(catalog) for index in range(2)]
    assert sum(map(len, parts)) == len(catalog.policy_names) == 3


def test_many_repositories_are_spread_evenly() -> None:
    sizes = Counter(
        index for number in range(1000) for index in range(4) if Shard(index, 4).holds(f"r.example.com/app{number}")
    )
    assert sum(sizes.values()) == 1000
    assert min(sizes.values()) > 200


@pytest.mark.parametrize("text", ["4/4", "1", "-1/4", "a/b", "0/0", "1/4/2", "0 / 4", "1/"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a shard"):
        parse_shard(text)


@pytest.mark.parametrize(
    ("environment", "shard"),
    [
        ({"JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "5"}, Shard(2, 5)),
        ({"JOB_COMPLETION_INDEX": "2"}, None),
        ({"JOB_COMPLETIONS": "5"}, None),
        ({}, None),
    ],
    ids=["both", "the index alone", "the count alone", "neither"],
)
def test_an_indexed_job_says_which_part(environment: dict[str, str], shard: Shard | None) -> None:
    assert shard_option(None, environment) == shard
    assert shard_option("0/3", environment) == Shard(0, 3)


# --- merging


def entry(name: str, tag: str, changed: str = "2024-01-01T00:00:00Z") -> LockEntry:
    digest = "sha256:" + "0" * 64
    return LockEntry(PolicyName("ns", name), "r.example.com/x", tag, digest, "Never", "sha256:0", 3, changed)


def locks(*entries: LockEntry) -> Lock:
    return Lock({each.policy: each for each in entries})


def test_merging_takes_all_parts_in_any_order_and_leaves_out_what_no_part_has() -> None:
    parts = [locks(entry("a", "1")), locks(entry("b", "2")), locks()]
    before = locks(entry("a", "1", "2020-01-01T00:00:00Z"), entry("gone", "1"))
    for _ in range(5):
        random.shuffle(parts)
        made = merge_shards(before, parts)
        assert set(map(str, made.entries)) == {"ns:a", "ns:b"}
        assert made.entries[PolicyName("ns", "a")].changed == "2020-01-01T00:00:00Z"
        assert [str(change.policy) for change in made.changes] == ["ns:b", "ns:gone"]


def test_equal_answers_of_two_parts_are_one_and_the_order_does_not_matter() -> None:
    early, late = entry("a", "1", "2024-01-01T00:00:00Z"), entry("a", "1", "2024-01-02T00:00:00Z")
    first, second = (merge_shards(Lock({}), [locks(each) for each in pair]) for pair in ((early, late), (late, early)))
    assert first.entries == second.entries == {early.policy: early}


def test_parts_that_differ_about_a_policy_are_refused() -> None:
    with pytest.raises(LockError, match="is locked to"):
        merge_shards(Lock({}), [locks(entry("a", "1")), locks(entry("a", "2"))])


# --- the real thing


class Counting(BaseHTTPRequestHandler):
    """Passes requests on to a real registry, and counts the listings."""

    upstream = ""
    listed: ClassVar[Counter[str]] = Counter()
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.partition("?")[0].endswith("/tags/list"):
            self.listed[self.path.removeprefix("/v2/").partition("/tags/list")[0]] += 1
        connection = http.client.HTTPConnection(self.upstream, timeout=300)
        passed = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, headers=passed)
        response = connection.getresponse()
        body = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = response.getheader("Content-Length", "") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_HEAD = do_GET  # noqa: N815 - the library looks methods up by these names

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def fleet_of_images(registry: RunningRegistry) -> str:
    for number in range(REPOSITORIES):
        push_image(registry, f"team/app{number}", ["1.0.0", f"1.0.{number}", f"1.{number + 1}.0", "latest"])
    return registry.host


@pytest.fixture
def counting(fleet_of_images: str) -> Iterator[tuple[str, Counter[str]]]:
    handler = type("Handler", (Counting,), {"upstream": fleet_of_images, "listed": Counter()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_address[1]}", handler.listed  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def test_n_processes_make_the_same_bytes_as_one_and_list_each_repository_once(
    stage: Stage, counting: tuple[str, Counter[str]]
) -> None:
    host, listed = counting
    work = stage.root / "fleet"
    work.mkdir()
    (work / "policies.yaml").write_text(fleet(host))
    every_once = {f"team/app{number}": 1 for number in range(REPOSITORIES)}

    one = stage.here("lock", "policies.yaml", "--lock-file", "../one.yaml", "--no-cache", cwd=work)
    assert one.status == 0, str(one)
    assert listed == every_once
    listed.clear()

    processes = [
        subprocess.Popen(
            ["imagesetter", "lock", "policies.yaml", "--lock-file", f"../shard-{index}.yaml", "--no-cache"],
            cwd=work,
            env={**stage.environment, "JOB_COMPLETION_INDEX": str(index), "JOB_COMPLETIONS": str(PROCESSES)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(PROCESSES)
    ]
    assert [(process.communicate(timeout=300)[1], process.returncode) for process in processes] == [("", 0)] * PROCESSES
    assert listed == every_once

    shards = [f"shard-{index}.yaml" for index in range(PROCESSES)]
    for number, files in enumerate((shards, shards[::-1])):
        merged = stage.here("lock", "--merge", "--lock-file", f"merged-{number}.yaml", *files)
        assert merged.status == 0, str(merged)
    together = (stage.root / "merged-0.yaml").read_text()
    assert together == (stage.root / "merged-1.yaml").read_text()
    # The time of the change is the one thing that two runs at different seconds do not share.
    changed = re.compile(r"changed: .*")
    assert changed.sub("", together) == changed.sub("", (stage.root / "one.yaml").read_text())
    assert together.count("policy: flux-system:p") == COUNT


def test_from_a_lock_that_is_there_the_merged_bytes_are_those_of_one_process_to_the_last(
    stage: Stage, counting: tuple[str, Counter[str]]
) -> None:
    host, _ = counting
    (stage.root / "policies.yaml").write_text(fleet(host))
    first = stage.here("lock", "--no-cache")
    assert first.status == 0, str(first)
    lock = stage.root / "images.lock.yaml"
    lock.write_text(lock.read_text().replace("spec:", "# the fleet's own words\nspec:"))
    whole = lock.read_bytes()
    for index in range(3):
        part = ("--shard", f"{index}/3", "--lock-file", f"../{index}.yaml")
        done = stage.here("lock", *part, "--no-cache")
        assert done.status == 0, str(done)
    done = stage.here("lock", "--merge", "--check", *(f"../{index}.yaml" for index in range(3)))
    assert done.status == 0, str(done)
    lack = stage.here("lock", "--merge", "--check", "../0.yaml", "../1.yaml")
    assert lack.status == 1
    assert lock.read_bytes() == whole


def test_more_parts_than_repositories_leave_some_parts_empty(stage: Stage, counting: tuple[str, Counter[str]]) -> None:
    host, listed = counting
    (stage.root / "policies.yaml").write_text(fleet(host, 1))
    for index in range(3):
        part = ("--shard", f"{index}/3", "--lock-file", f"../{index}.yaml")
        assert stage.here("lock", *part, "--no-cache").status == 0
    done = stage.here("lock", "--merge", *(f"../{index}.yaml" for index in range(3)))
    assert done.status == 0, str(done)
    assert (stage.root / "images.lock.yaml").read_text().count("policy:") == 1
    (stage.root / "shards").mkdir()
    none = stage.here("lock", "--merge", "shards")
    assert (none.status, "contains no *.yaml" in none.stderr) == (2, True)
    for index in range(3):
        (stage.root.parent / f"{index}.yaml").rename(stage.root / f"shards/{index}.yaml")
    assert stage.here("lock", "--merge", "--check", "shards").status == 0
    assert sum(listed.values()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shard", "3/3", "--lock-file", "x"], "is not a shard"),
        (["--shard", "0/3"], "--shard needs --lock-file"),
        (["--merge"], "--merge needs the files"),
    ],
)
def test_wrong_usage_says_what_to_write(stage: Stage, arguments: list[str], words: str) -> None:
    done = stage.here("lock", *arguments)
    assert (done.status, words in done.stderr) == (2, True), str(done)
