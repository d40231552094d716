"""The registry client: lists the tags of repositories, and finds digests and images of tags.

It opens no connection, and imports no HTTP library, before the first request.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from imagesetter.errors import CredentialError
from imagesetter.registry import manifests
from imagesetter.registry.auth.cloud.identity import GENERIC
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.cache import LONGEST_UNCHANGED, Cache, CachedScan, CacheIdentity
from imagesetter.registry.events import Event, Finished, Listed, Note, Planned, Waiting
from imagesetter.registry.http.limits import Deadline, RateLimiter, run_deadline
from imagesetter.registry.http.network import NetworkOverrides
from imagesetter.registry.http.redaction import Redaction
from imagesetter.registry.logins import Logins
from imagesetter.registry.puller import Puller, RepositoryPuller
from imagesetter.registry.reference import Repository
from imagesetter.registry.scan import Scan, ScanOptions, group_requests
from imagesetter.registry.settings import ClientSettings as ClientSettings
from imagesetter.registry.tags import MOST_TAGS, PAGE_CAP, list_tags
from imagesetter.registry.workers import Task, host_of, run_tasks
from krm_functions.errors import ReportedError

if TYPE_CHECKING:
    from imagesetter.registry.repository_client import RepositoryClient, Session
    from imagesetter.registry.sessions import Sessions

DEFAULT_TIMEOUT = 60.0
"""Seconds that everything about one repository may take, where its ImageRepository has no ``spec.timeout``."""
LONGEST_TIMEOUT = 300.0
"""Seconds that a ``spec.timeout`` counts at most, where the operator names no limit: the input may not keep us."""

T = TypeVar("T")


class Client:
    """A registry client for one run, for any number of threads; a context manager."""

    def __init__(self, settings: ClientSettings | None = None) -> None:
        self._settings = settings or ClientSettings()
        clock = self._settings.clock
        self._rate_limiter = RateLimiter(
            clock, self._settings.connections, self._settings.connections_per_host, on_wait=self._note_waiting
        )
        folder = self._settings.cache_folder
        self._cache = Cache(folder, clock, self._settings.refresh) if folder else None
        self._lock = threading.Lock()
        self._listener_lock = threading.Lock()
        self._cache_lock = threading.Lock()
        self._sent_notes: set[str] = set()
        self._sessions: Sessions | None = None
        self._close_connections: Callable[[], None] = lambda: None
        self._deadline: Deadline | None = None
        self._redaction = Redaction()
        self._logins = Logins(self._settings, self._notify_once)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything that is under way, close every connection, and keep what policies selected."""
        self._rate_limiter.stop()
        self._close_connections()
        if self._cache is not None:
            self._cache.answers.save()

    def scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan:
        """All tags of a repository, or those of a scan that is young enough.

        Raises:
            RegistryError: the registry did not give an answer; never "no tags" for that.
            CredentialError: there may be credentials for it, and they cannot be read.
        """
        return self._scan_reported(repository, options or ScanOptions())

    def _scan_reported(self, repository: Repository, options: ScanOptions, *, looked: bool = False) -> Scan:
        """`scan`; if *looked*, the cache had no scan that will do a moment ago."""
        self._redaction.begin()
        for note in options.notes:
            self._notify_once(note)
        try:
            self._check(repository, options)
            scan = self._scan(repository, options, looked=looked)
        except ReportedError as error:
            self._notify(Finished(repository.canonical, 0, failed=True))
            self._redaction.error(error)
            raise
        self._notify(Finished(repository.canonical, len(scan.tags), scan.from_cache))
        return scan

    def cached_scan(self, repository: Repository, *, options: ScanOptions | None = None) -> Scan | None:
        """The scan in the cache, whatever its age, without any request; None if there is none that this login may see.

        Raises:
            ReportedError: the operator's rules forbid the repository.
        """
        options = options or ScanOptions()
        self._settings.address_rules.check_repository(repository.registry, repository.path)
        entry = self._load(repository, self._cache_identity(options, lambda: self._credential(repository, options)))
        return Scan(entry.tags, entry.scanned_at, True, entry.warnings, entry.uploaded) if entry else None

    def scan_each(
        self, requests: Sequence[tuple[Repository, ScanOptions]]
    ) -> Iterator[tuple[int, Scan | ReportedError]]:
        """Scan several repositories at once; yields the index of a request with its result, as they come.

        Requests with the same canonical name and the same options are sent once; a failure is a value.
        """
        groups = group_requests(requests, self._seconds)
        self._notify(Planned(len(groups)))
        left: list[tuple[Sequence[int], Task[Scan]]] = []
        at_hand = self._has_scans_at_hand()
        for numbers, repository, options in groups:
            looked = at_hand and options.provider == GENERIC  # a cloud's login takes a request
            if looked and (found := self._scan_at_hand(repository, options)):
                yield from ((each, found) for each in numbers)
            else:
                run = partial(self._scan_reported, repository, options, looked=looked)
                left.append((numbers, Task(host_of(repository), run)))
        for number, scan in run_tasks([task for _, task in left], self._rate_limiter.limit, self.close, self._begin()):
            yield from ((each, scan) for each in left[number][0])

    def digest(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> str:
        """The digest that a tag points to now; with a platform (``linux/arm64``) that platform's manifest.

        Raises:
            RegistryError: there is no such tag or platform, or no answer.
        """
        if platform:
            return self.inspect(repository, tag, platform=platform, options=options).platform_digest
        with self._redacted():
            client = self._repository_client(repository, options or ScanOptions())
            manifests.check_tag(tag)
            return manifests.find_digest(client, tag)

    def digest_all(
        self, requests: Sequence[tuple[Repository, str, ScanOptions]], *, platform: str = ""
    ) -> list[str | ReportedError]:
        """`digest` for several tags at once; results in the given order, a failure is a value in its place."""

        digest = partial(self.digest, platform=platform)
        return self.run_all([(name, partial(digest, name, tag, options=options)) for name, tag, options in requests])

    def inspect(
        self, repository: Repository, tag: str, *, platform: str = "", options: ScanOptions | None = None
    ) -> manifests.Image:
        """What is behind a tag: digests, creation time, labels. Blobs that were read once are read from the cache.

        Raises:
            RegistryError: there is no such tag or platform, no response, or its body does not match its digest.
        """
        with self._redacted():
            client = self._repository_client(repository, options or ScanOptions())
            manifests.check_tag(tag)
            image = manifests.inspect(client, tag, platform, self._cache)
        shown = self._redaction.text
        labels = {shown(name): shown(value) for name, value in image.labels.items()}
        platforms = tuple(map(shown, image.platforms))
        return image._replace(
            labels=labels, platforms=platforms, platform=shown(image.platform), created=shown(image.created)
        )

    def inspect_all(
        self, requests: Sequence[tuple[Repository, str, ScanOptions]], *, platform: str = ""
    ) -> list[manifests.Image | ReportedError]:
        """`inspect` for several tags at once; results in the given order, a failure is a value in its place."""

        inspect = partial(self.inspect, platform=platform)
        return self.run_all([(name, partial(inspect, name, tag, options=options)) for name, tag, options in requests])

    def puller(self, repository: Repository, options: ScanOptions) -> Puller:
        """What is behind the tags of a repository, for any number of requests."""
        connect = partial(self._repository_client, repository, options)
        return RepositoryPuller(repository, connect, self._redacted, self._cache)

    def run_all(self, jobs: Sequence[tuple[Repository, Callable[[], T]]]) -> list[T | ReportedError]:
        """Jobs that ask about repositories, several at once; results in the given order, a failure is a value."""
        tasks = [Task(host_of(repository), job) for repository, job in jobs]
        results = run_tasks(tasks, self._rate_limiter.limit, self.close, self._begin())
        found = dict(results)
        return [found[number] for number in range(len(jobs))]

    @contextlib.contextmanager
    def _redacted(self) -> Iterator[None]:
        """Run one operation; no error that leaves it holds a secret that was sent."""
        self._redaction.begin()
        try:
            yield
        except ReportedError as error:
            self._redaction.error(error)
            raise

    def _has_scans_at_hand(self) -> bool:
        """Whether there is a cache, and the logins that its scans belong to are known without a wait."""
        try:
            return self._cache is not None and not self._cache.refresh and self._logins.are_at_hand
        except ReportedError:
            return False

    def _scan_at_hand(self, repository: Repository, options: ScanOptions) -> Scan | None:
        """The scan in the cache, if it will do; `scan` reports what is wrong.

        Threads are for waiting: thousands of scans that are only read come sooner one after the other.
        """
        try:
            self._check(repository, options)
            identity = self._cache_identity(options, lambda: self._credential(repository, options))
        except ReportedError:
            return None
        scan = self._usable(self._load(repository, identity), options)
        if scan:
            for note in options.notes:
                self._notify_once(note)
            self._notify(Finished(repository.canonical, len(scan.tags), scan.from_cache))
        return scan

    def _check(self, repository: Repository, options: ScanOptions) -> None:
        """Check the operator's rules, which may have changed since a scan was cached."""
        self._settings.address_rules.check_repository(repository.registry, repository.path)
        self._logins.check(repository, options)

    def _scan(self, repository: Repository, options: ScanOptions, *, looked: bool) -> Scan:
        """What the cache holds, if it will do; else what the registry answers."""
        look_up = functools.cache(lambda: self._credential(repository, options))
        identity = self._cache_identity(options, look_up)
        if not looked and (found := self._usable(self._load(repository, identity), options)):
            return found
        client = self._repository_client(repository, options, look_up)
        if self._cache is None or identity is None or self._cache.refresh:
            return self._list(repository, options, client, identity, None)
        with self._cache.scan_lock(
            repository.canonical, identity, min(self._seconds(options) / 2, self._begin().left())
        ):
            # Load it even without a wait: another run may have scanned since the first look.
            entry = self._load(repository, identity)
            return self._usable(entry, options) or self._list(repository, options, client, identity, entry)

    def _cache_identity(self, options: ScanOptions, look_up: Callable[[], Credential | None]) -> CacheIdentity | None:
        """Whose scans may be shared, if there is a cache; None where the credentials cannot be read.

        That is not an error here: the registry may not need credentials.
        """
        if self._cache is None:
            return None
        cloud = self._logins.cloud_key(options)
        if cloud:
            return CacheIdentity(None, options.network_key, cloud)
        try:
            return CacheIdentity(look_up(), options.network_key)
        except CredentialError:
            return None

    def _load(self, repository: Repository, identity: CacheIdentity | None) -> CachedScan | None:
        """The scan in the cache, whatever its age."""
        if self._cache is None or identity is None:
            return None
        with self._cache_lock:  # reading is fast, and several threads at once would be slower
            return self._cache.load_old_scan(repository.canonical, identity)

    def _usable(self, entry: CachedScan | None, options: ScanOptions) -> Scan | None:
        """A scan from the cache, if it is young enough and has all that is needed."""
        if self._cache is None or entry is None or not self._cache.is_young(entry, options.interval):
            return None
        if options.upload_times and not entry.upload_times_read:
            return None
        return Scan(entry.tags, entry.scanned_at, True, entry.warnings, entry.uploaded)

    def _list(
        self,
        repository: Repository,
        options: ScanOptions,
        client: RepositoryClient,
        identity: CacheIdentity | None,
        old: CachedScan | None,
    ) -> Scan:
        """List the tags at the registry, and cache the result; of an old scan the registry may say that it holds."""
        most, now = self._settings.max_tags, self._settings.clock.time()
        if old is not None and not 0 <= now - old.listed_at < LONGEST_UNCHANGED:
            old = None
        listing = list_tags(
            lambda query, expected, etag: client.request(
                "GET",
                f"tags/list?{query}" if query else "tags/list",
                body_cap=PAGE_CAP * max(1, most // MOST_TAGS),
                expected=expected,
                etag=etag,
            ),
            repository.canonical,
            lambda count: self._notify(Listed(repository.canonical, count)),
            most,
            client.session.cut_detection(client.host),
            old.etag if old else "",
        )
        if identity is not None and identity.cloud and not client.uses_cloud:
            identity = None  # the key of the cache would stand for another login
        entry = CachedScan(
            tuple(listing.tags), now, tuple(listing.warnings), listing.uploaded, listing.etag, listed_at=now
        )
        if listing.unchanged and old is not None:
            entry = replace(old, scanned_at=now)
        uploaded = entry.uploaded
        if options.upload_times and (listing.unchanged or not uploaded):
            uploaded = {**uploaded, **client.upload_times()}
        warnings = map(self._redaction.text, dict.fromkeys([*client.warnings, *entry.warnings]))
        entry = replace(entry, warnings=tuple(warnings), uploaded=uploaded, upload_times_read=options.upload_times)
        if self._cache is not None and identity is not None:
            self._cache.store_scan(repository.canonical, identity, entry)
        return Scan(entry.tags, entry.scanned_at, False, entry.warnings, entry.uploaded)

    def _repository_client(
        self, repository: Repository, options: ScanOptions, look_up: Callable[[], Credential | None] | None = None
    ) -> RepositoryClient:
        settings = self._settings
        host = settings.address_rules.check_repository(repository.registry, repository.path)
        self._logins.check(repository, options)
        if settings.transport is None:
            settings.network.prepare(host, options.tls)
        session = self._session(NetworkOverrides(options.tls, options.proxy))
        deadline = self._deadline_of(options)
        look_up = look_up or (lambda: self._credential(repository, options))
        return session.repository_client(repository, host, options.insecure, deadline, look_up, self._notify_once)

    def _deadline_of(self, options: ScanOptions) -> Deadline:
        """The deadline of one repository, which counts from now and is not after that of the run."""
        clock = self._settings.clock
        what = "spec.timeout of the ImageRepository, or --timeout, which is its upper bound"
        own = Deadline(clock, clock.monotonic() + self._seconds(options), what)
        return min(own, self._begin(), key=lambda each: each.at)

    def _seconds(self, options: ScanOptions) -> float:
        """Seconds for one repository: what the input sets, up to the operator's limit."""
        wanted = options.timeout or self._settings.timeout or DEFAULT_TIMEOUT
        return min(wanted, self._settings.timeout or LONGEST_TIMEOUT)

    def _begin(self) -> Deadline:
        """The run's deadline, which counts from the first request."""
        with self._lock:
            if self._deadline is None:
                given = self._settings.deadline
                self._deadline = given if isinstance(given, Deadline) else run_deadline(self._settings.clock, given)
            return self._deadline

    def _credential(self, repository: Repository, options: ScanOptions) -> Credential | None:
        def exchange(url: str, form: Mapping[str, str]) -> Mapping[str, object]:
            session = self._session(NetworkOverrides(options.tls, options.proxy))
            return session.post_form(url, form, self._deadline_of(options))

        return self._logins.find(repository, options, exchange)

    def _session(self, overrides: NetworkOverrides) -> Session:
        from imagesetter.registry.sessions import Sessions

        with self._lock:
            if self._sessions is None:
                self._sessions = Sessions(self._settings, self._rate_limiter, self._redaction)
                self._close_connections = self._sessions.close
            return self._sessions.find(overrides)

    def _note_waiting(self, host: str, seconds: float, status: int) -> None:
        self._notify(Waiting(self._redaction.text(host), seconds, status))

    def _notify_once(self, text: str) -> None:
        with self._listener_lock:
            if text in self._sent_notes:
                return
            self._sent_notes.add(text)
        self._notify(Note(text))

    def _notify(self, event: Event) -> None:
        if self._settings.listener is not None:
            with self._listener_lock:
                self._settings.listener(event)
