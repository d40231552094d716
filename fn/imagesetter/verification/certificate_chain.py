"""Code signing certificates, as notation demands them: a chain from the leaf to a self-signed root.

Sources: notaryproject/specifications ``specs/signature-specification.md`` v1.1, "Certificate Requirements", and
notation-core-go v1.3 ``x509/codesigning_cert_validations.go``. Stricter than the latter: an extended key usage has to
be code signing, and a critical extension that is not checked here, such as name constraints, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from imagesetter.errors import SignatureError
from imagesetter.registry.http.redaction import printable

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, ExtensionType

    E = TypeVar("E", bound=ExtensionType)

_ECDSA = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA = {2048: "PS256", 3072: "PS384", 4096: "PS512"}
_HASHES = ("sha256", "sha384", "sha512")


def check_key(leaf: Certificate, algorithm: object) -> str:
    """The algorithm of a signature, which the leaf's key decides.

    Raises:
        SignatureError: the signature names another one.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    expected = None
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError("the key of the certificate cannot be read") from None
    if isinstance(key, ec.EllipticCurvePublicKey):
        expected = _ECDSA.get(key.curve.name)
    elif isinstance(key, rsa.RSAPublicKey):
        expected = _RSA.get(key.key_size)
    if expected is None:
        raise SignatureError("the key of the certificate is of a kind that notation does not sign with")
    if algorithm != expected:
        shown = printable(str(algorithm), 40)
        raise SignatureError(
            f"the signature is by the algorithm {shown}, and the certificate's key signs by {expected}"
        )
    return expected


def verify_signature(leaf: Certificate, algorithm: str, signature: bytes, message: bytes) -> None:
    """Verify a signature of JSON Web Signatures (RFC 7518).

    Raises:
        SignatureError: it is not one of the leaf's key over this message.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    key = leaf.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            size = (key.curve.key_size + 7) // 8
            if len(signature) != 2 * size:
                raise InvalidSignature
            numbers = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
            key.verify(encode_dss_signature(*numbers), message, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            key.verify(signature, message, pss, digest)
        else:
            raise InvalidSignature
    except (InvalidSignature, ValueError):
        raise SignatureError("it is not by the key of its certificate, or what it signs was changed") from None


def check_chain(chain: Sequence[Certificate], *, needs_revocation: bool) -> None:
    """Whether each certificate issued the one before it, and each may do what it does.

    Args:
        chain: the leaf first; a self-signed root last.
        needs_revocation: refuse certificates that say where to ask whether they are revoked.

    Raises:
        SignatureError: what is wrong.
    """
    from cryptography.x509 import DuplicateExtension, UnsupportedGeneralNameType

    try:
        for number, each in enumerate(chain):
            _check_issued(each, chain[min(number + 1, len(chain) - 1)])
            _check_extensions(each, number, alone=len(chain) == 1)
            if needs_revocation and number + 1 < len(chain):
                _check_not_revocable(each)
    except (ValueError, DuplicateExtension, UnsupportedGeneralNameType):
        raise SignatureError("a certificate has an extension that cannot be read") from None


def _check_issued(certificate: Certificate, issuer: Certificate) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    algorithm = certificate.signature_hash_algorithm
    try:
        if algorithm is None or algorithm.name not in _HASHES:
            raise TypeError
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        subject, by = (printable(each.subject.rfc4514_string(), 100) for each in (certificate, issuer))
        raise SignatureError(f"the certificate of {subject} was not issued by {by}") from None


def _check_extensions(certificate: Certificate, number: int, *, alone: bool) -> None:
    from cryptography import x509

    subject = printable(certificate.subject.rfc4514_string(), 100)
    known = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, known):
            oid = extension.oid.dotted_string
            raise SignatureError(f"the certificate of {subject} has the critical extension {oid}, which is not checked")
    constraints = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    if number == 0:
        _check_leaf(certificate, subject)
    elif constraints is None or not constraints.ca:
        raise SignatureError(f"the certificate of {subject} is not that of an authority, and issued another")
    elif constraints.path_length is not None and constraints.path_length < number - 1:
        raise SignatureError(f"the certificate of {subject} may not issue a chain as long as this one")
    elif usage is None or not usage.key_cert_sign:
        raise SignatureError(f"the certificate of {subject} may not issue others")


def _check_leaf(leaf: Certificate, subject: str) -> None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    constraints = _extension(leaf, x509.BasicConstraints)
    usage = _extension(leaf, x509.KeyUsage)
    if constraints is not None and constraints.ca:
        raise SignatureError(f"the certificate of {subject} is that of an authority, which signs no images")
    if usage is None or not usage.digital_signature or usage.key_cert_sign or usage.key_encipherment:
        raise SignatureError(f"the certificate of {subject} is not for digital signatures alone")
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and list(extended) != [ExtendedKeyUsageOID.CODE_SIGNING]:
        raise SignatureError(f"the certificate of {subject} is not for code signing alone")


def _check_not_revocable(certificate: Certificate) -> None:
    from cryptography import x509

    for kind in (x509.CRLDistributionPoints, x509.AuthorityInformationAccess):
        if _extension(certificate, kind) is not None:
            subject = printable(certificate.subject.rfc4514_string(), 100)
            raise SignatureError(
                f"the trust policy enforces revocation, which is not asked for here, and the certificate of {subject} "
                "can be revoked; write `override: {revocation: skip}` to accept that"
            )


def _extension(certificate: Certificate, kind: type[E]) -> E | None:
    from cryptography.x509 import ExtensionNotFound

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None
