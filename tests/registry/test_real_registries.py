"""The client against real registries, docker-registry 2.8 and distribution v3, in every way of logging in."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagesetter.errors import CredentialError, NotFound, Unauthorized, Unreachable
from imagesetter.registry.client import Client
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.network import NetworkSettings
from imagesetter.registry.http.tls import Tls
from imagesetter.registry.reference import Repository, parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import ClientSettings, settings_from_environment
from support.certificates import Authority
from support.fakes import Reply, Seen, run_fake
from support.logins import IDENTITY_TOKEN, PASSWORD, Always
from support.registries import (
    KINDS,
    Kind,
    RunningRegistry,
    delete_tags,
    link_tags,
    push_image,
    run_crane_registry,
    run_registry,
)
from support.scanning import scan_all
from support.tokens import TokenServer, run_token_server
from support.waiting import PATIENCE, wait_until

ALICE = ("alice", PASSWORD)


def repository(registry: RunningRegistry, path: str = "team/app") -> Repository:
    return parse_flux_image(f"{registry.host}/{path}")


def trusting(authority: Authority) -> Tls:
    return Tls(ca=authority.certificate.read_bytes(), source="the test")


@pytest.fixture(scope="module", params=KINDS)
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A registry for everybody, without TLS."""
    with run_registry(request.param, folder=tmp_path_factory.mktemp("open")) as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def private(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[RunningRegistry]:
    """A registry with a password file and TLS of an authority of its own; holds team/app:1.0.0."""
    folder = tmp_path_factory.mktemp("private")
    with run_registry(request.param, folder=folder, users=dict([ALICE]), tls=authority) as running:
        push_image(running, "team/app", ["1.0.0"], user=ALICE)
        yield running


@pytest.fixture(scope="module", params=KINDS)
def granted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[tuple[RunningRegistry, TokenServer]]:
    """A registry with token authentication; holds public/app:1.0.0 and team/app:1.0.0, team/app9:1.0.0."""
    folder = tmp_path_factory.mktemp("granted")
    with (
        run_token_server(
            folder, users=dict([ALICE]), refresh_tokens={IDENTITY_TOKEN: "alice"}, tls=authority
        ) as tokens,
        run_registry(
            request.param, folder=folder, token_realm=tokens.realm, token_certificate=tokens.certificate, tls=authority
        ) as running,
    ):
        for name in ("public/app", *(f"team/app{number}" for number in ("", *range(10)))):
            push_image(running, name, ["1.0.0"], token=tokens.issue(name, ["pull", "push"], "alice"))
        yield running, tokens


# --- listing ---------------------------------------------------------------------------------------------------------


def test_five_thousand_tags_are_listed_whole_and_sorted(registry: RunningRegistry) -> None:
    push_image(registry, "big/app", ["latest"])
    tags = [f"1.0.{number}" for number in range(5000)]
    link_tags(registry, "big/app", tags, "latest")
    with Client() as client:
        assert client.scan(repository(registry, "big/app")).tags == tuple(sorted([*tags, "latest"]))


def test_exactly_one_page_is_the_whole_list(registry: RunningRegistry) -> None:
    push_image(registry, "page/app", ["t0000"])
    tags = [f"t{number:04}" for number in range(1000)]
    link_tags(registry, "page/app", tags[1:], "t0000")
    with Client() as client:
        assert client.scan(repository(registry, "page/app")).tags == tuple(tags)


@pytest.mark.parametrize("count", [1000, 1201])
def test_go_containerregistrys_own_registry_cuts_its_list_and_is_read_to_the_end(tmp_path: Path, count: int) -> None:
    tags = [f"1.{number}" for number in range(count)]
    with run_crane_registry(tmp_path) as host, Client() as client:
        pushed = push_image(host, "team/app", tags)
        image = parse_flux_image(f"{host}/team/app")
        assert client.scan(image).tags == tuple(sorted(tags))
        assert client.digest(image, "1.7") == pushed.digest


@pytest.mark.parametrize("drops_query", [False, True])
def test_a_front_behind_tls_that_redirects_to_a_private_registry_gets_its_public_part_alone(
    granted: tuple[RunningRegistry, TokenServer], authority: Authority, drops_query: bool
) -> None:
    running, tokens = granted

    def front(seen: Seen) -> Reply:
        query = f"?{seen.query}" if seen.query and not drops_query else ""
        return Reply(307, b"", {"Location": f"{running.scheme}://{running.host}{seen.path}{query}"})

    options = ScanOptions(tls=trusting(authority))
    with (
        run_fake(front, tls=authority) as fake,
        Client(ClientSettings(keychain=Always(), address_rules=AddressRules(trust_input=True))) as client,
    ):
        before = len(tokens.requests)
        public = parse_flux_image(f"localhost:{fake.port}/public/app")
        assert client.scan(public, options=options).tags == ("1.0.0",)
        assert client.digest(public, "1.0.0", options=options).startswith("sha256:")
        with pytest.raises(Unauthorized, match=f"redirects to {running.host}"):
            client.scan(parse_flux_image(f"localhost:{fake.port}/team/app"), options=options)
        assert {request["authorization"] for request in tokens.requests[before:]} == {""}


def test_repository_that_lost_its_tags_has_none_or_is_not_there(registry: RunningRegistry) -> None:
    push_image(registry, "empty/app", ["1.0.0"])
    delete_tags(registry, "empty/app")
    with Client() as client:
        try:
            assert client.scan(repository(registry, "empty/app")).tags == ()
        except NotFound as err:
            assert "NAME_UNKNOWN" in str(err)


def test_unknown_repository_is_not_there(registry: RunningRegistry) -> None:
    with Client() as client, pytest.raises(NotFound) as caught:
        client.scan(repository(registry, "no/such"))
    assert str(caught.value).startswith(f"{registry.host}/no/such was not found: NAME_UNKNOWN")


# --- digests and images ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_digest_of_a_tag_is_the_manifests(registry: RunningRegistry, docker: bool) -> None:
    pushed = push_image(registry, "digest/app", ["1.0.0"], docker=docker)
    with Client() as client:
        assert client.digest(repository(registry, "digest/app"), "1.0.0") == pushed.digest


@pytest.mark.parametrize("docker", [False, True], ids=["oci", "docker"])
def test_digest_of_several_platforms_is_the_indexs_unless_one_is_named(registry: RunningRegistry, docker: bool) -> None:
    wanted = ["linux/amd64", "linux/arm64/v8", "unknown/unknown"]
    pushed = push_image(registry, "multi/app", ["1.0.0"], docker=docker, platforms=wanted)
    image = repository(registry, "multi/app")
    with Client() as client:
        assert client.digest(image, "1.0.0") == pushed.digest
        assert client.digest(image, "1.0.0", platform="linux/arm64/v8") == pushed.platforms["linux/arm64/v8"]
        assert client.digest(image, "1.0.0", platform="linux/arm64") == pushed.platforms["linux/arm64/v8"]
        with pytest.raises(NotFound) as caught:
            client.digest(image, "1.0.0", platform="windows/amd64")
    assert caught.value.hint == "it has: linux/amd64, linux/arm64/v8"


def test_image_is_shown_with_creation_time_and_labels(registry: RunningRegistry, tmp_path: Path) -> None:
    pushed = push_image(
        registry,
        "label/app",
        ["1.0.0"],
        platforms=["linux/arm64", "linux/amd64"],
        created="2024-05-01T12:00:00Z",
        labels={"org.opencontainers.image.revision": "abc"},
    )
    with Client(ClientSettings(cache_folder=tmp_path)) as client:
        for _ in range(2):  # from the registry, then from the cache
            image = client.inspect(repository(registry, "label/app"), "1.0.0")
            assert image.digest == pushed.digest
            assert (image.platform, image.platform_digest) == ("linux/amd64", pushed.platforms["linux/amd64"])
            assert image.created == "2024-05-01T12:00:00Z"
            assert image.labels == {"org.opencontainers.image.revision": "abc"}
            assert image.platforms == ("linux/arm64", "linux/amd64")


def test_image_for_one_platform_is_not_passed_off_as_another(registry: RunningRegistry) -> None:
    push_image(registry, "single/app", ["1.0.0"])
    image = repository(registry, "single/app")
    with Client() as client:
        assert client.inspect(image, "1.0.0", platform="linux/amd64").platform == "linux/amd64"
        with pytest.raises(NotFound, match="is for linux/amd64, not for linux/arm64"):
            client.digest(image, "1.0.0", platform="linux/arm64")


def test_tag_that_is_not_there_is_not_found(registry: RunningRegistry) -> None:
    push_image(registry, "digest/app", ["1.0.0"])
    with Client() as client, pytest.raises(NotFound, match=r"digest/app:9\.9\.9 was not found"):
        client.digest(repository(registry, "digest/app"), "9.9.9")


def test_many_digests_are_asked_for_at_once(registry: RunningRegistry) -> None:
    pushed = push_image(registry, "digest/app", [f"1.0.{number}" for number in range(10)])
    image = repository(registry, "digest/app")
    with Client() as client:
        questions = [(image, f"1.0.{number}", ScanOptions()) for number in range(11)]
        found = client.digest_all(questions)
        assert found[:10] == [pushed.digest] * 10
        assert isinstance(found[10], NotFound)
        inspected = client.inspect_all(questions[:2])
    assert [getattr(image, "digest", None) for image in inspected] == [pushed.digest] * 2


# --- passwords and certificates --------------------------------------------------------------------------------------


def test_password_opens_a_private_registry(private: RunningRegistry, authority: Authority) -> None:
    options = ScanOptions(keychain=Always(*ALICE), tls=trusting(authority))
    with Client() as client:
        assert client.scan(repository(private), options=options).tags == ("1.0.0",)
        assert client.digest(repository(private), "1.0.0", options=options).startswith("sha256:")


def test_without_password_a_private_registry_says_that_it_wants_one(
    private: RunningRegistry, authority: Authority
) -> None:
    with Client() as client, pytest.raises(Unauthorized) as caught:
        client.scan(repository(private), options=ScanOptions(tls=trusting(authority)))
    assert "refuses (401) without credentials" in str(caught.value)


def test_wrong_password_is_an_error_that_names_its_source(private: RunningRegistry, authority: Authority) -> None:
    options = ScanOptions(keychain=Always("alice", "wrong"), tls=trusting(authority))
    with Client() as client, pytest.raises(Unauthorized, match="with the credentials from the test"):
        client.scan(repository(private), options=options)


def test_certificate_of_an_unknown_authority_is_refused_with_advice(private: RunningRegistry) -> None:
    with Client() as client, pytest.raises(Unreachable) as caught:
        client.scan(repository(private))
    assert "is not trusted" in str(caught.value)
    assert "SSL_CERT_FILE" in caught.value.hint


def test_authority_from_certs_d_is_trusted_for_its_host(
    private: RunningRegistry, authority: Authority, tmp_path: Path
) -> None:
    folder = tmp_path / "certs.d" / private.host
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes(authority.certificate.read_bytes())
    settings = ClientSettings(keychain=Always(*ALICE), network=NetworkSettings(folders=(tmp_path / "certs.d",)))
    with Client(settings) as client:
        assert client.scan(repository(private)).tags == ("1.0.0",)


def test_authority_from_ssl_cert_file_is_trusted(
    private: RunningRegistry, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with Client(ClientSettings(keychain=Always(*ALICE))) as client:
        assert client.scan(repository(private)).tags == ("1.0.0",)


def test_ssl_cert_file_that_is_not_there_is_named(private: RunningRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with Client() as client, pytest.raises(CredentialError, match="SSL_CERT_FILE names /no/such/file"):
        client.scan(repository(private))


@pytest.mark.parametrize("kind", KINDS)
def test_client_certificate_is_shown_where_it_is_wanted(kind: Kind, tmp_path: Path, authority: Authority) -> None:
    with run_registry(kind, folder=tmp_path, tls=authority, client_certificates=True) as running:
        issued = authority.issue("client")
        tls = Tls(
            authority.certificate.read_bytes(), issued.certificate.read_bytes(), issued.key.read_bytes(), "the test"
        )
        with Client() as client:
            with pytest.raises(NotFound):
                client.scan(repository(running), options=ScanOptions(tls=tls))
            with pytest.raises(Unreachable):
                client.scan(repository(running), options=ScanOptions(tls=trusting(authority)))


def machine(tmp_path: Path, config: str, helper: str = "", **more: Any) -> ClientSettings:
    """A machine with a docker configuration, and perhaps a credential helper, which counts its runs."""
    docker, programs = tmp_path / "docker", tmp_path / "bin"
    for folder in (docker, programs):
        folder.mkdir(exist_ok=True)
    (docker / "config.json").write_text(config)
    if helper:
        script = programs / "docker-credential-test"
        script.write_text(f"#!/bin/sh\nread server\necho run >> '{tmp_path}/runs'\n{helper}\n")
        script.chmod(0o755)
    environment = {"DOCKER_CONFIG": str(docker), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    return settings_from_environment(environment, tmp_path, cache=False, allow_loopback=True, **more)


def test_credential_helper_opens_a_private_registry_and_is_run_once(
    private: RunningRegistry, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    answer = json.dumps({"ServerURL": private.host, "Username": "alice", "Secret": PASSWORD})
    settings = machine(tmp_path, json.dumps({"credHelpers": {private.host: "test"}}), f"echo '{answer}'")
    with Client(settings) as client:
        found = scan_all(client, [(repository(private), ScanOptions(timeout=n)) for n in (20, 30)])
        assert [scan.tags for scan in found if isinstance(scan, Scan)] == [("1.0.0",)] * 2
        client.digest(repository(private), "1.0.0")
    assert (tmp_path / "runs").read_text() == "run\n"


# --- token servers ---------------------------------------------------------------------------------------------------


def test_public_repository_needs_a_token_and_no_login(
    granted: tuple[RunningRegistry, TokenServer], authority: Authority
) -> None:
    registry, tokens = granted
    before = len(tokens.requests)
    with Client() as client:
        assert client.scan(repository(registry, "public/app"), options=ScanOptions(tls=trusting(authority))).tags == (
            "1.0.0",
        )
    assert [(each["method"], each["authorization"]) for each in tokens.requests[before:]] == [("GET", "")]


def test_private_repository_is_refused_without_a_login(
    granted: tuple[RunningRegistry, TokenServer], authority: Authority
) -> None:
    registry, _ = granted
    with Client() as client, pytest.raises(Unauthorized, match="without credentials"):
        client.scan(repository(registry), options=ScanOptions(tls=trusting(authority)))


def test_login_gives_one_token_a_repository(granted: tuple[RunningRegistry, TokenServer], authority: Authority) -> None:
    registry, tokens = granted
    before = len(tokens.requests)
    options = ScanOptions(keychain=Always(*ALICE), tls=trusting(authority))
    with Client() as client:
        names = [f"team/app{number}" for number in range(10)]
        found = scan_all(client, [(repository(registry, name), options) for name in names])
        assert [scan.tags for scan in found if isinstance(scan, Scan)] == [("1.0.0",)] * 10
        client.digest_all([(repository(registry, name), "1.0.0", options) for name in names * 2])
    scopes = sorted(each["scope"] for each in tokens.requests[before:])
    assert scopes == [f"repository:{name}:pull" for name in names]


def test_wrong_password_at_the_token_server_never_leads_to_an_anonymous_attempt(
    granted: tuple[RunningRegistry, TokenServer], authority: Authority
) -> None:
    registry, tokens = granted
    before = len(tokens.requests)
    options = ScanOptions(keychain=Always("alice", "wrong"), tls=trusting(authority))
    with Client() as client, pytest.raises(Unauthorized) as caught:
        client.scan(repository(registry, "public/app"), options=options)
    assert "refuses the credentials from the test" in str(caught.value)
    assert all(each["authorization"] for each in tokens.requests[before:])


def test_identity_token_is_posted(granted: tuple[RunningRegistry, TokenServer], authority: Authority) -> None:
    registry, tokens = granted
    before = len(tokens.requests)
    options = ScanOptions(keychain=Always("", IDENTITY_TOKEN, "identity"), tls=trusting(authority))
    with Client() as client:
        assert client.scan(repository(registry), options=options).tags == ("1.0.0",)
    assert [each["method"] for each in tokens.requests[before:]] == ["POST"]


def test_wrong_identity_token_is_refused(granted: tuple[RunningRegistry, TokenServer], authority: Authority) -> None:
    registry, _ = granted
    options = ScanOptions(keychain=Always("", "wrong", "identity"), tls=trusting(authority))
    with Client() as client, pytest.raises(Unauthorized, match="bad refresh token"):
        client.scan(repository(registry), options=options)


@pytest.mark.parametrize("kind", KINDS)
def test_token_that_expires_soon_is_renewed(kind: Kind, tmp_path: Path) -> None:
    with (
        run_token_server(tmp_path) as tokens,
        run_registry(kind, folder=tmp_path, token_realm=tokens.realm, token_certificate=tokens.certificate) as running,
        Client() as client,
    ):
        push_image(running, "public/app", ["1.0.0"], token=tokens.issue("public/app", ["pull", "push"]))
        image = repository(running, "public/app")
        tokens.lifetime = 3
        assert client.scan(image).tags == ("1.0.0",)
        asked = len(tokens.requests)
        later = tokens.issue("public/app", ["pull"])
        assert wait_until(lambda: status_of(running, "/v2/public/app/tags/list", later) == 401)
        tokens.lifetime = 300
        assert client.scan(image).tags == ("1.0.0",)
        assert len(tokens.requests) == asked + 1


def status_of(registry: RunningRegistry, path: str, token: str) -> int:
    connection = http.client.HTTPConnection(registry.host, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()
