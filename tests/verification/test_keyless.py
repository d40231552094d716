"""Keyless signatures against a Sigstore of the tests' own: an authority and logs, as a trusted root names them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagesetter.errors import CredentialError, SignatureError
from imagesetter.verification.identity import IdentityMatch, literal
from imagesetter.verification.keyless import verify_keyless
from imagesetter.verification.signature import Signature, Verified
from support.signing import Image, attach, bundle, cosign, new_key, push_signed_image
from support.sigstore_services import ISSUER, SIGNED_AT, SUBJECT, Sigstore

pytest.importorskip("sigstore", reason="the lowest dependencies are without the extra verify")

DIGEST = "sha256:" + "a" * 64
SIGSTORE = Sigstore()
WANTED = (IdentityMatch(literal(ISSUER), r"^https://git\.example\.com/team/app/.*$"),)


def ask(content: bytes, wanted: tuple[IdentityMatch, ...] = WANTED, root: bytes = b"") -> Verified | str:
    try:
        return verify_keyless(Signature("bundle", content), DIGEST, wanted, root or SIGSTORE.trusted_root())
    except SignatureError as error:
        return error.what


def test_a_bundle_by_a_wanted_identity_is_accepted() -> None:
    assert ask(SIGSTORE.bundle(DIGEST)) == Verified(f"{SUBJECT} (issuer {ISSUER})", "bundle")


@pytest.mark.parametrize(
    "subject",
    [
        "https://git.example.com/team/app-evil/.github/workflows/release.yml@refs/heads/main",
        "https://evil.example.com/?https://git.example.com/team/app/x",
        "https://git.example.com.evil.example.com/team/app/x",
    ],
    ids=["another repository", "behind a question mark", "another host"],
)
def test_an_identity_that_holds_the_wanted_one_is_another(subject: str) -> None:
    wanted = (IdentityMatch(ISSUER, r"https://git\.example\.com/team/app"),)
    shown = ask(SIGSTORE.bundle(DIGEST, subject=subject), wanted)
    assert isinstance(shown, str)
    assert shown.startswith(f"it is by {subject} (issuer {ISSUER}), which is not a wanted identity")


def test_the_reason_says_that_a_pattern_has_to_match_the_whole_text() -> None:
    assert ask(SIGSTORE.bundle(DIGEST), (IdentityMatch(ISSUER, "team/app"),)) == (
        f"it is by {SUBJECT} (issuer {ISSUER}), which is not a wanted identity; it holds one, but a pattern has to "
        "match the whole text: write .* where anything may stand"
    )


def test_another_issuer_is_another_identity() -> None:
    issuer = "https://token.actions.example.com.evil.example.com"
    shown = ask(SIGSTORE.bundle(DIGEST, issuer=issuer))
    assert isinstance(shown, str)
    assert shown.startswith(f"it is by {SUBJECT} (issuer {issuer}), which is not a wanted identity")


def test_any_of_several_identities_is_accepted() -> None:
    other = IdentityMatch("https://accounts.example.com", "somebody@example.com")
    assert isinstance(ask(SIGSTORE.bundle(DIGEST), (other, *WANTED)), Verified)


def changed(content: bytes, *path: str | int, to: object) -> bytes:
    document = json.loads(content)
    holder: Any = document
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = to
    return json.dumps(document).encode()


ENTRY = ("verificationMaterial", "tlogEntries", 0)
LATE = SIGNED_AT + datetime.timedelta(hours=1)
FORGED = {
    "signed after the certificate had expired": (
        lambda: SIGSTORE.bundle(DIGEST, signed_at=LATE),
        "it is not valid: failed to build timestamp certificate chain",
    ),
    "signed before the certificate was issued": (
        lambda: SIGSTORE.bundle(DIGEST, signed_at=SIGNED_AT - datetime.timedelta(hours=1)),
        "it is not valid: failed to build timestamp certificate chain",
    ),
    "an authority that is not trusted": (
        lambda: Sigstore().bundle(DIGEST),
        "it is not valid: failed to build timestamp certificate chain",
    ),
    "a certificate that no log has": (
        lambda: Sigstore(SIGSTORE.authority_key, rekor=SIGSTORE.rekor).bundle(DIGEST),
        "it is not valid: failed to ",
    ),
    "an entry of another transparency log": (
        lambda: Sigstore(SIGSTORE.authority_key, SIGSTORE.certificate_log).bundle(DIGEST),
        "it is not valid: ",
    ),
    "another image": (
        lambda: SIGSTORE.bundle("sha256:" + "b" * 64),
        f"it signs 'sha256:{'b' * 64}', not {DIGEST}",
    ),
    "an attestation": (
        lambda: SIGSTORE.bundle(DIGEST, predicate_type="https://slsa.dev/provenance/v1"),
        "it is an attestation of type 'https://slsa.dev/provenance/v1', not a signature of the image",
    ),
    "the payload was changed": (
        lambda: changed(SIGSTORE.bundle(DIGEST), "dsseEnvelope", "payload", to="e30="),
        "it is not valid: ",
    ),
    "the time of signing was changed": (
        lambda: changed(SIGSTORE.bundle(DIGEST), *ENTRY, "integratedTime", to=str(int(SIGNED_AT.timestamp()) + 60)),
        "it is not valid: invalid log entry: SET",
    ),
    "the proof of inclusion was changed": (
        lambda: changed(SIGSTORE.bundle(DIGEST), *ENTRY, "inclusionProof", "rootHash", to="AAAA"),
        "it is not valid: invalid log entry: ",
    ),
    "no entry": (
        lambda: changed(SIGSTORE.bundle(DIGEST), "verificationMaterial", "tlogEntries", to=[]),
        "it is not valid: expected exactly one log entry in bundle",
    ),
    "no certificate": (
        lambda: changed(SIGSTORE.bundle(DIGEST), "verificationMaterial", "certificate", to={"rawBytes": "AAAA"}),
        "it cannot be read (",
    ),
    "by a key": (lambda: bundle(new_key(), DIGEST), "it is by a key, and the policy asks for an identity"),
    "nothing of a bundle": (lambda: b'{"mediaType": 1, "verificationMaterial": []}', "it "),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_bundle_that_is_wrong_is_not_accepted(case: str) -> None:
    make, reason = FORGED[case]
    shown = ask(make())
    assert isinstance(shown, str)
    assert shown.startswith(reason)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where cosign finds the trusted root."""
    made = tmp_path_factory.mktemp("keyless")
    (made / "root.json").write_bytes(SIGSTORE.trusted_root())
    return made


def cosign_accepts(folder: Path, image: Image, *identity: str) -> bool:
    """Whether `cosign verify` accepts an image, which has one bundle, by an identity."""
    options = identity or ("--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER)
    name = f"{image.host}/{image.path}@{image.digest}"
    try:
        cosign(folder, "verify", "--trusted-root", "root.json", "--allow-http-registry", *options, name)
    except RuntimeError as error:
        if "no matching attestations" not in str(error) and "no signatures found" not in str(error):
            raise
        return False
    return True


def pushed(host: str, case: str, make: Callable[[str], bytes]) -> tuple[Image, bytes]:
    """An image with a bundle of its own."""
    image = push_signed_image(host, "keyless", "1.0.0", labels={"case": case})
    content = make(image.digest)
    attach(image, content, referrers_api=True)
    return image, content


Make = Callable[[str], bytes]
BY_COSIGN: dict[str, tuple[Make, bool]] = {
    "as it should be": (SIGSTORE.bundle, True),
    "signed in the last minute": (
        lambda digest: SIGSTORE.bundle(digest, signed_at=SIGNED_AT + datetime.timedelta(minutes=9, seconds=59)),
        True,
    ),
    "another repository": (lambda digest: SIGSTORE.bundle(digest, subject=f"{SUBJECT}-evil"), False),
    "behind a question mark": (lambda digest: SIGSTORE.bundle(digest, subject=f"https://e.example/?{SUBJECT}"), False),
    "in capitals": (lambda digest: SIGSTORE.bundle(digest, subject=SUBJECT.upper()), False),
    "another issuer": (lambda digest: SIGSTORE.bundle(digest, issuer=f"{ISSUER}.evil.example"), False),
    "an issuer with a slash": (lambda digest: SIGSTORE.bundle(digest, issuer=f"{ISSUER}/"), False),
    "signed after the certificate had expired": (lambda digest: SIGSTORE.bundle(digest, signed_at=LATE), False),
    "signed before the certificate was issued": (
        lambda digest: SIGSTORE.bundle(digest, signed_at=SIGNED_AT - datetime.timedelta(seconds=1)),
        False,
    ),
    "an authority that is not trusted": (lambda digest: Sigstore().bundle(digest), False),
    "a certificate that no log has": (
        lambda digest: Sigstore(SIGSTORE.authority_key, rekor=SIGSTORE.rekor).bundle(digest),
        False,
    ),
    "an entry of another transparency log": (
        lambda digest: Sigstore(SIGSTORE.authority_key, SIGSTORE.certificate_log).bundle(digest),
        False,
    ),
    "copied from another image": (lambda digest: SIGSTORE.bundle("sha256:" + "b" * 64), False),
    "the payload was changed": (
        lambda digest: changed(SIGSTORE.bundle(digest), "dsseEnvelope", "payload", to="e30="),
        False,
    ),
    "the proof of inclusion was changed": (
        lambda digest: changed(SIGSTORE.bundle(digest), *ENTRY, "inclusionProof", "rootHash", to="AAAA"),
        False,
    ),
    "no entry": (lambda digest: changed(SIGSTORE.bundle(digest), "verificationMaterial", "tlogEntries", to=[]), False),
}


@pytest.mark.parametrize("case", BY_COSIGN)
def test_cosign_itself_accepts_and_refuses_the_same(case: str, with_api: str, folder: Path) -> None:
    make, right = BY_COSIGN[case]
    image, content = pushed(with_api, case, make)
    wanted = (IdentityMatch(literal(ISSUER), literal(SUBJECT)),)
    try:
        found: object = verify_keyless(Signature("bundle", content), image.digest, wanted, SIGSTORE.trusted_root())
    except SignatureError as error:
        found = error.what
    assert (isinstance(found, Verified), cosign_accepts(folder, image)) == (right, right), found


def test_a_pattern_that_is_not_anchored_is_where_cosign_accepts_more(with_api: str, folder: Path) -> None:
    subject = "https://git.example.com/team/app-evil/x"
    image, content = pushed(with_api, "not anchored", lambda digest: SIGSTORE.bundle(digest, subject=subject))
    pattern = r"https://git\.example\.com/team/app"
    options = ("--certificate-identity-regexp", pattern, "--certificate-oidc-issuer", ISSUER)
    assert cosign_accepts(folder, image, *options)
    with pytest.raises(SignatureError, match="it holds one, but a pattern has to match the whole text"):
        verify_keyless(
            Signature("bundle", content),
            image.digest,
            (IdentityMatch(literal(ISSUER), pattern),),
            SIGSTORE.trusted_root(),
        )
    anchored = ("--certificate-identity-regexp", f"^{pattern}$", *options[2:])
    assert not cosign_accepts(folder, image, *anchored)


def test_a_keyless_signature_of_cosign_2_is_refused_by_name() -> None:
    signature = Signature("simple-signing", b"{}", "", {"dev.sigstore.cosign/certificate": "PEM"})
    with pytest.raises(SignatureError) as raised:
        verify_keyless(signature, DIGEST, WANTED, SIGSTORE.trusted_root())
    assert raised.value.what == (
        "it is a keyless signature in the form of cosign 2, which has no proof of inclusion; sign with cosign 3"
    )


def test_the_public_sigstore_is_trusted_where_no_root_is_given() -> None:
    with pytest.raises(SignatureError) as raised:
        verify_keyless(Signature("bundle", SIGSTORE.bundle(DIGEST)), DIGEST, WANTED, b"")
    assert raised.value.what.startswith("it is not valid: failed to build timestamp certificate chain")


@pytest.mark.parametrize("root", [b"{}", b"[", b'{"mediaType": "x"}'])
def test_a_trusted_root_that_cannot_be_read_is_an_error(root: bytes) -> None:
    with pytest.raises(CredentialError, match=r"^trusted_root\.json \(sha256:[0-9a-f]{16}\) cannot be read: "):
        verify_keyless(Signature("bundle", SIGSTORE.bundle(DIGEST)), DIGEST, WANTED, root)
