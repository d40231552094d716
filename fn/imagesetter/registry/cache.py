"""What registries said before, on disk: scans while they are young, blobs by digest as long as they are used.

One folder (`imagesetter.registry.machine.cache_folder`), one file an entry. A scan's name is
a hash of the canonical repository and of who asked by which way, so that nobody is shown what another login listed.
Files appear whole or not at all and carry a checksum: an entry that is torn, damaged, of another version or from the
future is a miss, and so is a folder that cannot be read. A folder that cannot be written, or a full disk, costs the
speed and nothing else. Any number of runs may share a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagesetter.registry.credentials import Credential
from imagesetter.registry.pacing import Clock
from imagesetter.registry.reference import is_tag, only_tags

DEFAULT_VALIDITY = 60.0
"""Seconds that a scan is good for where nothing names an interval, as for ``imagesetter tags``."""
SHORTEST_VALIDITY = 10.0
"""Shorter intervals count as this: the stages of one pipeline see the same tags."""

_MAGIC = b"imagesetter-cache 1 "
_LARGEST = 128 * 1024 * 1024
_FORGOTTEN = 30 * 86400.0
_ABANDONED = 3600.0
_GLANCE = 0.02


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and by which way: what one is told is not passed on to another."""

    credential: Credential | None = None
    way: str = ""
    """Empty for the operator's own; else what the input set: a proxy, an authority, plain HTTP. Scans that came by
    such a way could have been made up by whoever wrote the input."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A scan as it is kept."""

    tags: tuple[str, ...]
    scanned_at: float
    warnings: tuple[str, ...] = ()
    uploaded: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Cache:
    """The cache in one folder; every method is quiet about a disk that does not play along."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    refresh: bool = False
    """Ask again and keep the answer: nothing younger is taken from here."""
    _salt: bytes | None = field(default=None, repr=False)
    _identities: dict[Credential, str] = field(default_factory=dict, repr=False)
    _pruned: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def load_scan(self, repository: str, asker: Asker, interval: float | None) -> Entry | None:
        """The scan of a canonical repository by this asker, if it is younger than *interval* seconds."""
        if self.refresh:
            return None
        document = self._load(self._scan_file(repository, asker))
        if not isinstance(document, dict) or document.get("repository") != repository:
            return None
        entry = _read_entry(document)
        if entry is None or not 0 <= self.clock.time() - entry.scanned_at < validity(interval):
            return None
        return entry

    def store_scan(self, repository: str, asker: Asker, entry: Entry) -> None:
        """Keep a scan."""
        document = {
            "repository": repository,
            "scanned_at": entry.scanned_at,
            "warnings": entry.warnings,
            "uploaded": dict(entry.uploaded),
            "tags": entry.tags,
        }
        self._store(self._scan_file(repository, asker), json.dumps(document, separators=(",", ":")).encode())

    @contextlib.contextmanager
    def turn(self, repository: str, asker: Asker, seconds: float) -> Iterator[bool]:
        """Of several runs that miss the same scan one asks at a time; true for one that had to wait for another.

        Whoever waited finds the other's answer, if it got one. Nobody waits longer than *seconds*, or at all where the
        disk knows no locks. A lock ends with the process that holds it.
        """
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock

            file = self._scan_file(repository, asker).with_suffix(".turn")
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (ImportError, OSError):
            yield False
            return
        waited, mine, until, pause = False, False, self.clock.monotonic() + seconds, threading.Condition()
        try:
            while not mine:
                try:
                    flock(descriptor, LOCK_EX | LOCK_NB)
                    mine = True
                except BlockingIOError:
                    waited = True
                    if self.clock.monotonic() >= until:
                        break
                    with pause:
                        self.clock.wait(pause, _GLANCE)
                except OSError:
                    break
            yield waited
        finally:
            if mine:  # who waits for it holds it open, and then finds the answer
                with contextlib.suppress(OSError):
                    file.unlink()
            os.close(descriptor)

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
        self._write(self._blob_file(digest), [data])

    def _scan_file(self, repository: str, asker: Asker) -> Path:
        key = "\n".join((repository, self._identity(asker.credential), asker.way))
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / "scans" / f"{name}.json"

    def _blob_file(self, digest: str) -> Path:
        return self.folder / "blobs" / hashlib.sha256(digest.encode()).hexdigest()

    def _identity(self, credential: Credential | None) -> str:
        """Who asks. Slow to compute and salted by the folder: a stolen cache helps little to guess a password."""
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
            self._write(file, [secrets.token_bytes(32)], replace=False)
        salt = _read_file(file)
        return salt if salt is not None and len(salt) == 32 else secrets.token_bytes(32)

    def _load(self, file: Path) -> Any:
        data = _read_file(file)
        if data is None:
            return None
        head, _, body = data.partition(b"\n")
        if head != _MAGIC + hashlib.sha256(body).hexdigest().encode():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None

    def _store(self, file: Path, body: bytes) -> None:
        self._write(file, [_MAGIC, hashlib.sha256(body).hexdigest().encode(), b"\n", body])
        self._prune()

    def _write(self, file: Path, parts: list[bytes], *, replace: bool = True) -> None:
        """Write beside and move into place; whoever reads meanwhile sees the old file or the new one."""
        import tempfile

        temporary = ""
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=file.parent)
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines(parts)
            if replace:
                Path(temporary).replace(file)
                temporary = ""
            else:
                os.link(temporary, file)  # fails where another run was first: its file stays
        except OSError:
            pass
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    Path(temporary).unlink()

    def _prune(self) -> None:
        """Once a run: drop what nobody wrote or used for a month, and what a killed run left half written."""
        with self._lock:
            if self._pruned:
                return
            self._pruned = True
        now = self.clock.time()
        for name in ("scans", "blobs"):
            with contextlib.suppress(OSError), os.scandir(self.folder / name) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        limit = _ABANDONED if entry.name.startswith(".new-") else _FORGOTTEN
                        if now - entry.stat(follow_symlinks=False).st_mtime > limit:
                            Path(entry.path).unlink()


def validity(interval: float | None) -> float:
    """Seconds that a scan is good for: ``spec.interval``, 10 at least, 60 where there is none."""
    return DEFAULT_VALIDITY if interval is None else max(SHORTEST_VALIDITY, interval)


def _read_file(file: Path) -> bytes | None:
    try:
        with file.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > _LARGEST:
                return None
            return stream.read(_LARGEST)
    except OSError:
        return None


def _read_entry(document: Mapping[str, Any]) -> Entry | None:
    """A scan, checked as if a registry had sent it: the folder may come from another machine's cache."""
    tags, scanned_at = document.get("tags"), document.get("scanned_at")
    warnings, uploaded = document.get("warnings"), document.get("uploaded")
    if not isinstance(tags, list) or len(only_tags(tags)) < len(tags) or not isinstance(scanned_at, int | float):
        return None
    if not isinstance(warnings, list) or not isinstance(uploaded, dict) or not math.isfinite(scanned_at):
        return None
    if not all(isinstance(text, str) for text in warnings):
        return None
    if not all(is_tag(tag) and isinstance(moment, int | float) for tag, moment in uploaded.items()):
        return None
    return Entry(tuple(sorted(set(tags))), float(scanned_at), tuple(warnings), uploaded)
