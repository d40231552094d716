"""A login that is there is used: registries that hide things without asking for it, and scopes of their own."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from imagesetter.errors import CredentialError, NotFound, RegistryError, Unauthorized
from imagesetter.registry.auth.docker_config import LocalKeychain
from imagesetter.registry.auth.flow import read_only
from imagesetter.registry.client import Client
from imagesetter.registry.events import Event, Note
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from registry.conftest import Names
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, Always

LOGIN = "Basic " + base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
ALL = ("1.0.0", "2.0.0")


def scan(server: FakeServer | str, path: str = "t/app", *, options: ScanOptions | None = None, **settings: Any) -> Any:
    host = server if isinstance(server, str) else server.host
    with Client(ClientSettings(clock=FakeClock(), **settings)) as client:
        return client.scan(parse_flux_image(f"{host}/{path}"), options=options)


ANONYMOUS = {
    "not found": Reply(404, {"errors": [{"code": "NAME_UNKNOWN", "message": "Repository not found"}]}),
    "forbidden": Reply(403, {"errors": [{"code": "DENIED", "message": "denied"}]}),
    "a part": Reply(200, {"name": "x", "tags": ["1.0.0"]}),
    "null": Reply(200, {"name": "x", "tags": None}),
    "no challenge": Reply(401, {"errors": [{"code": "UNAUTHORIZED", "message": "BAD_CREDENTIAL"}]}),
    "a challenge without a scheme": Reply(401, {}, {"WWW-Authenticate": "realm=x"}),
    "an unknown challenge": Reply(401, {}, {"WWW-Authenticate": 'X-JFrog realm="x"'}),
}


@pytest.mark.parametrize("shown", ANONYMOUS)
def test_a_registry_that_shows_less_to_everybody_gets_the_login(shown: str) -> None:
    def respond(seen: Seen) -> Reply:
        return Reply(200, {"name": "x", "tags": list(ALL)}) if seen.authorization == LOGIN else ANONYMOUS[shown]

    with run_fake(respond) as fake:
        assert scan(fake, keychain=Always()).tags == ALL
        assert [seen.authorization for seen in fake.seen] == ["", LOGIN]


def test_from_then_on_the_login_goes_first() -> None:
    def respond(seen: Seen) -> Reply:
        if "manifests" in seen.path:
            return Reply(200 if seen.authorization else 404, b"", {"Docker-Content-Digest": "sha256:" + "a" * 64})
        return Reply(200, {"name": "x", "tags": ["1.0.0"]})

    with run_fake(respond) as fake, Client(ClientSettings(keychain=Always())) as client:
        for name in ("aa", "bb"):
            client.scan(parse_flux_image(f"{fake.host}/{name}"))
        client.digest(parse_flux_image(f"{fake.host}/aa"), "1.0.0")
        assert [seen.authorization for seen in fake.seen] == ["", LOGIN, LOGIN, LOGIN]


def test_a_registry_token_is_sent_without_a_challenge_too() -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]}) if seen.authorization else Reply(404)) as fake:
        assert scan(fake, keychain=Always("", REGISTRY_TOKEN, "token")).tags == ("1",)
        assert fake.seen[1].authorization == f"Bearer {REGISTRY_TOKEN}"


def test_an_identity_token_is_a_password_for_a_refusal_and_stays_at_home_otherwise() -> None:
    login = Always("00000000-0000-0000-0000-000000000000", IDENTITY_TOKEN, "identity")
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]})) as fake:
        scan(fake, keychain=login)
        assert [seen.authorization for seen in fake.seen] == [""]
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]}) if seen.authorization else Reply(403)) as fake:
        assert scan(fake, keychain=login).tags == ("1",)
        assert fake.seen[1].authorization.startswith("Basic ")


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (403, Unauthorized), (404, NotFound)])
def test_a_login_that_does_not_help_is_named(status: int, error: type[RegistryError]) -> None:
    with run_fake(lambda seen: Reply(status)) as fake, pytest.raises(error) as caught:
        scan(fake, keychain=Always())
    what = f"{fake.host}/t/app: {fake.host} refuses ({status}) with the credentials from the test"
    assert str(caught.value) == (f"{fake.host}/t/app was not found" if status == 404 else what)
    assert caught.value.hint == (
        "requested with the credentials from the test; registries respond so, too, for what these must not see"
        if status == 404
        else "they are wrong or expired, or do not allow to pull this repository"
    )


def test_wrong_credentials_are_an_error_where_everybody_sees_a_part() -> None:
    respond = lambda seen: Reply(401 if seen.authorization else 200, {"tags": ["1"]})  # noqa: E731
    with run_fake(respond) as fake, pytest.raises(Unauthorized, match="with the credentials from the test"):
        scan(fake, keychain=Always())


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_login_that_must_not_go_over_plain_http_is_named(status: int, names: Names) -> None:
    names("registry.corp.example", "127.0.0.1")
    rules = AddressRules.parse(("registry.corp.example:*",))
    with run_fake(lambda seen: Reply(status)) as fake, pytest.raises(RegistryError) as caught:
        host = f"registry.corp.example:{fake.port}"
        scan(host, keychain=Always(), address_rules=rules, options=ScanOptions(insecure=True))
    assert [seen.authorization for seen in fake.seen] == [""]
    message = f"{caught.value} {caught.value.hint}"
    assert "without the credentials from the test" in message
    assert "they do not go over plain HTTP: serve the registry over https, or --allow-http-credentials" in message


def test_a_ready_token_where_a_password_is_requested_is_named() -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="x"'}
    with run_fake(lambda seen: Reply(401, b"", challenge)) as fake, pytest.raises(Unauthorized) as caught:
        scan(fake, keychain=Always("", REGISTRY_TOKEN, "token"))
    assert str(caught.value) == f"{fake.host}/t/app: {fake.host} refuses (401) without the credentials from the test"
    assert caught.value.hint == "the registry has no way of logging in that they are for"


def test_with_leave_the_login_goes_over_plain_http(names: Names) -> None:
    names("registry.corp.example", "127.0.0.1")
    rules = AddressRules.parse(("registry.corp.example:*",), http_credentials=True)
    with run_fake(lambda seen: Reply(200, {"tags": ["1"]}) if seen.authorization else Reply(404)) as fake:
        host = f"registry.corp.example:{fake.port}"
        assert scan(host, keychain=Always(), address_rules=rules, options=ScanOptions(insecure=True)).tags == ("1",)


def test_a_login_for_another_host_is_not_sent() -> None:
    with run_fake(lambda seen: Reply(404)) as fake, pytest.raises(NotFound, match="was not found"):
        scan(fake, keychain=Always(only="elsewhere.example"))
    assert [seen.authorization for seen in fake.seen] == [""]


def test_a_challenge_after_the_login_is_answered() -> None:
    """404 without a login, a Bearer challenge for the password, and the token that it gives."""

    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "granted"}) if seen.authorization == LOGIN else Reply(401, {})
        if seen.authorization == "Bearer granted":
            return Reply(200, {"tags": ["1"]})
        challenge = {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'}
        return Reply(401, {}, challenge) if seen.authorization else Reply(404)

    with run_fake(respond) as fake:
        assert scan(fake, keychain=Always()).tags == ("1",)


def test_docker_hub_gets_no_password() -> None:
    """It asks for a token with its first response; the password goes to its token server alone."""
    seen: list[tuple[str, str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers.get("Authorization", "")))
        if request.url.host == "auth.docker.io":
            return httpx.Response(200, json={"token": "t"})
        if seen[-1][1] == "Bearer t":
            return httpx.Response(200, json={"tags": ["1"]})
        return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="https://auth.docker.io/token"'})

    scan("docker.io", "library/nginx", keychain=Always(), transport=httpx.MockTransport(respond))
    assert [host for host, login in seen if login == LOGIN] == ["auth.docker.io"]


# --- the challenge's own scope ---------------------------------------------------------------------------------------


def scope_map(seen: Seen, fake: FakeServer) -> Reply:
    """ACR with a token that may read metadata only: tags want another scope than manifests."""
    if seen.path == "/oauth2/token":
        scope = seen.argument("scope")
        if seen.authorization != LOGIN:
            return Reply(401, {})
        return Reply(200, {"access_token": "T" + scope.replace(":", "_").replace("/", "_")})
    name, _, endpoint = seen.path.removeprefix("/v2/").partition("/tags/" if "/tags/" in seen.path else "/manifests/")
    action = "metadata_read" if endpoint == "list" else "pull"
    if seen.authorization != f"Bearer Trepository_{name}_{action}":
        error = ',error="insufficient_scope"' if seen.authorization else ""
        line = f'Bearer realm="{fake.url}/oauth2/token",service="x",scope="repository:{name}:{action}"{error}'
        return Reply(401, {}, {"WWW-Authenticate": line})
    return Reply(200, {"tags": ["1"]}, {"Docker-Content-Digest": "sha256:" + "a" * 64})


def test_the_scope_that_the_challenge_names_is_requested() -> None:
    with run_fake(lambda seen: scope_map(seen, fake)) as fake:
        assert scan(fake, "app", keychain=Always()).tags == ("1",)
        assert [seen.argument("scope") for seen in fake.seen if seen.path == "/oauth2/token"] == [
            "repository:app:metadata_read"
        ]


def test_the_next_repository_needs_no_challenge_for_either_endpoint() -> None:
    with run_fake(lambda seen: scope_map(seen, fake)) as fake, Client(ClientSettings(keychain=Always())) as client:
        for name in ("aa", "bb"):
            repository = parse_flux_image(f"{fake.host}/{name}")
            client.scan(repository)
            client.digest(repository, "1")
            client.scan(repository)
        after = [seen for seen in fake.seen if "/bb/" in seen.path or "bb:" in seen.argument("scope")]
    assert [seen.path for seen in after] == [
        "/oauth2/token", "/v2/bb/tags/list", "/oauth2/token", "/v2/bb/manifests/1", "/v2/bb/tags/list"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("offered", "requested"),
    [
        ("repository:t/app:pull", ["repository:t/app:pull"]),
        ("repository:t/app:pull,push", ["repository:t/app:pull"]),
        ("repository:t/app:pull,push,delete", ["repository:t/app:pull"]),
        ("repository:t/app:push", ["repository:t/app:pull"]),
        ("repository:t/app:*", ["repository:t/app:pull"]),
        ("repository:t/app:metadata_read,pull", ["repository:t/app:metadata_read,pull"]),
        ("repository:library/app:pull", ["repository:library/app:pull"]),
        ("repository:a:pull repository:b:pull,push", ["repository:a:pull", "repository:b:pull"]),
        ("repository(plugin):t/app:pull", ["repository(plugin):t/app:pull"]),
        ("*", ["repository:t/app:pull"]),
        ("", ["repository:t/app:pull"]),
        (None, ["repository:t/app:pull"]),
    ],
)
def test_a_scope_is_requested_for_reading_only(offered: str | None, requested: list[str]) -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "t"})
        if seen.authorization:
            return Reply(200, {"tags": ["1"]})
        scope = "" if offered is None else f',scope="{offered}"'
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{fake.url}/token",service="s"{scope}'})

    with run_fake(respond) as fake:
        assert scan(fake).tags == ("1",)
        query = httpx.QueryParams(fake.seen[1].query)
    assert query.get_list("scope") == requested


def test_several_scopes_of_an_identity_token_are_one_field() -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"access_token": "t"})
        if seen.authorization:
            return Reply(200, {"tags": ["1"]})
        scope = "repository:a:pull repository:b:pull"
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{fake.url}/token",scope="{scope}"'})

    with run_fake(respond) as fake:
        scan(fake, keychain=Always("", IDENTITY_TOKEN, "identity"))
        assert fake.seen[1].argument("scope") == "repository:a:pull repository:b:pull"


def test_what_is_no_scope_of_three_parts_stays_as_it_is() -> None:
    assert read_only("*") == "*"
    assert read_only("aws") == "aws"
    assert read_only("registry:catalog:*") == "registry:catalog:pull"


# --- logins that cannot be read --------------------------------------------------------------------------------------


def without_helper(home: Path, host: str) -> LocalKeychain:
    file = home / "config.json"
    file.write_text(f'{{"credHelpers": {{"{host}": "missing"}}}}')
    return LocalKeychain((file,), {"PATH": str(home)})


MISSING = "the credential helper docker-credential-missing is configured but not on the PATH"


@pytest.mark.parametrize("cached", [False, True])
def test_a_public_image_is_listed_with_a_warning_where_the_helper_is_missing(home: Path, cached: bool) -> None:
    events: list[Event] = []
    with run_fake(lambda seen: Reply(200, {"name": "x", "tags": ["1"]})) as fake:
        folder = home / "cache" if cached else None
        keychain = without_helper(home, fake.host)
        result = scan(fake, keychain=keychain, listener=events.append, cache_folder=folder)
    warning = f"{fake.host} was requested without credentials: {MISSING}"
    assert (result.tags, result.warnings) == (("1",), (warning,))
    assert Note(warning) in events


def test_a_public_image_behind_anonymous_tokens_needs_no_helper(home: Path) -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(200, {"token": "t"})
        if seen.authorization:
            return Reply(200, {"tags": ["1"]})
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'})

    with run_fake(respond) as fake:
        result = scan(fake, keychain=without_helper(home, fake.host))
    assert (result.tags, result.warnings) == (
        ("1",),
        (f"{fake.host} was requested without credentials: {MISSING}",),
    )


@pytest.mark.parametrize("refused", ["token", "registry"])
def test_a_private_image_behind_tokens_names_the_helper(home: Path, refused: str) -> None:
    def respond(seen: Seen) -> Reply:
        if seen.path == "/token":
            return Reply(401 if refused == "token" else 200, {"token": "t"})
        return Reply(401, {}, {"WWW-Authenticate": f'Bearer realm="{fake.url}/token"'})

    with run_fake(respond) as fake, pytest.raises(CredentialError) as caught:
        scan(fake, keychain=without_helper(home, fake.host))
    assert str(caught.value) == MISSING


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("challenge", [{}, {"WWW-Authenticate": "Basic realm=x"}])
def test_a_refusal_names_the_helper_that_is_missing(status: int, challenge: dict[str, str], home: Path) -> None:
    with run_fake(lambda seen: Reply(status, {}, challenge)) as fake, pytest.raises(CredentialError) as caught:
        scan(fake, keychain=without_helper(home, fake.host))
    assert str(caught.value) == MISSING
