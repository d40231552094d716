"""The login of a cloud's registry, from the identity that this machine or CI job has: ``spec.provider``.

As in Flux, ``provider: aws``, ``azure`` or ``gcp`` of an ImageRepository means that there is no password: the cloud
gives a short-lived one to whoever has an identity there. The identity comes from the environment, from files that it
names (a token of GitHub, GitLab or Kubernetes that the cloud trusts), or from the cloud's command line. Instance
metadata is asked only where the operator allows it, since any input may name a provider.

The vendors' own libraries do it: botocore, azure-identity and google-auth, each an optional extra. Where a library is
not installed, or finds no identity, the logins of this machine are used, such as a credential helper.

A provider is refused for a registry that is not that cloud's, as in Flux 2.6 and later. So a token goes to hosts of the
vendor only, whatever the input says.
"""

import importlib.util
import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, cast

from imagesetter.errors import CredentialError
from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.limits import Clock
from imagesetter.registry.http.redaction import printable

GENERIC = "generic"
_HOSTS = {
    "aws": re.compile(
        r"public\.ecr\.aws|[0-9]{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
        r"|[0-9]{12}\.dkr-ecr(?:-fips)?\.[a-z0-9-]+\.on\.(?:aws|amazonwebservices\.com\.cn)"
    ),
    "azure": re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+\.data)?\.azurecr\.(?:io|cn|us|de)"),
    "gcp": re.compile(r"(?:[a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev"),
}
_NAMES = {"aws": "an ECR registry", "azure": "an Azure Container Registry", "gcp": "a registry of Google Cloud"}
_LIBRARIES = {"aws": "botocore", "azure": "azure.identity", "gcp": "google.auth"}
_LOGGERS = ("botocore", "urllib3", "azure", "msal", "google.auth", "requests")
_MARGIN = 60.0

Exchange = Callable[[str, Mapping[str, str]], Mapping[str, object]]
"""Posts a form to a URL of the registry and gives the JSON object that it answers."""


class CloudLogin(NamedTuple):
    """A login that a cloud gave, and for how many seconds."""

    credential: Credential
    seconds: float


class CloudModule(Protocol):
    """What the module of each cloud has."""

    def describe(self, environment: Mapping[str, str]) -> str:
        """Whose identity the environment names, in words; without a request or an import."""
        ...

    def fetch(self, host: Host, *, allow_metadata: bool, exchange: Exchange) -> CloudLogin | None:
        """A login for the registry, None where there is no identity.

        Raises:
            CredentialError: there is one, and the cloud gives no login for it.
        """
        ...


def check_provider(provider: str, host: Host) -> None:
    """Refuse a provider that does not fit the registry.

    Raises:
        CredentialError
    """
    if provider != GENERIC and not _HOSTS[provider].fullmatch(host.name):
        raise CredentialError(
            f"spec.provider is {provider}, and {host} is not {_NAMES[provider]}",
            hint=f"remove the field, or write {_fitting(host)}",
        )


def _fitting(host: Host) -> str:
    return next((name for name, pattern in _HOSTS.items() if pattern.fullmatch(host.name)), GENERIC)


class CloudIdentities:
    """The logins of a run that clouds gave, each kept until it expires; one exchange a host."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, allow_metadata: bool = False, clock: Clock | None = None
    ) -> None:
        self.environment = environment if environment is not None else {}
        self.allow_metadata = allow_metadata
        """``--allow-cloud-metadata``: the instance metadata service may be asked for an identity."""
        self.clock = clock or Clock()
        self._logins: dict[tuple[str, str], tuple[float, CloudLogin | None]] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def find(self, provider: str, host: Host, exchange: Exchange) -> Credential | None:
        """The login for a registry; None where the library is not installed, or there is no identity.

        Raises:
            CredentialError: the cloud gives no login for the identity.
        """
        if not is_installed(provider):
            return None
        key = (provider, str(host))
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            until, login = self._logins.get(key, (0.0, None))
            if key not in self._logins or self.clock.monotonic() >= until:
                login = _module(provider).fetch(host, allow_metadata=self.allow_metadata, exchange=exchange)
                seconds = login.seconds - _MARGIN if login else float("inf")
                self._logins[key] = (self.clock.monotonic() + seconds, login)
        return login.credential if login else None

    def describe(self, provider: str) -> str:
        """Whose identity would be used, for ``doctor`` and as a key of the cache."""
        if not is_installed(provider):
            return f"the login of this machine, because {_LIBRARIES[provider].replace('.', '-')} is not installed"
        return _module(provider).describe(self.environment)

    def missing(self, provider: str, host: Host) -> CredentialError:
        """The error where there is neither an identity nor a login."""
        extra = f"pip install 'imagesetter[{provider}]'"
        if is_installed(provider):
            extra = "set up the identity"
            extra += "" if self.allow_metadata else ", allow instance metadata (--allow-cloud-metadata)"
        return CredentialError(
            f"there is no {provider} identity for {host}: {self.describe(provider)}",
            hint=f"{extra}, or log in with docker or a credential helper",
        )


def is_installed(provider: str) -> bool:
    """Whether the vendor's library is there; imports no more of it than its parent package."""
    try:
        return importlib.util.find_spec(_LIBRARIES[provider]) is not None
    except ModuleNotFoundError:
        return False


def refused(provider: str, host: Host | str, error: Exception) -> CredentialError:
    """The error for what a vendor's library raised."""
    text = printable(" ".join(str(error).split()))
    return CredentialError(f"{provider} gives no login for {host}: {type(error).__name__}: {text}")


def quiet_libraries() -> None:
    """Keep the vendors' libraries from logging: they log tokens."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _module(provider: str) -> CloudModule:
    quiet_libraries()
    return cast("CloudModule", importlib.import_module(f"imagesetter.registry.auth.cloud.{provider}"))
