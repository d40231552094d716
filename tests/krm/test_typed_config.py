"""A function's configuration as an object of a pydantic model."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, field_validator

from krm_functions import ResourceList, respond
from krm_functions.errors import UsageErrors
from krm_functions.typed_config import read_config


class Limits(BaseModel):
    memory: str
    cpu: float = 1.0


class Sidecar(BaseModel):
    team: str
    replicas: int = 1
    enabled: bool = True
    mode: Literal["add", "replace"] = "add"
    ports: list[int] = []
    limits: Limits | None = None
    extra_labels: dict[str, str] = Field(default={}, alias="extraLabels")

    @field_validator("replicas")
    @classmethod
    def _positive(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be at least 1")
        return value


class Labels(RootModel[dict[str, str]]):
    pass


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": data}


def own(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Sidecar", "metadata": {"name": "s", "annotations": {}}, **fields}


FULL = {
    "team": "five",
    "replicas": 3,
    "enabled": False,
    "ports": [80, 443],
    "limits": {"memory": "1Gi", "cpu": 0.5},
    "extraLabels": {"a": "b"},
}


@pytest.mark.parametrize(
    "resource",
    [
        config_map(
            team="five",
            replicas="3",
            enabled="false",
            ports="[80, 443]",
            limits="memory: 1Gi\ncpu: 0.5\n",
            extraLabels="{a: b}",
        ),
        own(**FULL),
        own(spec=FULL),
    ],
    ids=["ConfigMap", "fields of an own kind", "spec of an own kind"],
)
def test_the_same_model_is_filled_from_every_form(resource: dict[str, Any]) -> None:
    assert read_config(Sidecar, resource) == Sidecar(**FULL)


def test_a_text_stays_a_text_whatever_yaml_would_make_of_it() -> None:
    assert read_config(Sidecar, config_map(team="on")).team == "on"
    assert read_config(Labels, config_map(a="0x10", b="null")).root == {"a": "0x10", "b": "null"}


def test_a_model_of_everything_takes_all_the_data() -> None:
    assert read_config(Labels, config_map(**{"example.com/team": "five"})).root == {"example.com/team": "five"}
    assert read_config(Labels, None).root == {}


def test_a_model_with_a_kind_of_its_own_gets_the_whole_resource() -> None:
    class Whole(BaseModel):
        kind: Literal["Sidecar"]
        metadata: dict[str, Any]
        spec: Limits

    found = read_config(Whole, own(spec={"memory": "1Gi"}))
    assert (found.kind, found.metadata["name"], found.spec.memory) == ("Sidecar", "s", "1Gi")
    misspelt = complaints(Whole, own(spec={"memory": "1Gi"}, sepc={}))
    assert misspelt == [("functionConfig.sepc", "no such field (did you mean spec?)")]


def complaints(model: type[BaseModel], resource: object) -> list[tuple[str, str]]:
    with pytest.raises(UsageErrors) as caught:
        read_config(model, resource)
    return [(error.where, f"{error.what}; {error.hint}" if error.hint else error.what) for error in caught.value.errors]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (
            config_map(teem="five"),
            [
                ("functionConfig.data.teem", "no such field (did you mean team?)"),
                ("functionConfig.data.team", "is required; is 'teem' a misspelling of it?"),
            ],
        ),
        (
            config_map(team="five", colour="red"),
            [
                (
                    "functionConfig.data.colour",
                    "no such field; known are enabled, extraLabels, limits, mode, ports, replicas, team",
                )
            ],
        ),
        (
            config_map(team="five", replicas="many"),
            [
                (
                    "functionConfig.data.replicas",
                    "input should be a valid integer, unable to parse string as an integer, not the string 'many'",
                )
            ],
        ),
        (config_map(team="five", replicas="0"), [("functionConfig.data.replicas", "must be at least 1")]),
        (
            config_map(team="five", mode="ad"),
            [("functionConfig.data.mode", "'ad' is not accepted: write 'add' or 'replace'")],
        ),
        (
            config_map(team="five", ports="80"),
            [("functionConfig.data.ports", "must be a list, not the number 80")],
        ),
        (
            own(team="five", limits={"memroy": "1Gi"}),
            [("functionConfig.limits.memory", "is required; is 'memroy' a misspelling of it?")],
        ),
        (
            own(spec={"team": "five", "limits": {"memory": "1Gi", "cpus": 2}}),
            [("functionConfig.spec.limits.cpus", "no such field (did you mean cpu?)")],
        ),
        (
            own(team="five", ports=[80, "http"]),
            [
                (
                    "functionConfig.ports[1]",
                    "input should be a valid integer, unable to parse string as an integer, not the string 'http'",
                )
            ],
        ),
        (
            None,
            [
                (
                    "functionConfig.team",
                    "is required; give it in the data of a ConfigMap, or in a resource of the function's own kind",
                )
            ],
        ),
    ],
    ids=[
        "misspelt and required",
        "unknown",
        "no number",
        "the model's own rule",
        "no choice",
        "no list",
        "required, inside",
        "unknown, inside",
        "in a list",
        "nothing given",
    ],
)
def test_each_mistake_is_told_with_its_path(resource: object, expected: list[tuple[str, str]]) -> None:
    assert complaints(Sidecar, resource) == expected


def test_broken_yaml_in_a_config_map_is_told_with_its_path_and_line() -> None:
    answer = respond(
        lambda resources, config: None,
        b"kind: ResourceList\n",
        config=Sidecar,
        function_config=config_map(team="five", ports="[80"),
        env={"LOG_TO_STDERR": "true"},
    )
    assert answer.status == 2
    assert answer.stderr.startswith("[error]: functionConfig.data.ports: ")


def test_fields_that_a_model_lets_pass_pass() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        team: str

    class Indifferent(BaseModel):
        model_config = ConfigDict(extra="ignore")
        team: str

    assert read_config(Open, config_map(team="five", more="x")).model_extra == {"more": "x"}
    assert read_config(Indifferent, config_map(team="five", more="x")).team == "five"


def test_every_way_to_name_a_field_is_known() -> None:
    class Named(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        by_alias: str = Field(default="", alias="byAlias")
        choices: str = Field(default="", validation_alias=AliasChoices("one", "two"))

    for name in ("byAlias", "by_alias", "one", "two"):
        read_config(Named, config_map(**{name: "x"}))
    assert complaints(Named, config_map(three="x"))[0][0] == "functionConfig.data.three"


def test_a_function_gets_its_configuration_and_each_mistake_becomes_a_result() -> None:
    def note(resources: ResourceList, config: Sidecar) -> None:
        resources.results.info(f"{config.team} {config.replicas}")

    good = respond(note, b"kind: ResourceList\nfunctionConfig: {kind: ConfigMap, data: {team: a}}\n", config=Sidecar)
    assert [result.message for result in ResourceList.parse(good.stdout).results] == ["a 1"]
    bad = respond(note, b"kind: ResourceList\nfunctionConfig: {kind: Own, teem: a, replicas: x}\n", config=Sidecar)
    assert bad.status == 2
    assert [result.message.partition(": ")[0] for result in ResourceList.parse(bad.stdout).results] == [
        "functionConfig.replicas",
        "functionConfig.team",
        "functionConfig.teem",
    ]
