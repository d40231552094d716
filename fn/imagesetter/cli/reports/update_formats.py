"""The forms in which an update is told, each imported when it is asked for."""

from __future__ import annotations

from imagesetter.cli.output_options import Format
from imagesetter.cli.reports.update import UpdateOutcome


def render_update(report: UpdateOutcome, form: Format) -> str:
    """The report in a form, for a file: text begins with the diff, where it was asked for."""
    match form:
        case "json":
            from imagesetter.cli.reports.update_json import as_text
        case "markdown":
            from imagesetter.cli.reports.update_markdown import as_text
        case "sarif":
            from imagesetter.cli.reports.update_sarif import as_text
        case _:
            from imagesetter.cli.reports.update_text import as_text as words

            return report.diffs + words(report)
    return as_text(report)
