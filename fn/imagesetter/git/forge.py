"""The requests to merge of GitHub, GitLab and Gitea or Forgejo, by the API that the manual of each describes.

One client for the three: they differ in paths and in the names of fields, which `Forge` has. Requests are sent by the
transport of registries, so its rules for addresses and limits hold; redirects are not followed, and nothing is retried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

from imagesetter.errors import GitError
from imagesetter.registry.http.limits import Deadline
from imagesetter.registry.http.redaction import printable

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx

Kind = Literal["github", "gitlab", "gitea"]
_PAGE = 50
_PAGES = 20
_BODY_CAP = 1 << 24
_EXISTS = (409, 422)
_TOKEN = re.compile(r"[!-~]{1,4000}")
_DRAFT = re.compile(r"(?:\[(?:draft|wip)\]|\(draft\)|(?:draft|wip):)\s*", re.IGNORECASE)
_DRAFTS: dict[Kind, str] = {"gitlab": "Draft: ", "gitea": "WIP: "}
"""What a title begins with where that makes a draft."""


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A pull request, or merge request: as it is on the forge."""

    number: int
    branch: str
    title: str
    body: str
    url: str
    labels: frozenset[str]
    is_open: bool
    is_merged: bool


Action = Literal["created", "updated", "unchanged", "left closed", "closed"]


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """What became of the request of a branch."""

    branch: str
    number: int
    url: str
    action: Action


class RequestExists(GitError):
    """There is an open request of this branch already."""


@dataclass(frozen=True, slots=True)
class Forge:
    """The requests of one repository.

    Args:
        kind: which API it speaks.
        api: the API's URL, such as ``https://api.github.com``.
        repository: ``owner/name``; on GitLab perhaps with groups in between.
        token: of the operator's environment.
        transport: sends requests.
        deadline: of the run.
    """

    kind: Kind
    api: str
    repository: str
    token: str
    transport: httpx.BaseTransport
    deadline: Deadline

    def open_requests(self) -> list[MergeRequest]:
        """All open requests from branches of the repository itself."""
        return [found for found in self._list("opened" if self.kind == "gitlab" else "open") if found.is_open]

    def closed_requests(self, branch: str) -> list[MergeRequest]:
        """The requests of a branch that were closed without a merge, newest first."""
        found = self._list("closed", branch)
        return sorted(
            (each for each in found if each.branch == branch and not each.is_open and not each.is_merged),
            key=lambda each: each.number,
            reverse=True,
        )

    @property
    def asks_for_review_at_once(self) -> bool:
        """Whether a request is opened together with its reviewers, rather than before them."""
        return self.kind == "gitlab"

    def create(
        self,
        branch: str,
        base: str,
        title: str,
        body: str,
        labels: frozenset[str],
        *,
        draft: bool = False,
        reviewers: Sequence[str] = (),
    ) -> MergeRequest:
        """Open a request; the reviewers count only where they are named at once.

        Raises:
            RequestExists: somebody else has opened one.
            GitError: the forge refuses, or does not respond.
        """
        if draft:
            title = _DRAFTS.get(self.kind, "") + title
        fields: dict[str, object] = {"title": title}
        if self.kind == "gitlab":
            fields |= {"source_branch": branch, "target_branch": base, "description": body}
            fields["labels"] = ",".join(sorted(labels))
            if reviewers:
                fields["reviewer_ids"] = [self._user(name) for name in reviewers]
            return self._made(self._send("POST", self._path, fields))
        fields |= {"head": branch, "base": base, "body": body}
        if draft and self.kind == "github":
            fields["draft"] = True
        made = self._made(self._send("POST", self._path, fields))
        self._label(made.number, labels)
        return made

    def request_review(self, number: int, reviewers: Sequence[str]) -> None:
        """Ask users, or with ``ORGANIZATION/TEAM`` teams, to review a request, where that is a step of its own.

        Raises:
            GitError: the forge refuses, or does not respond.
        """
        teams = [name.rpartition("/")[2] for name in reviewers if "/" in name]
        fields = {"reviewers": [name for name in reviewers if "/" not in name], "team_reviewers": teams}
        self._send("POST", f"{self._path}/{number}/requested_reviewers", fields)

    def title_of(self, request: MergeRequest) -> str:
        """The title without what makes a request a draft."""
        return request.title[self._draft_mark(request) :]

    def update(
        self,
        request: MergeRequest,
        title: str,
        body: str,
        labels: frozenset[str],
        unwanted: frozenset[str] = frozenset(),
    ) -> None:
        """Change the title and the body of a request, add labels and remove unwanted ones; a draft stays one.

        Raises:
            GitError: the forge refuses, or does not respond.
        """
        title = request.title[: self._draft_mark(request)] + title
        missing, unwanted = labels - request.labels, unwanted & request.labels
        path = f"{self._path}/{request.number}"
        if self.kind == "gitlab":
            fields = {"title": title, "description": body, "add_labels": ",".join(sorted(missing))}
            self._send("PUT", path, {**fields, "remove_labels": ",".join(sorted(unwanted))})
            return
        # First what makes a robot merge the request goes, then the rest is as it will be, then it may come.
        self.remove_labels(request, unwanted)
        if (title, body) != (request.title, request.body):
            self._send("PATCH", path, {"title": title, "body": body})
        self._label(request.number, missing)

    def remove_labels(self, request: MergeRequest, labels: frozenset[str]) -> None:
        """Remove labels from a request that has them.

        Raises:
            GitError: the forge refuses, or does not respond.
        """
        if not labels:
            return
        if self.kind == "gitlab":
            self._send("PUT", f"{self._path}/{request.number}", {"remove_labels": ",".join(sorted(labels))})
            return
        names = {name: str(number) for name, number in self._label_numbers().items()} if self.kind == "gitea" else {}
        for name in sorted(labels):
            path = f"{self._project}/issues/{request.number}/labels/{names.get(name) or quote(name, safe='')}"
            self._send("DELETE", path)

    def close(self, request: MergeRequest, body: str) -> None:
        """Close a request, and change its body.

        Raises:
            GitError: the forge refuses, or does not respond.
        """
        if self.kind == "gitlab":
            self._send("PUT", f"{self._path}/{request.number}", {"description": body, "state_event": "close"})
        else:
            self._send("PATCH", f"{self._path}/{request.number}", {"body": body, "state": "closed"})

    def installation_token(self, installation: str) -> str:
        """The token of a GitHub App's installation, for this repository only; the forge's own token is the App's.

        Args:
            installation: its number; empty for the repository's own.

        Raises:
            GitError: the forge refuses, or does not respond.
        """
        try:
            number = installation or int(self._send("GET", f"{self._project}/installation")["id"])
            fields = {"repositories": [self.repository.partition("/")[2]]}
            token = str(self._send("POST", f"/app/installations/{number}/access_tokens", fields)["token"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood() from error
        if not _TOKEN.fullmatch(token):
            raise self._not_understood()
        return token

    @property
    def _project(self) -> str:
        if self.kind == "gitlab":
            return f"/projects/{quote(self.repository, safe='')}"
        return f"/repos/{quote(self.repository)}"

    @property
    def _path(self) -> str:
        return f"{self._project}/{'merge_requests' if self.kind == 'gitlab' else 'pulls'}"

    def _list(self, state: str, branch: str = "") -> list[MergeRequest]:
        """The requests in a state; GitHub and GitLab can narrow them to a branch."""
        query: dict[str, str | int] = {"state": state}
        if branch and self.kind == "github":
            query["head"] = f"{self.repository.partition('/')[0]}:{branch}"
        if branch and self.kind == "gitlab":
            query["source_branch"] = branch
        return [self._made(row) for row in self._pages(self._path, query, f"{state} requests") if self._is_own(row)]

    def _pages(self, path: str, query: Mapping[str, str | int], what: str) -> Iterator[Any]:
        """The rows of a listing, from all of its pages."""
        size = {"limit" if self.kind == "gitea" else "per_page": _PAGE}
        seen = 0
        for page in range(1, _PAGES + 1):
            response = self._respond("GET", f"{path}?{urlencode({**query, **size, 'page': page})}")
            rows = self._read(response)
            if not isinstance(rows, list):
                raise self._not_understood()
            yield from rows
            seen += len(rows)
            # A server of Gitea may have shorter pages than requested, and says how many rows there are.
            total = response.headers.get("X-Total-Count", "")
            if not rows or (len(rows) < _PAGE and not (total.isascii() and total.isdecimal() and int(total) > seen)):
                return
        raise GitError(f"{self.repository} has more than {seen} {what}", hint="remove those that are not needed")

    def _user(self, name: str) -> int:
        """The number of a user of GitLab."""
        rows = self._send("GET", f"/users?{urlencode({'username': name})}")
        try:
            for row in rows:
                return int(row["id"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood() from error
        raise GitError(f"{self.api} has no user {name}", hint="check --reviewer: it takes names of users")

    def _draft_mark(self, request: MergeRequest) -> int:
        """The length of what makes a request a draft, at the start of its title."""
        found = _DRAFT.match(request.title) if self.kind in _DRAFTS else None
        return found.end() if found else 0

    def _is_own(self, row: Any) -> bool:
        """Whether a request is from a branch of the repository, not of a fork, where a branch has any name."""
        try:
            if self.kind == "gitlab":
                return bool(row["source_project_id"] == row["target_project_id"])
            head = row["head"]["repo"]
            return bool(head) and str(head["full_name"]).lower() == self.repository.lower()
        except (KeyError, TypeError) as error:
            raise self._not_understood() from error

    def _made(self, row: Any) -> MergeRequest:
        try:
            if self.kind == "gitlab":
                labels = frozenset(map(str, row["labels"]))
                number, branch, body, url = row["iid"], row["source_branch"], row["description"], row["web_url"]
                is_open, is_merged = row["state"] == "opened", row["state"] == "merged"
            else:
                labels = frozenset(str(label["name"]) for label in row["labels"])
                number, branch, body, url = row["number"], row["head"]["ref"], row["body"], row["html_url"]
                is_open, is_merged = row["state"] == "open", bool(row.get("merged_at"))
            return MergeRequest(
                int(number), str(branch), str(row["title"]), str(body or ""), str(url), labels, is_open, is_merged
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._not_understood() from error

    def _label(self, number: int, labels: frozenset[str]) -> None:
        if not labels:
            return
        path = f"{self._project}/issues/{number}/labels"
        if self.kind == "github":
            self._send("POST", path, {"labels": sorted(labels)})
            return
        ids = self._label_numbers()
        try:
            for name in sorted(labels - ids.keys()):
                row = self._send("POST", f"{self._project}/labels", {"name": name, "color": "#1d76db"})
                ids[name] = int(row["id"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood() from error
        self._send("POST", path, {"labels": sorted(ids[name] for name in labels)})

    def _label_numbers(self) -> dict[str, int]:
        """The labels of a repository of Gitea."""
        try:
            return {str(row["name"]): int(row["id"]) for row in self._pages(f"{self._project}/labels", {}, "labels")}
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood() from error

    def _send(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> Any:
        return self._read(self._respond(method, path, fields))

    def _respond(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> httpx.Response:
        from imagesetter.registry.http.request import RequestOptions, new_request

        request = new_request(
            method,
            self.api + path,
            RequestOptions(self.deadline, body_cap=_BODY_CAP),
            authorization=f"Bearer {self.token}",
            json=json.dumps(fields) if fields else "",
        )
        response = self.transport.handle_request(request)
        if response.status_code >= 300:
            raise self._refused(method, path, response)
        return response

    def _read(self, response: httpx.Response) -> Any:
        try:
            return json.loads(response.content or b"null")
        except (ValueError, RecursionError) as error:
            raise self._not_understood() from error

    def _refused(self, method: str, path: str, response: httpx.Response) -> GitError:
        """The error of a response, with what the forge says."""
        status = response.status_code
        try:
            message = json.loads(response.content).get("message", "")
        except (ValueError, AttributeError, RecursionError):
            message = ""
        text = printable(str(message))[:300].replace(self.token, "***")
        what = f"{self.api} responds with {status} to {method} {path.partition('?')[0]}{f': {text}' if text else ''}"
        if method == "POST" and path == self._path and status in _EXISTS and "exist" in text.lower():
            return RequestExists(what)
        return GitError(what, hint=_hint(status, text))

    def _not_understood(self) -> GitError:
        hint = f"check that it is the API of {self.kind}, and its version"
        return GitError(f"{self.api} responds with something else than requests", hint=hint)


def _hint(status: int, text: str) -> str:
    """What to do about a response that refuses."""
    if status < 400:
        return "redirects are not followed: use the new URL, of the remote or in --forge"
    if status == 429 or "rate limit" in text.lower():
        return "run it again later, or less often"
    if status in (401, 403, 404):
        return "check the token: it has to be valid for this repository, and may write its requests"
    return "run it again later" if status >= 500 else ""
