"""A forge on loopback: what its manual says of pull requests or merge requests, and the Git server beside it.

::

    with run_forge("gitlab") as forge:
        forge.api, forge.requests, forge.written
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import jwt

REPOSITORY = "org/fleet"
TOKEN = "t0ken"
BASES = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1"}


@dataclass
class Request:
    """A pull request as the forge keeps it."""

    number: int
    branch: str
    base: str
    title: str
    body: str
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    fork: bool = False
    draft: bool = False
    reviewers: list[str] = field(default_factory=list)


class FakeForge(ThreadingHTTPServer):
    """``requests`` are what people see; ``written`` are all calls that change something."""

    daemon_threads = True

    def __init__(self, kind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kind = kind
        self.requests: list[Request] = []
        self.labels: dict[str, int] = {}
        self.written: list[str] = []
        self.token = TOKEN
        self.people = {"jane": 41, "joe": 42, "org/platform": 43}
        """Who can review, with the numbers that GitLab gives them; a team has its organization in front."""
        self.refusal: tuple[int, str] | None = None
        """The status and the message of every response."""
        self.longest = 100
        """How many rows a page of the server may have."""
        self.app: tuple[str, Any] | None = None
        """A GitHub App: its number and its public key. Installation 7 is the one of the repository."""
        self.hidden = 0
        """How many listings do not show a request yet that somebody else has opened."""

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{BASES[self.kind]}"

    def open(self, branch: str, base: str, title: str, body: str) -> Request | None:
        """A new request; None if the branch has an open one."""
        if any(each.branch == branch and each.state == "open" and not each.fork for each in self.requests):
            return None
        made = Request(len(self.requests) + 1, branch, base, title, body)
        self.requests.append(made)
        return made

    def row(self, request: Request) -> dict[str, Any]:
        """A request as the API shows it."""
        url = f"http://forge.example.com/{request.number}"
        if self.kind == "gitlab":
            state = {"open": "opened"}.get(request.state, request.state)
            return {
                "iid": request.number, "source_branch": request.branch, "title": request.title, "state": state,
                "description": request.body, "web_url": url, "labels": request.labels,
                "source_project_id": 2 if request.fork else 1, "target_project_id": 1,
            }  # fmt: skip
        owner = "somebody" if request.fork else "org"
        return {
            "number": request.number, "title": request.title, "body": request.body, "html_url": url,
            "head": {"ref": request.branch, "repo": {"full_name": f"{owner}/fleet"}},
            "state": "closed" if request.state == "merged" else request.state,
            "merged_at": "2026-03-01T00:00:00Z" if request.state == "merged" else None,
            "labels": [{"name": name} for name in request.labels],
        }  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _total = ""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Content-Type"] == "application/json"
        self._answer(body)

    def do_DELETE(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        self.do_POST()

    def do_PATCH(self) -> None:
        self.do_POST()

    def _answer(self, body: dict[str, Any]) -> None:
        self._total = ""
        status, answer = self._found(body)
        data = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if self._total and cast("FakeForge", self.server).kind == "gitea":
            self.send_header("X-Total-Count", self._total)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _found(self, body: dict[str, Any]) -> tuple[int, Any]:
        forge = cast("FakeForge", self.server)
        if forge.refusal:
            return forge.refusal[0], {"message": forge.refusal[1]}
        if forge.app and self.path.endswith(("/installation", "/access_tokens")):
            return self._installation(forge, forge.app, body)
        if self.headers["Authorization"] != f"Bearer {forge.token}":
            return 401, {"message": f"Bad credentials: {self.headers['Authorization']}"}
        parts = urlsplit(self.path)
        project = f"/projects/{REPOSITORY.replace('/', '%2F')}" if forge.kind == "gitlab" else f"/repos/{REPOSITORY}"
        prefix = BASES[forge.kind] + project
        if forge.kind == "gitlab" and parts.path == f"{BASES['gitlab']}/users":
            numbers = [forge.people[name] for name in parse_qs(parts.query)["username"] if name in forge.people]
            return 200, [{"id": number} for number in numbers]
        if not parts.path.startswith(prefix):
            return 404, {"message": "Not Found"}
        path = parts.path.removeprefix(prefix)
        if self.command != "GET":
            forge.written.append(f"{self.command} {unquote(path)}")
        if path in ("/pulls", "/merge_requests"):
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            return self._list(forge, query) if self.command == "GET" else self._open(forge, body)
        if path == "/labels":
            if self.command == "POST":
                forge.labels[body["name"]] = len(forge.labels) + 7
                return 201, {"id": forge.labels[body["name"]], "name": body["name"]}
            return 200, self._page([{"id": number, "name": name} for name, number in forge.labels.items()])
        found = re.fullmatch(r"/(pulls|merge_requests|issues)/(\d+)(/labels|/requested_reviewers)?(?:/(.*))?", path)
        assert found, path
        request = forge.requests[int(found[2]) - 1]
        if found[3] == "/requested_reviewers":
            return self._asked_to_review(forge, request, body)
        if self.command == "DELETE":
            names = {str(number): name for name, number in forge.labels.items()}
            request.labels.remove(names[found[4]] if forge.kind == "gitea" else unquote(found[4]))
            return (204, None) if forge.kind == "gitea" else (200, [])
        if found[3]:
            names = {number: name for name, number in forge.labels.items()}
            request.labels += [names[each] if forge.kind == "gitea" else each for each in body["labels"]]
            return 200, []
        request.title = body.get("title", request.title)
        request.body = body.get("body", body.get("description", request.body))
        request.labels += [name for name in body.get("add_labels", "").split(",") if name]
        gone = body.get("remove_labels", "").split(",")
        request.labels[:] = [name for name in request.labels if name not in gone]
        if body.get("state") == "closed" or body.get("state_event") == "close":
            request.state = "closed"
        return 200, forge.row(request)

    def _installation(self, forge: FakeForge, app: tuple[str, Any], body: dict[str, Any]) -> tuple[int, Any]:
        """The installation of a repository, or its token, for the App's own token."""
        number, key = app
        try:
            claims = jwt.decode(self.headers["Authorization"].removeprefix("Bearer "), key, ["RS256"], issuer=number)
        except jwt.PyJWTError:
            return 401, {"message": "A JSON web token could not be decoded"}
        assert claims["exp"] - time.time() <= 600
        if self.path == f"{BASES['github']}/repos/{REPOSITORY}/installation":
            return 200, {"id": 7}
        if self.path != f"{BASES['github']}/app/installations/7/access_tokens":
            return 404, {"message": "Not Found"}
        assert body == {"repositories": [REPOSITORY.partition("/")[2]]}
        return 201, {"token": forge.token, "expires_at": "2026-03-01T13:00:00Z"}

    def _asked_to_review(self, forge: FakeForge, request: Request, body: dict[str, Any]) -> tuple[int, Any]:
        names = [*body["reviewers"], *(f"org/{team}" for team in body["team_reviewers"])]
        if unknown := [name for name in names if name not in forge.people]:
            return 422, {"message": f"Reviews may only be requested from collaborators: {unknown[0]}"}
        request.reviewers += names
        return 201, forge.row(request)

    def _page(self, rows: list[Any]) -> list[Any]:
        """The rows that the query asks for; never more than the server allows."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        size = min(int(query.get("limit") or query["per_page"]), cast("FakeForge", self.server).longest)
        self._total = str(len(rows))
        start = (int(query["page"]) - 1) * size
        return rows[start : start + size]

    def _list(self, forge: FakeForge, query: dict[str, str]) -> tuple[int, Any]:
        state = {"opened": "open"}.get(query["state"], query["state"])
        rows = [each for each in forge.requests if (forge.row(each)["state"] in (query["state"], state))]
        branch = query.get("source_branch") or query.get("head", "").partition(":")[2]
        rows = [each for each in rows if not branch or each.branch == branch]
        if forge.hidden and state == "open":
            forge.hidden -= 1
            rows = []
        return 200, self._page([forge.row(each) for each in rows])

    def _open(self, forge: FakeForge, body: dict[str, Any]) -> tuple[int, Any]:
        gitlab = forge.kind == "gitlab"
        head, base = (body["source_branch"], body["target_branch"]) if gitlab else (body["head"], body["base"])
        made = forge.open(head, base, body["title"], body["description" if gitlab else "body"])
        if made is None:
            status = 422 if forge.kind == "github" else 409
            return status, {"message": f"A pull request already exists for org:{head}"}
        made.labels += [name for name in body.get("labels", "").split(",") if name]
        made.draft = body.get("draft", False)
        made.reviewers += [name for name, number in forge.people.items() if number in body.get("reviewer_ids", [])]
        return 201, forge.row(made)


@contextmanager
def run_forge(kind: str) -> Iterator[FakeForge]:
    """A forge that runs while the block does."""
    server = FakeForge(kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
