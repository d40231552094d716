"""Upload times by the registries' own APIs: who is asked, with which login, and what becomes of odd answers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagesetter.registry.client import Client
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings
from imagesetter.registry.upload_times import MOST_PAGES, PAGE_SIZE
from support.clocks import FakeClock
from support.logins import PASSWORD, Always

LOGIN = "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
MOMENT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC).timestamp()


class Vendor:
    """A registry and its API, without a network."""

    def __init__(self, api: Callable[[httpx.Request], Any], service: str = "registry") -> None:
        self.api, self.service = api, service
        self.asked: list[tuple[str, str]] = []
        """URL and Authorization of each request to the API."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        authorization = request.headers.get("Authorization", "")
        if request.url.path.endswith("/tags/list"):
            if authorization == "Bearer t":
                return httpx.Response(200, json={"name": "x", "tags": ["1.0", "1.1"]})
            realm = f'Bearer realm="https://{request.url.host}/token",service="{self.service}"'
            return httpx.Response(401, headers={"WWW-Authenticate": realm})
        if request.url.path == "/token":
            return httpx.Response(200, json={"token": "t"})
        self.asked.append((str(request.url), authorization))
        answer = self.api(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def scan(image: str, vendor: Vendor, *, upload_times: bool = True, **settings: Any) -> Scan:
    with Client(ClientSettings(transport=httpx.MockTransport(vendor), clock=FakeClock(), **settings)) as client:
        return client.scan(parse_flux_image(image), options=ScanOptions(upload_times=upload_times))


def test_docker_hub_tells_when_a_tag_was_pushed() -> None:
    pages = {
        "1": {"results": [{"name": "1.1", "tag_last_pushed": "2024-05-01T12:00:00.000000Z"}], "next": "there is more"},
        "2": {"results": [{"name": "1.0", "tag_last_pushed": "2024-05-01T12:00:00Z"}], "next": None},
    }
    vendor = Vendor(lambda request: pages[request.url.params["page"]])
    result = scan("nginx", vendor, keychain=Always())
    assert dict(result.uploaded) == {"1.0": MOMENT, "1.1": MOMENT}
    assert vendor.asked == [
        (f"https://hub.docker.com/v2/repositories/library/nginx/tags?page_size=100&page={n}&ordering=last_updated", "")
        for n in (1, 2)
    ]


def test_quay_tells_when_a_tag_began() -> None:
    answer = {"tags": [{"name": "1.0", "start_ts": int(MOMENT)}], "has_additional": False}
    vendor = Vendor(lambda request: answer)
    assert dict(scan("quay.io/org/app", vendor, keychain=Always()).uploaded) == {"1.0": MOMENT}
    url = "https://quay.io/api/v1/repository/org/app/tag/?onlyActiveTags=true&limit=100&page=1"
    assert vendor.asked == [(url, "")]


def test_harbor_is_known_by_its_challenge_and_gets_the_login_of_its_own_host() -> None:
    artifacts = [
        {"push_time": "2020-01-01T00:00:00Z", "tags": [{"name": "1.0", "push_time": "2024-05-01T12:00:00.123Z"}]}
    ]
    vendor = Vendor(lambda request: artifacts, "harbor-registry")
    result = scan("harbor.example.com/team/web/app", vendor, keychain=Always())
    assert dict(result.uploaded) == {"1.0": MOMENT + 0.123}
    ((url, login),) = vendor.asked
    assert login == LOGIN
    assert url == (
        "https://harbor.example.com/api/v2.0/projects/team/repositories/web%252Fapp/artifacts"
        "?page=1&page_size=100&with_tag=true&sort=-push_time"
    )


VERSIONS = [{"created_at": "2024-05-01T12:00:00Z", "metadata": {"container": {"tags": ["1.0", "latest"]}}}]


def test_githubs_api_is_another_host_and_gets_the_token_only_with_leave() -> None:
    vendor = Vendor(lambda request: VERSIONS)
    result = scan("ghcr.io/org/app", vendor, keychain=Always())
    assert (dict(result.uploaded), vendor.asked) == ({}, [])
    assert result.warnings == (
        "the upload times of ghcr.io/org/app are not known: api.github.com needs the login of ghcr.io, which is not"
        " sent there (to allow it: --allow-auth-host ghcr.io=api.github.com)",
    )
    rules = AddressRules.parse((), ("ghcr.io=api.github.com",))
    result = scan("ghcr.io/org/app", vendor, keychain=Always(), address_rules=rules)
    assert dict(result.uploaded) == {"1.0": MOMENT, "latest": MOMENT}
    assert vendor.asked == [
        ("https://api.github.com/users/org/packages/container/app/versions?per_page=100&page=1", f"Bearer {PASSWORD}")
    ]


@pytest.mark.parametrize("image", ["registry.example.com/app", "gitlab.example.com/group/app"])
def test_a_registry_without_an_api_is_not_asked(image: str) -> None:
    vendor = Vendor(lambda request: httpx.Response(500))
    assert (dict(scan(image, vendor).uploaded), vendor.asked) == ({}, [])


def test_nobody_is_asked_where_no_time_is_needed() -> None:
    vendor = Vendor(lambda request: httpx.Response(500))
    scan("nginx", vendor, upload_times=False)
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(404), "https://quay.io/api/v1/repository/org/app/tag/ responded with 404"),
        (
            httpx.Response(200, text="<html>"),
            "https://quay.io/api/v1/repository/org/app/tag/ did not respond with JSON",
        ),
    ],
)
def test_an_api_that_does_not_respond_is_a_warning(answer: httpx.Response, reason: str) -> None:
    result = scan("quay.io/org/app", Vendor(lambda request: answer))
    assert result.tags == ("1.0", "1.1")
    assert result.warnings == (f"the upload times of quay.io/org/app are not known: {reason}",)


@pytest.mark.parametrize(
    "time",
    [
        None,
        "",
        "yesterday",
        "9" * 70,
        -5,
        0,
        1e300,
        True,
        [],
        {"x": 1},
        "2024-13-01T00:00:00Z",
        1_700_000_000_000,
        "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1980-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_a_time_that_is_none_is_left_out(time: object) -> None:
    answer = {"tags": [{"name": "1.0", "start_ts": time}, {"name": "\x1b[31m", "start_ts": 5}, None, 7]}
    result = scan("quay.io/org/app", Vendor(lambda request: answer))
    assert (dict(result.uploaded), result.warnings) == ({}, ())


@pytest.mark.parametrize("answer", [[], {}, None, 7, {"tags": {}}, {"tags": [None]}])
def test_an_answer_of_another_form_has_no_times(answer: object) -> None:
    assert dict(scan("quay.io/org/app", Vendor(lambda request: answer)).uploaded) == {}


def test_pages_without_end_are_not_read_to_their_end() -> None:
    answer = {"tags": [{"name": "1.0", "start_ts": 5}] * PAGE_SIZE, "has_additional": True}
    vendor = Vendor(lambda request: answer)
    scan("quay.io/org/app", vendor)
    assert len(vendor.asked) == MOST_PAGES


def test_a_cached_scan_without_times_does_not_do_where_they_are_needed(tmp_path: Path) -> None:
    vendor = Vendor(lambda request: {"tags": [{"name": "1.0", "start_ts": int(MOMENT)}]})
    settings = {"cache_folder": tmp_path / "cache"}
    scan("quay.io/org/app", vendor, upload_times=False, **settings)
    for _ in range(2):
        assert dict(scan("quay.io/org/app", vendor, **settings).uploaded) == {"1.0": MOMENT}
    assert scan("quay.io/org/app", vendor, **settings).from_cache
    assert len(vendor.asked) == 1
