"""GitRepository ``provider: github``: the App of its Secret logs git in, and the forge checks its signature."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from git.conftest import AUTOMATION, Bench, image, policy
from imagesetter.cli.main import main
from support.forges import REPOSITORY, FakeForge, run_forge
from support.git_servers import GitHttp, run_git_http

STATUS = "status: {latestRef: {name: registry.example.com/web, tag: 1.0.1}}\n"
TOKEN = "ghs_plAnted"


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Place:
    """Files with an automation, whose GitRepository is on a server that only the App's token opens."""

    bench: Bench
    forge: FakeForge
    server: GitHttp
    key: str
    folder: Path

    def automate(self, *options: str, **changed: str | None) -> int:
        """Run it, with a Secret that differs in these keys."""
        values = {
            "githubAppID": "12",
            "githubAppInstallationID": "7",
            "githubAppPrivateKey": self.key,
            "githubAppBaseURL": self.forge.api,
            **changed,
        }
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in values.items() if text is not None}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "app", "namespace": "apps"},
            "data": encoded,
        }
        repository = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "fleet", "namespace": "apps"},
            "spec": {
                "interval": "5m",
                "url": self.server.url(f"{REPOSITORY}.git"),
                "provider": "github",
                "secretRef": {"name": "app"},
            },
        }
        self.folder.mkdir(exist_ok=True)
        text = "".join(f"---\n{yaml.safe_dump(each)}" for each in (secret, repository))
        automation = AUTOMATION.replace("  update:", "    push: {branch: auto}\n  update:") if options else AUTOMATION
        (self.folder / "flux.yaml").write_text(automation + policy("web") + STATUS + text)
        return main(["automate", "--from", "status", "--allow-loopback", *options, str(self.folder)])


@pytest.fixture
def place(bench: Bench, key: rsa.RSAPrivateKey, tmp_path: Path) -> Iterator[Place]:
    served = tmp_path / "served" / f"{REPOSITORY}.git"
    served.parent.mkdir(parents=True)
    served.symlink_to(bench.remote.path)
    with run_forge("github") as forge, run_git_http(tmp_path / "served", users={"x-access-token": TOKEN}) as server:
        forge.app, forge.token = ("12", key.public_key()), TOKEN
        yield Place(bench, forge, server, pem(key), tmp_path / "files")


@pytest.mark.parametrize("installation", ["7", None])
def test_the_app_gets_a_token_for_the_repository_and_git_pushes_with_it(
    place: Place, installation: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert place.automate(githubAppInstallationID=installation) == 0, capfd.readouterr()
    assert place.bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    assert {user for user, _ in place.server.asked} <= {"", "x-access-token"}
    out, err = capfd.readouterr()
    assert TOKEN not in out + err


def test_the_app_opens_the_request_where_no_variable_has_a_token(
    place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.automate("--pull-request") == 0, capfd.readouterr()
    assert "request #1 of auto: created" in capfd.readouterr().out
    # The address of the API is from the files, so a token of the environment is not sent there, but the App's is.
    monkeypatch.setenv("IMAGESETTER_FORGE_TOKEN", "the-operators")
    assert place.automate("--pull-request") == 0, capfd.readouterr()
    assert "request #1 of auto: unchanged" in capfd.readouterr().out
    # The operator names the API, so the operator's token counts.
    assert place.automate("--pull-request", "--forge", f"github={place.forge.api}") == 1
    assert "Bad credentials: Bearer ***" in capfd.readouterr().err


def test_the_token_of_the_app_goes_to_no_other_forge(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    with run_forge("github") as other:
        assert place.automate("--pull-request", "--forge", f"github={other.api}") == 1
    assert "--pull-request needs a token" in capfd.readouterr().err
    assert other.written == []


OTHER = pem(rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"githubAppID": None}, "has no key githubAppID", "add githubAppID to the Secret"),
        ({"githubAppID": "ENC[AES256]"}, "githubAppID is not a number", "decrypt the Secret"),
        ({"githubAppID": "\u0661"}, "githubAppID is not a number", "write the number"),
        ({"githubAppPrivateKey": None}, "has no key githubAppPrivateKey", "add githubAppPrivateKey"),
        ({"githubAppPrivateKey": "ENC[AES256]"}, "githubAppPrivateKey is not an RSA key", "decrypt the Secret"),
        (
            {"githubAppPrivateKey": pem(ec.generate_private_key(ec.SECP256R1()))},
            "githubAppPrivateKey is not an RSA key",
            "paste the PEM file",
        ),
        ({"githubAppPrivateKey": OTHER}, "responds with 401 to GET /repos", "check the App's number"),
        ({"githubAppInstallationID": "8"}, "responds with 404 to POST /app/installations/8", "installed for this"),
        (
            {"githubAppBaseURL": "https://api.github.com"},
            "is not on the forge https://api.github.com",
            "githubAppBaseURL",
        ),
        ({"githubAppBaseURL": "http://ghe.example.com/api"}, "over plain HTTP", "githubAppBaseURL"),
    ],
)
def test_a_secret_that_cannot_be_used_is_an_error_and_git_is_not_run(
    place: Place, changed: dict[str, str | None], message: str, hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if "GET /repos" in message:
        changed = {**changed, "githubAppInstallationID": None}
    assert place.automate(**changed) == 1
    err = capfd.readouterr().err
    assert (message in err, hint in err, "spec.secretRef of GitRepository apps:fleet" in err) == (True,) * 3, err
    assert "PRIVATE KEY" not in err
    assert place.server.asked == []


def test_an_encrypted_secret_is_like_none_and_however_many_clusters_have_one_git_uses_its_own_credentials(
    place: Place, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.automate(githubAppID=None) == 1
    secret, repository = (place.folder / "flux.yaml").read_text().split("---\n")[-2:]
    sealed = secret.replace("\ndata:", "\nsops: {mac: ENC}\ndata:")
    (place.folder / "flux.yaml").write_text(AUTOMATION + policy("web") + STATUS + "---\n" + repository)
    for cluster in ("dev", "prod"):
        (place.folder / cluster).mkdir()
        (place.folder / cluster / "secret.yaml").write_text(sealed.replace("ENC", cluster))
    capfd.readouterr()
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"!printf 'username=x-access-token\npassword={TOKEN}\n'; :")
    assert main(["automate", "--from", "status", "--allow-loopback", str(place.folder)]) == 0
    assert capfd.readouterr().err == "info: Secret apps/app is encrypted; git's own credentials are used\n"
    assert place.bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")


def test_a_suspended_automation_needs_no_token(place: Place) -> None:
    assert place.automate(githubAppID=None) == 1
    text = (place.folder / "flux.yaml").read_text().replace("sourceRef:", "suspend: true\n  sourceRef:", 1)
    (place.folder / "flux.yaml").write_text(text)
    assert main(["automate", "--from", "status", "--allow-loopback", str(place.folder)]) == 0
