"""``imagesetter lint``: find, offline, what would go wrong or be passed over in silence."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Sequence

import click

from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.options import exclude_option, namespace_option, policies_option, quiet_option, read_stdin
from imagesetter.cli.terminal import styled
from imagesetter.config import API_VERSION
from imagesetter.lint.finding import Finding
from imagesetter.lint.run import choose_rules, lint
from imagesetter.lint.subject import read_subject

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_WORDS = {"error": "error", "warning": "warning", "info": "note"}


@click.command("lint")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@policies_option
@namespace_option
@exclude_option
@click.option(
    "--disable",
    multiple=True,
    metavar="RULE",
    envvar="IMAGESETTER_DISABLE",
    help="Switch a rule off by its name. Repeatable.",
)
@click.option("--strict", is_flag=True, envvar="IMAGESETTER_STRICT", help="Exit with 1 on warnings, too.")
@click.option(
    "--output",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    envvar="IMAGESETTER_OUTPUT",
    help="Form of the report.",
)
@quiet_option
def command(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    disable: tuple[str, ...],
    strict: bool,
    output: str,
    quiet: bool,
) -> int:
    """Check markers and policies, offline.

    PATH is a file or a directory, the working directory by default. Finds markers that nothing follows, policies that
    cannot be asked or would choose a tag that nobody meant, and more; docs/lint.md explains every rule. Exits with 1
    if something is an error.

    \b
    Examples:
      imagesetter lint                                          everything below here
      imagesetter lint --strict --disable unused-policy apps    warnings count, one rule is off
      kustomize build clusters/prod | imagesetter lint --policies - .
      imagesetter lint --output sarif > imagesetter.sarif       for code scanning
    """
    rules = choose_rules(name for given in disable for name in re.split(r"[\s,]+", given) if name)
    subject = read_subject(paths or (".",), policies=policies, namespace=namespace, exclude=exclude, stdin=read_stdin)
    findings = lint(subject, rules)
    if output == "sarif":
        from imagesetter.sarif import as_sarif

        click.echo(json.dumps(as_sarif(findings, rules), indent=2, ensure_ascii=False))
    elif output == "json":
        click.echo(json.dumps(_as_json(findings), indent=2, ensure_ascii=False))
    else:
        _print_text(findings, subject.count, quiet=quiet)
    failing = {"error", "warning"} if strict else {"error"}
    return FAILED if any(finding.severity in failing for finding in findings) else OK


def _print_text(findings: Sequence[Finding], files: int, *, quiet: bool) -> None:
    for finding in findings:
        if not quiet or finding.severity != "info":
            label = styled(finding.severity, sys.stdout, fg=_COLOURS[finding.severity], bold=True)
            click.echo(str(finding).replace(f": {finding.severity} ", f": {label} ", 1), color=True)
    if not quiet:
        click.echo(_summary(findings, files))


def _summary(findings: Sequence[Finding], files: int) -> str:
    """``1 error, 2 warnings (14 files read)``."""
    counts = Counter(_WORDS[finding.severity] for finding in findings)
    parts = [f"{counts[word]} {word}{'' if counts[word] == 1 else 's'}" for word in _WORDS.values() if counts[word]]
    return f"{', '.join(parts) or 'nothing found'} ({files} file{'' if files == 1 else 's'} read)"


def _as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """The JSON document: ``findings`` with rule, severity, message, hint, file, line and column."""
    return {
        "apiVersion": API_VERSION,
        "kind": "LintReport",
        "findings": [
            {
                "rule": finding.rule.name,
                "severity": finding.severity,
                "message": finding.problem.message,
                "hint": finding.problem.hint,
                "file": finding.problem.spot.file,
                "line": finding.problem.spot.line,
                "column": finding.problem.spot.column,
            }
            for finding in findings
        ],
    }
