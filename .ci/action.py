"""The step `update` of action.yml: runs `imagesetter update` as the inputs ask for, and writes the outputs.

Read from the environment: PATHS, ARGS and CHECK, the inputs of the action, and the runner's RUNNER_TEMP, GITHUB_OUTPUT
and GITHUB_STEP_SUMMARY. Exit status: that of `imagesetter update`; 2 where an input cannot be read.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from imagesetter.cli.terminal import print_error
from krm_functions.errors import UsageError


def words(text: str, name: str) -> list[str]:
    """The words of an input, whichever of its lines they stand on; quotes are a shell's.

    Raises:
        UsageError: a quote is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        hint = "close the quote; a name with a space is written 'a name'"
        raise UsageError(f"cannot be read: {error}", where=f"input {name}", hint=hint) from error


def flag(text: str, name: str) -> bool:
    """An input that is true or false.

    Raises:
        UsageError: it is neither.
    """
    lowered = text.strip().lower()
    if lowered not in ("true", "false", ""):
        raise UsageError(f"{text!r} is neither true nor false", where=f"input {name}", hint="write true or false")
    return lowered == "true"


def main(environment: Mapping[str, str]) -> int:
    """Run the step and give its exit status."""
    try:
        check = ["--check"] if flag(environment["CHECK"], "check") else []
        options, paths = words(environment["ARGS"], "args"), words(environment["PATHS"], "paths")
    except UsageError as error:
        print_error(error)
        return 2
    folder = Path(environment["RUNNER_TEMP"])
    report, document = folder / "imagesetter-report.md", folder / "imagesetter-report.json"
    for old in (report, document):  # of an earlier step of the same job
        old.unlink(missing_ok=True)
    outputs = ["--output", f"markdown={report}", "--output", f"json={document}"]
    command = [sys.executable, "-I", "-m", "imagesetter", "update", *check, *options, *outputs, "--", *paths]
    status = subprocess.run(command, check=False).returncode
    if report.exists() and document.exists():
        changed = bool(json.loads(document.read_text(encoding="utf-8"))["changes"])
        with Path(environment["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
            summary.write(report.read_text(encoding="utf-8"))
        with Path(environment["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
            output.write(f"changed={str(changed).lower()}\nreport={report}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(os.environ))
