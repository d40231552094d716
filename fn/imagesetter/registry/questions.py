"""Requests and answers as values: what the client wants to know, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from imagesetter.errors import RegistryError, Unreachable
from imagesetter.registry.pacing import Deadline
from imagesetter.registry.proxies import Proxy
from imagesetter.registry.trust import Tls

if TYPE_CHECKING:
    from imagesetter.registry.transport import AuthFlow


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
class Question:
    """One request as the client thinks of it, and what it may cost."""

    method: Literal["GET", "HEAD"]
    url: str
    accept: str
    cap: int
    """Bytes of a successful answer's body at most, unpacked."""
    deadline: Deadline
    route: Route = Route()
    auth: AuthFlow | None = None
    elsewhere: bool = False
    """Whether a redirect to another origin is followed (without credentials), as blobs need it."""
    patient: bool = True
    """Whether a broken connection is worth another attempt."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; several lines of one name are joined by commas."""
    body: bytes = field(repr=False)
    url: str

    def header(self, name: str) -> str:
        """The header's value; empty when it is missing."""
        return self.headers.get(name, "")


class Busy(RegistryError):
    """The token server, asked on the way, gave an answer that calls for another attempt."""

    def __init__(self, answer: Answer, what: str) -> None:
        super().__init__(what)
        self.answer = answer
