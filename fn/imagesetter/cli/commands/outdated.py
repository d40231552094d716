"""``imagesetter outdated``: the images of a tree that have newer tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import click

from imagesetter.cli import clock
from imagesetter.cli.commands.mark import known_policies
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.ledger_file import with_ledger
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import ledger_option, network_options, quiet_option, reading_options
from imagesetter.cli.output_options import Outputs, outputs_option
from imagesetter.cli.registry_client import open_client
from imagesetter.cli.reports.outdated import ImageRow, OutdatedImages, render_outdated
from imagesetter.cli.terminal import print_results, write
from imagesetter.errors import LockError
from imagesetter.fields.images import ImageUse, find_images
from imagesetter.fields.mark import Owners, find_owners
from imagesetter.fields.report import failure, report
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.lock.document import Lock
from imagesetter.registry.scan import ScanOptions
from imagesetter.selection.choose import Chooser
from imagesetter.selection.outdated import CurrentImage, Newer, find_newer
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import read_tree
from krm_functions.errors import TextError
from krm_functions.result import Result, failed


@click.command("outdated", cls=GroupedCommand)
@paths_argument
@click.option("--check", is_flag=True, envvar="IMAGESETTER_CHECK", help="Exit with 1 if an image is outdated.")
@click.option("--all", "everything", is_flag=True, help="Also list the images that are up to date.")
@click.option("--age", is_flag=True, help="Ask registries with an API for it when the tags were uploaded.")
@click.option("--insecure", is_flag=True, help="For images without a policy: allow plain HTTP.")
@reading_options
@outputs_option("text", "json", "markdown")
@quiet_option
@network_options
@ledger_option
def command(
    paths: tuple[str, ...],
    check: bool,
    everything: bool,
    age: bool,
    insecure: bool,
    policies: tuple[str, ...],
    namespace: str,
    exclude: tuple[str, ...],
    values: Mapping[str, str] | None,
    outputs: Outputs,
    quiet: bool,
    network: NetworkOptions,
) -> int:
    """List images that have newer tags, with or without a policy.

    PATH is a file or a directory, the working directory by default. WITHIN is what the policy of an image selects;
    without a policy, it is the newest tag with the same major version, or of the same shape. LATEST ignores that
    limit. AGE is that of the current tag, where the registry says it.

    \b
    Examples:
      imagesetter outdated
      imagesetter outdated --all --age apps
      imagesetter outdated --output markdown=outdated.md
      imagesetter outdated --check clusters/prod
    """
    tree = read_tree(paths or (".",), exclude=exclude, needed=True)
    catalog = known_policies(tree, paths, policies, namespace, values, frozenset())
    owners, problems = find_owners(catalog)
    images = find_images(paths or (".",), exclude=exclude)
    problems += (failure(error, severity="warning") for error in images.unread)
    groups: dict[CurrentImage, list[ImageUse]] = {}
    for use in images.uses:
        groups.setdefault(CurrentImage(use.repository, use.tag, _policy(use, owners, catalog)), []).append(use)
    lock = with_ledger(_lock(Nearby(catalog, tree, paths), problems), network.ledger)
    options = ScanOptions(insecure=insecure, upload_times=age)
    with open_client(network._replace(quiet=quiet)) as client:
        chooser = Chooser(lock, clock.now(), "accept")
        newer = find_newer(list(groups), catalog, client, choose=chooser, options=options)
    rows = [ImageRow(each, tuple(groups[each.image])) for each in newer]
    made = OutdatedImages(rows, (*problems, *_failures(newer)), images.files, everything, clock.now())
    outputs.write(partial(render_outdated, made))
    if not quiet or outputs.stdout != "text" or any(row.newer.is_outdated for row in rows):
        write(render_outdated(made, outputs.stdout))
    print_results(made.results)
    outdated = any(row.newer.is_outdated for row in rows)
    return FAILED if failed(made.results) or (check and outdated) else OK


def _policy(use: ImageUse, owners: Owners, catalog: Catalog) -> PolicyName | None:
    """The policy that an image follows: by its marker, or the only one that selects from its repository."""
    if use.marker and catalog.has_policy(use.marker.policy):
        return use.marker.policy
    found = owners.get(use.repository.canonical, ())
    return found[0].name if len(found) == 1 else None


def _lock(nearby: Nearby, problems: list[Result]) -> Lock:
    try:
        return nearby.lock() or Lock({})
    except (LockError, TextError) as error:
        problems.append(report("warning", f"the lock cannot be read, so its holds are ignored: {error}"))
        return Lock({})


def _failures(newer: Sequence[Newer]) -> list[Result]:
    """An error for each image whose registry or policy failed; `print_results` merges those of one host."""
    return [
        failure(each.error, policy=str(each.image.policy or each.image.repository.written))
        for each in newer
        if each.error
    ]
