"""The resources are validated as their CRDs validate them, and errors name the field."""

from __future__ import annotations

from typing import Any

import pytest

from imagesetter.flux.automations import ImageUpdateAutomationSpec
from imagesetter.flux.models import FluxModel, ImagePolicySpec, ImageRepositorySpec, unknown_fields, validate_spec
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
        ImagePolicySpec,
        {**POLICY, "policy": {"semver": {"range": 1.0}}},
        "spec.policy.semver.range: must be a string, not the number 1.0: put it in quotes",
    ),
    "null where a text is required": (
        ImagePolicySpec,
        {**POLICY, "policy": {"semver": {"range": None}}},
        "spec.policy.semver.range: is required",
    ),
    "null in a list": (
        ImageRepositorySpec,
        {**REPOSITORY, "exclusionList": [None]},
        "spec.exclusionList[0]: must be a string, not null",
    ),
    "switch that is a text": (
        ImagePolicySpec,
        {**POLICY, "suspend": "false"},
        "spec.suspend: must be true or false, not the string 'false'",
    ),
    "no reference": (ImagePolicySpec, {"policy": POLICY["policy"]}, "spec.imageRepositoryRef: is required"),
    "no rule": (
        ImagePolicySpec,
        {**POLICY, "policy": {}},
        "spec.policy: given ImagePolicyChoice object is invalid: write semver, alphabetical or numerical",
    ),
    "unknown order": (
        ImagePolicySpec,
        {**POLICY, "policy": {"numerical": {"order": "UP"}}},
        "spec.policy.numerical.order: invalid order 'UP': must be asc or desc",
    ),
    "Always without interval": (
        ImagePolicySpec,
        {**POLICY, "digestReflectionPolicy": "Always"},
        "spec: spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'",
    ),
    "interval without Always": (
        ImagePolicySpec,
        {**POLICY, "interval": "5m"},
        "spec: spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'",
    ),
    "unknown reflection": (
        ImagePolicySpec,
        {**POLICY, "digestReflectionPolicy": "Sometimes"},
        "spec.digestReflectionPolicy: 'Sometimes' is not accepted: write 'Never', 'IfNotPresent' or 'Always'",
    ),
    "policy that is a text": (
        ImagePolicySpec,
        {**POLICY, "policy": "1.0.x"},
        "spec.policy: must be a mapping, not the string '1.0.x'",
    ),
    "timeout with hours": (
        ImageRepositorySpec,
        {**REPOSITORY, "timeout": "1h"},
        "spec.timeout: '1h' uses hours, which spec.timeout does not accept: write minutes",
    ),
    "interval without unit": (
        ImageRepositorySpec,
        {**REPOSITORY, "interval": "5"},
        "spec.interval: '5' is not a duration such as 10m, 1h30m or 500ms",
    ),
    "too many exclusions": (
        ImageRepositorySpec,
        {**REPOSITORY, "exclusionList": ["a"] * 26},
        "spec.exclusionList: must have at most 25 entries, not 26",
    ),
    "unknown provider": (
        ImageRepositorySpec,
        {**REPOSITORY, "provider": "alibaba"},
        "spec.provider: 'alibaba' is not accepted: write 'generic', 'aws', 'azure' or 'gcp'",
    ),
    "no image": (ImageRepositorySpec, {"interval": "5m"}, "spec.image: is required"),
    "author without email": (
        ImageUpdateAutomationSpec,
        {**AUTOMATION, "git": {"commit": {"author": {"name": "fluxbot"}}}},
        "spec.git.commit.author.email: is required",
    ),
    "strategy that does not exist": (
        ImageUpdateAutomationSpec,
        {**AUTOMATION, "update": {"strategy": "Guess"}},
        "spec.update.strategy: 'Guess' is not accepted: write 'Setters'",
    ),
    "no spec at all": (ImagePolicySpec, None, "spec: is required"),
    "spec that is a list": (ImagePolicySpec, [], "spec: must be a mapping, not a list"),
}


@pytest.mark.parametrize(("model", "spec", "message"), REFUSED.values(), ids=REFUSED)
def test_spec_is_refused_with_its_field_path(model: type[FluxModel], spec: object, message: str) -> None:
    with pytest.raises(ResourceError) as refused:
        validate_spec(model, spec, where="ImagePolicy apps:web in policies.yaml:3")
    assert str(refused.value) == message
    assert refused.value.where == "ImagePolicy apps:web in policies.yaml:3"


ACCEPTED = {
    "plain policy": (ImagePolicySpec, POLICY),
    "order in capitals, as the controller takes it": (
        ImagePolicySpec,
        {**POLICY, "policy": {"alphabetical": {"order": "DESC"}}},
    ),
    "empty numerical is ascending": (ImagePolicySpec, {**POLICY, "policy": {"numerical": {}}}),
    "two rules, of which the first counts": (
        ImagePolicySpec,
        {**POLICY, "policy": {"semver": {"range": "1.x"}, "numerical": {"order": "asc"}}},
    ),
    "nulls, which the API server drops": (
        ImagePolicySpec,
        {
            **POLICY,
            "policy": {"semver": None, "numerical": {"order": None}},
            "filterTags": {"pattern": "^1", "extract": None},
            "digestReflectionPolicy": None,
            "suspend": None,
        },
    ),
    "nulls in a repository": (
        ImageRepositorySpec,
        {**REPOSITORY, "provider": None, "insecure": None, "suspend": None, "secretRef": None, "exclusionList": None},
    ),
    "filter with extract": (ImagePolicySpec, {**POLICY, "filterTags": {"pattern": "^a(?P<n>.*)", "extract": "$n"}}),
    "Always with interval": (ImagePolicySpec, {**POLICY, "digestReflectionPolicy": "Always", "interval": "10m"}),
    "repository without interval, to be patched": (ImageRepositorySpec, {"image": "app"}),
    "compound duration": (ImageRepositorySpec, {**REPOSITORY, "interval": "1h30m0.5s", "timeout": "500ms"}),
    "access from everywhere": (ImageRepositorySpec, {**REPOSITORY, "accessFrom": {"namespaceSelectors": [{}]}}),
    "classic automation": (ImageUpdateAutomationSpec, AUTOMATION),
    "automation without update": (ImageUpdateAutomationSpec, {k: v for k, v in AUTOMATION.items() if k != "update"}),
}


@pytest.mark.parametrize(("model", "spec"), ACCEPTED.values(), ids=ACCEPTED)
def test_spec_is_accepted_without_unknown_fields(model: type[FluxModel], spec: object) -> None:
    assert unknown_fields(validate_spec(model, spec, where="")) == []


def test_fields_that_the_api_server_would_prune_are_named() -> None:
    spec = {**POLICY, "filterTag": {}, "policy": {"semver": {"range": "1.x", "rnge": "2.x"}}}
    assert unknown_fields(validate_spec(ImagePolicySpec, spec, where="")) == [
        "spec.filterTag",
        "spec.policy.semver.rnge",
    ]
