"""Signed commits, verified by git itself."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, Bench, policy
from git.test_run import error
from tools import require_tool

SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: apps}
"""


def signed(kind: str) -> str:
    key = f"      signingKey: {{type: {kind}, secretRef: {{name: key}}}}\n"
    return AUTOMATION.replace("    commit:\n", "    commit:\n" + key)


def secret(**values: bytes) -> str:
    data = "".join(f"  {name}: {base64.b64encode(value).decode()}\n" for name, value in values.items())
    return policy("web") + SECRET + "data:\n" + data


def gpg_key(home: Path, passphrase: str = "", *, usage: str = "sign") -> bytes:
    gpg = require_tool("gpg")
    home.mkdir(mode=0o700)
    base = [gpg, "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase]
    who = "fluxbot <fluxbot@example.com>"
    subprocess.run([*base, "--quick-generate-key", who, "ed25519", usage], check=True, capture_output=True)
    return subprocess.run([*base, "--armor", "--export-secret-keys"], check=True, capture_output=True).stdout


@pytest.fixture
def gpg_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    import tempfile

    # A socket's path may have no more than about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield Path(name)
        for home in Path(name).iterdir():
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


@pytest.mark.parametrize("passphrase", ["", "correct horse"], ids=["open key", "key with passphrase"])
def test_a_gpg_signature_verifies(
    bench: Bench, gpg_home: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str
) -> None:
    key = gpg_key(gpg_home / "home", passphrase)
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    more = {"passphrase": passphrase.encode()} if passphrase else {}
    run = bench.run(signed("gpg"), policies=secret(**{"git.asc": key}, **more))
    assert run.status == "pushed", repr(run)
    monkeypatch.setenv("GNUPGHOME", str(gpg_home / "home"))
    bench.remote.git("verify-commit", "main")


def test_a_wrong_passphrase_is_an_error_that_does_not_tell_it(
    bench: Bench, gpg_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = gpg_key(gpg_home / "home", "right")
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    message = error(bench.run(signed("gpg"), policies=secret(**{"git.asc": key}, passphrase=b"s3cret-wrong")))
    assert "sign" in message
    assert "s3cret-wrong" not in message
    assert bench.remote.subjects() == ["begin"]


def test_several_gpg_keys_are_refused(bench: Bench, gpg_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    both = gpg_key(gpg_home / "one") + b"\n" + gpg_key(gpg_home / "two")
    assert "could not determine" in error(bench.run(signed("gpg"), policies=secret(**{"git.asc": both}))).replace(
        "cannot", "could not"
    )


@pytest.mark.parametrize("password", ["", "correct horse"], ids=["open key", "key with password"])
def test_an_ssh_signature_verifies(bench: Bench, tmp_path: Path, password: str) -> None:
    keygen = require_tool("ssh-keygen")
    subprocess.run(
        [keygen, "-q", "-t", "ed25519", "-N", password, "-C", "fluxbot", "-f", str(tmp_path / "key")], check=True
    )
    more = {"password": password.encode()} if password else {}
    run = bench.run(signed("ssh"), policies=secret(identity=(tmp_path / "key").read_bytes(), **more))
    assert run.status == "pushed", repr(run)
    (tmp_path / "allowed").write_text("fluxbot@example.com " + (tmp_path / "key.pub").read_text())
    bench.remote.git("-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'allowed'}", "verify-commit", "main")


@pytest.mark.parametrize(("kind", "form"), [("ssh", ""), ("gpg", "ssh")], ids=["by the type", "by git's own form"])
def test_without_the_secret_gits_own_key_signs(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, form: str
) -> None:
    keygen = require_tool("ssh-keygen")
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    assert "Secret apps:key is not in the files" in error(bench.run(signed(kind)))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2" if form else "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.signingKey")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path / "key"))
    monkeypatch.setenv("GIT_CONFIG_KEY_1", "gpg.format")
    monkeypatch.setenv("GIT_CONFIG_VALUE_1", form)
    assert bench.run(signed(kind)).status == "pushed"
    (tmp_path / "allowed").write_text("fluxbot@example.com " + (tmp_path / "key.pub").read_text())
    bench.remote.git("-c", f"gpg.ssh.allowedSignersFile={tmp_path / 'allowed'}", "verify-commit", "main")


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("gpg", secret(other=b"x"), "has no key git.asc"),
        ("ssh", secret(other=b"x"), "has no key identity"),
        ("gpg", secret(**{"git.asc": b"no key at all"}), "no secret key that gpg can read"),
        ("ssh", policy("web") + SECRET + "data: {identity: 'ENC[AES256_GCM,data:x]'}\n", "is not valid base64"),
    ],
    ids=["no gpg key", "no ssh key", "not a key", "an encrypted Secret"],
)
def test_a_secret_that_cannot_be_used_says_why(bench: Bench, kind: str, text: str, reason: str) -> None:
    assert reason in error(bench.run(signed(kind), policies=text))
    assert bench.remote.subjects() == ["begin"]


def test_gpgs_own_reason_is_told(bench: Bench, gpg_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    key = gpg_key(gpg_home / "home", usage="cert")
    message = error(bench.run(signed("gpg"), policies=secret(**{"git.asc": key})))
    assert "sign" in message, message
    assert "signing failed: Unusable secret key" in message


@pytest.mark.parametrize("kind", ["field", "setting"])
def test_gpgs_own_reason_is_told_for_a_key_of_ones_own(
    bench: Bench, gpg_home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    require_tool("gpg")
    (gpg_home / "empty").mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(gpg_home / "empty"))
    settings = {"user.signingKey": "0123456789ABCDEF", "commit.gpgSign": "true"}
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    for number, (name, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    message = error(bench.run(signed("gpg") if kind == "field" else AUTOMATION))
    assert "signing failed: No secret key" in message, message


def test_gpgs_own_reason_for_a_key_that_it_does_not_import_is_told(
    bench: Bench, gpg_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    key = gpg_key(gpg_home / "home", "right")
    message = error(bench.run(signed("gpg"), policies=secret(**{"git.asc": key[:200]})))
    assert message.startswith("git.asc contains no secret key that gpg can read; "), message
