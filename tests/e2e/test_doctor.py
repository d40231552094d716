"""The doctor says what there is and what would be used, and never a secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

import pytest

from e2e.conftest import Stage
from e2e.test_bad_input import write
from support.registries import closed_port
from support.runs import Ran, run_in

SECRET = "correct-horse-battery-staple"


def test_every_section_is_told_and_no_secret(stage: Stage) -> None:
    write(stage.root, stage.host)
    (stage.root / "other.yaml").write_text(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: lonely, namespace: apps}\n"
        "spec: {imageRepositoryRef: {name: lonely}, policy: {semver: {range: 1.x}}}\n"
    )
    docker = stage.root.parent / "home" / ".docker"
    docker.mkdir()
    auth = base64.b64encode(f"alice:{SECRET}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {stage.host: {"auth": auth}}}))
    done = stage.here("doctor", HTTPS_PROXY=f"http://user:{SECRET}@proxy.example.com:3128")
    assert done.status == 1, str(done)  # for the policy without a repository
    for words in (
        "imagesetter     0.",
        "google-re2",
        "Tools on PATH",
        "HTTPS_PROXY",
        "not shown",
        f"Repository {stage.host}/my-app",
        f"from {docker / 'config.json'}",
        "responds     6 tags",
        "apps:lonely",
        "which was not found",
    ):
        assert words in done.stdout, str(done)
    assert SECRET not in done.stdout + done.stderr
    assert auth not in done.stdout + done.stderr


def test_the_identity_of_a_cloud_is_shown_and_a_provider_that_does_not_fit_is_refused(stage: Stage) -> None:
    policy = "spec: {{imageRepositoryRef: {{name: {0}}}, policy: {{semver: {{range: 1.x}}}}}}\n"
    head = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: {1}\nmetadata: {{name: {0}, namespace: apps}}\n"
    images = {"ecr": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", "other": "registry.example.com/app"}
    (stage.root / "clouds.yaml").write_text(
        "---\n".join(
            head.format(name, "ImageRepository")
            + f"spec: {{image: {image}, provider: aws}}\n---\n"
            + head.format(name, "ImagePolicy")
            + policy.format(name)
            for name, image in images.items()
        )
    )
    done = stage.here("doctor", "--offline", AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY=SECRET)
    assert done.status == 0, str(done)
    ecr, other = done.stdout.split("Repository ")[1:]
    assert "identity     aws: the key AKIA from AWS_ACCESS_KEY_ID" in ecr
    assert "credentials  none besides that identity" in ecr
    assert "refused" not in ecr
    assert "refused      spec.provider is aws, and registry.example.com is not an ECR registry" in other
    assert SECRET not in done.stdout + done.stderr


def test_a_registry_that_does_not_answer_is_a_failure_unless_offline(stage: Stage) -> None:
    with closed_port() as port:
        write(stage.root, f"localhost:{port}")
        done = stage.here("doctor")
    assert done.status == 1, str(done)
    assert "no response" in done.stdout
    done = stage.here("doctor", "--offline")
    assert done.status == 0, str(done)


@pytest.fixture
def doctor(stage: Stage) -> Callable[..., Ran]:
    """Run the doctor in an environment that is given whole, for tables of them; no tool of the machine is on PATH."""

    def run(environment: Mapping[str, str], *arguments: str) -> Ran:
        return run_in(stage.root, "doctor", *arguments, environment={**environment, "PATH": "/nowhere"})

    return run


ODD = {
    "a variable that is none of ours": ({"IMAGESETTER_TOKEN": SECRET}, "IMAGESETTER_TOKEN  is not read by imagesetter"),
    "a typing error": ({"IMAGESETTER_CACHE_DIRS": SECRET}, "did you mean IMAGESETTER_CACHE_DIR?"),
    "a URL with a login where a host belongs": (
        {"IMAGESETTER_ALLOW_REGISTRY": f"https://alice:{SECRET}@ghcr.io"},
        "IMAGESETTER_ALLOW_REGISTRY  https://***@ghcr.io",
    ),
    "the same for a token server": (
        {"IMAGESETTER_ALLOW_AUTH_HOST": f"ghcr.io=https://alice:{SECRET}@sso.example.com"},
        "IMAGESETTER_ALLOW_AUTH_HOST  ghcr.io=https://***@sso.example.com",
    ),
    "a proxy that is none": ({"HTTPS_PROXY": f"http://alice:{SECRET}@proxy.example.com:x"}, "(not shown"),
    "a proxy with a signature": ({"HTTPS_PROXY": f"http://127.0.0.1:9/?key={SECRET}"}, "(not shown"),
    "other people's variables": ({"GITHUB_TOKEN": SECRET, "DOCKER_AUTH_CONFIG": SECRET}, "no relevant variables"),
    "no tools": ({}, "git         not found"),
    "authorities that are gone": ({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE  /nowhere/ca.pem"),
    "no home": ({"HOME": "/nowhere"}, "/nowhere/.docker/config.json (does not exist)"),
}


@pytest.mark.parametrize(("variables", "says"), ODD.values(), ids=ODD)
def test_an_odd_environment_is_told_without_a_secret_and_without_a_traceback(
    variables: dict[str, str], says: str, stage: Stage, doctor: Callable[..., Ran]
) -> None:
    write(stage.root, stage.host)
    environment = {
        name: value for name, value in stage.environment.items() if not name.startswith(("XDG_", "IMAGESETTER_"))
    }
    done = doctor({**environment, **variables})
    assert says in done.out, str(done)
    assert SECRET not in done.out + done.err
    assert "Traceback" not in done.err


def test_a_program_that_does_not_run_is_told_in_words(stage: Stage) -> None:
    program = stage.root / "bin" / "kpt"
    program.parent.mkdir()
    program.write_text("not a program")
    program.chmod(0o755)
    done = stage.run("imagesetter", "doctor", PATH=f"{program.parent}:{stage.environment['PATH']}")
    assert f"kpt         does not run: Exec format error ({program})" in done.stdout, str(done)


def test_a_proxy_that_cannot_be_read_keeps_nothing_else_from_being_told(stage: Stage) -> None:
    write(stage.root, stage.host)
    done = stage.here("doctor", HTTPS_PROXY=f"ftp://user:{SECRET}@proxy.example")
    assert done.status == 1, str(done)
    assert "HTTPS_PROXY is not a proxy's URL" in done.stdout
    assert "1 found" in done.stdout
    assert SECRET not in done.stdout + done.stderr


CONFIGURATIONS = {
    "cut off": f'{{"auths": {{"ghcr.io": {{"auth": "{SECRET}"',
    "empty": "",
    "a list": f'["{SECRET}"]',
    "deeply nested": '{"auths":' * 100_000,
    "a login that is not base64": f'{{"auths": {{"HOST": {{"auth": "{SECRET}"}}}}}}',
    "a user that is a number": f'{{"auths": {{"HOST": {{"username": 5, "password": "{SECRET}"}}}}}}',
    "a helper that is not there": '{"credHelpers": {"HOST": "gone"}}',
    "a store that is not there": '{"auths": {"HOST": {}}, "credsStore": "gone"}',
}


@pytest.mark.parametrize("text", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_broken_configuration_of_docker_is_told_without_a_secret(
    text: str, stage: Stage, doctor: Callable[..., Ran]
) -> None:
    write(stage.root, stage.host)
    docker = stage.root.parent / "home" / ".docker"
    docker.mkdir()
    (docker / "config.json").write_text(text.replace("HOST", stage.host))
    done = doctor(stage.environment, "--offline")
    assert done.status == 0, str(done)
    assert "  credentials  " in done.out
    assert SECRET not in done.out + done.err
    assert "Traceback" not in done.err
