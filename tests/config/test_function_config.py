"""The functionConfig in its forms; a mistake names the field and the nearest one."""

from __future__ import annotations

from typing import Any

import pytest

from imagesetter.config.function_config import parse_function_config
from imagesetter.config.options import FunctionOptions
from krm_functions.errors import UsageError
from krm_functions.function_config import read_function_config


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "function-input"}, "data": data}


def image_setter(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "ImageSetter",
        "metadata": {"name": "images", "annotations": {"config.kubernetes.io/function": "exec: {path: imagesetter}"}},
        "spec": spec,
    }


def parsed(resource: dict[str, Any] | None) -> FunctionOptions:
    return parse_function_config(read_function_config(resource))


def test_without_a_function_config_the_defaults_count() -> None:
    assert parsed(None) == FunctionOptions()
    assert parsed(config_map()) == FunctionOptions()


def test_a_config_map_gives_the_flat_options() -> None:
    config = parsed(config_map(**{"from": "lock", "onError": "keep", "strict": "true", "bindByImage": "True"}))
    assert (config.source, config.on_error, config.strict, config.bind_by_image) == ("lock", "keep", True, True)


def test_an_image_setter_gives_policies_and_targets() -> None:
    config = parsed(
        image_setter(
            policies=[{"name": "web", "image": "r.example.com/web", "semver": {"range": "1.0.x"}, "insecure": True}],
            targets=[
                {
                    "select": {"kind": "Deployment", "name": "web", "labelSelector": "app in (a, b)"},
                    "fieldPaths": ["spec.image"],
                    "policy": "web:tag",
                }
            ],
        )
    )
    policy, repository = config.policies
    assert policy.names == (("flux-system", "web"),)
    assert policy.data["spec"] == {"imageRepositoryRef": {"name": "web"}, "policy": {"semver": {"range": "1.0.x"}}}
    assert repository.data["spec"] == {"image": "r.example.com/web", "insecure": True}
    (target,) = config.targets
    assert target.select.kind == "Deployment"
    assert target.select.label_selector is not None
    assert (target.field_paths, target.policy) == (("spec.image",), "web:tag")


def test_the_namespace_of_inline_policies_is_that_of_the_function_config() -> None:
    resource = image_setter(policies=[{"name": "web", "image": "web", "numerical": {"order": "asc"}}])
    resource["metadata"]["namespace"] = "apps"
    assert parsed(resource).policies[0].names == (("apps", "web"),)


REFUSED = {
    "unknown flat option": (config_map(form="lock"), "data.form: unknown option (did you mean from?)"),
    "unknown source": (config_map(**{"from": "cluster"}), "data.from: 'cluster' is not one of registry, lock, status"),
    "neither true nor false": (config_map(strict="yes"), """data.strict: 'yes' is neither "true" nor "false\""""),
    "unknown spec field": (
        image_setter(bindByImages=True),
        "spec.bindByImages: unknown field (did you mean bindByImage?)",
    ),
    "unknown policy field": (
        image_setter(policies=[{"name": "a", "image": "a", "semver": {"range": "1.x"}, "filterTag": {}}]),
        "spec.policies[0].filterTag: unknown field (did you mean filterTags?)",
    ),
    "unknown field of a rule": (
        image_setter(policies=[{"name": "a", "image": "a", "semver": {"range": "1.x", "rang": "2.x"}}]),
        "spec.policies[0].semver.rang: unknown field (did you mean range?)",
    ),
    "two rules": (
        image_setter(policies=[{"name": "a", "image": "a", "semver": {"range": "1"}, "numerical": {}}]),
        "spec.policies[0] does not have exactly one of semver, alphabetical and numerical",
    ),
    "target without field paths": (
        image_setter(targets=[{"select": {}, "policy": "a"}]),
        "spec.targets[0].fieldPaths: is required",
    ),
    "text for a boolean": (image_setter(strict="true"), "spec.strict: must be true or false, not the string 'true'"),
    "unknown field that is empty": (
        image_setter(polices=None),
        "spec.polices: unknown field (did you mean policies?)",
    ),
    "one policy in place of a list": (image_setter(policies={}), "spec.policies: must be a list, not a mapping"),
    "null in a list": (
        image_setter(policies=[None]),
        "spec.policies[0]: must be a mapping, not null",
    ),
    "unknown source of an ImageSetter": (
        image_setter(**{"from": "cluster"}),
        "spec.from: 'cluster' is not accepted: write 'registry', 'lock' or 'status'",
    ),
    "another kind": (
        {"apiVersion": "fn.kpt.dev/v1alpha1", "kind": "SetImage"},
        "functionConfig is a fn.kpt.dev/v1alpha1 SetImage, which imagesetter does not read",
    ),
}


def test_an_empty_field_is_as_good_as_none() -> None:
    resource = image_setter(policies=None, targets=None, strict=None, bindByImage=None)
    assert parsed(resource) == parsed(image_setter())


@pytest.mark.parametrize(("resource", "message"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_named_with_its_field(resource: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parsed(resource)
    assert str(refused.value) == message
    assert refused.value.where.startswith("functionConfig")


@pytest.mark.parametrize("field", ["cacheDir", "dockerConfig", "credentialHelper", "proxy", "caFile", "allowRegistry"])
def test_no_path_helper_or_proxy_is_taken_from_the_resource_list(field: str) -> None:
    for resource in (config_map(**{field: "/etc/passwd"}), image_setter(**{field: "/etc/passwd"})):
        with pytest.raises(UsageError, match=field):
            parsed(resource)
