"""A registry that is a dictionary, for tests of what comes before and after the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from imagesetter.errors import NotFound
from imagesetter.registry.puller import OfflinePuller
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan, ScanOptions
from krm_functions.errors import ReportedError

T = TypeVar("T")


def digest_of(name: str, tag: str) -> str:
    """The digest that a `Shelf` gives for a tag."""
    return f"sha256:{hashlib.sha256(f'{name}:{tag}'.encode()).hexdigest()}"


@dataclass
class Shelf:
    """Repositories by canonical name, with the tags of each, or the error that asking for them gives."""

    repositories: Mapping[str, Sequence[str] | ReportedError]
    broken_digests: ReportedError | None = None
    scanned: list[tuple[str, ScanOptions]] = field(default_factory=list)
    """Which repositories were scanned, in order, and how."""
    asked: list[str] = field(default_factory=list)
    """Which digests were asked for, as ``name:tag``."""

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        self.scanned.append((repository.canonical, options or ScanOptions()))
        tags = self.repositories.get(repository.canonical, NotFound(f"{repository} was not found"))
        if isinstance(tags, ReportedError):
            raise tags
        return Scan(tuple(sorted(set(tags))), 0.0)

    def digest(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> str:
        self.asked.append(f"{repository.canonical}:{tag}")
        if self.broken_digests:
            raise self.broken_digests
        return digest_of(repository.canonical, tag)

    def scan_each(
        self, questions: Sequence[tuple[Repository, ScanOptions]]
    ) -> Iterator[tuple[int, Scan | ReportedError]]:
        asked = list(dict.fromkeys((repository, options) for repository, options in questions))
        scans = {
            (repository.canonical, options): _caught(partial(self.scan, repository, options=options))
            for repository, options in asked
        }
        for number, (repository, options) in enumerate(questions):
            yield number, scans[repository.canonical, options]

    def digest_all(self, questions: Sequence[tuple[Repository, str, ScanOptions]]) -> list[str | ReportedError]:
        return [
            _caught(partial(self.digest, repository, tag, options=options)) for repository, tag, options in questions
        ]

    def run_all(self, jobs: Sequence[tuple[Repository, Callable[[], T]]]) -> list[T | ReportedError]:
        return [_caught(job) for _, job in jobs]

    def puller(self, repository: Repository, options: ScanOptions) -> OfflinePuller:
        """One that knows digests, and neither manifests nor blobs."""
        return OfflinePuller(partial(self.digest, repository, options=options))


def _caught(call: Callable[[], T]) -> T | ReportedError:
    try:
        return call()
    except ReportedError as error:
        return error
