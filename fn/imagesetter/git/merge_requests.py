"""Exactly one request for each push branch of an automation: opened, updated, left closed, or closed.

The body ends with a comment that no page shows: the automation, and a hash of the values that the branch sets. So a
request is recognised as the automation's, and one that somebody closed is opened again only for other values.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

from imagesetter.flux.markers import PolicyName
from imagesetter.git.forge import Forge, MergeRequest, RequestExists, RequestOutcome
from imagesetter.git.run_result import PushBranch

_MARK = re.compile(r"<!-- imagesetter (\S+) (\S+) -->\s*\Z")
_CLOSED = "closed"
_TITLE = 200


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
    labels: frozenset[str],
    *,
    complete: bool,
) -> list[RequestOutcome]:
    """Bring the requests of an automation up to date.

    Args:
        forge: where they are.
        automation: whose they are.
        branches: the branches of a run.
        body_of: the report about a branch, as Markdown.
        labels: what every request is labelled with; labels of others stay.
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
        outcomes.append(_bring(forge, branch, body, present.get(branch.name), labels))
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


def _bring(
    forge: Forge, branch: PushBranch, body: str, request: MergeRequest | None, labels: frozenset[str]
) -> RequestOutcome:
    """Open or update the request of one branch."""
    title = _title(branch)
    if request is None:
        for closed in forge.closed_requests(branch.name)[:1]:
            before, now = _MARK.search(closed.body.rstrip()), _MARK.search(body.rstrip())
            if before and now and before.groups() == now.groups():
                return RequestOutcome(branch.name, closed.number, closed.url, "left closed")
        try:
            made = forge.create(branch.name, branch.base, title, body, labels)
        except RequestExists:
            request = next((each for each in forge.open_requests() if each.branch == branch.name), None)
            if request is None:
                raise
        else:
            return RequestOutcome(branch.name, made.number, made.url, "created")
    same = (request.title, request.body.strip()) == (title, body.strip()) and labels <= request.labels
    if not same:
        forge.update(request, title, body, labels)
    return RequestOutcome(branch.name, request.number, request.url, "unchanged" if same else "updated")


def _title(branch: PushBranch) -> str:
    """The first line of the only commit's message, else how many images there are."""
    first = branch.commits[0].message.strip().partition("\n")[0].strip()
    if len(branch.commits) == 1 and first:
        return first if len(first) <= _TITLE else f"{first[: _TITLE - 1]}…"
    images = len({change.ref.name for commit in branch.commits for change in commit.changes})
    return f"Update {images} image{'' if images == 1 else 's'}"
