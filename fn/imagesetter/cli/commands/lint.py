"""``imagesetter lint``: find errors, and what would be ignored silently, offline."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, partial

import click

from imagesetter.cli.completion import files, paths_argument, rules
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.option_names import option_name
from imagesetter.cli.options import (
    network_options,
    quiet_option,
    read_stdin,
    reading_options,
    source_option,
)
from imagesetter.cli.output_options import Outputs, outputs_option
from imagesetter.cli.reports.lint import LintOutcome, render_lint
from imagesetter.cli.source import source_for
from imagesetter.cli.terminal import echo, print_hint, print_results, why_nothing, write
from imagesetter.config.options import SourceName
from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.report import report
from imagesetter.files.read import read_named
from imagesetter.lint.finding import Finding
from imagesetter.lint.fix import fixes
from imagesetter.lint.linted_tree import LintedTree, read_linted_tree
from imagesetter.lint.rendered import check_rendered
from imagesetter.lint.run import choose_rules, lint
from imagesetter.update.files import write_files
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import STDIN, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError
from krm_functions.messages import one_line
from krm_functions.result import Result

_ROUNDS = 3
"""A key that is spelled right may show a part that does not fit."""


@click.command("lint", cls=GroupedCommand)
@paths_argument
@reading_options
@click.option(
    "--disable",
    multiple=True,
    metavar="RULE",
    shell_complete=rules,
    envvar="IMAGESETTER_DISABLE",
    help="Disable a rule by its name. Repeatable.",
)
@click.option("--strict", is_flag=True, envvar="IMAGESETTER_STRICT", help="Exit with 1 on warnings, too.")
@click.option(
    "--fix",
    is_flag=True,
    envvar="IMAGESETTER_FIX",
    help="Fix in the files what has one way out: a wrong part, a misspelled key, text behind a marker, v1beta2.",
)
@outputs_option("text", "json", "markdown", "sarif")
@click.option(
    "--rendered",
    metavar="FILE",
    shell_complete=files,
    envvar="IMAGESETTER_RENDERED",
    help="Instead, compare a rendered stream (- for standard input) with what the policies or the lock select.",
)
@source_option
@quiet_option
@network_options
def command(
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    disable: tuple[str, ...],
    strict: bool,
    fix: bool,
    outputs: Outputs,
    rendered: str | None,
    source: SourceName,
    quiet: bool,
    network: NetworkOptions,
) -> int:
    """Check markers and policies, offline.

    PATH is a file or a directory, the working directory by default. Finds markers without effect, policies that
    are not valid or would select an unwanted tag, and more; docs/lint.md explains every rule. Exits with 1 if there is
    an error.

    \b
    Examples:
      imagesetter lint                             everything below here
      imagesetter lint --strict apps               warnings count as errors
      imagesetter lint --disable unused-policy     one rule is off
      imagesetter lint --fix                       repair what has one way out
      kustomize build clusters/prod | imagesetter lint --policies - .
      imagesetter lint --output sarif=lint.sarif   for code scanning
      kustomize build … | imagesetter lint --rendered - --from lock
    """
    if rendered is not None:
        return _check_rendered(
            rendered, paths, policies, namespace, exclude, values, source, network._replace(quiet=quiet), strict=strict
        )
    names = [name for given in disable for name in re.split(r"[\s,]+", given) if name]
    rules = choose_rules(names, where=option_name("disable"))
    read = partial(
        read_linted_tree,
        paths,
        policies=policies,
        namespace=namespace,
        exclude=exclude,
        stdin=cache(read_stdin),
        values=values,
    )
    tree = read()
    findings = lint(tree, rules)
    fixed = 0
    for _ in range(_ROUNDS if fix else 0):
        done, failures = _fix(findings, tree, paths, quiet=quiet)
        if failures:
            print_results(failures)
            return FAILED
        if not done:
            break
        fixed += done
        tree = read()
        findings = lint(tree, rules)
    made = LintOutcome(findings, rules, tree.count, quiet, fixed if fix else None)
    outputs.write(partial(render_lint, made))
    write(render_lint(made, outputs.stdout))
    if not (findings or quiet or tree.marker_comments):
        print_hint(why_nothing(paths, files=tree.count, policies=len(tree.catalog.policy_names)))
    failing = {"error", "warning"} if strict else {"error"}
    return FAILED if any(finding.severity in failing for finding in findings) else OK


def _fix(
    findings: Sequence[Finding], tree: LintedTree, paths: tuple[str, ...], *, quiet: bool
) -> tuple[int, list[Result]]:
    """Write what can be fixed: how many findings that were, and why a file could not be written."""
    planned = list(fixes(findings, tree.given_names, paths))
    failures = write_files([rewrite for rewrite, _ in planned])
    broken = {result.file.path for result in failures if result.file}
    done = [finding for rewrite, found in planned if str(rewrite.path) not in broken for finding in found]
    for finding in done if not quiet else ():
        echo(one_line(f"{finding.problem.position}: fixed {finding.rule.name}: {finding.problem.message}"), err=True)
    return len(done), failures


def _check_rendered(
    rendered: str,
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    source: SourceName,
    network: NetworkOptions,
    *,
    strict: bool,
) -> int:
    """``--rendered``: the only check that contacts a registry, unless latest refs come from the lock or a status."""
    if rendered == "-" and "-" in policies:
        raise UsageError(
            "--policies and --rendered cannot both read standard input", hint="write one of them to a file"
        )
    data = read_stdin() if rendered == "-" else read_named(rendered)
    name = STDIN if rendered == "-" else rendered
    tree = read_tree(paths or (() if policies else (".",)), exclude=exclude, needed=bool(paths))
    catalog = catalog_from_tree(
        tree,
        paths=paths,
        policies=policies,
        namespace=namespace,
        stdin=read_stdin,
        values=values,
    )
    if not catalog.policy_names:
        raise UsageError("no ImagePolicy was found", hint="add the files that contain them with --policies")
    with source_for(source, Nearby(catalog, tree, paths).require_lock, network) as make_source:
        checked = check_rendered(data, name, catalog, make_source(catalog, FieldDigests()))
    print_results(checked.results)
    if not (checked.results or checked.right):
        print_results(
            [report("warning", f"{name} contains no image of a policy's repository, so nothing was compared")]
        )
        return FAILED if strict else OK
    if not network.quiet:
        wrong = len(checked.results)
        echo(f"{wrong} of {wrong + checked.right} images of the policies' repositories are wrong")
    return FAILED if checked.results else OK
