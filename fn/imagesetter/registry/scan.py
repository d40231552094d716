"""The interface between selecting a tag and the registry client: what a scan needs, and what it returns."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, TypeVar

from imagesetter.registry.auth.cloud.identity import GENERIC
from imagesetter.registry.auth.credentials import Keychain
from imagesetter.registry.cache import validity
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.http.tls import Tls
from imagesetter.registry.puller import Puller
from imagesetter.registry.reference import Repository
from krm_functions.errors import ReportedError

T = TypeVar("T")


class Scan(NamedTuple):
    """The tags of one repository at one moment: valid, unique, sorted bytewise."""

    tags: tuple[str, ...]
    scanned_at: float
    """Seconds since 1970."""
    from_cache: bool = False
    warnings: tuple[str, ...] = ()
    """What the registry wants people to know, and what was dropped from its list; safe to print."""
    uploaded: Mapping[str, float] = {}
    """tag → seconds since 1970, where the registry lists it with the tags (Google's do); else empty."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How one repository is scanned: what its ImageRepository and its Secrets set."""

    insecure: bool = False
    """``spec.insecure``: plain HTTP may be spoken, if the operator named the host too."""
    interval: float | None = None
    """``spec.interval`` in seconds: a younger scan from the cache will do."""
    timeout: float | None = None
    """``spec.timeout`` in seconds, for all requests about the repository together."""
    provider: str = GENERIC
    """``spec.provider``: the cloud whose identity is used, ``aws``, ``azure`` or ``gcp``."""
    upload_times: bool = field(default=False, compare=False)
    """Whether the upload times of the tags are needed, for which some registries have an API of their own."""
    keychain: Keychain | None = None
    """``secretRef`` and the ServiceAccount's pull secrets; used before the logins of this machine."""
    tls: Tls | None = None
    """``certSecretRef``."""
    proxy: Proxy | None = None
    """``proxySecretRef``."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Notes about the Secrets, for ``-v``; each is shown once."""

    @property
    def network_key(self) -> str:
        """A key of the network settings that the input chose; "" where it chose none."""
        if self.tls is None and self.proxy is None:
            return "insecure" if self.insecure else ""
        parts = (self.insecure, self.tls and (self.tls.ca, self.tls.certificate), self.proxy and self.proxy.url)
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def group_requests(
    requests: Sequence[tuple[Repository, ScanOptions]], seconds: Callable[[ScanOptions], float]
) -> list[tuple[Sequence[int], Repository, ScanOptions]]:
    """Requests with the same canonical name and the same options, answered by one scan: indexes and options.

    Args:
        requests: repositories, and how each is scanned.
        seconds: how long a scan with such options may take.
    """
    same: dict[tuple[str, ScanOptions], list[int]] = {}
    for number, (repository, options) in enumerate(requests):
        key = repository.canonical, replace(options, interval=None, timeout=None)
        same.setdefault(key, []).append(number)
    groups: list[tuple[Sequence[int], Repository, ScanOptions]] = []
    for numbers in same.values():
        each = [requests[number][1] for number in numbers]
        options = replace(
            each[0],
            interval=min(validity(one.interval) for one in each),
            timeout=max(seconds(one) for one in each),
            notes=tuple(note for one in each for note in one.notes),
            upload_times=any(one.upload_times for one in each),
        )
        groups.append((numbers, requests[numbers[0]][0], options))
    return groups


class Registry(Protocol):
    """The seam between resolving and the network: `Client` in earnest, a dictionary in tests."""

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        """All tags of a repository."""
        ...

    def digest(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> str:
        """The digest that a tag points to now: ``sha256:…``, the index's unless a platform is named."""
        ...

    def scan_each(
        self, requests: Sequence[tuple[Repository, ScanOptions]]
    ) -> Iterator[tuple[int, Scan | ReportedError]]:
        """`scan` for several repositories at once; yields the index of a request with its result, as they come."""
        ...

    def digest_all(self, requests: Sequence[tuple[Repository, str, ScanOptions]]) -> list[str | ReportedError]:
        """`digest` for several tags at once; in the given order, a failure is a value."""
        ...

    def run_all(self, jobs: Sequence[tuple[Repository, Callable[[], T]]]) -> list[T | ReportedError]:
        """Jobs that ask about repositories, several at once; in the given order, a failure is a value."""
        ...

    def puller(self, repository: Repository, options: ScanOptions) -> Puller:
        """What is behind the tags of a repository."""
        ...
