"""Resources become questions: found under every name, completed, checked, and hashed by what decides the answer."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from imagesetter.errors import ResolveError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource, flatten, resource
from imagesetter.policy.alphabetical import AlphabeticalRule
from imagesetter.policy.numerical import NumericalRule
from imagesetter.policy.rule import DEFAULT_EXCLUSIONS, Rule
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags
from krm_functions.errors import ReportedError, ResourceError

APP = PolicyName("flux-system", "app")
GROUP = "image.toolkit.fluxcd.io"


def policy(name: str = "app", namespace: str = "flux-system", **spec: Any) -> dict[str, Any]:
    given = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.0.x"}}, **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1", "kind": "ImagePolicy", "metadata": metadata, "spec": given}


def repository(name: str = "app", namespace: str = "flux-system", **spec: Any) -> dict[str, Any]:
    given = {"image": "registry.example.com/app", "interval": "5m", **spec}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{GROUP}/v1", "kind": "ImageRepository", "metadata": metadata, "spec": given}


def without(data: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy of a resource without one field."""
    changed = copy.deepcopy(data)
    here = changed
    for part in path[:-1]:
        here = here[part]
    del here[path[-1]]
    return changed


def catalog(*resources: dict[str, Any] | Resource, namespace: str = "flux-system") -> Catalog:
    made = Catalog(namespace)
    for number, given in enumerate(resources, 1):
        found = given if isinstance(given, Resource) else resource(given, f"file.yaml:{number}")
        assert found
        made.add([found])
    return made


def renamed(data: dict[str, Any], *names: tuple[str, str]) -> Resource:
    """A resource that kustomize renamed: its earlier (namespace, name) pairs first."""
    found = resource(data, "item", names)
    assert found
    return found


def refusal(made: Catalog, name: PolicyName = APP) -> ReportedError:
    with pytest.raises(ReportedError) as caught:
        made.policy(name)
    return caught.value


# What a question holds


def test_a_policy_and_its_repository_make_one_question() -> None:
    spec = {
        "filterTags": {"pattern": "^v(.*)$", "extract": "$1"},
        "digestReflectionPolicy": "Always",
        "interval": "10m",
    }
    source = {"timeout": "30s", "insecure": True, "exclusionList": ["^x"], "secretRef": {"name": "pull"}}
    question = catalog(policy(**spec), repository(**source)).policy(APP)
    assert question.name == APP
    assert (question.image.written, question.image.canonical) == ("registry.example.com/app",) * 2
    assert question.tags.rule == SemverRule("1.0.x")
    assert question.tags.filter_tags == FilterTags("^v(.*)$", "$1")
    assert question.tags.exclusion_list == ("^x",)
    assert (question.reflection, question.insecure, question.missing) == ("Always", True, ("Secret pull",))
    assert (question.interval, question.timeout) == (300.0, 30.0)
    assert question.origin == "file.yaml:1"


RULES: dict[str, tuple[dict[str, Any], Rule]] = {
    "semver": ({"semver": {"range": "6.x"}}, SemverRule("6.x")),
    "alphabetical, order left out": ({"alphabetical": {}}, AlphabeticalRule("asc")),
    "numerical, order in capitals": ({"numerical": {"order": "DESC"}}, NumericalRule("desc")),
    "semver before alphabetical": ({"alphabetical": {}, "semver": {"range": "6.x"}}, SemverRule("6.x")),
    "alphabetical before numerical": ({"numerical": {}, "alphabetical": {"order": "desc"}}, AlphabeticalRule("desc")),
}


@pytest.mark.parametrize(("choice", "rule"), RULES.values(), ids=RULES)
def test_the_rule_is_the_first_that_is_given_in_the_order_of_flux(choice: dict[str, Any], rule: Rule) -> None:
    assert catalog(policy(policy=choice), repository()).policy(APP).tags.rule == rule


def test_a_field_in_python_spelling_is_no_field() -> None:
    question = catalog(policy(filter_tags={"pattern": "^v"}), repository(exclusion_list=["^x"])).policy(APP)
    assert question.tags.filter_tags is None
    assert question.tags.exclusion_list == DEFAULT_EXCLUSIONS


@pytest.mark.parametrize("given", [{}, {"exclusionList": []}], ids=["absent", "empty"])
def test_without_an_exclusion_list_the_default_one_counts(given: dict[str, Any]) -> None:
    assert catalog(policy(), repository(**given)).policy(APP).tags.exclusion_list == DEFAULT_EXCLUSIONS


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_three_api_versions_are_read(version: str) -> None:
    old = [{**data, "apiVersion": f"{GROUP}/{version}"} for data in (policy(), repository())]
    assert catalog(*old).policy(APP).tags.rule == SemverRule("1.0.x")


@pytest.mark.parametrize(
    ("version", "hint"), [("v1alpha2", "flux migrate"), ("v2", "v1beta2 and v1beta1 are read too")], ids=["old", "new"]
)
def test_other_api_versions_are_refused_with_the_way_out(version: str, hint: str) -> None:
    error = refusal(catalog({**policy(), "apiVersion": f"{GROUP}/{version}"}, repository()))
    assert isinstance(error, ResourceError)
    assert hint in error.hint
    assert error.where == f"ImagePolicy {APP} in file.yaml:1"


# Names


def test_a_resource_without_a_namespace_is_in_the_namespace_of_the_run() -> None:
    bare = [without(data, "metadata", "namespace") for data in (policy(), repository())]
    made = catalog(*bare, namespace="apps")
    assert made.policy_names == [PolicyName("apps", "app")]
    assert made.policy(PolicyName("apps", "app")).name == PolicyName("apps", "app")
    assert not made.has_policy(APP)


def test_a_renamed_policy_is_found_by_its_old_and_its_new_name() -> None:
    made = catalog(
        renamed(policy("prod-app", "prod"), ("flux-system", "app")),
        renamed(repository("prod-app", "prod"), ("flux-system", "app")),
    )
    assert made.policy(APP).image.written == "registry.example.com/app"
    assert made.policy(PolicyName("prod", "prod-app")).image == made.policy(APP).image
    assert made.policy_names == [APP]


def test_a_reference_that_kustomize_left_behind_finds_the_repository_where_the_policy_came_from() -> None:
    made = catalog(
        renamed(policy("app", "prod"), ("flux-system", "app")),
        repository("app", "flux-system"),
    )
    assert made.policy(PolicyName("prod", "app")).image.written == "registry.example.com/app"


UNKNOWN = {
    "no policy at all": ((), "no ImagePolicy was found at all"),
    "a slip of the pen": ((policy("appp"),), "did you mean flux-system:appp?"),
    "another namespace": ((policy("app", "apps"),), "did you mean apps:app?"),
    "nothing like it": ((policy("database", "prod"),), "known policies: prod:database"),
    "nothing like it but the namespace": ((policy("database"),), "known policies: flux-system:database"),
    "both namespaces": ((policy("appp"), policy("appp", "apps")), "did you mean flux-system:appp?"),
}


@pytest.mark.parametrize(("resources", "hint"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_policy_is_answered_with_the_nearest(resources: Sequence[dict[str, Any]], hint: str) -> None:
    error = refusal(catalog(*resources))
    assert str(error) == "ImagePolicy flux-system:app was not found"
    assert hint in error.hint


def test_an_unknown_policy_may_be_one_whose_namespace_is_given_where_it_is_deployed() -> None:
    """Flux's reference architecture keeps policies so: a Flux Kustomization of another repository names it."""
    with pytest.raises(ReportedError) as caught:
        catalog(policy("app", "")).policy(PolicyName("apps", "app"))
    assert caught.value.hint == (
        "file.yaml:1 has an ImagePolicy app without a namespace, which counts as flux-system; if it is deployed to "
        "apps, give --namespace apps (defaults: {namespace: apps} in the project file, or namespace in a "
        "functionConfig)"
    )


def test_a_missing_repository_is_named_with_the_policy_that_wants_it() -> None:
    error = refusal(catalog(policy(imageRepositoryRef={"name": "web"}), repository()))
    assert "refers to ImageRepository flux-system:web, which was not found" in str(error)
    assert error.where == "file.yaml:1"


# The same resource several times


def test_the_same_policy_found_twice_is_one() -> None:
    made = catalog(policy(), policy(), repository(), repository())
    assert made.policy(APP).tags.rule == SemverRule("1.0.x")
    assert made.policy_names == [APP]


def test_a_policy_written_with_its_defaults_is_the_same_policy() -> None:
    spelled = policy(policy={"numerical": {"order": "asc"}}, digestReflectionPolicy="Never")
    made = catalog(policy(policy={"numerical": {}}), spelled, repository(), repository(exclusionList=[r"^.*\.sig$"]))
    assert made.policy(APP).tags.rule == NumericalRule("asc")


def test_of_a_patch_and_the_whole_policy_the_whole_one_counts() -> None:
    patch = without(policy(policy={"semver": {"range": "2.x"}}), "spec", "imageRepositoryRef")
    for order in permutations([patch, policy(), repository()]):
        assert catalog(*order).policy(APP).tags.rule == SemverRule("1.0.x")


def test_two_whole_policies_that_differ_are_an_error_that_names_both() -> None:
    error = refusal(catalog(policy(), policy(policy={"semver": {"range": "2.x"}}), repository()))
    assert isinstance(error, ResolveError)
    assert "defined more than once" in str(error)
    assert error.where == "file.yaml:1 and file.yaml:2"


def test_a_cluster_export_beside_the_files_gives_its_status_in_any_order() -> None:
    exported = {**policy(), "status": {"latestRef": {"name": "registry.example.com/app", "tag": "1.0.9"}}}
    for order in permutations([policy(), exported, repository()]):
        assert catalog(*order).recorded(APP) == LatestRef("registry.example.com/app", "1.0.9")


# Incomplete and invalid


def test_an_incomplete_policy_is_told_how_to_be_completed() -> None:
    error = refusal(catalog(without(policy(), "spec", "imageRepositoryRef"), repository()))
    assert str(error) == "spec.imageRepositoryRef.name: is required"
    assert "kustomize build" in error.hint


def test_a_policy_without_a_rule_is_told_the_same() -> None:
    error = refusal(catalog(without(policy(), "spec", "policy"), repository()))
    assert "spec.policy: is required" in str(error)
    assert "kustomize build" in error.hint


INVALID = {
    "a scheme": (
        "https://ghcr.io/org/app",
        "spec.image: image 'https://ghcr.io/org/app' should not include URL scheme",
    ),
    "a tag": ("ghcr.io/org/app:1.2", "should not include a tag; remove ':1.2'"),
}


@pytest.mark.parametrize(("image", "message"), INVALID.values(), ids=INVALID)
def test_an_image_that_is_no_repository_is_refused_in_the_words_of_flux(image: str, message: str) -> None:
    error = refusal(catalog(policy(), repository(image=image)))
    assert message in str(error)
    assert error.where == f"ImageRepository {APP} in file.yaml:2"


# Access from another namespace


def guarded(*selectors: object, labels: dict[str, str] | None = None) -> Catalog:
    """A policy in `apps` whose repository in `flux-system` says who may refer to it."""
    reference = {"name": "app", "namespace": "flux-system"}
    access = {"accessFrom": {"namespaceSelectors": list(selectors)}} if selectors else {}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps", "labels": labels or {}}}
    return catalog(policy("app", "apps", imageRepositoryRef=reference), repository(**access), namespace)


ADMITTED: dict[str, tuple[list[object], dict[str, str]]] = {
    "any namespace": ([{"matchLabels": {}}], {}),
    "by a label": ([{"matchLabels": {"team": "a"}}], {"team": "a"}),
    "by the second selector": ([{"matchLabels": {"team": "b"}}, {"matchLabels": {"team": "a"}}], {"team": "a"}),
    "by the label that every namespace has": ([{"matchLabels": {"kubernetes.io/metadata.name": "apps"}}], {}),
}
REFUSED: dict[str, tuple[list[object], dict[str, str]]] = {
    "no accessFrom": ([], {}),
    "another label": ([{"matchLabels": {"team": "b"}}], {"team": "a"}),
    "one of two labels": ([{"matchLabels": {"team": "a", "tier": "1"}}], {"team": "a"}),
    "a selector that is none": (["apps"], {}),
}


@pytest.mark.parametrize(("selectors", "labels"), ADMITTED.values(), ids=ADMITTED)
def test_a_namespace_that_is_let_in_may_refer_to_the_repository(
    selectors: list[object], labels: dict[str, str]
) -> None:
    question = guarded(*selectors, labels=labels).policy(PolicyName("apps", "app"))
    assert question.repository_name == APP


@pytest.mark.parametrize(("selectors", "labels"), REFUSED.values(), ids=REFUSED)
def test_other_namespaces_are_refused_in_the_words_of_flux(selectors: list[object], labels: dict[str, str]) -> None:
    error = refusal(guarded(*selectors, labels=labels), PolicyName("apps", "app"))
    assert str(error) == "'flux-system/app' can't be accessed due to missing ACL labels on 'accessFrom'"
    assert "allow namespace apps" in error.hint


# The hash of the inputs


def inputs(*resources: dict[str, Any]) -> str:
    return catalog(*resources).inputs(APP)


SAME = {
    "another interval": (policy(), repository(interval="1h")),
    "credentials": (policy(), repository(secretRef={"name": "pull"})),
    "suspended": (policy(suspend=True), repository(suspend=True)),
    "defaults spelled out": (policy(digestReflectionPolicy="Never"), repository(exclusionList=[r"^.*\.sig$"])),
    "a status": ({**policy(), "status": {"latestImage": "x:1"}}, repository()),
}
OTHER = {
    "another range": (policy(policy={"semver": {"range": "2.x"}}), repository()),
    "another rule": (policy(policy={"alphabetical": {}}), repository()),
    "a filter": (policy(filterTags={"pattern": "^v"}), repository()),
    "a digest wanted": (policy(digestReflectionPolicy="IfNotPresent"), repository()),
    "another image": (policy(), repository(image="registry.example.com/web")),
    "an exclusion": (policy(), repository(exclusionList=["-rc"])),
}


@pytest.mark.parametrize("resources", SAME.values(), ids=SAME)
def test_what_does_not_decide_the_answer_does_not_change_the_hash(resources: tuple[dict[str, Any], ...]) -> None:
    assert inputs(*resources) == inputs(policy(), repository())


@pytest.mark.parametrize("resources", OTHER.values(), ids=OTHER)
def test_what_decides_the_answer_changes_the_hash(resources: tuple[dict[str, Any], ...]) -> None:
    assert inputs(*resources) != inputs(policy(), repository())


def test_the_hash_of_a_question_is_the_one_that_needs_no_validation() -> None:
    made = catalog(policy(), repository())
    assert made.policy(APP).inputs == made.inputs(APP)
    assert made.image(APP) == "registry.example.com/app"


# What is taken in


def test_the_items_of_a_list_are_resources() -> None:
    exported = {"apiVersion": "v1", "kind": "List", "items": [policy(), {"kind": "ImageRepositoryList", "items": [1]}]}
    assert list(flatten(exported)) == [policy()]
    assert list(flatten("a text")) == []


def test_kinds_that_cannot_matter_are_left_out() -> None:
    assert resource({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}}, "x") is None
    assert resource({"apiVersion": "example.com/v1", "kind": "ImagePolicy"}, "x") is None
    assert resource({"apiVersion": "v1", "kind": "Secret", "metadata": None}, "x") is not None


def test_secrets_of_a_repository_go_with_the_question_and_never_into_its_repr() -> None:
    secret = made("Secret", "pull", type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "hunter2"})
    account = made("ServiceAccount", "puller", imagePullSecrets=[{"name": "pull"}, {"name": "gone"}])
    source = {"serviceAccountName": "puller", "certSecretRef": {"name": "pull"}, "proxySecretRef": {"name": "none"}}
    question = catalog(policy(), repository(**source), account, secret).policy(APP)
    assert [found["type"] for found in question.pull_secrets] == ["kubernetes.io/dockerconfigjson"]
    assert question.cert_secret is question.pull_secrets[0]
    assert question.missing == ("Secret gone", "Secret none")
    assert "hunter2" not in repr(question)


def made(kind: str, name: str, **body: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "flux-system"}, **body}


def test_encrypted_secrets_of_several_clusters_are_as_good_as_one_and_a_readable_one_counts() -> None:
    def secret(text: str, **more: str) -> dict[str, Any]:
        metadata = {"name": "login", "namespace": "flux-system"}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": text}, **more}

    sealed = [secret("ENC[1]"), secret("ENC[2]"), secret("3", sops="mac")]
    for order in permutations(sealed):
        found = catalog(*order).find("Secret", "flux-system", "login")
        assert found and found.data in sealed
    for order in permutations([*sealed, secret("plain")]):
        found = catalog(*order).find("Secret", "flux-system", "login")
        assert found and found.data == secret("plain")
    with pytest.raises(ResolveError, match="more than once"):
        catalog(secret("a"), secret("b")).find("Secret", "flux-system", "login")
