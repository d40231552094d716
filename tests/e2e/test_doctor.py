"""The doctor says what there is and what would be used, and never a secret."""

from __future__ import annotations

import base64
import json

from e2e.conftest import Stage
from e2e.test_bad_input import write
from support.registries import closed_port

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
    done = stage.run("imagesetter", "doctor", HTTPS_PROXY=f"http://user:{SECRET}@proxy.example.com:3128")
    assert done.status == 1, str(done)  # for the policy without a repository
    for words in (
        "imagesetter  0.",
        "google-re2",
        "Tools on PATH",
        "HTTPS_PROXY",
        "not shown",
        f"Repository {stage.host}/my-app",
        f"from {docker / 'config.json'}",
        "answers      6 tags",
        "apps:lonely",
        "which is not there",
    ):
        assert words in done.stdout, str(done)
    assert SECRET not in done.stdout + done.stderr
    assert auth not in done.stdout + done.stderr


def test_a_registry_that_does_not_answer_is_a_failure_unless_offline(stage: Stage) -> None:
    with closed_port() as port:
        write(stage.root, f"localhost:{port}")
        done = stage.run("imagesetter", "doctor")
    assert done.status == 1, str(done)
    assert "does not answer" in done.stdout
    done = stage.run("imagesetter", "doctor", "--offline")
    assert done.status == 0, str(done)
