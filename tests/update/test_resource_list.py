"""One ResourceList follows its policies: what is edited, what is reported, and when nothing is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from imagesetter.config.function_config import parse_function_config
from imagesetter.config.options import FunctionOptions
from imagesetter.errors import LockError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.selection.sources import Failed, LatestRefSource, Resolved
from imagesetter.selection.sources import Resolution as Resolution
from imagesetter.selection.status_source import StatusSource
from imagesetter.update.resource_list import (
    ListUpdate,
    catalog_from_items,
    require_lock_among_items,
    update_resource_list,
)
from krm_functions.function_config import read_function_config
from krm_functions.resource_list import ResourceList

HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n"
POLICY = """\
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImageRepository
  metadata: {name: app, namespace: flux-system}
  spec: {image: r.example.com/app}
- apiVersion: image.toolkit.fluxcd.io/v1
  kind: ImagePolicy
  metadata: {name: app, namespace: flux-system}
  spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.0.x}}}
"""
DEPLOYMENT = """\
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    annotations:
      imagesetter.dev/fields: |
        spec.tag: app:tag
  spec:
    tag: 1.0.0 # a comment
    image:   'r.example.com/app:1.0.0'   # {"$imagepolicy": "flux-system:app"}
"""


@dataclass(frozen=True)
class Known:
    """Always the same answer, with notes."""

    notes: tuple[str, ...] = ()

    def answers(self, names: Iterable[PolicyName]) -> dict[PolicyName, Resolution]:
        return {name: Resolved(LatestRef("r.example.com/app", "1.0.10"), self.notes) for name in names}


def run(text: str, config: FunctionOptions | None = None, *, notes: tuple[str, ...] = ()) -> tuple[str, ListUpdate]:
    listing = ResourceList.parse(text.encode(), needle="$imagepolicy")
    source: LatestRefSource = Known(notes)
    answer = update_resource_list(listing, config or FunctionOptions(), lambda catalog, known: source)
    return listing.render(answer.edits).decode(), answer


def messages(answer: ListUpdate, severity: str) -> list[str]:
    return [result.message for result in answer.results if result.severity == severity]


def test_marker_and_annotation_are_followed_and_no_other_byte_changes() -> None:
    text = HEAD + POLICY + DEPLOYMENT
    after, answer = run(text)
    assert after == text.replace("tag: 1.0.0 #", "tag: 1.0.10 #").replace("app:1.0.0'", "app:1.0.10'")
    assert [result.tags["foundBy"] for result in answer.results if "foundBy" in result.tags] == ["annotation", "marker"]
    again, answer = run(after)
    assert again == after
    assert [result.message for result in answer.results] == ["0 fields changed, 2 up to date"]


def test_the_annotation_is_taken_out_on_request() -> None:
    after, _ = run(HEAD + POLICY + DEPLOYMENT, FunctionOptions(strip_annotations=True))
    assert "imagesetter.dev/fields" not in after
    assert "annotations" not in after
    assert "tag: 1.0.10 # a comment" in after
    assert ResourceList.parse(after.encode()).items[2].annotations == {}


def test_other_annotations_stay_when_one_is_taken_out() -> None:
    text = DEPLOYMENT.replace("    annotations:\n", "    annotations:\n      team: shop # ours\n")
    after, _ = run(HEAD + POLICY + text, FunctionOptions(strip_annotations=True))
    assert "    annotations:\n      team: shop # ours\n  spec:" in after


def test_an_annotation_in_a_flow_mapping_is_taken_out_too() -> None:
    metadata = "{name: a, annotations: {imagesetter.dev/fields: 'data.x: app'}}"
    item = f"- {{apiVersion: v1, kind: A, metadata: {metadata}, data: {{x: a}}}}\n"
    after, answer = run(HEAD + POLICY + item, FunctionOptions(strip_annotations=True))
    assert "- {apiVersion: v1, kind: A, metadata: {name: a}, data: {x: " in after
    assert messages(answer, "warning") == []


def test_an_error_leaves_the_whole_list_as_it_is() -> None:
    text = HEAD + POLICY + DEPLOYMENT.replace("spec.tag: app:tag", "spec.containers[0].image: app")
    after, answer = run(text)
    assert after == text
    assert "selects by position" in messages(answer, "error")[0]


@pytest.mark.parametrize(("strict", "severity"), [(False, "warning"), (True, "error")], ids=["by default", "strictly"])
def test_a_policy_that_no_field_follows_is_reported(strict: bool, severity: str) -> None:
    after, answer = run(HEAD + POLICY, FunctionOptions(strict=strict))
    assert after == HEAD + POLICY
    assert "no field follows ImagePolicy flux-system:app" in messages(answer, severity)[0]


def test_what_the_answer_notes_is_told_once_a_policy() -> None:
    _, answer = run(HEAD + POLICY + DEPLOYMENT, notes=("2 tags were no tags",))
    assert messages(answer, "warning") == ["flux-system:app: 2 tags were no tags"]


def test_targets_win_over_annotation_and_marker() -> None:
    config = parse_function_config(
        read_function_config(
            {
                "apiVersion": "imagesetter.dev/v1alpha1",
                "kind": "ImageSetter",
                "spec": {
                    "targets": [{"select": {"kind": "Deployment"}, "fieldPaths": ["spec.tag"], "policy": "app:tag"}]
                },
            }
        )
    )
    after, _ = run(HEAD + POLICY + DEPLOYMENT, config)
    assert "tag: 1.0.10 # a comment" in after


CONTAINERS = """\
- apiVersion: v1
  kind: Pod
  metadata: {name: p, labels: {a.b/c: "1.0.0"}}
  spec: {containers: [{name: x, image: r.example.com/app:1.0.0}, {image: other}]}
"""


def targeted(path: str) -> FunctionOptions:
    target = {"select": {"kind": "Pod"}, "fieldPaths": [path], "policy": "app"}
    head = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "ImageSetter"}
    return parse_function_config(read_function_config({**head, "spec": {"targets": [target]}}))


@pytest.mark.parametrize(
    "path",
    [
        "spec.containers[name=x].image",
        "spec.containers.[name=x].image",
        "spec.containers.0.image",
        "spec.containers[0].image",
    ],
)
def test_a_target_takes_the_path_language_of_kustomize_too(path: str) -> None:
    after, _ = run(HEAD + POLICY + CONTAINERS, targeted(path))
    assert after == HEAD + POLICY + CONTAINERS.replace("app:1.0.0", "app:1.0.10")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("spec.containers.image", "; write spec.containers[name=x].image"),
        ("spec.containers[name=y].image", "; write spec.containers[name=x].image"),
        ("spec.containers.7.image", "; write spec.containers[name=x].image"),
        ("spec.image", ""),
    ],
)
def test_a_target_that_is_nearly_right_is_shown_as_it_is_written(path: str, hint: str) -> None:
    _, answer = run(HEAD + POLICY + CONTAINERS, targeted(path))
    assert f"spec.targets[0].fieldPaths[0]: no selected resource has {path}{hint}" in messages(answer, "warning")


def test_a_number_in_an_annotation_is_a_position_however_it_is_written() -> None:
    text = DEPLOYMENT.replace("spec.tag: app:tag", "spec.list.0: app").replace("tag: 1.0.0 #", "list: [a] #")
    after, answer = run(HEAD + POLICY + text)
    assert after == HEAD + POLICY + text
    assert "spec.list.0 selects by position" in messages(answer, "error")[0]


MISPLACED = """\
- apiVersion: v1
  kind: Pod
  metadata:
    name: p
    annotations:
      internal.config.kubernetes.io/path: pod.yaml
      internal.config.kubernetes.io/package-path: /tmp/top/sub
  spec:
    containers:
    # {"$imagepolicy": "flux-system:app"}
    - name: x
      image: r.example.com/app:1.0.0
- apiVersion: kpt.dev/v1
  kind: Kptfile
  metadata:
    name: top
    annotations:
      internal.config.kubernetes.io/path: Kptfile
      internal.config.kubernetes.io/package-path: /tmp/top
"""


def test_a_marker_in_no_field_names_the_resource_the_file_and_the_field_beside_it() -> None:
    _, answer = run(HEAD + POLICY + MISPLACED)
    (misplaced,) = [result for result in answer.results if result.tags.get("error") == "MisplacedMarker"]
    assert misplaced.resource_ref and misplaced.field and misplaced.file
    assert str(misplaced.resource_ref) == "v1/Pod/p"
    assert (misplaced.file.path, misplaced.field.path) == ("sub/pod.yaml", "spec.containers[0].name")


EXCLUDING = "  pipeline:\n    mutators:\n    - exec: imagesetter\n      exclude:\n      - kind: ImagePolicy\n"


@pytest.mark.parametrize(
    ("kptfile", "more", "is_named"),
    [
        (True, "", False),
        (True, EXCLUDING, True),
        (True, EXCLUDING.replace("exclude", "selectors"), True),
        (False, "", True),
    ],
    ids=["with the Kptfile", "with exclude in it", "with selectors in it", "without it"],
)
def test_selectors_that_may_hide_the_policies_are_named(kptfile: bool, more: str, is_named: bool) -> None:
    text = MISPLACED.replace("    # {", "    # x {").replace("app:1.0.0", 'app:1.0.0 # {"$imagepolicy": "a:b"}')
    text = text + more if kptfile else text.partition("- apiVersion: kpt.dev/v1")[0]
    listing = ResourceList.parse((HEAD + text).encode(), needle="$imagepolicy")
    hint = "the selectors or exclude of this function in the Kptfile may hide it"
    assert (hint in catalog_from_items(listing, FunctionOptions())[0].elsewhere.format("it")) == is_named


def test_a_list_without_anything_to_follow_comes_back_with_the_summary_alone() -> None:
    text = HEAD + "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
    after, answer = run(text)
    assert after == text
    assert [result.message for result in answer.results] == ["0 fields changed, 0 up to date"]


def test_without_a_lock_among_the_items_the_remedy_is_named() -> None:
    with pytest.raises(LockError, match="no ImageLock is among the items") as refused:
        require_lock_among_items(ResourceList.parse((HEAD + POLICY).encode()))
    assert "imagesetter lock" in refused.value.hint


def test_policies_renamed_by_kustomize_are_found_under_their_first_name() -> None:
    moved = POLICY.replace(
        "metadata: {name: app, namespace: flux-system}",
        "metadata: {name: p-app, namespace: prod, annotations: {internal.config.kubernetes.io/previousNames: 'app', "
        "internal.config.kubernetes.io/previousNamespaces: flux-system, "
        "internal.config.kubernetes.io/previousKinds: X}}",
    )
    catalogs: list[Catalog] = []
    listing = ResourceList.parse((HEAD + moved + DEPLOYMENT).encode(), needle="$imagepolicy")

    def source_of(catalog: Catalog, known: object) -> Known:
        catalogs.append(catalog)
        return Known()

    update_resource_list(listing, FunctionOptions(), source_of)
    assert catalogs[0].policy(PolicyName("flux-system", "app")).image.written == "r.example.com/app"
    assert not isinstance(catalogs[0].recorded(PolicyName("prod", "p-app")), Failed)


def test_a_type_tag_that_would_lie_goes_with_the_edit() -> None:
    item = """\
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
  data:
    tag: !!int 1 # {"$imagepolicy": "flux-system:app:tag"}
"""
    after, _ = run(HEAD + POLICY + item)
    assert 'tag: 1.0.10 # {"$imagepolicy"' in after


def test_what_is_missing_is_asked_for_in_words_of_a_function() -> None:
    listing = ResourceList.parse(f"{HEAD}{DEPLOYMENT}".encode())
    catalog, _ = catalog_from_items(listing, FunctionOptions())
    hint = catalog.unknown(PolicyName("flux-system", "app")).hint
    assert hint.endswith("put them among the resources, or a policy into spec.policies of an ImageSetter")


def in_file(path: str, item: str) -> str:
    """An item of a file, as kpt hands it over."""
    note = f"annotations: {{internal.config.kubernetes.io/path: {path}}}"
    return item.replace("metadata: {", f"metadata: {{{note}, ").replace("metadata:\n", f"metadata:\n    {note}\n")


def test_of_two_policies_of_one_name_the_nearest_to_the_items_file_counts() -> None:
    field = """\
- apiVersion: example.com/v1
  kind: A
  metadata:
    name: web
  image: r.example.com/app:1.0.0 # {"$imagepolicy": "flux-system:app"}
"""
    text = HEAD
    for folder, tag in {"dev": "1.1.0", "prod": "1.0.5"}.items():
        status = f"  status: {{latestRef: {{name: r.example.com/app, tag: {tag}}}}}\n"
        both = POLICY.replace("1.0.x", tag) + status
        text += in_file(f"{folder}/p.yaml", both) + in_file(f"{folder}/web.yaml", field)
    listing = ResourceList.parse(text.encode(), needle="$imagepolicy")
    updated = update_resource_list(listing, FunctionOptions(), lambda catalog, known: StatusSource(catalog))
    assert [edit.replacement for edit in updated.edits] == ["r.example.com/app:1.1.0", "r.example.com/app:1.0.5"]
