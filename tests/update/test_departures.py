"""Every difference from Flux that the manual names has a test, and those that no other file tests are tested here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message
from support.flux_repositories import Run, field, policies
from tools import CHECKOUT

TESTED = {
    "rewrites the whole file": "flux/test_setters_oracle.py::test_marked_scalars_change_as_in_flux_and_no_other_byte",
    "silently ignores a marker of an unknown policy": (
        "update/test_files.py::test_an_unknown_policy_is_one_error_with_the_number_of_fields_it_holds_up"
    ),
    "silently ignores a marker with text": (
        "update/test_files.py::test_a_marker_that_flux_ignores_silently_is_a_warning"
    ),
    "silently skips a file that does not parse": (
        "update/test_files.py::test_a_document_with_markers_that_is_not_yaml_is_an_error_with_its_line"
    ),
    "if a policy fails": "update/test_held_up.py::test_the_good_fields_follow_and_the_bad_one_stays",
    "changes a field to any lower tag": (
        "lock/test_downgrades.py::test_a_tag_that_the_policy_does_not_allow_any_more_gives_way"
    ),
    "silently replaces a value with a digest": (
        "update/test_pinned_fields.py::test_a_pinned_field_gets_the_digest_of_its_new_tag"
    ),
    "replaces the whole text": "fields/test_field_text.py::test_only_the_policys_part_of_a_text_changes",
    "writes the whole name": "fields/test_field_text.py::test_a_name_beside_its_registry_does_not_get_it_twice",
    "ignores a marker inside the text": (
        "lint/test_seen_or_said.py::test_a_marker_inside_a_value_is_reported_with_its_line"
    ),
    "writes the part that a marker names": (
        "fields/test_field_text.py::test_a_part_that_does_not_fit_the_field_is_an_error_that_names_the_right_marker"
    ),
    "`:digest` writes an empty text": (
        "update/test_plan.py::test_a_digest_that_the_policy_does_not_reflect_is_an_error_and_no_empty_text"
    ),
    "reads a status": "flux/test_latest.py::test_a_tag_that_yaml_does_not_read_as_a_text_is_refused",
    "a plain `1`": "krm_yaml/test_quote.py::test_a_string_never_keeps_the_tag_of_another_type",
    "writes a tag such as `123e4567`": (
        "krm_yaml/test_quote.py::test_what_some_reader_takes_for_more_than_a_string_needs_quotes"
    ),
    "writes items of `kind: List`": "update/test_departures.py::test_the_items_of_a_list_are_changed_in_its_file",
    "reads complete policies from the cluster": (
        "flux/test_catalog.py::test_a_resource_without_a_namespace_is_in_the_namespace_of_the_run"
    ),
    "knows a policy by its name": "update/test_nearest.py::test_the_nearest_policy_counts",
    "replaces an undefined `${variable}`": "update/test_substitution.py::test_a_policy_has_its_values_or_is_an_error",
    "follows only policies of the automation's": (
        "git/test_run.py::test_only_policies_of_the_automations_namespace_are_followed"
    ),
    "excludes tags that end in `.sig`": "policy/test_signatures.py::test_a_signature_is_never_selected",
    "with `filterTags`, breaks ties": "policy/test_select.py::test_choice",
    "compares numbers as float64": "policy/test_select.py::test_choice",
    "has no signatures": (
        "candidates/test_verified.py::test_the_best_signed_tag_is_written_with_the_digest_that_was_verified"
    ),
    "matches `issuer` and `subject`": (
        "verification/test_keyless.py::test_an_identity_that_holds_the_wanted_one_is_another"
    ),
    "takes any attestation": "verification/test_cosign.py::test_an_attestation_by_the_key_is_not_a_signature",
    "allows patterns of any length": "golang/test_regexp.py::test_pattern_longer_than_the_bound_is_refused_briefly",
    "accepts an order only in lower case": "update/test_departures.py::test_an_order_may_be_in_any_case",
    "requires `spec.interval`": "update/test_departures.py::test_a_repository_may_have_no_interval",
    "matches a credential path": "registry/test_secrets.py::test_key_is_not_for_the_repository",
    "fails if a Secret is missing": (
        "registry/test_secrets.py::test_encrypted_secret_and_the_login_used_in_its_place_are_both_told"
    ),
    "a suspended policy": "selection/test_sources.py::test_what_is_suspended_keeps_its_recorded_answer",
    "a message template that uses `.Updated`": (
        "flux/commit_message/test_dialects.py::test_the_classic_template_renders_unless_the_dialect_is_that_of_flux_1"
    ),
    "the order of a message's data": (
        "flux/commit_message/test_dialects.py::test_the_message_does_not_depend_on_the_order_in_which_files_were_read"
    ),
    "errors of templates": "update/test_departures.py::test_the_error_of_a_template_shows_no_login",
    "has template functions": "flux/commit_message/test_refusals.py::test_a_refused_function_is_named_with_the_reason",
    "templates have no limits": (
        "flux/commit_message/test_hostile_templates.py::test_a_hostile_template_meets_a_limit"
    ),
    "skips a file whose documents": "update/test_departures.py::test_files_that_flux_passes_over_are_followed",
    'the comment `{"x-k8s-cli"': "update/test_departures.py::test_a_comment_of_kyaml_with_a_value_is_not_a_marker",
}
"""The beginning of what Flux does, as the manual's table has it, and a test of what we do."""


def rows() -> list[str]:
    text = (CHECKOUT / "docs/flux.md").read_text(encoding="utf-8").partition("## Differences from Flux\n")[2]
    cells = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
    return [cell for cell in cells if cell != "Flux"]


def test_every_difference_that_the_manual_names_has_a_test() -> None:
    found = {row: [test for start, test in TESTED.items() if row.startswith(start)] for row in rows()}
    assert {row: tests for row, tests in found.items() if len(tests) != 1} == {}
    assert [start for start in TESTED if not any(row.startswith(start) for row in rows())] == []
    for test in TESTED.values():
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (CHECKOUT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE), test


def changed(run: Run, files: dict[str, str]) -> list[str]:
    """The files that an update changes."""
    run(files, "update", "--from", "status")
    return [name for name, text in files.items() if Path(name).read_text(encoding="utf-8") != text]


def test_the_items_of_a_list_are_changed_in_its_file(run: Run) -> None:
    item = "- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  " + field()
    files = {"p.yaml": policies("1.3.0"), "list.yaml": f"apiVersion: v1\nkind: List\nitems:\n{item}"}
    assert changed(run, files) == ["list.yaml"]
    assert Path("list.yaml").read_text(encoding="utf-8") == files["list.yaml"].replace("1.0.0", "1.3.0")
    assert sorted(path.name for path in Path().iterdir() if path.suffix == ".yaml") == ["list.yaml", "p.yaml"]


@pytest.mark.parametrize("order", ["ASC", "Asc", "asc"])
def test_an_order_may_be_in_any_case(order: str, run: Run) -> None:
    files = {"p.yaml": policies("1.3.0", rule=f"alphabetical: {{order: {order}}}"), "a.yaml": field()}
    assert changed(run, files) == ["a.yaml"]


def test_a_repository_may_have_no_interval(run: Run) -> None:
    files = {"p.yaml": policies("1.3.0").replace(", interval: 5m", ""), "a.yaml": field()}
    assert "interval" not in files["p.yaml"]
    assert changed(run, files) == ["a.yaml"]


def test_the_error_of_a_template_shows_no_login() -> None:
    with pytest.raises(TemplateError) as refused:
        render_message('{{ fail "see https://me:hunter2@example.com/x" }}', TemplateData("apps", "auto"))
    assert "example.com/x" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_files_that_flux_passes_over_are_followed(run: Run) -> None:
    image = field().removeprefix("image: ")
    files = {
        "p.yaml": policies("1.3.0"),
        "a..b/list.yaml": f"- {image}",
        "scalar.yaml": image,
        "kyaml.yaml": f"metadata: {{annotations: {{config.kubernetes.io/path: x.yaml}}}}\n{field()}",
    }
    assert changed(run, files) == ["a..b/list.yaml", "scalar.yaml", "kyaml.yaml"]


def test_a_comment_of_kyaml_with_a_value_is_not_a_marker(run: Run) -> None:
    text = 'image: a:1 # {"x-k8s-cli": {"setter": {"name": "flux-system:web", "value": "b:2"}}}\n'
    assert changed(run, {"p.yaml": policies("1.3.0"), "a.yaml": text, "b.yaml": field()}) == ["b.yaml"]
