"""What is refused, in which words, where, and with what advice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message
from imagesetter.golang.template.catalogue import BUILTINS, FUNCTIONS, REFUSED, SPRIG

DATA = TemplateData("flux-system", "auto", (), {"cluster": "prod"})
CAPTURED = json.loads((Path(__file__).parents[2] / "oracle" / "templates.json").read_text(encoding="utf-8"))


def refusal(template: str) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        render_message(template, DATA)
    return caught.value


def test_every_function_of_flux_is_offered_or_refused_with_a_reason() -> None:
    assert {*SPRIG, *REFUSED} == set(CAPTURED["functions"])
    assert not set(SPRIG) & set(REFUSED)
    assert all(REFUSED.values())


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_function_is_named_with_the_reason(name: str) -> None:
    error = refusal(f'text\n{{{{ {name} "x" }}}}')
    assert str(error) == (
        "unable to create commit message template from spec: "
        f'template: commit message:2: function "{name}" is not offered by imagesetter'
    )
    assert error.hint == f"Flux has it, but {REFUSED[name]}"
    assert error.where == "2"


def test_an_unknown_function_is_named_with_its_neighbours_and_all_there_are() -> None:
    error = refusal("{{ trimprefix .Values.cluster }}")
    assert str(error).endswith('function "trimprefix" not defined')
    assert error.hint.startswith("did you mean trimPrefix or ")
    assert all(f"{name}," in error.hint for name in ("abbrev", "eq", "regexReplaceAll"))


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    error = refusal("{{ qqqqqqqq }}")
    assert error.hint.startswith("there are abbrev, ")
    assert error.hint.count(",") == len(FUNCTIONS) - 1


@pytest.mark.parametrize("name", ["now", "env", "uuidv4", "toYaml", "include", "tpl", "getHostByName", "randAlpha"])
def test_what_flux_does_not_offer_is_not_defined_here_either(name: str) -> None:
    assert name not in FUNCTIONS
    assert f'function "{name}" not defined' in str(refusal(f"{{{{ {name} }}}}"))


def test_slice_is_sprigs_and_not_gos() -> None:
    assert "slice" not in BUILTINS
    assert "list should be type of slice or array but string" in str(refusal('{{ slice "abc" 1 }}'))


@pytest.mark.parametrize(
    ("template", "where", "message"),
    [
        ("é{{ .X }}", "1:5", "commit message:1:5: executing"),
        ("a\nbé {{ .AutomationObject.X }}", "2:24", "commit message:2:24: executing"),
        ("{{ if }}", "1", "commit message:1: missing value for if"),
        ("\n\n{{ range 1", "3", "commit message:3: unclosed action"),
    ],
    ids=["bytes before it on the first line", "on a later line", "does not parse", "unclosed on the third line"],
)
def test_the_place_is_counted_in_characters_and_the_message_in_bytes(template: str, where: str, message: str) -> None:
    error = refusal(template)
    assert error.where == where
    assert message in str(error)


def test_a_removed_field_is_refused_in_the_words_of_flux_where_it_is_reached() -> None:
    with pytest.raises(TemplateError) as caught:
        render_message("{{ if true }}{{ .Updated.Images }}{{ end }}", DATA, dialect="modern")
    assert str(caught.value).startswith("template uses removed '.Updated' field. Please use '.Changed' instead.")
    assert caught.value.where == "1:25"  # Go puts a chain of fields at its second one
    assert ".Changed.Changes" in caught.value.hint
    assert render_message("{{ if false }}{{ .Updated.Images }}{{ end }}x", DATA, dialect="modern") == "x"


def test_only_flux_1_calls_a_field_removed() -> None:
    error = refusal("{{ .Updated.ImageResult }}")
    assert str(error).endswith("can't evaluate field ImageResult in type update.Result")


@pytest.mark.parametrize(
    "template",
    ['{{ fail (repeat 100000 "x") }}', "{{ " + "x" * 100_000 + " }}", "{{ ." + "x" * 100_000 + " }}"],
    ids=["of a function", "of an unknown function", "of an unknown field"],
)
def test_a_long_error_is_shortened(template: str) -> None:
    assert len(str(refusal(template))) < 10_000
