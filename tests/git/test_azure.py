"""GitRepository ``provider: azure``: the identity of the job logs git in to Azure DevOps, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from git.conftest import AUTOMATION, GIT_REPOSITORY, Bench, image, policy
from imagesetter.cli.main import main
from registry.conftest import authority  # noqa: F401 - a fixture
from registry.test_clouds import ACCESS_TOKEN, azure  # noqa: F401 - a fixture
from support.fakes import FakeServer, Reply
from support.git_servers import GitHttp, run_git_http

STATUS = "status: {latestRef: {name: registry.example.com/web, tag: 1.0.1}}\n"
URL = "https://dev.azure.com/org/project/_git/fleet"


@dataclass
class Place:
    """Files whose GitRepository is on Azure DevOps; the operator's git finds that on this machine."""

    bench: Bench
    entra: FakeServer
    server: GitHttp
    folder: Path

    def automate(self, url: str = URL, *options: str) -> int:
        source = GIT_REPOSITORY.replace('url: "URL"', f"url: '{url}', provider: azure")
        self.folder.mkdir(exist_ok=True)
        (self.folder / "flux.yaml").write_text(AUTOMATION + policy("web") + STATUS + source)
        return main(["automate", "--from", "status", "--allow-loopback", *options, str(self.folder)])


@pytest.fixture
def place(bench: Bench, azure: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:  # noqa: F811
    served = tmp_path / "served" / "org/project/_git/fleet"
    served.parent.mkdir(parents=True)
    served.symlink_to(bench.remote.path)
    (tmp_path / "token").write_text("the-job's-token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    with run_git_http(tmp_path / "served", users={"x-access-token": ACCESS_TOKEN}) as server:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{server.url('')}.insteadOf")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://dev.azure.com/")
        yield Place(bench, azure, server, tmp_path / "files")


def test_a_federated_token_becomes_a_token_of_azure_devops_and_git_pushes_with_it(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    assert place.automate() == 0, capfd.readouterr()
    assert place.bench.remote.file("deploy/web.yaml") == image("web", "1.0.1")
    form = place.entra.seen[-1]
    assert (form.argument("client_assertion"), form.argument("scope").split()[0]) == (
        "the-job's-token", "499b84ac-1321-427f-aa17-267ca6975798/.default",
    )  # fmt: skip
    out, err = capfd.readouterr()
    assert (ACCESS_TOKEN in out + err, "Traceback" in err) == (False, False)


@pytest.mark.parametrize("url", ["https://evil.example.com/fleet", "http://dev.azure.com/org/project/_git/fleet"])
def test_another_server_gets_no_token(place: Place, url: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert place.automate(url) == 1
    err = capfd.readouterr().err
    assert ("is not Azure DevOps, or not over https" in err, "spec.url of GitRepository apps:fleet" in err) == (
        True,
    ) * 2
    assert (place.entra.seen, place.server.asked) == ([], [])


def test_a_refused_identity_is_an_error_that_names_the_repository(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.entra.respond = lambda seen: Reply(401, {"error": "invalid_client", "error_description": "AADSTS700213"})
    assert place.automate() == 1
    err = capfd.readouterr().err
    assert ("azure gives no login for Azure DevOps" in err, "GitRepository apps:fleet" in err) == (True, True), err
    assert place.server.asked == []


def test_without_an_identity_gits_own_credentials_are_used(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    assert place.automate() == 1
    assert "dev.azure.com" in capfd.readouterr().err
    assert place.entra.seen == []
    assert place.server.asked != []
