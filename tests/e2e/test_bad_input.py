"""Bad input: a clear error that names file, line or field; the exit status; and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.conftest import Stage
from support.registries import closed_port

POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: my-app, namespace: flux-system}}
spec: {{image: {image}, interval: 5m, insecure: true}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: my-app, namespace: flux-system}}
spec: {{imageRepositoryRef: {{name: {repository}}}, policy: {{semver: {{range: {range}}}}}}}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: my-app}}
spec:
  image: registry.example.com/my-app:1.0.0 # {{"$imagepolicy": "{marker}"}}
"""


def write(root: Path, host: str, **changes: str) -> None:
    values = {
        "image": f"{host}/my-app",
        "repository": "my-app",
        "range": "1.0.x",
        "marker": "flux-system:my-app",
        **changes,
    }
    (root / "policies.yaml").write_text(POLICIES.format(**values))
    (root / "deployment.yaml").write_text(DEPLOYMENT.format(**values))


TREES = {
    "marker that names no policy": (
        {"marker": "flux-system:my-ap"},
        ["deployment.yaml:5:", "ImagePolicy flux-system:my-ap was not found", "did you mean flux-system:my-app?"],
    ),
    "policy without a repository": (
        {"repository": "other"},
        ["policies.yaml:6", "ImageRepository flux-system:other, which was not found", "--policies"],
    ),
    "repository that does not exist": (
        {"image": "{host}/nowhere"},
        ["deployment.yaml:5:", "flux-system:my-app", "{host}/nowhere"],
    ),
    "registry that is down": (
        {"image": "localhost:{closed}/my-app"},
        ["deployment.yaml:5:", "flux-system:my-app", "localhost:{closed}"],
    ),
    "tag list without any match": (
        {"range": "9.x"},
        ["deployment.yaml:5:", "flux-system:my-app", "unable to determine latest version from provided list"],
    ),
    "range that is none": ({"range": '"1..x"'}, ["flux-system:my-app", 'improper constraint: "1..x"']),
    "image with a tag": (
        {"image": "{host}/my-app:1.0.0"},
        ["policies.yaml", "spec.image", "should not include a tag; remove ':1.0.0'"],
    ),
}


@pytest.mark.parametrize(("changes", "words"), TREES.values(), ids=TREES)
def test_update_names_the_place_and_writes_nothing(changes: dict[str, str], words: list[str], stage: Stage) -> None:
    with closed_port() as closed:
        names = {"host": stage.host, "closed": str(closed)}
        write(stage.root, stage.host, **{key: value.format(**names) for key, value in changes.items()})
        before = (stage.root / "deployment.yaml").read_bytes()
        done = stage.here("update")
    assert done.status == 1, str(done)
    for word in words:
        assert word.format(**names) in done.stderr, str(done)
    assert "Traceback" not in done.stderr
    assert (stage.root / "deployment.yaml").read_bytes() == before


LISTS = {
    "not a ResourceList": ("kind: Deployment\napiVersion: apps/v1\n", ["ResourceList", "Deployment"], 2),
    "truncated YAML": (
        'apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: [{"a": "b\n',
        ["stdin:3:", "is not YAML"],
        2,
    ),
    "nothing at all": ("", ["ResourceList"], 2),
    "unknown functionConfig field": (
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\nfunctionConfig:\n"
        "  apiVersion: imagesetter.dev/v1alpha1\n  kind: ImageSetter\n  metadata: {name: x}\n"
        "  spec: {bindByImages: true}\n",
        ["spec.bindByImages", "did you mean bindByImage?"],
        2,
    ),
    "unknown option in a ConfigMap": (
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\nfunctionConfig:\n"
        "  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: x}\n  data: {form: lock}\n",
        ["data.form", "did you mean from?"],
        2,
    ),
}


@pytest.mark.parametrize(("stdin", "words", "status"), LISTS.values(), ids=LISTS)
def test_function_refuses_input_with_a_sentence(stdin: str, words: list[str], status: int, stage: Stage) -> None:
    done = stage.run("imagesetter", stdin=stdin)
    assert done.status == status, str(done)
    told = done.stderr + done.stdout
    for word in words:
        assert word in told, str(done)
    assert "Traceback" not in told
