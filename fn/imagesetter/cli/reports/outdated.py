"""The reports of ``imagesetter outdated``: text, JSON, Markdown."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagesetter.cli.output_options import Format
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.markdown import MOST, code, escaped, fitted
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.terminal import line, styled
from imagesetter.config.options import API_VERSION
from imagesetter.fields.images import ImageUse
from imagesetter.lock.tag_age import shown_age
from imagesetter.selection.outdated import Newer
from krm_functions.result import Result

_HEAD = ("IMAGE", "CURRENT", "WITHIN", "LATEST", "AGE", "WHERE")


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image with one tag, and where the tree has it."""

    newer: Newer
    uses: tuple[ImageUse, ...]

    @property
    def where(self) -> str:
        """The first place, and the number of the others."""
        more = f" and {len(self.uses) - 1} more" if len(self.uses) > 1 else ""
        return f"{self.uses[0].file}:{self.uses[0].line}{more}"


@dataclass(frozen=True, slots=True)
class OutdatedImages:
    """All images; ``everything`` shows those that are up to date as well. ``now`` is in seconds since 1970."""

    rows: Sequence[ImageRow]
    results: tuple[Result, ...]
    files: int
    everything: bool
    now: float

    @property
    def shown(self) -> list[ImageRow]:
        """The rows of the text and of the Markdown report."""
        return [row for row in self.rows if row.newer.is_outdated or (self.everything and not row.newer.error)]

    @property
    def closing_line(self) -> str:
        """How many images there are, and how many are outdated, undecided and failed."""
        count = sum(row.newer.is_outdated for row in self.rows)
        undecided = sum(bool(row.newer.reason) for row in self.rows)
        broken = sum(row.newer.error is not None for row in self.rows)
        parts = [f"{count} of {len(self.rows)} image{'' if len(self.rows) == 1 else 's'} outdated"]
        parts += [f"{undecided} with a tag that cannot be compared"] if undecided else []
        parts += [f"{broken} failed, see below"] if broken else []
        return f"{', '.join(parts)} ({self.files} file{'' if self.files == 1 else 's'} read)"


def render_outdated(report: OutdatedImages, form: Format) -> str:
    """The report in a format."""
    if form == "json":
        return f"{json_text(_as_json(report))}\n"
    return _markdown(report) if form == "markdown" else _text(report)


def _text(report: OutdatedImages) -> str:
    rows = [_HEAD, *(_cells(row, report.now) for row in report.shown)] if report.shown else []
    if not any(row.newer.uploaded for row in report.shown):
        rows = [(*row[:4], row[5]) for row in rows]
    lines = [*aligned(rows), *(f"{_image(row)}: {row.newer.reason}" for row in _undecided(report)), report.closing_line]
    return "".join(f"{line(each)}\n" for each in lines)


def _undecided(report: OutdatedImages) -> Iterator[ImageRow]:
    return (row for row in report.rows if row.newer.reason and report.everything)


def _image(row: ImageRow) -> str:
    return row.newer.image.repository.written


def _cells(row: ImageRow, now: float) -> tuple[str, ...]:
    newer = row.newer
    within = styled(newer.within, sys.stdout, fg="green") if newer.within != newer.image.tag else newer.within
    return _image(row), newer.image.tag or "-", within or "-", newer.latest or "-", _age(newer, now), row.where


def _age(newer: Newer, now: float) -> str:
    uploaded = newer.uploaded.get(newer.image.tag)
    return shown_age(max(0.0, now - uploaded)) if uploaded is not None else "-"


def _markdown(report: OutdatedImages) -> str:
    rows = ["| image | current | within | latest | age | where |", "|---|---|---|---|---|---|"]
    for row in report.shown:
        newer = row.newer
        cells = [_image(row), newer.image.tag, newer.within, newer.latest]
        rows.append(f"| {' | '.join(map(code, cells))} | {_age(newer, report.now)} | {code(row.where)} |")
    table = fitted(rows, MOST) + "\n\n" if report.shown else ""
    errors = "".join(f"- {escaped(result.message)}\n" for result in report.results if result.severity == "error")
    return f"{table}{escaped(report.closing_line)}\n{f'{chr(10)}{errors}' if errors else ''}"


def _as_json(report: OutdatedImages) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "OutdatedReport",
        "images": [_row_as_json(row) for row in report.rows],
        "results": [result.to_dict() for result in report.results],
    }


def _row_as_json(row: ImageRow) -> dict[str, Any]:
    newer = row.newer
    return {
        "image": _image(row),
        "current": newer.image.tag,
        "within": newer.within or None,
        "latest": newer.latest or None,
        "outdated": newer.is_outdated,
        "policy": str(newer.image.policy) if newer.image.policy else None,
        "reason": newer.reason or None,
        "error": str(newer.error) if newer.error else None,
        "uploaded": {tag: _moment(seconds) for tag, seconds in newer.uploaded.items()},
        "fields": [{"file": use.file, "line": use.line, "digest": use.digest or None} for use in row.uses],
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
