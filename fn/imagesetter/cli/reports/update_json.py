"""An update as a JSON document for programs; `imagesetter.schemas.changes.UpdateReport` is its schema."""

from __future__ import annotations

from dataclasses import asdict

from imagesetter.cli.reports.documents import json_text
from imagesetter.cli.reports.sides import delta_of
from imagesetter.cli.reports.update import UpdateReport
from imagesetter.config.config import API_VERSION
from imagesetter.plan import Change


def as_text(report: UpdateReport) -> str:
    """The document, indented."""
    return json_text(as_json(report)) + "\n"


def as_json(report: UpdateReport) -> dict[str, object]:
    """``changes``, and ``results`` in KRM's wire form with the closing line as the last."""
    return {
        "apiVersion": API_VERSION,
        "kind": "UpdateReport",
        "written": report.written,
        "files": report.outcome.files,
        "unchanged": report.outcome.unchanged,
        "changes": [_change(report, change) for change in report.outcome.changes],
        "results": [result.to_dict() for result in (*report.problems, report.closing)],
    }


def _change(report: UpdateReport, change: Change) -> dict[str, object]:
    marked, delta, links = change.field, delta_of(change), report.links_of(change)
    return {
        "policy": str(marked.marker.policy),
        "part": marked.marker.part,
        "file": marked.place.file,
        "line": marked.place.line,
        "column": marked.place.column,
        "field": marked.place.field,
        "old": change.old,
        "new": change.new,
        "latest": change.ref._asdict(),
        "delta": delta.step,
        "downgrade": delta.downgrade,
        "links": {name: text or None for name, text in asdict(links).items()} if links else None,
    }
