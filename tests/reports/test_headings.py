"""A hold is nothing wrong: what the headings of the Markdown report call what did not change."""

from __future__ import annotations

import pytest

from imagesetter.cli.commands.update import render_update
from imagesetter.cli.reports.update import UpdateOutcome
from imagesetter.update.files import FileUpdates
from krm_functions.result import Result, Severity


@pytest.mark.parametrize(
    ("severity", "heading"),
    [("info", "#### Held back"), ("warning", "#### Problems"), ("error", "#### Problems")],
    ids=["a hold", "a warning", "an error"],
)
def test_only_warnings_and_errors_are_called_wrong(severity: Severity, heading: str) -> None:
    result = Result("flux-system:web: without 1.4.2 until 2026-12-01 (crashes on start)", severity)
    outcome = FileUpdates((), (), (result,), unchanged=2, files=4)
    lines = render_update(UpdateOutcome(outcome, (result,), written=False), "markdown").splitlines()
    assert [line for line in lines if line.startswith("#### ")] == [heading]
