"""Signatures of notation, of the tests' own making: certificates and a JWS envelope, each of which may be wrong."""

from __future__ import annotations

import base64
import datetime
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.signing import Image

JWS = "application/jose+json"
NOTATION = "application/vnd.cncf.notary.signature"
PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)
SCHEME, TIME, EXPIRY = (f"io.cncf.notary.{name}" for name in ("signingScheme", "signingTime", "expiry"))
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def subject(name: str) -> x509.Name:
    kinds = (NameOID.COUNTRY_NAME, NameOID.STATE_OR_PROVINCE_NAME, NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    values = ("CH", "ZH", "example", name)
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in zip(kinds, values, strict=True)])


@dataclass
class Signer:
    """A root, and a leaf below it; the options say what is wrong with them."""

    key: Private = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    end: datetime.datetime = END
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CODE_SIGNING,)
    leaf_is_authority: bool = False
    revocable: bool = False
    constrained: bool = False
    root_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        root = self._builder(subject("root"), self.root_key.public_key(), END, authority=True)
        if self.constrained:
            names = x509.NameConstraints([x509.DNSName("example.com")], None)
            root = root.add_extension(names, critical=True)
        self.root = root.sign(self.root_key, hashes.SHA256())
        leaf = self._builder(subject("leaf"), self.key.public_key(), self.end, authority=self.leaf_is_authority)
        if self.usages:
            leaf = leaf.add_extension(x509.ExtendedKeyUsage(self.usages), critical=False)
        if self.revocable:
            url = x509.UniformResourceIdentifier("http://crl.example.com")
            leaf = leaf.add_extension(
                x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), critical=False
            )
        self.leaf = leaf.sign(self.root_key, hashes.SHA256())

    def _builder(
        self, name: x509.Name, key: Any, end: datetime.datetime, *, authority: bool
    ) -> x509.CertificateBuilder:
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
        )
        usage |= {"encipher_only": False, "decipher_only": False}
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(subject("root"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, **usage), critical=True
            )
        )

    def trust(self, **changes: Any) -> dict[str, bytes]:
        """The entries of a Secret that trusts the root."""
        settings = {"level": "strict"} | changes.pop("signatureVerification", {})
        statement = {
            "name": "all",
            "registryScopes": ["*"],
            "signatureVerification": settings,
            "trustStores": ["ca:example"],
            "trustedIdentities": ["x509.subject: C=CH, ST=ZH, O=example"],
        }
        policy = {"version": "1.0", "trustPolicies": [statement | changes]}
        return {"trustpolicy.json": json.dumps(policy).encode(), "root.crt": pem(self.root)}

    def envelope(
        self,
        image: Image,
        *,
        headers: dict[str, Any] | None = None,
        target: dict[str, Any] | None = None,
        chain: list[x509.Certificate] | None = None,
    ) -> bytes:
        """The signature of an image; a header of None is left out."""
        names = {ec.EllipticCurvePrivateKey: "ES", rsa.RSAPrivateKey: "PS"}
        family = next(name for kind, name in names.items() if isinstance(self.key, kind))
        size = {256: 256, 384: 384, 521: 512, 2048: 256, 3072: 384, 4096: 512}[self.key.key_size]
        protected: dict[str, Any] = {
            "alg": f"{family}{size}",
            "cty": PAYLOAD,
            "crit": [SCHEME],
            SCHEME: "notary.x509",
            TIME: "2026-03-01T12:00:00Z",
        }
        protected = {name: value for name, value in (protected | (headers or {})).items() if value is not None}
        payload = {"targetArtifact": image.subject() | (target or {})}
        text = f"{url_text(json.dumps(protected).encode())}.{url_text(json.dumps(payload).encode())}"
        certificates = chain if chain is not None else [self.leaf, self.root]
        x5c = [base64.b64encode(each.public_bytes(serialization.Encoding.DER)).decode() for each in certificates]
        return json.dumps(
            {
                "payload": text.partition(".")[2],
                "protected": text.partition(".")[0],
                "header": {"x5c": x5c, "io.cncf.notary.signingAgent": "tests"},
                "signature": url_text(self._sign(text.encode(), size)),
            }
        ).encode()

    def _sign(self, message: bytes, size: int) -> bytes:
        digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}[size]
        if isinstance(self.key, rsa.RSAPrivateKey):
            pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            return self.key.sign(message, pss, digest)
        length = (self.key.key_size + 7) // 8
        numbers = decode_dss_signature(self.key.sign(message, ec.ECDSA(digest)))
        return b"".join(number.to_bytes(length, "big") for number in numbers)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def url_text(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
