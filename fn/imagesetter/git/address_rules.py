"""The rules for Git servers that a run may contact: those for registries, and more for the other forms of Git URLs.

Threat: a GitRepository is input, and may come from a stranger; git runs in the operator's network, with the operator's
credential helpers and SSH keys. The rules do not apply to the remote of the operator's own checkout.

- *Hosts* follow `imagesetter.registry.http.address_rules`, with ``--allow-git`` instead of ``--allow-registry``. The
  host is parsed strictly, so that git cannot read another one from the URL.
- *Directories* (``file://``) only below one that the operator named.
- *Plain HTTP* only on loopback, where that is allowed, or where a pattern names the host.
- *Redirects* are not followed, nor other URLs that a server may send: alternates, bundles, packfiles.
- *Names* are resolved here, and every address is checked. Over HTTP git connects to what was checked (git 2.37 or
  later); ssh resolves the name once more, by its own configuration.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from imagesetter.errors import EgressRefused
from imagesetter.git.command import redacted
from imagesetter.registry.http.address_rules import AddressRules, RegistryPattern
from imagesetter.registry.http.hosts import Host, parse_host
from imagesetter.registry.http.redaction import printable, redacted_url
from krm_functions.errors import UsageError
from krm_functions.redaction import without_logins

_FILE = "file://"
# git decodes the whole of an ssh URL before it looks for the host, so there nothing before the path may be encoded.
_SSH = re.compile(r"ssh://(?:[A-Za-z0-9._~!$&'()*+,;=-]*@)?([^/?#\\\s@%]+)(/[^\s\0]*)?", re.ASCII)
_HTTP = re.compile(r"https?://(?:[^/?#\\\s@]*@)?([^/?#\\\s@%]+)(/[^\s\0]*)?", re.ASCII)
_PORTS = {"https": 443, "http": 80, "ssh": 22}
_ELSEWHERE = ("http.followRedirects=false", "transfer.bundleURI=false", "fetch.uriProtocols=")
"""Settings that keep git from following any other URL than the given one."""


@dataclass(frozen=True, slots=True)
class GitAddressRules:
    """The operator's rules for Git servers; the default: public ones, by https and ssh."""

    hosts: AddressRules
    directories: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, allow: Iterable[str] = (), *, loopback: bool = False) -> Self:
        """The rules from what was written on the command line or in the environment.

        Args:
            allow: ``--allow-git``: ``HOST[:PORT][/PATH]``, ``*.SUFFIX``, ``*`` or ``file:///DIRECTORY``.
            loopback: ``--allow-loopback``.

        Raises:
            UsageError: a pattern cannot be read.
        """
        directories, patterns = [], []
        for text in allow:
            if text.startswith(f"{_FILE}/"):
                directories.append(Path(os.path.realpath(unquote(text.removeprefix(_FILE)))))
                continue
            try:
                patterns.append(RegistryPattern.parse(text))
            except UsageError as error:
                raise UsageError(
                    f"'{printable(without_logins(text, is_host=True))}' is not a pattern for Git servers",
                    where="--allow-git",
                    hint="write HOST, HOST/PATH, HOST:PORT, *.SUFFIX, * or file:///DIRECTORY, such as github.com/org",
                ) from error
        hosts = AddressRules(allow=tuple(patterns), loopback=loopback, server_kind="Git server", option="--allow-git")
        return cls(hosts, tuple(directories))

    def check(self, url: str) -> tuple[str, ...]:
        """Check a GitRepository's URL; returns the settings to run git with.

        Raises:
            EgressRefused: the URL is not allowed, or programs may read it in different ways.
        """
        scheme = url.partition("://")[0]
        if scheme == "file":
            self._check_directory(url)
            return _ELSEWHERE
        match = (_SSH if scheme == "ssh" else _HTTP).fullmatch(url)
        if match is None:
            raise EgressRefused(
                f"'{printable(redacted(url))}' is not a valid URL of a Git repository",
                hint="percent-encode special characters in the password; a host name contains none",
            )
        host = self._host(match[1], scheme)
        self.hosts.check_repository(str(host), (match[2] or "").strip("/") or "-")
        if scheme == "http" and not (host.is_local or self.hosts.trusts(host)):
            raise EgressRefused(
                f"{host} would be contacted over plain HTTP, which anyone on the network path can read and change",
                hint=f"write https://, or allow it with --allow-git {host}",
            )
        addresses = self._resolved(host, scheme)
        if scheme == "ssh" or host.address is not None or not addresses:
            return _ELSEWHERE
        name, port = match[1].lower().partition(":")[0].removesuffix("."), host.port or _PORTS[scheme]
        return (*_ELSEWHERE, f"http.curloptResolve={name}:{port}:{','.join(addresses)}")

    def _host(self, text: str, scheme: str) -> Host:
        host = parse_host(text)
        return host._replace(port=None) if host.port == _PORTS[scheme] else host

    def _resolved(self, host: Host, scheme: str) -> list[str]:
        """The addresses of a host, all of them allowed; none where only git knows the name (a proxy, ssh's aliases).

        Raises:
            EgressRefused: one of them is not allowed.
        """
        try:
            found = socket.getaddrinfo(host.name.strip("[]"), host.port or _PORTS[scheme], type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self.hosts.check_address(host, ipaddress.ip_address(address.partition("%")[0]))
        return [f"[{address}]" if ":" in address else address for address in addresses]

    def _check_directory(self, url: str) -> None:
        path = Path(os.path.realpath(unquote(url.removeprefix(_FILE))))
        if url.startswith(f"{_FILE}/") and any(path.is_relative_to(allowed) for allowed in self.directories):
            return
        raise EgressRefused(
            f"{redacted_url(url)} is a repository on this machine, which needs the operator's permission",
            hint=f"allow it with --allow-git {redacted_url(url)}, or use --here for the checkout's own remote",
        )
