"""A private registry is asked with the Secret among the resources, else with the machine's login; neither is shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.conftest import TAGS, Done, Stage
from support.registries import RunningRegistry, push_image, run_registry

PASSWORD = "correct-horse-battery-staple"
AUTH = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    folder = tmp_path_factory.mktemp("private")
    with run_registry("2.8", folder=folder, users={"alice": PASSWORD}) as running:
        push_image(running, "my-app", TAGS, user=("alice", PASSWORD))
        yield running


def config(host: str) -> str:
    return json.dumps({"auths": {host: {"auth": AUTH}}})


def plant(stage: Stage, host: str, *, secret: str = "") -> None:
    (stage.root / "policies.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\n"
        "metadata: {name: my-app, namespace: flux-system}\n"
        f"spec: {{image: {host}/my-app, insecure: true, secretRef: {{name: pull}}}}\n---\n"
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: my-app, namespace: flux-system}\n"
        "spec: {imageRepositoryRef: {name: my-app}, policy: {semver: {range: 1.0.x}}}\n"
    )
    (stage.root / "app.yaml").write_text(f'image: {host}/my-app:1.0.0 # {{"$imagepolicy": "flux-system:my-app"}}\n')
    if secret:
        (stage.root / "secret.yaml").write_text(
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\n"
            f"metadata: {{name: pull, namespace: flux-system}}\n{secret}\n"
        )


def log_in(stage: Stage, host: str) -> None:
    docker = stage.root.parent / "home" / ".docker"
    docker.mkdir()
    (docker / "config.json").write_text(config(host))


def shown(done: Done, *secrets: str) -> None:
    for secret in (PASSWORD, AUTH, *secrets):
        assert secret not in done.stdout + done.stderr


def test_the_secret_among_the_files_is_used(stage: Stage, private: RunningRegistry) -> None:
    data = base64.b64encode(config(private.host).encode()).decode()
    plant(stage, private.host, secret=f"data: {{.dockerconfigjson: {data}}}")
    done = stage.here("update", "-v")
    assert done.status == 0, str(done)
    assert "my-app:1.0.10" in (stage.root / "app.yaml").read_text()
    assert "Secret" in done.stderr
    shown(done, data)


def test_without_the_secret_the_login_of_the_machine_is_used_and_v_says_so(
    stage: Stage, private: RunningRegistry
) -> None:
    plant(stage, private.host)
    log_in(stage, private.host)
    done = stage.here("update", "-v")
    assert done.status == 0, str(done)
    assert "Secret pull is not among the resources" in done.stderr
    shown(done)


def test_explain_says_it_as_well(stage: Stage, private: RunningRegistry) -> None:
    plant(stage, private.host)
    log_in(stage, private.host)
    quiet, verbose = (stage.here("explain", "my-app", "--no-cache", *more) for more in ((), ("-v",)))
    assert quiet.stdout == verbose.stdout
    assert "Secret pull" not in quiet.stderr
    assert "Secret pull is not among the resources" in verbose.stderr


def test_an_encrypted_secret_is_named_and_the_login_of_the_machine_is_used(
    stage: Stage, private: RunningRegistry
) -> None:
    plant(stage, private.host, secret='data: {.dockerconfigjson: "ENC[AES256_GCM,data:xyz]"}\nsops: {mac: "ENC[a]"}')
    log_in(stage, private.host)
    done = stage.here("update", "-v")
    assert done.status == 0, str(done)
    assert "is encrypted" in done.stderr
    shown(done, "ENC[AES256_GCM")


def test_without_any_login_the_refusal_names_registry_and_field(stage: Stage, private: RunningRegistry) -> None:
    plant(stage, private.host)
    done = stage.here("update")
    assert done.status == 1, str(done)
    assert "app.yaml:1:" in done.stderr
    assert private.host in done.stderr
    assert "1.0.0" in (stage.root / "app.yaml").read_text()


def test_a_wrong_password_is_refused_and_never_tried_anonymously(stage: Stage, private: RunningRegistry) -> None:
    plant(stage, private.host)
    docker = stage.root.parent / "home" / ".docker"
    docker.mkdir()
    wrong = base64.b64encode(b"alice:wrong-password-9").decode()
    (docker / "config.json").write_text(json.dumps({"auths": {private.host: {"auth": wrong}}}))
    done = stage.here("update")
    assert done.status == 1, str(done)
    assert "credentials" in done.stderr
    shown(done, "wrong-password-9", wrong)


def test_the_function_uses_a_secret_among_the_items(stage: Stage, private: RunningRegistry, tmp_path: Path) -> None:
    data = base64.b64encode(config(private.host).encode()).decode()
    listing = f"""\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- apiVersion: v1
  kind: Secret
  type: kubernetes.io/dockerconfigjson
  metadata: {{name: pull, namespace: flux-system}}
  data: {{.dockerconfigjson: {data}}}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageRepository
  metadata: {{name: my-app, namespace: flux-system}}
  spec: {{image: {private.host}/my-app, insecure: true, secretRef: {{name: pull}}}}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata: {{name: my-app, namespace: flux-system}}
  spec: {{imageRepositoryRef: {{name: my-app}}, policy: {{semver: {{range: 1.0.x}}}}}}
- apiVersion: v1
  kind: Pod
  metadata: {{name: a}}
  spec: {{containers: [{{name: a, image: "x:1"}}]}} # none
- apiVersion: v1
  kind: ConfigMap
  metadata: {{name: b}}
  data:
    image: {private.host}/my-app:1.0.0 # {{"$imagepolicy": "flux-system:my-app"}}
"""
    done = stage.run("imagesetter", stdin=listing, LOG_TO_STDERR="true")
    assert done.status == 0, str(done)
    assert f"image: {private.host}/my-app:1.0.10 #" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    assert AUTH not in done.stdout + done.stderr
    assert data not in done.stderr
