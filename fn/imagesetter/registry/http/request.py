"""Requests as this client sends them: with our headers and no others, and their limits for the transport."""

from typing import NamedTuple

from imagesetter import __version__
from imagesetter.errors import ProtocolError
from imagesetter.registry.http.library import httpx
from imagesetter.registry.http.limits import Deadline
from imagesetter.registry.http.network import NetworkOverrides
from imagesetter.registry.http.redaction import redacted_origin

ERROR_CAP = 64 * 1024
"""Bytes that are read of a response which is not a success, and of a token server's response."""

TIMEOUT = httpx.Timeout(30.0, connect=5.0, pool=5.0)
"""Seconds without any progress; the deadline limits them all."""

_EXTENSION = "imagesetter"


class RequestOptions(NamedTuple):
    """What the transport has to know of a request; it travels in ``httpx.Request.extensions``."""

    deadline: Deadline
    body_cap: int = ERROR_CAP
    """Bytes of a successful response's body at most, unpacked."""
    overrides: NetworkOverrides = NetworkOverrides()
    allow_local: bool = False
    """Whether a registry on this machine refers to the server, which may be on this machine, too, then."""


def new_request(
    method: str, url: str, options: RequestOptions, *, accept: str = "application/json", authorization: str = "",
    form: str = "", etag: str = "", json: str = "",
) -> httpx.Request:  # fmt: skip
    """A request with these headers and no others; with an ETag it asks for what has changed since only.

    Its body is a form, or JSON, or empty.

    Raises:
        ProtocolError: httpx does not take the URL.
    """
    headers = {"User-Agent": f"imagesetter/{__version__}", "Accept-Encoding": "identity", "Accept": accept}
    if authorization:
        headers["Authorization"] = authorization
    if etag:
        headers["If-None-Match"] = etag
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if json:
        headers["Content-Type"] = "application/json"
    try:
        return httpx.Request(
            method,
            url,
            headers=headers,
            content=(form or json).encode() or None,
            extensions={_EXTENSION: options, "timeout": TIMEOUT.as_dict()},
        )
    except httpx.InvalidURL:
        raise ProtocolError(f"'{redacted_origin(url)}' is not a valid URL") from None  # the cause quotes all of it


def redirected(request: httpx.Request, url: str, *, allow_local: bool) -> httpx.Request:
    """The request for another URL, without its credentials."""
    headers = request.headers
    return new_request(
        request.method,
        url,
        options_of(request)._replace(allow_local=allow_local),
        accept=headers["Accept"],
        etag=headers.get("If-None-Match", ""),
    )


def token_request_options(request: httpx.Request, *, allow_local: bool) -> RequestOptions:
    """The options for a request to the token server that *request* needs."""
    return options_of(request)._replace(body_cap=ERROR_CAP, allow_local=allow_local)


def options_of(request: httpx.Request) -> RequestOptions:
    """The options that the request was made with."""
    options = request.extensions[_EXTENSION]
    assert isinstance(options, RequestOptions)
    return options
