"""Asking until there is an answer: another attempt where that helps, waiting where a registry says so, redirects.

Retried are broken connections and 408, 429, 500, 502, 503, 504, four attempts with full jitter; never a refusal. A 429
or a ``Retry-After`` holds back every thread that asks this host. Redirects are followed by hand: five at most, never
from https to http, never with credentials to another origin, and to another origin at all only where a question says
so (blobs lie on storage servers).
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin

from imagesetter.errors import EgressRefused, ProtocolError, RateLimited
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.hosts import origin
from imagesetter.registry.http.limits import (
    ATTEMPTS,
    LONGEST_WAIT,
    RETRIED_STATUSES,
    Deadline,
    RateLimiter,
    backoff,
    retry_after,
)
from imagesetter.registry.http.messages import Busy, Interrupted, Question, RegistryResponse
from imagesetter.registry.http.remote_text import duration_in_words, safe_origin, safe_url
from imagesetter.registry.http.transport import Transport

_REDIRECTS = 5
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class Exchange:
    """Questions to registries, each asked until it is answered."""

    def __init__(self, transport: Transport, egress: AddressRules, pace: RateLimiter) -> None:
        self._transport = transport
        self._egress = egress
        self._pace = pace

    def ask(self, question: Question) -> RegistryResponse:
        """The final answer to a question, whatever its status.

        Raises:
            RegistryError: there was none in time, one beyond the limits, or a redirect that is not followed.
        """
        first = question.url
        for _ in range(_REDIRECTS + 1):
            answer = self._ask(question)
            location = answer.header("location")
            if answer.status not in _REDIRECT_STATUSES or not location:
                return answer
            target = _join(question.url, location, first)
            self._egress.check_redirect(question.url, target)
            if origin(question.url) != origin(target):
                if not question.elsewhere:
                    raise EgressRefused(f"{safe_url(first)} redirects to another host, {safe_origin(target)}")
                question = replace(question, auth=None)
            question = replace(question, url=target)
        raise ProtocolError(f"{safe_url(first)}: more than {_REDIRECTS} redirects")

    def _ask(self, question: Question) -> RegistryResponse:
        pace, deadline = self._pace, question.deadline
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            wait = backoff(attempt, pace.clock.jitter())
            try:
                answer = self._transport.send(question)
            except Interrupted:
                if last or not question.patient or deadline.left() <= wait:
                    raise
                pace.sleep(wait)
                continue
            except Busy as err:
                if last:
                    raise
                answer = err.answer
            if answer.status not in RETRIED_STATUSES:
                return answer
            self._wait_as_told(answer, wait, deadline, last=last)
            if last or deadline.left() <= 0:
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _wait_as_told(self, answer: RegistryResponse, wait: float, deadline: Deadline, *, last: bool) -> None:
        host = str(origin(answer.url)[1])
        asked = retry_after(answer.header("retry-after"), self._pace.clock.time())
        if asked is not None and (asked > LONGEST_WAIT or asked > deadline.left()):
            raise RateLimited(
                f"{host} answered {answer.status} and asked to wait {duration_in_words(asked)}",
                hint="try again then; with credentials most registries allow more",
            )
        if answer.status == 429 or asked is not None:
            self._pace.pause(host, wait if asked is None else asked, answer.status)
        elif not last:
            self._pace.sleep(min(wait, deadline.left()))


def _join(base: str, location: str, first: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError as err:
        raise ProtocolError(f"{safe_url(first)} redirects to what is no URL") from err
