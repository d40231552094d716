"""Kubernetes Secrets as Flux uses them: which key is for which repository, what is refused, what is noted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import CredentialError
from imagesetter.registry.auth.credentials import Keychains, Lookup
from imagesetter.registry.auth.kubernetes_secrets import (
    encrypted_note,
    is_encrypted,
    key_matches,
    read_cert_secret,
    read_proxy_secret,
    read_pull_secrets,
)
from imagesetter.registry.client import Client
from imagesetter.registry.events import Event, Note
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.registry.settings import ClientSettings
from support.fakes import Reply, run_fake
from support.logins import PASSWORD, Always


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(
    data: dict[str, str] | None = None, *, kind: str = "kubernetes.io/dockerconfigjson", **more: Any
) -> dict[str, Any]:
    encoded = {name: b64(value) for name, value in (data or {}).items()}
    metadata = {"name": "regcred", "namespace": "flux-system"}
    return {"kind": "Secret", "type": kind, "metadata": metadata, "data": encoded, **more}


def pull(*keys: str) -> dict[str, Any]:
    auths = {key: {"auth": b64(f"{key}:{PASSWORD}")} for key in keys}
    return secret({".dockerconfigjson": json.dumps({"auths": auths})})


def who(secrets: list[dict[str, Any]], registry: str = "ghcr.io", path: str = "org/app") -> str:
    credential = read_pull_secrets(secrets).keychain.find(registry, path).credential
    return credential.username if credential is not None else ""


@pytest.mark.parametrize(
    ("key", "registry", "path"),
    [
        ("ghcr.io", "ghcr.io", "org/app"),
        ("ghcr.io/org", "ghcr.io", "org/app"),
        ("ghcr.io/org/app", "ghcr.io", "org/app"),
        ("*.io", "ghcr.io", "org/app"),
        ("*.dkr.ecr.*.amazonaws.com", "1.dkr.ecr.eu-west-1.amazonaws.com", "app"),
        ("reg*.example.com:5000", "registry.example.com:5000", "app"),
        ("registry?.example.com", "registry1.example.com", "app"),
        ("[::1]:5000", "[::1]:5000", "app"),
    ],
)
def test_key_is_for_the_repository(key: str, registry: str, path: str) -> None:
    assert key_matches(key, registry, path)


@pytest.mark.parametrize(
    ("key", "registry", "path"),
    [
        ("ghcr.io/org", "ghcr.io", "org-evil/app"),
        ("ghcr.io/org/app", "ghcr.io", "org"),
        ("*.io", "a.ghcr.io", "org/app"),
        ("*", "ghcr.io", "org/app"),
        ("ghcr.io", "ghcr.io:5000", "org/app"),
        ("ghcr.io:5000", "ghcr.io", "org/app"),
        ("ghcr.io", "ghcr.io.evil.example", "org/app"),
        ("docker.io", "index.docker.io", "library/nginx"),
    ],
)
def test_key_is_not_for_the_repository(key: str, registry: str, path: str) -> None:
    assert not key_matches(key, registry, path)


HOSTS = st.from_regex(r"[a-z]{1,4}(\.[a-z]{1,4}){1,2}", fullmatch=True)
PATHS = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}", fullmatch=True)


@given(HOSTS, PATHS)
def test_key_is_for_its_own_repository_and_what_lies_below(host: str, path: str) -> None:
    assert key_matches(f"{host}/{path}", host, path)
    assert key_matches(f"{host}/{path}", host, f"{path}/below")
    assert not key_matches(f"{host}/{path}", host, f"{path}x")


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "https://index.docker.io/v2/"])
def test_docker_hubs_key_is_its_canonical_name(key: str) -> None:
    assert who([pull(key)], "index.docker.io", "library/nginx") == key.partition(":")[0] or key


def test_keys_are_tried_from_z_to_a() -> None:
    assert who([pull("ghcr.io", "ghcr.io/org", "*.io")]) == "ghcr.io/org"
    assert who([pull("ghcr.io", "*.io")]) == "ghcr.io"


def test_first_secret_wins_for_the_same_key() -> None:
    first = secret({".dockerconfigjson": json.dumps({"auths": {"ghcr.io": {"username": "first", "password": "x"}}})})
    second = secret({".dockerconfigjson": json.dumps({"auths": {"ghcr.io": {"username": "second", "password": "x"}}})})
    assert who([first, second]) == "first"


def test_old_form_and_string_data_are_read() -> None:
    old = secret(
        {".dockercfg": json.dumps({"ghcr.io": {"username": "old", "password": "x"}})}, kind="kubernetes.io/dockercfg"
    )
    assert who([old]) == "old"
    document = json.dumps({"auths": {"ghcr.io": {"username": "text", "password": "x"}}})
    assert who([{**pull("ghcr.io"), "stringData": {".dockerconfigjson": document}}]) == "text"


def test_credential_names_its_secret() -> None:
    lookup = read_pull_secrets([pull("ghcr.io")]).keychain.find("ghcr.io", "org/app")
    assert lookup.note == "ghcr.io: credentials from Secret flux-system/regcred (ghcr.io)"
    assert PASSWORD not in repr(lookup)


@pytest.mark.parametrize(
    "other",
    [
        secret({"username": "a", "password": "b"}, kind="Opaque"),
        secret({"username": "a"}),
        {"kind": "Secret", "metadata": {"name": "x"}},
    ],
    ids=["another-type", "right-type-without-the-key", "nothing"],
)
def test_secret_of_another_kind_is_ignored_and_noted(other: dict[str, Any]) -> None:
    reading = read_pull_secrets([other])
    assert reading.keychain.entries == ()
    assert "is no pull secret" in reading.notes[0]


ENCRYPTED = [
    pytest.param({**secret({"a": "b"}), "sops": {"mac": "x"}}, id="sops"),
    pytest.param({**secret(), "data": {".dockerconfigjson": "ENC[AES256_GCM,data:x]"}}, id="sops-value"),
    pytest.param({**secret(), "stringData": {"ca.crt": "ENC[AES256_GCM,data:x]"}}, id="sops-text"),
    pytest.param({"kind": "SealedSecret", "metadata": {"name": "x"}, "spec": {"encryptedData": {}}}, id="sealed"),
]


@pytest.mark.parametrize("value", ENCRYPTED)
def test_encrypted_secret_is_recognised_and_named(value: dict[str, Any]) -> None:
    assert is_encrypted(value)
    note = encrypted_note(value)
    assert note.endswith("is encrypted; the configuration of this machine is used instead")
    reading = read_pull_secrets([value, pull("ghcr.io")])
    assert reading.notes == (note,)
    assert reading.keychain.find("ghcr.io", "org/app").credential is not None
    assert reading.keychain.find("quay.io", "org/app") == Lookup(None, note)
    assert read_cert_secret(value) is None
    assert read_proxy_secret(value) is None


def test_encrypted_secret_and_the_login_used_in_its_place_are_both_told() -> None:
    keychain = read_pull_secrets([{**secret({"a": "b"}), "sops": {}}]).keychain
    lookup = Keychains((keychain, Always("alice"))).find("ghcr.io", "org/app")
    assert lookup.credential is not None
    assert lookup.note == (
        "Secret flux-system/regcred is encrypted; the configuration of this machine is used instead;"
        " ghcr.io: credentials from the test"
    )


def test_notes_about_secrets_are_told_once() -> None:
    events: list[Event] = []
    with (
        run_fake(lambda seen: Reply(200, {"tags": []})) as fake,
        Client(ClientSettings(listener=events.append)) as client,
    ):
        for _ in range(2):
            client.scan(parse_flux_image(f"{fake.host}/app"), options=ScanOptions(notes=("a note",)))
    assert [event for event in events if isinstance(event, Note)] == [Note("a note")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({".dockerconfigjson": f"{{{PASSWORD}"}, id="no-json"),
        pytest.param({".dockerconfigjson": json.dumps({"auths": [PASSWORD]})}, id="auths-is-a-list"),
        pytest.param({".dockerconfigjson": json.dumps({"auths": {"a.b": {"auth": PASSWORD}}})}, id="bad-auth"),
    ],
)
def test_secret_that_cannot_be_read_is_named_and_never_quoted(data: dict[str, str]) -> None:
    with pytest.raises(CredentialError) as caught:
        read_pull_secrets([secret(data)])
    assert "Secret flux-system/regcred" in str(caught.value)
    assert PASSWORD not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize("text", ["%%%", "YWJj\u202eYWJj", "\udcff"], ids=["signs", "beyond ASCII", "a lone surrogate"])
def test_data_that_is_not_base64_is_an_error(text: str) -> None:
    with pytest.raises(CredentialError, match=r"data\[\.dockerconfigjson\] is not base64"):
        read_pull_secrets([{**secret(), "data": {".dockerconfigjson": text}}])


def test_certificates_are_read_under_new_and_old_names() -> None:
    new = read_cert_secret(secret({"ca.crt": "CA", "tls.crt": "CRT", "tls.key": "KEY", "caFile": "old"}, kind="Opaque"))
    assert new is not None
    assert (new.ca, new.certificate, new.key) == (b"CA", b"CRT", b"KEY")
    old = read_cert_secret(secret({"caFile": "CA", "certFile": "CRT", "keyFile": "KEY"}, kind="Opaque"))
    assert old is not None
    assert (old.ca, old.certificate, old.key) == (b"CA", b"CRT", b"KEY")
    assert "KEY" not in repr(new)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "neither ca.crt nor tls.crt and tls.key"),
        ({"tls.crt": "x"}, "needs both tls.crt and tls.key"),
        ({"tls.key": "x", "ca.crt": "y"}, "needs both tls.crt and tls.key"),
    ],
)
def test_certificates_that_do_not_make_a_pair_are_refused(data: dict[str, str], message: str) -> None:
    with pytest.raises(CredentialError, match=message):
        read_cert_secret(secret(data))


def test_proxy_is_read_with_its_login() -> None:
    proxy = read_proxy_secret(secret({"address": "http://proxy.example:3128", "username": "u", "password": PASSWORD}))
    assert proxy is not None
    assert (proxy.url, proxy.username, proxy.password, proxy.from_input) == (
        "http://proxy.example:3128",
        "u",
        PASSWORD,
        True,
    )
    assert PASSWORD not in repr(proxy)


@pytest.mark.parametrize(
    "address",
    ["", "proxy.example:3128", "ftp://proxy.example", "http://a b", f"http://{PASSWORD}@/", "http://" + "a" * 2100],
)
def test_proxy_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(CredentialError) as caught:
        read_proxy_secret(secret({"address": address}))
    assert PASSWORD not in str(caught.value)
