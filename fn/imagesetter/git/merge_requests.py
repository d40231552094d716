"""Exactly one request for each push branch of an automation: opened, updated, left closed, or closed.

The body ends with a comment that no page shows: the automation, and a hash of the values that the branch sets. So a
request is recognised as the automation's, and one that somebody closed is opened again only for other values. While
reviewers are still to be named, the comment says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imagesetter.flux.markers import PolicyName
from imagesetter.git.forge import Forge, MergeRequest, RequestExists, RequestOutcome
from imagesetter.git.run_result import PushBranch

_MARK = re.compile(r"<!-- imagesetter (\S+) (\S+)( opening)? -->\s*\Z")
_CLOSED = "closed"
_TITLE = 200


@dataclass(frozen=True, slots=True)
class RequestStyle:
    """How requests are opened, and how they are labelled.

    ``labels_of`` are the labels that the request of a branch has to have; ``ruled`` are those that it may not have
    otherwise. Labels of others stay.
    """

    labels_of: Callable[[PushBranch], frozenset[str]]
    ruled: frozenset[str] = frozenset()
    draft: bool = False
    reviewers: tuple[str, ...] = ()


def content_hash(branch: PushBranch) -> str:
    """A hash of the values that a branch sets; the same however often it is made anew."""
    rows = sorted(
        f"{change.field.location.file}\n{change.field.location.field}\n{change.new}"
        for commit in branch.commits
        for change in commit.changes
    )
    return hashlib.sha256("\n\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def update_requests(
    forge: Forge,
    automation: PolicyName,
    branches: Sequence[PushBranch],
    body_of: Callable[[PushBranch], str],
    style: RequestStyle,
    *,
    complete: bool,
) -> list[RequestOutcome]:
    """Bring the requests of an automation up to date.

    Args:
        forge: where they are.
        automation: whose they are.
        branches: the branches of a run.
        body_of: the report about a branch, as Markdown.
        style: how they are opened and labelled.
        complete: whether these are all branches that the automation needs; then its other requests are closed.

    Raises:
        GitError: the forge refuses, or does not respond.
    """
    present = {each.branch: each for each in forge.open_requests()}
    outcomes: list[RequestOutcome] = []
    needed = set()
    for branch in branches:
        if branch.is_needed:
            needed.add(branch.name)
        if not branch.commits or branch.name == branch.base:
            continue
        mark = f"<!-- imagesetter {automation} {content_hash(branch)} -->"
        body = f"{body_of(branch).rstrip()}\n\n{mark}\n"
        outcomes.append(_bring(forge, branch, body, present.get(branch.name), style))
    obsolete = {branch.name for branch in branches if not branch.is_needed}
    for request in present.values():
        found = _MARK.search(request.body.rstrip())
        ours = found is not None and found[1] == str(automation)
        if ours and request.branch not in needed and (complete or request.branch in obsolete):
            forge.close(
                request, _MARK.sub(f"<!-- imagesetter {automation} {_CLOSED} -->", request.body.rstrip()) + "\n"
            )
            outcomes.append(RequestOutcome(request.branch, request.number, request.url, "closed"))
    return outcomes


def drop_labels(forge: Forge, branch: PushBranch, style: RequestStyle) -> None:
    """Take from the open request of a branch the labels that a rule gave it for other values.

    Raises:
        GitError: the forge refuses, or does not respond.
    """
    unwanted = style.ruled - style.labels_of(branch)
    if unwanted:
        for request in forge.open_requests():
            if request.branch == branch.name:
                forge.remove_labels(request, unwanted & request.labels)


def _bring(
    forge: Forge, branch: PushBranch, body: str, request: MergeRequest | None, style: RequestStyle
) -> RequestOutcome:
    """Open or update the request of one branch."""
    title, labels = _title(branch), style.labels_of(branch)
    opening = body
    if style.reviewers and not forge.asks_for_review_at_once:
        opening = body.rstrip().removesuffix(" -->") + " opening -->\n"
    if request is None:
        for closed in forge.closed_requests(branch.name)[:1]:
            before, now = _MARK.search(closed.body.rstrip()), _MARK.search(body.rstrip())
            if before and now and before.groups()[:2] == now.groups()[:2]:
                return RequestOutcome(branch.name, closed.number, closed.url, "left closed")
        try:
            made = forge.create(
                branch.name, branch.base, title, opening, labels, draft=style.draft, reviewers=style.reviewers
            )
        except RequestExists:
            request = next((each for each in forge.open_requests() if each.branch == branch.name), None)
            if request is None:
                raise
        else:
            if opening != body:
                forge.request_review(made.number, style.reviewers)
                forge.update(made, title, body, made.labels)
            return RequestOutcome(branch.name, made.number, made.url, "created")
    found = _MARK.search(request.body.rstrip())
    if opening != body and found and found[3]:
        forge.request_review(request.number, style.reviewers)
    unwanted = (style.ruled - labels) & request.labels
    same = (forge.title_of(request), request.body.strip()) == (title, body.strip()) and labels <= request.labels
    if same and not unwanted:
        return RequestOutcome(branch.name, request.number, request.url, "unchanged")
    forge.update(request, title, body, labels, unwanted)
    return RequestOutcome(branch.name, request.number, request.url, "updated")


def _title(branch: PushBranch) -> str:
    """The first line of the only commit's message, else how many images there are."""
    first = branch.commits[0].message.strip().partition("\n")[0].strip()
    if len(branch.commits) == 1 and first:
        return first if len(first) <= _TITLE else f"{first[: _TITLE - 1]}…"
    images = len({change.ref.name for commit in branch.commits for change in commit.changes})
    return f"Update {images} image{'' if images == 1 else 's'}"
