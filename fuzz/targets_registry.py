"""Targets that are a registry's words, or a login's: challenges, links, tag lists, refusals, Docker configurations."""

from __future__ import annotations

import base64

from fuzz.target import Target, as_text, cut


def _challenge(data: bytes) -> None:
    from imagesetter.registry.auth.challenge import parse_challenges

    for challenge in parse_challenges(as_text(data).split("\n")):
        assert challenge.scheme == challenge.scheme.lower()
        assert all(isinstance(value, str) for value in challenge.parameters.values())


def _link(data: bytes) -> None:
    from imagesetter.registry.link_header import next_query

    query = next_query(as_text(data), "x")
    assert query is None or (query.isascii() and query.isprintable() and " " not in query and "#" not in query)


def _tag_page(data: bytes) -> None:
    from imagesetter.registry.http.library import httpx
    from imagesetter.registry.reference import is_tag
    from imagesetter.registry.tags import list_tags

    link, warning, content_type, _ = cut(data, 4)
    body = data.split(b"\0", 3)[-1]
    texts = {"Link": link, "Warning": warning, "Content-Type": content_type}
    headers = [(name.encode(), text.encode("utf-8", "surrogateescape")) for name, text in texts.items()]
    asked: list[str] = []

    def ask(query: str, expected: tuple[int, ...], etag: str) -> httpx.Response:
        asked.append(query)
        return httpx.Response(200, headers=headers if len(asked) < 3 else [], content=body)

    listing = list_tags(ask, "x", lambda count: None)
    assert all(map(is_tag, listing.tags)) and listing.tags == sorted(set(listing.tags))
    assert all(warning.isprintable() for warning in listing.warnings)


def _refusal(data: bytes) -> None:
    from imagesetter.registry.http.redaction import error_reason, redacted_origin, redacted_url

    for kind in ("application/json", "text/plain", ""):
        said = error_reason(data, kind, ["s3cret-word"])
        assert said.isprintable() and len(said) < 3000
    for show in (redacted_url, redacted_origin):
        assert show(as_text(data)).isprintable()


def _docker_config(data: bytes) -> None:
    from imagesetter.errors import CredentialError
    from imagesetter.registry.auth.credentials import load_document, read_entry, section
    from imagesetter.registry.auth.docker_config import matching_keys
    from imagesetter.registry.http.hosts import parse_host

    document = load_document(data, where="config.json")
    auths = section(document, "auths", where="config.json")
    matching_keys(auths, parse_host("index.docker.io"), "library/nginx")
    for entry in auths.values():
        try:
            credential = read_entry(entry, where="config.json")
        except CredentialError:
            continue
        if credential is not None:
            assert "\n" not in credential.basic and "\r" not in credential.basic
            assert credential.secret not in repr(credential) or len(credential.secret) < 30


def _pull_secret(data: bytes) -> None:
    from imagesetter.registry.auth.kubernetes_secrets import (
        PullSecrets,
        key_matches,
        read_cert_secret,
        read_proxy_secret,
        read_pull_secrets,
    )
    from krm_functions.errors import ReportedError

    kind, member, key, _ = cut(data, 4)
    value = data.split(b"\0", 3)[-1]
    for field, text in (
        ("data", base64.b64encode(value).decode()),
        ("data", as_text(value)),
        ("stringData", as_text(value)),
    ):
        secret = {"kind": "Secret", "metadata": {"name": key}, "type": kind, field: {member: text}}
        for read in (lambda one: read_pull_secrets([one]), read_cert_secret, read_proxy_secret):
            try:
                found = read(secret)
            except ReportedError as err:
                assert str(err).isprintable(), str(err)
                continue
            if isinstance(found, PullSecrets):
                found.keychain.find("index.docker.io", "library/nginx")
    assert isinstance(key_matches(key, "ghcr.io:443", "org/app"), bool)


_AUTHS = b'{"auths": {"ghcr.io": {"auth": "dXNlcjpwYXNz"}, "https://index.docker.io/v1/": {"identitytoken": "abc"}}}'
_JSON_WORDS = (b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"\\u0000", b"\\ud800", b"1e999", b"true", b"NaN")

TARGETS = (
    Target(
        "challenge",
        _challenge,
        (
            b'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"',
            b'Basic realm="x", Bearer realm=y,error="insufficient_scope"',
            b"Negotiate YWJj==, NTLM",
        ),
        (b'realm="', b"Bearer ", b"Basic ", b",", b"=", b'\\"', b'"', b" ", b"\n"),
    ),
    Target(
        "link",
        _link,
        (
            b'</v2/x/tags/list?last=b&n=100>; rel="next"',
            b'<https://evil/?a>; rel="prev", <?last=c>; rel=next; title="a,b"',
            b"<x#y>; rel=next",
        ),
        (b'rel="next"', b"<", b">", b";", b"?last=", b"\\", b'"', b"#", b"rel*=", b","),
    ),
    Target(
        "tag-page",
        _tag_page,
        (
            b'<?last=b>; rel=next\x00299 - "old"\0application/json\0{"name": "x", "tags": ["a", "b", null]}',
            b'\0\0\0{"tags": null, "manifest": {"sha256:0": {"tag": ["a"], "timeUploadedMs": "1700000000000"}}}',
            b"\0\0text/html\0<html>",
        ),
        (*_JSON_WORDS, b"\0", b"tags", b"manifest", b"timeUploadedMs", b"299 "),
    ),
    Target(
        "refusal",
        _refusal,
        (
            b'{"errors": [{"code": "DENIED", "message": "no", "detail": {}}]}',
            b"toomanyrequests: wait",
            b'{"message": "Bearer abc"}',
            b"https://user:pass@example.com/a?sig=1#x",
        ),
        (*_JSON_WORDS, b"errors", b"message", b"\x1b[31m", b"Bearer ", b"s3cret-word", b"://", b"@", b"[::"),
    ),
    Target(
        "docker-config",
        _docker_config,
        (
            _AUTHS,
            b'{"auths": {"a": {"username": "<token>", "password": "x"}}, "credsStore": "desktop", "credHelpers": {}}',
            b'{"auths": {"a/b": {"auth": "dTpw\\n", "registrytoken": "x y"}}}',
        ),
        (*_JSON_WORDS, b"auth", b"auths", b"registrytoken", b"identitytoken", b"docker.io", b"ENC[", b"/v1/"),
    ),
    Target(
        "pull-secret",
        _pull_secret,
        (
            b"kubernetes.io/dockerconfigjson\0.dockerconfigjson\0*.io/org\0" + _AUTHS,
            b"kubernetes.io/dockercfg\0.dockercfg\0x\0" + _AUTHS[10:-1],
            b"Opaque\0address\0x\0http://user:pass@proxy.example.com:3128",
            b"kubernetes.io/tls\0ca.crt\0x\0-----BEGIN CERTIFICATE-----\n",
        ),
        (*_JSON_WORDS, b"\0", b"http://", b"socks5://", b"@", b"[::1]", b":99999", b"ENC[", b"[!a", b"*"),
    ),
)
