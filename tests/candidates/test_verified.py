"""Policies that accept signed images only, against a real registry: through update, lock, explain and verify."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest

from imagesetter.lock.document import parse_lock
from imagesetter.verification.keys import read_public_keys
from support.registries import run_registry_with_referrers
from support.runs import Ran, run_here, write_files
from support.signing import (
    Image,
    attach,
    attach_payloads,
    bundle,
    new_key,
    payload,
    public_pem,
    push_signed_image,
    simple_signature,
)

Run = Callable[..., Ran]
KEY, OTHER = new_key(), new_key()
BY = f"the key cosign.pub of Secret flux-system/cosign ({read_public_keys(public_pem(KEY), 'x')[0].fingerprint})"
VERIFY = "provider: cosign\nsecretRef: {name: cosign}\n"
FORGED = "it is not by a trusted key, or what it signs was changed"
MARKER = '# {"$imagepolicy": "flux-system:web"}'


def push(host: str, path: str, tag: str) -> Image:
    return push_signed_image(host, path, tag, labels={"tag": tag})


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry: 1.0.0 and 1.1.0 are signed, 1.2.0 by another key, 1.3.0 with a copy of 1.1.0's, 1.4.0 not at all."""
    with run_registry_with_referrers(tmp_path_factory.mktemp("registry")) as running:
        for tag in ("1.0.0", "1.1.0"):
            image = push(running, "web", tag)
            attach(image, bundle(KEY, image.digest), referrers_api=True)
        signed = image.digest
        image = push(running, "web", "1.2.0")
        attach_payloads(image, simple_signature(OTHER, payload(image.digest)))
        image = push(running, "web", "1.3.0")
        attach(image, bundle(KEY, signed), referrers_api=True)
        push(running, "web", "1.4.0")
        yield running


@pytest.fixture
def run(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command beside a policy, whose annotation is given; the host is written as HOST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")
    write_files(tmp_path, {"app.yaml": f"image: {host}/web:0.9.0 {MARKER}\n", "keys.yaml": secret(public_pem(KEY))})

    def ran(*arguments: str, verify: str = VERIFY, more: str = "", path: str = "web") -> Ran:
        write_files(tmp_path, {"policies.yaml": policies(f"{host}/{path}", verify, more)})
        done = run_here(capsys, *arguments)
        return Ran(done.status, done.out.replace(host, "HOST"), done.err.replace(host, "HOST"))

    return ran


def secret(key: bytes, name: str = "cosign.pub") -> str:
    return (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: cosign, namespace: flux-system}\n"
        f"stringData:\n  {name}: |\n{indent(key.decode(), '    ')}"
    )


def policies(image: str, verify: str, more: str) -> str:
    annotation = f"\n  annotations:\n    imagesetter.dev/verify: |\n{indent(verify, '      ')}" if verify else "\n"
    return (
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
        f"metadata: {{name: web, namespace: flux-system}}\nspec: {{image: {image}, insecure: true}}\n---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\n"
        f"metadata:\n  name: web\n  namespace: flux-system{annotation}"
        f"spec:\n  imageRepositoryRef: {{name: web}}\n  policy: {{semver: {{range: 1.x}}}}\n{more}"
    )


def app(tmp_path: Path, host: str) -> str:
    return (tmp_path / "app.yaml").read_text().replace(host, "HOST")


def test_the_best_signed_tag_is_written_with_the_digest_that_was_verified(run: Run, tmp_path: Path, host: str) -> None:
    ran = run("update")
    assert ran.status == 0, str(ran)
    digest = push(host, "web", "1.1.0").digest
    assert app(tmp_path, host) == f"image: HOST/web:1.1.0@{digest} {MARKER}\n"


def test_each_better_tag_has_its_reason(run: Run, host: str) -> None:
    ran = run("explain", "web", "--limit", "0")
    digests = {tag: push(host, "web", tag).digest for tag in ("1.1.0", "1.3.0")}
    asks = "is not signed as flux-system:web asks:"
    assert ran.out.partition("\n\n→ ")[2] == (
        f"HOST/web:1.1.0@{digests['1.1.0']}\n"
        f"note: 1.4.0 {asks} it has no signature of cosign\n"
        f"note: 1.3.0 {asks} its signatures are not accepted: it signs '{digests['1.1.0']}', not {digests['1.3.0']}\n"
        f"note: 1.2.0 {asks} its signatures are not accepted: {FORGED}\n"
        f"note: 1.1.0 is signed by {BY}\n"
    )
    assert "  verify        -3" in ran.out


def test_a_policy_that_reflects_no_digest_on_purpose_gets_none(run: Run, tmp_path: Path, host: str) -> None:
    assert run("update", more="  digestReflectionPolicy: Never\n").status == 0
    assert app(tmp_path, host) == f"image: HOST/web:1.1.0 {MARKER}\n"


def test_without_any_signed_tag_nothing_is_written(run: Run, tmp_path: Path, host: str) -> None:
    write_files(tmp_path, {"keys.yaml": secret(public_pem(new_key()))})
    ran = run("update")
    assert ran.status == 1
    assert (
        "error: flux-system:web: no tag of flux-system:web is signed as the policy asks; 1.0.0 is not signed" in ran.err
    )
    assert app(tmp_path, host) == f"image: HOST/web:0.9.0 {MARKER}\n"


def test_a_tag_that_was_moved_after_it_was_signed_is_passed_over(run: Run, tmp_path: Path, host: str) -> None:
    for tag in ("1.0.0", "1.1.0"):
        image = push(host, "moved", tag)
        attach(image, bundle(KEY, image.digest), referrers_api=True)
    assert run("lock", path="moved").status == 0
    push_signed_image(host, "moved", "1.1.0", labels={"tag": "another image"})
    ran = run("explain", "web", "--limit", "0", path="moved")
    assert "→ HOST/moved:1.0.0@" in ran.out, str(ran)
    ran = run("lock", path="moved")
    assert ran.status == 0
    assert (
        "warning: flux-system:web stays locked at 1.1.0, which it ranks above the selected tag, 1.0.0: 1.1.0 is not "
        "signed as flux-system:web asks: it has no signature of cosign; "
    ) in ran.err


def test_the_lock_says_who_signed_and_is_applied_without_a_registry(run: Run, tmp_path: Path, host: str) -> None:
    assert run("lock").status == 0
    (entry,) = parse_lock((tmp_path / "images.lock.yaml").read_text(), "x").entries.values()
    digest = push(host, "web", "1.1.0").digest
    assert (entry.tag, entry.digest, entry.rules) == ("1.1.0", digest, "verify")
    assert (entry.signed_by, entry.passed_over) == (BY, "1.4.0 (verify)")
    (tmp_path / "keys.yaml").unlink()
    ran = run("update", "--from", "lock")
    assert ran.status == 0, str(ran)
    assert app(tmp_path, host) == f"image: HOST/web:1.1.0@{digest} {MARKER}\n"
    ran = run("update", "--from", "lock", verify=VERIFY.replace("cosign}", "other}"))
    assert "policy flux-system:web has changed since it was locked" in ran.err
    assert run("update", "--from", "lock", verify='{"secretRef": {"name": cosign}, "provider": cosign}\n').status == 0


def test_a_lock_that_was_made_without_signatures_is_stale(run: Run) -> None:
    assert run("lock", verify="").status == 0
    ran = run("update", "--from", "lock")
    assert ran.status == 1
    assert "policy flux-system:web has changed since it was locked" in ran.err


def test_a_hold_at_a_tag_does_not_make_it_signed(run: Run, tmp_path: Path, host: str) -> None:
    assert run("hold", "web", "--tag", "1.4.0", "--reason", "we want it").status == 0
    ran = run("update")
    assert ran.status == 1
    assert "1.4.0 is not signed as flux-system:web asks: it has no signature of cosign" in ran.err
    assert app(tmp_path, host) == f"image: HOST/web:0.9.0 {MARKER}\n"


STATUS = "status: {latestRef: {name: x/web, tag: 1.4.0}}\n"


def test_a_status_does_not_say_who_signed(run: Run, tmp_path: Path, host: str) -> None:
    ran = run("update", "--from", "status", more=STATUS)
    assert ran.status == 1
    assert "ImagePolicy flux-system:web accepts signed images only, and a status does not say who signed" in ran.err
    ran = run("update", more=f"  suspend: true\n{STATUS}")
    assert ran.status == 1
    assert "ImagePolicy flux-system:web is suspended and accepts signed images only" in ran.err
    assert app(tmp_path, host) == f"image: HOST/web:0.9.0 {MARKER}\n"


WRONG = {
    "no mapping": ("cosign", "is not a mapping, such as {secretRef: {name: cosign}}"),
    "nobody": (
        "provider: cosign",
        "write secretRef or matchOIDCIdentity: without, anybody's signature would be accepted",
    ),
    "no list": (
        "matchOIDCIdentity: []",
        "write secretRef or matchOIDCIdentity: without, anybody's signature would be accepted",
    ),
    "no issuer": ("matchOIDCIdentity: [{subject: x}]", "matchOIDCIdentity[0].issuer: is required"),
    "an empty issuer": (
        "matchOIDCIdentity: [{subject: x, issuer: ''}]",
        "matchOIDCIdentity[0].issuer: string should have at least 1 character",
    ),
    "no pattern": ("matchOIDCIdentity: [{subject: '(', issuer: x}]", "matchOIDCIdentity: error parsing regexp: "),
    "a misspelt field": ("secretref: {name: cosign}", "secretref: unknown field (did you mean secretRef?)"),
    "a misspelt field of an identity": (
        "matchOIDCIdentity: [{subject: x, issuer: y, isuer: z}]",
        "matchOIDCIdentity[0].isuer: unknown field",
    ),
    "an unknown field": (
        "secretRef: {name: cosign}\nmatchOIDCIdentities: []",
        "matchOIDCIdentities: unknown field (did you mean matchOIDCIdentity?)",
    ),
    "keys and identities": (
        "secretRef: {name: cosign}\nmatchOIDCIdentity: [{subject: x, issuer: y}]",
        "secretRef has keys, matchOIDCIdentity is for signatures without: write one of them",
    ),
    "another provider": ("provider: gpg", "provider: 'gpg' is not accepted: write 'cosign' or 'notation'"),
    "notation without a policy": ("provider: notation", "secretRef is required with provider: notation"),
    "no YAML": ("{", "is not YAML: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_verify_that_cannot_be_followed_stops_its_policy(run: Run, tmp_path: Path, host: str, case: str) -> None:
    text, reason = WRONG[case]
    ran = run("update", verify=f"{text}\n")
    assert ran.status == 1
    assert f'metadata.annotations["imagesetter.dev/verify"]: {reason}' in ran.err
    assert app(tmp_path, host) == f"image: HOST/web:0.9.0 {MARKER}\n"


SECRETS = {
    "missing": ("", "Secret cosign, which says whose signatures are accepted, is not among the resources"),
    "encrypted": (
        secret(public_pem(KEY)) + "sops: {mac: x}\n",
        "Secret flux-system/cosign, which says whose signatures are accepted, is encrypted",
    ),
    "without a key": (secret(public_pem(KEY), "cosign.pem"), "Secret flux-system/cosign has no public key"),
    "of text": (secret(b"text"), "cosign.pub of Secret flux-system/cosign is not a public key in PEM form"),
    "with a private key": (
        secret(b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nx\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----"),
        "cosign.pub of Secret flux-system/cosign is of type ENCRYPTED SIGSTORE PRIVATE KEY, not PUBLIC KEY",
    ),
    "with a broken key": (
        secret(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
        "cosign.pub of Secret flux-system/cosign is not a valid public key",
    ),
    "with a short key": (
        secret(public_pem(new_key("rsa1024"))),
        "cosign.pub of Secret flux-system/cosign is a public key of a kind that cosign does not sign with: RSA",
    ),
}


@pytest.mark.parametrize("case", SECRETS)
def test_without_usable_keys_nothing_is_written(run: Run, tmp_path: Path, host: str, case: str) -> None:
    text, reason = SECRETS[case]
    write_files(tmp_path, {"keys.yaml": text})
    ran = run("update")
    assert ran.status == 1
    assert f"app.yaml:1: error: flux-system:web: {reason}" in ran.err, str(ran)
    assert app(tmp_path, host) == f"image: HOST/web:0.9.0 {MARKER}\n"


def test_a_function_verifies_inline_policies_by_a_secret_among_the_items(
    run: Run, tmp_path: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"imagesetter.dev/fields": '{"spec.image": "web"}'}},
        "spec": {"image": f"{host}/web:0.9.0"},
    }
    key = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "cosign", "namespace": "flux-system"}}
    policy = {"name": "web", "image": f"{host}/web", "insecure": True, "semver": {"range": "1.x"}}
    config = {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "ImageSetter",
        "spec": {
            "policies": [policy | {"verify": {"secretRef": {"name": "cosign"}}}],
            "targets": [{"select": {"kind": "Deployment"}, "fieldPaths": ["spec.image"], "policy": "web"}],
        },
    }
    listing = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": [deployment, key | {"stringData": {"cosign.pub": public_pem(KEY).decode()}}],
        "functionConfig": config,
    }
    (tmp_path / "list.yaml").write_text(json.dumps(listing))
    ran = run("fn", "list.yaml")
    assert f"HOST/web:1.1.0@{push(host, 'web', '1.1.0').digest}" in ran.out, str(ran)


UNUSABLE = {
    "a certificate": (
        "-----BEGIN CERTIFICATE-----\naa\n-----END CERTIFICATE-----\n",
        "is of type CERTIFICATE, not PUBLIC KEY",
    ),
    "nothing": ("", "is not a public key in PEM form"),
    "something else": ("junk", "is not a public key in PEM form"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_lint_finds_a_secret_without_a_usable_key(case: str, run: Run, tmp_path: Path) -> None:
    key, reason = UNUSABLE[case]
    write_files(tmp_path, {"keys.yaml": secret(key.encode())})
    ran = run("lint")
    assert ran.status == 1
    assert f"policies.yaml:12:29: error incomplete-policy: cosign.pub of Secret flux-system/cosign {reason}" in ran.out
    write_files(tmp_path, {"keys.yaml": secret(public_pem(KEY))})
    assert run("lint").status == 0
    (tmp_path / "keys.yaml").unlink()
    assert run("lint").status == 0


@pytest.mark.parametrize(
    "key",
    [
        public_pem(KEY).replace(b"\n", b"\r\n"),
        public_pem(KEY).strip(),
        b"my key\n" + public_pem(KEY),
        public_pem(new_key()) + public_pem(KEY),
        b"\xef\xbb\xbf" + public_pem(KEY),
    ],
    ids=["CRLF", "no last line end", "text before it", "the second of two", "a byte order mark"],
)
def test_a_key_is_read_however_it_is_stored(key: bytes, run: Run, tmp_path: Path) -> None:
    head = "apiVersion: v1\nkind: Secret\nmetadata: {name: cosign, namespace: flux-system}\ndata:\n  cosign.pub: "
    write_files(tmp_path, {"keys.yaml": f"{head}{base64.b64encode(key).decode()}\n"})
    assert f"note: 1.1.0 is signed by {BY}\n" in run("explain", "web", "--limit", "0").out


def test_a_signature_that_is_copied_into_all_three_places_of_another_image_is_none(run: Run, host: str) -> None:
    signed, other = (push(host, "copied", tag) for tag in ("1.0.0", "1.1.0"))
    attach(signed, bundle(KEY, signed.digest), referrers_api=True)
    attach(other, bundle(KEY, signed.digest), referrers_api=False)
    attach_payloads(other, simple_signature(KEY, payload(signed.digest)))
    ran = run("explain", "web", "--limit", "0", path="copied")
    assert f"→ HOST/copied:1.0.0@{signed.digest}\n" in ran.out
    assert f"its signatures are not accepted: it signs '{signed.digest}', not {other.digest}\n" in ran.out


@pytest.mark.parametrize("place", ["the referrers API", "the fallback tag", "the tag of cosign 2"])
def test_a_valid_signature_counts_beside_forged_ones_in_every_place(place: str, run: Run, host: str) -> None:
    image = push(host, f"places{len(place)}", "1.0.0")
    forged, valid = (bundle(key, image.digest) for key in (OTHER, KEY))
    payloads = [simple_signature(key, payload(image.digest)) for key in (OTHER, KEY)]
    attach(image, *([forged, valid] if "API" in place else [forged]), referrers_api=True)
    attach(image, *([forged, valid] if "fallback" in place else [forged]), referrers_api=False)
    attach_payloads(image, *(payloads if "cosign 2" in place else payloads[:1]))
    ran = run("explain", "web", path=image.path)
    assert f"note: 1.0.0 is signed by {BY}\n" in ran.out, str(ran)
