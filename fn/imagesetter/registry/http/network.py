"""How hosts are reached: the proxies and certificates of this machine, and those that the input brings."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.proxies import Proxies, Proxy, proxies_from
from imagesetter.registry.http.tls import Contexts, Tls, certificate_folders, find_certificates


class NetworkOverrides(NamedTuple):
    """What the input sets for one repository, besides what this machine's configuration says."""

    tls: Tls | None = None
    proxy: Proxy | None = None


class NetworkSettings:
    """The operator's configuration of the network; each host's ``certs.d`` folder is read once."""

    def __init__(
        self, proxies: Proxies | None = None, folders: tuple[Path, ...] = (), contexts: Contexts | None = None
    ) -> None:
        self.proxies = proxies or Proxies()
        self.folders = folders
        """The ``certs.d`` folders."""
        self.contexts = contexts or Contexts()
        self._found: dict[str, Tls | None] = {}

    def expects_tls(self, host: Host, given: Tls | None) -> bool:
        """Whether TLS is tried first: everywhere but on loopback, and there where certificates are configured.

        On loopback plain HTTP is tried first, as in Flux: a server without TLS may not respond to a TLS handshake for a
        long time, while one with TLS refuses plain HTTP at once.

        Raises:
            CredentialError: see `certificates`.
        """
        return not host.is_local or self.certificates(str(host), given) is not None

    def prepare(self, host: Host, given: Tls | None) -> None:
        """Begin with what takes long before the first request to a host.

        Raises:
            CredentialError: see `certificates`.
        """
        if self.expects_tls(host, given):
            self.contexts.begin(self.certificates(str(host), given))

    def certificates(self, host: str, given: Tls | None) -> Tls | None:
        """The authorities to trust at a host and the client certificate for it, from the input and ``certs.d``.

        Raises:
            CredentialError: a file there cannot be used.
        """
        if host not in self._found:
            self._found[host] = find_certificates(host, self.folders)
        found = self._found[host]
        return given.joined(found) if given is not None and found is not None else given or found


def network_from_environment(environment: Mapping[str, str], home: Path) -> NetworkSettings:
    """Proxies and ``certs.d`` folders as the environment names them.

    Raises:
        CredentialError: a proxy's variable is not a valid URL.
    """
    return NetworkSettings(proxies_from(environment), certificate_folders(environment, home))
