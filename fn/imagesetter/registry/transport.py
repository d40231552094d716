"""Requests and answers: the only file that names the HTTP library."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from imagesetter.errors import Unreachable
from imagesetter.registry.auth import RegistryAuth, Tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """A pool of connections."""

    def __init__(self, ca_file: Path | None) -> None:
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
        self._client = httpx.Client(verify=context, trust_env=False, follow_redirects=False, timeout=30)
        self._tokens = Tokens()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def ask(self, method: str, url: str, *, accept: str, repository: str, credential: tuple[str, str] | None) -> Answer:
        """Send one request, with authorization where the registry asks for it."""
        auth = RegistryAuth(self._tokens, repository, credential)
        try:
            response = self._client.request(method, url, headers={"Accept": accept}, auth=auth)
        except httpx.HTTPError as err:
            raise Unreachable(f"{url}: {err}") from err
        return Answer(response.status_code, response.headers, response.content)
