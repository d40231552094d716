"""``imagesetter update``: rewrite marked fields in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.option_names import option_name
from imagesetter.cli.options import (
    RunOptions,
    allow_downgrade_option,
    allow_unpin_option,
    diff_option,
    ledger_option,
    nested_option,
    network_options,
    reporting_run_options,
    with_quiet,
)
from imagesetter.cli.output_options import Format
from imagesetter.cli.planned_update import plan_update
from imagesetter.cli.reports.diff import unified_diff
from imagesetter.cli.reports.update import UpdateOutcome
from imagesetter.cli.reports.update_json import render_json
from imagesetter.cli.reports.update_markdown import render_markdown
from imagesetter.cli.reports.update_text import render_table, render_text
from imagesetter.cli.terminal import echo_diff, line, print_hint, print_results, why_nothing, write
from imagesetter.fields.report import failure
from imagesetter.fields.report import report as result_of
from imagesetter.files.atomic_write import noted
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock
from imagesetter.update.files import FileUpdates, write_files
from imagesetter.update.read_tree import read_tree
from krm_functions.errors import UsageError
from krm_functions.result import Result, failed


@click.command("update", cls=GroupedCommand)
@paths_argument
@click.option(
    "--check", is_flag=True, envvar="IMAGESETTER_CHECK", help="Write nothing; exit with 1 if something would change."
)
@diff_option
@click.option(
    "--links",
    is_flag=True,
    envvar="IMAGESETTER_LINKS",
    help="Read the labels of changed images, and link to their source in the reports.",
)
@allow_downgrade_option
@allow_unpin_option
@nested_option
@click.option(
    "--strict",
    is_flag=True,
    envvar="IMAGESETTER_STRICT",
    help="Report a field that stays at a higher tag, or at its digest, as an error.",
)
@click.option(
    "--message-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IMAGESETTER_MESSAGE_FILE",
    help="Write a commit message to this file if something changed, for `git commit -F`.",
)
@click.option(
    "--message-template",
    default="",
    metavar="TEMPLATE",
    envvar="IMAGESETTER_MESSAGE_TEMPLATE",
    help="Template of the commit message, as in Flux's messageTemplate.",
)
@reporting_run_options("text", "json", "markdown", "sarif")
@network_options
@ledger_option
def command(
    paths: tuple[str, ...],
    check: bool,
    diff: bool,
    links: bool,
    allow_downgrade: bool,
    allow_unpin: bool,
    nested: bool,
    strict: bool,
    message_file: Path | None,
    message_template: str,
    options: RunOptions,
    network: NetworkOptions,
) -> int:
    """Rewrite marked fields in place.

    PATH is a file or a directory, the working directory by default. Only the text of marked fields changes, which is
    proved before anything is written. An error holds up only the fields that it is about (see --on-error), and the
    exit status is 1.

    \b
    Examples:
      imagesetter update                        everything below here
      imagesetter update --diff clusters/prod   update, and show what changed
      imagesetter update --check                in CI: is everything up to date?
      imagesetter update --links --output markdown=body.md
      imagesetter update --check --output sarif=images.sarif
      imagesetter update --message-file m && git commit -aF m
      kubectl get imagepolicies -A -o yaml > policies.yaml
      imagesetter update --from status --policies policies.yaml
    """
    network = with_quiet(network, options)
    if message_file and not message_file.parent.is_dir():
        where, hint = option_name("message_file"), "choose a file in an existing directory"
        raise UsageError(f"{message_file} is in a directory that does not exist", where=where, hint=hint)
    tree = read_tree(paths or (".",), exclude=options.exclude, needed=True, nested=nested)
    planned = plan_update(
        tree,
        paths,
        options,
        network,
        allow_downgrade=allow_downgrade,
        allow_unpin=allow_unpin,
        strict=strict,
    )
    tree, catalog, present, only = planned.tree, planned.catalog, planned.lock, options.only
    outcome = planned.updates
    unfollowed = tuple(_unfollowed(only, catalog, outcome, present, strict=strict))
    outcome = replace(outcome, results=(*outcome.results, *unfollowed))
    refused = outcome.failed if options.on_error == "fail" else failed(unfollowed)  # a wrong --only stops the run
    writes = not (check or refused)
    diffs = {each.name: unified_diff(each) for each in outcome.rewrites} if diff else {}  # of what is there now
    if message_file and outcome.changes and writes:
        from imagesetter.cli.reports.commit_message import write_message

        write_message(
            message_file, message_template, outcome.changes
        )  # first, so that an invalid template changes no file
    unwritten = write_files(outcome.rewrites) if writes else []
    problems = (*outcome.results, *unwritten)
    outcome = _without(outcome, {result.file.path for result in unwritten if result.file})
    with noted([rewritten.name for rewritten in outcome.rewrites] if writes else []):
        shown = "".join(diffs.get(each.name, "") for each in outcome.rewrites)
        made = UpdateOutcome(outcome, problems, written=writes, diffs=shown, refused=refused and not check)
        if links and outcome.changes:
            made = _with_links(made, outcome, catalog, network)
        _report(made, options, catalog, paths)
    return FAILED if failed(problems) or (check and outcome.changes) else OK


def _report(made: UpdateOutcome, options: RunOptions, catalog: Catalog, paths: Sequence[str]) -> None:
    """Write and print every report."""
    outcome = made.outcome
    options.outputs.write(partial(render_update, made))
    if options.outputs.stdout != "text":
        write(render_update(made, options.outputs.stdout))
    else:
        echo_diff(made.diffs)
        if not options.quiet:
            write(render_table(made))
    noticed = () if options.quiet else outcome.results
    shown = [result for result in made.problems if result.severity != "info" or result in noticed]
    print_results(sorted(shown, key=lambda result: result.severity == "error"))
    if options.outputs.stdout == "text" and not options.quiet:
        write(f"{line(made.closing_line)}{', see above' if failed(shown) else ''}\n")
    if not (options.quiet or options.only or outcome.changes or outcome.unchanged or made.problems):
        print_hint(why_nothing(paths, files=outcome.files, policies=len(catalog.policy_names)))


def render_update(report: UpdateOutcome, form: Format) -> str:
    """The report in a format, for a file; text begins with the diff, if requested."""
    match form:
        case "json":
            return render_json(report)
        case "markdown":
            return render_markdown(report)
        case "sarif":
            from imagesetter.cli.reports.update_sarif import render_sarif  # with the linter, which takes 10 ms

            return render_sarif(report)
        case _:
            return report.diffs + render_text(report)


def _unfollowed(
    only: frozenset[PolicyName],
    catalog: Catalog,
    outcome: FileUpdates,
    present: Callable[[], Lock | None],
    *,
    strict: bool,
) -> Iterable[Result]:
    """Problems with ``--only``: an error for each unknown policy, and a warning if no field follows any of them (an
    error if *strict*). Otherwise nothing would be checked, silently."""
    reported = {result.tags.get("policy") for result in outcome.results}
    for name in sorted(only, key=lambda each: each.order):
        if not catalog.has_policy(name) and str(name) not in reported:
            lock = present()
            if lock is None or all(name != each.plain for each in lock.entries):
                yield failure(catalog.unknown(name), policy=str(name))
                return
    if only and not (outcome.changes or outcome.unchanged or outcome.results):
        names = ", ".join(sorted(map(str, only)))
        yield result_of("error" if strict else "warning", f"no field follows {names}, so nothing was checked")


def _without(outcome: FileUpdates, files: set[str]) -> FileUpdates:
    """The outcome without the changes of files that could not be written."""
    if not files:
        return outcome
    changes = tuple(change for change in outcome.changes if change.field.location.file not in files)
    rewrites = tuple(rewritten for rewritten in outcome.rewrites if rewritten.name not in files)
    return replace(outcome, changes=changes, rewrites=rewrites)


def _with_links(made: UpdateOutcome, outcome: FileUpdates, catalog: Catalog, network: NetworkOptions) -> UpdateOutcome:
    """The report with links; a label that cannot be read gives a note, not an error."""
    from imagesetter.cli.registry_client import open_client
    from imagesetter.cli.reports.links import find_links

    with open_client(network) as client:
        links, notes = find_links(client, catalog.policy, outcome.changes)
    infos = tuple(result_of("info", note) for note in notes)
    return replace(made, problems=(*made.problems, *infos), links=links)
