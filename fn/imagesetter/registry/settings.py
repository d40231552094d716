"""The settings of the registry client, from the operator and this machine: logins, proxies, certificates, cache, rules.

Nothing here comes from a ResourceList; what the input may decide is in `ScanOptions`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imagesetter.registry.auth.cloud.identity import CloudIdentities
from imagesetter.registry.auth.credentials import Keychain
from imagesetter.registry.auth.docker_config import LocalKeychain, credential_files
from imagesetter.registry.events import Listener
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.limits import Clock, Deadline
from imagesetter.registry.http.network import NetworkSettings, network_from_environment
from imagesetter.registry.tags import MOST_TAGS

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx


@dataclass(frozen=True)
class ClientSettings:
    """What the operator decides, for every repository alike."""

    address_rules: AddressRules = field(default_factory=AddressRules)
    keychain: Keychain | None = None
    """The logins of this machine; None: nobody's."""
    cloud: CloudIdentities = field(default_factory=CloudIdentities)
    """The identities that clouds give this machine, for an ImageRepository with ``spec.provider``."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    """Proxies and ``certs.d``."""
    cache_folder: Path | None = None
    """None: no cache."""
    refresh: bool = False
    """Ask even where the cache has a young scan, and keep the answer."""
    connections: int = 128
    """To all hosts together; far more than there are hosts with eight each."""
    connections_per_host: int = 8
    timeout: float | None = None
    """Seconds for one repository at most; None: what its ``spec.timeout`` says up to five minutes, 60 by default."""
    deadline: float | Deadline | None = None
    """Seconds for the whole run, from the first question; or a deadline that counts already."""
    max_tags: int = MOST_TAGS
    """A repository with more tags is an error."""
    listener: Listener | None = None
    clock: Clock = field(default_factory=Clock)
    transport: httpx.BaseTransport | None = None
    """Sends requests in place of the network; ``httpx.MockTransport`` in tests."""


def settings_from_environment(
    environment: Mapping[str, str], home: Path, *, allow_registry: Sequence[str] = (),
    allow_auth_host: Sequence[str] = (), allow_http_credentials: bool = False, trust_input: bool = False,
    allow_loopback: bool = False, allow_cloud_metadata: bool = False,
    cache_dir: Path | None = None, cache: bool = True, refresh: bool = False, timeout: float | None = None,
    deadline: float | Deadline | None = None, max_tags: int = MOST_TAGS, listener: Listener | None = None,
) -> ClientSettings:  # fmt: skip
    """Settings from the environment and the operator's options.

    Reads no file yet: credential files and ``certs.d`` are read when a registry asks for them.

    Args:
        environment: ``DOCKER_CONFIG``, ``REGISTRY_AUTH_FILE``, ``XDG_…``, ``HTTPS_PROXY`` and its kin, ``PATH``.
        home: the home folder; ``Path.home()`` may fail where there is none, any folder will do then.
        allow_registry: patterns, see `imagesetter.registry.http.address_rules.RegistryPattern`.
        allow_auth_host: ``REGISTRY=HOST`` pairs.
        allow_loopback: whether registries on this machine may be asked.
        allow_cloud_metadata: whether the instance metadata service may be asked for an identity.
        cache_dir: in place of `cache_folder`.
        cache: False for no cache at all.
        refresh: ask even where the cache has a young scan.
        timeout: seconds for one repository at most, whatever its ImageRepository says.
        deadline: seconds for the whole run from the first request, or a deadline that counts already.
        max_tags: a repository with more tags is an error.

    Raises:
        UsageError: a pattern that cannot be read.
        CredentialError: a proxy's variable that cannot be read.
    """
    address_rules = AddressRules.parse(
        tuple(allow_registry),
        tuple(allow_auth_host),
        http_credentials=allow_http_credentials,
        trust_input=trust_input,
        loopback=allow_loopback,
    )
    return ClientSettings(
        address_rules=address_rules,
        keychain=LocalKeychain(credential_files(environment, home), environment, address_rules),
        cloud=CloudIdentities(environment, allow_cloud_metadata),
        network=network_from_environment(environment, home),
        cache_folder=(cache_dir or cache_folder(environment, home)) if cache else None,
        refresh=refresh,
        timeout=timeout,
        deadline=deadline,
        max_tags=max_tags,
        listener=listener,
    )


def cache_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Where the cache is, unless ``--cache-dir`` says otherwise.

    ``$XDG_CACHE_HOME/imagesetter`` if that variable is an absolute path; else what the system has for caches:
    ``~/Library/Caches/imagesetter`` on macOS, ``%LOCALAPPDATA%\\imagesetter\\Cache`` on Windows, and
    ``~/.cache/imagesetter`` elsewhere.
    """
    base = environment.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():
        return Path(base) / "imagesetter"
    system: str = sys.platform
    if system not in ("darwin", "win32"):
        return home / ".cache" / "imagesetter"
    from platformdirs import user_cache_path  # only these two systems pay for the import

    return user_cache_path("imagesetter", appauthor=False)
