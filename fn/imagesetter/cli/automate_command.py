"""``imagesetter automate``: run ImageUpdateAutomation objects."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagesetter.cli.clients import source_for
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.network import NetworkOptions, seconds
from imagesetter.cli.options import RunOptions, network_options, policy_name, read_stdin, run_options, told
from imagesetter.cli.terminal import print_results
from imagesetter.config import API_VERSION
from imagesetter.errors import ImagesetterError, UsageError
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.plan import failure
from imagesetter.reading import build_catalog, find_lock, read_tree

if TYPE_CHECKING:
    from imagesetter.automate import Commit, Options, Run


@click.command("automate")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--automation",
    "automations",
    multiple=True,
    metavar="NS:NAME",
    envvar="IMAGESETTER_AUTOMATION",
    help="Only this automation. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Print each diff and message; commit and push nothing.")
@click.option(
    "--here",
    is_flag=True,
    envvar="IMAGESETTER_HERE",
    help="Use the current checkout and its remote, not a GitRepository's URL.",
)
@click.option(
    "--allow-dirty", is_flag=True, envvar="IMAGESETTER_ALLOW_DIRTY", help="Do not mind uncommitted changes here."
)
@click.option(
    "--per",
    type=click.Choice(["all", "group", "policy", "image"]),
    default="all",
    show_default=True,
    envvar="IMAGESETTER_PER",
    help="One commit of everything, or one for each image, policy, or label imagesetter.dev/group.",
)
@click.option(
    "--branch",
    default="",
    metavar="TEMPLATE",
    envvar="IMAGESETTER_BRANCH",
    help="Push each of these commits to a branch of its own, such as 'images/{{ .Values.set }}'.",
)
@click.option(
    "--git-timeout",
    metavar="DURATION",
    envvar="IMAGESETTER_GIT_TIMEOUT",
    help="For one git command.  [default: GitRepository.spec.timeout, else 60s]",
)
@run_options
@network_options
def command(
    paths: tuple[str, ...],
    automations: tuple[str, ...],
    dry_run: bool,
    here: bool,
    allow_dirty: bool,
    per: str,
    branch: str,
    git_timeout: str | None,
    options: RunOptions,
    network: NetworkOptions,
) -> int:
    """Run the ImageUpdateAutomations under PATH: update, commit, push.

    Each works in a temporary working tree: a clone of its GitRepository, if that is among the files, else one of the
    current checkout and its remote. Credentials are git's own. Nothing to change, nothing to push.

    \b
    Examples:
      imagesetter automate clusters/prod
      imagesetter automate --dry-run                   print diff and message
      imagesetter automate --automation flux-system:web --per image --branch 'images/{{ .Values.set }}'
      imagesetter automate --from status --policies exported.yaml
    """
    from imagesetter.automate import Options

    wanted = tuple(policy_name(text, options.namespace) for text in automations)
    how = Options(
        dry_run=dry_run,
        allow_dirty=allow_dirty,
        keep_on_error=options.keep_on_error,
        per=per,  # type: ignore[arg-type]
        branch=branch,
        timeout=seconds(git_timeout, "--git-timeout") if git_timeout else None,
        exclude=options.exclude,
        only=options.only,
    )
    if branch and per == "all" and "{{" in branch:
        raise UsageError("--branch has a template, and --per all makes one commit", hint="add --per image, say")
    runs = run_all(paths, wanted, how, options, network, here=here, report=_reporter(options, dry_run=dry_run))
    if options.output == "json":
        click.echo(json.dumps(_as_json(runs), indent=2, ensure_ascii=False))
    return FAILED if any(run.status == "failed" for run in runs) else OK


def run_all(
    paths: tuple[str, ...],
    wanted: Iterable[PolicyName],
    how: Options,
    options: RunOptions,
    network: NetworkOptions,
    *,
    here: bool,
    report: Callable[[Run], None],
) -> list[Run]:
    """Run the automations one by one, each reported as it ends; one that fails does not stop the others."""
    from imagesetter.automate import run
    from imagesetter.automation.spec import automation_names

    tree = read_tree(paths or (".",), exclude=options.exclude)
    catalog = build_catalog(tree, paths=paths, policies=options.policies, namespace=options.namespace, stdin=read_stdin)
    given = catalog
    if not options.policies:
        # Policies are looked for in the whole repository; what runs is under PATH.
        given = Catalog(options.namespace)
        given.add(tree.resources)
    names = automation_names(given, wanted)
    start = Path(paths[0]) if paths else Path()
    directory = start if start.is_dir() else start.parent
    runs: list[Run] = []
    with source_for(options.source, partial(find_lock, tree, paths), told(network, options)) as make_source:
        for name in names:
            runs.append(
                _validated(catalog, name, lambda one: run(one, catalog, make_source, directory, how), here=here)
            )
            report(runs[-1])
    return runs


def _validated(catalog: Catalog, name: PolicyName, run: Callable[..., Run], *, here: bool) -> Run:
    from imagesetter.automate import Run
    from imagesetter.automation.spec import automation

    try:
        one = automation(catalog, name, here=here)
    except ImagesetterError as error:
        return Run(name, "failed", results=(failure(error, automation=str(name)),))
    return run(one)


def _reporter(options: RunOptions, *, dry_run: bool) -> Callable[[Run], None]:
    def report(run: Run) -> None:
        if options.output == "text":
            for commit in run.commits:
                if dry_run:
                    _print_commit(commit)
                elif not options.quiet:
                    click.echo(f"{run.name}: pushed {commit.hash[:7]} to {commit.branch} ({_fields(commit)})")
            if not run.commits and not options.quiet:
                click.echo(f"{run.name}: {run.status}")
        for note in run.notes:
            click.echo(f"{run.name}: {note}", err=True)
        print_results(run.results)
        sys.stdout.flush()

    return report


def _fields(commit: Commit) -> str:
    count = len(commit.changes)
    return f"{count} field{'' if count == 1 else 's'}"


def _print_commit(commit: Commit) -> None:
    click.echo(f"would push to {commit.branch} ({_fields(commit)}):\n")
    for line in commit.message.splitlines() or [""]:
        click.echo(f"    {line}".rstrip())
    click.echo(f"\n{commit.diff}", nl=False)


def _as_json(runs: Iterable[Run]) -> dict[str, object]:
    return {
        "apiVersion": API_VERSION,
        "kind": "AutomationReport",
        "automations": [
            {
                "automation": str(run.name),
                "status": run.status,
                "commits": [_commit_as_json(commit) for commit in run.commits],
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
                "file": change.field.place.file,
                "line": change.field.place.line,
                "field": change.field.place.field,
                "old": change.old,
                "new": change.new,
            }
            for change in commit.changes
        ],
    }
