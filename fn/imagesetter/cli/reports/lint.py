"""The output of ``imagesetter lint``: text, JSON, Markdown or SARIF."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imagesetter.cli.output_options import Format
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.markdown import MOST, code, escaped, fitted
from imagesetter.cli.terminal import COLOURS, line, styled
from imagesetter.config.options import API_VERSION
from imagesetter.lint.finding import Finding, LintRule
from imagesetter.lint.sarif import as_sarif, help_page
from krm_functions.messages import without_log_commands

_WORDS = {"error": "error", "warning": "warning", "info": "note"}


@dataclass(frozen=True, slots=True)
class LintOutcome:
    """The findings, the rules that ran, and the number of files read; ``quiet`` omits notes from the text."""

    findings: Sequence[Finding]
    rules: Sequence[LintRule]
    files: int
    quiet: bool = False
    fixed: int | None = None
    """How many findings were fixed in the files; None without ``--fix``."""

    @property
    def closing(self) -> str:
        """``1 error, 2 warnings (14 files read)``."""
        counts = Counter(_WORDS[finding.severity] for finding in self.findings)
        parts = [f"{counts[word]} {word}{'' if counts[word] == 1 else 's'}" for word in _WORDS.values() if counts[word]]
        if self.fixed is not None:
            parts.insert(0, f"{self.fixed} fixed")
        return f"{', '.join(parts) or 'nothing found'} ({self.files} file{'' if self.files == 1 else 's'} read)"


def render_lint(report: LintOutcome, form: Format) -> str:
    """The report in a format; text is styled for standard output."""
    match form:
        case "json":
            return json_text(lint_json(report.findings)) + "\n"
        case "sarif":
            return json_text(as_sarif(report.findings, report.rules)) + "\n"
        case "markdown":
            return without_log_commands("\n".join(_markdown(report)) + "\n")
        case _:
            return "".join(f"{line(each)}\n" for each in _text(report))


def _text(report: LintOutcome) -> Iterable[str]:
    for finding in report.findings:
        if not report.quiet or finding.severity != "info":
            label = styled(finding.severity, sys.stdout, fg=COLOURS[finding.severity], bold=True)
            yield str(finding).replace(f": {finding.severity} ", f": {label} ", 1)
    if not report.quiet:
        yield report.closing


def _markdown(report: LintOutcome) -> Iterable[str]:
    yield "### Findings of the linter" if report.findings else "### The linter found nothing"
    yield ""
    if report.findings:
        rows = ["| | rule | where | what |", "|---|---|---|---|"]
        for finding in report.findings:
            rule = f"[{finding.rule.name}]({help_page(finding.rule)})"
            where = code(str(finding.problem.position))
            rows.append(f"| {_WORDS[finding.severity]} | {rule} | {where} | {escaped(finding.text)} |")
        yield fitted(rows, MOST)
        yield ""
    yield report.closing


def lint_json(findings: Sequence[Finding]) -> dict[str, object]:
    """The JSON document: ``findings`` with rule, severity, message, hint, file, line and column."""
    return {
        "apiVersion": API_VERSION,
        "kind": "LintReport",
        "findings": [
            {
                "rule": finding.rule.name,
                "severity": finding.severity,
                "message": finding.problem.message,
                "hint": finding.problem.hint,
                "file": finding.problem.position.file,
                "line": finding.problem.position.line,
                "column": finding.problem.position.column,
            }
            for finding in findings
        ],
    }
