"""What may be asked of a registry about one repository, with the credentials and settings of its policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from imagesetter.errors import RegistryError
from imagesetter.registry import manifests, referrers
from imagesetter.registry.answers import Answers

if TYPE_CHECKING:
    from imagesetter.registry.cache import Cache
    from imagesetter.registry.reference import Repository
    from imagesetter.registry.repository_client import RepositoryClient


class Puller(Protocol):
    """Sends requests about one repository; all raise `RegistryError` where the registry gives no answer."""

    @property
    def online(self) -> bool:
        """Whether there is a registry to ask."""

    @property
    def answers(self) -> Answers:
        """What policies selected, in this run and in earlier ones."""

    def digest(self, tag: str) -> str:
        """The digest that a tag points to now."""

    def manifest(self, name: str) -> manifests.Manifest | None:
        """A manifest or index by its digest (verified, and cached for good) or by a tag; None where there is none."""

    def blob(self, digest: str) -> bytes | None:
        """A small blob by its digest (verified, and cached for good); None where there is none."""

    def referrers(self, digest: str, artifact_type: str = "") -> list[Mapping[str, object]]:
        """The descriptors of what refers to a manifest, by the referrers API or by the fallback tag.

        With the type of an artifact the registry may leave others out.
        """

    def kept(self, name: str) -> bytes | None:
        """What `keep` put into the cache about this repository, by any run; it proves nothing by being there."""

    def keep(self, name: str, data: bytes) -> None:
        """Put something that was found out about this repository into the cache, if there is one."""


class RepositoryPuller:
    """A `Puller` that asks a registry; a class of `imagesetter.registry.client`.

    Args:
        repository: whose manifests these are.
        connect: makes the client of the repository, when the first request is sent.
        redacted: a context in which no error that leaves it holds a secret that was sent.
        cache: keeps what is known by its digest.
    """

    online = True

    def __init__(
        self,
        repository: Repository,
        connect: Callable[[], RepositoryClient],
        redacted: Callable[[], AbstractContextManager[None]],
        cache: Cache | None,
    ) -> None:
        self._name = repository.canonical
        self._connect = connect
        self._client: RepositoryClient | None = None
        self._redacted = redacted
        self._cache = cache
        self.answers = cache.answers if cache else Answers()

    def digest(self, tag: str) -> str:
        """See `Puller`."""
        with self._redacted():
            return manifests.find_digest(self._connected(), tag)

    def manifest(self, name: str) -> manifests.Manifest | None:
        """See `Puller`."""
        with self._redacted():
            return manifests.find_manifest(self._connected(), name, self._cache)

    def blob(self, digest: str) -> bytes | None:
        """See `Puller`."""
        with self._redacted():
            return manifests.find_blob(self._connected(), digest, self._cache)

    def referrers(self, digest: str, artifact_type: str = "") -> list[Mapping[str, object]]:
        """See `Puller`."""
        with self._redacted():
            return referrers.find_referrers(self._connected(), digest, artifact_type)

    def _connected(self) -> RepositoryClient:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def kept(self, name: str) -> bytes | None:
        """See `Puller`."""
        return self._cache.load_note(self._name, name) if self._cache else None

    def keep(self, name: str, data: bytes) -> None:
        """See `Puller`."""
        if self._cache:
            self._cache.store_note(self._name, name, data)


class OfflinePuller:
    """A `Puller` that knows the digests of some tags, and asks nobody."""

    online = False

    def __init__(self, digest_of: Callable[[str], str]) -> None:
        self._digest_of = digest_of
        self.answers = Answers()

    def digest(self, tag: str) -> str:
        """See `Puller`."""
        return self._digest_of(tag)

    def manifest(self, name: str) -> manifests.Manifest | None:
        """See `Puller`."""
        raise _not_asked()

    def blob(self, digest: str) -> bytes | None:
        """See `Puller`."""
        raise _not_asked()

    def referrers(self, digest: str, artifact_type: str = "") -> list[Mapping[str, object]]:
        """See `Puller`."""
        raise _not_asked()

    def kept(self, name: str) -> bytes | None:
        """See `Puller`."""
        return None

    def keep(self, name: str, data: bytes) -> None:
        """See `Puller`."""


def _not_asked() -> RegistryError:
    return RegistryError("this is known to the registry only, which is not asked here", hint="omit --tags-file")
