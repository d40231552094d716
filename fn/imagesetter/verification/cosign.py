"""What cosign signed: the digest of an image, in a Sigstore bundle (cosign 3) or a payload of its own (cosign 2).

A signature counts only for the digest that it names. Sources: cosign v3.1 ``pkg/cosign/verify.go``, ``pkg/types`` and
``pkg/oci/remote``; secure-systems-lab/dsse ``protocol.md``; in-toto/attestation ``spec/v1/statement.md``.

Departures, all stricter than ``cosign verify`` or Flux's source-controller:

- Of bundles only those count that say ``https://sigstore.dev/cosign/sign/v1``: an SBOM or a provenance signed by the
  same key says something else about the image, which Flux takes for a signature.
- A bundle with a message signature is refused: cosign does not sign images so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imagesetter.errors import SignatureError
from imagesetter.registry.http.redaction import printable
from imagesetter.verification.keys import PublicKey
from imagesetter.verification.signature import Signature, Verified, decode_base64, member, read_object

SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"

_INTOTO = "application/vnd.in-toto+json"
_STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
_PAYLOAD_TYPE = "cosign container image signature"
_MOST_SUBJECTS = 1024


def verify_by_keys(signature: Signature, digest: str, keys: Iterable[PublicKey]) -> Verified:
    """Whether one of the keys signed this digest.

    Raises:
        SignatureError: why not.
    """
    if signature.form == "bundle":
        document = read_bundle(signature.content)
        message, signed = envelope_of(document)
        key = _signer(keys, signed, message)
        check_statement(_payload(document), digest)
    else:
        signed = decode_base64(signature.annotations.get(SIGNATURE_ANNOTATION), "the signature")
        key = _signer(keys, signed, signature.content)
        check_payload(signature.content, digest)
    return Verified(f"the key {key}", signature.form)


def _signer(keys: Iterable[PublicKey], signature: bytes, message: bytes) -> PublicKey:
    keys = tuple(keys)
    found = next((key for key in keys if key.verifies(signature, message)), None)
    if found is None:
        why = "it is not by a trusted key, or what it signs was changed"
        if any(key.is_ed25519 for key in keys):
            why += (
                "; or it is by an Ed25519 key and prehashed (Ed25519ph), as cosign 3 signs, which cannot be verified "
                "here: use an ECDSA key"
            )
        raise SignatureError(why)
    return found


def read_bundle(content: bytes) -> Mapping[str, Any]:
    """A Sigstore bundle that holds a DSSE envelope.

    Raises:
        SignatureError: it is something else.
    """
    document = read_object(content, "the bundle")
    if "messageSignature" in document:
        raise SignatureError("the bundle holds a message signature, and cosign signs images with a DSSE envelope")
    return document


def envelope_of(bundle: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What the envelope of a bundle signs, and its signature.

    Raises:
        SignatureError: it is not an envelope with one signature over an in-toto statement.
    """
    envelope = member(bundle, "dsseEnvelope", "the bundle")
    kind, signatures = envelope.get("payloadType"), envelope.get("signatures")
    if kind != _INTOTO:
        raise SignatureError(f"the envelope is of type {_quoted(kind)}, not {_INTOTO}")
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise SignatureError("the envelope does not have exactly one signature")
    payload = _payload(bundle)
    message = b"DSSEv1 %d %s %d %s" % (len(_INTOTO), _INTOTO.encode(), len(payload), payload)
    return message, decode_base64(signatures[0].get("sig"), "the signature of the envelope")


def _payload(bundle: Mapping[str, Any]) -> bytes:
    return decode_base64(member(bundle, "dsseEnvelope", "the bundle").get("payload"), "the payload of the envelope")


def check_statement(payload: bytes, digest: str) -> None:
    """Whether an in-toto statement says that cosign signed this digest.

    Raises:
        SignatureError: it says something else.
    """
    statement = read_object(payload, "the signed statement")
    if statement.get("_type") not in _STATEMENTS:
        raise SignatureError(f"the statement is of type {_quoted(statement.get('_type'))}, not an in-toto statement")
    if statement.get("predicateType") != SIGN_PREDICATE:
        kind = _quoted(statement.get("predicateType"))
        raise SignatureError(f"it is an attestation of type {kind}, not a signature of the image")
    subjects = statement.get("subject")
    if not isinstance(subjects, list) or len(subjects) > _MOST_SUBJECTS:
        raise SignatureError("the statement does not list its subjects")
    algorithm, _, expected = digest.partition(":")
    digests = [each.get("digest") for each in subjects if isinstance(each, dict)]
    if not any(isinstance(each, dict) and each.get(algorithm) == expected for each in digests):
        found = next((each.get(algorithm) for each in digests if isinstance(each, dict)), None)
        names = _quoted(f"{algorithm}:{found}") if found is not None else "a digest of another kind"
        raise SignatureError(f"it signs {names}, not {digest}")


def check_payload(content: bytes, digest: str) -> None:
    """Whether a payload of cosign 2 names this digest.

    Raises:
        SignatureError: it names another, or is not such a payload.
    """
    critical = member(read_object(content, "the signed payload"), "critical", "the signed payload")
    if critical.get("type") != _PAYLOAD_TYPE:
        raise SignatureError(f"the payload is of type {_quoted(critical.get('type'))}, not '{_PAYLOAD_TYPE}'")
    found = member(critical, "image", "the signed payload").get("docker-manifest-digest")
    if found != digest:
        raise SignatureError(f"it signs {_quoted(found)}, not {digest}")


def _quoted(value: object) -> str:
    return f"'{printable(value, 100)}'" if isinstance(value, str) else "nothing that can be read"
