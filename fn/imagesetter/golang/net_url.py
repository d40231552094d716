"""URLs as Go's ``net/url`` takes them apart and puts them together (Go 1.26), as far as sprig shows."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from imagesetter.golang.errors import Fault
from imagesetter.golang.strings import decode, encode, quote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)?:")
_ESCAPE = re.compile(rb"%(..?)?", re.DOTALL)
_USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(r"(?::[0-9]*)?")
_BAD_HOST = re.compile(r"""[^A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>"%\u0080-\U0010ffff\ud800-\udfff]""")
_SAFE_HOST = "!$&'()*+,;=:[]<>\""
_SAFE_PATH = "$&+,/:;=@"
_SAFE_FRAGMENT = "$&+,/:;=?@!()*"
_SAFE_USER = "$&+,;="


@dataclass(frozen=True, slots=True)
class GoUrl:
    """The parts of a URL; ``str()`` puts them together."""

    scheme: str = ""
    host: str = ""
    path: str = ""
    query: str = ""
    opaque: str = ""
    fragment: str = ""
    userinfo: str | None = None

    @property
    def hostname(self) -> str:
        """The host without port and brackets."""
        host, colon, port = self.host.rpartition(":")
        if not colon or not _PORT.fullmatch(colon + port):
            host = self.host
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    def __str__(self) -> str:
        text = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            text += self.opaque
        else:
            text = self._with_path(text)
        if self.query:
            text += f"?{self.query}"
        if self.fragment:
            text += f"#{_escaped(self.fragment, _SAFE_FRAGMENT)}"
        return text

    def _with_path(self, text: str) -> str:
        if self.host or self.userinfo is not None or (self.scheme and self.path):
            text += "//"
        if self.userinfo is not None:
            text += f"{self.userinfo}@"
        text += _escaped(self.host, _SAFE_HOST)
        path = "*" if self.path == "*" else _escaped(self.path, _SAFE_PATH)
        if path and not path.startswith("/") and self.host:
            text += "/"
        if not text and ":" in path.partition("/")[0]:
            text = "./"
        return text + path


def parse_go_url(text: str) -> GoUrl:
    """Take a URL apart.

    Raises:
        Fault: with Go's message.
    """
    address, _, fragment = text.partition("#")
    try:
        url = _parse(address)
    except Fault as fault:
        raise Fault(f"parse {quote(address)}: {fault.message}") from fault
    try:
        fragment = _unescaped(fragment)
    except Fault as fault:
        raise Fault(f"parse {quote(text)}: {fault.message}") from fault
    return GoUrl(url.scheme, url.host, url.path, url.query, url.opaque, fragment, url.userinfo)


def _parse(text: str) -> GoUrl:
    if any(char < " " or char == "\x7f" for char in text):
        raise Fault("net/url: invalid control character in URL")
    if text == "*":
        return GoUrl(path="*")
    match = _SCHEME.match(text)
    if match and not match[1]:
        raise Fault("missing protocol scheme")
    scheme = match[1].lower() if match else ""
    rest, _, query = (text[match.end() :] if match else text).partition("?")
    if not rest.startswith("/"):
        if scheme:
            return GoUrl(scheme, opaque=rest, query=query)
        if ":" in rest.partition("/")[0]:
            raise Fault("first path segment in URL cannot contain colon")
    host, userinfo = "", None
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        host, userinfo = _authority(scheme, authority)
    return GoUrl(scheme, host, _unescaped(rest), query, userinfo=userinfo)


def _authority(scheme: str, text: str) -> tuple[str, str | None]:
    written, at, host = text.rpartition("@")
    host = _host(scheme, host)
    if not at:
        return host, None
    if not _USERINFO.fullmatch(written):
        raise Fault("net/url: invalid userinfo")
    user, colon, password = written.partition(":")
    userinfo = _escaped(_unescaped(user), _SAFE_USER)
    return host, userinfo + (":" + _escaped(_unescaped(password), _SAFE_USER) if colon else "")


def _host(scheme: str, text: str) -> str:
    bracket = text.rfind("[")
    if bracket > 0:
        raise Fault("invalid IP-literal")
    if bracket == 0:
        inner, closed, port = text[1:].rpartition("]")
        if not closed:
            raise Fault("missing ']' in host")
        _check_port(port)
        try:
            ipaddress.IPv6Address(inner.replace("%25", "%"))
        except ValueError as err:
            raise Fault(f"invalid host: ParseAddr({quote(inner)}): unable to parse IP") from err
        return f"[{inner.replace('%25', '%')}]{port}"
    colon = text.find(":") if scheme in ("http", "https") else text.rfind(":")
    if colon >= 0:
        _check_port(text[colon:])
    return _unescaped_host(text)


def _check_port(text: str) -> None:
    if not _PORT.fullmatch(text):
        raise Fault(f"invalid port {quote(text)} after host")


def _unescaped_host(text: str) -> str:
    host = _unescaped(text, host=True)
    bad = _BAD_HOST.search(text)
    if bad:
        raise Fault(f"invalid character {quote(bad[0])} in host name")
    return host


def _unescaped(text: str, *, host: bool = False) -> str:
    """Percent escapes resolved; in a host they must stand for bytes beyond ASCII."""

    def byte(match: re.Match[bytes]) -> bytes:
        digits = match[1] or b""
        if not re.fullmatch(rb"[0-9A-Fa-f]{2}", digits) or (host and digits < b"8" and digits != b"25"):
            raise Fault(f"invalid URL escape {quote(decode(match[0]))}")
        return bytes([int(digits, 16)])

    return decode(_ESCAPE.sub(byte, encode(text))) if "%" in text else text


def _escaped(text: str, safe: str) -> str:
    return quote_from_bytes(encode(text), safe=safe + "-_.~")
