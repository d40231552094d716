"""Signatures of notation: a JWS envelope over the descriptor of an image, by a certificate below a trusted one.

Sources: notaryproject/specifications ``specs/signature-specification.md`` and ``specs/signature-envelope-jws.md`` v1.1,
notation-core-go v1.3 ``signature/jws``, notation-go v1.3 ``verifier/verifier.go``.

Refused by name: COSE envelopes (`imagesetter.verification.find`), the signing scheme of a signing authority,
verification plugins, unknown critical attributes, and, where the trust policy enforces revocation,
certificates that say where to ask for it: nothing is requested but from the image's registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from imagesetter.errors import SignatureError
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.manifests import IMAGE_TYPES, INDEX_TYPES
from imagesetter.registry.puller import Puller
from imagesetter.registry.reference import Repository
from imagesetter.verification.certificate_chain import check_chain, check_key, verify_signature
from imagesetter.verification.libraries import need_cryptography
from imagesetter.verification.signature import Signature, Verified, decode_base64, member, read_object
from imagesetter.verification.trust_policy import NotationTrust, Statement

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
_SCHEME, _EXPIRY = "io.cncf.notary.signingScheme", "io.cncf.notary.expiry"
_TIME = "io.cncf.notary.signingTime"
_KNOWN = ("alg", "cty", "crit", _SCHEME, _TIME, _EXPIRY)
_LONGEST_CHAIN = 8


def verify_notation(
    signature: Signature, puller: Puller, repository: Repository, digest: str, trust: NotationTrust, now: float
) -> Verified:
    """Whether a trusted certificate signed the image with this digest.

    Raises:
        SignatureError: why not.
        RegistryError: the registry did not give the image's manifest, whose size and type are signed too.
    """
    need_cryptography()
    statement = trust.statement(repository)
    envelope = read_object(signature.content, "the envelope")
    chain = _chain(envelope)
    protected, payload = envelope.get("protected"), envelope.get("payload")
    headers = read_object(decode_base64(protected, "the protected header", url=True), "the protected header")
    algorithm = check_key(chain[0], headers.get("alg"))
    signed = decode_base64(envelope.get("signature"), "the signature", url=True)
    verify_signature(chain[0], algorithm, signed, f"{protected}.{payload}".encode())
    expiry = _check_headers(headers)
    check_chain(chain, needs_revocation="revocation" in statement.enforced)
    if not any(each in trust.certificates for each in chain):
        raise SignatureError("its certificate is not below a trusted one")
    _check_subject(chain[0], statement)
    until = _check_times(chain, expiry, statement, now)
    _check_descriptor(read_object(decode_base64(payload, "the payload", url=True), "the payload"), puller, digest)
    return Verified(f"the certificate of {printable(chain[0].subject.rfc4514_string(), 200)}", "notation", until)


def _chain(envelope: Mapping[str, Any]) -> list[Certificate]:
    from cryptography import x509

    texts = member(envelope, "header", "the envelope").get("x5c")
    if not isinstance(texts, list) or not 0 < len(texts) <= _LONGEST_CHAIN:
        raise SignatureError(f"the envelope does not have one to {_LONGEST_CHAIN} certificates")
    try:
        return [x509.load_der_x509_certificate(decode_base64(each, "a certificate")) for each in texts]
    except ValueError:
        raise SignatureError("a certificate of the envelope cannot be read") from None


def _check_headers(headers: Mapping[str, Any]) -> float | None:
    """Check the signed attributes; returns when the signature expires, in seconds since the epoch."""
    critical = headers.get("crit")
    if not isinstance(critical, list) or _SCHEME not in critical:
        raise SignatureError("the envelope does not name its signing scheme among the critical attributes")
    unknown = [each for each in critical if each not in _KNOWN or each not in headers]
    if unknown:
        raise SignatureError(f"the critical attribute {printable(str(unknown[0]), 80)} of the envelope is not known")
    if headers[_SCHEME] != "notary.x509":
        scheme = printable(str(headers[_SCHEME]), 80)
        raise SignatureError(f"the signing scheme is {scheme}; only notary.x509 can be verified here")
    if headers.get("cty") != _PAYLOAD:
        raise SignatureError(f"the payload is of type {printable(str(headers.get('cty')), 80)}, not {_PAYLOAD}")
    signed = _moment(headers.get(_TIME), "signing time")
    if _EXPIRY not in headers:
        return None
    if _EXPIRY not in critical:
        raise SignatureError("the expiry of the envelope is not among its critical attributes")
    expiry = _moment(headers[_EXPIRY], "expiry")
    if expiry <= signed:
        raise SignatureError("the envelope expires before it was signed")
    return expiry


def _moment(value: object, what: str) -> float:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and len(value) < 40 else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SignatureError(f"the {what} of the envelope cannot be read")
    return moment.timestamp()


def _check_subject(leaf: Certificate, statement: Statement) -> None:
    """A trusted identity is one whose attributes the subject all has."""
    if not statement.identities:
        return
    found: dict[str, list[str]] = {}
    for attribute in leaf.subject:
        name = attribute.rfc4514_attribute_name.upper()
        found.setdefault("ST" if name == "S" else name, []).append(str(attribute.value))
    for wanted in statement.identities:
        if all(found.get(name) == [value] for name, value in wanted.items()):
            return
    subject = printable(leaf.subject.rfc4514_string(), 200)
    raise SignatureError(f"it is by {subject}, which is not a trusted identity of statement {statement.name}")


def _check_times(chain: Sequence[Certificate], expiry: float | None, statement: Statement, now: float) -> float | None:
    """Whether signature and certificates are in force; returns until when."""
    ends: list[float] = []
    if "expiry" in statement.enforced and expiry is not None:
        if now >= expiry:
            raise SignatureError("it has expired")
        ends.append(expiry)
    if "authenticTimestamp" in statement.enforced:
        for each in chain:
            begin, end = each.not_valid_before_utc.timestamp(), each.not_valid_after_utc.timestamp()
            if not begin <= now <= end:
                subject = printable(each.subject.rfc4514_string(), 100)
                word = "is not valid yet" if now < begin else "has expired"
                raise SignatureError(f"the certificate of {subject} {word}")
            ends.append(end)
    return min(ends, default=None)


def _check_descriptor(payload: Mapping[str, Any], puller: Puller, digest: str) -> None:
    """Whether the payload describes the image: its digest, its size and its type."""
    target = member(payload, "targetArtifact", "the payload")
    if target.get("digest") != digest:
        raise SignatureError(f"it signs {printable(str(target.get('digest')), 100)}, not {digest}")
    manifest = puller.manifest(digest)
    if manifest is None:
        raise SignatureError("the image's manifest was not found")
    kind = manifest.document.get("mediaType") or (INDEX_TYPES if manifest.is_index else IMAGE_TYPES)[0]
    if target.get("size") != len(manifest.data) or target.get("mediaType") != kind:
        raise SignatureError("it signs another size or media type than that of the image")
