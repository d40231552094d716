"""The cache on disk: scans for as long as their interval, blobs by digest and notes as long as they are used.

One folder (`imagesetter.registry.settings.cache_folder`), one file an entry, and one for all answers
(`imagesetter.registry.answers`). A scan's name is
a hash of the canonical repository, the login and the network, so that nobody is shown what another login listed.
Files appear whole or not at all and carry a checksum: an entry that is torn, damaged, of another version or from the
future is a miss, and so is a folder that cannot be read. A folder that cannot be written, or a full disk, costs the
speed and nothing else. Any number of runs may share a folder.

A scan is a line with the checksum of all that follows, a line of JSON, and the tags, one a line: a fleet has millions,
and so they are read and checked without a look at each. Nothing is flushed to the disk: what a power cut loses is
requested again.
"""

import contextlib
import hashlib
import itertools
import json
import operator
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeGuard

from imagesetter.files.atomic_write import TEMPORARY_SUFFIX, put
from imagesetter.files.platform import FileLock
from imagesetter.files.read import read
from imagesetter.registry.answers import Answers
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.limits import Clock
from imagesetter.registry.reference import is_list_of_tags, is_tag
from krm_functions.errors import InputError

DEFAULT_VALIDITY = 60.0
"""Seconds that a scan is good for where nothing names an interval, as for ``imagesetter tags``."""
LONGEST_UNCHANGED = 86400.0
"""Seconds after which a list is requested whole again, though the registry says that it is unchanged."""
SHORTEST_VALIDITY = 10.0
"""Shorter intervals count as this: the stages of one pipeline see the same tags."""

_MAGIC = b"imagesetter-cache 2 "
_LARGEST = 256 * 1024 * 1024
_FORGOTTEN = 30 * 86400.0
_ABANDONED = 3600.0
_GLANCE = 0.02
_LAST_MOMENT = 1e13


class CacheIdentity(NamedTuple):
    """Who a scan was made for, and over which network: it is not shown to anybody else."""

    credential: Credential | None = None
    network: str = ""
    """Empty for the operator's own; else what the input set: a proxy, an authority, plain HTTP. Whoever wrote the input
    could have forged a scan that came over such a network."""
    cloud: str = ""
    """The cloud's identity, in words, where that is the login: its password changes with every run."""


@dataclass(frozen=True, slots=True)
class CachedScan:
    """A scan as it is kept."""

    tags: tuple[str, ...]
    scanned_at: float
    warnings: tuple[str, ...] = ()
    uploaded: Mapping[str, float] = field(default_factory=dict)
    etag: str = ""
    """Stands for this list at its registry; "" where the registry sends none, or the list has several pages."""
    upload_times_read: bool = False
    """Whether ``uploaded`` has what the registry's own API says."""
    listed_at: float = 0.0
    """When the list was last sent whole: since then the registry may have said that it is unchanged."""


class Cache:
    """The cache in one folder; every method is quiet about a disk that does not play along."""

    def __init__(self, folder: Path, clock: Clock | None = None, refresh: bool = False) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        self.refresh = refresh
        """Scan again and keep the result: no cached scan is used."""
        file = folder / "answers"
        self.answers = Answers(partial(_read_file, file), partial(self._write, file), refresh=refresh)
        """What policies selected from the lists."""
        self._salt: bytes | None = None
        self._identities: dict[Credential, str] = {}
        self._pruned = False
        self._lock = threading.Lock()

    def load_scan(self, repository: str, identity: CacheIdentity, interval: float | None) -> CachedScan | None:
        """The scan of a canonical repository for this identity, if it is younger than *interval* seconds."""
        entry = self.load_old_scan(repository, identity)
        return entry if entry and self.is_young(entry, interval) else None

    def is_young(self, entry: CachedScan, interval: float | None) -> bool:
        """Whether a scan is younger than *interval* seconds, and not from the future."""
        return 0 <= self.clock.time() - entry.scanned_at < validity(interval)

    def load_old_scan(self, repository: str, identity: CacheIdentity) -> CachedScan | None:
        """The scan of a canonical repository for this identity, whatever its age."""
        if self.refresh:
            return None
        return _read_scan(_read_file(self._scan_file(repository, identity)), repository)

    def store_scan(self, repository: str, identity: CacheIdentity, entry: CachedScan) -> None:
        """Keep a scan, whose tags are sorted."""
        head = {
            "repository": repository,
            "scanned_at": entry.scanned_at,
            "warnings": entry.warnings,
            "uploaded": dict(entry.uploaded),
            "etag": entry.etag,
            "upload_times_read": entry.upload_times_read,
            "listed_at": entry.listed_at,
        }
        body = "\n".join((json.dumps(head, separators=(",", ":")), *entry.tags)).encode()
        checksum = hashlib.sha256(body).hexdigest().encode()
        self._write(Path(self._scan_file(repository, identity)), b"".join((_MAGIC, checksum, b"\n", body)))
        self._prune()

    @contextlib.contextmanager
    def scan_lock(self, repository: str, identity: CacheIdentity, seconds: float) -> Iterator[bool]:
        """Only one run scans a repository at a time; yields True if this run had to wait.

        After the wait the other run's scan is in the cache, if it succeeded. Nobody waits longer than *seconds*, or at
        all where the disk does not support locks. Each scan has its own lock file, and a lock ends with its process.
        """
        lock = FileLock(self.folder / "turns" / f"{self._scan_name(repository, identity)}.lock")
        waited, until, pause = False, self.clock.monotonic() + seconds, threading.Condition()
        try:
            _make_folder(lock.path.parent)
            while not lock.acquire():
                waited = True
                if self.clock.monotonic() >= until:
                    break
                with pause:
                    self.clock.wait(pause, _GLANCE)
        except OSError:
            pass
        try:
            yield waited
        finally:
            lock.release()

    def load_blob(self, digest: str) -> bytes | None:
        """A blob or manifest by its digest; what does not hash to it is not there."""
        file = self._blob_file(digest)
        data = _read_file(file)
        algorithm, _, expected = digest.partition(":")
        if data is None or hashlib.new(algorithm, data).hexdigest() != expected:
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # what is still used is not pruned
        return data

    def store_blob(self, digest: str, data: bytes) -> None:
        """Keep a blob or manifest that was verified against its digest."""
        self._write(self._blob_file(digest), data)

    def load_note(self, repository: str, name: str) -> bytes | None:
        """What was noted about a canonical repository under a name; whoever can write the folder may have forged it."""
        if self.refresh:
            return None
        file = self._note_file(repository, name)
        data = _read_file(file)
        with contextlib.suppress(OSError):
            os.utime(file)
        return data

    def store_note(self, repository: str, name: str, data: bytes) -> None:
        """Note something about a canonical repository."""
        self._write(self._note_file(repository, name), data)

    def _note_file(self, repository: str, name: str) -> Path:
        return self.folder / "notes" / hashlib.sha256(f"{repository}\n{name}".encode()).hexdigest()

    def _scan_name(self, repository: str, identity: CacheIdentity) -> str:
        key = "\n".join(
            (repository, self._login_hash(identity.credential), identity.network, *filter(None, [identity.cloud]))
        )
        return hashlib.sha256(key.encode()).hexdigest()

    def _scan_file(self, repository: str, identity: CacheIdentity) -> str:
        # A string, not a path object, which costs as much as opening the file; there may be thousands.
        return f"{self.folder}{os.sep}scans{os.sep}{self._scan_name(repository, identity)}.scan"

    def _blob_file(self, digest: str) -> Path:
        return self.folder / "blobs" / hashlib.sha256(digest.encode()).hexdigest()

    def _login_hash(self, credential: Credential | None) -> str:
        """A hash of the login, slow to compute and salted by the folder: a stolen cache helps little to guess it."""
        if credential is None:
            return "anonymous"
        with self._lock:
            if credential not in self._identities:
                if self._salt is None:
                    self._salt = self._load_salt()
                self._identities[credential] = hashlib.scrypt(
                    f"{credential.kind}\0{credential.username}\0{credential.secret}".encode(),
                    salt=self._salt,
                    n=4096,
                    r=8,
                    p=1,
                ).hex()
            return self._identities[credential]

    def _load_salt(self) -> bytes:
        import secrets

        file = self.folder / "salt"
        for _ in range(2):
            salt = _read_file(file)
            if salt is not None and len(salt) == 32:
                return salt
            if salt is not None:
                with contextlib.suppress(OSError):
                    file.unlink()
            self._write(file, secrets.token_bytes(32), replace=False)
        salt = _read_file(file)
        return salt if salt is not None and len(salt) == 32 else secrets.token_bytes(32)

    def _write(self, file: Path, data: bytes, *, replace: bool = True) -> None:
        """Write a file of the folder, and make the folder where it is missing; without effect where that fails."""
        with contextlib.suppress(OSError):
            try:
                put(file, data, mode=0o600, replace=replace)
            except FileNotFoundError:
                _make_folder(file.parent)
                put(file, data, mode=0o600, replace=replace)

    def _prune(self) -> None:
        """Once a run: drop what nobody wrote or used for a month, and what a killed run left half written."""
        with self._lock:
            if self._pruned:
                return
            self._pruned = True
        now = self.clock.time()
        for name in ("scans", "blobs", "notes", "turns"):
            with contextlib.suppress(OSError), os.scandir(self.folder / name) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        limit = _ABANDONED if entry.name.endswith(TEMPORARY_SUFFIX) else _FORGOTTEN
                        if now - entry.stat(follow_symlinks=False).st_mtime > limit:
                            Path(entry.path).unlink()


def validity(interval: float | None) -> float:
    """Seconds that a scan is good for: ``spec.interval``, 10 at least, 60 where there is none."""
    return DEFAULT_VALIDITY if interval is None else max(SHORTEST_VALIDITY, interval)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _read_file(file: str | Path) -> bytes | None:
    try:
        return read(file, limit=_LARGEST)
    except InputError:
        return None


def _read_scan(data: bytes | None, repository: str) -> CachedScan | None:
    """A scan, checked as if a registry had sent it: the folder may come from another machine's cache."""
    checksum, _, body = (data or b"").partition(b"\n")
    if checksum != _MAGIC + hashlib.sha256(body).hexdigest().encode():
        return None
    head, _, listed = body.decode("utf-8", "replace").partition("\n")
    try:
        document = json.loads(head)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("repository") != repository:
        return None
    tags = tuple(listed.split("\n")) if listed else ()
    if not (is_list_of_tags(listed) and all(map(operator.lt, tags, itertools.islice(tags, 1, None)))):
        return None
    scanned_at, warnings, uploaded = (document.get(name) for name in ("scanned_at", "warnings", "uploaded"))
    if not _is_moment(scanned_at):
        return None
    if not isinstance(warnings, list) or not all(isinstance(text, str) for text in warnings):
        return None
    if not isinstance(uploaded, dict):
        return None
    if not all(is_tag(tag) and _is_moment(moment) for tag, moment in uploaded.items()):
        return None
    etag, listed_at = document.get("etag", ""), document.get("listed_at", 0.0)
    if not isinstance(etag, str) or not _is_moment(listed_at):
        return None
    times_read = document.get("upload_times_read") is True
    return CachedScan(tags, float(scanned_at), tuple(warnings), uploaded, etag, times_read, float(listed_at))


def _is_moment(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and abs(value) < _LAST_MOMENT  # false for what is not a number, too
