"""Render an update in a format; a format is imported only if it is used."""

from __future__ import annotations

from imagesetter.cli.output_options import Format
from imagesetter.cli.reports.update import UpdateOutcome
from imagesetter.cli.reports.update_text import render_text


def render_update(report: UpdateOutcome, form: Format) -> str:
    """The report in a form, for a file: text begins with the diff, where it was asked for."""
    match form:
        case "json":
            from imagesetter.cli.reports.update_json import render_json

            return render_json(report)
        case "markdown":
            from imagesetter.cli.reports.update_markdown import render_markdown

            return render_markdown(report)
        case "sarif":
            from imagesetter.cli.reports.update_sarif import render_sarif

            return render_sarif(report)
        case _:
            return report.diffs + render_text(report)
