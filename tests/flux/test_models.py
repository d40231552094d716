"""The resources are validated as their CRDs validate them, and errors name the field."""

from __future__ import annotations

from typing import Any

import pytest

from imagesetter.flux.automations import ImageUpdateAutomationSpec
from imagesetter.flux.models import unknown_fields, validate_spec
from imagesetter.flux.policy_specs import SPECS, check_spec, undeclared_fields
from krm_functions.errors import ResourceError

POLICY: dict[str, Any] = {"imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.0.x"}}}
REPOSITORY: dict[str, Any] = {"image": "ghcr.io/org/app", "interval": "5m"}
AUTOMATION: dict[str, Any] = {
    "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
    "interval": "30m",
    "git": {
        "checkout": {"ref": {"branch": "main"}},
        "commit": {
            "author": {"name": "fluxbot", "email": "f@example.com"},
            "messageTemplate": "{{range .Updated.Images}}",
        },
        "push": {"branch": "main"},
    },
    "update": {"path": "./kustomize", "strategy": "Setters"},
}

REFUSED = {
    "range that YAML reads as a number": (
        "ImagePolicy",
        {**POLICY, "policy": {"semver": {"range": 1.0}}},
        "spec.policy.semver.range: must be a string, not the number 1.0: put it in quotes",
    ),
    "null where a text is required": (
        "ImagePolicy",
        {**POLICY, "policy": {"semver": {"range": None}}},
        "spec.policy.semver.range: is required",
    ),
    "null in a list": (
        "ImageRepository",
        {**REPOSITORY, "exclusionList": [None]},
        "spec.exclusionList[0]: must be a string, not null",
    ),
    "switch that is a text": (
        "ImagePolicy",
        {**POLICY, "suspend": "false"},
        "spec.suspend: must be true or false, not the string 'false'",
    ),
    "no reference": ("ImagePolicy", {"policy": POLICY["policy"]}, "spec.imageRepositoryRef: is required"),
    "no rule": (
        "ImagePolicy",
        {**POLICY, "policy": {}},
        "spec.policy: given ImagePolicyChoice object is invalid: write semver, alphabetical or numerical",
    ),
    "unknown order": (
        "ImagePolicy",
        {**POLICY, "policy": {"numerical": {"order": "UP"}}},
        "spec.policy.numerical.order: invalid order 'UP': must be asc or desc",
    ),
    "Always without interval": (
        "ImagePolicy",
        {**POLICY, "digestReflectionPolicy": "Always"},
        "spec: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
    ),
    "interval without Always": (
        "ImagePolicy",
        {**POLICY, "interval": "5m"},
        "spec: spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
    ),
    "unknown reflection": (
        "ImagePolicy",
        {**POLICY, "digestReflectionPolicy": "Sometimes"},
        "spec.digestReflectionPolicy: 'Sometimes' is not accepted: write 'Never', 'IfNotPresent' or 'Always'",
    ),
    "policy that is a text": (
        "ImagePolicy",
        {**POLICY, "policy": "1.0.x"},
        "spec.policy: must be a mapping, not the string '1.0.x'",
    ),
    "timeout with hours": (
        "ImageRepository",
        {**REPOSITORY, "timeout": "1h"},
        "spec.timeout: '1h' uses hours, which spec.timeout does not accept: write minutes",
    ),
    "interval without unit": (
        "ImageRepository",
        {**REPOSITORY, "interval": "5"},
        "spec.interval: '5' is not a duration such as 10m, 1h30m or 500ms",
    ),
    "too many exclusions": (
        "ImageRepository",
        {**REPOSITORY, "exclusionList": ["a"] * 26},
        "spec.exclusionList: must have at most 25 entries, not 26",
    ),
    "unknown provider": (
        "ImageRepository",
        {**REPOSITORY, "provider": "alibaba"},
        "spec.provider: 'alibaba' is not accepted: write 'generic', 'aws', 'azure' or 'gcp'",
    ),
    "name that is too long": (
        "ImageRepository",
        {**REPOSITORY, "secretRef": {"name": ""}, "serviceAccountName": "x" * 254},
        "spec.secretRef.name: string should have at least 1 character, not the string ''; "
        f"spec.serviceAccountName: string should have at most 253 characters, not the string '{'x' * 127}…",
    ),
    "labels that are no texts": (
        "ImageRepository",
        {**REPOSITORY, "accessFrom": {"namespaceSelectors": [{"matchLabels": {"a": 1}}]}},
        "spec.accessFrom.namespaceSelectors[0].matchLabels.a: must be a string, not the number 1: put it in quotes",
    ),
    "selectors that are no list": (
        "ImageRepository",
        {**REPOSITORY, "accessFrom": {"namespaceSelectors": {}}},
        "spec.accessFrom.namespaceSelectors: must be a list, not a mapping",
    ),
    "keys that YAML reads as other than texts": (
        "ImagePolicy",
        {**POLICY, "policy": {True: {}}, None: 1},
        "spec.policy.true: keys should be strings, not true; spec.null: keys should be strings, not null",
    ),
    "no image": ("ImageRepository", {"interval": "5m"}, "spec.image: is required"),
    "author without email": (
        "ImageUpdateAutomation",
        {**AUTOMATION, "git": {"commit": {"author": {"name": "fluxbot"}}}},
        "spec.git.commit.author.email: is required",
    ),
    "strategy that does not exist": (
        "ImageUpdateAutomation",
        {**AUTOMATION, "update": {"strategy": "Guess"}},
        "spec.update.strategy: 'Guess' is not accepted: write 'Setters'",
    ),
    "no spec at all": ("ImagePolicy", None, "spec: is required"),
    "spec that is a list": ("ImagePolicy", [], "spec: must be a mapping, not a list"),
}


def unknown(kind: str, spec: object, *, where: str = "") -> list[str]:
    """Validate a spec, and name its fields that the CRD does not have."""
    if kind in SPECS:
        return list(undeclared_fields(SPECS[kind], check_spec(SPECS[kind], spec, where=where)))
    return unknown_fields(validate_spec(ImageUpdateAutomationSpec, spec, where=where))


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED.values(), ids=REFUSED)
def test_spec_is_refused_with_its_field_path(kind: str, spec: object, message: str) -> None:
    with pytest.raises(ResourceError) as refused:
        unknown(kind, spec, where="ImagePolicy apps:web in policies.yaml:3")
    assert str(refused.value) == message
    assert refused.value.where == "ImagePolicy apps:web in policies.yaml:3"


ACCEPTED = {
    "plain policy": ("ImagePolicy", POLICY),
    "order in capitals, as the controller takes it": (
        "ImagePolicy",
        {**POLICY, "policy": {"alphabetical": {"order": "DESC"}}},
    ),
    "empty numerical is ascending": ("ImagePolicy", {**POLICY, "policy": {"numerical": {}}}),
    "two rules, of which the first counts": (
        "ImagePolicy",
        {**POLICY, "policy": {"semver": {"range": "1.x"}, "numerical": {"order": "asc"}}},
    ),
    "nulls, which the API server drops": (
        "ImagePolicy",
        {
            **POLICY,
            "policy": {"semver": None, "numerical": {"order": None}},
            "filterTags": {"pattern": "^1", "extract": None},
            "digestReflectionPolicy": None,
            "suspend": None,
        },
    ),
    "nulls in a repository": (
        "ImageRepository",
        {**REPOSITORY, "provider": None, "insecure": None, "suspend": None, "secretRef": None, "exclusionList": None},
    ),
    "filter with extract": ("ImagePolicy", {**POLICY, "filterTags": {"pattern": "^a(?P<n>.*)", "extract": "$n"}}),
    "Always with interval": ("ImagePolicy", {**POLICY, "digestReflectionPolicy": "Always", "interval": "10m"}),
    "repository without interval, to be patched": ("ImageRepository", {"image": "app"}),
    "compound duration": ("ImageRepository", {**REPOSITORY, "interval": "1h30m0.5s", "timeout": "500ms"}),
    "access from everywhere": ("ImageRepository", {**REPOSITORY, "accessFrom": {"namespaceSelectors": [{}]}}),
    "classic automation": ("ImageUpdateAutomation", AUTOMATION),
    "automation without update": ("ImageUpdateAutomation", {k: v for k, v in AUTOMATION.items() if k != "update"}),
}


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED.values(), ids=ACCEPTED)
def test_spec_is_accepted_without_unknown_fields(kind: str, spec: object) -> None:
    assert unknown(kind, spec) == []


def test_fields_that_the_api_server_would_prune_are_named() -> None:
    spec = {**POLICY, "filterTag": {}, "policy": {"semver": {"range": "1.x", "rnge": "2.x"}}}
    assert unknown("ImagePolicy", spec) == ["spec.filterTag", "spec.policy.semver.rnge"]
    access = {"namespaceSelectors": [{"matchLabels": {"a": "b"}, "matchExpressions": []}]}
    assert unknown("ImageRepository", {**REPOSITORY, "accessFrom": access}) == [
        "spec.accessFrom.namespaceSelectors[0].matchExpressions"
    ]
