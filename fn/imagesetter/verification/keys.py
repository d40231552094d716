"""Public keys, and the algorithms with which cosign signs by each kind of key.

=========================  ==================================================================================
key                        accepted
=========================  ==================================================================================
ECDSA P-256, P-384, P-521  SHA-256 (cosign until now, whatever the curve), or the hash of the curve's own size
RSA from 2048 bits         PKCS #1 v1.5 with SHA-256; PSS is not what ``cosign verify --key`` accepts either
Ed25519                    the message itself, as cosign 2 signed; Ed25519ph, as cosign 3 does, is not in the library
=========================  ==================================================================================

Source: sigstore/sigstore v1.10 ``pkg/signature`` (``LoadVerifier``, ``LoadDefaultVerifier``). Measured: cosign 3.1.3
signs with P-384 by SHA-384, with P-521 by SHA-512 and with Ed25519 prehashed, and its own ``verify --key`` accepts none
of the three; the first two are accepted here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagesetter.errors import CredentialError
from imagesetter.verification.libraries import need_cryptography
from krm_functions.messages import harmless

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

SHORTEST_RSA = 2048
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_PUBLIC = (b"PUBLIC KEY", b"RSA PUBLIC KEY")
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that a policy trusts."""

    name: str
    """Where it is: ``cosign.pub of Secret flux-system/cosign``."""
    fingerprint: str
    """``sha256:`` and the first digits of the hash of its DER form."""
    key: Key

    def __str__(self) -> str:
        return f"{self.name} ({self.fingerprint})"

    @property
    def is_ed25519(self) -> bool:
        """Whether this is a key of the kind for which cosign 3 makes signatures that the library cannot verify."""
        from cryptography.hazmat.primitives.asymmetric import ed25519

        return isinstance(self.key, ed25519.Ed25519PublicKey)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this is a signature of this key over the message."""
        need_cryptography()
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
                return True
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                return self._verifies_ecdsa(self.key, signature, message)
            self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True

    def _verifies_ecdsa(self, key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        own = {"secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}.get(key.curve.name)
        for algorithm in (hashes.SHA256(), own):
            if algorithm is None:
                continue
            try:
                key.verify(signature, message, ec.ECDSA(algorithm))
            except InvalidSignature:
                continue
            return True
        return False


def read_public_keys(data: bytes, name: str) -> tuple[PublicKey, ...]:
    """The public keys of a PEM text, one or more.

    Args:
        data: the text.
        name: where it is, for messages.

    Raises:
        CredentialError: there is none, or something that is not a public key, or a key of a kind that is not used.
    """
    blocks = list(_BLOCK.finditer(data))
    if not blocks:
        raise CredentialError(
            f"{name} is not a public key in PEM form",
            hint="`cosign public-key --key cosign.key` prints it; it begins with -----BEGIN PUBLIC KEY-----",
        )
    return tuple(_read_block(block[0], block[1], name) for block in blocks)


def _read_block(block: bytes, label: bytes, name: str) -> PublicKey:
    if label not in _PUBLIC:
        shown = harmless(label.decode("ascii"))
        hint = "a private key does not belong there: take it out, and make a new one" if b"PRIVATE" in label else ""
        raise CredentialError(f"{name} is of type {shown}, not PUBLIC KEY", hint=hint)
    need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialError(f"{name} is not a valid public key") from None
    kinds = f"{name} is a public key of a kind that cosign does not sign with"
    hint = "cosign signs with ECDSA (P-256, P-384, P-521), RSA from 2048 bits, and Ed25519"
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise CredentialError(kinds, hint=hint)
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVES:
        raise CredentialError(f"{kinds}: ECDSA on {key.curve.name}", hint=hint)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < SHORTEST_RSA:
        raise CredentialError(f"{kinds}: RSA with {key.key_size} bits", hint=hint)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(name, f"sha256:{hashlib.sha256(der).hexdigest()[:16]}", key)
