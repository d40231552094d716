"""An update as Markdown, for the body of a pull request or the summary of a job.

Names, tags and messages are untrusted text (`markdown`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imagesetter.cli.reports.delta import delta_of, sides
from imagesetter.cli.reports.markdown import MOST, code, escaped, fence, fitted
from imagesetter.cli.reports.update import Links, UpdateOutcome, grouped
from imagesetter.update.files import FileUpdates
from imagesetter.update.plan import Change
from krm_functions.messages import log_line, without_log_commands
from krm_functions.result import Result

MOST_PLACES = 20


def render_markdown(report: UpdateOutcome) -> str:
    """The document: the changes, the fields that were held back and why, and the diff, if requested."""
    blocks = [f"### {_headline(report)}"]
    if report.outcome.changes:
        blocks.append(fitted(_changes(report), MOST * 3 // 4))
    if report.held_back:
        wrong = not report.outcome.changes and any(result.severity != "info" for result in report.held_back)
        blocks.append("#### Problems" if wrong else "#### Held back")
        blocks.append(fitted(_held_back(report.held_back), MOST - sum(map(len, blocks))))
    diff = report.diffs
    if diff:
        lines = diff.replace("\r\n", "\n").removesuffix("\n").split("\n")
        diff = "".join(f"{log_line(line)}\n" for line in lines)
        ticks = fence(diff)
        blocks.append(f"<details><summary>Diff</summary>\n\n{ticks}diff\n{diff}{ticks}\n\n</details>")
        if sum(map(len, blocks)) > MOST:
            blocks[-1] = "The diff is too long to show here."
    blocks.append(escaped(report.closing_line))
    return without_log_commands("\n\n".join(blocks) + "\n")


def render_branch(changes: Sequence[Change], problems: Iterable[Result]) -> str:
    """The changes of a branch and what was held back, for the body of its request; without the diff."""
    report = UpdateOutcome(FileUpdates(tuple(changes), (), (), 0, 0), tuple(problems), written=True)
    blocks = [f"### {_headline(report)}", fitted(_changes(report), MOST * 3 // 4)]
    if report.held_back:
        blocks += ["#### Held back", fitted(_held_back(report.held_back), MOST // 5)]
    return without_log_commands("\n\n".join(blocks) + "\n")


def _headline(report: UpdateOutcome) -> str:
    images = len({change.ref.name for change in report.outcome.changes})
    if not images:
        return "No image was updated" if report.held_back else "Every image is up to date"
    plural = "" if images == 1 else "s"
    if report.refused:
        return f"{images} image{plural} to update, and nothing was written"
    return f"{images} image{plural} updated" if report.written else f"{images} image{plural} to update"


def _changes(report: UpdateOutcome) -> Iterable[str]:
    linked = any((links := report.links_of(change)) and links.source for change in report.outcome.changes)
    yield "| image | policy | old | new | step | fields |" + (" source |" if linked else "")
    yield "|---|---|---|---|---|---|" + ("---|" if linked else "")
    for group in grouped(report.outcome.changes):
        for rows in _moves(group):
            first = rows[0]
            old, new = map(code, sides(first))
            name, policy = code(first.ref.name), code(str(first.field.marker.policy))
            places = "<br>".join(_places(rows))
            row = f"| {name} | {policy} | {old} | {new} | {delta_of(first)} | {places} |"
            yield row + (f" {_links(report.links_of(first))} |" if linked else "")


def _moves(group: Iterable[Change]) -> list[list[Change]]:
    """Equal changes, which share a row."""
    rows: dict[tuple[str, str, str], list[Change]] = {}
    for change in group:
        rows.setdefault((*sides(change), str(delta_of(change))), []).append(change)
    return list(rows.values())


def _places(rows: Iterable[Change]) -> list[str]:
    """The positions of the fields; only the first ones if there are many."""
    places = list(dict.fromkeys(map(_location, rows)))
    more = len(places) - MOST_PLACES
    return [*places[:MOST_PLACES], *([f"and {more} more"] if more > 0 else [])]


def _location(change: Change) -> str:
    location = change.field.location
    where = code(f"{location.file}:{location.line}" if location.line else location.file)
    return f"{where} {code(location.field)}" if location.field else where


def _links(links: Links | None) -> str:
    """Links in Markdown. Labels were validated when they were read, so they need no escaping."""
    if links is None or not links.source:
        return ""
    revision = links.revision[:12]
    parts = [f"[source]({links.source})"]
    if links.commit:
        parts.append(f"[{code(revision)}]({links.commit})")
    if links.compare:
        parts.append(f"[compare]({links.compare})")
    return ", ".join(parts)


def _held_back(results: Iterable[Result]) -> Iterable[str]:
    yield "| | policy | where | why |"
    yield "|---|---|---|---|"
    for result in results:
        policy = code(result.tags["policy"]) if result.tags.get("policy") else ""
        line = f":{result.tags['line']}" if result.tags.get("line") else ""
        where = code(f"{result.file.path}{line}") if result.file else code(str(result.resource_ref or ""))
        message = result.message.removeprefix(f"{result.tags.get('policy')}: ")
        yield f"| {result.severity} | {policy} | {where} | {escaped(message)} |"
