"""``imagesetter test``: test policies against lists of tags, offline."""

from __future__ import annotations

from collections.abc import Mapping

import click

from imagesetter.cli.completion import files as complete_files
from imagesetter.cli.exit_status import FAILED, OK, USAGE
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.options import (
    Output,
    read_stdin,
    reading_options,
    report_options,
)
from imagesetter.cli.reports.test import print_report
from imagesetter.policy_tests.run import find_tests, named_policies, run_suites
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError


@click.command("test", cls=GroupedCommand)
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=complete_files)
@reading_options
@report_options
def command(
    files: tuple[str, ...],
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    output: Output,
    quiet: bool,
) -> int:
    """Test policies against lists of tags, offline.

    FILE contains documents of kind PolicyTest, or is a directory with such files; the default is the working directory.
    Each test states which tag a policy has to pick from a list, or which error it has to give. The exit status is 1 if
    a case fails, and 2 if a test cannot be read, or if there is none.

    \b
    Examples:
      imagesetter test
      imagesetter test clusters/prod/web.policy-test.yaml
      kustomize build clusters/prod | imagesetter test --policies -
      imagesetter schema PolicyTest            the fields of such a file
    """
    suites, broken = find_tests(files or (".",), exclude=exclude)
    if not suites and not broken:
        hint = "write a PolicyTest to a file such as web.policy-test.yaml, or specify the file that contains one"
        where = f"in {' or '.join(files)}" if files else "here"
        raise UsageError(f"no policy tests found {where}", hint=hint)
    named = named_policies(suites, namespace)
    tree = read_tree((".",) if named and not policies else (), exclude=exclude)
    catalog = catalog_from_tree(
        tree,
        paths=files,
        policies=policies if named else (),
        namespace=namespace,
        stdin=read_stdin,
        wanted=named,
        values=values,
    )
    outcomes = run_suites(suites, catalog)
    print_report(outcomes, broken, output=output, quiet=quiet)
    if broken:
        return USAGE
    return OK if all(outcome.passed for outcome in outcomes) else FAILED
