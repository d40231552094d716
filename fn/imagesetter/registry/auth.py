"""How a request gets its ``Authorization``: challenge, token, retry."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Generator

import httpx

from imagesetter.registry.challenges import parse_challenges


class Tokens:
    """Tokens by host and repository."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.header: dict[tuple[str, str], str] = {}


class RegistryAuth(httpx.Auth):
    """One request's way through the registry's challenge."""

    def __init__(self, tokens: Tokens, repository: str, credential: tuple[str, str] | None) -> None:
        self._tokens, self._repository, self._credential = tokens, repository, credential

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask; where that is refused, do what the challenge says and ask again."""
        key = (request.url.netloc.decode(), self._repository)
        if key in self._tokens.header:
            request.headers["Authorization"] = self._tokens.header[key]
        response = yield request
        if response.status_code != 401:
            return
        offered = {c.scheme: c for c in reversed(parse_challenges(response.headers.get_list("www-authenticate")))}
        basic = ""
        if self._credential is not None:
            basic = "Basic " + base64.b64encode(":".join(self._credential).encode()).decode()
        if "bearer" in offered:
            wanted = offered["bearer"].parameters
            url = httpx.URL(wanted["realm"]).copy_merge_params(
                {"service": wanted.get("service", ""), "scope": wanted.get("scope", "")}
            )
            answer = yield httpx.Request("GET", url, headers={"Authorization": basic} if basic else {})
            if answer.status_code != 200:
                return
            token = json.loads(answer.read())
            header = "Bearer " + (token.get("token") or token["access_token"])
        elif "basic" in offered and basic:
            header = basic
        else:
            return
        self._tokens.header[key] = request.headers["Authorization"] = header
        yield request
