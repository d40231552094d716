"""``automate --pull-request``: the requests of a run's branches, on the forge of its remote."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from imagesetter.cli.github_login import AppLogin
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.operator_transport import operator_transport
from imagesetter.errors import GitError
from imagesetter.fields.report import failure
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.forge import Forge
from imagesetter.git.forge_address import find_forge, find_token
from imagesetter.git.merge_requests import RequestStyle, drop_labels, update_requests
from imagesetter.git.run_result import AutomationRunResult, PushBranch
from imagesetter.lock.document import Lock
from imagesetter.registry.http.limits import Deadline
from imagesetter.update.plan import Change
from krm_functions.errors import ReportedError, UsageError
from krm_functions.redaction import without_logins
from krm_functions.result import Result

_REVIEWER = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_URL = re.compile(r"[!#-;=?-~]+")


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """What the operator says of requests: ``--forge``, the labels, and whether a run covers all policies.

    ``render`` makes the body, of changes and of what was held back. ``link`` is a line of Markdown that ends it.
    ``rule`` are the labels that changes have by a rule, of the labels in ``ruled``.
    """

    forge: str
    labels: frozenset[str]
    all_policies: bool
    render: Callable[[Sequence[Change], Sequence[Result]], str]
    link: str = ""
    ruled: frozenset[str] = frozenset()
    rule: Callable[[Sequence[Change], Lock | None], frozenset[str]] = lambda changes, lock: frozenset()
    draft: bool = False
    reviewers: tuple[str, ...] = ()


def parse_reviewer(text: str) -> str:
    """The name of a reviewer: a user, or a team as ORGANIZATION/TEAM; an @ in front is dropped.

    Raises:
        UsageError: no user and no team has such a name.
    """
    name = text.strip().removeprefix("@")
    if not _REVIEWER.fullmatch(name):
        raise UsageError(f"{text!r} is not a name", where="--reviewer", hint="write NAME, or ORGANIZATION/TEAM")
    return name


@dataclass(frozen=True, slots=True)
class RequestClient:
    """Reaches the forge of a run's remote, within its deadline.

    ``login`` is of the GitHub App that git logs in as, for where the environment has no token; ``lock_of`` reads the
    lock that knows the ages of tags.
    """

    settings: RequestSettings
    rules: GitAddressRules
    network: NetworkOptions
    deadline: Deadline
    login: AppLogin | None = None
    lock_of: Callable[[], Lock | None] = lambda: None

    @contextmanager
    def open_forge(self, remote: str) -> Iterator[Forge]:
        """The forge of a remote.

        Raises:
            GitError: the remote is on no forge that is known.
            UsageError: there is no token.
        """
        login = self.login
        try:
            address = find_forge(remote, self.settings.forge, os.environ)
        except GitError:
            if login is None or self.settings.forge:
                raise
            # A URL from the files is not the operator's word: it gets the token of that App only, by the rules.
            address, token, trusted = login.address, login.token, ""
        else:
            token = find_token(address.kind, os.environ, login.token if login and login.address == address else "")
            trusted = address.api
        transport = operator_transport(trusted, self.rules, self.network)
        try:
            yield Forge(address.kind, address.api, address.repository, token, transport, self.deadline)
        finally:
            transport.close()

    def style(self) -> RequestStyle:
        """How requests are opened and labelled.

        Raises:
            LockError: a rule needs the lock, and that cannot be used.
        """
        settings = self.settings
        lock = self.lock_of() if settings.ruled else None

        def labels_of(branch: PushBranch) -> frozenset[str]:
            changes = [change for commit in branch.commits for change in commit.changes]
            return settings.labels | (settings.rule(changes, lock) if branch.is_whole else frozenset())

        return RequestStyle(labels_of, settings.ruled, settings.draft, settings.reviewers)

    def before_push(self, branch: PushBranch, remote: str) -> None:
        """Take labels from the request of a branch that do not fit what is about to be pushed.

        Raises:
            ReportedError: the forge cannot be reached, or refuses; then nothing may be pushed.
        """
        if self.settings.ruled:
            with self.open_forge(remote) as forge:
                drop_labels(forge, branch, self.style())


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


def with_requests(run: AutomationRunResult, client: RequestClient) -> AutomationRunResult:
    """A run's result with the requests of its branches; what the forge refuses is an error of the run."""
    if run.status in ("failed", "suspended", "would push"):
        return run
    settings = client.settings

    def body_of(branch: PushBranch) -> str:
        changes = [change for commit in branch.commits for change in commit.changes]
        body = settings.render(changes, [result for result in run.results if result.severity != "info"])
        return f"{body}\n{settings.link}" if settings.link else body

    try:
        if any(branch.name == branch.base for branch in run.branches):
            hint = "set spec.git.push.branch to another one, or add --branch"
            raise UsageError("it pushes to the branch that it checks out, so there is nothing to request", hint=hint)
        with client.open_forge(run.remote) as forge:
            complete = settings.all_policies and not run.failed
            done = update_requests(forge, run.name, run.branches, body_of, client.style(), complete=complete)
    except ReportedError as error:
        return replace(run, results=(*run.results, failure(error, automation=str(run.name))))
    return replace(run, requests=tuple(done))
