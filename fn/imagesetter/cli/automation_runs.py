"""The automations of a command line: read, run one by one or on their intervals, or written as manifests."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from imagesetter.cli.azure_login import azure_token
from imagesetter.cli.exit_status import OK
from imagesetter.cli.github_login import github_login
from imagesetter.cli.ledger_file import with_ledger
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import RunOptions, read_stdin, with_quiet
from imagesetter.cli.pull_requests import RequestClient, RequestSettings, with_requests
from imagesetter.cli.source import held_in, source_for
from imagesetter.cli.terminal import echo, print_error
from imagesetter.fields.report import failure, report
from imagesetter.files.find import display_path, start_directory
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.git.automation import Automation, automation_names, read_automation
from imagesetter.git.command import remote_url, toplevel
from imagesetter.git.cronjob import job, manifests
from imagesetter.git.run import AutomationOptions, run_automation
from imagesetter.git.run_result import AutomationRunResult
from imagesetter.git.watch import watch
from imagesetter.lock.document import Lock
from imagesetter.registry.http.limits import Clock, Deadline, run_deadline
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.errors import ReportedError, UsageError

_RETRY = 60.0
"""Seconds until an invalid automation is read again."""


@dataclass(frozen=True, slots=True)
class LoadedAutomations:
    """What the files contain: the resources, and which automations to run."""

    tree: ScannedTree
    catalog: Catalog
    names: list[PolicyName]


@dataclass(frozen=True, slots=True)
class Invocation:
    """The parsed command line, ready to run automations."""

    paths: tuple[str, ...]
    wanted: tuple[PolicyName, ...]
    automation_options: AutomationOptions
    options: RunOptions
    network: NetworkOptions
    here: bool
    report: Callable[[AutomationRunResult], None]
    requests: RequestSettings | None = None
    notify: Callable[[AutomationRunResult, Deadline], AutomationRunResult] | None = None

    def load(self) -> LoadedAutomations:
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
        return LoadedAutomations(tree, catalog, automation_names(catalog, self.wanted, given=not options.policies))

    def run(
        self, read: LoadedAutomations, names: Iterable[PolicyName] | None = None, *, look_first: bool = False
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
        taken: dict[str, dict[str, str]] = {}

        def lock_of() -> Lock:
            return with_ledger(nearby.lock(), network.ledger)

        held = held_in(read.tree, read.catalog)
        with source_for(
            self.options.source, nearby.require_lock, network, present=nearby.lock, held=held
        ) as make_source:
            for name in wanted:
                found = validated[name]
                client: RequestClient | None = None
                if isinstance(found, Automation):
                    shared = [branch for (url, branch), count in pushes.items() if count > 1 and url == found.url]
                    others = taken.setdefault(found.url, {})
                    chosen = replace(automation_options, shared=frozenset(filter(None, shared)), taken=dict(others))
                    if look_first:
                        chosen = replace(chosen, dry_run=True)
                    try:
                        login = github_login(found, chosen.address_rules, network, deadline)
                        chosen = replace(chosen, token=login.token if login else azure_token(found, network))
                        if self.requests:
                            client = RequestClient(
                                self.requests, chosen.address_rules, network, deadline, login, lock_of
                            )
                            chosen = replace(chosen, before_push=client.before_push)
                        done = run_automation(found, read.catalog, make_source, directory, chosen)
                        shown = f"{name} in {display_path(Path(name.folder))}" if name.folder else str(name)
                        made = (each.name for each in done.branches if each.is_needed and each.name != each.base)
                        others.update((branch, shown) for branch in made if branch not in chosen.shared)
                    except ReportedError as error:
                        done = _failed(name, error)
                    if found.note:
                        noted = report("info", found.note, tags={"automation": str(name)})
                        done = replace(done, results=(noted, *done.results))
                else:
                    done = found
                runs.append(done)
                if look_first and done.status == "would push":
                    continue
                if client:
                    done = with_requests(done, client)
                if self.notify:
                    done = self.notify(done, deadline)
                self.report(done)
                runs[-1] = done
        return runs


def watch_automations(invocation: Invocation, print_json: Callable[[list[AutomationRunResult]], None]) -> int:
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
    latest: list[LoadedAutomations] = []
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
        print_json(runs)
        return None

    watch(load, run, stop)
    return OK


def _validated(catalog: Catalog, name: PolicyName, *, here: bool) -> Automation | AutomationRunResult:
    try:
        return read_automation(catalog, name, here=here)
    except ReportedError as error:
        return _failed(name, error)


def _failed(name: PolicyName, error: ReportedError) -> AutomationRunResult:
    return AutomationRunResult(name, "failed", results=(failure(error, automation=str(name)),))


def automation_manifests(invocation: Invocation, image: str) -> str:
    """The manifests of the automations, as a cluster takes them."""
    read = invocation.load()
    first = Path(invocation.paths[0]) if invocation.paths else Path()
    top = toplevel(start_directory(invocation.paths))
    path = first.resolve().relative_to(top).as_posix() if top else first.as_posix()
    nearby = Nearby(read.catalog, read.tree, invocation.paths)
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
        jobs.append(job(one, read.catalog, repository, path, nearby.at))
        for note in jobs[-1].notes:
            echo(f"{name}: {note}", err=True)
    return manifests(jobs, remote_url(top) if top else "", image)
