"""Signatures of notation by certificates of the tests' own, valid and forged, and what a trust policy makes of them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from imagesetter.errors import CredentialError, ResolveError, SignatureError
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.verification.signature import Verified
from imagesetter.verification.trust_policy import read_notation_trust
from imagesetter.verification.verify import verify
from support.notation_signing import END, EXPIRY, JWS, NOTATION, SCHEME, Signer, url_text
from support.signing import Image, attach, push_signed_image

NUMBERS = count()
NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC).timestamp()
SIGNER, STRANGER = Signer(), Signer()
BY = "the certificate of CN=leaf,O=example,ST=ZH,C=CH"


def new_image(host: str) -> Image:
    number = next(NUMBERS)
    return push_signed_image(host, f"notation{number}", "1.0.0", labels={"number": str(number)})


def ask(client: Client, image: Image, entries: dict[str, bytes], now: float = NOW) -> Verified | str:
    repository = parse_flux_image(f"{image.host}/{image.path}")
    trust = read_notation_trust(entries, "Secret notation")
    try:
        return verify(client.puller(repository, ScanOptions()), repository, image.digest, trust, now)
    except SignatureError as error:
        return error.what


def signed(host: str, make: Callable[[Image], bytes], *, api: bool, layer_kind: str = JWS) -> Image:
    image = new_image(host)
    attach(image, make(image), kind=NOTATION, layer_kind=layer_kind, referrers_api=api)
    return image


KEYS: dict[str, Callable[[], Any]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
}


@pytest.mark.parametrize("kind", KEYS)
def test_an_envelope_by_a_certificate_with_a_key_of_any_kind_is_accepted(
    client: Client, with_api: str, kind: str
) -> None:
    signer = Signer(KEYS[kind]())
    image = signed(with_api, signer.envelope, api=True)
    assert ask(client, image, signer.trust()) == Verified(BY, "notation", END.timestamp())


def test_an_envelope_is_found_under_the_fallback_tag(client: Client, without_api: str) -> None:
    image = signed(without_api, SIGNER.envelope, api=False)
    assert ask(client, image, SIGNER.trust()) == Verified(BY, "notation", END.timestamp())


def with_parts(content: bytes, **changes: Any) -> bytes:
    return json.dumps(json.loads(content) | changes).encode()


EXPIRED = Signer(end=datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC))
TIMES = {EXPIRY: "2026-05-01T00:00:00Z", "crit": [SCHEME, EXPIRY]}
FORGED: dict[str, tuple[Signer, Callable[[Image], bytes], str]] = {
    "a certificate that is not trusted": (
        SIGNER,
        STRANGER.envelope,
        "its certificate is not below a trusted one",
    ),
    "the trusted root beside the chain of another": (
        SIGNER,
        lambda image: STRANGER.envelope(image, chain=[STRANGER.leaf, STRANGER.root, SIGNER.root]),
        "the certificate of CN=root,O=example,ST=ZH,C=CH was not issued by CN=root,O=example,ST=ZH,C=CH",
    ),
    "the trusted chain beside another key": (
        SIGNER,
        lambda image: STRANGER.envelope(image, chain=[SIGNER.leaf, SIGNER.root]),
        "it is not by the key of its certificate, or what it signs was changed",
    ),
    "another image": (
        SIGNER,
        lambda image: SIGNER.envelope(image, target={"digest": "sha256:" + "0" * 64}),
        f"it signs sha256:{'0' * 64}, not DIGEST",
    ),
    "another size": (
        SIGNER,
        lambda image: SIGNER.envelope(image, target={"size": 1}),
        "it signs another size or media type than that of the image",
    ),
    "another media type": (
        SIGNER,
        lambda image: SIGNER.envelope(image, target={"mediaType": "application/vnd.oci.image.index.v1+json"}),
        "it signs another size or media type than that of the image",
    ),
    "the payload was changed": (
        SIGNER,
        lambda image: with_parts(SIGNER.envelope(image), payload=url_text(b"{}")),
        "it is not by the key of its certificate, or what it signs was changed",
    ),
    "an expired certificate": (
        EXPIRED,
        EXPIRED.envelope,
        "the certificate of CN=leaf,O=example,ST=ZH,C=CH has expired",
    ),
    "an expired signature": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers=TIMES),
        "it has expired",
    ),
    "an expiry that is not critical": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers=TIMES | {"crit": [SCHEME]}),
        "the expiry of the envelope is not among its critical attributes",
    ),
    "a critical attribute that nobody knows": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={"crit": [SCHEME, "new"], "new": 1}),
        "the critical attribute new of the envelope is not known",
    ),
    "a verification plugin": (
        SIGNER,
        lambda image: SIGNER.envelope(
            image,
            headers={
                "crit": [SCHEME, "io.cncf.notary.verificationPlugin"],
                "io.cncf.notary.verificationPlugin": "plugin",
            },
        ),
        "the critical attribute io.cncf.notary.verificationPlugin of the envelope is not known",
    ),
    "an empty critical attribute": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={"crit": [SCHEME, ""]}),
        "the critical attribute  of the envelope is not known",
    ),
    "no critical attributes": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={"crit": None}),
        "the envelope does not name its signing scheme among the critical attributes",
    ),
    "a signing authority": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={SCHEME: "notary.x509.signingAuthority"}),
        "the signing scheme is notary.x509.signingAuthority; only notary.x509 can be verified here",
    ),
    "another algorithm": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={"alg": "none"}),
        "the signature is by the algorithm none, and the certificate's key signs by ES256",
    ),
    "another payload": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={"cty": "text/plain"}),
        "the payload is of type text/plain, not application/vnd.cncf.notary.payload.v1+json",
    ),
    "no signing time": (
        SIGNER,
        lambda image: SIGNER.envelope(image, headers={"io.cncf.notary.signingTime": None}),
        "the signing time of the envelope cannot be read",
    ),
    "no certificate": (
        SIGNER,
        lambda image: SIGNER.envelope(image, chain=[]),
        "the envelope does not have one to 8 certificates",
    ),
    "a chain without its root": (
        SIGNER,
        lambda image: SIGNER.envelope(image, chain=[SIGNER.leaf]),
        "the certificate of CN=leaf,O=example,ST=ZH,C=CH was not issued by CN=leaf,O=example,ST=ZH,C=CH",
    ),
    "the root in the place of the leaf": (
        SIGNER,
        lambda image: SIGNER.envelope(image, chain=[SIGNER.root, SIGNER.root]),
        "it is not by the key of its certificate, or what it signs was changed",
    ),
    "no JSON": (SIGNER, lambda image: b"\xff", "the envelope is not JSON"),
    "JSON without end": (SIGNER, lambda image: b'{"header":' * 50_000, "the envelope is not JSON"),
}
for name, wrong, what in [
    (
        "a certificate for servers",
        Signer(usages=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "the certificate of CN=leaf,O=example,ST=ZH,C=CH is not for code signing alone",
    ),
    (
        "an authority that signs images",
        Signer(leaf_is_authority=True),
        "the certificate of CN=leaf,O=example,ST=ZH,C=CH is that of an authority, which signs no images",
    ),
    (
        "name constraints",
        Signer(constrained=True),
        "the certificate of CN=root,O=example,ST=ZH,C=CH has the critical extension 2.5.29.30, which is not checked",
    ),
    (
        "a certificate that can be revoked",
        Signer(revocable=True),
        "the trust policy enforces revocation, which is not asked for here, and the certificate of "
        "CN=leaf,O=example,ST=ZH,C=CH can be revoked; write `override: {revocation: skip}` to accept that",
    ),
]:
    FORGED[name] = (wrong, wrong.envelope, what)


@pytest.mark.parametrize("case", FORGED)
def test_an_envelope_that_is_wrong_is_not_accepted_and_the_reason_says_why(
    client: Client, without_api: str, case: str
) -> None:
    trusted, make, reason = FORGED[case]
    image = signed(without_api, make, api=False)
    expected = f"its signatures are not accepted: {reason.replace('DIGEST', image.digest)}"
    assert ask(client, image, trusted.trust()) == expected


def test_a_cose_envelope_is_refused_by_name(client: Client, without_api: str) -> None:
    image = signed(without_api, lambda image: b"\xd2", api=False, layer_kind="application/cose")
    assert ask(client, image, SIGNER.trust()) == (
        "its signatures are not accepted: a signature is a COSE envelope (application/cose); only JWS "
        "(application/jose+json) can be verified here"
    )


ACCEPTED: dict[str, tuple[Signer, dict[str, Any], dict[str, Any]]] = {
    "any subject": (SIGNER, {"trustedIdentities": ["*"]}, {}),
    "a subject of several attributes": (
        SIGNER,
        {"trustedIdentities": ["x509.subject: C=CH,S=ZH,O=example,CN=leaf"]},
        {},
    ),
    "an expired signature, which is logged": (SIGNER, {"signatureVerification": {"level": "permissive"}}, TIMES),
    "an expired certificate, which is logged": (EXPIRED, {"signatureVerification": {"level": "permissive"}}, {}),
    "a certificate that can be revoked, and need not be asked about": (
        Signer(revocable=True),
        {"signatureVerification": {"override": {"revocation": "skip"}}},
        {},
    ),
    "a certificate without an extended usage": (Signer(usages=()), {}, {}),
    "timestamps for certificates that have expired": (
        SIGNER,
        {"trustStores": ["ca:example", "tsa:x"], "signatureVerification": {"verifyTimestamp": "afterCertExpiry"}},
        {},
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_a_trust_policy_allows_is_accepted(client: Client, without_api: str, case: str) -> None:
    signer, changes, headers = ACCEPTED[case]
    image = signed(without_api, lambda image: signer.envelope(image, headers=headers), api=False)
    found = ask(client, image, signer.trust(**changes))
    assert isinstance(found, Verified)
    assert found.by == BY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=example, CN=other"]},
            "it is by CN=leaf,O=example,ST=ZH,C=CH, which is not a trusted identity of statement all",
        ),
        ({"registryScopes": ["registry.example.com/app"]}, "trustpolicy.json has no statement for HOST/PATH"),
    ],
    ids=["another subject", "another repository"],
)
def test_what_a_trust_policy_does_not_allow_is_not_accepted(
    client: Client, without_api: str, changes: dict[str, Any], reason: str
) -> None:
    image = signed(without_api, SIGNER.envelope, api=False)
    reason = reason.replace("HOST/PATH", f"{image.host}/{image.path}")
    assert ask(client, image, SIGNER.trust(**changes)) == f"its signatures are not accepted: {reason}"


def level(**settings: Any) -> dict[str, Any]:
    return {"signatureVerification": settings}


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    (level(level="skip"), ResolveError, "has the level skip, which accepts images that nobody signed"),
    (level(level="audit"), ResolveError, "has the level audit, which accepts images that nobody signed"),
    (level(level="Strict"), CredentialError, "has the unknown level Strict"),
    (
        level(override={"authenticity": "log"}),
        ResolveError,
        "does not enforce authenticity, so it accepts images that nobody signed",
    ),
    (level(override={"expiry": "skip"}), CredentialError, "has the invalid override expiry: skip"),
    (level(override={"integrity": "log"}), CredentialError, "has the invalid override integrity: log"),
    ({"trustStores": ["signingAuthority:x"]}, ResolveError, "has no trust store ca:NAME; others are not supported"),
    ({"trustStores": ["other:x"]}, CredentialError, "has a trust store of the unknown type other"),
    (
        {"trustStores": ["ca:x", "tsa:x"]},
        ResolveError,
        "asks for timestamps of an authority, which are not verified here",
    ),
    ({"trustStores": []}, CredentialError, "has no trustStores"),
    ({"registryScopes": ["*", "example.com/app"]}, CredentialError, "has the registry scope * beside others"),
    ({"registryScopes": ["example.com/*"]}, CredentialError, "has a registry scope with a wildcard in it"),
]


@pytest.mark.parametrize(("changes", "kind", "reason"), WRONG, ids=[each[2] for each in WRONG])
def test_a_trust_policy_that_cannot_be_followed_is_an_error(
    changes: dict[str, Any], kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind) as raised:
        read_notation_trust(SIGNER.trust(**changes), "Secret notation")
    assert str(raised.value) == f"trustpolicy.json of Secret notation: statement all {reason}"


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        ("subject", "has the trusted identity subject, not an x509.subject"),
        ("x509.subject: C=CH, O=example", "the trusted identity x509.subject: C=CH, O=example lacks C, ST or O"),
        ("x509.subject: C=CH, C=DE", "the trusted identity x509.subject: C=CH, C=DE has C twice"),
        ("x509.subject: CN", "the trusted identity x509.subject: CN cannot be read"),
    ],
)
def test_a_trusted_identity_that_cannot_be_read_is_an_error(identity: str, reason: str) -> None:
    with pytest.raises(CredentialError) as raised:
        read_notation_trust(SIGNER.trust(trustedIdentities=[identity]), "Secret notation")
    assert str(raised.value).endswith(reason)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "Secret notation has no entry trustpolicy.json"),
        ({"trustpolicy.json": b"["}, "trustpolicy.json of Secret notation is not JSON"),
        ({"trustpolicy.json": b"{}"}, "trustpolicy.json of Secret notation is not a trust policy of version 1.0"),
        (
            {"trustpolicy.json": b'{"version": "1.0", "trustPolicies": []}'},
            "trustpolicy.json of Secret notation has no trustPolicies",
        ),
        ({"root.crt": b"-----BEGIN"}, "root.crt of Secret notation is not a certificate"),
        ({"root.crt": None}, "Secret notation has no certificate"),
    ],
)
def test_a_secret_that_is_not_complete_is_an_error(entries: dict[str, bytes | None], reason: str) -> None:
    known: dict[str, bytes | None] = dict(SIGNER.trust()) if "root.crt" in entries else {}
    given = {name: data for name, data in (known | entries).items() if data is not None}
    with pytest.raises(CredentialError) as raised:
        read_notation_trust(given, "Secret notation")
    assert str(raised.value) == reason
