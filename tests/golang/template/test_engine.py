"""The template engine alone, without Flux's data: what it makes of any text, its limits, its example."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imagesetter.golang.template
from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import LimitReached, PatternNeedsRe2
from imagesetter.golang.template.catalogue import FUNCTIONS, library
from imagesetter.golang.template.evaluate import ExecFault
from imagesetter.golang.template.execute import execute
from imagesetter.golang.template.lexer import Kind, Lexer, Token
from imagesetter.golang.template.parser import ParseFault, parse_template
from imagesetter.golang.values import DICT, Map
from support.template_soup import actions, quick, soup


def rendered(template: str, **data: str) -> str:
    budget = Budget()
    return execute(parse_template("t", template, FUNCTIONS), "t", Map(DICT, data), library(budget), budget)


def test_the_example_of_the_readme_runs() -> None:
    readme = Path(next(iter(imagesetter.golang.template.__path__))) / "README.md"
    (example,) = re.findall(r"```python\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    exec(example, {})  # its last line is an assertion


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ .name | upper }}", "ADA"),
        ("{{ with .name }}{{ . }}{{ else }}nobody{{ end }}", "ada"),
        ('{{ range $i, $c := splitList "d" .name }}{{ $i }}{{ $c }}{{ end }}', "0a1a"),
        ('{{ define "x" }}<{{ . }}>{{ end }}{{ template "x" .name }}', "<ada>"),
        ("{{ .missing }}", "<no value>"),
    ],
)
def test_a_template_over_a_map(template: str, text: str) -> None:
    assert rendered(template, name="ada") == text


def test_each_kind_of_error_is_an_exception_of_its_own() -> None:
    with pytest.raises(ParseFault, match="missing value for if"):
        rendered("{{ if }}")
    with pytest.raises(ExecFault, match="can't evaluate field x in type interface \\{}"):
        rendered("{{ .name.x }}", name="ada")
    with pytest.raises(LimitReached, match="more than 1,000,000 steps"):
        rendered("{{ range 1000000000 }}{{ end }}")


@quick
@given(st.one_of(st.text(), soup, actions))
def test_any_text_gives_a_text_or_one_of_these_errors(template: str) -> None:
    with suppress(ParseFault, ExecFault, LimitReached, PatternNeedsRe2):
        rendered(template.encode("utf-8", "replace").decode(), cluster="prod")


def tokens_of(template: str) -> list[Token]:
    lexer, tokens = Lexer(template), []
    while not tokens or tokens[-1].kind not in (Kind.EOF, Kind.ERROR):
        tokens.append(lexer.next_token())
    return tokens


@quick
@given(st.one_of(st.text(), soup, actions))
def test_tokens_stand_where_they_say_and_only_comments_and_trimmed_blanks_lie_between(template: str) -> None:
    at = 0
    for token in tokens_of(template):
        if token.kind in (Kind.EOF, Kind.ERROR):
            break
        assert template.startswith(token.text, token.position)
        skipped = template[at : token.position]
        assert not skipped.strip(" \t\r\n-") or "{{" in skipped
        assert token.line == 1 + template.count("\n", 0, token.position)
        at = token.position + len(token.text)
