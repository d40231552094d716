"""The output of ``imagesetter automate``: one line per commit, the message and diff of a dry run, or JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from imagesetter.cli.options import RunOptions
from imagesetter.cli.terminal import echo, echo_diff, print_results
from imagesetter.config.options import API_VERSION
from imagesetter.files.find import display_path

if TYPE_CHECKING:
    from imagesetter.git.run_result import AutomationRunResult, Commit


def reporter(options: RunOptions, *, dry_run: bool) -> Callable[[AutomationRunResult], None]:
    """A function that prints a finished run: commits to stdout, unless JSON goes there, everything else to stderr."""

    def report(run: AutomationRunResult) -> None:
        name = _name(run)
        if options.output == "text":
            for commit in run.commits:
                if dry_run:
                    _print_commit(commit)
                elif not options.quiet:
                    echo(f"{name}: pushed {commit.hash[:7]} to {commit.branch} ({_fields(commit)})")
            if not run.commits and not options.quiet:
                echo(f"{name}: {run.status}")
            for request in run.requests if not options.quiet else ():
                echo(f"{name}: request #{request.number} of {request.branch}: {request.action} {request.url}")
        for note in run.notes:
            echo(f"{name}: {note}", err=True)
        print_results(sorted(run.results, key=lambda result: result.severity == "error"))
        sys.stdout.flush()

    return report


def _name(run: AutomationRunResult) -> str:
    """The name, and the folder where automations of several clusters go by it."""
    return f"{run.name} in {display_path(Path(run.name.folder))}" if run.name.folder else str(run.name)


def _fields(commit: Commit) -> str:
    count = len(commit.changes)
    return f"{count} field{'' if count == 1 else 's'}"


def _print_commit(commit: Commit) -> None:
    echo(f"would push to {commit.branch} ({_fields(commit)}):")
    echo()
    for line in commit.message.splitlines() or [""]:
        echo(f"    {line}".rstrip())
    echo()
    echo_diff(commit.diff)


def automation_json(runs: Iterable[AutomationRunResult]) -> dict[str, object]:
    """The AutomationReport of some runs."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AutomationReport",
        "automations": [
            {
                "automation": str(run.name),
                "folder": display_path(Path(run.name.folder)) if run.name.folder else "",
                "status": run.status,
                "commits": [_commit_as_json(commit) for commit in run.commits],
                "requests": [asdict(request) for request in run.requests],
                "notes": list(run.notes),
                "results": [result.to_dict() for result in run.results],
            }
            for run in runs
        ],
    }


def _commit_as_json(commit: Commit) -> dict[str, object]:
    return {
        "hash": commit.hash,
        "branch": commit.branch,
        "message": commit.message,
        "changes": [
            {
                "policy": str(change.field.marker.policy),
                "file": change.field.location.file,
                "line": change.field.location.line,
                "field": change.field.location.field,
                "old": change.old,
                "new": change.new,
            }
            for change in commit.changes
        ],
    }
