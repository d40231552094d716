"""``automate --pull-request``: the requests of a run's branches, on the forge of its remote."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.operator_transport import operator_transport
from imagesetter.fields.report import failure
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.forge import Forge
from imagesetter.git.forge_address import find_forge, find_token
from imagesetter.git.merge_requests import update_requests
from imagesetter.git.run_result import AutomationRunResult, PushBranch
from imagesetter.registry.http.limits import Deadline
from imagesetter.update.plan import Change
from krm_functions.errors import ReportedError, UsageError
from krm_functions.redaction import without_logins
from krm_functions.result import Result

_URL = re.compile(r"[!#-;=?-~]+")


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """What the operator says of requests: ``--forge``, the labels, and whether a run covers all policies.

    ``render`` makes the body, of changes and of what was held back. ``link`` is a line of Markdown that ends it.
    """

    forge: str
    labels: frozenset[str]
    all_policies: bool
    render: Callable[[Sequence[Change], Sequence[Result]], str]
    link: str = ""


def report_link(url: str) -> str:
    """The line that links to a report of all policies, for the body of a request; empty for no URL.

    Raises:
        UsageError: it is not an http or https URL, or it contains a password or a character that no URL has.
    """
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid or not _URL.fullmatch(url):
        hint = "write it as https://HOST/PATH, without a user and with blanks as %20"
        raise UsageError(f"{without_logins(url)!r} is not a valid URL", where="--report-url", hint=hint)
    return f"[Report of all policies](<{url}>)\n"


def with_requests(
    run: AutomationRunResult,
    settings: RequestSettings,
    rules: GitAddressRules,
    network: NetworkOptions,
    deadline: Deadline,
) -> AutomationRunResult:
    """A run's result with the requests of its branches; what the forge refuses is an error of the run."""
    if run.status in ("failed", "suspended", "would push"):
        return run
    name = str(run.name)
    try:
        if any(branch.name == branch.base for branch in run.branches):
            hint = "set spec.git.push.branch to another one, or add --branch"
            raise UsageError("it pushes to the branch that it checks out, so there is nothing to request", hint=hint)
        address = find_forge(run.remote, settings.forge, os.environ)
        token = find_token(address.kind, os.environ)
        transport = operator_transport(address.api, rules, network)
        forge = Forge(address.kind, address.api, address.repository, token, transport, deadline)

        def body_of(branch: PushBranch) -> str:
            changes = [change for commit in branch.commits for change in commit.changes]
            body = settings.render(changes, [result for result in run.results if result.severity != "info"])
            return f"{body}\n{settings.link}" if settings.link else body

        try:
            complete = settings.all_policies and not run.failed
            done = update_requests(forge, run.name, run.branches, body_of, settings.labels, complete=complete)
        finally:
            transport.close()
    except ReportedError as error:
        return replace(run, results=(*run.results, failure(error, automation=name)))
    return replace(run, requests=tuple(done))
