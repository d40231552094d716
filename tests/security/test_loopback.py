"""What the command line asks on this machine: what the operator names, and nothing that only the files name."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.cli.main import main
from support.fakes import Reply, run_fake

POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: app, namespace: apps}
spec: {image: HOST/app}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: apps}
spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.x}}}
"""
FIELD = 'image: HOST/app:1.0.0 # {"$imagepolicy": "apps:app"}\n'
LIST = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig:
  apiVersion: imagesetter.dev/v1alpha1
  kind: ImageSetter
  metadata: {name: images}
  spec: {policies: [{name: app, namespace: apps, image: HOST/app, semver: {range: 1.x}}]}
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: values}
  data:
    """


@pytest.fixture(autouse=True)
def _strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGESETTER_ALLOW_LOOPBACK")
    monkeypatch.setenv("IMAGESETTER_NO_CACHE", "true")
    monkeypatch.chdir(tmp_path)


def write(host: str) -> None:
    Path("policies.yaml").write_text(POLICIES.replace("HOST", host))
    Path("deploy.yaml").write_text(FIELD.replace("HOST", host))


@pytest.mark.parametrize("command", ["update", "lock", "explain apps:app", "doctor"])
def test_a_registry_here_that_the_files_name_is_asked_only_with_leave(
    command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with run_fake(
        lambda seen: Reply(200, {"tags": ["1.0.0", "1.0.1"]}, {"Docker-Content-Digest": "sha256:" + "a" * 64})
    ) as fake:
        write(fake.host)
        assert main(command.split()) == 1
        said = "".join(capfd.readouterr())
        assert "is on this machine" in said
        assert "--allow-loopback" in said
        assert fake.connections == 0
        assert main([*command.split(), "--allow-loopback"]) == 0
        assert main([*command.split(), "--allow-registry", fake.host]) == 0
        assert fake.connections > 0


def test_an_image_that_the_operator_names_is_asked() -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0.0"]})) as fake:
        assert main(["tags", f"{fake.host}/app"]) == 0
        assert main(["explain", f"{fake.host}/app", "--semver", "1.x"]) == 0


def test_the_function_asks_here_only_with_leave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_fake(lambda seen: Reply(200, {"tags": ["1.0.1"]})) as fake:
        file = tmp_path / "list.yaml"
        file.write_text(LIST.replace("HOST", fake.host) + FIELD.replace("HOST", fake.host))
        assert main(["fn", str(file)]) == 1
        assert fake.connections == 0
        monkeypatch.setenv("IMAGESETTER_ALLOW_LOOPBACK", "true")
        assert main(["fn", str(file)]) == 0
        assert fake.connections == 1


def test_the_demo_needs_no_leave() -> None:
    assert main(["demo"]) == 0
