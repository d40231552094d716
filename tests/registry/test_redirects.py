"""Redirects of honest fronts: registry.k8s.io and its kin answer every request with the address of another host."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from imagesetter.errors import EgressRefused, NotFound, ProtocolError, RateLimited, RegistryError, Unauthorized
from imagesetter.registry.client import Client
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from registry.conftest import Names
from support.certificates import Authority
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Respond, Seen, run_fake
from support.logins import PASSWORD, Always

DIGEST = "sha256:" + "d" * 64
LOGIN = "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()


def scan(image: str, *, options: ScanOptions | None = None, **settings: Any) -> Any:
    with Client(ClientSettings(clock=FakeClock(), **settings)) as client:
        return client.scan(parse_flux_image(image), options=options)


def back(seen: Seen) -> Reply:
    if seen.path == "/v2/prod/images/pause/tags/list":
        return Reply(200, {"name": "prod/images/pause", "tags": ["3.9", "3.10"]})
    if seen.path == "/v2/prod/images/pause/manifests/3.10":
        return Reply(200, b"{}", {"Docker-Content-Digest": DIGEST})
    return Reply(404, {"errors": [{"code": "NAME_UNKNOWN"}]})


def front_of(target: FakeServer, status: int = 307, host: str = "") -> Respond:
    """A front as registry.k8s.io's: ``/v2/`` itself, and a redirect for everything else, query included."""

    def respond(seen: Seen) -> Reply:
        if seen.path == "/v2/":
            return Reply(200, {})
        query = f"?{seen.query}" if seen.query else ""
        url = f"{target.scheme}://{host or target.host}/v2/prod/images/{seen.path.removeprefix('/v2/')}{query}"
        return Reply(status, b"", {"Location": url})

    return respond


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_tags_and_digests_are_followed_to_another_host(status: int) -> None:
    with run_fake(back) as target, run_fake(front_of(target, status)) as front, Client() as client:
        image = parse_flux_image(f"localhost:{front.port}/pause")
        assert client.scan(image).tags == ("3.10", "3.9")
        assert client.digest(image, "3.10") == DIGEST
    assert target.paths() == [
        "GET /v2/prod/images/pause/tags/list?n=1000",
        "HEAD /v2/prod/images/pause/manifests/3.10",
    ]


def test_a_front_and_its_registry_may_be_a_name_and_an_address_either_way_round() -> None:
    with run_fake(back) as target, run_fake(front_of(target, host=f"localhost:{target.port}")) as front:
        assert scan(f"127.0.0.1:{front.port}/pause").tags == ("3.10", "3.9")


def test_https_is_followed_to_https(authority: Authority, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    names("registry.front.example", "127.0.0.1")
    names("registry.back.example", "127.0.0.1")
    there, here = authority.issue("registry.back.example"), authority.issue("registry.front.example")
    rules = AddressRules.parse(("*.front.example:*", "*.back.example:*"))
    with (
        run_fake(back, tls=authority, certificate=there) as target,
        run_fake(
            front_of(target, host=f"registry.back.example:{target.port}"), tls=authority, certificate=here
        ) as front,
    ):
        image = f"registry.front.example:{front.port}/pause"
        assert scan(image, address_rules=rules).tags == ("3.10", "3.9")
        assert scan(image, address_rules=rules, keychain=Always()).tags == ("3.10", "3.9")
    assert {seen.authorization for seen in target.seen} == {""}


def test_the_other_host_may_ask_for_an_anonymous_token() -> None:
    def with_tokens(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": f"t-{seen.argument('scope')}"})
        if seen.authorization != "Bearer t-repository:prod/images/pause:pull":
            return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{target.url}/token",service="back"'})
        return back(seen)

    with run_fake(with_tokens) as target, run_fake(front_of(target)) as front, Client() as client:
        image = parse_flux_image(f"{front.host}/pause")
        assert client.scan(image).tags == ("3.10", "3.9")
        assert client.digest(image, "3.10") == DIGEST
        assert [seen.path for seen in target.seen].count("/token") == 1


@pytest.mark.parametrize(
    ("location", "query"),
    [
        ("/v2/pause/tags/list", "n=1000"),
        ("/v2/pause/tags/list?", "n=1000"),
        ("/v2/pause/tags/list?n=100", "n=100"),
        ("/v2/pause/tags/list?service=x", "service=x&n=1000"),
        ("/v2/pause/tags/list#top", "n=1000"),
    ],
)
def test_the_query_of_a_list_is_kept_where_the_front_drops_it(location: str, query: str) -> None:
    with run_fake(lambda seen: Reply(200, {"name": "pause", "tags": ["1"]})) as target:
        with run_fake(lambda seen: Reply(307, b"", {"Location": f"{target.url}{location}"})) as front:
            assert scan(f"{front.host}/pause").tags == ("1",)
        assert [seen.query for seen in target.seen] == [query]


def test_every_page_of_a_redirected_list_is_read() -> None:
    def pages(seen: Seen) -> Reply:
        if seen.argument("last") == "a":
            return Reply(200, {"name": "pause", "tags": ["b"]})
        return Reply(200, {"name": "pause", "tags": ["a"]}, {"Link": '</v2/pause/tags/list?n=1000&last=a>; rel="next"'})

    with run_fake(pages) as target:
        location = f"{target.url}/v2/pause/tags/list"  # without the query, so without the cursor
        with run_fake(lambda seen: Reply(307, b"", {"Location": location})) as front:
            assert scan(f"{front.host}/pause").tags == ("a", "b")
            assert [seen.query for seen in front.seen] == ["n=1000", "n=1000&last=a"]


def test_the_query_of_a_signed_url_stays_as_it_is() -> None:
    with run_fake(lambda seen: Reply(200, {"schemaVersion": 2})) as storage:
        location = f"{storage.url}/bucket/x?X-Amz-Signature=abc%2Fd&n=1"
        with run_fake(lambda seen: Reply(307, b"", {"Location": location})) as front, Client() as client:
            client.digest(parse_flux_image(f"{front.host}/app"), "1.0")
    assert {seen.query for seen in storage.seen} == {"X-Amz-Signature=abc%2Fd&n=1"}


def upgrade(requests: list[tuple[str, str]], *, host: str = "127.0.0.5", challenge: bool = False) -> Any:
    """A balancer on port 80 that redirects to https on the same name, and the registry there."""

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append((str(request.url), request.headers.get("Authorization", "")))
        if request.url.scheme == "http":
            return httpx.Response(301, headers={"Location": f"https://{host}{request.url.raw_path.decode()}"})
        if challenge and not request.headers.get("Authorization"):
            return httpx.Response(401, headers={"WWW-Authenticate": "Basic realm=x"})
        return httpx.Response(200, json={"name": "x", "tags": ["1.0.0"]})

    return httpx.MockTransport(respond)


def test_http_is_followed_to_https_on_the_same_name_and_not_tried_again() -> None:
    requests: list[tuple[str, str]] = []
    with Client(ClientSettings(transport=upgrade(requests))) as client:
        for path in ("team/web", "team/api"):
            assert client.scan(parse_flux_image(f"127.0.0.5/{path}")).tags == ("1.0.0",)
    assert [url for url, _ in requests] == [
        "http://127.0.0.5/v2/team/web/tags/list?n=1000",
        "https://127.0.0.5/v2/team/web/tags/list?n=1000",
        "https://127.0.0.5/v2/team/api/tags/list?n=1000",
    ]


def test_the_login_of_a_host_is_sent_after_the_step_to_https_and_not_before() -> None:
    requests: list[tuple[str, str]] = []
    scan("127.0.0.5/team/web", transport=upgrade(requests, challenge=True), keychain=Always())
    assert [(url.partition(":")[0], login) for url, login in requests] == [
        ("http", ""), ("https", ""), ("https", LOGIN)
    ]  # fmt: skip


def test_insecure_is_no_reason_to_stay_with_http() -> None:
    requests: list[tuple[str, str]] = []
    rules = AddressRules.parse(("registry.corp.example",))
    transport = upgrade(requests, host="registry.corp.example")
    options = ScanOptions(insecure=True)
    assert scan("registry.corp.example/app", transport=transport, address_rules=rules, options=options).tags
    assert all(url.startswith("https:") for url, _ in requests)


def test_the_step_to_https_on_another_port_has_no_login() -> None:
    requests: list[tuple[str, str]] = []
    transport = upgrade(requests, host="127.0.0.5:8443", challenge=True)
    with pytest.raises(Unauthorized, match=r"redirects to 127\.0\.0\.5:8443, which responded with 401"):
        scan("127.0.0.5/team/web", transport=transport, keychain=Always())
    assert {login for _, login in requests} == {""}


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthorized), (403, Unauthorized), (404, NotFound), (418, RegistryError), (501, RegistryError)],
)
def test_a_refusal_of_the_other_host_names_it(status: int, error: type[RegistryError]) -> None:
    refusal = Reply(status, {"errors": [{"code": "X", "message": "no"}]})
    with (
        run_fake(lambda seen: refusal) as target,
        run_fake(front_of(target)) as front,
        pytest.raises(error) as caught,
    ):
        scan(f"{front.host}/pause", keychain=Always())
    assert str(caught.value) == (
        f"{front.host}/pause: {front.host} redirects to {target.host}, which responded with {status}: X: no"
    )
    without = "a redirect is followed without credentials; if they are needed, name that registry as the image"
    assert caught.value.hint == ("try again later" if status == 501 else without)


def test_the_other_hosts_quota_is_an_error() -> None:
    busy = Reply(429, b"", {"Retry-After": "600"})
    with run_fake(lambda seen: busy) as target, run_fake(front_of(target)) as front, pytest.raises(RateLimited):
        scan(f"{front.host}/pause")


def test_a_loop_of_two_hosts_is_given_up() -> None:
    def to_front(seen: Seen) -> Reply:
        return Reply(307, b"", {"Location": f"{front.url}{seen.path}"})

    def to_target(seen: Seen) -> Reply:
        return Reply(307, b"", {"Location": f"{target.url}{seen.path}"})

    with run_fake(to_front) as target, run_fake(to_target) as front:
        with pytest.raises(ProtocolError, match="more than 5 redirects"):
            scan(f"{front.host}/pause")
        assert len(front.seen) + len(target.seen) == 6


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/v2/a b/tags/list", "/v2/a%20b/tags/list"),
        ("/v2/stra\u00dfe/tags/list".encode().decode("latin-1"), "/v2/stra%C3%9Fe/tags/list"),
        ("  /v2/b/tags/list#part ", "/v2/b/tags/list"),
        ("/v2/a%20b/tags/list", "/v2/a%20b/tags/list"),
    ],
    ids=["a space", "UTF-8", "spaces around it", "encoded already"],
)
def test_a_location_is_followed_although_it_is_not_encoded(location: str, path: str) -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(200, {"tags": ["1.0"]}) if seen.path == path else Reply(307, b"", {"Location": location})

    with run_fake(respond) as front:
        assert scan(f"{front.host}/pause").tags == ("1.0",)
        assert [seen.query for seen in front.seen] == ["n=1000", "n=1000"]


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("http://[::1/x", "http://[::1"),
        ("http://127.0.0.1:99999/?sig=x", "http://127.0.0.1:99999"),
        ("ftp://a/b", "ftp://a"),
    ],
)
def test_a_location_that_is_not_valid_is_shown_with_who_sent_it(location: str, shown: str) -> None:
    redirect = Reply(302, b"", {"Location": location})
    with run_fake(lambda seen: redirect) as front, pytest.raises(ProtocolError) as caught:
        scan(f"{front.host}/pause")
    url = f"http://{front.host}/v2/pause/tags/list"
    assert caught.value.what == (
        f"{url} redirects to '{shown}', which is not a valid http or https URL, or has a login"
    )
    assert (caught.value.where, caught.value.hint) == (
        f"{front.host}/pause",
        "the registry, or a proxy before it, sends it wrongly; its administrator has to fix that",
    )


def test_a_redirect_without_a_location_is_an_error() -> None:
    with run_fake(lambda seen: Reply(307, b"")) as fake, pytest.raises(ProtocolError, match="responded with 307"):
        scan(f"{fake.host}/pause")


def test_a_redirect_to_a_url_with_a_login_is_refused() -> None:
    with run_fake(back) as target:
        location = f"http://bob:{PASSWORD}@{target.host}/v2/prod/images/pause/tags/list"
        redirect = Reply(307, b"", {"Location": location})
        with run_fake(lambda seen: redirect) as front, pytest.raises(ProtocolError) as caught:
            scan(f"{front.host}/pause")
        assert PASSWORD not in f"{caught.value}{caught.value.hint}"
        assert target.seen == []


def test_a_registry_here_that_the_operator_named_may_lead_to_another_server_here() -> None:
    """``imagesetter tags localhost:5000/app`` names one registry; where it sends us on this machine is its owner's."""
    with run_fake(back) as target, run_fake(front_of(target)) as front:
        rules = AddressRules.parse((f"localhost:{front.port}",))
        assert scan(f"localhost:{front.port}/pause", address_rules=rules).tags == ("3.10", "3.9")
        with pytest.raises(EgressRefused, match="is not among the allowed registries"):
            scan(f"localhost:{target.port}/prod/images/pause", address_rules=rules)


def test_a_registry_here_that_the_operator_named_may_have_a_token_server_here() -> None:
    def registry(seen: Seen) -> Reply:
        if seen.authorization == "Bearer t":
            return Reply(200, {"tags": ["1"]})
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{tokens.url}/token"'})

    with run_fake(lambda seen: Reply(200, {"token": "t"})) as tokens, run_fake(registry) as fake:
        rules = AddressRules.parse((f"localhost:{fake.port}",))
        assert scan(f"localhost:{fake.port}/app", address_rules=rules).tags == ("1",)


def test_a_registry_elsewhere_may_not_lead_here_nor_may_one_here_lead_inside(names: Names) -> None:
    names("registry.corp.example", "127.0.0.1")
    with run_fake(back) as target, run_fake(front_of(target)) as front:
        rules = AddressRules.parse(("registry.corp.example:*",))
        with pytest.raises(EgressRefused, match="redirects to this machine"):
            scan(f"registry.corp.example:{front.port}/pause", address_rules=rules, options=ScanOptions(insecure=True))
        assert target.seen == []
    names("inside.example", "10.0.0.7")
    with run_fake(lambda seen: Reply(307, b"", {"Location": "http://inside.example/v2/app/tags/list"})) as front:
        rules = AddressRules.parse((f"localhost:{front.port}",))
        with pytest.raises(EgressRefused, match="private address"):
            scan(f"localhost:{front.port}/app", address_rules=rules)
