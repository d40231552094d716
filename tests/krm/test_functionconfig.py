"""The functionConfig: a ConfigMap's options, a kind of the function's own, or nothing."""

from __future__ import annotations

import pytest

from krm_functions.errors import UsageError
from krm_functions.function_config import FunctionConfig, read_function_config
from krm_functions.resource_list import ResourceList

EMPTY_INPUT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "function-input"}, "data": {}}


@pytest.mark.parametrize(
    "resource",
    [
        pytest.param(None, id="absent"),
        pytest.param({}, id="empty"),
        pytest.param(EMPTY_INPUT, id="what kpt fn eval sends when nothing was given"),
        pytest.param({**EMPTY_INPUT, "data": None}, id="data null"),
        pytest.param({"kind": "ConfigMap"}, id="no data"),
    ],
)
def test_function_runs_without_configuration(resource: object) -> None:
    assert read_function_config(resource) is None


def test_config_map_gives_its_data() -> None:
    config = read_function_config(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n"}, "data": {"a": "1", "b": ""}}
    )
    assert config == FunctionConfig("v1", "ConfigMap", "n", "", {"a": "1", "b": ""})
    assert config is not None
    assert config.is_config_map


def test_own_kind_gives_the_whole_resource() -> None:
    resource = {"apiVersion": "x.y/v1", "kind": "Own", "metadata": {"name": "n", "namespace": "ns"}, "spec": {"a": 1}}
    config = read_function_config(resource)
    assert config == FunctionConfig("x.y/v1", "Own", "n", "ns", resource)
    assert config is not None
    assert not config.is_config_map


def test_own_kind_needs_neither_metadata_nor_version() -> None:
    assert read_function_config({"kind": "Own", "metadata": None}) == FunctionConfig(
        "", "Own", "", "", {"kind": "Own", "metadata": None}
    )


@pytest.mark.parametrize(
    ("resource", "where", "what"),
    [
        (["a"], "functionConfig", "expected a resource"),
        ({"a": "b"}, "functionConfig", "has no kind"),
        ({"kind": ""}, "functionConfig", "has no kind"),
        ({"kind": 7}, "functionConfig.kind", "expected a string, not 7"),
        ({"kind": "A", "metadata": {"name": 7}}, "functionConfig.metadata.name", "expected a string, not 7"),
        ({"kind": "ConfigMap", "data": ["a"]}, "functionConfig.data", "expected a mapping"),
        ({"kind": "ConfigMap", "data": {"a": True}}, "functionConfig.data.a", "expected a string, not True"),
        ({"kind": "ConfigMap", "data": {"a": None}}, "functionConfig.data.a", "expected a string, not None"),
    ],
)
def test_broken_configuration_is_refused_with_its_place(resource: object, where: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_function_config(resource)
    assert (caught.value.where, caught.value.what) == (where, what)


def test_values_that_kustomize_fn_run_sends_without_quotes_are_the_texts_that_were_given() -> None:
    text = "kind: ResourceList\nfunctionConfig:\n  kind: ConfigMap\n  metadata: {name: NAME}\n  data: DATA\n"
    data = "{a: 1.10, b: yes, c: 0x10, d: null, e: [1], f: 'g'}"
    sent = text.replace("NAME", "function-input").replace("DATA", data)
    config = ResourceList.parse(sent.encode()).function_config
    assert config is not None
    assert config["data"] == {"a": "1.10", "b": "yes", "c": "0x10", "d": "null", "e": [1], "f": "g"}
    own = ResourceList.parse(text.replace("NAME", "mine").replace("DATA", data).encode()).function_config
    assert own is not None
    assert own["data"]["a"] == 1.1
