"""Which proxy leads to a host: ``HTTPS_PROXY`` and its kin, read as Go reads them, or a ``proxySecretRef``.

Go's rules (``golang.org/x/net/http/httpproxy``), which curl and Python share only in part: an entry of ``NO_PROXY`` is
``*``, a host (which means those below it, too), ``.suffix`` (only those below), an IP address or a CIDR range, each
with ``:port`` if wanted; loopback never goes through a proxy.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from imagesetter.errors import CredentialError
from imagesetter.registry.http.hosts import DEFAULT_PORTS, Host, origin

_PROXY = re.compile(
    r"(?:(https?|socks5h?)://)?(?:([^@/?#\s]*)@)?([A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?"
)

_SOCKS_PORT = 1080


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL, without the login, and the login."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    from_input: bool = False
    """Whether the input named it, and not the operator: then its address is under the rules of every other."""

    @property
    def is_https(self) -> bool:
        """Whether the way to the proxy itself is encrypted."""
        return self.url.startswith("https:")

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS proxy, which resolves names itself."""
        return self.url.startswith("socks5")


class Proxies(NamedTuple):
    """The operator's proxies by scheme, and the hosts that are reached without."""

    https: Proxy | None = None
    http: Proxy | None = None
    without: tuple[str, ...] = ()

    def find(self, url: str) -> Proxy | None:
        """The proxy for a URL, or None for the direct way."""
        if self.https is None and self.http is None:
            return None
        scheme, host = origin(url)
        if host.is_local or any(_covers(entry, host, DEFAULT_PORTS[scheme]) for entry in self.without):
            return None
        return self.https if scheme == "https" else self.http


def proxies_from(environment: Mapping[str, str]) -> Proxies:
    """Read ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in lower case too.

    ``HTTP_PROXY`` is not believed in a CGI process (``REQUEST_METHOD`` is set), where a stranger's header sets it.

    Raises:
        CredentialError: a proxy that is not a valid URL; the message does not repeat it.
    """

    def read(name: str) -> Proxy | None:
        for spelled in (name.lower(), name):
            text = environment.get(spelled, "").strip()
            if text and not (spelled == "HTTP_PROXY" and environment.get("REQUEST_METHOD")):
                return parse_proxy(text, where=spelled)
        return None

    everything = read("ALL_PROXY")
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    without = tuple(entry for entry in re.split(r"[,\s]+", listed) if entry)
    return Proxies(read("HTTPS_PROXY") or everything, read("HTTP_PROXY") or everything, without)


def parse_proxy(text: str, *, where: str, username: str = "", password: str = "", from_input: bool = False) -> Proxy:
    """A proxy from ``[SCHEME://][USER:PASSWORD@]HOST[:PORT]``; http, https and socks5.

    Raises:
        CredentialError: it is none. The text is not repeated: it may hold a password.
    """
    from urllib.parse import unquote

    match = _PROXY.fullmatch(text)
    if match is None:
        raise CredentialError(f"{where} is not a proxy's URL", hint="such as http://proxy.example.com:3128")
    scheme, login, host, port = match.groups()
    if login and not username:
        name, _, word = login.partition(":")
        username, password = unquote(name), unquote(word)
    scheme = scheme or "http"
    return Proxy(f"{scheme}://{host}:{port or DEFAULT_PORTS.get(scheme, _SOCKS_PORT)}", username, password, from_input)


def _covers(entry: str, host: Host, default_port: int) -> bool:
    """Whether one entry of NO_PROXY means the host."""
    if entry == "*":
        return True
    entry = entry.lower()
    address = host.address
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, port = entry, ""
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        port = port.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, port = entry.partition(":")
    if port and port != str(host.port or default_port):
        return False
    if address is not None:
        try:
            return address == ipaddress.ip_address(name)
        except ValueError:
            return False
    name = name.removeprefix("*") if name.startswith("*.") else name
    if name.startswith("."):
        return host.name.endswith(name)
    return host.name == name or host.name.endswith(f".{name}")
