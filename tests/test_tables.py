"""A test of a whole table says as much as one test for each of its rows would."""

from __future__ import annotations

import pytest

from support.tables import each_row


def test_a_failure_names_each_row_that_is_wrong_and_why() -> None:
    @each_row(["1", "x", "3", "-4"], lambda text: f"the text {text}")
    def test_texts_are_positive_numbers(text: str) -> None:
        if text == "3":
            with pytest.raises(ValueError):
                int(text)
        assert int(text) > 0

    with pytest.raises(pytest.fail.Exception) as caught:
        test_texts_are_positive_numbers()
    assert [line for line in str(caught.value).splitlines() if line.strip() and not line.startswith(" +")] == [
        "3 of 4 rows are wrong",
        "the text x",
        "ValueError: invalid literal for int() with base 10: 'x'",
        "the text 3",
        "Failed: DID NOT RAISE ValueError",
        "the text -4",
        "AssertionError: assert -4 > 0",
    ]


def test_a_table_without_rows_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="a table without rows"):
        each_row([])
