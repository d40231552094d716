"""``imagesetter report``: where every policy stands, as text, JSON or a page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagesetter.cli import clock
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.history import checkout_history
from imagesetter.cli.ledger_file import with_ledger
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.option_names import option_name
from imagesetter.cli.options import (
    Output,
    ledger_option,
    network_options,
    output_option,
    quiet_option,
    read_stdin,
    reading_options,
    source_option,
)
from imagesetter.cli.output_options import write_file
from imagesetter.cli.policy_overview import Overview, make_overview
from imagesetter.cli.registry_client import open_client
from imagesetter.cli.reports.policies import counts, render_overview, render_overview_json
from imagesetter.cli.reports.policy_page import render_page
from imagesetter.cli.source import held_in, source_for
from imagesetter.cli.terminal import echo, write
from imagesetter.selection.choose import Chooser
from imagesetter.selection.explain import RememberingRegistry
from imagesetter.selection.registry_source import RegistrySource
from imagesetter.selection.sources import Digests, LatestRefSource, MakeSource
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import read_tree
from imagesetter.update.tree_catalog import catalog_from_tree, with_values
from krm_functions.errors import UsageError

if TYPE_CHECKING:
    from imagesetter.config.options import SourceName
    from imagesetter.flux.catalog import Catalog


@click.command("report", cls=GroupedCommand)
@paths_argument
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IMAGESETTER_REPORT_HTML",
    help="Write a page to this file: one HTML file that requests nothing.",
)
@source_option
@reading_options
@output_option
@quiet_option
@network_options
@ledger_option
def command(
    paths: tuple[str, ...],
    page: Path | None,
    source: SourceName,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    output: Output,
    quiet: bool,
    network: NetworkOptions,
) -> int:
    """Show where every policy stands: current and latest tag, what is held back and why.

    With --html, also how old each entry of the lock is, what changed in the last 30 days by the lock's Git history, and
    a picture of how each policy selects its tag (with --from registry). Nothing is changed. The exit status is 1 if a
    policy selects no tag; the report is written all the same.

    \b
    Examples:
      imagesetter report
      imagesetter report --html report.html
      imagesetter report --from lock --html report.html    no network
      imagesetter report --output json clusters/prod
    """
    if page and not page.absolute().parent.is_dir():
        hint = "choose a file in an existing directory"
        raise UsageError(f"{page} is in a directory that does not exist", where=option_name("page"), hint=hint)
    tree = read_tree(paths or (".",), exclude=exclude)
    catalog = catalog_from_tree(
        tree, paths=paths, policies=policies, namespace=namespace, stdin=read_stdin, values=values
    )
    tree = with_values(tree, catalog)
    nearby = Nearby(catalog, tree, paths)
    checkout = checkout_history(tree, catalog)
    with ExitStack() as opened:
        registry = None
        if source == "registry":
            registry = RememberingRegistry(opened.enter_context(open_client(network._replace(quiet=quiet))))
            lock = with_ledger(nearby.lock(), network.ledger)
            make_source = _from(registry, Chooser(lock, clock.now(), "accept", held_in(tree, catalog)))
        else:
            make_source = opened.enter_context(source_for(source, nearby.require_lock, network))
        overview = make_overview(
            tree,
            catalog,
            nearby,
            make_source,
            now=clock.now(),
            source=source,
            registry=registry,
            history=checkout.history if checkout else None,
        )
    if page:
        write_file(page, render_page(overview))
    _print(overview, page, output, quiet=quiet)
    return FAILED if overview.count("failed") else OK


def _from(registry: RememberingRegistry, choose: Chooser) -> MakeSource:
    """What the registries have now, as far as the holds and ages of the locks let it."""

    def make(catalog: Catalog, digests: Digests) -> LatestRefSource:
        return RegistrySource(
            catalog,
            registry,
            digests.known,
            choose=choose,
            situation=choose.situation,
            needs_digest=digests.needed,
        )

    return make


def _print(overview: Overview, page: Path | None, output: Output, *, quiet: bool) -> None:
    if output == "json":
        write(render_overview_json(overview))
    elif page and not quiet:
        echo(f"{page}: {counts(overview)}")
    elif not quiet:
        write(render_overview(overview))
