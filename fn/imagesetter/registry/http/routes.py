"""How this machine is set up to reach hosts: its proxies and its ``certs.d`` folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagesetter.registry.http.hosts import Host
from imagesetter.registry.http.proxies import Proxies, proxies_from
from imagesetter.registry.http.tls import Contexts, Tls, certificate_folders, find_certificates


@dataclass
class Routes:
    """The operator's configuration of the network; each host's folder is read once."""

    proxies: Proxies = field(default_factory=Proxies)
    folders: tuple[Path, ...] = ()
    contexts: Contexts = field(default_factory=Contexts)
    _found: dict[str, Tls | None] = field(default_factory=dict, repr=False)

    def expects_tls(self, host: Host, given: Tls | None) -> bool:
        """Whether TLS is tried first: everywhere but on loopback, and there where certificates are configured.

        On loopback plain HTTP is tried first, as Flux has it: a server without TLS may not answer a TLS greeting for a
        long time, while one with TLS turns plain HTTP down at once.

        Raises:
            CredentialError: see `certificates`.
        """
        return not host.is_local or self.certificates(str(host), given) is not None

    def prepare(self, host: Host, given: Tls | None) -> None:
        """Begin with what takes long before a host can be asked.

        Raises:
            CredentialError: see `certificates`.
        """
        if self.expects_tls(host, given):
            self.contexts.begin(self.certificates(str(host), given))

    def certificates(self, host: str, given: Tls | None) -> Tls | None:
        """What is trusted at a host, and shown to it: what the input gives, and what ``certs.d`` holds.

        Raises:
            CredentialError: a file there that cannot be used.
        """
        if host not in self._found:
            self._found[host] = find_certificates(host, self.folders)
        found = self._found[host]
        return given.joined(found) if given is not None and found is not None else given or found


def routes_from_environment(environment: Mapping[str, str], home: Path) -> Routes:
    """Proxies and folders as the environment names them.

    Raises:
        CredentialError: a proxy's variable that cannot be read.
    """
    return Routes(proxies_from(environment), certificate_folders(environment, home))
