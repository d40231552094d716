"""Under kustomize nobody says which file a resource came from; a marker is for its own resource all the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from e2e.conftest import FUNCTION, MARK, POLICIES, Stage
from e2e.test_kustomize import DEPLOYMENT, build, kustomization, plant

OLDER = POLICIES.replace("name: my-app", "name: older").replace("1.0.x", "1.0.1")
UNMARKED = DEPLOYMENT.replace(MARK % "", "").replace(MARK % ":tag", "")
OTHER = UNMARKED.replace("name: app}", "name: other}")


def images(policy: str) -> str:
    return f'images:\n- name: HOST/my-app\n  newTag: 1.0.0 # {{"$imagepolicy": "flux-system:{policy}:tag"}}\n'


@dataclass(frozen=True)
class Case:
    """Files, the image of each Deployment afterwards (none: nothing is rendered), and what is said."""

    files: dict[str, str]
    images: dict[str, str] = field(default_factory=dict)
    said: str = ""


def two_bases(a: str, b: str, of_a: str = UNMARKED, of_b: str = OTHER) -> dict[str, str]:
    return {
        "kustomization.yaml": kustomization("a", "b", "policies.yaml"),
        "a/kustomization.yaml": kustomization("deployment.yaml", function=False, namePrefix="a-") + a,
        "a/deployment.yaml": of_a,
        "b/kustomization.yaml": kustomization("deployment.yaml", function=False, namePrefix="b-") + b,
        "b/deployment.yaml": of_b,
    }


def two_overlays(a: str, b: str) -> dict[str, str]:
    return {
        "kustomization.yaml": kustomization("a", "b", "policies.yaml"),
        "a/kustomization.yaml": kustomization("../base", function=False, namePrefix="a-") + a,
        "b/kustomization.yaml": kustomization("../base", function=False, namePrefix="b-") + b,
        "base/kustomization.yaml": kustomization("deployment.yaml", function=False),
        "base/deployment.yaml": UNMARKED,
    }


def layered(outer: str, component: str, inner: str) -> dict[str, str]:
    return {
        "kustomization.yaml": kustomization("base", "policies.yaml", components="[component]") + outer,
        "component/kustomization.yaml": f"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n{component}",
        "base/kustomization.yaml": kustomization("deployment.yaml", function=False) + inner,
        "base/deployment.yaml": UNMARKED,
    }


def json_patch(patch: str, *, key: str = "patches", then: str = "") -> dict[str, str]:
    return {
        "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
        + f"{key}:\n- path: patch.yaml\n  target: {{kind: Deployment, name: app}}\n{then}",
        "deployment.yaml": UNMARKED.replace("HOST/my-app:1.0.0", "HOST/other:1"),
        "patch.yaml": patch,
    }


REPLACE = f"- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: HOST/my-app:1.0.0 {MARK % ''}\n"

CASES = {
    "images entries of two bases follow two policies": Case(
        two_bases(images("my-app"), images("older")),
        {"a-app": "my-app:1.0.10", "b-other": "my-app:1.0.1"},
    ),
    "an images entry leaves the image of a neighbour alone": Case(
        two_bases(images("my-app"), ""),
        {"a-app": "my-app:1.0.10", "b-other": "my-app:1.0.0"},
    ),
    "two overlays of one base follow one policy": Case(
        two_overlays(images("my-app"), images("my-app")),
        {"a-app": "my-app:1.0.10", "b-app": "my-app:1.0.10"},
    ),
    "two overlays of one base follow two policies": Case(
        two_overlays(images("my-app"), images("older")),
        said="may come from images: of b/kustomization.yaml or from images: of a/kustomization.yaml",
    ),
    "one of two overlays of a base follows a policy": Case(
        two_overlays(images("my-app"), ""),
        said="may come from images: of a/kustomization.yaml or from base/deployment.yaml",
    ),
    "the outer images entry has the last word": Case(
        layered(images("my-app"), images("older"), images("older")), {"app": "my-app:1.0.10"}
    ),
    "that of a component has it over a base": Case(
        layered("", images("my-app"), images("older")), {"app": "my-app:1.0.10"}
    ),
    "a resource of the same name without a marker": Case(
        two_bases("", "", DEPLOYMENT, UNMARKED),
        said="Deployment app stands in a/deployment.yaml and in b/deployment.yaml, with different markers",
    ),
    "a resource of the same name without the field": Case(
        two_bases("", "", DEPLOYMENT, UNMARKED.replace("name: app\n", "name: b\n")),
        {"a-app": "my-app:1.0.10", "b-app": "my-app:1.0.0"},
    ),
    "a JSON patch": Case(json_patch(REPLACE), {"app": "my-app:1.0.10"}),
    "a JSON patch in the older form": Case(
        json_patch(REPLACE, key="patchesJson6902").copy()
        | {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
            + "patchesJson6902:\n- path: patch.yaml\n"
            "  target: {group: apps, version: v1, kind: Deployment, name: app}\n"
        },
        {"app": "my-app:1.0.10"},
    ),
    "a JSON patch that adds a container": Case(
        json_patch(
            "- op: add\n  path: /spec/template/spec/containers/-\n  value:\n    name: side\n"
            f"    image: HOST/my-app:1.0.0 {MARK % ''}\n"
        ),
        {"app": "other:1", "app/side": "my-app:1.0.10"},
    ),
    "a JSON patch whose place another one takes": Case(
        json_patch(REPLACE, then="- path: front.yaml\n")
        | {"front.yaml": UNMARKED.replace("name: app\n", "name: front\n").replace("1.0.0", "1.1.0")},
        {"app": "my-app:1.1.0", "app/1": "my-app:1.0.10"},
    ),
    "a patch for a label": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
            + "patches:\n- path: patch.yaml\n  target: {version: v1, labelSelector: 'app in (app)'}\n",
            "deployment.yaml": f"{UNMARKED}---\n{OTHER}".replace("name: app}", "name: app, labels: {app: app}}"),
            "patch.yaml": DEPLOYMENT.replace("name: app}", "name: any}"),
        },
        {"app": "my-app:1.0.10", "other": "my-app:1.0.0"},
    ),
    "an item of a list without names, which a patch replaces": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml", patches="[{path: patch.yaml}]"),
            "deployment.yaml": f"{UNMARKED}        args:\n        - --image\n        - HOST/my-app:1.0.0 {MARK % ''}\n",
            "patch.yaml": UNMARKED + "        args: [--debug, HOST/my-app:0.9.0]\n",
        },
        {"app": "my-app:1.0.0"},
        "the field that this marker marks is not in the build",
    ),
    "copies of a policy that two overlays patch differently": Case(
        {
            **two_overlays("", "patches: [{path: patch.yaml}]\n"),
            "kustomization.yaml": kustomization("a", "b"),
            "base/kustomization.yaml": kustomization("deployment.yaml", "app.yaml", function=False),
            "base/deployment.yaml": DEPLOYMENT,
            "base/app.yaml": POLICIES,
            "b/patch.yaml": POLICIES.partition("---\n")[2].replace("1.0.x", "1.x"),
        },
        said="name the fields in spec.targets, each with its policy as that is called now",
    ),
    "a marker elsewhere in the kustomization": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
            + f"namePrefix: x- {MARK % ':tag'}\n",
            "deployment.yaml": UNMARKED,
        },
        {"x-app": "my-app:1.0.0"},
        "a marker on this field of a kustomization is not followed",
    ),
    "an inline patch": Case(
        {
            "kustomization.yaml": kustomization("deployment.yaml", "policies.yaml")
            + "patches:\n- patch: |\n"
            + "".join(f"    {line}\n" for line in DEPLOYMENT.splitlines()),
            "deployment.yaml": UNMARKED,
        },
        {"app": "my-app:1.0.0"},
        "kustomization.yaml:4",
    ),
}


def images_of(rendered: str) -> dict[str, str]:
    """Name of the Deployment, or name/container for all but the first container: repository:tag."""
    from krm_functions.yaml.load import load_all

    found = {}
    for document, _ in load_all(rendered):
        assert isinstance(document, dict)
        for number, container in enumerate(document["spec"]["template"]["spec"]["containers"]):
            name = document["metadata"]["name"]
            key = f"{name}/{container['name'] if container['name'] == 'side' else number}" if number else name
            found[key] = container["image"].rpartition("/")[2]
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_marker_is_for_its_own_resource(case: Case, stage: Stage) -> None:
    plant(stage, {**case.files, "imagesetter.yaml": FUNCTION, "policies.yaml": f"{POLICIES}---\n{OLDER}"})
    status, output, told = build(stage, ".", "static")
    assert status == (0 if case.images else 1), told
    assert images_of(output) == case.images
    assert case.said in told.replace(stage.host, "HOST")
    assert "Traceback" not in told
