"""KRM functions specification v1, requirement by requirement.

Each test is named after one MUST, SHOULD or MAY of kustomize's functions-spec.md. What the specification asks of an
image ("be a container") is tested with the Dockerfile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from krm_functions.function import Output, Response, respond
from krm_functions.resource_list import ResourceList
from krm_functions.result import Field, File, ResourceRef, Result
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.load import load

LIST = """\
apiVersion: config.kubernetes.io/v1
kind: ResourceList
items:
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: a # the name
    annotations:
      internal.config.kubernetes.io/path: 'a.yaml'
      internal.config.kubernetes.io/index: '0'
      internal.config.kubernetes.io/id: '1'
      internal.config.kubernetes.io/seqindent: 'compact'
functionConfig:
  apiVersion: example.com/v1
  kind: Own
  metadata: {name: own}
  spec: {value: 1} # why
"""


def answer_to(text: str, output: Output | Callable[[ResourceList], Output]) -> Response:
    return respond(output if callable(output) else lambda resources: output, text.encode())


def data_of(answer: Response) -> dict[str, Any]:
    data = load(answer.stdout.decode())
    assert isinstance(data, dict)
    return data


def written(result: Result) -> dict[str, Any]:
    (wire,) = data_of(answer_to(LIST, Output(results=[result])))["results"]
    assert isinstance(wire, dict)
    return wire


def test_must_read_a_resource_list_and_write_one() -> None:
    data = data_of(answer_to(LIST, Output()))
    assert (data["apiVersion"], data["kind"], len(data["items"])) == ("config.kubernetes.io/v1", "ResourceList", 1)


def test_must_support_yaml_in_utf_8() -> None:
    text = LIST.replace("name: a", "name: ä€\U0001f600")
    assert answer_to(text, Output()).stdout == text.encode("utf-8")


def test_must_support_json_because_yaml_includes_it() -> None:
    text = json.dumps(load(LIST))
    answer = answer_to(text, Output(results=[Result("m", "info")]))
    assert json.loads(answer.stdout)["results"] == [{"message": "m", "severity": "info"}]


def test_should_answer_in_the_format_of_the_input() -> None:
    assert answer_to(LIST, Output(results=[Result("m", "info")])).stdout.startswith(b"apiVersion: ")


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_output_has_the_version_of_the_input(version: str) -> None:
    text = LIST.replace("config.kubernetes.io/v1", f"config.kubernetes.io/{version}")
    data = data_of(answer_to(text, Output(results=[Result("m", "info")], items=[])))
    assert data["apiVersion"] == f"config.kubernetes.io/{version}"


@pytest.mark.parametrize("items", ["", "items: []\n", "items:\n", "items: null\n"])
def test_items_may_be_empty_or_missing(items: str) -> None:
    answer = answer_to(f"apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n{items}", Output())
    assert (answer.status, ResourceList.parse(answer.stdout).items) == (0, ())


def test_function_config_is_optional() -> None:
    answer = answer_to(
        LIST.split("functionConfig:")[0],
        lambda resources: Output(results=[Result(f"{resources.function_config}", "info")]),
    )
    assert ResourceList.parse(answer.stdout).results == (Result("None", "info"),)


def test_function_config_is_given_back_with_its_comments() -> None:
    assert b"  spec: {value: 1} # why\n" in answer_to(LIST, Output(results=[Result("m")])).stdout


def test_standard_output_is_the_lists_alone_and_messages_go_to_standard_error() -> None:
    def process(resources: ResourceList) -> Output:
        raise ValueError("a bug")

    answer = answer_to(LIST, process)
    assert data_of(answer)["kind"] == "ResourceList"
    assert "ValueError: a bug" in answer.stderr


@pytest.mark.parametrize(("severity", "status"), [("error", 1), ("warning", 0), ("info", 0)])
def test_exit_status_is_zero_for_success_and_not_for_failure(severity: Any, status: int) -> None:
    assert answer_to(LIST, Output(results=[Result("m", severity)])).status == status


def test_may_add_change_and_delete_items() -> None:
    def process(resources: ResourceList) -> Output:
        (item,) = resources.items
        kind = next(scalar for scalar in item.scalars() if scalar.path == ("kind",))
        return Output(edits=[Edit(kind.start, kind.end, "Secret")], items=[item, {"kind": "New"}])

    changed = answer_to(LIST, process)
    assert [item.kind for item in ResourceList.parse(changed.stdout).items] == ["Secret", "New"]
    gone = answer_to(LIST, Output(items=[]))
    assert (data_of(gone)["items"], data_of(gone)["functionConfig"]["kind"]) == ([], "Own")


def test_should_preserve_comments() -> None:
    def process(resources: ResourceList) -> Output:
        name = next(scalar for scalar in resources.items[0].scalars() if scalar.path == ("metadata", "name"))
        return Output(edits=[Edit(name.start, name.end, "b")], results=[Result("m", "info")])

    assert b"    name: b # the name\n" in answer_to(LIST, process).stdout


def test_must_not_change_the_orchestrators_annotations() -> None:
    output = Output(results=[Result("m", "info")], items=None)
    (before,), (after,) = (ResourceList.parse(text).items for text in (LIST.encode(), answer_to(LIST, output).stdout))
    assert after.annotations == before.annotations
    assert after.text == before.text


def test_results_before_are_kept_and_appended_to() -> None:
    text = LIST + "results:\n- message: before\n  odd: [kept] # as well\n"
    answer = answer_to(text, Output(results=[Result("m", "info")]))
    assert answer.stdout.decode() == text + "- message: m\n  severity: info\n"


def test_result_message_is_required() -> None:
    with pytest.raises(ValueError, match="message"):
        Result("")


def test_result_severity_is_one_of_three_and_always_written() -> None:
    assert [written(Result("m", severity))["severity"] for severity in ("error", "warning", "info")] == [
        "error",
        "warning",
        "info",
    ]
    assert written(Result("m"))["severity"] == "error"


def test_resource_ref_has_api_version_kind_and_name() -> None:
    assert written(Result("m", resource_ref=ResourceRef("v1", "A", "a")))["resourceRef"] == {
        "apiVersion": "v1",
        "kind": "A",
        "name": "a",
    }
    assert "resourceRef" not in written(Result("m", resource_ref=ResourceRef("v1", "A", "")))


def test_field_needs_a_path_and_a_resource_ref() -> None:
    field = Field("spec.containers[0].image", "old", "new")
    assert written(Result("m", resource_ref=ResourceRef("v1", "A", "a"), field=field))["field"] == {
        "path": "spec.containers[0].image",
        "currentValue": "old",
        "proposedValue": "new",
    }
    assert "field" not in written(Result("m", field=field))


def test_file_has_a_path_and_an_index_that_is_0_by_default() -> None:
    assert written(Result("m", file=File("a/b.yaml", 2)))["file"] == {"path": "a/b.yaml", "index": 2}
    assert written(Result("m", file=File("a/b.yaml")))["file"] == {"path": "a/b.yaml"}


def test_tags_are_strings_by_string() -> None:
    assert written(Result("m", tags={"a": "1"}))["tags"] == {"a": "1"}
