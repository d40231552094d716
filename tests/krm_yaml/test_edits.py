"""Edits are cut and joined at once, and anything odd about them is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krm_functions.errors import SpliceError
from krm_functions.yaml.edits import Edit, splice


@given(st.text())
def test_no_edit_changes_nothing(text: str) -> None:
    assert splice(text, []) == text


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3)), max_size=6), st.randoms())
def test_outside_the_edits_every_character_stays(parts: list[tuple[str, str, str]], random: object) -> None:
    """A text is cut into kept and replaced stretches; the order in which the edits come does not matter."""
    text, expected, edits = "", "", []
    for kept, old, new in parts:
        text, expected = text + kept + "|", expected + kept + "|"
        edits.append(Edit(len(text), len(text) + len(old), new))
        text, expected = text + old, expected + new
    random.shuffle(edits)  # type: ignore[attr-defined]
    assert splice(text, edits) == expected


def test_edits_may_touch() -> None:
    assert splice("abcd", [Edit(2, 4, "Y"), Edit(0, 2, "X")]) == "XY"
    assert splice("abcd", [Edit(2, 2, "-"), Edit(2, 3, "C")]) == "ab-Cd"


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(0, 2, ""), Edit(1, 3, "")],
        [Edit(1, 1, "x"), Edit(1, 1, "y")],
        [Edit(0, 3, ""), Edit(1, 2, "")],
        [Edit(3, 5, "")],
        [Edit(-1, 1, "")],
        [Edit(2, 1, "")],
    ],
    ids=[
        "overlap",
        "two insertions at one place",
        "one inside another",
        "past the end",
        "before the start",
        "backwards",
    ],
)
def test_edits_that_make_no_sense_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(SpliceError):
        splice("abcd", edits)
