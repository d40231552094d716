"""What an update did, as one value from which every report is made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from imagesetter.cli.links import Links, Move, move_of
from imagesetter.cli.outputs import Format
from imagesetter.files import Outcome, Rewrite
from imagesetter.krm.result import Result
from imagesetter.plan import Change, summary


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """An update that was done, refused, or only looked at.

    ``problems`` are all results of the run, those of writing included; ``links`` are there where they were asked for.
    """

    outcome: Outcome
    problems: tuple[Result, ...]
    written: bool
    diff: bool = False
    links: Mapping[Move, Links] = field(default_factory=dict)

    @property
    def held(self) -> list[Result]:
        """What was held back, or what is to be looked at: errors first, as they were found otherwise."""
        found = [each for each in self.problems if each.severity != "info" or each in self.outcome.results]
        return sorted(found, key=lambda result: result.severity != "error")

    @property
    def closing(self) -> Result:
        """How many fields changed and how many were right already."""
        return summary(len(self.outcome.changes), self.outcome.unchanged, would=not self.written)

    @property
    def closing_line(self) -> str:
        """The same for people, with how much was read."""
        files = self.outcome.files
        refused = "; nothing was written" if self.outcome.failed else ""
        return f"{self.closing.message} ({files} file{'' if files == 1 else 's'} read){refused}"

    @property
    def diffs(self) -> str:
        """All changes as one unified diff, where it was asked for."""
        return "".join(map(unified_diff, self.outcome.rewrites)) if self.diff else ""

    def links_of(self, change: Change) -> Links | None:
        """The links of a change; None where they were not asked for."""
        return self.links.get(move_of(change))


def render(report: UpdateReport, form: Format) -> str:
    """The report in a form; text is styled for standard output."""
    match form:
        case "json":
            from imagesetter.cli.report_json import as_text
        case "markdown":
            from imagesetter.cli.report_markdown import as_text
        case "sarif":
            from imagesetter.cli.report_sarif import as_text
        case _:
            from imagesetter.cli.report_text import as_text
    return as_text(report)


def grouped(changes: Iterable[Change]) -> list[list[Change]]:
    """The changes by image and policy: images in the order in which they were found, and so the policies of each."""
    images: dict[str, dict[str, list[Change]]] = {}
    for change in changes:
        by_policy = images.setdefault(change.ref.name, {})
        by_policy.setdefault(str(change.field.marker.policy), []).append(change)
    return [group for by_policy in images.values() for group in by_policy.values()]


def unified_diff(rewritten: Rewrite) -> str:
    """A diff that ``git apply`` and ``patch`` accept, byte for byte."""
    before, after = (data.decode("utf-8").split("\n") for data in (rewritten.before, rewritten.after))
    name = rewritten.path.as_posix().lstrip("/")
    lines = list(difflib.unified_diff(_with_ends(before), _with_ends(after), f"a/{name}", f"b/{name}", n=3))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _with_ends(lines: Sequence[str]) -> list[str]:
    """Lines as ``splitlines(keepends=True)`` would give them if it split at ``\\n`` alone."""
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
