"""An update as a JSON document for programs; `imagesetter.cli.schemas.changes.UpdateReport` is its schema."""

from __future__ import annotations

from dataclasses import asdict

from imagesetter.cli.reports.delta import delta_of
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.update import UpdateOutcome
from imagesetter.config.options import API_VERSION
from imagesetter.update.plan import Change


def render_json(report: UpdateOutcome) -> str:
    """The document, indented."""
    return json_text(update_document(report)) + "\n"


def update_document(report: UpdateOutcome) -> dict[str, object]:
    """``changes``, and ``results`` as in a ResourceList, with the summary as the last one."""
    return {
        "apiVersion": API_VERSION,
        "kind": "UpdateReport",
        "written": report.written,
        "files": report.outcome.files,
        "unchanged": report.outcome.unchanged,
        "changes": [_change(report, change) for change in report.outcome.changes],
        "results": [result.to_dict() for result in (*report.problems, report.closing)],
    }


def _change(report: UpdateOutcome, change: Change) -> dict[str, object]:
    marked, delta, links = change.field, delta_of(change), report.links_of(change)
    return {
        "policy": str(marked.marker.policy),
        "part": marked.marker.part,
        "file": marked.location.file,
        "line": marked.location.line,
        "column": marked.location.column,
        "field": marked.location.field,
        "old": change.old,
        "new": change.new,
        "latest": change.ref._asdict(),
        "delta": delta.step,
        "downgrade": delta.downgrade,
        "links": {name: text or None for name, text in asdict(links).items()} if links else None,
    }
