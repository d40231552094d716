"""``imagesetter update``: rewrite marked fields in place."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import click

from imagesetter.cli.clients import source_for
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.network import NetworkOptions
from imagesetter.cli.options import RunOptions, network_options, read_stdin, run_options, told
from imagesetter.cli.report import print_update, unified_diff
from imagesetter.cli.terminal import print_results
from imagesetter.files import known_digests, update, write_all
from imagesetter.plan import MarkedField
from imagesetter.reading import build_catalog, find_lock, read_tree
from imagesetter.resolve import Source


@click.command("update")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if something would change.")
@click.option("--diff", is_flag=True, help="Print a unified diff of the changes.")
@run_options
@network_options
def command(paths: tuple[str, ...], check: bool, diff: bool, options: RunOptions, network: NetworkOptions) -> int:
    """Rewrite marked fields in place.

    PATH is a file or a directory, the working directory by default. Only the text of marked fields changes, proved
    before anything is written; if any result is an error, nothing is written at all (see --on-error).

    \b
    Examples:
      imagesetter update                              everything below here
      imagesetter update --diff clusters/prod         and show what changed
      imagesetter update --check                      in CI: is everything up to date?
      kubectl get imagepolicies -A -o yaml > policies.yaml
      imagesetter update --from status --policies policies.yaml
    """
    tree = read_tree(paths or (".",), exclude=options.exclude)
    catalog = build_catalog(tree, paths=paths, policies=options.policies, namespace=options.namespace, stdin=read_stdin)
    with source_for(options.source, partial(find_lock, tree, paths), told(network, options)) as make_source:

        def source_of(fields: Sequence[MarkedField]) -> Source:
            return make_source(catalog, known_digests(fields))

        outcome = update(tree, source_of, keep_on_error=options.keep_on_error, only=options.only)
    write = not check and not outcome.failed
    problems = [*outcome.results, *(write_all(outcome.rewrites) if write else ())]
    if diff and options.output == "text":
        for rewritten in outcome.rewrites:
            sys.stdout.write(unified_diff(rewritten))
    print_update(outcome, problems, written=write, output=options.output, quiet=options.quiet, diff=diff)
    print_results(result for result in problems if result.severity != "info")
    if any(result.severity == "error" for result in problems):
        return FAILED
    return FAILED if check and outcome.changes else OK
