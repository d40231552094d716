"""``automate --events`` and ``--metrics``: what runs did, for other programs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from imagesetter import __version__
from imagesetter.cli import clock
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.operator_transport import operator_transport
from imagesetter.cli.output_options import write_file
from imagesetter.cli.reports.events import automation_events
from imagesetter.cli.reports.metrics import LastRun, render_metrics
from imagesetter.errors import GitError
from imagesetter.fields.report import failure
from imagesetter.flux.markers import PolicyName
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.registry.http.limits import Deadline
from imagesetter.registry.http.redaction import redacted_origin
from krm_functions.errors import InputError, ReportedError, UsageError
from krm_functions.messages import os_error_hint
from krm_functions.redaction import without_logins

KEY = "IMAGESETTER_EVENTS_KEY"
"""The variable with the key that signs events."""


@dataclass(frozen=True, slots=True)
class Notifications:
    """Where events and metrics go.

    Args:
        events: a URL or a file; empty for none.
        metrics: a file, or None.
        rules: the addresses that may be contacted, besides the URL's own host.
        network: how to connect.
    """

    events: str
    metrics: Path | None
    rules: GitAddressRules
    network: NetworkOptions
    _last: dict[PolicyName, LastRun] = field(default_factory=dict)

    def notify(self, run: AutomationRunResult, deadline: Deadline) -> AutomationRunResult:
        """Send the events of a run, then write the metrics of all runs so far.

        Returns:
            the run, with an error for what could not be sent or written.
        """
        try:
            self._send(run, deadline)
        except ReportedError as error:
            run = _with_error(run, error)
        if self.metrics:
            self._last[run.name] = LastRun(run, clock.now())
            text = render_metrics(self._last.values(), __version__)
            try:
                write_file(self.metrics, text, mode=0o644)
            except InputError as error:
                run = _with_error(run, error)
        return run

    def _send(self, run: AutomationRunResult, deadline: Deadline) -> None:
        """Send the events of a run.

        Raises:
            ReportedError: the receiver refuses them or does not respond, or the file cannot be written.
        """
        bodies = [json.dumps(event) for event in automation_events(run, clock.now())] if self.events else []
        if not bodies:
            return
        if is_url(self.events):
            self._post(bodies, deadline)
            return
        try:
            with Path(self.events).open("a", encoding="utf-8") as file:
                file.write("".join(f"{body}\n" for body in bodies))
        except OSError as error:
            raise _unwritable(Path(self.events), error) from error

    def _post(self, bodies: list[str], deadline: Deadline) -> None:
        from imagesetter.registry.http.request import RequestOptions, new_request

        transport = operator_transport(self.events, self.rules, self.network)
        try:
            for body in bodies:
                request = new_request("POST", self.events, RequestOptions(deadline), json=body)
                request.headers["Content-Type"] = "application/cloudevents+json"
                request.headers.update(signature(body, os.environ))
                response = transport.handle_request(request)
                if response.status_code >= 300:
                    raise GitError(
                        f"{redacted_origin(self.events)} responds with {response.status_code} to an event",
                        where="--events",
                        hint=f"check the URL, and that the receiver has the key of {KEY}",
                    )
        finally:
            transport.close()


def signature(body: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The header that signs a body, as Flux's ``generic-hmac`` provider does; empty without a key."""
    key = environment.get(KEY, "")
    digest = hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest()
    return {"X-Signature": f"sha256={digest}"} if key else {}


def is_url(events: str) -> bool:
    """Whether events go to a URL, not to a file."""
    return events.startswith(("http://", "https://"))


def check_events(events: str) -> str:
    """Check ``--events``, and return it.

    Raises:
        UsageError: it begins like a URL, but is not valid, it is a URL of another kind, or no file can be there.
    """
    hint = f"write the path of a file, or a URL such as https://HOST/PATH without a login; {KEY} signs events"
    if "://" in events and not is_url(events):
        raise UsageError(f"{without_logins(events)!r} is not a http or https URL", where="--events", hint=hint)
    if is_url(events):
        try:
            host = urlsplit(events).hostname
        except ValueError:
            host = None
        if not host or "@" in events or not events.isascii() or not events.isprintable() or " " in events:
            raise UsageError(f"{without_logins(events)!r} is not a valid URL", where="--events", hint=hint)
    elif events:
        check_file(Path(events), "--events")
    return events


def check_file(path: Path, where: str) -> None:
    """Check, before anything is pushed, that there is a folder for a file that a run writes at its end.

    Raises:
        UsageError: there is none, or the path is a folder.
    """
    if path.is_dir() or not path.parent.is_dir():
        reason = "is a directory" if path.is_dir() else "is in a directory that does not exist"
        raise UsageError(f"{path} {reason}", where=where, hint="choose a file in an existing directory")


def _with_error(run: AutomationRunResult, error: ReportedError) -> AutomationRunResult:
    return replace(run, results=(*run.results, failure(error, automation=str(run.name))))


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot be written: {error.strerror or error}", where=str(path), hint=os_error_hint(error))
