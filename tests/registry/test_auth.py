"""Tokens: one for each repository, fetched once, renewed in time, and given to nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from imagesetter.errors import ProtocolError, RateLimited, RegistryError, Unauthorized, Unreachable
from imagesetter.registry.client import Client
from imagesetter.registry.http.tls import Tls
from imagesetter.registry.reference import Repository, parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.certificates import Authority
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, Always
from support.scanning import scan_all


class TokenRegistry:
    """A registry and its token server in one, which remember what they gave out."""

    def __init__(self, *, expires_in: object = 300, delay: float = 0.0, **answer: Any) -> None:
        self.expires_in, self.delay, self.answer = expires_in, delay, answer
        self.given: list[str] = []
        self.valid: set[str] = set()
        self.fake: FakeServer

    def __call__(self, seen: Seen) -> Reply:
        if seen.path == "/token":
            time.sleep(self.delay)
            token = f"token-{len(self.given)}"
            self.given.append(seen.argument("scope"))
            self.valid.add(f"Bearer {token}")
            return Reply(200, {"access_token": token, "expires_in": self.expires_in, **self.answer})
        if seen.authorization in self.valid:
            return Reply(200, {"tags": ["1.0"]}, {"Docker-Content-Digest": "sha256:" + "a" * 64})
        return Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token",service="s"'})

    def image(self, path: str = "app") -> Repository:
        return parse_flux_image(f"{self.fake.host}/{path}")

    @property
    def registry_requests(self) -> int:
        return len([seen for seen in self.fake.seen if seen.path != "/token"])


def test_relative_realm_is_on_the_registry() -> None:
    registry = TokenRegistry()
    with run_fake(registry) as registry.fake, Client() as client:
        assert client.scan(registry.image()).tags == ("1.0",)


def test_token_is_kept_for_the_repository_and_a_new_one_fetched_for_the_next() -> None:
    registry = TokenRegistry()
    with run_fake(registry) as registry.fake, Client() as client:
        for path in ("aa", "aa", "bb", "aa"):
            client.scan(registry.image(path))
    assert registry.given == ["repository:aa:pull", "repository:bb:pull"]
    assert registry.registry_requests == 5, "only the very first request met a challenge"


def test_threads_that_need_the_same_token_share_it() -> None:
    registry = TokenRegistry(delay=0.05)
    with run_fake(registry) as registry.fake, Client() as client:
        found = client.digest_all([(registry.image(), f"1.{n}", ScanOptions()) for n in range(20)])
        assert found == ["sha256:" + "a" * 64] * 20
    assert registry.given == ["repository:app:pull"]


def test_threads_waiting_for_a_token_hold_no_connection() -> None:
    """As many threads as connections, and the token server on the same host: it must get its turn."""
    registry = TokenRegistry(delay=0.05)
    with run_fake(registry) as registry.fake, Client(ClientSettings(connections=2, connections_per_host=2)) as client:
        questions = [(registry.image(), f"1.{n}", ScanOptions(timeout=20)) for n in range(8)]
        assert client.digest_all(questions) == ["sha256:" + "a" * 64] * 8


def test_token_is_renewed_before_it_expires() -> None:
    registry, clock = TokenRegistry(expires_in=300), FakeClock()
    with run_fake(registry) as registry.fake, Client(ClientSettings(clock=clock)) as client:
        client.scan(registry.image())
        clock.now += 289
        client.scan(registry.image())
        assert len(registry.given) == 1
        clock.now += 2
        client.scan(registry.image())
        assert len(registry.given) == 2
        assert registry.registry_requests == 4, "no request met a challenge for it"


def test_lifetime_that_is_too_long_for_a_number_is_a_lifetime() -> None:
    registry = TokenRegistry(expires_in=10**400)
    with run_fake(registry) as registry.fake, Client(ClientSettings(clock=FakeClock())) as client:
        client.scan(registry.image())
        client.scan(registry.image())
        assert len(registry.given) == 1


@pytest.mark.parametrize("expires_in", [None, 2, -5, "soon", "300", True, 1e400, [300]])
def test_lifetime_that_is_short_or_nonsense_counts_as_a_minute(expires_in: object) -> None:
    registry, clock = TokenRegistry(expires_in=expires_in), FakeClock()
    with run_fake(registry) as registry.fake, Client(ClientSettings(clock=clock)) as client:
        client.scan(registry.image())
        clock.now += 49
        client.scan(registry.image())
        assert len(registry.given) == 1
        clock.now += 2
        client.scan(registry.image())
        assert len(registry.given) == 2


def test_token_that_the_registry_turns_down_is_renewed_once() -> None:
    registry = TokenRegistry()
    with run_fake(registry) as registry.fake, Client() as client:
        client.scan(registry.image())
        registry.valid.clear()
        client.scan(registry.image())
        assert len(registry.given) == 2


def test_same_token_again_is_a_refusal_by_the_registry_and_not_the_token_servers_response() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "the-same", "tags": ["1.0"]})
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="http://{fake.host}/token"'})

    with run_fake(respond) as fake, Client() as client:
        with pytest.raises(Unauthorized) as caught:
            client.scan(parse_flux_image(f"{fake.host}/app"))
        assert str(caught.value) == f"{fake.host} refuses (401) the token for app that its token server gives"
        assert caught.value.hint == f"log in to {fake.host}, or name a secretRef"
        assert [seen.path for seen in fake.seen] == ["/v2/app/tags/list", "/token"] * 2


def test_token_of_one_login_is_not_used_for_another() -> None:
    registry = TokenRegistry()
    with run_fake(registry) as registry.fake, Client() as client:
        for login in (Always("alice"), Always("bob"), None):
            client.scan(registry.image(), options=ScanOptions(keychain=login))
    logins = [seen.authorization for seen in registry.fake.seen if seen.path == "/token"]
    assert len(set(logins)) == 3


def test_refresh_token_that_the_server_replaces_is_used_from_then_on() -> None:
    registry = TokenRegistry(refresh_token="another-refresh-token")
    login = ScanOptions(keychain=Always("", IDENTITY_TOKEN, "identity"))
    with run_fake(registry) as registry.fake, Client() as client:
        client.scan(registry.image("aa"), options=login)
        client.scan(registry.image("bb"), options=login)
    posted = [seen.argument("refresh_token") for seen in registry.fake.seen if seen.method == "POST"]
    assert posted == [IDENTITY_TOKEN, "another-refresh-token"]


def test_registry_token_is_sent_as_it_is() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.authorization == f"Bearer {REGISTRY_TOKEN}":
            return Reply(200, {"tags": ["1.0"]})
        return Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token"'})

    with run_fake(respond) as fake, Client(ClientSettings(keychain=Always("", REGISTRY_TOKEN, "token"))) as client:
        assert client.scan(parse_flux_image(f"{fake.host}/app")).tags == ("1.0",)
        assert all(seen.path != "/token" for seen in fake.seen)


def test_nobody_requests_v2_first() -> None:
    with run_fake(lambda seen: Reply(200, {"tags": []})) as fake, Client() as client:
        client.scan(parse_flux_image(f"{fake.host}/app"))
        assert [seen.path for seen in fake.seen] == ["/v2/app/tags/list"]


@pytest.mark.parametrize("line", ["Negotiate", "NTLM", "Bearer service=x", 'Bearer realm=""', "", "realm=x", None])
def test_a_challenge_that_nobody_can_answer_is_a_refusal_once_the_login_was_sent(line: str | None) -> None:
    headers = {"WWW-Authenticate": line} if line is not None else {}
    with run_fake(lambda seen: Reply(401, {}, headers)) as fake, Client(ClientSettings(keychain=Always())) as client:
        with pytest.raises(Unauthorized, match=r"refuses \(401\) with the credentials from the test"):
            client.scan(parse_flux_image(f"{fake.host}/app"))
        assert [seen.authorization.partition(" ")[0] for seen in fake.seen] == ["", "Basic"]


def token_server_that_answers(*statuses: int, headers: dict[str, str] | None = None) -> Any:
    answers = iter(statuses)

    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            status = next(answers)
            return Reply(
                status, {"token": "t", "errors": [{"message": "later"}]}, headers or {} if status != 200 else {}
            )
        if seen.authorization == "Bearer t":
            return Reply(200, {"tags": ["1.0"]})
        return Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token"'})

    return respond


@pytest.mark.parametrize("realm", ["http://[::1", "http://\u2100/".encode().decode("latin-1")])
def test_token_server_whose_address_is_no_url_is_an_error_that_names_the_registry(realm: str) -> None:
    headers = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    with run_fake(lambda seen: Reply(401, {}, headers)) as fake, Client() as client:
        with pytest.raises(ProtocolError) as caught:
            client.scan(parse_flux_image(f"{fake.host}/app"))
        shown = realm.encode("latin-1").decode().removesuffix("/")
        assert caught.value.what == f"{fake.host} names a token server whose URL, '{shown}', is not valid"
        assert caught.value.hint == "the registry's administrator has to configure a valid realm"


def test_realm_may_have_spaces() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/to%20ken":
            return Reply(200, {"token": "t"})
        realm = {"WWW-Authenticate": 'Bearer realm=" /to ken",service="s"'}
        return Reply(200, {"tags": ["1.0"]}) if seen.authorization else Reply(401, {}, realm)

    with run_fake(respond) as fake, Client() as client:
        assert client.scan(parse_flux_image(f"{fake.host}/app")).tags == ("1.0",)


def token_server(answer: Callable[[Seen], Reply], challenge: str = 'Bearer realm="/token",service="s"') -> Any:
    """A registry that accepts the token "t", and its token server, which answers all other paths."""

    def respond(seen: Seen) -> Reply:
        if not seen.path.startswith("/v2/"):
            return answer(seen)
        if seen.authorization == "Bearer t":
            return Reply(200, {"name": "app", "tags": ["1.0"]})
        return Reply(401, {}, {"WWW-Authenticate": challenge})

    return respond


def scanned(fake: FakeServer) -> Scan:
    """Scan a repository with a login."""
    with Client() as client:
        return client.scan(parse_flux_image(f"{fake.host}/app"), options=ScanOptions(keychain=Always()))


def tokens_requested(fake: FakeServer) -> list[str]:
    return [path for path in fake.paths() if not path.startswith("GET /v2/")]


QUERY = "service=s&scope=repository%3Aapp%3Apull&account=alice&client_id=imagesetter"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/token/", f"/token/?{QUERY}"),
        ("token/", f"/token/?{QUERY}"),
        ("http://HOST/auth/token", f"/auth/token?{QUERY}"),
        ("//HOST/auth/token?a=1", "/auth/token?a=1"),
    ],
)
def test_token_server_may_redirect_within_its_origin(status: int, location: str, path: str) -> None:
    def answer(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(status, b"", {"Location": location.replace("HOST", seen.headers["host"])})
        return Reply(200, {"token": "t"}) if seen.authorization else Reply(401)

    with run_fake(token_server(answer)) as fake:
        assert scanned(fake).tags == ("1.0",)
        assert tokens_requested(fake) == [f"GET /token?{QUERY}", f"GET {path}"]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.2:1/token", "https://HOST/token", "http://localhost:PORT/token", "http://[x/", "/token", ""],
)
def test_token_server_that_redirects_elsewhere_or_in_a_circle_gets_the_login_once_an_origin(location: str) -> None:
    def answer(seen: Seen) -> Reply:
        host = seen.headers["host"]
        return Reply(307, b"", {"Location": location.replace("HOST", host).replace("PORT", host.partition(":")[2])})

    with run_fake(token_server(answer)) as fake:
        with pytest.raises(ProtocolError) as caught:
            scanned(fake)
        assert str(caught.value) == f"the token server {fake.url}/token of {fake.host} redirects, which is not followed"
        assert len(tokens_requested(fake)) == (4 if location == "/token" else 1)


def test_fragment_of_a_realm_is_not_sent() -> None:
    challenge = 'Bearer realm="/token#part",service="s"'
    with run_fake(token_server(lambda seen: Reply(200, {"token": "t"}), challenge)) as fake:
        assert scanned(fake).tags == ("1.0",)
        assert tokens_requested(fake) == [f"GET /token?{QUERY}"]


def test_token_server_that_has_an_error_in_place_of_a_token_is_quoted() -> None:
    body = {"errors": [{"code": "TOOMANYREQUESTS", "message": f"slow down, Basic {PASSWORD}"}]}
    with run_fake(token_server(lambda seen: Reply(200, body))) as fake:
        with pytest.raises(ProtocolError) as caught:
            scanned(fake)
        reason = "TOOMANYREQUESTS: slow down, Basic ***"
        assert str(caught.value) == f"the token server {fake.url}/token sent no valid token: {reason}"


def test_token_server_in_trouble_is_asked_again() -> None:
    clock = FakeClock()
    with (
        run_fake(token_server_that_answers(503, 429, 200, headers={"Retry-After": "5"})) as fake,
        Client(ClientSettings(clock=clock)) as client,
    ):
        assert client.scan(parse_flux_image(f"{fake.host}/app")).tags == ("1.0",)
    assert clock.waits == [5.0, 5.0]


def test_token_server_that_asks_for_too_long_a_wait_is_an_error() -> None:
    with (
        run_fake(token_server_that_answers(429, headers={"Retry-After": "600"})) as fake,
        Client(ClientSettings(clock=FakeClock())) as client,
        pytest.raises(RateLimited, match="asked to wait 10 min"),
    ):
        client.scan(parse_flux_image(f"{fake.host}/app"))


def test_token_server_that_stays_in_trouble_is_an_error_that_names_it() -> None:
    with run_fake(token_server_that_answers(500, 500, 500, 500)) as fake:
        with Client(ClientSettings(clock=FakeClock())) as client, pytest.raises(RegistryError) as caught:
            client.scan(parse_flux_image(f"{fake.host}/app"))
        assert (
            str(caught.value) == f"the token server http://{fake.host}/token of {fake.host} responded with 500: later"
        )


@pytest.mark.parametrize("status", [404, 410, 418])
def test_token_server_that_is_none_is_an_error(status: int) -> None:
    with (
        run_fake(token_server_that_answers(status)) as fake,
        Client(ClientSettings(clock=FakeClock())) as client,
        pytest.raises(RegistryError, match=f"responded with {status}"),
    ):
        client.scan(parse_flux_image(f"{fake.host}/app"))


def test_refresh_token_is_not_posted_twice_when_the_answer_is_lost() -> None:
    """It may have been used up: whether it was is for the person to find out."""

    def respond(seen: Seen) -> Reply | None:
        return None if seen.method == "POST" else Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token"'})

    login = Always("", IDENTITY_TOKEN, "identity")
    with run_fake(respond) as fake, Client(ClientSettings(clock=FakeClock(), keychain=login)) as client:
        with pytest.raises(Unreachable, match=r"the connection to .* broke"):
            client.scan(parse_flux_image(f"{fake.host}/app"))
        assert len([seen for seen in fake.seen if seen.method == "POST"]) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_refresh_token_is_not_posted_twice_when_the_server_may_have_used_it_up(status: int) -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(status) if seen.method == "POST" else Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token"'})

    login = Always("", IDENTITY_TOKEN, "identity")
    with run_fake(respond) as fake, Client(ClientSettings(clock=FakeClock(), keychain=login)) as client:
        with pytest.raises(RegistryError, match=f"responded with {status}"):
            client.scan(parse_flux_image(f"{fake.host}/app"))
        assert len([seen for seen in fake.seen if seen.method == "POST"]) == 1


def test_waiting_for_a_token_ends_with_the_deadline() -> None:
    registry = TokenRegistry(delay=1.0)
    with run_fake(registry) as registry.fake, Client() as client:
        image = registry.image()
        questions = [(image, "1.0", ScanOptions(timeout=10)), (image, "1.1", ScanOptions(timeout=0.3))]
        found = client.digest_all(questions)
    assert found[0] == "sha256:" + "a" * 64
    assert isinstance(found[1], Unreachable)


def test_what_a_way_of_the_input_says_is_not_believed_elsewhere(authority: Authority) -> None:
    """Neither a challenge nor a token that came with the input's own authority is used for requests without it."""
    strange = ScanOptions(tls=Tls(ca=authority.certificate.read_bytes()))
    registry = TokenRegistry()
    with run_fake(registry) as registry.fake, Client() as client:
        for options in (strange, None):
            client.scan(registry.image(), options=options)
        assert [seen.path for seen in registry.fake.seen] == ["/v2/app/tags/list", "/token", "/v2/app/tags/list"] * 2


def test_fifty_repositories_need_a_token_and_a_list_each() -> None:
    registry = TokenRegistry()
    with run_fake(registry) as registry.fake, Client() as client:
        client.scan(registry.image("first"))
        before = len(registry.fake.seen)
        found = scan_all(client, [(registry.image(f"app{n}"), ScanOptions()) for n in range(50)])
        assert all(isinstance(scan, Scan) for scan in found)
        assert len(registry.fake.seen) - before == 100
