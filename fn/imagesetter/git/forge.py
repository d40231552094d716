"""The requests to merge of GitHub, GitLab and Gitea or Forgejo, by the API that the manual of each describes.

One client for the three: they differ in paths and in the names of fields, which `Forge` has. Requests are sent by the
transport of registries, so its rules for addresses and limits hold; redirects are not followed, and nothing is retried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlencode

from imagesetter.errors import GitError
from imagesetter.registry.http.limits import Deadline

if TYPE_CHECKING:
    from imagesetter.registry.http.library import httpx

Kind = Literal["github", "gitlab", "gitea"]
_PAGE = 50
_PAGES = 20
_BODY_CAP = 1 << 24
_EXISTS = (409, 422)
_TOKEN = re.compile(r"[!-~]{1,4000}")


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

    def create(self, branch: str, base: str, title: str, body: str, labels: frozenset[str]) -> MergeRequest:
        """Open a request.

        Raises:
            RequestExists: somebody else has opened one.
            GitError: the forge refuses, or does not respond.
        """
        if self.kind == "gitlab":
            fields = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
            return self._made(self._send("POST", self._path, {**fields, "labels": ",".join(sorted(labels))}))
        made = self._made(self._send("POST", self._path, {"head": branch, "base": base, "title": title, "body": body}))
        self._label(made.number, labels)
        return made

    def update(self, request: MergeRequest, title: str, body: str, labels: frozenset[str]) -> None:
        """Change the title and the body of a request, and add labels.

        Raises:
            GitError: the forge refuses, or does not respond.
        """
        missing = labels - request.labels
        if self.kind == "gitlab":
            fields = {"title": title, "description": body, "add_labels": ",".join(sorted(missing))}
            self._send("PUT", f"{self._path}/{request.number}", fields)
            return
        if (title, body) != (request.title, request.body):
            self._send("PATCH", f"{self._path}/{request.number}", {"title": title, "body": body})
        self._label(request.number, missing)

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
        query["limit" if self.kind == "gitea" else "per_page"] = _PAGE
        found: list[MergeRequest] = []
        for page in range(1, _PAGES + 1):
            rows = self._send("GET", f"{self._path}?{urlencode({**query, 'page': page})}")
            if not isinstance(rows, list):
                raise self._not_understood()
            found += [self._made(row) for row in rows if self._is_own(row)]
            if len(rows) < _PAGE:
                return found
        raise GitError(
            f"{self.repository} has more than {_PAGE * _PAGES} {state} requests", hint="close those that are not needed"
        )

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
        known = self._send("GET", f"{self._project}/labels?limit={_PAGE}")
        try:
            ids = {str(row["name"]): int(row["id"]) for row in known}
            for name in sorted(labels - ids.keys()):
                row = self._send("POST", f"{self._project}/labels", {"name": name, "color": "#1d76db"})
                ids[name] = int(row["id"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_understood() from error
        self._send("POST", path, {"labels": sorted(ids[name] for name in labels)})

    def _send(self, method: str, path: str, fields: Mapping[str, object] | None = None) -> Any:
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
        try:
            return json.loads(response.content or b"null")
        except (ValueError, RecursionError) as error:
            raise self._not_understood() from error

    def _refused(self, method: str, path: str, response: httpx.Response) -> GitError:
        """The error of a response, with what the forge says."""
        from imagesetter.registry.http.redaction import printable

        status = response.status_code
        try:
            message = json.loads(response.content).get("message", "")
        except (ValueError, AttributeError, RecursionError):
            message = ""
        text = printable(str(message))[:300].replace(self.token, "***")
        what = f"{self.api} responds with {status} to {method} {path.partition('?')[0]}{f': {text}' if text else ''}"
        if method == "POST" and path == self._path and status in _EXISTS and "exist" in text.lower():
            return RequestExists(what)
        hint = ""
        if status in (401, 403, 404):
            hint = "check the token: it has to be valid for this repository, and may write its requests"
        return GitError(what, hint=hint)

    def _not_understood(self) -> GitError:
        hint = f"check that it is the API of {self.kind}, and its version"
        return GitError(f"{self.api} responds with something else than requests", hint=hint)
