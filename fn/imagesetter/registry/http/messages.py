"""Requests and answers as values: what the client wants to know, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from imagesetter.errors import RegistryError, Unreachable
from imagesetter.registry.http.limits import Deadline
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.http.tls import Tls

ERROR_CAP = 64 * 1024
"""Bytes that are read of an answer which is not a success, and of a token server's answer."""


class Interrupted(Unreachable):
    """The connection broke or took too long: worth another attempt."""


class NoTls(Unreachable):
    """Whoever listens there speaks no TLS: plain HTTP may be spoken instead."""


@dataclass(frozen=True, slots=True)
class Route:
    """What the input says about the way to a host, besides what the operator's configuration says."""

    tls: Tls | None = None
    proxy: Proxy | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it is sent. What is not named here is not said."""

    method: Literal["GET", "HEAD", "POST"]
    url: str
    accept: str = "application/json"
    cap: int = ERROR_CAP
    """Bytes of a successful answer's body at most, unpacked."""
    authorization: str = field(default="", repr=False)
    form: str = field(default="", repr=False)
    """The body of a POST."""


@dataclass(frozen=True, slots=True)
class RegistryResponse:
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; several lines of one name are joined by commas."""
    body: bytes = field(repr=False)
    url: str
    challenges: tuple[str, ...] = ()
    """The lines of ``WWW-Authenticate``, unjoined: one that cannot be read spoils no other."""

    def header(self, name: str) -> str:
        """The header's value; empty when it is missing."""
        return self.headers.get(name, "")


Flow = Generator[Request, RegistryResponse, RegistryResponse]
"""What it takes to get one answer: every request that is to be sent, each sent its answer; the last is returned."""
Wire = Callable[[Request], RegistryResponse]
"""What answers requests."""


class Auth(Protocol):
    """A way past a challenge."""

    def flow(self, request: Request) -> Flow:
        """The request, and whatever has to be sent for it to be answered."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One request as the client thinks of it, and what it may cost."""

    method: Literal["GET", "HEAD"]
    url: str
    accept: str
    cap: int
    deadline: Deadline
    route: Route = Route()
    auth: Auth | None = None
    elsewhere: bool = False
    """Whether a redirect to another origin is followed (without credentials), as blobs need it."""
    patient: bool = True
    """Whether a broken connection is worth another attempt."""


class Busy(RegistryError):
    """The token server, asked on the way, gave an answer that calls for another attempt."""

    def __init__(self, answer: RegistryResponse, what: str) -> None:
        super().__init__(what)
        self.answer = answer
