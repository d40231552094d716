"""Signatures as cosign writes them, of the tests' own making, so that each part can be wrong; and how they are pushed.

`tests/verification/test_cosign.py` has the same from cosign itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from support.registries import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, push_artifact, push_image
from tools import require_tool

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
INTOTO = "application/vnd.in-toto+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"
Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def new_key(kind: str = "p256") -> Private:
    """A private key: p256, p384, p521, rsa2048, ed25519."""
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key(curves[kind])


def public_pem(key: Private) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def signed_by(key: Private, message: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def statement(digest: str, *, predicate_type: str = SIGN, kind: str = "https://in-toto.io/Statement/v1") -> bytes:
    algorithm, _, text = digest.partition(":")
    subject = [{"name": "", "digest": {algorithm: text}}]
    return json.dumps({"_type": kind, "subject": subject, "predicateType": predicate_type, "predicate": {}}).encode()


def envelope(key: Private, payload: bytes, *, payload_type: str = INTOTO) -> dict[str, Any]:
    message = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)
    signature = base64.b64encode(signed_by(key, message)).decode()
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"sig": signature}],
    }


def bundle(key: Private, digest: str, **changes: Any) -> bytes:
    """A Sigstore bundle by a key, as cosign 3 writes it."""
    document = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": "hint"}},
        "dsseEnvelope": envelope(key, statement(digest, **changes)),
    }
    return json.dumps(document).encode()


def payload(digest: str, *, kind: str = "cosign container image signature") -> bytes:
    """What cosign 2 signs."""
    critical = {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": digest}, "type": kind}
    return json.dumps({"critical": critical, "optional": None}).encode()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Image:
    """An image on a registry that speaks plain HTTP."""

    host: str
    path: str
    digest: str
    size: int

    @property
    def tag(self) -> str:
        return self.digest.replace(":", "-", 1)

    def subject(self) -> dict[str, Any]:
        return {"mediaType": OCI_MANIFEST, "digest": self.digest, "size": self.size}


def push_signed_image(host: str, path: str, tag: str, **image: Any) -> Image:
    """An image without a signature yet."""
    pushed = push_image(host, path, [tag], **image)
    return Image(host, path, pushed.digest, pushed.size)


def attach(image: Image, *contents: bytes, kind: str = BUNDLE, layer_kind: str = "", referrers_api: bool) -> list[str]:
    """Attach a signature each, by the referrers API or by an index under the fallback tag; their digests."""
    descriptors: list[dict[str, Any]] = []
    for content in contents:
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": kind,
            "config": {"mediaType": OCI_CONFIG, "digest": sha256(b"{}"), "size": 2},
            "layers": [{"mediaType": layer_kind or kind, "digest": sha256(content), "size": len(content)}],
            "subject": image.subject(),
        }
        data = json.dumps(manifest).encode()
        push_artifact(image.host, image.path, sha256(data), data, blobs=[b"{}", content])
        descriptors.append({"mediaType": OCI_MANIFEST, "digest": sha256(data), "size": len(data), "artifactType": kind})
    if not referrers_api:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}
        push_artifact(image.host, image.path, image.tag, json.dumps(index).encode())
    return [each["digest"] for each in descriptors]


def attach_payloads(image: Image, *signed: tuple[bytes, Mapping[str, str]]) -> None:
    """Attach signatures of cosign 2: payloads with their annotations, under ``sha256-HEX.sig``."""
    layers = [
        {"mediaType": SIMPLE_SIGNING, "digest": sha256(content), "size": len(content), "annotations": dict(annotations)}
        for content, annotations in signed
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": sha256(b"{}"), "size": 2},
        "layers": layers,
    }
    data = json.dumps(manifest).encode()
    push_artifact(image.host, image.path, f"{image.tag}.sig", data, blobs=[b"{}", *(content for content, _ in signed)])


def simple_signature(key: Private, content: bytes) -> tuple[bytes, Mapping[str, str]]:
    signature = base64.b64encode(signed_by(key, content)).decode()
    return content, {"dev.cosignproject.cosign/signature": signature}


def cosign(folder: Path, *arguments: str, password: str = "") -> str:
    """Run cosign with nobody's settings; its output."""
    environment = {**os.environ, "HOME": str(folder), "COSIGN_PASSWORD": password, "COSIGN_YES": "true"}
    command: Sequence[str] = [require_tool("cosign"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"cosign {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout
