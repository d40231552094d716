"""What people's registries do differently, one test for each row of the vendor table.

No vendor was asked: each quirk is played by a server of the test's own, after what their clients' sources and issue
threads report.
"""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from imagesetter.errors import RateLimited, Unauthorized
from imagesetter.registry.client import Client
from imagesetter.registry.events import Event, Waiting
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import IDENTITY_TOKEN, PASSWORD, Always


def scan(server: FakeServer, path: str = "team/app", **settings: Any) -> Any:
    with Client(ClientSettings(clock=FakeClock(), **settings)) as client:
        return client.scan(parse_flux_image(f"{server.host}/{path}"))


def basic(username: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def challenge(line: str) -> httpx.Response:
    return httpx.Response(401, headers={"WWW-Authenticate": line})


class Hub:
    """Docker Hub's two hosts, without a network."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        """URL and Authorization of each."""

    def respond(self, request: httpx.Request) -> httpx.Response:
        authorization = request.headers.get("Authorization", "")
        self.requests.append((str(request.url), authorization))
        if request.url.host == "auth.docker.io":
            return httpx.Response(200, json={"token": "hub-token", "access_token": "hub-token", "expires_in": 300})
        if not authorization:
            repository = request.url.path.removeprefix("/v2/").removesuffix("/tags/list")
            return challenge(
                'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
                f'scope="repository:{repository}:pull"',
            )
        return httpx.Response(200, json={"name": "library/nginx", "tags": ["1.27", "1.9"]})


@pytest.mark.parametrize("image", ["nginx", "docker.io/nginx", "docker.io/library/nginx", "index.docker.io/nginx"])
def test_docker_hub_goes_by_many_names_and_is_one_place(image: str) -> None:
    hub = Hub()
    keychain = Always(only="index.docker.io")
    with Client(ClientSettings(transport=httpx.MockTransport(hub.respond), keychain=keychain)) as client:
        assert client.scan(parse_flux_image(image)).tags == ("1.27", "1.9")
    assert [url for url, _ in hub.requests] == [
        "https://registry-1.docker.io/v2/library/nginx/tags/list?n=1000",
        "https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fnginx%3Apull"
        "&account=alice&client_id=imagesetter",
        "https://registry-1.docker.io/v2/library/nginx/tags/list?n=1000",
    ]
    assert [authorization for _, authorization in hub.requests] == ["", basic("alice"), "Bearer hub-token"]


def test_docker_hub_is_asked_for_tokens_without_a_detour_from_the_second_repository_on() -> None:
    hub = Hub()
    with Client(ClientSettings(transport=httpx.MockTransport(hub.respond))) as client:
        client.scan(parse_flux_image("nginx"))
        first = len(hub.requests)
        client.scan(parse_flux_image("redis"))
    assert [url for url, _ in hub.requests[first:]] == [
        "https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fredis%3Apull"
        "&client_id=imagesetter",
        "https://registry-1.docker.io/v2/library/redis/tags/list?n=1000",
    ]


def test_docker_hubs_quota_is_an_error_that_says_when_to_come_back() -> None:
    with run_fake(lambda seen: Reply(429, b"toomanyrequests", {"Retry-After": "21600"})) as fake:
        with pytest.raises(RateLimited) as caught:
            scan(fake)
        assert "asked to wait 6 h" in str(caught.value)
        assert "with credentials" in caught.value.hint
        assert len(fake.seen) == 1, "waiting would not help, so nobody is pressed"


def test_docker_hub_gets_four_connections_at_most() -> None:
    client = Client()
    assert client._rate_limiter.limit("registry-1.docker.io") == 4
    assert client._rate_limiter.limit("ghcr.io") == 8


def test_ghcr_pages_by_a_hundred_and_lists_by_age() -> None:
    everything = [f"v{number}" for number in range(250, 0, -1)]

    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "anonymous-grant"})
        if not seen.authorization:
            return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="http://{fake.host}/token",service="ghcr.io"'})
        start = int(seen.argument("last")[1:]) if "last" in seen.query else 251
        page = [tag for tag in everything if int(tag[1:]) < start][:100]
        more = {"Link": f'</v2/team/app/tags/list?last={page[-1]}&n=100>; rel="next"'} if page[-1] != "v1" else {}
        return Reply(200, {"tags": page}, more)

    with run_fake(respond) as fake:
        assert scan(fake).tags == tuple(sorted(everything))
        assert [seen.authorization for seen in fake.seen if seen.path == "/token"] == [""]
        assert len([seen for seen in fake.seen if seen.path == "/token"]) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_hidden_repository_of_ghcr_and_quay_is_an_error_with_advice(status: int) -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(status, {"errors": [{"code": "DENIED", "message": "requested access is denied"}]})
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="http://{fake.host}/token"'})

    with run_fake(respond) as fake, pytest.raises(Unauthorized) as caught:
        scan(fake)
    assert "DENIED: requested access is denied" in str(caught.value)
    assert caught.value.hint == f"log in to {fake.host}, or name a secretRef"


def test_ecr_takes_a_password_and_refuses_pages_that_are_too_long() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.authorization != basic("AWS"):
            return Reply(401, b"Not Authorized", {"WWW-Authenticate": 'Basic realm="https://ecr.example/",service="x"'})
        if "n=" in seen.query:
            message = "Invalid parameter at 'maxResults': must have value less than or equal to 100"
            return Reply(400, {"errors": [{"code": "UNSUPPORTED", "message": message}]})
        if "last" in seen.query:
            return Reply(200, {"name": "app", "tags": ["1"]})
        return Reply(
            200, {"name": "app", "tags": ["2"]}, {"Link": '<https://ecr.example/v2/x?last=ukD%2B%3D>; rel="next"'}
        )

    with run_fake(respond) as fake:
        assert scan(fake, keychain=Always("AWS")).tags == ("1", "2")
        assert fake.paths()[-1] == "GET /v2/team/app/tags/list?last=ukD%2B%3D", "the cursor is passed on as it came"


def test_google_tells_upload_times_along_with_the_tags() -> None:
    manifest = {
        "sha256:" + "a" * 64: {"tag": ["1.0", "latest", "\x1b[31m"], "timeUploadedMs": "1714564800123"},
        "sha256:" + "b" * 64: {"tag": [], "timeUploadedMs": "1714564800123"},
        "sha256:" + "c" * 64: {"tag": ["0.9"], "timeUploadedMs": "yesterday"},
        "sha256:" + "d" * 64: None,
    }
    body = {"child": ["sub"], "manifest": manifest, "name": "p/app", "tags": ["1.0", "latest", "0.9"]}
    with run_fake(lambda seen: Reply(200, body)) as fake:
        result = scan(fake)
    assert result.tags == ("0.9", "1.0", "latest")
    assert dict(result.uploaded) == {"1.0": 1714564800.123, "latest": 1714564800.123}


@pytest.mark.parametrize("stamp", ["0", "1", "315532800000", "-62135596800000", "999999999999999", "", "1e12", None, 0])
def test_a_time_of_google_that_no_upload_can_have_is_not_one(stamp: object) -> None:
    """A tag of 1970 would be old enough for every minimum age."""
    body = {"name": "app", "tags": ["1.0"], "manifest": {"sha256:a": {"tag": ["1.0"], "timeUploadedMs": stamp}}}
    with run_fake(lambda seen: Reply(200, body)) as fake:
        assert dict(scan(fake).uploaded) == {}


def test_a_time_of_google_may_be_a_number() -> None:
    manifest = {"sha256:a": {"tag": ["1.0"], "timeUploadedMs": 1714564800123}}
    with run_fake(lambda seen: Reply(200, {"name": "app", "tags": ["1.0"], "manifest": manifest})) as fake:
        assert dict(scan(fake).uploaded) == {"1.0": 1714564800.123}


def oauth(fake: FakeServer, seen: Seen, *, post: int = 200) -> Reply:
    """A token server with OAuth2, and a registry beside it."""
    if seen.path == "/oauth2/token":
        if seen.method == "POST":
            return Reply(post, {"access_token": "granted"} if post == 200 else {})
        return Reply(200, {"access_token": "granted"}) if seen.authorization else Reply(401, {})
    if seen.authorization == "Bearer granted":
        return Reply(200, {"tags": ["1.0"]})
    realm = f'Bearer realm="http://{fake.host}/oauth2/token",service="acr.example",scope="repository:team/app:pull"'
    return Reply(401, {}, {"WWW-Authenticate": realm})


def test_acr_exchanges_an_identity_token() -> None:
    with run_fake(lambda seen: oauth(fake, seen)) as fake:
        keychain = Always("00000000-0000-0000-0000-000000000000", IDENTITY_TOKEN, "identity")
        assert scan(fake, keychain=keychain).tags == ("1.0",)
        form = fake.seen[1]
    assert (form.method, form.query, form.authorization) == ("POST", "", "")
    assert {name: form.argument(name) for name in ("grant_type", "refresh_token", "service", "scope")} == {
        "grant_type": "refresh_token",
        "refresh_token": IDENTITY_TOKEN,
        "service": "acr.example",
        "scope": "repository:team/app:pull",
    }


@pytest.mark.parametrize("status", [404, 405])
def test_identity_token_is_a_password_where_the_server_knows_no_oauth(status: int) -> None:
    with run_fake(lambda seen: oauth(fake, seen, post=status)) as fake:
        keychain = Always("00000000-0000-0000-0000-000000000000", IDENTITY_TOKEN, "identity")
        assert scan(fake, keychain=keychain).tags == ("1.0",)
        assert fake.seen[2].authorization == basic("00000000-0000-0000-0000-000000000000", IDENTITY_TOKEN)


def test_quay_has_a_cursor_of_its_own_and_no_order() -> None:
    def respond(seen: Seen) -> Reply:
        if "next_page" in seen.query:
            return Reply(200, {"tags": ["a"]})
        link = '</v2/team/app/tags/list?next_page=gAAAA%3D&n=100>; rel="next"'
        return Reply(200, {"tags": ["c", "b"]}, {"Link": link})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("a", "b", "c")
        assert fake.paths()[1] == "GET /v2/team/app/tags/list?next_page=gAAAA%3D&n=100"


def test_harbors_robots_have_a_dollar_in_their_name() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/service/token":
            allowed = seen.authorization == basic("robot$team+ci") and seen.argument("account") == "robot$team+ci"
            return Reply(200, {"token": "granted", "expires_in": 1800}) if allowed else Reply(401, {})
        if seen.authorization == "Bearer granted":
            return Reply(200, {"tags": ["1.0"]})
        realm = f'Bearer realm="http://{fake.host}/service/token",service="harbor-registry",scope="repository:team/app:pull"'
        return Reply(401, {}, {"WWW-Authenticate": realm})

    with run_fake(respond) as fake:
        assert scan(fake, keychain=Always("robot$team+ci")).tags == ("1.0",)


def test_gitlabs_token_server_is_another_host_and_gets_the_login() -> None:
    seen: list[tuple[str, str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        authorization = request.headers.get("Authorization", "")
        seen.append((request.url.host, authorization))
        if request.url.host == "gitlab.com":
            return httpx.Response(200, json={"token": "granted"})
        if authorization == "Bearer granted":
            return httpx.Response(200, json={"tags": ["1.0"]})
        return challenge(
            'Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",scope="repository:g/p:pull"',
        )

    settings = ClientSettings(transport=httpx.MockTransport(respond), keychain=Always("gitlab-ci-token"))
    with Client(settings) as client:
        assert client.scan(parse_flux_image("registry.gitlab.com/g/p")).tags == ("1.0",)
    assert seen[1] == ("gitlab.com", basic("gitlab-ci-token"))


def test_artifactory_links_to_the_wrong_path_and_lists_digests() -> None:
    def respond(seen: Seen) -> Reply:
        if not seen.path.startswith("/v2/docker-virtual/team/app/"):
            return Reply(404, {"errors": [{"code": "NAME_UNKNOWN"}]})
        if "last" in seen.query:
            return Reply(200, {"tags": ["2.0", "sha256:" + "a" * 64]}, {"x-jfrog-version": "Artifactory/7"})
        return Reply(200, {"tags": ["1.0"]}, {"Link": '</v2/team/app/tags/list?last=1.0&n=1000>; rel="next"'})

    with run_fake(respond) as fake:
        result = scan(fake, "docker-virtual/team/app")
    assert result.tags == ("1.0", "2.0")
    assert result.warnings == ("entries of the tag list were dropped: 1 that no tag can be",)


def test_gitea_joins_two_challenges_in_one_line() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/v2/token":
            return Reply(200, {"token": "granted"})
        if seen.authorization == "Bearer granted":
            return Reply(200, {"tags": ["1.0"]})
        line = f'Bearer realm="http://{fake.host}/v2/token",service="container_registry",scope="*",Basic realm="Gitea"'
        return Reply(401, {}, {"WWW-Authenticate": line})

    with run_fake(respond) as fake:
        assert scan(fake, keychain=Always()).tags == ("1.0",)
        assert [seen.path for seen in fake.seen][1] == "/v2/token", "Bearer comes before Basic"


def test_nexus_lists_nulls_and_links_past_its_connector() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.authorization != basic("alice"):
            return Reply(
                401, {}, {"WWW-Authenticate": ["Negotiate", 'BASIC realm="Sonatype Nexus Repository Manager"']}
            )
        if "last" in seen.query:
            return Reply(200, {"tags": [None, "2.0"]})
        link = f'<http://{fake.host}/repository/docker-hosted/v2/team/app/tags/list?n=1000&last=1.0>; rel="next"'
        return Reply(200, {"tags": ["1.0", None]}, {"Link": link})

    with run_fake(respond) as fake:
        assert scan(fake, keychain=Always()).tags == ("1.0", "2.0")


def test_virtual_repository_may_ask_for_the_scope_of_another_name() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "for-" + seen.argument("scope").split(":")[1].replace("/", "-")})
        if seen.authorization == "Bearer for-library-nginx":
            return Reply(200, {"tags": ["1.0"]})
        scope = 'scope="repository:library/nginx:pull",error="insufficient_scope"'
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="http://{fake.host}/token",{scope}'})

    with run_fake(respond) as fake:
        assert scan(fake, "remote/library/nginx").tags == ("1.0",)


@pytest.mark.parametrize(
    "body",
    [{"name": "app", "tags": None}, {"name": "app", "tags": []}, {"name": "app"}],
    ids=["null", "empty", "missing"],
)
def test_repository_without_tags_has_none(body: object) -> None:
    with run_fake(lambda seen: Reply(200, body)) as fake:
        assert scan(fake).tags == ()


def test_waiting_is_told_to_whoever_shows_progress() -> None:
    events: list[Event] = []
    answers = iter([Reply(429, b"", {"Retry-After": "12"}), Reply(200, {"tags": ["1.0"]})])
    with run_fake(lambda seen: next(answers)) as fake:
        assert scan(fake, listener=events.append).tags == ("1.0",)
        assert Waiting(fake.host, 12.0, 429) in events


def test_options_without_keychain_ask_nobody() -> None:
    with run_fake(lambda seen: Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})) as fake:
        with Client() as client, pytest.raises(Unauthorized, match="without credentials"):
            client.scan(parse_flux_image(f"{fake.host}/app"), options=ScanOptions())
        assert len(fake.seen) == 1
