"""Planted secrets, looked for in everything that can be seen: errors, their causes, events, logs, output, reprs."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from imagesetter.registry.auth.credentials import Credential
from imagesetter.registry.auth.flow import RegistryAuth, TokenCache
from imagesetter.registry.auth.kubernetes_secrets import read_pull_secrets
from imagesetter.registry.client import Client
from imagesetter.registry.events import Event
from imagesetter.registry.http.address_rules import AddressRules
from imagesetter.registry.http.network import NetworkOverrides
from imagesetter.registry.http.proxies import Proxy
from imagesetter.registry.http.tls import Tls
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import Scan, ScanOptions
from imagesetter.registry.settings import settings_from_environment
from krm_functions.errors import ReportedError
from support.clocks import FakeClock
from support.fakes import FakeServer, Reply, Seen, run_fake
from support.logins import ACCESS_TOKEN, IDENTITY_TOKEN, PASSWORD, REGISTRY_TOKEN, SECRETS
from support.scanning import scan_all

BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
FORMS = (*SECRETS, BASIC, *(base64.b64encode(secret.encode()).decode() for secret in SECRETS))

LOGINS: dict[str, dict[str, str]] = {
    "password": {"auth": BASIC},
    "identity token": {"identitytoken": IDENTITY_TOKEN},
    "registry token": {"registrytoken": REGISTRY_TOKEN},
    "identity token as password": {"username": "<token>", "password": IDENTITY_TOKEN},
}


def echo(seen: Seen) -> str:
    """What a clumsy server says: everything that it was told."""
    return f"you said {seen.authorization} {seen.query} {seen.body.decode()}"


def behaviours(fake: FakeServer) -> Iterator[tuple[str, Any]]:
    """Registries and token servers, good and clumsy: name and how they answer."""

    def with_token(status: int, body: object, then: Reply) -> Any:
        def respond(seen: Seen) -> Reply:
            if seen.path == "/token":
                return Reply(status, body)
            return (
                then
                if seen.authorization
                else Reply(401, {}, {"WWW-Authenticate": 'Bearer realm="/token",service="s"'})
            )

        return respond

    good = Reply(200, {"tags": ["1.0"]})
    yield "good token server", with_token(200, {"token": ACCESS_TOKEN}, good)
    yield "refusing token server", with_token(401, {"message": "no"}, good)
    yield (
        "token that is not taken",
        with_token(200, {"token": ACCESS_TOKEN}, Reply(401, {}, {"WWW-Authenticate": "Basic"})),
    )
    yield "token in no json", with_token(200, f'{{"token": "{ACCESS_TOKEN}"'.encode(), good)
    yield "token with a line break", with_token(200, {"token": f"{ACCESS_TOKEN}\r\nX: y"}, good)
    yield "failing token server", with_token(500, {"message": "no"}, good)
    yield "basic", lambda seen: good if seen.authorization else Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})
    yield "basic that is refused", lambda seen: Reply(401, {}, {"WWW-Authenticate": "Basic realm=x"})
    yield "redirect away", lambda seen: Reply(302, b"", {"Location": f"http://alice:{PASSWORD}@127.0.0.1/{PASSWORD}"})
    yield "redirect with a signature", lambda seen: Reply(302, b"", {"Location": f"{seen.path}?s={PASSWORD}"})
    yield "hang up", lambda seen: None
    yield "busy", lambda seen: Reply(429, b"", {"Retry-After": "9999"})


def visible(value: object) -> Iterator[str]:
    """Every text by which a value can be seen: itself, its parts, its causes."""
    yield str(value)
    yield repr(value)
    if isinstance(value, BaseException):
        yield "".join(traceback.format_exception(value))
        yield from (repr(argument) for argument in value.args)
    if isinstance(value, ReportedError):
        yield f"{value.what} {value.where} {value.hint}"


def deep_repr(value: object, depth: int = 4) -> Iterator[str]:
    """The reprs of a value and of what it is made of, as a debugger shows them."""
    yield repr(value)
    if depth and is_dataclass(value) and not isinstance(value, Credential | Proxy | Tls):
        for field in fields(value):
            if field.repr:
                yield from deep_repr(getattr(value, field.name), depth - 1)


@pytest.mark.parametrize("login", list(LOGINS))
def test_no_secret_is_seen_whatever_registries_do(
    login: str, home: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    texts: list[str] = []
    events: list[Event] = []
    caplog.set_level(logging.NOTSET)
    scans = failures = 0
    with run_fake(lambda seen: None) as fake:
        docker = home / ".docker"
        docker.mkdir()
        (docker / "config.json").write_text(json.dumps({"auths": {fake.host: LOGINS[login]}}))
        image = parse_flux_image(f"{fake.host}/app")
        for _, respond in behaviours(fake):
            fake.respond = respond
            settings = settings_from_environment(
                {"SECRET_VARIABLE": PASSWORD}, home, cache=False, allow_loopback=True, listener=events.append
            )
            settings = replace(settings, clock=FakeClock())
            with Client(settings) as client:
                for found in scan_all(client, [(image, ScanOptions())]):
                    texts += visible(found)
                    scans += isinstance(found, Scan)
                    failures += isinstance(found, ReportedError)
                assert client._sessions is not None
                session = client._sessions.find(NetworkOverrides())
                texts += [repr(session), repr(session.tokens), repr(client), *deep_repr(settings)]
    printed = capfd.readouterr()
    texts += [repr(event) for event in events]
    texts += [record.getMessage() + repr(record.args) for record in caplog.records]
    texts += [printed.out, printed.err]
    everything = "\n".join(texts)
    assert scans >= 1, "some got through"
    assert failures >= 5, "some did not"
    for secret in FORMS:
        assert secret not in everything


ODD_PASSWORD = "plAnted/pAss word+1"
ODD_BASIC = base64.b64encode(f"alice:{ODD_PASSWORD}".encode()).decode()
ODD_FORMS = {"as it is": ODD_PASSWORD, "as in a form": quote_plus(ODD_PASSWORD), "as in a header": ODD_BASIC}


@pytest.mark.parametrize("form", ODD_FORMS.values(), ids=ODD_FORMS)
def test_server_that_repeats_what_it_was_told_is_not_believed_to_be_safe(form: str, home: Path) -> None:
    """Its words are shown, so what it says of the login is taken out."""
    docker = home / ".docker"
    docker.mkdir()

    def respond(seen: Seen) -> Reply:
        said = {"message": f"{echo(seen)} and your word is {form}."}
        return Reply(403 if seen.authorization else 401, said, {"WWW-Authenticate": "Basic"})

    with run_fake(respond) as fake:
        (docker / "config.json").write_text(json.dumps({"auths": {fake.host: {"auth": ODD_BASIC}}}))
        with Client(settings_from_environment({}, home, cache=False, allow_loopback=True)) as client:
            (found,) = scan_all(client, [(parse_flux_image(f"{fake.host}/app"), ScanOptions())])
    assert isinstance(found, ReportedError)
    assert "you said" in str(found)
    assert "your word is ***." in str(found)
    assert not [each for each in ODD_FORMS.values() if each in str(found)]


@pytest.mark.parametrize(
    "text", [f"{REGISTRY_TOKEN} ", f"{REGISTRY_TOKEN}\x01", f"{REGISTRY_TOKEN}é", f"{REGISTRY_TOKEN}\n"]
)
def test_token_that_no_header_can_hold_is_refused_before_a_library_quotes_it(text: str, home: Path) -> None:
    docker = home / ".docker"
    docker.mkdir()
    (docker / "config.json").write_text(json.dumps({"auths": {"ghcr.io": {"registrytoken": text}}}))
    keychain = settings_from_environment({}, home).keychain
    assert keychain is not None
    with pytest.raises(ReportedError) as caught:
        keychain.find("ghcr.io", "org/app")
    assert REGISTRY_TOKEN not in "\n".join(visible(caught.value))


def test_values_that_hold_secrets_do_not_show_them() -> None:
    document = base64.b64encode(json.dumps({"auths": {"ghcr.io": LOGINS["password"]}}).encode()).decode()
    secret = {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": document}}
    keychain = read_pull_secrets([secret]).keychain
    options = ScanOptions(
        keychain=keychain, tls=Tls(key=PASSWORD.encode()), proxy=Proxy("http://p:1", "u", PASSWORD, True)
    )
    credential = keychain.find("ghcr.io", "a").credential
    auth = RegistryAuth("a", lambda: credential, TokenCache(), AddressRules())
    shown = "\n".join([repr(options), repr(keychain), repr(credential), str(credential), repr(auth)])
    for form in FORMS:
        assert form not in shown
