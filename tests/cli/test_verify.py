"""``imagesetter verify``: are the images of these files signed, against a real registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest
from jsonschema import Draft202012Validator

from imagesetter.cli.schemas.kinds import schema_of
from imagesetter.verification.keys import read_public_keys
from support.registries import run_registry_with_referrers
from support.runs import Ran, run_here, write_files
from support.signing import Image, attach, bundle, new_key, public_pem, push_signed_image

Run = Callable[..., Ran]
KEY, OTHER = new_key(), new_key()
FINGERPRINT, OTHERS = (read_public_keys(public_pem(key), "x")[0].fingerprint for key in (KEY, OTHER))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Image]]:
    """A registry with web:1.0.0, signed, web:2.0.0, not signed, and db:1.0.0, signed by another key."""
    with run_registry_with_referrers(tmp_path_factory.mktemp("registry")) as host:
        made = {}
        for name, key in (("web:1.0.0", KEY), ("web:2.0.0", None), ("db:1.0.0", OTHER)):
            image = push_signed_image(host, *name.split(":"), labels={"name": name})
            made[name] = image
            if key:
                attach(image, bundle(key, image.digest), referrers_api=True)
        yield made


POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: HOST/web, insecure: true}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata:
  name: web
  namespace: flux-system
  annotations:
    imagesetter.dev/verify: '{"secretRef": {"name": "cosign"}}'
spec:
  imageRepositoryRef: {name: web}
  policy: {semver: {range: ">=1"}}
"""
SECRET = f"""\
apiVersion: v1
kind: Secret
metadata: {{name: cosign, namespace: flux-system}}
stringData:
  cosign.pub: |
{indent(public_pem(KEY).decode(), "    ")}"""
WEB = """\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, image: "HOST/web:TAG"}]}}}
"""
BY = f"the key cosign.pub of Secret flux-system/cosign ({FINGERPRINT})"


@pytest.fixture
def run(
    images: dict[str, Image], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command beside files; the host is written as HOST, and digests as DIGEST."""
    host = images["web:1.0.0"].host
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")

    def ran(files: dict[str, str], *arguments: str, command: str = "verify") -> Ran:
        write_files(tmp_path, {name: text.replace("HOST", host) for name, text in files.items()})
        done = run_here(capsys, command, *arguments)
        out, err = (text.replace(host, "HOST") for text in (done.out, done.err))
        return Ran(done.status, out, err)

    return ran


def web(tag: str) -> dict[str, str]:
    return {"policies.yaml": POLICIES, "keys.yaml": SECRET, "web.yaml": WEB.replace("TAG", tag)}


def test_a_signed_image_passes(run: Run) -> None:
    ran = run(web("1.0.0"))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == f"web.yaml:2: HOST/web:1.0.0 signed by {BY}\n1 image: 1 signed, 0 not\n"


def test_an_image_that_is_not_signed_fails(run: Run) -> None:
    ran = run(web("2.0.0"))
    assert ran.status == 1
    assert ran.err == (
        "web.yaml:2: error: HOST/web:2.0.0 is not signed as flux-system:web asks: it has no signature of cosign\n"
    )
    assert ran.out == "1 image: 0 signed, 1 not\n"


def test_the_digest_in_the_file_is_what_is_verified(run: Run, images: dict[str, Image]) -> None:
    good, bad = images["web:1.0.0"].digest, images["web:2.0.0"].digest
    assert run(web(f"2.0.0@{good}")).status == 0
    assert run(web(f"1.0.0@{bad}")).status == 1


def test_an_image_that_no_policy_asks_about_is_counted_and_not_checked(run: Run) -> None:
    files = web("1.0.0") | {"db.yaml": "spec: {containers: [{image: HOST/db:1.0.0}]}\n"}
    ran = run(files)
    assert ran.status == 0
    assert ran.out.endswith(
        "\n2 images: 1 signed, 0 not, 1 not checked, since nothing says whose signature they need\n"
    )
    ran = run(files, "--strict")
    assert ran.status == 1
    assert ran.err == (
        "db.yaml:1: error: nothing says whose signature HOST/db:1.0.0 needs; write a policy with `verify`, or give "
        "--key or --certificate-identity\n"
    )


def test_keys_of_the_command_line_are_for_the_other_images(run: Run, tmp_path: Path) -> None:
    (tmp_path / "db.pub").write_bytes(public_pem(OTHER))
    (tmp_path / "more.pub").write_bytes(public_pem(new_key()))
    files = web("1.0.0") | {"db.yaml": "spec: {containers: [{image: HOST/db:1.0.0}]}\n"}
    ran = run(files, "--key", "more.pub", "--key", "db.pub")
    assert ran.status == 0, str(ran)
    assert ran.out == (
        f"db.yaml:1: HOST/db:1.0.0 signed by the key db.pub ({OTHERS})\n"
        f"web.yaml:2: HOST/web:1.0.0 signed by {BY}\n"
        "2 images: 2 signed, 0 not\n"
    )
    assert run(files, "--key", "more.pub").status == 1


def test_images_of_kustomizations_and_charts_are_verified(run: Run, images: dict[str, Image], tmp_path: Path) -> None:
    (tmp_path / "web.pub").write_bytes(public_pem(KEY))
    files = {
        "kustomization.yaml": "images:\n- name: web\n  newName: HOST/web\n  newTag: 1.0.0\n- name: HOST/web\n",
        "values.yaml": f"web:\n  repository: HOST/web\n  tag: 2.0.0\n  digest: {images['web:1.0.0'].digest}\n",
        "chart.yaml": "web: {repository: HOST/web, tag: 2.0.0}\n",
    }
    ran = run(files, "--key", "web.pub")
    assert ran.status == 1
    assert ran.err == "chart.yaml:1: error: HOST/web:2.0.0 is not signed: it has no signature of cosign\n"
    assert ran.out.endswith("3 images: 2 signed, 1 not\n")


def test_a_registry_that_fails_is_an_error(run: Run) -> None:
    ran = run(web("9.0.0"))
    assert ran.status == 1
    assert ran.err.startswith("web.yaml:2: error: HOST/web:9.0.0: ")
    assert "was not found" in ran.err


def test_the_report_as_json(run: Run, images: dict[str, Image]) -> None:
    document = json.loads(run(web("2.0.0"), "--output", "json").out)
    Draft202012Validator(schema_of("VerifyReport")).validate(document)
    assert document["kind"] == "VerifyReport"
    assert document["images"] == [
        {
            "image": "HOST/web:2.0.0",
            "digest": images["web:2.0.0"].digest,
            "file": "web.yaml",
            "line": 2,
            "policies": ["flux-system:web"],
            "signed": False,
            "by": "",
            "reason": "HOST/web:2.0.0 is not signed as flux-system:web asks: it has no signature of cosign",
        }
    ]
    assert [each["severity"] for each in document["results"]] == ["error"]


def test_the_lock_is_verified_again(run: Run, images: dict[str, Image], tmp_path: Path) -> None:
    ran = run(web("2.0.0"), command="lock")
    assert ran.status == 0, str(ran)
    assert run({}, "--lock").out == (
        f"images.lock.yaml: HOST/web:1.0.0@{images['web:1.0.0'].digest} signed by {BY}\n1 image: 1 signed, 0 not\n"
    )
    lock = (tmp_path / "images.lock.yaml").read_text()
    changed = lock.replace(images["web:1.0.0"].digest, images["web:2.0.0"].digest)
    ran = run({"images.lock.yaml": changed}, "--lock")
    assert ran.status == 1
    assert ran.err == (
        f"images.lock.yaml: error: HOST/web:1.0.0@{images['web:2.0.0'].digest} is not signed as flux-system:web asks: "
        "it has no signature of cosign\n"
    )


def test_there_has_to_be_a_lock_to_verify(run: Run) -> None:
    ran = run(web("1.0.0"), "--lock")
    assert ran.status == 1
    assert "there is no lock" in ran.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--key", "x.pub", "--certificate-identity", "x"), "--key and options for keyless signatures are both given"),
        (("--certificate-identity", "x"), "--certificate-oidc-issuer is missing"),
        (("--certificate-oidc-issuer", "x"), "--certificate-identity is missing"),
        (("--trusted-root", "x"), "--trusted-root is given without an identity"),
        (
            ("--certificate-identity", "x", "--certificate-identity-regexp", "x"),
            "--certificate-identity and --certificate-identity-regexp are both given",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    ran = run(web("1.0.0"), *arguments)
    assert ran.status == 2
    assert f"error: {reason}" in ran.err, str(ran)


def test_a_key_that_cannot_be_read_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.pub").write_text("x")
    ran = run(web("1.0.0"), "--key", "x.pub")
    assert ran.status in (1, 2)
    assert "x.pub is not a public key in PEM form" in ran.err


def marked(tag: str) -> dict[str, str]:
    text = WEB.replace('"HOST/web:TAG"}]', f'"HOST/web:{tag}" # {{"$imagepolicy": "flux-system:web"}}\n}}]')
    return {"policies.yaml": POLICIES, "keys.yaml": SECRET, "web.yaml": text}


def test_a_rollback_goes_to_a_signed_image_and_records_who_signed_it(run: Run, tmp_path: Path) -> None:
    ran = run(marked("2.0.0"), "web", "--to", "1.0.0", "--reason", "crashes", command="rollback")
    assert ran.status == 0, str(ran)
    assert "/web:1.0.0" in (tmp_path / "web.yaml").read_text()
    (tmp_path / "images.lock.yaml").unlink()
    # an entry gets the signer of the image that it goes back to
    assert run(marked("1.0.0"), command="lock").status == 0
    locked = (tmp_path / "images.lock.yaml").read_text()
    assert BY in locked
    lied = locked.replace("tag: 1.0.0", "tag: 3.0.0").replace(BY, "somebody else")
    assert lied != locked
    ran = run(marked("3.0.0") | {"images.lock.yaml": lied}, "web", "--to", "1.0.0", "--reason", "x", command="rollback")
    assert ran.status == 0, str(ran)
    text = (tmp_path / "images.lock.yaml").read_text()
    assert (BY in text, "somebody else" in text) == (True, False), text


def test_a_rollback_to_an_image_that_is_not_signed_is_refused_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    ran = run(marked("1.0.0"), "web", "--to", "2.0.0", "--reason", "crashes", command="rollback")
    assert ran.status != 0
    assert "/web:2.0.0@sha256:" in ran.err
    assert " is not signed as flux-system:web asks: it has no signature of cosign" in ran.err
    assert not (tmp_path / "images.lock.yaml").exists()
    assert "web:1.0.0" in (tmp_path / "web.yaml").read_text()
