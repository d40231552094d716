"""A Sigstore of the tests' own: an authority, a certificate log and a transparency log, for keyless bundles.

What Fulcio, its log and Rekor do online is done here with three keys: `trusted_root` is what a verifier has to know of
them. Written from RFC 6962 (SCTs, Merkle trees), Rekor's ``types/dsse`` and the checkpoints of transparency.dev.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.signing import BUNDLE, envelope, statement

SIGNED_AT = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
ISSUER = "https://token.actions.example.com"
SUBJECT = "https://git.example.com/team/app/.github/workflows/release.yml@refs/heads/main"
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_OIDC_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_ORIGIN = "rekor.example.com"


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, kind = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, kind)


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Sigstore:
    """The three services."""

    authority_key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    certificate_log: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    rekor: ec.EllipticCurvePrivateKey = field(default_factory=_new_key)
    authority: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sigstore of the tests")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.authority_key.public_key())
            .serial_number(1)
            .not_valid_before(SIGNED_AT - datetime.timedelta(days=365))
            .not_valid_after(SIGNED_AT + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.authority_key.public_key()), critical=False)
        )
        self.authority = builder.sign(self.authority_key, hashes.SHA256())

    def trusted_root(self) -> bytes:
        """``trusted_root.json``."""
        start = {"start": (SIGNED_AT - datetime.timedelta(days=365)).isoformat().replace("+00:00", "Z")}
        der = self.authority.public_bytes(serialization.Encoding.DER)
        authority = {
            "subject": {"organization": "tests", "commonName": "sigstore of the tests"},
            "uri": "https://fulcio.example.com",
            "certChain": {"certificates": [{"rawBytes": _text(der)}]},
            "validFor": start,
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self._log(self.rekor, f"https://{_ORIGIN}", start)],
                "certificateAuthorities": [authority],
                "ctlogs": [self._log(self.certificate_log, "https://ctfe.example.com", start)],
                "timestampAuthorities": [],
            }
        ).encode()

    def _log(self, key: ec.EllipticCurvePrivateKey, url: str, start: dict[str, str]) -> dict[str, Any]:
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": _text(_spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": start},
            "logId": {"keyId": _text(hashlib.sha256(_spki(key)).digest())},
        }

    def certificate(
        self, key: ec.EllipticCurvePrivateKey, subject: str, issuer: str, *, begin: datetime.datetime, minutes: int = 10
    ) -> x509.Certificate:
        """A certificate for an identity, with the timestamp of the certificate log in it."""
        der = b"\x0c" + bytes([len(issuer)]) + issuer.encode()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(minutes=minutes))
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority_key.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(subject)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_OIDC_ISSUER, der), critical=False)
        )
        precertificate = builder.sign(self.authority_key, hashes.SHA256()).tbs_certificate_bytes
        scts = x509.UnrecognizedExtension(_SCT_LIST, self._scts(precertificate, begin))
        return builder.add_extension(scts, critical=False).sign(self.authority_key, hashes.SHA256())

    def _scts(self, precertificate: bytes, moment: datetime.datetime) -> bytes:
        """RFC 6962, section 3.2 and 3.3."""
        milliseconds = int(moment.timestamp() * 1000)
        issuer = hashlib.sha256(_spki(self.authority_key)).digest()
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + issuer
        signed += len(precertificate).to_bytes(3, "big") + precertificate + b"\0\0"
        signature = _sign(self.certificate_log, signed)
        sct = b"\0" + hashlib.sha256(_spki(self.certificate_log)).digest() + struct.pack("!QH", milliseconds, 0)
        sct += b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        scts = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        return b"\x04" + bytes([len(scts)]) + scts

    def bundle(
        self,
        digest: str,
        *,
        subject: str = SUBJECT,
        issuer: str = ISSUER,
        certified_at: datetime.datetime = SIGNED_AT,
        signed_at: datetime.datetime = SIGNED_AT + datetime.timedelta(seconds=30),
        **changes: Any,
    ) -> bytes:
        """A keyless bundle over an image, as cosign 3 writes it with Rekor 1."""
        key = _new_key()
        certificate = self.certificate(key, subject, issuer, begin=certified_at)
        signed = envelope(key, statement(digest, **changes))
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        payload = base64.b64decode(signed["payload"])
        body = _canonical(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": _hash(json.dumps(signed).encode()),
                    "payloadHash": _hash(payload),
                    "signatures": [{"signature": signed["signatures"][0]["sig"], "verifier": _text(pem)}],
                },
            }
        )
        material = {
            "certificate": {"rawBytes": _text(certificate.public_bytes(serialization.Encoding.DER))},
            "tlogEntries": [self._entry(body, int(signed_at.timestamp()))],
        }
        return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": signed}).encode()

    def _entry(self, body: bytes, integrated: int) -> dict[str, Any]:
        """An entry that is alone in its log."""
        log_id = hashlib.sha256(_spki(self.rekor)).digest()
        promised = {"body": _text(body), "integratedTime": integrated, "logID": log_id.hex(), "logIndex": 0}
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"{_ORIGIN} - 1\n1\n{_text(root)}\n"  # the number of its tree says that it is a Rekor 1
        checkpoint = f"{note}\n— {_ORIGIN} {_text(log_id[:4] + _sign(self.rekor, note.encode()))}\n"
        return {
            "logIndex": "0",
            "logId": {"keyId": _text(log_id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(integrated),
            "inclusionPromise": {"signedEntryTimestamp": _text(_sign(self.rekor, _canonical(promised)))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _text(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": checkpoint},
            },
            "canonicalizedBody": _text(body),
        }


def _hash(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=not signs,
        crl_sign=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
