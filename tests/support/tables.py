"""Large tables: one test of all rows, since pytest takes longer for a test of its own than most rows take.

A failure names each row that is wrong, and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

R = TypeVar("R")


def each_row(rows: Iterable[R], name: Callable[[R], str] = repr) -> Callable[[Callable[[R], None]], Callable[[], None]]:
    """Make a test of all rows of what tests one of them.

    Args:
        rows: what the test gets, one after the other.
        name: what a failure calls a row.
    """
    table = list(rows)
    assert table, "a table without rows"

    def decorate(check: Callable[[R], None]) -> Callable[[], None]:
        def test() -> None:
            wrong = []
            for row in table:
                try:
                    check(row)
                except (Exception, pytest.fail.Exception) as problem:  # noqa: BLE001 - it is what the test fails with
                    wrong.append(f"{name(row)}\n{type(problem).__name__}: {problem}")
            if wrong:
                pytest.fail("\n\n".join([f"{len(wrong)} of {len(table)} rows are wrong", *wrong]), pytrace=False)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return decorate
