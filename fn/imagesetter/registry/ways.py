"""How this machine is set up to reach hosts: its proxies and its ``certs.d`` folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagesetter.registry.proxies import Proxies, proxies_from
from imagesetter.registry.trust import Tls, certificate_folders, find_certificates


@dataclass
class Ways:
    """The operator's configuration of the network; each host's folder is read once."""

    proxies: Proxies = field(default_factory=Proxies)
    folders: tuple[Path, ...] = ()
    _found: dict[str, Tls | None] = field(default_factory=dict, repr=False)

    def certificates(self, host: str, given: Tls | None) -> Tls | None:
        """What is trusted at a host, and shown to it: what the input gives, and what ``certs.d`` holds.

        Raises:
            CredentialError: a file there that cannot be used.
        """
        if host not in self._found:
            self._found[host] = find_certificates(host, self.folders)
        found = self._found[host]
        return given.joined(found) if given is not None and found is not None else given or found


def ways_from(environment: Mapping[str, str], home: Path) -> Ways:
    """Proxies and folders as the environment names them.

    Raises:
        CredentialError: a proxy's variable that cannot be read.
    """
    return Ways(proxies_from(environment), certificate_folders(environment, home))
