"""Tags of Helm charts: a registry allows no ``+``, so Helm writes ``_`` for it."""

from __future__ import annotations

from typing import Any

import pytest

from imagesetter.config.inline_policy import inline_policy
from imagesetter.flux.annotations import CHART_TAGS, has_chart_tags
from imagesetter.flux.image_policy import read_image_policy
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource
from imagesetter.policy.explain import why_not
from imagesetter.policy.select import compare, ranking, select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import FilterTags, TagPolicy
from imagesetter.update.tag_order import read_tag_order
from krm_functions.errors import ResourceError

NAME = PolicyName("apps", "chart")
CHARTS = TagPolicy(SemverRule("6.x"), chart_tags=True)


def test_an_underscore_stands_for_the_plus_of_a_version() -> None:
    assert select(CHARTS, ["6.7.0", "6.7.1_build.1", "7.0.0_build.1"]) == "6.7.1_build.1"
    assert select(TagPolicy(SemverRule("6.x")), ["6.7.0", "6.7.1_build.1"]) == "6.7.0"


@pytest.mark.parametrize("tags", [["6.7.1_a", "6.7.1_b"], ["6.7.1_b", "6.7.1_a"]])
def test_builds_of_one_version_tie_as_ever(tags: list[str]) -> None:
    assert ranking(CHARTS, tags) == ["6.7.1_b", "6.7.1_a"]


def test_tags_are_compared_as_versions() -> None:
    assert compare(CHARTS, "6.7.1_build.1", "6.7.0") == 1
    assert compare(CHARTS, "6.7.1_build.1", "6.7.1") == 0
    assert compare(CHARTS, "6.7.1_build_1", "6.7.0") is None, "a version has one plus"


def test_a_filter_comes_before() -> None:
    policy = TagPolicy(SemverRule("6.x"), FilterTags("^chart-(.*)$", "$1"), chart_tags=True)
    assert select(policy, ["chart-6.7.1_build.1", "6.8.0", "chart-6.7.0"]) == "chart-6.7.1_build.1"


def test_an_explanation_agrees() -> None:
    assert str(why_not(CHARTS, ["6.7.1_build.1"], "6.7.1_build.1")).endswith("it is the tag that the policy selects")
    reason = why_not(CHARTS, ["6.7.1_build.1"], "7.0.0_build.1").reason
    assert reason.endswith("7.0.0+build.1 is not 6.x")


def resources(text: str | None) -> tuple[Resource, Resource]:
    metadata: dict[str, Any] = {"name": "chart", "namespace": "apps"}
    kinds = {"apiVersion": "image.toolkit.fluxcd.io/v1", "metadata": metadata}
    repository = {**kinds, "kind": "ImageRepository", "spec": {"image": "r.example/charts/web", "interval": "5m"}}
    spec = {"imageRepositoryRef": {"name": "chart"}, "policy": {"semver": {"range": "6.x"}}}
    annotations = {} if text is None else {"annotations": {CHART_TAGS: text}}
    policy = {**kinds, "kind": "ImagePolicy", "metadata": metadata | annotations, "spec": spec}
    return Resource(policy, "p.yaml", ()), Resource(repository, "p.yaml", ())


def read(text: str | None) -> Any:
    policy, repository = resources(text)
    return read_image_policy(NAME, policy, repository, NAME, lambda kind, name: None, lambda kind, name: None)


def test_the_annotation_says_so_and_changes_the_inputs_of_the_lock() -> None:
    assert read("true").tags.chart_tags
    assert not read("false").tags.chart_tags
    assert read(None).inputs == read("false").inputs != read("true").inputs
    tags, _ = read_tag_order(resources("true")[0])
    assert tags is not None and tags.order("6.7.1_build.1", "6.7.0") == 1


def test_an_annotation_that_is_neither_is_an_error() -> None:
    with pytest.raises(ResourceError, match='neither "true" nor "false"'):
        has_chart_tags(resources("yes")[0])


def test_an_inline_policy_says_so_with_a_field() -> None:
    entry = {"name": "chart", "image": "r.example/charts/web", "semver": {"range": "6.x"}, "chartTags": True}
    policy, _ = inline_policy(entry, namespace="apps", index=0)
    assert has_chart_tags(policy)
    assert not has_chart_tags(inline_policy({**entry, "chartTags": False}, namespace="apps", index=0)[0])
