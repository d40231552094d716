"""Which Flux a template was written for, and what our data looks like to it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import ChangeRecord, Dialect, TemplateData
from imagesetter.flux.commit_message.names import ObjectIdentifier
from imagesetter.flux.commit_message.render import render_message
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName

CLASSIC = "Update image to {{range .Updated.Images}}{{println .}}{{end}}"
WEB = PolicyName("flux-system", "web")
PODINFO = PolicyName("flux-system", "podinfo")
DEPLOYMENT = ObjectIdentifier("apps/v1", "Deployment", "podinfo", "prod")
CRONJOB = ObjectIdentifier("batch/v1", "CronJob", "zeta", "")


def record(file: str, object_: ObjectIdentifier, old: str, ref: LatestRef, policy: PolicyName) -> ChangeRecord:
    return ChangeRecord(file, object_, old, str(ref), f"{policy.namespace}:{policy.name}", ref, policy)


NGINX = LatestRef("nginx", "1.27")
RECORDS = (
    record("b.yaml", DEPLOYMENT, "ghcr.io/org/podinfo:6.6.0", LatestRef("ghcr.io/org/podinfo", "6.7.1"), PODINFO),
    record("a.yaml", CRONJOB, "nginx:1.25", NGINX, WEB),
    record("a.yaml", DEPLOYMENT, "nginx:1.26", NGINX, WEB),
)


def data(*records: ChangeRecord, values: dict[str, str] | None = None) -> TemplateData:
    return TemplateData("flux-system", "auto", records or RECORDS, values)


def test_the_classic_template_renders_unless_the_dialect_is_that_of_flux_1() -> None:
    expected = "Update image to nginx:1.27\nghcr.io/org/podinfo:6.7.1\n"
    assert render_message(CLASSIC, data()) == expected
    assert render_message(CLASSIC, data(), dialect="legacy") == expected
    with pytest.raises(TemplateError, match=r"removed '\.Updated' field"):
        render_message(CLASSIC, data(), dialect="modern")


def test_a_template_may_name_changed_and_updated_side_by_side() -> None:
    template = "{{ len .Changed.Changes }} {{ len .Updated.Images }} {{ len .Changed.ImageResult.Files }}"
    assert render_message(template, data()) == "3 2 2"


def test_auto_prints_the_data_as_flux_1_does() -> None:
    template = "{{ . }} {{ .Changed }}"
    assert render_message(template, data()) == render_message(template, data(), dialect="modern")


@pytest.mark.parametrize(
    ("dialect", "changes"), [("auto", 2), ("modern", 2), ("legacy", 1)], ids=["auto", "modern", "legacy"]
)
def test_an_object_in_two_files_keeps_all_its_changes_but_for_legacy(dialect: Dialect, changes: int) -> None:
    template = '{{ range $o, $c := .Changed.Objects }}{{ if eq $o.Name "podinfo" }}{{ len $c }}{{ end }}{{ end }}'
    assert render_message(template, data(), dialect=dialect) == str(changes)


def test_the_message_does_not_depend_on_the_order_in_which_files_were_read() -> None:
    template = "{{ .Changed }}{{ .Changed.Changes }}{{ .Changed.Objects }}{{ .Updated }}{{ .Updated.Images }}"
    expected = render_message(template, data())
    shuffler = random.Random(4)
    for _ in range(5):
        records = list(RECORDS)
        shuffler.shuffle(records)
        assert render_message(template, data(*records)) == expected


def test_changes_of_one_object_stay_in_the_order_of_the_document() -> None:
    later = record("a.yaml", CRONJOB, "z:1", LatestRef("z", "2"), WEB)
    earlier = record("a.yaml", CRONJOB, "a:1", LatestRef("a", "2"), WEB)
    message = render_message("{{ range .Changed.Changes }}{{ .NewValue }} {{ end }}", data(later, earlier))
    assert message == "z:2 a:2 "


def test_the_same_change_in_two_files_is_listed_once() -> None:
    other = replace(RECORDS[1], file="c.yaml")
    assert render_message("{{ len .Changed.Changes }}", data(*RECORDS, other)) == "3"


def test_one_image_under_two_policies_is_two_images() -> None:
    other = replace(RECORDS[1], policy=PODINFO, file="c.yaml")
    message = render_message("{{ range .Updated.Images }}{{ . }}={{ .Policy }} {{ end }}", data(RECORDS[1], other))
    assert message == "nginx:1.27=flux-system/web nginx:1.27=flux-system/podinfo "


def test_an_image_with_a_digest_is_identified_by_it() -> None:
    ref = LatestRef("registry.example.com:5000/team/app", "v2", "sha256:" + "0" * 64)
    template = "{{ range .Updated.Images }}{{ . }} {{ .Identifier }} {{ .Name }} {{ .Context }}{{ end }}"
    message = render_message(template, data(record("a.yaml", CRONJOB, "x:1", ref, WEB)))
    digest = "sha256:" + "0" * 64
    assert message == (
        f"registry.example.com:5000/team/app:v2@{digest} {digest}"
        f" registry.example.com:5000/team/app@{digest} registry.example.com:5000/team/app"
    )


def test_an_image_that_cannot_be_read_is_an_error_only_where_it_has_to_be_read() -> None:
    rows = data(record("a.yaml", CRONJOB, "x:1", LatestRef("x", "2"), WEB))
    assert render_message(CLASSIC, rows) == "Update image to x:2\n"
    with pytest.raises(TemplateError, match="error calling Registry: could not parse reference: x:2"):
        render_message("{{ (index .Updated.Images 0).Registry }}", rows)


def test_a_template_without_values_sees_an_empty_map() -> None:
    assert render_message("{{ .Values }}{{ .Values.x }}{{ toJson .Values }}", data()) == "map[]<no value>null"


def test_a_template_that_changes_a_dictionary_does_not_change_the_data() -> None:
    rows = data(values={"a": "1"})
    template = '{{ $d := dict "v" .Values }}{{ $_ := set $d "w" 1 }}{{ $d }}'
    assert render_message(template, rows) == render_message(template, rows) == "map[v:map[a:1] w:1]"


def test_no_template_is_the_message_of_flux() -> None:
    assert render_message("", data()) == "Update from image update automation"


@pytest.mark.parametrize("field", ["file", "old", "new", "setter"])
def test_data_that_utf_8_cannot_hold_becomes_replacement_characters(field: str) -> None:
    broken = replace(RECORDS[0], **{field: "x\ud800y"})
    message = render_message("{{ .Changed }}", data(broken))
    assert "x\ufffdy" in message
    assert message.encode()


def test_a_field_whose_text_stays_is_no_change() -> None:
    same = replace(RECORDS[0], old=RECORDS[0].new)
    message = render_message("{{ len .Changed.Changes }} {{ len .Updated.Images }} {{ .Changed }}", data(same))
    assert message == "0 0 {map[]}"
