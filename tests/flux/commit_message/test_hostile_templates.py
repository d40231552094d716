"""Templates that ask for everything: each ends in a TemplateError that says which limit it met."""

from __future__ import annotations

import pytest

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message

DATA = TemplateData("flux-system", "auto", (), {})
MEGABYTE = '{{ $b := repeat 1000000 "a" }}'
DOUBLING_LIST = "{{ $x := list 1 }}{{ range 100 }}{{ $x = list $x $x }}{{ end }}"
ITSELF = '{{ $d := dict }}{{ $_ := set $d "d" $d }}'

STEPS = "more than 1,000,000 steps"
WORK = "moves more than 33,554,432 bytes"
VALUE = "makes a value larger than 1,048,576 bytes"
TEXT = "makes a text larger than 1,048,576 bytes"
DEEP = "nested too deeply"

HOSTILE = {
    "three ranges within each other": (
        "{{range until 1000}}{{range until 1000}}{{range until 1000}}x{{end}}{{end}}{{end}}",
        STEPS,
    ),
    "a range over a billion": ("{{range 1000000000}}{{end}}", STEPS),
    "templates that call themselves twice": (
        '{{define "t"}}{{template "t" .}}{{template "t" .}}{{end}}{{template "t" .}}',
        "exceeded maximum template depth (100)",
    ),
    "deep templates with much around each": (
        '{{define "t"}}' + "{{if 1}}" * 20 + '{{template "t" .}}' + "{{end}}" * 20 + '{{end}}{{template "t" .}}',
        DEEP,
    ),
    "an endless message": ('{{range 2000000}}{{print "aaaaaaaaaaaaaaaa"}}{{end}}', "the message is larger than"),
    "text that doubles": ('{{$x := "aaaa"}}{{range 100}}{{$x = cat $x $x}}{{end}}', TEXT),
    "a wide printf": ('{{ printf "%9999999d" 1 }}', "a width or precision above 1,048,576"),
    "a precise printf": ('{{ printf "%.9999999f" 1.5 }}', "a width or precision above 1,048,576"),
    "wide printfs again and again": ('{{range 100000}}{{$x := printf "%*d" 1000000 1}}{{end}}', WORK),
    "repeat": ('{{ repeat 1000000000 "x" }}', VALUE),
    "repeat that overflows": ('{{ repeat 9223372036854775807 "xy" }}', VALUE),
    "a wide indent": ("{{ indent 1000000000 `a` }}", VALUE),
    "an indent of many lines": ('{{ indent 1000000 (repeat 1000000 "\\n") }}', VALUE),
    "replacing every letter by a megabyte": (MEGABYTE + '{{ replace "" $b $b }}', VALUE),
    "joining by a megabyte": (MEGABYTE + "{{ join $b (until 1000) }}", VALUE),
    "wrapping by a megabyte": (MEGABYTE + "{{ wrapWith 1 $b $b }}", WORK),
    "a list that doubles": ("{{$x := list 1}}{{range 100}}{{$x = concat $x $x}}{{end}}", VALUE),
    "printing a list of lists of lists": (DOUBLING_LIST + "{{ $x }}", TEXT),
    "the same as JSON": (DOUBLING_LIST + "{{ toJson $x }}", VALUE),
    "copying it": (DOUBLING_LIST + "{{ $y := deepCopy $x }}", STEPS),
    "comparing it": (DOUBLING_LIST + "{{ deepEqual $x (deepCopy (first $x)) }}", STEPS),
    "a billion numbers": ("{{ until 1000000000 }}", "a list of more than 131,072 numbers"),
    "a sequence of a billion": ("{{ seq 1000000000 }}", "a list of more than 131,072 numbers"),
    "a hundred thousand different numbers made unique": ("{{ uniq (until 100000) }}", STEPS),
    "a dictionary inside itself": (ITSELF + "{{ $d }}", DEEP),
    "the same as JSON again": (ITSELF + "{{ toJson $d }}", DEEP),
    "merging such dictionaries": (ITSELF + '{{ $e := dict "d" (dict) }}{{ $_ := merge $e $d }}{{ $e }}', DEEP),
    "a hundred thousand parentheses": ("{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}", DEEP),
    "fifty thousand ifs": ("{{if 1}}" * 50_000 + "{{end}}" * 50_000, DEEP),
    "deep JSON": ('{{ fromJson (repeat 100000 "[") }}', DEEP),
    "empty matches of a greedy pattern": (MEGABYTE + '{{ regexReplaceAll "(?:a*b)?" $b "x" }}', WORK),
    "ever new patterns": ('{{range 100000}}{{$x := regexMatch (printf "(a|b|%d){500}" .) "x"}}{{end}}', WORK),
    "a replacement of a thousand groups": (
        '{{ regexReplaceAll "a" "a" (repeat 1000 "$0") }}',
        "replaces by a text that is too long or has too many groups",
    ),
    "huge decimals": ("{{ mulf " + "1e308 " * 1000 + "}}", "numbers of thousands of digits"),
    "changing the case of megabytes": (MEGABYTE + "{{ range 100 }}{{ $x := snakecase $b }}{{ end }}", STEPS),
    "sorting megabytes": (
        MEGABYTE + "{{ $l := list }}{{ range 1000 }}{{ $l = append $l $b }}{{ end }}{{ sortAlpha $l }}",
        WORK,
    ),
    "many variables": (
        "".join(f"{{{{$a{number} := 1}}}}" for number in range(20_000)) + "{{range 1000000}}{{$a0}}{{end}}",
        STEPS,
    ),
    "a template of two megabytes": ("x" * 2_000_000, "the template is larger than 1,048,576 bytes"),
}


@pytest.mark.parametrize(("template", "limit"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_template_meets_a_limit(template: str, limit: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render_message(template, DATA)
    assert limit in str(caught.value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ('{{ printf "%1000000000d" 1 }}', "%!(NOVERB)%!(EXTRA int=1)"),
        ('{{ repeat 9223372036854775807 "" }}', ""),
        ('{{ trunc -9223372036854775807 "x" }}{{ abbrev 9223372036854775807 "y" }}', "xy"),
        ("{{ round 1.5 1000000000 }} {{ div -9223372036854775808 -1 }}", "NaN -9223372036854775808"),
        ('{{ splitn "," 9223372036854775807 "a,b" }}', "map[_0:a _1:b]"),
    ],
    ids=[
        "a width beyond Go's",
        "nothing repeated",
        "cutting by the largest number",
        "arithmetic at its ends",
        "a limit",
    ],
)
def test_a_large_number_alone_does_no_harm(template: str, message: str) -> None:
    assert render_message(template, DATA) == message


def test_a_message_about_thousands_of_changes_is_within_the_limits() -> None:
    template = (
        "{{ range $i := until 4000 }}- {{ printf `%05d` $i }} {{ `ghcr.io/org/app` | upper | trunc 20 }}\n{{ end }}"
    )
    assert render_message(template, DATA).count("\n") == 4000
