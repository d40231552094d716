"""What cosign 3 itself signs, in both of its forms, on real registries, and whether it accepts what the tests sign."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from imagesetter.errors import SignatureError
from imagesetter.registry.client import Client
from imagesetter.registry.reference import parse_flux_image
from imagesetter.registry.scan import ScanOptions
from imagesetter.verification.keys import read_public_keys
from imagesetter.verification.signature import Verified
from imagesetter.verification.trust import CosignKeys, Keyless, Trust
from imagesetter.verification.verify import verify
from support.signing import (
    Image,
    Private,
    attach,
    attach_payloads,
    bundle,
    cosign,
    new_key,
    payload,
    public_pem,
    push_signed_image,
    simple_signature,
)

NUMBERS = count()
HTTP = "--allow-http-registry"
NO_LOG = "--insecure-ignore-tlog"
COSIGN_2 = ("--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false")


def new_image(host: str) -> Image:
    number = next(NUMBERS)
    return push_signed_image(host, f"cosign{number}", "1.0.0", labels={"number": str(number)})


def ask(client: Client, image: Image, trust: Trust) -> Verified | str:
    repository = parse_flux_image(f"{image.host}/{image.path}")
    try:
        return verify(client.puller(repository, ScanOptions()), repository, image.digest, trust, 0.0)
    except SignatureError as error:
        return error.what


def name(image: Image) -> str:
    return f"{image.host}/{image.path}@{image.digest}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where cosign finds a signing config without a transparency log."""
    made = tmp_path_factory.mktemp("cosign")
    cosign(made, "signing-config", "create", "--out", "no-log.json")
    return made


def sign(folder: Path, image: Image, key: Private, form: Sequence[str] = ("--signing-config", "no-log.json")) -> Trust:
    """Let cosign sign an image with a key that was imported into it; who is to be trusted."""
    path = f"key{next(NUMBERS)}"
    encoding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / f"{path}.pem").write_bytes(key.private_bytes(encoding, kind, serialization.NoEncryption()))
    cosign(folder, "import-key-pair", "--key", f"{path}.pem", "--output-key-prefix", path)
    cosign(folder, "sign", *form, "--key", f"{path}.key", HTTP, name(image))
    public = (folder / f"{path}.pub").read_bytes()
    assert public == public_pem(key)
    return CosignKeys(read_public_keys(public, "cosign.pub"))


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048"])
def test_a_bundle_of_cosign_3_is_verified(client: Client, folder: Path, with_api: str, kind: str) -> None:
    image = new_image(with_api)
    trust = sign(folder, image, new_key(kind))
    assert ask(client, image, trust) == Verified(f"the key {trust.keys[0]}", "bundle")


def test_a_bundle_of_cosign_3_is_found_on_a_registry_without_the_referrers_api(
    client: Client, folder: Path, without_api: str
) -> None:
    image = new_image(without_api)
    trust = sign(folder, image, new_key())
    assert ask(client, image, trust) == Verified(f"the key {trust.keys[0]}", "bundle")
    assert ask(client, image, CosignKeys(read_public_keys(public_pem(new_key()), "x"))) == (
        "its signatures are not accepted: it is not by a trusted key, or what it signs was changed"
    )


def test_a_signature_in_the_form_of_cosign_2_is_verified(client: Client, folder: Path, without_api: str) -> None:
    image = new_image(without_api)
    trust = sign(folder, image, new_key(), COSIGN_2)
    assert ask(client, image, trust) == Verified(f"the key {trust.keys[0]}", "simple-signing")


def test_the_prehashed_signatures_of_ed25519_are_refused_by_name(client: Client, folder: Path, with_api: str) -> None:
    """cosign 3.1 makes them, and its own `verify --key` does not accept them."""
    image = new_image(with_api)
    trust = sign(folder, image, new_key("ed25519"))
    assert ask(client, image, trust) == (
        "its signatures are not accepted: it is not by a trusted key, or what it signs was changed; or it is by an "
        "Ed25519 key and prehashed (Ed25519ph), as cosign 3 signs, which cannot be verified here: use an ECDSA key"
    )


def test_an_attestation_by_the_key_is_not_a_signature(client: Client, folder: Path, with_api: str) -> None:
    image = new_image(with_api)
    cosign(folder, "generate-key-pair", "--output-key-prefix", "attest")
    (folder / "sbom.json").write_text("{}")
    cosign(
        folder, "attest", "--signing-config", "no-log.json", "--key", "attest.key", "--predicate", "sbom.json",
        "--type", "https://example.com/sbom", HTTP, name(image),
    )  # fmt: skip
    trust = CosignKeys(read_public_keys((folder / "attest.pub").read_bytes(), "cosign.pub"))
    assert ask(client, image, trust) == "it has no signature of cosign"


def test_cosign_accepts_the_signatures_that_the_tests_make(folder: Path, with_api: str) -> None:
    """So what is forged in other tests is wrong in one part only."""
    key = new_key()
    (folder / "ours.pub").write_bytes(public_pem(key))
    first, second = new_image(with_api), new_image(with_api)
    attach(first, bundle(key, first.digest), referrers_api=True)
    attach_payloads(second, simple_signature(key, payload(second.digest)))
    for image in (first, second):
        cosign(folder, "verify", "--key", "ours.pub", NO_LOG, HTTP, name(image))


def test_a_keyless_bundle_on_a_registry_is_verified(client: Client, host: str, with_api: str) -> None:
    pytest.importorskip("sigstore", reason="the lowest dependencies are without the extra verify")
    from imagesetter.verification.identity import IdentityMatch, literal
    from support.sigstore_services import ISSUER, SUBJECT, Sigstore

    sigstore, image = Sigstore(), new_image(host)
    attach(image, sigstore.bundle(image.digest), referrers_api=host == with_api)
    trust = Keyless((IdentityMatch(literal(ISSUER), literal(SUBJECT)),), sigstore.trusted_root())
    assert ask(client, image, trust) == Verified(f"{SUBJECT} (issuer {ISSUER})", "bundle")
