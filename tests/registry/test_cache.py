"""The cache on disk: when an entry counts, who sees it, what happens when runs collide or die, or the disk refuses."""

from __future__ import annotations

import codecs
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.errors import CredentialError
from imagesetter.registry.auth.credentials import Credential, Lookup
from imagesetter.registry.auth.docker_config import LocalKeychain
from imagesetter.registry.cache import DEFAULT_VALIDITY, SHORTEST_VALIDITY, Cache, CachedScan, CacheIdentity, validity
from imagesetter.registry.client import Client
from imagesetter.registry.events import Finished
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings, cache_folder
from support.clocks import FakeClock
from support.fakes import Reply, run_fake
from support.hiding import without
from support.logins import PASSWORD, Always
from support.scanning import scan_all
from tools import cannot_run

FN = str(Path(__file__).parents[2] / "fn")
NAME = "ghcr.io/org/app"
NOBODY = CacheIdentity()
ALICE = CacheIdentity(Credential("alice", PASSWORD))


def entry(clock: FakeClock, *tags: str) -> CachedScan:
    return CachedScan(tags or ("1.0", "1.1"), clock.time(), ("a warning",), {"1.0": 5.0})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(tmp_path: Path, clock: FakeClock) -> Cache:
    return Cache(tmp_path / "cache", clock)


# --- when an entry counts --------------------------------------------------------------------------------------------


def test_scan_comes_back_as_it_was_kept(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, NOBODY, entry(clock))
    assert cache.load_scan(NAME, NOBODY, 300) == entry(clock)


def test_scan_counts_as_long_as_its_interval(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, NOBODY, entry(clock))
    clock.now += 299
    assert cache.load_scan(NAME, NOBODY, 300) is not None
    clock.now += 1
    assert cache.load_scan(NAME, NOBODY, 300) is None
    assert cache.load_scan(NAME, NOBODY, 301) is not None


@pytest.mark.parametrize(
    ("interval", "seconds"), [(None, DEFAULT_VALIDITY), (0, SHORTEST_VALIDITY), (1, SHORTEST_VALIDITY), (3600, 3600)]
)
def test_interval_has_a_floor_and_a_default(interval: float | None, seconds: float) -> None:
    assert validity(interval) == seconds


def test_scan_from_the_future_does_not_count(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, NOBODY, CachedScan(("1.0",), clock.time() + 100))
    assert cache.load_scan(NAME, NOBODY, 3600) is None


def test_refreshing_asks_again_and_keeps_the_answer(tmp_path: Path, clock: FakeClock) -> None:
    Cache(tmp_path, clock).store_scan(NAME, NOBODY, entry(clock, "old"))
    fresh = Cache(tmp_path, clock, refresh=True)
    assert fresh.load_scan(NAME, NOBODY, 3600) is None
    fresh.store_scan(NAME, NOBODY, entry(clock, "new"))
    found = Cache(tmp_path, clock).load_scan(NAME, NOBODY, 3600)
    assert found is not None
    assert found.tags == ("new",)


# --- who sees it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        NOBODY,
        CacheIdentity(Credential("bob", PASSWORD)),
        CacheIdentity(Credential("alice", "another")),
        CacheIdentity(Credential("alice", PASSWORD, "identity")),
        CacheIdentity(Credential("alice", PASSWORD), "through a proxy of the input"),
    ],
    ids=["nobody", "another-user", "another-password", "another-kind", "another-way"],
)
def test_scan_is_shown_to_whoever_asked_for_it_only(cache: Cache, clock: FakeClock, other: CacheIdentity) -> None:
    cache.store_scan(NAME, ALICE, entry(clock))
    assert cache.load_scan(NAME, other, 3600) is None
    assert cache.load_scan("ghcr.io/org/other", ALICE, 3600) is None
    assert cache.load_scan(NAME, ALICE, 3600) is not None


def test_folder_holds_neither_passwords_nor_their_plain_hashes(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, ALICE, entry(clock))
    everything = b"".join(path.name.encode() + path.read_bytes() for path in cache.folder.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in everything
    assert hashlib.sha256(PASSWORD.encode()).hexdigest().encode() not in everything
    assert b"alice" not in everything


def test_what_stands_for_a_password_differs_from_folder_to_folder(tmp_path: Path, clock: FakeClock) -> None:
    """A hash without a salt of the folder's own could be looked up, or tried out for all folders at once."""
    names = []
    for name in ("one", "two"):
        Cache(tmp_path / name, clock).store_scan(NAME, ALICE, entry(clock))
        names += [path.name for path in (tmp_path / name / "scans").iterdir() if path.suffix != ".turn"]
    assert len(set(names)) == 2


def test_folder_is_private(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, ALICE, entry(clock))
    for path in cache.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_two_caches_of_one_folder_recognise_the_same_asker(tmp_path: Path, clock: FakeClock) -> None:
    Cache(tmp_path, clock).store_scan(NAME, ALICE, entry(clock))
    assert Cache(tmp_path, clock).load_scan(NAME, ALICE, 3600) is not None


# --- damage ----------------------------------------------------------------------------------------------------------


def the_file(cache: Cache) -> Path:
    (file,) = (cache.folder / "scans").iterdir()
    return file


@pytest.mark.parametrize("length", [0, 1, 20, 80, 100, -1])
def test_torn_entry_is_a_miss(cache: Cache, clock: FakeClock, length: int) -> None:
    cache.store_scan(NAME, NOBODY, entry(clock))
    data = the_file(cache).read_bytes()
    the_file(cache).write_bytes(data[:length])
    assert cache.load_scan(NAME, NOBODY, 3600) is None


def test_every_flipped_byte_is_a_miss(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, NOBODY, entry(clock))
    file = the_file(cache)
    data = file.read_bytes()
    for place in range(len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert cache.load_scan(NAME, NOBODY, 3600) is None
    file.write_bytes(data)
    assert cache.load_scan(NAME, NOBODY, 3600) is not None


GOOD = {"repository": NAME, "scanned_at": 1_700_000_000.0, "warnings": [], "uploaded": {}}


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        ([], ["1.0"]),
        ({}, ["1.0"]),
        ({**GOOD, "repository": "another"}, ["1.0"]),
        (GOOD, ["1.0\x1b[31m"]),
        (GOOD, ["1.0", ""]),
        (GOOD, ["1.0", "2.0", "1.0"]),
        (GOOD, ["1.0", "1.0"]),
        (GOOD, ["é"]),
        (GOOD, ["1" * 129]),
        ({**GOOD, "scanned_at": "now"}, ["1.0"]),
        ({**GOOD, "scanned_at": float("nan")}, ["1.0"]),
        ({**GOOD, "scanned_at": 10**400}, ["1.0"]),
        ({**GOOD, "warnings": [1]}, ["1.0"]),
        ({**GOOD, "warnings": None}, ["1.0"]),
        ({**GOOD, "uploaded": []}, ["1.0"]),
        ({**GOOD, "uploaded": {"\n": 1}}, ["1.0"]),
        ({**GOOD, "uploaded": {"1.0": "x"}}, ["1.0"]),
        ({**GOOD, "uploaded": {"1.0": float("nan")}}, ["1.0"]),
        ({**GOOD, "uploaded": {"1.0": 10**400}}, ["1.0"]),
    ],
)
def test_entry_that_someone_made_up_is_read_like_a_registrys_answer(
    cache: Cache, document: object, tags: list[str]
) -> None:
    file = Path(cache._scan_file(NAME, NOBODY))
    file.parent.mkdir(parents=True)

    def put(head: object, tags: list[str]) -> None:
        body = "\n".join([json.dumps(head), *tags]).encode()
        file.write_bytes(b"imagesetter-cache 2 " + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)

    put(GOOD, ["1.0"])
    assert cache.load_scan(NAME, NOBODY, 3600) is not None
    put(document, tags)
    assert cache.load_scan(NAME, NOBODY, 3600) is None


def test_scan_without_tags_comes_back_as_it_was_kept(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan(NAME, NOBODY, CachedScan((), clock.time()))
    assert cache.load_scan(NAME, NOBODY, 300) == CachedScan((), clock.time())


@pytest.mark.parametrize("salt", [b"", b"short", b"x" * 33])
def test_damaged_salt_is_replaced(tmp_path: Path, clock: FakeClock, salt: bytes) -> None:
    (tmp_path / "salt").write_bytes(salt)
    Cache(tmp_path, clock).store_scan(NAME, ALICE, entry(clock))
    assert Cache(tmp_path, clock).load_scan(NAME, ALICE, 3600) is not None


def test_blob_counts_only_when_it_hashes_to_its_name(cache: Cache) -> None:
    data = b"config"
    for algorithm in ("sha256", "sha512"):
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        assert cache.load_blob(digest) is None
        cache.store_blob(digest, data)
        assert cache.load_blob(digest) == data
        cache.store_blob(digest, b"another")
        assert cache.load_blob(digest) is None


def test_entries_of_last_month_and_leftovers_of_killed_runs_are_removed(cache: Cache, clock: FakeClock) -> None:
    cache.store_scan("ghcr.io/org/old", NOBODY, entry(clock))
    scans = cache.folder / "scans"
    old, leftover, young = the_file(cache), scans / ".killed.imagesetter", scans / ".writing.imagesetter"
    for path, age in ((old, 31 * 86400), (leftover, 7200), (young, 60)):
        path.touch()
        os.utime(path, (clock.time() - age, clock.time() - age))
    Cache(cache.folder, clock).store_scan(NAME, NOBODY, entry(clock))
    assert not old.exists()
    assert not leftover.exists()
    assert young.exists(), "another run may be writing it"


def test_folder_is_where_xdg_says() -> None:
    home = Path("/home/x")
    assert cache_folder({}, home) == Path("/home/x/.cache/imagesetter")
    assert cache_folder({"XDG_CACHE_HOME": "/c"}, home) == Path("/c/imagesetter")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}, home) == Path("/home/x/.cache/imagesetter")


OTHER_SYSTEM = """
import sys
from pathlib import Path
from imagesetter.registry.settings import cache_folder
sys.platform = sys.argv[1]
print(cache_folder({}, Path("/nowhere")), cache_folder({"XDG_CACHE_HOME": "/c"}, Path("/nowhere")))
"""


@pytest.mark.parametrize(
    ("system", "folder"),
    [("darwin", "/home/x/Library/Caches/imagesetter"), ("win32", "/local/imagesetter/Cache")],
    ids=["macOS", "Windows"],
)
def test_folder_is_where_the_system_has_its_caches(system: str, folder: str) -> None:
    environment = {**os.environ, "HOME": "/home/x", "LOCALAPPDATA": "/local"}
    environment.pop("XDG_CACHE_HOME", None)
    run = subprocess.run(
        [sys.executable, "-c", without(["ctypes", "winreg"]) + OTHER_SYSTEM, system],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.replace("\\", "/").split() == [folder, "/c/imagesetter"]


# --- the client ------------------------------------------------------------------------------------------------------


def test_second_scan_within_the_interval_asks_nobody(tmp_path: Path) -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0"]})) as fake:
        image = parse_flux_image(f"{fake.host}/app")
        for from_cache in (False, True):
            with Client(ClientSettings(cache_folder=tmp_path)) as client:
                scan = client.scan(image, options=ScanOptions(interval=300))
                assert (scan.tags, scan.from_cache) == (("1.0",), from_cache)
        assert len(fake.seen) == 1


@pytest.mark.parametrize("logins", ["", '{"auths": {}}', '{"credsStore": "gone"}'])
def test_scan_of_the_cache_is_read_without_a_thread_where_no_helper_is_asked(tmp_path: Path, logins: str) -> None:
    file, threads = tmp_path / "config.json", set[str]()
    file.write_text(logins or "{}")
    settings = ClientSettings(
        keychain=LocalKeychain((file,), {}) if logins else None,
        cache_folder=tmp_path / "cache",
        listener=lambda event: threads.add(threading.current_thread().name) if isinstance(event, Finished) else None,
    )
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0"]})) as fake:
        for expected in ("scan", "scan" if "credsStore" in logins else "MainThread"):
            threads.clear()
            with Client(settings) as client:
                (scan,) = scan_all(client, [(parse_flux_image(f"{fake.host}/app"), ScanOptions(interval=300))])
            assert isinstance(scan, Scan)
            assert (scan.tags, threads) == (("1.0",), {expected})
        assert len(fake.seen) == 1


class Broken:
    """A keychain whose helper is not installed."""

    def find(self, registry: str, path: str) -> Lookup:
        raise CredentialError("the credential helper is configured but not on the PATH")


def test_login_that_cannot_be_read_keeps_nobody_from_a_public_registry(tmp_path: Path) -> None:
    settings = ClientSettings(cache_folder=tmp_path, keychain=Broken())
    answers = iter([Reply(200, {"tags": ["1.0"]}), Reply(401, {}, {"WWW-Authenticate": "Basic"})])
    with run_fake(lambda seen: next(answers)) as fake, Client(settings) as client:
        image = parse_flux_image(f"{fake.host}/app")
        assert client.scan(image).tags == ("1.0",)
        with pytest.raises(CredentialError, match="not on the PATH"):
            client.scan(image)
    assert list(tmp_path.rglob("*.scan")) == [], "nothing is kept for somebody without a name"


def test_failure_is_not_kept(tmp_path: Path) -> None:
    answers = iter([Reply(404), Reply(200, {"tags": ["1.0"]})])
    with run_fake(lambda seen: next(answers)) as fake, Client(ClientSettings(cache_folder=tmp_path)) as client:
        image = parse_flux_image(f"{fake.host}/app")
        found = scan_all(client, [(image, ScanOptions())])
        assert "was not found" in str(found[0])
        assert client.scan(image).tags == ("1.0",)


def test_blob_is_fetched_once(tmp_path: Path) -> None:
    config = json.dumps({"os": "linux", "architecture": "amd64", "created": "2024-01-01T00:00:00Z"}).encode()
    config_digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": config_digest}, "layers": []}).encode()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    with run_fake(
        lambda seen: Reply(200, config if "blobs" in seen.path else manifest, {"Docker-Content-Digest": digest})
    ) as fake:
        image = parse_flux_image(f"{fake.host}/app")
        for _ in range(2):
            with Client(ClientSettings(cache_folder=tmp_path)) as client:
                assert client.inspect(image, "1.0").created == "2024-01-01T00:00:00Z"
        for file in (tmp_path / "blobs").iterdir():
            os.utime(file, (0, 0))
        with Client(ClientSettings(cache_folder=tmp_path)) as client:
            client.inspect(image, "1.0")
        assert all(file.stat().st_mtime > 0 for file in (tmp_path / "blobs").iterdir()), "what is used stays"
        assert fake.paths()[:4] == [
            "HEAD /v2/app/manifests/1.0",
            f"GET /v2/app/manifests/{digest}",
            f"GET /v2/app/blobs/{config_digest}",
            "HEAD /v2/app/manifests/1.0",
        ]


# --- runs that collide, die, or find no room -------------------------------------------------------------------------

RUNS = f"""
import os, signal, sys, time
sys.path.insert(0, {FN!r})
from pathlib import Path
import secrets, tempfile
from imagesetter.registry.cache import CacheIdentity, Cache, CachedScan
from imagesetter.registry.auth.credentials import Credential, Lookup

folder, runs, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
identity = CacheIdentity(Credential("alice", "word"))

def run(number):
    cache = Cache(folder)
    for count in range(rounds):
        found = cache.load_scan("ghcr.io/org/app", identity, 3600)
        if found is not None:  # whole, and of one writer
            assert len(found.tags) == 300 and len({{tag.split("-")[0] for tag in found.tags}}) == 1, found.tags[:3]
        tags = tuple(sorted(f"w{{number}}-{{n}}" for n in range(300)))
        cache.store_scan("ghcr.io/org/app", identity, CachedScan(tags, time.time()))
        assert cache.load_scan("ghcr.io/org/app", identity, 3600) is not None
        if count == 0 and runs == 1:
            print("ready", flush=True)

if runs == 1:
    run(os.getpid())
    sys.exit()
start, go = os.pipe()
children = []
for number in range(runs):
    if not (child := os.fork()):
        os.close(go)
        os.read(start, 1)  # ends when the parent closes its end: all begin at once
        try:
            run(number)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def start(folder: Path, *, runs: int, rounds: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", RUNS, str(folder), str(runs), str(rounds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_hundred_runs_share_a_folder(tmp_path: Path) -> None:
    """A hundred processes that begin at once, each reading and writing the same entry and making the same salt."""
    process = start(tmp_path, runs=100, rounds=3)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert len(names) == 2, "one entry and the salt: nothing half written is left"


def test_killed_runs_leave_no_partial_entry(tmp_path: Path) -> None:
    """``kill -9`` at ten moments while runs do nothing but write."""
    for number in range(10):
        run = start(tmp_path, runs=1, rounds=100_000)
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        time.sleep(0.003 * number)
        run.kill()
        run.communicate()
        found = Cache(tmp_path).load_scan(NAME, CacheIdentity(Credential("alice", "word")), 3600)
        assert found is not None
        assert len(found.tags) == 300


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """File permissions hold for root only while it plays somebody else."""
    codecs.lookup("idna")  # looked for by servers, and where Python is root's alone nobody else finds it
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that everybody can reach, unlike those of pytest."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    for folder in place.iterdir():
        folder.chmod(0o700)
    shutil.rmtree(place)


@pytest.fixture(params=[0o555, 0o000], ids=["read-only", "no-permission"])
def locked_folder(request: pytest.FixtureRequest, public_folder: Path) -> Path:
    folder = public_folder / "cache"
    folder.mkdir()
    Cache(folder).store_scan(NAME, ALICE, CachedScan(("1.0",), 1.0))
    for path in [*folder.rglob("*"), folder]:
        path.chmod(request.param if path.is_dir() else 0o444 & request.param)
    return folder


@pytest.mark.usefixtures("locked_folder", "ordinary_user")
def test_folder_that_cannot_be_written_costs_only_the_speed(locked_folder: Path) -> None:
    before = (
        sorted(path.name for path in locked_folder.rglob("*"))
        if os.access(locked_folder, os.R_OK, effective_ids=True)
        else []
    )
    with run_fake(lambda seen: Reply(200, {"tags": ["2.0"]})) as fake:
        image = parse_flux_image(f"{fake.host}/app")
        for _ in range(2):
            with Client(ClientSettings(cache_folder=locked_folder, keychain=Always())) as client:
                assert client.scan(image).tags == ("2.0",)
        assert len(fake.seen) == 4  # without the login and with it, by each client
    if before:
        assert sorted(path.name for path in locked_folder.rglob("*")) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where one may be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, b"size=256k") != 0:
        cannot_run(f"no tmpfs can be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield place
    finally:
        libc.umount2(str(place).encode(), 2)


def test_full_disk_costs_only_the_speed(small_disk: Path) -> None:
    tags = [f"v{number}" for number in range(100_000)]
    with run_fake(lambda seen: Reply(200, {"tags": tags})) as fake:
        image = parse_flux_image(f"{fake.host}/app")
        for _ in range(2):
            with Client(ClientSettings(cache_folder=small_disk / "cache", keychain=Always())) as client:
                scan = client.scan(image)
                assert scan.tags == tuple(sorted(tags))
                assert not scan.from_cache
        assert len(fake.seen) == 4  # without the login and with it, by each client
    assert [
        path for path in small_disk.rglob("*") if path.is_file() and path.name != "salt" and path.suffix != ".lock"
    ] == []
