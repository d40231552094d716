"""When tags were uploaded, by the registries' own APIs: for the minimum age of a tag.

The tag list of the OCI protocol has no times, and the ``created`` of an image is what its builder wrote. So each vendor
that knows the time has a function here; Google's registries send it with the list (`imagesetter.registry.tags`).

=============  =========================================================  ===========================================
registry       request                                                    credentials
=============  =========================================================  ===========================================
Docker Hub     ``hub.docker.com/v2/repositories/NAME/tags``               none: its API takes no login of the registry
Quay           ``quay.io/api/v1/repository/NAME/tag/``                    none: its API takes no robot account
GHCR           ``api.github.com/…/packages/container/NAME/versions``      the token, which GitHub's API needs
Harbor         ``/api/v2.0/projects/…/repositories/…/artifacts``          the login, to the registry's own host
=============  =========================================================  ===========================================

GitLab is missing on purpose: the time that it has of a tag is the one that the image states.

All list the newest first, and `MOST_PAGES` pages are read: a tag without a time is as old as the lock says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.http.hosts import HUB_API, Host
from imagesetter.registry.reference import Repository, is_tag

MOST_PAGES = 20
PAGE_SIZE = 100
_FIRST_MOMENT, _LAST_MOMENT = 1_363_737_600.0, 1e11
"""Docker's first release: an earlier time is none, such as the year 1 of Go or 1980 of archives."""

Get = Callable[[str, str], Any]
"""Requests a URL with the value of ``Authorization``; returns the JSON document of the response."""

Times = Iterator[tuple[object, object]]
"""Tags and their times, as the API has them."""


def reads_upload_times(host: Host, service: str) -> bool:
    """Whether there is an API for a registry; *service* is that of its challenge, which tells a Harbor."""
    return host.name in _BY_HOST or service == _HARBOR


def upload_times(repository: Repository, host: Host, login: Credential | None, get: Get) -> Mapping[str, float]:
    """tag → seconds since 1970.

    Args:
        repository: whose tags.
        host: of its registry.
        login: the credentials for that host.
        get: sends the requests.

    Raises:
        RegistryError: the API gives no list.
    """
    found: dict[str, float] = {}
    for tag, time in _BY_HOST.get(host.name, _harbor)(repository.path, host, login, get):
        moment = upload_moment(time)
        if is_tag(tag) and moment is not None:
            found.setdefault(tag, moment)
    return found


def _docker_hub(path: str, host: Host, login: Credential | None, get: Get) -> Times:
    for page in range(1, MOST_PAGES + 1):
        url = f"https://hub.docker.com/v2/repositories/{quote(path)}/tags"
        answer = _object(get(f"{url}?page_size={PAGE_SIZE}&page={page}&ordering=last_updated", ""))
        yield from ((entry.get("name"), entry.get("tag_last_pushed")) for entry in _objects(answer.get("results")))
        if not answer.get("next"):
            return


def _quay(path: str, host: Host, login: Credential | None, get: Get) -> Times:
    for page in range(1, MOST_PAGES + 1):
        url = f"https://quay.io/api/v1/repository/{quote(path)}/tag/"
        answer = _object(get(f"{url}?onlyActiveTags=true&limit={PAGE_SIZE}&page={page}", ""))
        yield from ((entry.get("name"), entry.get("start_ts")) for entry in _objects(answer.get("tags")))
        if not answer.get("has_additional"):
            return


def _github(path: str, host: Host, login: Credential | None, get: Get) -> Times:
    if login is None or login.kind != "password":
        return
    owner, _, name = path.partition("/")
    for page in range(1, MOST_PAGES + 1):
        url = f"https://api.github.com/users/{quote(owner)}/packages/container/{quote(name, safe='')}/versions"
        versions = list(_objects(get(f"{url}?per_page={PAGE_SIZE}&page={page}", f"Bearer {login.secret}")))
        for version in versions:
            tags = _object(_object(version.get("metadata")).get("container")).get("tags")
            yield from ((tag, version.get("created_at")) for tag in (tags if isinstance(tags, list) else ()))
        if len(versions) < PAGE_SIZE:
            return


def _harbor(path: str, host: Host, login: Credential | None, get: Get) -> Times:
    project, _, name = path.partition("/")
    base = f"https://{host}/api/v2.0/projects/{quote(project)}/repositories/{quote(quote(name, safe=''))}/artifacts"
    authorization = login.basic if login is not None and login.kind == "password" else ""
    for page in range(1, MOST_PAGES + 1):
        query = f"page={page}&page_size={PAGE_SIZE}&with_tag=true&sort=-push_time"
        artifacts = list(_objects(get(f"{base}?{query}", authorization)))
        for artifact in artifacts:
            yield from ((tag.get("name"), tag.get("push_time")) for tag in _objects(artifact.get("tags")))
        if len(artifacts) < PAGE_SIZE:
            return


_HARBOR = "harbor-registry"
_BY_HOST: Mapping[str, Callable[[str, Host, Credential | None, Get], Times]] = {
    HUB_API: _docker_hub,
    "quay.io": _quay,
    "ghcr.io": _github,
}


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> Iterable[Mapping[str, object]]:
    return (entry for entry in value if isinstance(entry, Mapping)) if isinstance(value, list) else ()


def upload_moment(value: object) -> float | None:
    """Seconds since 1970 from a number, or from a time as RFC 3339 writes it; None for what cannot be one."""
    if isinstance(value, str) and len(value) <= 64:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        value = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if _FIRST_MOMENT < value < _LAST_MOMENT else None
