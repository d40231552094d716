"""An update as SARIF: each out-of-date field and each problem, with its position in the sources."""

from __future__ import annotations

from collections.abc import Iterable

from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.update import UpdateOutcome
from imagesetter.lint.finding import Finding, LintRule, Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.sarif import as_sarif
from imagesetter.lint.scanned_file import SourcePosition
from imagesetter.update.plan import Change
from krm_functions.result import Result


def _none(tree: LintedTree) -> Iterable[Problem]:
    return ()


OUT_OF_DATE = LintRule("out-of-date", "error", "A marked field does not have the tag that its policy selects.", _none)
UNANSWERED = LintRule("unanswered", "error", "A field cannot follow its policy.", _none)
DOUBTFUL = LintRule("doubtful", "warning", "A field or its policy needs attention.", _none)
KEPT = LintRule("kept", "info", "A field stays as it is for a reason.", _none)
RULES = (OUT_OF_DATE, UNANSWERED, DOUBTFUL, KEPT)
_RULE_OF = {"error": UNANSWERED, "warning": DOUBTFUL, "info": KEPT}


def render_sarif(report: UpdateOutcome) -> str:
    """The log, indented."""
    findings = [*map(_out_of_date, () if report.written else report.outcome.changes), *map(_problem, report.held_back)]
    return json_text(as_sarif(findings, RULES, page="reports")) + "\n"


def _out_of_date(change: Change) -> Finding:
    location = change.field.location
    message = f"{change.field.marker.policy} selects {change.new}, and {location.field} is {change.old}"
    position = SourcePosition(location.file, location.line, location.column)
    return Finding(OUT_OF_DATE, Problem(position, message, "run imagesetter update"))


def _problem(result: Result) -> Finding:
    position = (
        SourcePosition(result.file.path, int(result.tags.get("line") or 0), 0)
        if result.file
        else SourcePosition("<stdin>", 0, 0)
    )
    return Finding(_RULE_OF[result.severity], Problem(position, result.message))
