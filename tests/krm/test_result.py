"""Results: the wire form, the order, the line for a terminal, and how other functions' results are read."""

from __future__ import annotations

import pytest

from krm_functions.errors import UsageError
from krm_functions.result import Field, File, ResourceRef, Result, failed, sort_results

WEB = ResourceRef("apps/v1", "Deployment", "web", "shop")


def test_severity_is_written_even_when_it_is_the_default() -> None:
    assert Result("broken").to_dict() == {"message": "broken", "severity": "error"}


def test_wire_form_has_the_fields_of_the_specification_in_its_order() -> None:
    result = Result(
        "set to 2",
        "info",
        resource_ref=WEB,
        field=Field("spec.replicas", 1, 2),
        file=File("app/web.yaml", 3),
        tags={"z": "1", "a": "2"},
    )
    wire = result.to_dict()
    assert wire == {
        "message": "set to 2",
        "severity": "info",
        "resourceRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop"},
        "field": {"path": "spec.replicas", "currentValue": 1, "proposedValue": 2},
        "file": {"path": "app/web.yaml", "index": 3},
        "tags": {"a": "2", "z": "1"},
    }
    assert list(wire) == ["message", "severity", "resourceRef", "field", "file", "tags"]
    assert list(wire["tags"]) == ["a", "z"]  # type: ignore[call-overload]


def test_values_that_are_false_are_written_and_unknown_ones_are_not() -> None:
    field = Field("spec.replicas", 0, "")
    wire = Result("m", resource_ref=WEB, field=field).to_dict()
    assert wire["field"] == {"path": "spec.replicas", "currentValue": 0, "proposedValue": ""}
    wire = Result("m", resource_ref=WEB, field=Field("spec.replicas")).to_dict()
    assert wire["field"] == {"path": "spec.replicas"}


@pytest.mark.parametrize(
    "ref",
    [
        pytest.param(None, id="no resource"),
        pytest.param(ResourceRef("", "Kustomization", "x"), id="no apiVersion"),
        pytest.param(ResourceRef("v1", "", "x"), id="no kind"),
        pytest.param(ResourceRef("v1", "ConfigMap", ""), id="no name"),
    ],
)
def test_reference_with_a_required_part_missing_is_left_out_together_with_its_field(ref: ResourceRef | None) -> None:
    wire = Result("m", resource_ref=ref, field=Field("data.k"), file=File("a.yaml")).to_dict()
    assert wire == {"message": "m", "severity": "error", "file": {"path": "a.yaml"}}


def test_a_result_without_message_or_with_unknown_severity_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="needs a message"):
        Result("")
    with pytest.raises(ValueError, match="'fatal'"):
        Result("m", "fatal")  # type: ignore[arg-type]


def test_a_result_does_not_change_when_the_callers_tags_do() -> None:
    tags = {"policy": "web"}
    result = Result("m", tags=tags)
    tags["policy"] = "other"
    assert result.tags == {"policy": "web"}
    assert result._replace(message="n").tags == {"policy": "web"}
    assert hash(result) == hash(Result("m", tags={"policy": "web"}))


def test_wire_form_reads_back_as_the_same_result() -> None:
    result = Result("m", "warning", WEB, Field("spec.replicas", None, 2), File("a.yaml", 1), {"line": "7"})
    assert Result.from_dict(result.to_dict()) == result


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param({"message": "m"}, Result("m", "error"), id="no severity means error, as specified"),
        pytest.param({"message": "m", "severity": "INFO"}, Result("m", "error"), id="unknown severity"),
        pytest.param({"severity": "info"}, Result("(no message)", "info"), id="no message"),
        pytest.param("just text", Result("(no message)", "error"), id="not a mapping"),
        pytest.param({"message": 7, "severity": "info"}, Result("7", "info"), id="message is a number"),
        pytest.param({"message": "m", "field": "spec", "file": []}, Result("m"), id="parts of the wrong type"),
        pytest.param(
            {"message": "m", "file": {"path": "a", "index": "x"}}, Result("m", file=File("a")), id="odd index"
        ),
        pytest.param({"message": "m", "tags": {1: None}}, Result("m", tags={"1": ""}), id="odd tags"),
        pytest.param({"message": "m", "extra": {"a": 1}}, Result("m"), id="unknown field"),
    ],
)
def test_other_functions_results_are_read_whatever_is_wrong_with_them(wire: object, expected: Result) -> None:
    assert Result.from_dict(wire) == expected


@pytest.mark.parametrize(
    ("result", "line"),
    [
        pytest.param(Result("m"), "[error]: m", id="message alone"),
        pytest.param(Result("m", "info", WEB), "[info] apps/v1/Deployment/shop/web: m", id="resource"),
        pytest.param(
            Result("m", "warning", ResourceRef("v1", "Namespace", "x"), Field("metadata.name")),
            "[warning] v1/Namespace/x metadata.name: m",
            id="resource without namespace, field",
        ),
        pytest.param(Result("m", file=File("a/b.yaml", 2)), "[error]: m (a/b.yaml)", id="file"),
        pytest.param(
            Result("m", file=File("b.yaml"), tags={"line": "12"}), "[error]: m (b.yaml:12)", id="file and line"
        ),
        pytest.param(Result("two\nlines"), "[error]: two lines", id="line break"),
        pytest.param(Result("\x1b[31mred\u202e"), "[error]: \\x1b[31mred\\u202e", id="terminal codes"),
    ],
)
def test_result_is_one_line_on_a_terminal(result: Result, line: str) -> None:
    assert str(result) == line


def test_error_becomes_a_result_that_keeps_where_and_hint() -> None:
    error = UsageError("unknown field 'semvr'", where="spec.policies[0]", hint="did you mean 'semver'?")
    result = Result.from_error(error, resource_ref=WEB)
    assert result == Result("spec.policies[0]: unknown field 'semvr'; did you mean 'semver'?", "error", WEB)
    assert Result.from_error(UsageError("no"), severity="warning") == Result("no", "warning")


def test_order_is_file_then_document_then_severity_then_resource_field_and_message() -> None:
    expected = [
        Result("about no file", "info"),
        Result("a", "warning", file=File("a.yaml")),
        Result("z", "info", ResourceRef("v1", "A", "a"), Field("a"), file=File("a.yaml")),
        Result("a", "info", ResourceRef("v1", "A", "a"), Field("b"), file=File("a.yaml")),
        Result("b", "info", ResourceRef("v1", "A", "a"), Field("b"), file=File("a.yaml")),
        Result("a", "info", ResourceRef("v1", "B", "a"), file=File("a.yaml")),
        Result("a", "warning", file=File("a.yaml", 2)),
        Result("a", "warning", file=File("a.yaml", 10)),
        Result("a", "warning", file=File("b.yaml")),
    ]
    assert sort_results(reversed(expected)) == expected


def test_errors_come_first_because_kpt_shows_only_the_first_four_results() -> None:
    errors = [Result("b", file=File("y.yaml")), Result("a", file=File("z.yaml"))]
    others = [Result("c", "info"), Result("d", "warning", file=File("a.yaml"))]
    assert sort_results([*others, *reversed(errors)]) == [*errors, *others]


def test_equal_results_keep_the_order_in_which_they_were_given() -> None:
    first, second = Result("m", tags={"n": "1"}), Result("m", tags={"n": "2"})
    assert sort_results([second, first]) == [second, first]


def test_one_error_is_enough_to_fail() -> None:
    assert failed([Result("m", "info"), Result("m", "error")])
    assert not failed([Result("m", "info"), Result("m", "warning")])
