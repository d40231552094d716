"""Keyless signatures of cosign: a certificate of an authority for an identity, and an entry in a transparency log.

The library sigstore verifies the bundle against a trusted root: the chain to the authority, the certificate's timestamp
(SCT), the entry's proof of inclusion and the checkpoint of its log, the time of signing, and the signature. What is
checked here is what the library leaves to its caller: the identity, and that the statement names the image.

The trusted root is the one of ``trustedRootSecretRef``, or that of the public Sigstore as the installed library has it:
nothing is requested but from the image's registry.

Refused by name: keyless signatures in the form of cosign 2, which have no proof of inclusion, so that the log itself
would have to be asked.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagesetter.errors import CredentialError, ResolveError, SignatureError
from imagesetter.registry.http.redaction import printable
from imagesetter.verification.cosign import CERTIFICATE_ANNOTATION, check_statement, read_bundle
from imagesetter.verification.identity import IdentityMatch, mismatch
from imagesetter.verification.libraries import need_sigstore
from imagesetter.verification.signature import Signature, Verified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_ISSUER = "1.3.6.1.4.1.57264.1.8"
_OLD_ISSUER = "1.3.6.1.4.1.57264.1.1"
_INTOTO = "application/vnd.in-toto+json"


def verify_keyless(
    signature: Signature, digest: str, identities: Sequence[IdentityMatch], trusted_root: bytes
) -> Verified:
    """Whether one of the identities signed this digest.

    Raises:
        SignatureError: why not.
        CredentialError: the trusted root cannot be read.
        ResolveError: the library is not installed.
    """
    if signature.form == "simple-signing":
        held = signature.annotations.get(CERTIFICATE_ANNOTATION)
        raise SignatureError(
            "it is a keyless signature in the form of cosign 2, which has no proof of inclusion; sign with cosign 3"
            if held
            else "it is by a key, and the policy asks for an identity"
        )
    if "publicKey" in (read_bundle(signature.content).get("verificationMaterial") or {}):
        raise SignatureError("it is by a key, and the policy asks for an identity")
    need_sigstore()
    verifier = _verifier(trusted_root)
    policy = _Identity(identities)
    kind, payload = _verified_by_library(verifier, signature.content, policy)
    if kind != _INTOTO:
        raise SignatureError(f"the envelope is of type '{printable(kind, 100)}', not {_INTOTO}")
    check_statement(payload, digest)
    return Verified(policy.accepted, "bundle")


def _verified_by_library(verifier: Any, content: bytes, policy: _Identity) -> tuple[str, bytes]:
    """The type and the payload of a bundle's envelope, once the library has verified all of it."""
    from sigstore.errors import Error
    from sigstore.models import Bundle

    try:
        found: tuple[str, bytes] = verifier.verify_dsse(Bundle.from_json(content), policy)
    except SignatureError:
        raise
    except Error as error:
        raise SignatureError(f"it is not valid: {printable(str(error), 300)}") from None
    except Exception as error:  # noqa: BLE001 a stranger wrote the bundle, and what a library makes of it is not agreed
        raise SignatureError(f"it cannot be read ({type(error).__name__}: {printable(str(error), 200)})") from None
    return found


class _Identity:
    """A policy as the library takes it: called with the certificate, once its chain is verified."""

    def __init__(self, identities: Sequence[IdentityMatch]) -> None:
        self._identities = identities
        self.accepted = ""
        """Who signed, in words."""

    def verify(self, cert: Certificate) -> None:
        """Raise unless the certificate is for one of the identities."""
        issuer, subjects = _issuer(cert), _subjects(cert)
        reason = mismatch(self._identities, issuer, subjects)
        if reason:
            raise SignatureError(reason)
        self.accepted = f"{printable(subjects[0], 200)} (issuer {printable(issuer, 200)})"


def _issuer(certificate: Certificate) -> str:
    """The issuer of the token: DER, or the text itself in the older extension (Fulcio ``docs/oid-info.md``)."""
    from cryptography.x509 import ObjectIdentifier, UnrecognizedExtension

    found = {
        each.oid: each.value.value for each in certificate.extensions if isinstance(each.value, UnrecognizedExtension)
    }
    new, old = found.get(ObjectIdentifier(_ISSUER)), found.get(ObjectIdentifier(_OLD_ISSUER))
    if new is None:
        return (old or b"").decode("utf-8", "replace")
    return _utf8_string(new)


def _utf8_string(der: bytes) -> str:
    """A DER UTF8String of up to 65,535 bytes."""
    if len(der) < 2 or der[0] != 0x0C:
        raise SignatureError("the issuer in the certificate cannot be read")
    length, start = der[1], 2
    if length in (0x81, 0x82):
        start = 2 + (length & 3)
        length = int.from_bytes(der[2:start], "big")
    if der[1] == 0x80 or der[1] > 0x82 or length != len(der) - start:
        raise SignatureError("the issuer in the certificate cannot be read")
    return der[start:].decode("utf-8", "replace")


def _subjects(certificate: Certificate) -> list[str]:
    """Mail addresses and URLs among the subject alternative names; other kinds name no identity that is matched."""
    from cryptography.x509 import RFC822Name, SubjectAlternativeName, UniformResourceIdentifier

    names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    found = [
        str(value) for kind in (RFC822Name, UniformResourceIdentifier) for value in names.get_values_for_type(kind)
    ]
    if not found:
        raise SignatureError("the certificate names neither a mail address nor a URL")
    return found


@lru_cache(maxsize=8)
def _verifier(trusted_root: bytes) -> Any:
    """The library's verifier for a trusted root, which takes a while to read.

    Raises:
        CredentialError: it cannot be read.
        ResolveError: the library has no trusted root of the public Sigstore here.
    """
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig, TrustedRoot
    from sigstore.verify import Verifier

    logging.getLogger("sigstore").setLevel(logging.CRITICAL)  # it would write to stderr what is in our messages
    try:
        if not trusted_root:
            return Verifier(trusted_root=ClientTrustConfig.production(offline=True).trusted_root)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trusted_root.json"  # the library reads files only
            file.write_bytes(trusted_root)
            return Verifier(trusted_root=TrustedRoot.from_file(str(file)))
    except (Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CredentialError(
            f"trusted_root.json (sha256:{hashlib.sha256(trusted_root).hexdigest()[:16]}) cannot be read: "
            f"{printable(str(error), 200)}",
            hint="`cosign trusted-root create` writes one",
        ) from None
    except OSError as error:
        raise ResolveError(
            f"the trusted root of the public Sigstore cannot be read: {error.strerror or error}",
            hint="give one with trustedRootSecretRef",
        ) from None
