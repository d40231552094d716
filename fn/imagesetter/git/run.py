"""Run an ImageUpdateAutomation: check out, update, commit with the template, push.

Each try starts from the remote's current head. If another push was first, the run starts again from the new head, so
two automations on one branch lose nothing. A killed run leaves nothing unfinished: the remote has the commit, or does
not.

Departures from Flux (image-automation-controller v1.2.1) are listed in `imagesetter.git.automation`,
`imagesetter.git.workspace` and `imagesetter.flux.commit_message.render`; and here:

- A policy without a latest ref is an error: its fields stay, the others are committed, and the run fails (Flux
  continues with the last ref in the cluster, and says nothing).
- A marker of an unknown policy is a warning (Flux ignores it).
- A field that somebody set back stays (`imagesetter.git.reverts`).
- A rejected push is retried at once, up to five tries (Flux waits for the next interval).
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from imagesetter.errors import GitError, TemplateError
from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.field import MarkedField
from imagesetter.fields.report import failure, report
from imagesetter.files.read import repository_of
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.commit_message.data import TemplateData
from imagesetter.flux.commit_message.render import render_message
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.flux.releases import with_releases
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import At, Automation
from imagesetter.git.cached_source import Answers, CachedSource
from imagesetter.git.change_sets import ChangeSet, Per, branch_name, change_sets, check_branches, check_taken
from imagesetter.git.checkout import open_workspace
from imagesetter.git.ci_variables import run_url
from imagesetter.git.command import Git, time_limit
from imagesetter.git.message_data import template_data
from imagesetter.git.push import PushRejected, RefspecRefused, check_refspec, push
from imagesetter.git.reverts import revert_guard
from imagesetter.git.run_result import AutomationRunResult, Commit, PushBranch, Status
from imagesetter.git.signing import signing
from imagesetter.git.starting_point import StartingPoint, begin
from imagesetter.git.workspace import Workspace, confined, relocated, relocated_change
from imagesetter.registry.http.limits import Deadline
from imagesetter.selection.sources import LatestRefSource, MakeSource
from imagesetter.update.files import FileUpdates, update_files, write_files
from imagesetter.update.plan import Change, Guard
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.tree_catalog import unknown_policies, with_values
from krm_functions.errors import InputError, ReportedError, ResourceError
from krm_functions.messages import os_error_hint
from krm_functions.result import Result

TRIES = 5
GuardsOf = Callable[[Catalog, Sequence[MarkedField]], Sequence[Guard]]


@dataclass(frozen=True, slots=True)
class AutomationOptions:
    """Options of automation runs.

    ``timeout`` is seconds for one git command, the upper bound of a GitRepository's timeout; ``deadline`` is the whole
    run's; ``address_rules`` decide which GitRepositories may be used; ``branch`` is a template for the branch
    of each change set; ``only`` narrows the policies, empty means all that the automation follows; ``shared`` are
    push branches of several automations; ``taken`` are those that others of this run made; ``guards_of`` makes the
    guards that may refuse a change (`imagesetter.update.downgrades`). ``on_error`` says what an error does: it keeps
    everything from being committed, it is a warning, or (None) it holds up only what it is about. ``at`` finds
    out which of several policies of one name is meant in a folder (`imagesetter.update.nearby.Nearby.at`). ``token`` is
    a GitHub App's (`imagesetter.git.github_app`). ``before_push`` gets each branch, and the remote's URL.
    """

    dry_run: bool = False
    allow_dirty: bool = False
    on_error: Literal["fail", "keep"] | None = None
    allow_unpin: bool = False
    per: Per = "all"
    branch: str = ""
    address_rules: GitAddressRules = field(default_factory=GitAddressRules.parse)
    timeout: float | None = None
    deadline: Deadline | None = None
    exclude: tuple[str, ...] = ()
    only: frozenset[PolicyName] = frozenset()
    shared: frozenset[str] = frozenset()
    taken: Mapping[str, str] = field(default_factory=dict)
    guards_of: GuardsOf = lambda catalog, fields: ()
    at: At = lambda name, folder: name
    before_push: Callable[[PushBranch, str], None] = lambda branch, remote: None
    sleep: Callable[[float], None] = time.sleep
    token: str = field(default="", repr=False)


class _Failed(Exception):
    """Some result is an error: nothing is committed."""

    def __init__(self, results: Sequence[Result]) -> None:
        super().__init__()
        self.results = tuple(results)


def run_automation(
    automation: Automation,
    catalog: Catalog,
    make_source: MakeSource,
    directory: Path,
    options: AutomationOptions | None = None,
) -> AutomationRunResult:
    """Run one automation; errors of the automation, its policies or its remote become results.

    Args:
        automation: what to do.
        catalog: the policies.
        make_source: makes the source of latest refs.
        directory: in the current checkout, for an automation without a GitRepository.
        options: of the run.
    """
    options = options or AutomationOptions()
    if automation.suspended:
        return AutomationRunResult(automation.name, "suspended")
    try:
        return _AutomationRun(automation, catalog, make_source, options).run(directory)
    except _Failed as error:
        return AutomationRunResult(automation.name, "failed", results=error.results)
    except ReportedError as error:
        return AutomationRunResult(
            automation.name, "failed", results=(failure(error, automation=str(automation.name)),)
        )
    except OSError as error:
        broken = InputError(f"{error.strerror or error}", where=str(error.filename or ""), hint=os_error_hint(error))
        return AutomationRunResult(
            automation.name, "failed", results=(failure(broken, automation=str(automation.name)),)
        )


class _AutomationRun:
    """One run of an automation: the state that all tries share."""

    def __init__(
        self, automation: Automation, catalog: Catalog, make_source: MakeSource, options: AutomationOptions
    ) -> None:
        self._automation, self._catalog, self._options = automation, catalog, options
        self._make_source = make_source
        self._rules = PolicyRules(catalog)
        self._answers: Answers = {}
        followed = automation.policies(catalog, options.at)
        only = with_releases(catalog, options.only)
        self._policies = frozenset(name for name in followed if not only or name.plain in only)
        self._warnings: dict[Result, None] = {}
        self._notes: list[str] = []
        self._made: dict[str, PushBranch] = {}

    def run(self, directory: Path) -> AutomationRunResult:
        automation, options = self._automation, self._options
        if not self._policies:
            note = f"follows no policy: it selects none in namespace {automation.name.namespace}"
            return AutomationRunResult(automation.name, "up to date", notes=(note,))
        timeout = time_limit(automation.timeout, options.timeout)
        commits: list[Commit] = []
        with (
            open_workspace(
                automation,
                directory,
                options.address_rules,
                timeout=timeout,
                allow_dirty=options.allow_dirty,
                deadline=options.deadline,
                token=options.token,
            ) as workspace,
            signing(automation, workspace.git) as (git, signing_options),
        ):
            remote = workspace.remote.url()
            for branch, sets in self._branches(workspace):
                commits += self._push_branch(workspace, branch, sets, git, signing_options)
        done: Status = "would push" if options.dry_run else "pushed"
        return AutomationRunResult(
            automation.name,
            done if commits else "up to date",
            tuple(commits),
            tuple(self._warnings),
            tuple(self._notes),
            tuple(self._made.values()),
            remote,
        )

    def _branches(self, workspace: Workspace) -> list[tuple[str, list[ChangeSet] | None]]:
        """The branches to update, each with its change sets; None means that the checked-out files decide."""
        if not self._options.branch:
            return [("", None)]
        workspace.check_out(workspace.remote.source())
        outcome = self._plan(workspace, self._policies)
        names: dict[str, list[ChangeSet]] = {}
        for each in self._sets(outcome):
            changes = [change for change in outcome.changes if change.field.marker.policy in each.policies]
            name = branch_name(self._options.branch, each.key, self._data(workspace, changes))
            names.setdefault(name, []).append(each)
        check_branches(names)
        return list(names.items())

    def _push_branch(
        self,
        workspace: Workspace,
        branch: str,
        sets: list[ChangeSet] | None,
        git: Git,
        signing_options: tuple[str, ...],
    ) -> list[Commit]:
        """Commit and push to one branch; after a rejected push, start again from the new head."""
        start: StartingPoint | None = None
        before = self._warnings
        for left in reversed(range(TRIES)):
            self._warnings = dict(before)
            start = begin(workspace.remote, branch, after=start, shared=self._options.shared)
            check_taken(start.branch, self._options.taken)
            if self._automation.refspec:
                check_refspec(workspace.remote, start.branch, "HEAD")
            commits = self._commits(workspace, start, sets, git, signing_options)
            self._note(start.note)
            needed = bool(commits) or not start.is_new
            # Of several tries the last one counts, and what it had to warn of.
            made = PushBranch(start.branch, workspace.remote.base(), tuple(commits), needed, start.is_new)
            self._made[start.branch] = made
            if commits and start.replaces and workspace.has_files_of(start.replaces):
                return []
            if not commits and start.is_new and start.expected:
                self._note(f"{start.branch} is not needed: what it is made from has these values already")
            if not commits or self._options.dry_run:
                return commits
            hashes = workspace.newest(len(commits))
            try:
                self._options.before_push(made, workspace.remote.url())
                push(workspace.remote, start, hashes[-1])
            except PushRejected as error:
                if not left:
                    why = f"{start.branch} is locked" if error.hint else f"others pushed to {start.branch}"
                    kept = _keep(workspace, hashes[-1])
                    raise GitError(
                        f"{why} during each of {TRIES} tries: {error}",
                        hint=f"{kept}; {error.hint or 'run imagesetter again'}",
                    ) from error
                # Retry soon: with the refs resolved, a try is shorter than a whole run of another automation.
                self._options.sleep(secrets.randbelow(1000) / 1000 * 0.02 * 2 ** (TRIES - left))
            except RefspecRefused:
                workspace.follow(start, hashes[-1])
                raise
            except GitError as error:
                kept = _keep(workspace, hashes[-1])
                error.hint = f"{kept}; {error.hint}" if error.hint else kept
                raise
            else:
                self._note(workspace.follow(start, hashes[-1]))
                return [replace(commit, hash=made) for commit, made in zip(commits, hashes, strict=True)]
        raise AssertionError("the last try returns or raises")

    def _note(self, note: str) -> None:
        if note and note not in self._notes:
            self._notes.append(note)

    def _commits(
        self,
        workspace: Workspace,
        start: StartingPoint,
        sets: list[ChangeSet] | None,
        git: Git,
        signing_options: tuple[str, ...],
    ) -> list[Commit]:
        workspace.check_out(start.commit)
        if sets is None:
            sets = [ChangeSet("", self._policies)]
            if self._options.per != "all":
                sets = self._sets(self._plan(workspace, self._policies))
        commits: list[Commit] = []
        for each in sets:
            outcome = self._plan(workspace, each.policies)
            if problems := write_files(outcome.rewrites):
                raise _Failed([relocated(problem, workspace.root) for problem in problems])
            if not outcome.rewrites:
                continue
            workspace.stage(outcome.rewrites)
            message = self._message(workspace, start, outcome.changes)
            diff = ""
            if self._options.dry_run:
                diff = workspace.staged()
                workspace.start_next_diff()
            elif not workspace.commit(message, signing_options, git):
                continue
            changes = tuple(relocated_change(change, workspace.root) for change in outcome.changes)
            commits.append(Commit("", start.branch, message, changes, diff))
        return commits

    def _plan(self, workspace: Workspace, policies: frozenset[PolicyName]) -> FileUpdates:
        """Plan the changes of the working tree's marked fields; writes nothing."""
        target = self._target(workspace)
        tree = read_tree([target], exclude=self._options.exclude)
        tree = with_values(tree, self._catalog, partial(self._at_home, workspace))

        def source_of(fields: Sequence[MarkedField]) -> LatestRefSource:
            digests = FieldDigests(fields)
            return CachedSource(self._make_source(self._catalog, digests), digests, self._answers)

        def guards_of(fields: Sequence[MarkedField]) -> Sequence[Guard]:
            guards = self._options.guards_of(self._catalog, fields)
            return [*guards, revert_guard(workspace, tree, fields, self._rules)]

        on_error = self._options.on_error
        outcome = update_files(
            tree,
            source_of,
            keep_on_error=on_error == "keep",
            only=policies,
            guards_of=guards_of,
            allow_unpin=self._options.allow_unpin,
            reads=self._rules.reads,
            place=self._placed,
        )
        results = [
            relocated(result, workspace.root)
            for result in (*outcome.results, *unknown_policies(tree, self._catalog), *self._no_files(tree))
            if result.severity != "info" or _is_told(result)
        ]
        if outcome.failed and on_error == "fail":
            raise _Failed(results)
        self._warnings.update(dict.fromkeys(results))
        return outcome

    def _placed(self, marker: Marker, file: str) -> Marker:
        """A marker's policy is that of the automation's cluster, wherever the marked file is."""
        return marker.in_folder(self._options.at(marker.policy, self._automation.folder).folder)

    def _at_home(self, workspace: Workspace, file: str) -> str:
        """The folder of a file of the working tree in the repository that the automation was read from."""
        home = repository_of(self._automation.folder) or os.getcwd()  # noqa: PTH109
        return str(Path(home, Path(file).relative_to(workspace.root)).parent)

    def _no_files(self, tree: ScannedTree) -> Iterable[Result]:
        """A warning if there is no file to update. Flux ignores that."""
        if not tree.files:
            yield report("warning", f"spec.update.path contains no YAML file ({self._automation.path or '.'})")

    def _sets(self, outcome: FileUpdates) -> list[ChangeSet]:
        return change_sets(outcome.changes, self._options.per, self._catalog)

    def _data(
        self, workspace: Workspace, changes: Iterable[Change], more: Mapping[str, str] | None = None
    ) -> TemplateData:
        values = {**more, **(self._automation.values or {})} if more else self._automation.values
        return template_data(self._automation.name, changes, self._target(workspace), values)

    def _target(self, workspace: Workspace) -> Path:
        """The file or directory that the automation updates."""
        where = f"ImageUpdateAutomation {self._automation.name} in {self._automation.origin}"
        if submodule := workspace.submodule_of(self._automation.path):
            raise ResourceError(
                f"spec.update.path: {self._automation.path!r} is in the submodule {submodule}",
                where=where,
                hint="run an automation whose GitRepository is the submodule's repository",
            )
        return confined(workspace.root, self._automation.path, where)

    def _message(self, workspace: Workspace, start: StartingPoint, changes: Iterable[Change]) -> str:
        template = self._automation.template
        run = {"Branch": start.branch, "Commit": workspace.git.commit_of(start.commit), "RunURL": run_url(os.environ)}
        # Only what the template names: one that lists all values prints the author's, as in Flux.
        more = {name: text for name, text in run.items() if name in template}
        try:
            return render_message(template, self._data(workspace, changes, more))
        except TemplateError as error:
            error.where = ":".join(filter(None, ("spec.git.commit.messageTemplate", error.where)))
            raise


def _is_told(result: Result) -> bool:
    """Whether a notice is about a decision that a reader of the commit looks for."""
    return "cached" in result.tags or result.tags.get("notice") in ("Narrowed", "NoHistory")


def _keep(workspace: Workspace, commit: str) -> str:
    """Keep a commit that was not pushed, and say where it is; a failure becomes part of the text."""
    try:
        return workspace.keep(commit)
    except (ReportedError, OSError, RuntimeError) as error:
        return f"the commit could not be kept: {error}"
