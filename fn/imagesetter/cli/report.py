"""Reports: what an update did, as text for people or as JSON for programs."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable, Sequence

import click

from imagesetter.cli.terminal import styled
from imagesetter.config import API_VERSION
from imagesetter.files import Outcome, Rewrite
from imagesetter.krm.result import Result
from imagesetter.plan import Change, summary


def unified_diff(rewritten: Rewrite) -> str:
    """A diff that ``git apply`` and ``patch`` accept, byte for byte."""
    before, after = (data.decode("utf-8").split("\n") for data in (rewritten.before, rewritten.after))
    name = rewritten.path.as_posix().lstrip("/")
    lines = list(difflib.unified_diff(_with_ends(before), _with_ends(after), f"a/{name}", f"b/{name}", n=3))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _with_ends(lines: Sequence[str]) -> list[str]:
    """Lines as ``splitlines(keepends=True)`` would give them if it split at ``\\n`` alone."""
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def print_update(
    outcome: Outcome, problems: Iterable[Result], *, written: bool, output: str, quiet: bool, diff: bool
) -> None:
    """The report of an update on stdout."""
    closing = summary(len(outcome.changes), outcome.unchanged, would=not written)
    if output == "json":
        click.echo(json.dumps(as_json(outcome, [*problems, closing]), indent=2, ensure_ascii=False))
    elif not quiet:
        if not diff:
            for change in outcome.changes:
                click.echo(line_of(change), color=True)
        read = f"{outcome.files} file{'' if outcome.files == 1 else 's'} read"
        refused = "; nothing was written" if outcome.failed else ""
        click.echo(f"{closing.message} ({read}){refused}")


def line_of(change: Change) -> str:
    """``file:line: old → new (policy)``."""
    place, marker = change.field.place, change.field.marker
    old = styled(change.old, sys.stdout, fg="red")
    new = styled(change.new, sys.stdout, fg="green")
    return f"{place.file}:{place.line}: {old} → {new} ({marker.policy})"


def as_json(outcome: Outcome, results: Iterable[Result]) -> dict[str, object]:
    """The JSON document of an update: ``changes`` and ``results``."""
    return {
        "apiVersion": API_VERSION,
        "kind": "UpdateReport",
        "changes": [change_as_json(change) for change in outcome.changes],
        "results": [result.to_dict() for result in results],
    }


def change_as_json(change: Change) -> dict[str, object]:
    """One change: policy, file, line, field, old, new."""
    place = change.field.place
    return {
        "policy": str(change.field.marker.policy),
        "file": place.file,
        "line": place.line,
        "field": place.field,
        "old": change.old,
        "new": change.new,
    }
