"""An update as text: a table of old → new, grouped by image. A diff is printed separately."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from imagesetter.cli.reports.delta import delta_of, sides
from imagesetter.cli.reports.table import aligned
from imagesetter.cli.reports.update import UpdateOutcome, grouped
from imagesetter.cli.terminal import line, styled
from imagesetter.policy.semver_delta import Delta
from imagesetter.update.plan import Change
from krm_functions.messages import shown

_COLOURS = {"major": "red", "minor": "yellow", "patch": "green"}


def render_table(report: UpdateOutcome) -> str:
    """The table; empty where a diff takes its place."""
    return "" if report.diffs else "".join(f"{line(each)}\n" for each in _table(report))


def render_text(report: UpdateOutcome) -> str:
    """The table, unless a diff replaces it, and the summary."""
    return f"{render_table(report)}{line(report.closing_line)}\n"


def _table(report: UpdateOutcome) -> Iterable[str]:
    groups = grouped(report.outcome.changes)
    rows = iter(aligned(_row(change) for group in groups for change in group))
    for group in groups:
        first = group[0]
        yield f"{styled(first.ref.name, sys.stdout, bold=True)} ({first.field.marker.policy})"
        links = report.links_of(first)
        for _ in group:
            yield next(rows)
        if links and (link := links.compare or links.commit or links.source):
            yield f"  {link}"


def _row(change: Change) -> tuple[str, ...]:
    location = change.field.location
    old, new = sides(change)
    moved = f"{styled(old, sys.stdout, fg='red')} → {styled(new, sys.stdout, fg='green')}"
    where = f"{location.file}:{location.line}" if location.line else location.file
    return "", moved, _delta(delta_of(change)), shown(where), location.field


def _delta(delta: Delta) -> str:
    colour = "red" if delta.downgrade else _COLOURS.get(delta.step)
    return styled(str(delta), sys.stdout, fg=colour) if colour else str(delta)
