"""What holds for every text: no crash, no lost characters, the same answer twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagesetter.errors import TemplateError
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message
from imagesetter.golang.strings import quote
from support.template_soup import actions, quick, soup

DATA = TemplateData("flux-system", "auto", (), {"cluster": "prod", "empty": ""})


def outcome(template: str) -> str:
    try:
        return render_message(template, DATA)
    except TemplateError as err:
        return f"{err} at {err.where}: {err.hint}"


@quick
@given(st.one_of(st.text(), soup, actions))
def test_any_text_gives_a_message_or_a_template_error_and_the_same_one_twice(template: str) -> None:
    first = outcome(template)
    first.encode()
    assert outcome(template) == first


@quick
@given(st.text(st.characters(exclude_characters="{", exclude_categories=["Cs"]), min_size=1))
def test_text_without_actions_stays_as_it_is(text: str) -> None:
    assert render_message(text, DATA) == text


@quick
@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-3, 30), st.integers(-3, 30))
def test_halves_of_a_character_that_meet_again_are_one(text: str, at: int, width: int) -> None:
    template = f"{{{{ $t := {quote(text)} }}}}{{{{ print (trunc {max(at, 0)} $t) (substr {max(at, 0)} -1 $t) }}}}"
    if 0 <= at <= len(text.encode()):
        assert render_message(template, DATA) == text
    wrapped = outcome(f"{{{{ wrap {width} {quote(text)} }}}}")
    assert wrapped.replace("\n", "").replace(" ", "") == text.replace("\n", "").replace(" ", "")
