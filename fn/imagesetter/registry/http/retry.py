"""The client that registries are reached with: retries, waiting where a registry demands it, redirects.

Retried are broken connections and the `RETRIED_STATUSES`, four attempts with full jitter; never a refusal. A 429 or a
``Retry-After`` holds back every thread that sends to this host.

Redirects are followed here, not by httpx. Fronts such as registry.k8s.io redirect everything but ``/v2/`` to another
host, and blobs are on storage servers, so a redirect may lead elsewhere. Five are followed at most, never from https to
http, only to hosts that the address rules allow, and without credentials. The other host may ask for an anonymous
token. Only the step from http to https on the same host keeps the credentials.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from imagesetter.errors import EgressRefused, ProtocolError, RateLimited
from imagesetter.registry.auth.flow import RegistryAuth, TokenServerBusy
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import absolute_url, origin
from imagesetter.registry.http.library import httpx
from imagesetter.registry.http.limits import (
    ATTEMPTS,
    LONGEST_WAIT,
    RETRIED_STATUSES,
    Deadline,
    RateLimiter,
    backoff,
    duration_in_words,
    retry_after,
)
from imagesetter.registry.http.redaction import Redaction, redacted_origin, redacted_url
from imagesetter.registry.http.request import options_of, redirected
from imagesetter.registry.http.transport import ConnectionBroken

_REDIRECTS = 5
_LIST = "/tags/list"
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class RetryingClient:
    """Sends each request through an httpx transport until there is a response to keep.

    An `httpx.Client` would do the same, and read the cookies and the ``Location`` of each response, which takes a sixth
    of the processor time of a request. Here no cookie is kept.
    """

    def __init__(
        self, transport: httpx.BaseTransport, address_rules: AddressRules, rate_limiter: RateLimiter,
        redaction: Redaction,
    ) -> None:  # fmt: skip
        """*redaction* learns every login that is sent."""
        self._transport = transport
        self._address_rules = address_rules
        self._rate_limiter = rate_limiter
        self._redaction = redaction

    def send(self, request: httpx.Request, auth: RegistryAuth | None, *, retry_broken: bool = True) -> httpx.Response:
        """The final response, whatever its status.

        Args:
            request: from `imagesetter.registry.http.request`.
            auth: authenticates the request; a redirect to another origin is followed without its credentials.
            retry_broken: whether a broken connection is worth another attempt.

        Raises:
            RegistryError: no response in time, one beyond the limits, or a redirect that is not followed.
        """
        first = str(request.url)
        for _ in range(_REDIRECTS + 1):
            response = self._send(request, auth, retry_broken=retry_broken)
            location = response.headers.get("Location", "")
            if response.status_code not in _REDIRECT_STATUSES or not location or request.method == "POST":
                return response
            source = str(request.url)
            try:
                target = absolute_url(source, location)
            except EgressRefused:
                raise _invalid_redirect(first, location) from None
            self._address_rules.check_redirect(source, target)
            if auth is not None and not _same_server(source, target):
                auth = auth.anonymous(target)
            request = redirected(request, _with_query(source, target), allow_local=origin(source)[1].is_local)
        raise ProtocolError(f"{redacted_url(first)}: more than {_REDIRECTS} redirects")

    def _send(self, request: httpx.Request, auth: RegistryAuth | None, *, retry_broken: bool) -> httpx.Response:
        rate_limiter, deadline = self._rate_limiter, options_of(request).deadline
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            wait = backoff(attempt, rate_limiter.clock.jitter())
            try:
                response = self._authenticated(request, auth or httpx.Auth())
            except ConnectionBroken:
                if last or not retry_broken or deadline.left() <= wait:
                    raise
                rate_limiter.sleep(wait)
                continue
            except TokenServerBusy as err:
                if last:
                    raise
                response = err.response
            if response.status_code not in RETRIED_STATUSES:
                return response
            self._wait(response, wait, deadline, last=last)
            if last or deadline.left() <= 0:
                return response
        raise AssertionError("the last attempt returns or raises")

    def _authenticated(self, request: httpx.Request, auth: httpx.Auth) -> httpx.Response:
        """The last response of a flow, which sends what it takes to authenticate the request, and the request."""
        flow = auth.sync_auth_flow(request)
        try:
            response = self._deliver(next(flow))
            while True:
                response = self._deliver(flow.send(response))
        except StopIteration:
            return response
        finally:
            flow.close()

    def _deliver(self, request: httpx.Request) -> httpx.Response:
        self._redaction.learn(request.headers.get("Authorization", ""), request.content.decode())
        response = self._transport.handle_request(request)
        response.request = request
        return response

    def _wait(self, response: httpx.Response, wait: float, deadline: Deadline, *, last: bool) -> None:
        """Wait before the next attempt: as long as the registry demands, or else *wait* seconds.

        Raises:
            RateLimited: that is longer than there is time for.
        """
        host, status = str(origin(str(response.url))[1]), response.status_code
        demanded = retry_after(response.headers.get("Retry-After", ""), self._rate_limiter.clock.time())
        if demanded is not None and (demanded > LONGEST_WAIT or demanded > deadline.left()):
            raise RateLimited(
                f"{host} responded with {status} and asked to wait {duration_in_words(demanded)}",
                hint="try again then; with credentials most registries allow more",
            )
        if status == 429 or demanded is not None:
            self._rate_limiter.pause(host, demanded or wait, status)  # 0 is no leave to send it four times at once
        elif not last:
            self._rate_limiter.sleep(min(wait, deadline.left()))


def _same_server(source: str, target: str) -> bool:
    """Whether a redirect stays on its origin, or leads from http to https on the same host."""
    scheme, host = origin(target)
    return host == origin(source)[1] and scheme in ("https", origin(source)[0])


def _with_query(source: str, target: str) -> str:
    """The target of a redirected tag list, with the parameters that its front dropped: ``n`` and ``last``."""
    here, there = urlsplit(source), urlsplit(target)
    if not here.path.endswith(_LIST) or not there.path.endswith(_LIST):
        return target
    kept = there.query.split("&") if there.query else []
    names = {parameter.partition("=")[0] for parameter in kept}
    lost = [parameter for parameter in here.query.split("&") if parameter and parameter.partition("=")[0] not in names]
    return urlunsplit(there._replace(query="&".join([*kept, *lost]), fragment=""))


def _invalid_redirect(url: str, location: str) -> ProtocolError:
    target = redacted_origin(location)
    return ProtocolError(
        f"{redacted_url(url)} redirects to '{target}', which is not a valid http or https URL, or has a login",
        hint="the registry, or a proxy before it, sends it wrongly; its administrator has to fix that",
    )
