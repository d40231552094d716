"""Whom a policy trusts: what the fields of Flux's ``OCIRepository.spec.verify`` and their Secrets come to.

Source: source-controller v1.10 ``api/v1/ociverification_types.go`` and ``verifySignature`` of
``internal/controller/ocirepository_controller.go``. Departures, each stricter:

- Keyless verification without ``matchOIDCIdentity`` is refused: it would accept anybody whom the authority knows.
- A Secret without any entry that ends in ``.pub`` is an error; upstream finds no signature then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from imagesetter.errors import CredentialError, ResolveError
from imagesetter.registry.auth.kubernetes_secrets import Resource, describe, is_encrypted, secret_entries
from imagesetter.verification.identity import IdentityMatch
from imagesetter.verification.keys import PublicKey, read_public_keys
from imagesetter.verification.trust_policy import NotationTrust, read_notation_trust

TRUSTED_ROOT = "trusted_root.json"


@dataclass(frozen=True, slots=True)
class CosignKeys:
    """Signatures of cosign by one of these keys."""

    keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class Keyless:
    """Signatures of cosign by a certificate of an authority, for one of these identities."""

    identities: tuple[IdentityMatch, ...]
    trusted_root: bytes = b""
    """The authorities and logs, as ``trusted_root.json``; empty: those of the public Sigstore."""


Trust = CosignKeys | Keyless | NotationTrust


@dataclass(frozen=True, slots=True)
class Verification:
    """The fields of ``verify`` with their Secrets, as loaded data."""

    provider: str
    secret: Resource | None = None
    secret_name: str = ""
    identities: tuple[IdentityMatch, ...] = ()
    trusted_root: Resource | None = None
    trusted_root_name: str = ""

    def trust(self) -> Trust:
        """Whom it trusts.

        Raises:
            ResolveError: a Secret is missing or encrypted, or a library is not installed.
            CredentialError: a Secret does not hold what it has to.
        """
        if self.provider == "notation":
            secret = _needed(self.secret, self.secret_name)
            return read_notation_trust(secret_entries(secret), describe(secret))
        if self.secret_name:
            return _cosign_keys(_needed(self.secret, self.secret_name))
        root = b""
        if self.trusted_root_name:
            secret = _needed(self.trusted_root, self.trusted_root_name)
            root = secret_entries(secret).get(TRUSTED_ROOT, b"")
            if not root:
                raise CredentialError(f"{describe(secret)} has no entry {TRUSTED_ROOT}")
        return Keyless(self.identities, root)


def _needed(secret: Resource | None, name: str) -> Resource:
    if secret is None:
        raise ResolveError(
            f"Secret {name}, which says whose signatures are accepted, is not among the resources",
            hint="give it with --policies FILE; public keys and certificates need not be secret",
        )
    if is_encrypted(secret):
        raise ResolveError(
            f"{describe(secret)}, which says whose signatures are accepted, is encrypted",
            hint="public keys and certificates need not be secret: keep them in a Secret that is not encrypted",
        )
    return secret


def _cosign_keys(secret: Resource) -> CosignKeys:
    where = describe(secret)
    entries: Mapping[str, bytes] = secret_entries(secret)
    keys = [
        key
        for name in sorted(entries)
        if name.endswith(".pub")
        for key in read_public_keys(entries[name], f"{name} of {where}")
    ]
    if not keys:
        raise CredentialError(
            f"{where} has no public key", hint="the name of an entry with a public key ends in .pub: cosign.pub"
        )
    return CosignKeys(tuple(keys))
