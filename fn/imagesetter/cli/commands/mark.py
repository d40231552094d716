"""``imagesetter mark``: insert markers where an image matches a policy."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

import click

from imagesetter.cli.completion import paths_argument
from imagesetter.cli.completion import policies as policies_here
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.option_names import option_name
from imagesetter.cli.options import (
    diff_option,
    policy_name,
    read_stdin,
    reading_options,
    report_options,
)
from imagesetter.cli.reports.diff import unified_diff
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.terminal import echo, echo_diff, print_results, styled, write
from imagesetter.config.options import API_VERSION
from imagesetter.errors import ResolveError
from imagesetter.fields.mark import MarkOutcome, find_owners, insert_markers
from imagesetter.files.atomic_write import noted
from imagesetter.files.find import repository_root, start_directory
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.update.files import write_files
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import UsageError
from krm_functions.redaction import without_logins
from krm_functions.result import Result, failed
from krm_functions.yaml.field_path import format_path

_NOWHERE = PolicyName("", "")


@click.command("mark", cls=GroupedCommand)
@paths_argument
@click.option(
    "--only",
    multiple=True,
    metavar="NS:NAME",
    envvar="IMAGESETTER_ONLY",
    shell_complete=policies_here,
    help="Mark fields of this policy only. Repeatable.",
)
@click.option(
    "--check", is_flag=True, envvar="IMAGESETTER_CHECK", help="Write nothing; exit with 1 if something would be marked."
)
@diff_option
@reading_options
@report_options
def command(
    paths: tuple[str, ...],
    only: tuple[str, ...],
    check: bool,
    diff: bool,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    output: str,
    quiet: bool,
) -> int:
    """Insert markers where an image matches a policy.

    PATH is a file or a directory, the working directory by default. Marks the images of containers and volumes,
    kustomize's images: and Helm's repository: and tag: where exactly one policy selects from the image's repository.
    Inserts nothing but comments, and reports images that cannot be marked.

    \b
    Examples:
      imagesetter mark --check --diff                 show what would be marked
      imagesetter mark clusters/prod                  mark it
      imagesetter mark --only flux-system:web-prod clusters/prod
    """
    names = frozenset(policy_name(text, namespace, where=option_name("only")) for text in only)
    tree = read_tree(paths or (".",), exclude=exclude, needed=True)
    catalog = known_policies(tree, paths, policies, namespace, values, names)
    owners, unreadable = find_owners(catalog, names)
    unreadable += tree.invalid
    outcome = insert_markers(paths or (".",), owners, exclude=exclude)
    writes = not check and not failed(outcome.results)
    unwritten = write_files(outcome.rewrites) if writes else []
    lost = {result.file.path for result in unwritten if result.file}
    outcome = replace(outcome, insertions=[each for each in outcome.insertions if each.file not in lost])
    problems = [*unreadable, *outcome.results, *unwritten]
    with noted([str(each.path) for each in outcome.rewrites if str(each.path) not in lost] if writes else []):
        _report(outcome, problems, owners=bool(owners), written=writes, diff=diff, output=output, quiet=quiet)
    return FAILED if failed(problems) or (check and outcome.insertions) else OK


def _report(
    outcome: MarkOutcome, problems: list[Result], *, owners: bool, written: bool, diff: bool, output: str, quiet: bool
) -> None:
    """Print which fields were marked, and which could not be."""
    if not owners:
        problems.append(
            Result("no ImagePolicy with its ImageRepository was found; add them with --policies", "warning")
        )
    if diff and output == "text":
        for rewritten in outcome.rewrites:
            echo_diff(unified_diff(rewritten))
    if output == "json":
        write(f"{json_text(_as_json(outcome, problems))}\n")
    elif not quiet:
        _print_text(outcome, written=written, diff=diff)
    print_results(result for result in problems if not quiet or result.severity != "info")


def known_policies(
    tree: ScannedTree,
    paths: tuple[str, ...],
    policies: tuple[str, ...],
    namespace: str,
    values: Mapping[str, str] | None,
    names: frozenset[PolicyName],
) -> Catalog:
    """The policies that an image may match: those of the whole repository, not only those beside the image.

    Raises:
        UsageError: a named policy does not exist.
    """
    inside = repository_root(start_directory(paths)) is not None
    alone = not any(found.kind == "ImagePolicy" for found in tree.resources)
    # An unknown name makes the search continue through the whole repository.
    wanted = names or ({_NOWHERE} if inside or alone else ())
    catalog = catalog_from_tree(
        tree,
        paths=paths,
        policies=policies,
        namespace=namespace,
        stdin=read_stdin,
        wanted=wanted,
        values=values,
    )
    for name in sorted(names):
        if not catalog.has_policy(name):
            try:
                catalog.recorded(name)
            except ResolveError as error:
                raise UsageError(error.what, hint=error.hint) from error
    return catalog


def _print_text(outcome: MarkOutcome, *, written: bool, diff: bool) -> None:
    if not diff:
        for each in outcome.insertions:
            marker = styled(each.comment, sys.stdout, fg="green")
            where = f"{each.file}:{each.scalar.line}: {without_logins(each.scalar.value)}"
            echo(f"{where} {marker}")
    count = len(outcome.insertions)
    verb = "marked" if written else "would be marked"
    echo(
        f"{count} field{'' if count == 1 else 's'} {verb}, {outcome.marked} had a marker "
        f"({outcome.files} file{'' if outcome.files == 1 else 's'} read)"
    )


def _as_json(outcome: MarkOutcome, results: Iterable[Result]) -> dict[str, object]:
    """The JSON document: ``markers`` with policy, part, file, line, field and value, and ``results``."""
    return {
        "apiVersion": API_VERSION,
        "kind": "MarkReport",
        "markers": [
            {
                "policy": str(each.marker.policy),
                "part": each.marker.part,
                "file": each.file,
                "line": each.scalar.line,
                "field": format_path(each.scalar.path),
                "value": without_logins(each.scalar.value),
            }
            for each in outcome.insertions
        ],
        "results": [result.to_dict() for result in results],
    }
