"""Names and addresses of hosts: read strictly, compared in one form, and classified by what they reach. Pure."""

import ipaddress
import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote, urldefrag, urljoin

from imagesetter.errors import EgressRefused
from imagesetter.registry.http.redaction import printable, redacted_origin

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressKind = Literal["public", "loopback", "private", "forbidden"]

HUB_API = "registry-1.docker.io"
"""The host that speaks for Docker Hub."""

_HUB_NAMES = frozenset({"docker.io", "index.docker.io", HUB_API, "registry.hub.docker.com"})

_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")  # SIIT, RFC 2765
# RFC 8215: each network chooses a prefix in here, and with its length the place of the IPv4 address (RFC 6052).
_LOCAL_NAT64 = ipaddress.ip_network("64:ff9b:1::/48")
_LOCAL_NAT64_PLACES = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
_IPV6_GLOBAL = ipaddress.ip_network("2000::/3")
_THIS_HOST = ipaddress.ip_network("0.0.0.0/8")

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_URL = re.compile(r"(https?)://([^/?#\\\s@]+)((?:[/?][!-~]*)?)", re.ASCII)
_URL_CHARACTERS = "".join(map(chr, range(0x21, 0x7F)))
DEFAULT_PORTS = {"https": 443, "http": 80}
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
# A name whose last label is like this is an IPv4 address to a resolver: 127.1, 2130706433, 0x7f000001, 0177.0.0.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

# Suffixes under which strangers register names: `a.co.uk` and `b.co.uk` are two sites, as are two GitHub pages. A
# heuristic in place of the public suffix list; where it is wrong, --allow-auth-host is the way.
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gob", "gov", "go", "gv", "ne", "net", "nom", "or", "org", "mil"})
# fmt: off
_SHARED_SITES = frozenset([
    "amazonaws.com", "appspot.com", "azurecr.io", "azurecr.cn", "azurewebsites.net", "cloudapp.net",
    "cloudfront.net", "duckdns.org", "dyndns.org", "firebaseapp.com", "fly.dev", "github.io", "gitlab.io",
    "googleapis.com", "herokuapp.com", "jfrog.io", "netlify.app", "ngrok.app", "ngrok.io", "nip.io", "no-ip.org",
    "onrender.com", "pages.dev", "pkg.dev", "run.app", "sslip.io", "vercel.app", "web.app", "windows.net",
    "workers.dev",
])
# fmt: on


class Host(NamedTuple):
    """A host as it is compared: lower case, without a final dot, Docker Hub's names made one; and a port or None."""

    name: str
    port: int | None = None

    @property
    def address(self) -> Address | None:
        """The IP address that the name spells, if it spells one."""
        return _address(self.name)

    @property
    def is_odd_address(self) -> bool:
        """Whether the name is an IPv4 address in a form that only resolvers read: ``127.1``, ``0x7f000001``."""
        return self.address is None and bool(_NUMBER.fullmatch(self.name.rpartition(".")[2]))

    @property
    def is_local(self) -> bool:
        """Whether the name itself says that this machine is meant: ``localhost``, ``127.0.0.1``, ``[::1]``."""
        return _is_local(self.name)

    def __str__(self) -> str:
        return self.name if self.port is None else f"{self.name}:{self.port}"


class Url(NamedTuple):
    """An absolute URL in its parts: the same reading decides what is allowed, what is connected to and what is sent."""

    scheme: str
    name: str
    """As it is resolved: lower case, an IPv6 address in brackets."""
    port: int
    target: str
    """Path and query as they were written."""
    host: Host
    """As it is compared; without the scheme's own port."""

    @property
    def netloc(self) -> str:
        """``HOST[:PORT]`` for the ``Host`` header; without the scheme's own port."""
        return self.name if self.port == DEFAULT_PORTS[self.scheme] else f"{self.name}:{self.port}"


@lru_cache(maxsize=256)  # a run asks a few hosts again and again
def parse_host(text: str) -> Host:
    """``HOST[:PORT]`` of a registry, checked letter by letter: nothing else gets into a URL or a file name.

    Raises:
        EgressRefused: it is none.
    """
    name, port = text.lower(), ""
    if name.startswith("["):
        name, closed, port = name.partition("]")
        name += closed
        valid = bool(closed) and _is_ipv6(name[1:-1]) and (not port or port.startswith(":"))
        port = port.removeprefix(":")
    else:
        name, colon, port = name.partition(":")
        name = name.removesuffix(".")
        valid = bool(name) and len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))
        valid = valid and (bool(port) or not colon)
    if port:
        valid = valid and bool(_PORT.fullmatch(port)) and 0 < int(port) < 65536
    if not valid:
        raise EgressRefused(f"'{printable(text)}' is not the name of a host")
    if name in _HUB_NAMES:
        name = HUB_API
    return Host(name, int(port) if port else None)


@lru_cache(maxsize=256)
def classify(address: Address) -> AddressKind:
    """What kind of place an address is; an IPv4 address inside an IPv6 one is seen through."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and (address in _NAT64 or address in _TRANSLATED or 1 < int(address) < 1 << 32):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return classify(inner)
        if address in _LOCAL_NAT64:
            packed = address.packed
            hidden = [bytes(packed[place] for place in places) for places in _LOCAL_NAT64_PLACES]
            return "forbidden" if any(_is_never_asked(ipaddress.IPv4Address(each)) for each in hidden) else "private"
    if _is_never_asked(address) or address.is_multicast or address.is_unspecified:
        return "forbidden"
    if address.is_loopback:
        return "loopback"
    if address.version == 4 and (address in _THIS_HOST or address.is_reserved):
        return "forbidden"
    return "public" if address.is_global and (address.version == 4 or address in _IPV6_GLOBAL) else "private"


def _is_never_asked(address: Address) -> bool:
    return address in _METADATA_ADDRESSES or address.is_link_local


def same_site(one: Host, other: Host) -> bool:
    """Whether two hosts belong to one owner, as far as their names tell: equal, or under one registrable name."""
    if one.name == other.name or (one.is_local and other.is_local):
        return True
    if one.address is not None or other.address is not None:
        return False
    site = _site(one.name)
    return bool(site) and site == _site(other.name)


def _site(name: str) -> str:
    """The registrable part of a name: ``example.com`` of ``registry.example.com``; empty where there is none."""
    labels = name.split(".")
    shared = ".".join(labels[-2:]) in _SHARED_SITES or (
        len(labels) >= 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    )
    count = 3 if shared else 2
    return ".".join(labels[-count:]) if len(labels) >= count else ""


@lru_cache(maxsize=256)  # several rules look at each request's
def parse_url(text: str) -> Url:
    """An absolute URL, read so strictly that no other reader can see another host in it.

    Raises:
        EgressRefused: it is not http or https, names a user, or holds what a URL does not.
    """
    match = _URL.fullmatch(text)
    if match is None:
        raise EgressRefused(f"'{redacted_origin(text)}' is not a URL that is contacted")
    scheme, authority, rest = match.groups()
    host = parse_host(authority)
    port = host.port or DEFAULT_PORTS[scheme]
    name = authority.lower()
    name = name[: name.index("]") + 1] if name.startswith("[") else name.partition(":")[0]
    target = rest.partition("#")[0]
    canonical = Host(host.name) if host.port == DEFAULT_PORTS[scheme] else host
    return Url(scheme, name, port, target if target.startswith("/") else f"/{target}", canonical)


def absolute_url(base: str, reference: str) -> str:
    """The URL that a server means, without a fragment; what no URL may have is percent-encoded, as other clients do.

    Args:
        base: the URL that the server responded for.
        reference: what it wrote, such as a ``Location``.

    Raises:
        EgressRefused: see `parse_url`.
    """
    try:
        url = quote(urldefrag(urljoin(base, reference.strip())).url, safe=_URL_CHARACTERS)
    except ValueError:  # such as half of an IPv6 address
        raise EgressRefused(f"'{redacted_origin(reference)}' is not a URL that is contacted") from None
    parse_url(url)
    return url


def origin(url: str) -> tuple[str, Host]:
    """Scheme and host of an absolute URL.

    Raises:
        EgressRefused: see `parse_url`.
    """
    parsed = parse_url(url)
    return parsed.scheme, parsed.host


@lru_cache(maxsize=256)
def _address(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _is_local(name: str) -> bool:
    address = _address(name)
    if address is not None:
        return classify(address) == "loopback"
    return name == "localhost" or name.endswith(".localhost")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text
