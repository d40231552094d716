"""``mark`` says which images of a policy it leaves alone, and asks for no more markers than Flux needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagesetter.cli.main import main
from support.flux_repositories import field, policies

IMAGE = "registry.example.com/web"

PASSED = {
    "Argo CD's kustomize.images": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    kustomize:\n      images:\n"
        f"      - {IMAGE}:1.0.0\n      - web={IMAGE}:1.0.0\n",
        ["7:spec.source.kustomize.images[0]", "8:spec.source.kustomize.images[1]"],
    ),
    "Argo CD's helm.parameters": (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n      parameters:\n"
        f"      - name: image\n        value: {IMAGE}:1.0.0\n",
        ["8:spec.source.helm.parameters[0].value"],
    ),
    "Prometheus": (
        f"apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec:\n  image: {IMAGE}:1.0.0\n",
        ["4:spec.image"],
    ),
    "Tekton": (
        f"apiVersion: tekton.dev/v1\nkind: Task\nspec:\n  steps:\n  - name: web\n    image: {IMAGE}:1.0.0\n",
        ["6:spec.steps[0].image"],
    ),
    "flat values": (f"web:\n  image: {IMAGE}\n  version: 1.0.0\n", ["2:web.image"]),
    "a scheme in front": (f"from: docker://{IMAGE}:1.0.0\n", ["1:from"]),
    "Flux's OCIRepository": (f"spec:\n  url: oci://{IMAGE}\n  ref: {{tag: 1.0.0}}\n", ["2:spec.url"]),
    "with a digest": (f"from: {IMAGE}@sha256:{'0' * 64}\n", ["1:from"]),
    "another image": ("from: registry.example.com/website:1.0.0\n", []),
    "a URL": (f"from: https://{IMAGE}:1.0.0\n", []),
    "a text that mentions it": (f"from: the image {IMAGE}:1.0.0\n", []),
    "marked by hand": (f'from: {IMAGE}:1.0.0 # {{"$imagepolicy": "flux-system:web"}}\n', []),
    "the policies themselves": ("", []),
    "the name of an entry with a new name": (
        f"images:\n- name: {IMAGE}\n  newName: registry.example.com/api\n  newTag: 1.0.0\n",
        [],
    ),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(policies("1.0.0"), encoding="utf-8")


@pytest.mark.parametrize(("text", "places"), PASSED.values(), ids=PASSED)
def test_an_image_in_another_place_is_named(text: str, places: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(text, encoding="utf-8")
    assert main(["mark", "--check", "."]) == 0
    found = [line for line in capsys.readouterr().err.splitlines() if "holds an image of" in line]
    assert found == [
        f"a.yaml:{line}: info: not marked: {path} holds an image of flux-system:web; if it is to follow the policy, "
        "mark it by hand"
        for line, _, path in (place.partition(":") for place in places)
    ]


INSIDE = "not marked: values holds an image of flux-system:web; no marker inside a text is followed, but with --nested"
TEXTS = {
    "Helm values": (f"values: |\n  image: {IMAGE}:1.0.0\n", 1),
    "JSON": (f'values: |\n  {{"image":"{IMAGE}:1.0.0"}}\n', 1),
    "another image, and a URL": (f"values: |\n  image: {IMAGE}site:1.0.0\n  see: https://{IMAGE}\n", 0),
    "a marker, of which something is said already": (f"values: |\n  {field()}", 0),
}


@pytest.mark.parametrize(("text", "count"), TEXTS.values(), ids=TEXTS)
def test_an_image_inside_a_text_is_named(text: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(text, encoding="utf-8")
    assert main(["mark", "--check", "."]) == 0
    found = [line for line in capsys.readouterr().err.splitlines() if "not marked" in line]
    assert found == [f"a.yaml:1: info: {INSIDE}; write the image into a field of its own"] * count


ENOUGH = {
    "a tag": (f'image:\n  repository: {IMAGE}\n  tag: 1.0.0 # {{"$imagepolicy": "flux-system:web:tag"}}\n', 0),
    "a kustomization's tag": (
        f'images:\n- name: {IMAGE}\n  newTag: 1.0.0 # {{"$imagepolicy": "flux-system:web:tag"}}\n',
        0,
    ),
    "a name alone": (f'image:\n  repository: {IMAGE} # {{"$imagepolicy": "flux-system:web:name"}}\n  tag: 1.0.0\n', 1),
    "none": (f"image:\n  repository: {IMAGE}\n  tag: 1.0.0\n", 1),
    "a whole reference": (field(), 0),
}


@pytest.mark.parametrize(("text", "status"), ENOUGH.values(), ids=ENOUGH)
def test_a_check_wants_no_more_than_flux_needs(text: str, status: int) -> None:
    Path("a.yaml").write_text(text, encoding="utf-8")
    assert main(["mark", "--check", "."]) == status


def test_a_marker_inside_a_text_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(f"a: |\n  {field()}", encoding="utf-8")
    main(["mark", "--check", "."])
    assert "a.yaml:2: info: this marker is inside the text of a value" in capsys.readouterr().err
