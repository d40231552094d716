"""The commit message template: Go's text/template with Flux's functions, and data that names anything."""

from __future__ import annotations

from fuzz.target import Target, cut


def _template(data: bytes) -> None:
    from imagesetter.errors import TemplateError
    from imagesetter.flux.commit_message.data import ChangeRecord, Dialect, TemplateData
    from imagesetter.flux.commit_message.names import ObjectIdentifier
    from imagesetter.flux.commit_message.render import render_message
    from imagesetter.flux.latest_ref import LatestRef
    from imagesetter.flux.markers import PolicyName

    template, value, name = cut(data, 3)
    record = ChangeRecord(
        file=f"a/{name}.yaml",
        object=ObjectIdentifier("apps/v1", "Deployment", name, "default"),
        old="r/app:1",
        new=value or "r/app:2",
        setter="ns:app",
        ref=LatestRef("r.example.com/app", value or "2"),
        policy=PolicyName("ns", "app"),
    )
    about = TemplateData("flux-system", "auto", (record,), {"cluster": value})
    dialects: tuple[Dialect, ...] = ("auto", "modern", "legacy")
    for dialect in dialects:
        try:
            render_message(template, about, dialect=dialect).encode()
        except TemplateError as err:
            str(err).encode()


def _words() -> tuple[bytes, ...]:
    from imagesetter.golang.template.catalogue import FUNCTIONS

    syntax = (
        "{{ }} {{- -}} ( ) | := = $ . , `a` \"b\" 'c' 1 1.5 0x1F -1 9223372036854775807 1e308 nil true"
        " {{if {{else}} {{end}} {{range {{with {{define {{template {{block {{break}} {{continue}} /* */"
        " .Values .Changed .Changed.Changes .Changed.Objects .Changed.FileChanges .Updated.Images .Updated.Files"
        " .AutomationObject .OldValue .NewValue .Setter .Repository .Identifier .Name .Kind .Policy"
        " %v %d %+v %q %x %08.3f %*d %[2]d"
    )
    return (*(word.encode() for word in syntax.split()), b" ", *(f" {name} ".encode() for name in sorted(FUNCTIONS)))


TARGETS = (
    Target(
        "template",
        _template,
        (
            b"Update {{ range .Changed.Changes }}{{ .OldValue }} -> {{ .NewValue }}{{ end }}\x001.2.3\0web",
            b"{{ range $r, $c := .Changed.Objects }}{{ $r.Kind }}{{ range $c }}{{ .Setter }}{{ end }}{{ end }}",
            b"{{ range .Updated.Images }}{{ .Repository }}:{{ .Identifier }} {{ . }}{{ end }}",
            b'{{ .Values.cluster | upper | trunc 3 | printf "%-5s|" }}{{- /* c */ -}}',
            b'{{ $x := dict "a" (list 1 2.5 "x") }}{{ toJson $x }}{{ index $x "a" 1 }}{{ define "t" }}{{ . }}{{ end }}'
            b'{{ template "t" (fromJson "{}") }}',
            b'{{ if and (eq 1 1) (lt 1.5 2.5) }}{{ regexReplaceAll "a(b)" "ab" "$1" }}{{ else with 1 }}{{ end }}',
            b'{{ toDate "2006-01-02" "2024-02-30" | date "Mon Jan" }}{{ semver "1.2.3-a" }}{{ b64dec "YQ" }}',
        ),
        _words(),
        800,
    ),
)
