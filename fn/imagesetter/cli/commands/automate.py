"""``imagesetter automate``: run ImageUpdateAutomation objects."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from imagesetter import __version__
from imagesetter.cli.completion import paths_argument
from imagesetter.cli.exit_status import FAILED, OK
from imagesetter.cli.help_page import GroupedCommand
from imagesetter.cli.network_options import NetworkOptions, time_limit
from imagesetter.cli.option_names import option_name
from imagesetter.cli.options import (
    RunOptions,
    allow_downgrade_option,
    allow_unpin_option,
    network_options,
    policy_name,
    read_stdin,
    run_options,
    with_quiet,
)
from imagesetter.cli.pull_requests import RequestSettings, report_link, with_requests
from imagesetter.cli.reports.automate import automation_json, reporter
from imagesetter.cli.reports.json_text import json_text
from imagesetter.cli.reports.update_markdown import render_branch
from imagesetter.cli.source import source_for
from imagesetter.cli.terminal import echo, echo_data, print_error, write
from imagesetter.fields.report import failure
from imagesetter.files.find import display_path, start_directory
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import Automation, automation_names, read_automation
from imagesetter.git.command import remote_url, toplevel
from imagesetter.git.cronjob import job, manifests
from imagesetter.git.forge_address import parse_forge
from imagesetter.git.run import AutomationOptions, run_automation
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.git.watch import watch
from imagesetter.registry.http.limits import Clock, run_deadline
from imagesetter.update.downgrades import downgrade_guard
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import ReportedError, UsageError

_RETRY = 60.0
"""Seconds until an invalid automation is read again."""


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
    type=click.Choice(["all", "group", "policy", "image"]),
    default="all",
    show_default=True,
    envvar="IMAGESETTER_PER",
    help="Make one commit for all changes, or one per image, policy, or label imagesetter.dev/group.",
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
    report_url: str,
    forge: str,
    allow_git: tuple[str, ...],
    git_timeout: str | None,
    allow_downgrade: bool,
    allow_unpin: bool,
    watching: bool,
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
    if branch and per == "all" and "{{" in branch:
        raise UsageError("--branch is a template, but --per all makes one commit", hint="add --per image, for example")
    if forge:
        parse_forge(forge)
    link = report_link(report_url)
    requests = (
        RequestSettings(forge, frozenset(labels), not options.only, render_branch, link) if pull_request else None
    )
    invocation = _Invocation(
        paths, wanted, automation_options, options, network, here, reporter(options, dry_run=dry_run), requests
    )
    if emit:
        echo_data(_manifests(invocation, image))
        return OK
    if watching:
        return _watch(invocation)
    runs = invocation.run(invocation.load())
    if options.output == "json":
        write(f"{json_text(automation_json(runs))}\n")
    return FAILED if any(run_automation.failed for run_automation in runs) else OK


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the files contain: the resources, and which automations to run."""

    tree: ScannedTree
    catalog: Catalog
    names: list[PolicyName]


@dataclass(frozen=True, slots=True)
class _Invocation:
    """The parsed command line, ready to run automations."""

    paths: tuple[str, ...]
    wanted: tuple[PolicyName, ...]
    automation_options: AutomationOptions
    options: RunOptions
    network: NetworkOptions
    here: bool
    report: Callable[[AutomationRunResult], None]
    requests: RequestSettings | None = None

    def load(self) -> _Loaded:
        """The automations under PATH (or among ``--policies``), and the policies that they follow."""
        options = self.options
        tree = read_tree(self.paths or (".",), exclude=options.exclude)
        catalog = catalog_from_tree(
            tree,
            paths=self.paths,
            policies=options.policies,
            namespace=options.namespace,
            stdin=read_stdin,
            values=options.values,
        )
        for name in sorted(options.only):
            if not catalog.has_policy(name):
                unknown = catalog.unknown(name)
                raise UsageError(unknown.what, where="--only", hint=unknown.hint)
        # Policies are looked for in the whole repository; what runs is under PATH.
        return _Loaded(tree, catalog, automation_names(catalog, self.wanted, given=not options.policies))

    def run(
        self, read: _Loaded, names: Iterable[PolicyName] | None = None, *, look_first: bool = False
    ) -> list[AutomationRunResult]:
        """Run the automations one by one, each reported as it ends; one that fails does not stop the others.

        Args:
            read: what the files contain.
            names: which ones; by default all.
            look_first: push nothing, and do not report an automation that would push.
        """
        directory = start_directory(self.paths)
        runs: list[AutomationRunResult] = []
        deadline = run_deadline(Clock(), self.network.deadline)
        network = with_quiet(self.network, self.options)._replace(ends=deadline)
        nearby = Nearby(read.catalog, read.tree, self.paths)
        automation_options = replace(self.automation_options, deadline=deadline, at=nearby.at)
        wanted = read.names if names is None else names
        validated = {name: _validated(read.catalog, name, here=self.here) for name in read.names}
        automations = [one for one in validated.values() if isinstance(one, Automation)]
        for one in automations:
            one.policies(read.catalog, nearby.at)  # a lock is read for all policies at once
        pushes = Counter((one.url, one.push_branch) for one in automations if not one.suspended)
        with source_for(self.options.source, nearby.require_lock, network, present=nearby.lock) as make_source:
            for name in wanted:
                found = validated[name]
                if isinstance(found, Automation):
                    shared = [branch for (url, branch), count in pushes.items() if count > 1 and url == found.url]
                    chosen = replace(automation_options, shared=frozenset(filter(None, shared)))
                    if look_first:
                        chosen = replace(chosen, dry_run=True)
                    done = run_automation(found, read.catalog, make_source, directory, chosen)
                else:
                    done = found
                runs.append(done)
                if look_first and done.status == "would push":
                    continue
                if self.requests:
                    done = with_requests(done, self.requests, automation_options.address_rules, network, deadline)
                self.report(done)
                runs[-1] = done
        return runs


def _watch(invocation: _Invocation) -> int:
    """Run until SIGTERM or Ctrl-C; a second one ends it at once."""
    if "-" in invocation.options.policies:
        raise UsageError(
            "--policies - cannot be combined with --watch, which reads the policies again and again",
            hint="write them to a file, and use --policies FILE",
        )
    stop = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    latest: list[_Loaded] = []
    delayed: set[PolicyName] = set()

    def load() -> dict[PolicyName, float]:
        try:
            latest[:] = [invocation.load()]
        except ReportedError as error:
            if not latest:
                raise
            print_error(error)  # perhaps someone is editing the files; use the last valid state
        (read,) = latest
        found = ((name, _validated(read.catalog, name, here=invocation.here)) for name in read.names)
        return {name: one.interval if isinstance(one, Automation) else _RETRY for name, one in found}

    def run(name: PolicyName) -> float | None:
        one = _validated(latest[0].catalog, name, here=invocation.here)
        delay = one.policy_change_delay if isinstance(one, Automation) else 0.0
        look_first = delay > 0 and name not in delayed
        delayed.discard(name)
        try:
            runs = invocation.run(latest[0], [name], look_first=look_first)
        except ReportedError as error:
            print_error(error)
            return None
        if look_first and runs[0].status == "would push":
            delayed.add(name)
            echo(f"{name}: changes wait {delay:g} s for more (spec.policyChangeDelay)", err=True)
            return delay
        if invocation.options.output == "json":
            write(f"{json_text(automation_json(runs), indent=None)}\n")
        return None

    watch(load, run, stop)
    return OK


def _validated(catalog: Catalog, name: PolicyName, *, here: bool) -> Automation | AutomationRunResult:
    try:
        return read_automation(catalog, name, here=here)
    except ReportedError as error:
        return AutomationRunResult(name, "failed", results=(failure(error, automation=str(name)),))


def _manifests(invocation: _Invocation, image: str) -> str:
    """The manifests of the automations, as a cluster takes them."""
    read = invocation.load()
    first = Path(invocation.paths[0]) if invocation.paths else Path()
    top = toplevel(start_directory(invocation.paths))
    path = first.resolve().relative_to(top).as_posix() if top else first.as_posix()
    jobs = []
    for name in read.names:
        if name.folder:
            folders = [each.folder for each in read.names if each.plain == name.plain]
            raise UsageError(
                f"there are {len(folders)} automations {name}, for a cluster each",
                hint=f"name the folder of one of them as PATH: {' or '.join(map(display_path, map(Path, folders)))}",
            )
        one = read_automation(read.catalog, name)
        repository = read.catalog.find("GitRepository", one.source.namespace, one.source.name, one.folder)
        jobs.append(job(one, read.catalog, repository, path))
    return manifests(jobs, remote_url(top) if top else "", image)
