"""Notation's trust policy and trust store, as Flux reads them from a Secret: ``trustpolicy.json`` and certificates.

Sources: notaryproject/specifications ``specs/trust-store-trust-policy.md`` v1.1, notation-go v1.3
``verifier/trustpolicy``, source-controller v1.10 ``internal/oci/notation``. As in Flux, every entry of the Secret that
ends in ``.crt`` or ``.pem`` belongs to each store that the policy names, whatever the store is called.

Refused by name, since it cannot be verified here, or verifies nothing:

- the levels ``skip`` and ``audit``, and an override that does not enforce authenticity;
- timestamps of an authority (``tsa:`` stores), unless only certificates that have expired need them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imagesetter.errors import CredentialError, ResolveError, SignatureError
from imagesetter.registry.http.redaction import printable
from imagesetter.registry.reference import DOCKER_HUB, Repository
from imagesetter.verification.libraries import need_cryptography

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TRUST_POLICY = "trustpolicy.json"
_ENFORCED = {"strict": ("authenticTimestamp", "expiry", "revocation"), "permissive": ()}
_LOOSE = ("skip", "audit")
_CHECKS = ("authenticity", "authenticTimestamp", "expiry", "revocation")
_ACTIONS = ("enforce", "log", "skip")
_DN_PART = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*|[0-9.]+)\s*=\s*((?:[^,+\"\\<>;=]|\\[,+\"\\<>;=# ])+?)\s*(,|\Z)")
_NEEDED = ("C", "ST", "O")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a trust policy: for which repositories it counts, and what it demands."""

    name: str
    scopes: tuple[str, ...]
    enforced: frozenset[str]
    """Of authenticTimestamp, expiry and revocation; integrity and authenticity always are."""
    identities: tuple[Mapping[str, str], ...]
    """Attributes that the subject of the leaf has to have; none: any subject will do."""


@dataclass(frozen=True, slots=True)
class NotationTrust:
    """Signatures of notation by a certificate below one of these."""

    statements: tuple[Statement, ...]
    certificates: tuple[Certificate, ...] = field(repr=False)

    def statement(self, repository: Repository) -> Statement:
        """The statement that counts for a repository: one that names it, else the one for all.

        Raises:
            SignatureError: there is none.
        """
        names = {repository.canonical, repository.canonical.replace(f"{DOCKER_HUB}/", "docker.io/", 1)}
        for wanted in (names, {"*"}):
            found = next((each for each in self.statements if wanted & set(each.scopes)), None)
            if found is not None:
                return found
        raise SignatureError(f"{TRUST_POLICY} has no statement for {repository.canonical}")


def read_notation_trust(entries: Mapping[str, bytes], where: str) -> NotationTrust:
    """The trust policy and the certificates of a Secret.

    Args:
        entries: its values.
        where: the Secret, for messages.

    Raises:
        CredentialError: an entry is missing, or cannot be read.
        ResolveError: the policy asks for something that is not verified here.
    """
    if TRUST_POLICY not in entries:
        raise CredentialError(f"{where} has no entry {TRUST_POLICY}")
    what = f"{TRUST_POLICY} of {where}"
    try:
        document = json.loads(entries[TRUST_POLICY])
    except (ValueError, RecursionError):
        raise CredentialError(f"{what} is not JSON") from None
    if not isinstance(document, dict) or document.get("version") != "1.0":
        raise CredentialError(f"{what} is not a trust policy of version 1.0")
    listed = document.get("trustPolicies")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        raise CredentialError(f"{what} has no trustPolicies")
    statements = tuple(_statement(each, what) for each in listed)
    scopes = [scope for each in statements for scope in each.scopes]
    if len(scopes) != len(set(scopes)):
        raise CredentialError(f"{what} has two statements for the same registry scope")
    certificates = [
        certificate
        for name in sorted(entries)
        if name.endswith((".crt", ".pem"))
        for certificate in _certificates(entries[name], f"{name} of {where}")
    ]
    if not certificates:
        raise CredentialError(f"{where} has no certificate", hint="the name of an entry with one ends in .crt or .pem")
    return NotationTrust(statements, tuple(certificates))


def _statement(entry: Mapping[str, Any], what: str) -> Statement:
    name = printable(str(entry.get("name") or ""), 80)
    where = f"{what}: statement {name}"
    scopes, stores, identities = (
        _texts(entry, key, where) for key in ("registryScopes", "trustStores", "trustedIdentities")
    )
    if "*" in scopes and len(scopes) > 1:
        raise CredentialError(f"{where} has the registry scope * beside others")
    if any("*" in scope and scope != "*" for scope in scopes):
        raise CredentialError(
            f"{where} has a registry scope with a wildcard in it", hint="write * alone, or repositories"
        )
    settings = entry.get("signatureVerification")
    settings = settings if isinstance(settings, dict) else {}
    enforced = _enforced(settings, where)
    kinds = {store.partition(":")[0] for store in stores}
    if unknown := sorted(kinds - {"ca", "signingAuthority", "tsa"}):
        raise CredentialError(f"{where} has a trust store of the unknown type {printable(unknown[0], 40)}")
    if "ca" not in kinds:
        raise ResolveError(f"{where} has no trust store ca:NAME; others are not supported")
    if "tsa" in kinds and "authenticTimestamp" in enforced and settings.get("verifyTimestamp") != "afterCertExpiry":
        raise ResolveError(
            f"{where} asks for timestamps of an authority, which are not verified here",
            hint="verifyTimestamp: afterCertExpiry needs them for expired certificates only",
        )
    wanted = () if identities == ["*"] else tuple(_subject(each, where) for each in identities)
    return Statement(name, tuple(scopes), enforced, wanted)


def _texts(entry: Mapping[str, Any], key: str, where: str) -> list[str]:
    found = entry.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(each, str) for each in found):
        raise CredentialError(f"{where} has no {key}")
    return found


def _enforced(settings: Mapping[str, Any], where: str) -> frozenset[str]:
    level, override = settings.get("level"), settings.get("override") or {}
    if level in _LOOSE:
        raise ResolveError(f"{where} has the level {level}, which accepts images that nobody signed", hint="use strict")
    if level not in _ENFORCED:
        raise CredentialError(f"{where} has the unknown level {printable(str(level), 40)}", hint="strict or permissive")
    if not isinstance(override, dict):
        raise CredentialError(f"{where} has an override that is not an object")
    enforced = set(_ENFORCED[level])
    for check, action in override.items():
        if check not in _CHECKS or action not in _ACTIONS or (action == "skip" and check != "revocation"):
            raise CredentialError(f"{where} has the invalid override {printable(f'{check}: {action}', 80)}")
        if check == "authenticity" and action != "enforce":
            raise ResolveError(f"{where} does not enforce authenticity, so it accepts images that nobody signed")
        if action == "enforce":
            enforced.add(check)
        else:
            enforced.discard(check)
    return frozenset(enforced - {"authenticity"})


def _subject(identity: str, where: str) -> Mapping[str, str]:
    """``x509.subject: C=US, ST=WA, O=example`` as its attributes (RFC 4514, without what notation does not take)."""
    kind, _, text = identity.partition(":")
    if kind != "x509.subject":
        raise CredentialError(f"{where} has the trusted identity {printable(identity, 100)}, not an x509.subject")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        part = _DN_PART.match(text, at)
        if part is None:
            raise CredentialError(f"{where}: the trusted identity {printable(identity, 100)} cannot be read")
        name = "ST" if part[1].upper() == "S" else part[1].upper()
        if name in found:
            raise CredentialError(f"{where}: the trusted identity {printable(identity, 100)} has {name} twice")
        found[name] = re.sub(r"\\(.)", r"\1", part[2])
        at = part.end()
    if any(name not in found for name in _NEEDED):
        raise CredentialError(f"{where}: the trusted identity {printable(identity, 100)} lacks C, ST or O")
    return found


def _certificates(data: bytes, what: str) -> list[Certificate]:
    need_cryptography()
    from cryptography import x509

    try:
        if b"-----BEGIN" in data:
            return list(x509.load_pem_x509_certificates(data))
        return [x509.load_der_x509_certificate(data)]
    except ValueError:
        raise CredentialError(f"{what} is not a certificate") from None
