"""``imagesetter automate``: run ImageUpdateAutomation objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
from click.core import ParameterSource

from imagesetter import __version__
from imagesetter.cli.automation_runs import Invocation, automation_manifests, watch_automations
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions, time_limit
from imagesetter.cli.option_names import option_name
from imagesetter.cli.options import (
    RunOptions,
    allow_downgrade_option,
    allow_unpin_option,
    ledger_option,
    network_options,
    policy_name,
    run_options,
)
from imagesetter.cli.pull_requests import RequestSettings, parse_reviewer, report_link
from imagesetter.cli.reports.automate import automation_json, reporter
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.label_rules import labels_by_rule, parse_label_rule
from imagesetter.cli.reports.notifications import Notifications, check_events, check_file
from imagesetter.cli.reports.update_markdown import render_branch
from imagesetter.cli.terminal import echo_data, print_notice, write
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.forge_address import parse_forge
from imagesetter.git.run import AutomationOptions
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.update.downgrades import downgrade_guard
from krm_functions.errors import UsageError


@click.command("automate", cls=GroupedCommand)
@paths_argument
@click.option(
    "--automation",
    "automations",
    multiple=True,
    metavar="NS:NAME",
    envvar="IMAGESETTER_AUTOMATION",
    help="Run only this automation. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Print each diff and message, but commit and push nothing.")
@click.option(
    "--here",
    is_flag=True,
    envvar="IMAGESETTER_HERE",
    help="Use the current checkout and its remote instead of a GitRepository's URL.",
)
@click.option(
    "--allow-dirty",
    is_flag=True,
    envvar="IMAGESETTER_ALLOW_DIRTY",
    help="Ignore uncommitted changes in the current checkout.",
)
@click.option(
    "--per",
    type=click.Choice(["all", "group", "policy", "image", "release"]),
    default="all",
    show_default=True,
    envvar="IMAGESETTER_PER",
    help="Make one commit for all changes, or one per image, policy, label imagesetter.dev/group, or ImageRelease.",
)
@click.option(
    "--branch",
    default="",
    metavar="TEMPLATE",
    envvar="IMAGESETTER_BRANCH",
    help="Push each commit to a branch of its own, such as 'images/{{ .Values.set }}'.",
)
@click.option(
    "--pull-request",
    "pull_request",
    is_flag=True,
    envvar="IMAGESETTER_PULL_REQUEST",
    help="Open or update one pull request for each push branch, and close those that are obsolete.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="LABEL",
    envvar="IMAGESETTER_LABEL",
    help="Label the pull requests. Repeatable.",
)
@click.option(
    "--label-if",
    "label_rules",
    multiple=True,
    metavar="LABEL=RULE",
    envvar="IMAGESETTER_LABEL_IF",
    help="Label the pull requests whose changes are all small enough (patch, minor, major), or as old in the lock "
    "(3d), such as automerge=patch,3d; remove the label from others. Repeatable.",
)
@click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    metavar="NAME",
    envvar="IMAGESETTER_REVIEWER",
    help="Request a review from this user, or team (ORGANIZATION/TEAM), when a pull request is opened. Repeatable.",
)
@click.option(
    "--draft",
    is_flag=True,
    envvar="IMAGESETTER_DRAFT",
    help="Open pull requests as drafts.",
)
@click.option(
    "--report-url",
    default="",
    metavar="URL",
    envvar="IMAGESETTER_REPORT_URL",
    help="End the body of each pull request with a link to a report, as `imagesetter report --html` writes it.",
)
@click.option(
    "--forge",
    default="",
    metavar="KIND=URL",
    envvar="IMAGESETTER_FORGE",
    help="API of the forge: github, gitlab or gitea.  [default: by the remote's host, or from the CI system]",
)
@click.option(
    "--allow-git",
    multiple=True,
    metavar="PATTERN",
    envvar="IMAGESETTER_ALLOW_GIT",
    help="Contact only Git servers that match HOST, HOST/PATH, *.SUFFIX or file:///DIRECTORY; also allows private "
    "addresses. Repeatable.",
)
@click.option(
    "--git-timeout",
    metavar="DURATION",
    envvar="IMAGESETTER_GIT_TIMEOUT",
    help="Upper limit of the time for one git command, also of GitRepository.spec.timeout.  [default: spec.timeout up "
    "to 5m, else 60s]",
)
@allow_downgrade_option
@allow_unpin_option
@click.option(
    "--watch",
    "watching",
    is_flag=True,
    envvar="IMAGESETTER_AUTOMATE_WATCH",
    help="Keep running: each automation on its spec.interval, until SIGTERM.",
)
@click.option(
    "--events",
    default="",
    metavar="FILE|URL",
    envvar="IMAGESETTER_EVENTS",
    help="Append a CloudEvent for each change, hold and error to a file, or send it to a URL.",
)
@click.option(
    "--metrics",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IMAGESETTER_METRICS",
    help="Write the state of the automations to this file as OpenMetrics, for a node exporter.",
)
@click.option("--emit", type=click.Choice(["cronjob"]), help="Print manifests for a cluster instead of running.")
@click.option(
    "--image",
    default=f"ghcr.io/imagesetter/imagesetter:{__version__}",
    show_default=True,
    envvar="IMAGESETTER_IMAGE",
    help="Image for --emit, with imagesetter and git.",
)
@run_options
@network_options
@ledger_option
def command(
    paths: tuple[str, ...],
    automations: tuple[str, ...],
    dry_run: bool,
    here: bool,
    allow_dirty: bool,
    per: str,
    branch: str,
    pull_request: bool,
    labels: tuple[str, ...],
    label_rules: tuple[str, ...],
    reviewers: tuple[str, ...],
    draft: bool,
    report_url: str,
    forge: str,
    allow_git: tuple[str, ...],
    git_timeout: str | None,
    allow_downgrade: bool,
    allow_unpin: bool,
    watching: bool,
    events: str,
    metrics: Path | None,
    emit: str | None,
    image: str,
    options: RunOptions,
    network: NetworkOptions,
) -> int:
    """Run the ImageUpdateAutomations under PATH: update, commit, push.

    Each runs in a temporary working tree: a clone of its GitRepository, if the files contain it, else a work tree of
    the current checkout with its remote. git uses its own credentials. Without changes, nothing is pushed.

    \b
    Examples:
      imagesetter automate clusters/prod
      imagesetter automate --dry-run                    print diff and message
      imagesetter automate --automation flux-system:web
      imagesetter automate --per image --branch 'images/{{ .Values.set }}'
      imagesetter automate --pull-request --label images
      imagesetter automate --from status --policies exported.yaml
    """
    wanted = tuple(policy_name(text, options.namespace, where=option_name("automations")) for text in automations)
    automation_options = AutomationOptions(
        dry_run=dry_run,
        allow_dirty=allow_dirty,
        on_error=options.on_error,
        allow_unpin=allow_unpin,
        per=per,  # type: ignore[arg-type]
        branch=branch,
        address_rules=GitAddressRules.parse(allow_git, loopback=network.allow_loopback),
        timeout=time_limit(git_timeout, option_name("git_timeout")) if git_timeout else None,
        exclude=options.exclude,
        only=options.only,
        guards_of=lambda catalog, fields: () if allow_downgrade else [downgrade_guard(catalog, fields)],
    )
    _note_unused(pull_request=pull_request)
    if branch and per == "all" and "{{" in branch:
        raise UsageError("--branch is a template, but --per all makes one commit", hint="add --per image, for example")
    if forge:
        parse_forge(forge)
    link = report_link(report_url)
    rules_of_labels = [parse_label_rule(text) for text in label_rules]
    settings = RequestSettings(
        forge,
        frozenset(labels),
        not options.only,
        render_branch,
        link,
        frozenset(rule.label for rule in rules_of_labels),
        partial(labels_by_rule, rules_of_labels),
        draft,
        tuple(map(parse_reviewer, reviewers)),
    )
    rules = automation_options.address_rules
    if metrics:
        check_file(metrics, "--metrics")
    notifications = Notifications(check_events(events), metrics, rules, network)
    notify = None if dry_run else notifications.notify
    report = reporter(options, dry_run=dry_run)

    def print_json(runs: Sequence[AutomationRunResult], indent: int | None = 2) -> None:
        if options.output == "json":
            write(f"{json_text(automation_json(runs), indent=indent)}\n")

    requests = settings if pull_request else None
    invocation = Invocation(paths, wanted, automation_options, options, network, here, report, requests, notify)
    if emit:
        echo_data(automation_manifests(invocation, image))
        return OK
    if watching:
        return watch_automations(invocation, partial(print_json, indent=None))
    runs = invocation.run(invocation.load())
    print_json(runs)
    return FAILED if any(run_automation.failed for run_automation in runs) else OK


def _note_unused(*, pull_request: bool) -> None:
    """Say which options of the command line have no effect without a pull request."""
    context = click.get_current_context()
    about = ("labels", "label_rules", "reviewers", "draft", "report_url")
    given = [name for name in about if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given and not pull_request:
        print_notice(f"{', '.join(map(option_name, given))}: no effect without --pull-request")
