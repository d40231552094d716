"""Signatures by keys in the forms of cosign 2 and 3, valid and forged, with and without the referrers API."""

from __future__ import annotations

import base64
import json
from itertools import count

import pytest

from imagesetter.errors import SignatureError
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.verification.find import LARGEST, MOST_SIGNATURES
from imagesetter.verification.keys import read_public_keys
from imagesetter.verification.signature import Verified
from imagesetter.verification.trust import CosignKeys
from imagesetter.verification.verify import verify
from support.registries import OCI_INDEX, OCI_MANIFEST, push_artifact
from support.signing import (
    BUNDLE,
    Image,
    Private,
    attach,
    attach_payloads,
    bundle,
    envelope,
    new_key,
    payload,
    public_pem,
    push_signed_image,
    simple_signature,
    statement,
)

NUMBERS = count()
NOW = 1_800_000_000.0
KEY, OTHER = new_key(), new_key()


def trusting(*keys: Private) -> CosignKeys:
    return CosignKeys(tuple(each for key in keys for each in read_public_keys(public_pem(key), "cosign.pub")))


def new_image(host: str) -> Image:
    number = next(NUMBERS)
    return push_signed_image(host, f"app{number}", "1.0.0", labels={"number": str(number)})


def verified(client: Client, image: Image, trust: CosignKeys) -> Verified:
    repository = parse_flux_image(f"{image.host}/{image.path}")
    return verify(client.puller(repository, ScanOptions()), repository, image.digest, trust, NOW)


def ask(client: Client, image: Image, trust: CosignKeys) -> str:
    """Who signed an image, or why nobody did."""
    try:
        return verified(client, image, trust).by
    except SignatureError as error:
        return error.what


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "ed25519"])
def test_a_bundle_and_a_payload_by_a_trusted_key_of_any_kind_are_accepted(
    client: Client, with_api: str, kind: str
) -> None:
    key = new_key(kind)
    trust = trusting(OTHER, key)
    first, second = new_image(with_api), new_image(with_api)
    attach(first, bundle(key, first.digest), referrers_api=True)
    attach_payloads(second, simple_signature(key, payload(second.digest)))
    by = f"the key cosign.pub ({trust.keys[1].fingerprint})"
    assert verified(client, first, trust) == Verified(by, "bundle")
    assert verified(client, second, trust) == Verified(by, "simple-signing")


def test_a_bundle_is_found_by_the_referrers_api_and_by_the_fallback_tag(
    client: Client, host: str, with_api: str
) -> None:
    image = new_image(host)
    attach(image, bundle(KEY, image.digest), referrers_api=host == with_api)
    assert ask(client, image, trusting(KEY)).startswith("the key cosign.pub (sha256:")


def test_an_image_without_a_signature_is_not_signed(client: Client, host: str) -> None:
    assert ask(client, new_image(host), trusting(KEY)) == "it has no signature of cosign"


FORGED = {
    "another key": (
        lambda digest: bundle(OTHER, digest),
        "it is not by a trusted key, or what it signs was changed",
    ),
    "another image's signature": (
        lambda digest: bundle(KEY, "sha256:" + "0" * 64),
        f"it signs 'sha256:{'0' * 64}', not DIGEST",
    ),
    "a digest of another kind": (
        lambda digest: bundle(KEY, "sha512:" + "0" * 128),
        "it signs a digest of another kind, not DIGEST",
    ),
    "the payload was changed": (
        lambda digest: _with_payload(bundle(KEY, "sha256:" + "0" * 64), statement(digest)),
        "it is not by a trusted key, or what it signs was changed",
    ),
    "an attestation": (
        lambda digest: bundle(KEY, digest, predicate_type="https://spdx.dev/Document"),
        "it is an attestation of type 'https://spdx.dev/Document', not a signature of the image",
    ),
    "another kind of statement": (
        lambda digest: bundle(KEY, digest, kind="https://example.com/Statement"),
        "the statement is of type 'https://example.com/Statement', not an in-toto statement",
    ),
    "another kind of envelope": (
        lambda digest: _document(dsseEnvelope=envelope(KEY, statement(digest), payload_type="text/plain")),
        "the envelope is of type 'text/plain', not application/vnd.in-toto+json",
    ),
    "a message signature": (
        lambda digest: _document(messageSignature={}),
        "the bundle holds a message signature, and cosign signs images with a DSSE envelope",
    ),
    "two signatures in one envelope": (
        lambda digest: _document(dsseEnvelope=_twice(envelope(KEY, statement(digest)))),
        "the envelope does not have exactly one signature",
    ),
    "no envelope": (lambda digest: b"{}", "the bundle has no dsseEnvelope"),
    "no JSON": (lambda digest: b"\xff", "the bundle is not JSON"),
    "JSON without end": (lambda digest: b"[" * 100_000, "the bundle is not JSON"),
    "a list": (lambda digest: b"[]", "the bundle is not a JSON object"),
    "a signature that is not base64": (
        lambda digest: _document(dsseEnvelope=envelope(KEY, statement(digest)) | {"signatures": [{"sig": "?"}]}),
        "the signature of the envelope is not base64",
    ),
    "escape sequences": (
        lambda digest: bundle(KEY, digest, predicate_type="\x1b[2J\n"),
        r"it is an attestation of type '\x1b[2J\n', not a signature of the image",
    ),
    "too large": (
        lambda digest: b" " * (LARGEST + 1),
        "a signature has 1048577 bytes; 1,048,576 is the most",
    ),
}


def _document(**parts: object) -> bytes:
    return json.dumps(parts).encode()


def _twice(found: dict[str, list[object]]) -> dict[str, list[object]]:
    return found | {"signatures": found["signatures"] * 2}


def _with_payload(content: bytes, changed: bytes) -> bytes:
    document = json.loads(content)
    document["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
    return json.dumps(document).encode()


@pytest.mark.parametrize("case", FORGED)
def test_a_bundle_that_is_wrong_is_not_accepted_and_the_reason_says_why(
    client: Client, without_api: str, case: str
) -> None:
    make, reason = FORGED[case]
    image = new_image(without_api)
    attach(image, make(image.digest), referrers_api=False)
    expected = f"its signatures are not accepted: {reason.replace('DIGEST', image.digest)}"
    assert ask(client, image, trusting(KEY)) == expected


def test_a_payload_of_cosign_2_that_is_wrong_is_not_accepted(client: Client, without_api: str) -> None:
    image, elsewhere = new_image(without_api), f"sha256:{'1' * 64}"
    attach_payloads(
        image,
        simple_signature(OTHER, payload(image.digest)),
        simple_signature(KEY, payload(elsewhere)),
        simple_signature(KEY, payload(image.digest, kind="atomic container signature")),
    )
    assert ask(client, image, trusting(KEY)) == (
        "its signatures are not accepted: the payload is of type 'atomic container signature', not "
        f"'cosign container image signature'; it signs '{elsewhere}', not {image.digest}; "
        "it is not by a trusted key, or what it signs was changed"
    )


def test_a_good_signature_among_bad_ones_is_found(client: Client, without_api: str) -> None:
    image = new_image(without_api)
    attach(image, b"[]", bundle(OTHER, image.digest), bundle(KEY, image.digest), referrers_api=False)
    assert ask(client, image, trusting(KEY)).startswith("the key ")


def test_a_signature_that_is_listed_for_this_image_and_belongs_to_another_is_not_accepted(
    client: Client, without_api: str
) -> None:
    """A copy of another image's signature, listed under the tag of this one."""
    image, other = new_image(without_api), new_image(without_api)
    copied = Image(image.host, image.path, other.digest, other.size)
    content = bundle(KEY, image.digest)
    attach(copied, content, referrers_api=True)  # pushed, and not listed
    attach(image, referrers_api=False)
    (digest,) = attach(copied, content, referrers_api=True)
    _list(image, [digest])
    expected = "its signatures are not accepted: a signature that is listed for this image belongs to another one"
    assert ask(client, image, trusting(KEY)) == expected


def test_of_thousands_of_referrers_some_are_looked_at_and_the_reason_says_so(client: Client, without_api: str) -> None:
    image = new_image(without_api)
    (digest,) = attach(image, bundle(OTHER, image.digest), referrers_api=False)
    _list(image, [digest] * 5000)
    assert ask(client, image, trusting(KEY)) == (
        "its signatures are not accepted: it is not by a trusted key, or what it signs was changed; "
        f"it has 5,000 signatures, of which {MOST_SIGNATURES} were looked at"
    )


def _list(image: Image, digests: list[str]) -> None:
    """Write the index under the fallback tag."""
    kind = {"mediaType": OCI_MANIFEST, "size": 1, "artifactType": BUNDLE}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [kind | {"digest": each} for each in digests]}
    push_artifact(image.host, image.path, image.tag, json.dumps(index).encode())
