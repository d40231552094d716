"""The remote: the commit that a run starts from, and the push.

Each try starts from the remote's current head, so leftovers of a killed run are never pushed. git runs in the user's
own directory, not in the temporary working tree, so that the user's settings for the remote apply: settings of that
checkout only (``includeIf``), and relative paths of keys and certificates.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from imagesetter.errors import GitError
from imagesetter.git.automation import NO_PUSH, Automation, CheckoutRef
from imagesetter.git.branch_history import BranchCommit, parse_raw_log, stands_on
from imagesetter.git.command import CompletedCommand, Git, redacted
from imagesetter.git.current_branch import branch_of, current_branch
from imagesetter.git.history import COMMITS
from imagesetter.policy.select import select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import ReportedError, ResourceError

# Answers of a server if another push was first. Another try does not help against other refusals.
_RACE = re.compile(r"\[rejected\]|cannot lock ref|failed to update ref|fetch first|stale info|incorrect old value")
_LOCKED = re.compile(r"Unable to create '.*\.lock': File exists")
_STALE_LOCK = "if no push is under way, a killed one left the lock of the branch: remove its .lock file in the remote"
_CLASH = re.compile(r"exists; cannot create")
_NO_FORCE = re.compile(r"non-fast-forward|force.?push", re.IGNORECASE)
_NO_COMMITS = "no commits selected for shallow requests"
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# The lines of `git push --porcelain` itself; others are a hook's.
_PORCELAIN = re.compile(r"To |Done$|[ +\-*!=]\t")


class PushRejected(GitError):
    """The remote's branch moved during the run: fetch, and try again."""


class RefspecRefused(GitError):
    """The branch was pushed, but ``git.push.refspec`` was not: nothing to keep or to retry."""


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The start of a try: the commit to work on, and the commit that the push branch must still have at the push.

    Both are revisions. ``expected`` is empty if the branch must not exist yet. ``replaces`` is the branch's head if the
    branch is made anew from ``commit`` while its own commits stand on it already: the same files need no push.
    ``note`` says why a branch is not made anew.
    """

    commit: str
    branch: str
    expected: str
    replaces: str = ""
    note: str = ""

    @property
    def is_new(self) -> bool:
        """Whether the run makes the branch, for the first time or again, rather than adds to it."""
        return self.commit != self.expected


@dataclass(slots=True)
class Remote:
    """A remote of the user's own checkout, or the one of a clone.

    Args:
        git: runs the commands.
        name: git's name for it.
        automation: what to check out and where to push.
        scratch: the prefix of the refs that it fetches to.
        checkout: the user's own, or None for a clone.
        prepare: called with the remote's object format (``sha1`` or ``sha256``) before the first fetch.
    """

    git: Git
    name: str
    automation: Automation
    scratch: str
    checkout: Git | None = None
    prepare: Callable[[str], None] = lambda object_format: None
    _listing: dict[str, str] = field(default_factory=dict)
    _default: str = ""

    def begin(self, branch: str = "", *, after: StartingPoint | None = None) -> StartingPoint:
        """List the remote's refs, fetch the one to start from, and return it.

        As in Flux: if push branch and checkout ref differ, the push branch is made from the checkout ref in each run.
        Departure: a branch with commits of somebody else is added to instead, so that none is lost.

        Args:
            branch: the push branch, if it is not the automation's own.
            after: the start of the last try, if another push was first; then fewer requests are needed.

        Raises:
            GitError: the remote does not respond, or does not have the ref.
            ResourceError: there is no branch to push to.
        """
        if after and after.expected and not after.is_new:
            self._fetch_refspec(f"+refs/heads/{after.branch}:{self.scratch}/head")
            return StartingPoint(f"{self.scratch}/head", after.branch, f"{self.scratch}/head")
        ref = self.automation.ref
        self._list(ref, branch)
        if not ref:
            ref = CheckoutRef(branch=self._default)
        push = branch or self.automation.push_branch or ref.branch or branch_of(ref.name)
        if not push:
            if self.automation.ref:
                hint = "set spec.git.push.branch"
            else:
                no_branch = (
                    "the checkout is not on a branch, and no variable of a CI system names one"
                    if self.checkout
                    else "the remote has no default branch"
                )
                hint = f"{no_branch}: set spec.git.checkout.ref.branch"
            raise ResourceError(NO_PUSH, where=f"ImageUpdateAutomation {self.automation.name}", hint=hint)
        self.git.check_branch(push, "the push branch")
        if self.automation.refspec:
            self.refspec(push, "HEAD")
        if not self._listing.get(f"refs/heads/{push}"):
            return StartingPoint(self._fetch_ref(ref), push, "")
        if ref == CheckoutRef(branch=push) or ref == CheckoutRef(name=f"refs/heads/{push}"):
            commit = self._fetch(f"refs/heads/{push}")
            return StartingPoint(commit, push, commit)
        return self._begin_beside(ref, push)

    def _begin_beside(self, ref: CheckoutRef, push: str) -> StartingPoint:
        """Start from the checkout ref, or from a push branch that has commits of somebody else."""
        base = self._fetch_ref(ref)
        head, own = self._beyond(base, ref, push)
        email = self.automation.author_email
        foreign = [commit for commit in own if not commit.is_by(email)]
        if not foreign or self._adds_nothing(base, head):
            return StartingPoint(base, push, head, replaces=head if stands_on(own, base) else "")
        note = f"{push} has commits of somebody else, the newest {foreign[0].hash[:7]} by {foreign[0].author}"
        if not self._contains(head, own, base):
            note += f"; it does not contain the newest commit of {ref.shown}: merge or rebase it"
        return StartingPoint(head, push, head, note=f"{note}. The run adds to the branch")

    def _beyond(self, base: str, ref: CheckoutRef, push: str) -> tuple[str, list[BranchCommit]]:
        """The head of the push branch, and its commits that the checkout ref does not contain, newest first."""
        target = f"refs/heads/{push}"
        refspec = f"+{target}:{self.scratch}/push"
        if ref.commit or not self._is_shallow():
            self._fetch_refspec(refspec, depth="--unshallow" if self._is_shallow() else "")
        else:
            try:
                self._fetch_refspec(refspec, depth=f"--shallow-exclude={self._full_name(ref)}")
            except GitError as error:
                if _NO_COMMITS not in str(error):
                    raise
                return self._listing[target], []
        head = self.git.commit_of(f"{self.scratch}/push")
        log = self.git.run("log", "--format=raw", head, "--not", base, "--")
        return head, parse_raw_log(log.stdout.decode(errors="replace"))

    def _is_shallow(self) -> bool:
        return self.git.run("rev-parse", "--is-shallow-repository").text == "true"

    def _contains(self, head: str, own: list[BranchCommit], base: str) -> bool:
        """Whether the push branch contains the base. A shallow repository knows the true parents of `own` only."""
        if self._is_shallow():
            return stands_on(own, base)
        return not self.git.run("merge-base", "--is-ancestor", base, head, accept=(0, 1)).status

    def _adds_nothing(self, base: str, head: str) -> bool:
        """Whether a merge of the push branch would change nothing: it was merged, perhaps squashed.

        git before 2.38 cannot tell, and neither can a shallow repository.
        """
        if self._is_shallow():
            return False
        merged = self.git.run("merge-tree", "--write-tree", base, head, accept=range(256))
        return merged.status == 0 and merged.text == self.git.run("rev-parse", f"{base}^{{tree}}").text

    def fetch_history(self, commit: str) -> None:
        """Fetch the last commits before one, where the repository is shallow."""
        if self._is_shallow():
            self._fetch_refspec(f"+{commit}:{self.scratch}/history", depth=f"--depth={COMMITS}")

    def source(self) -> str:
        """The commit of the checkout ref, independent of the push branch.

        Raises:
            GitError: as `begin`.
        """
        ref = self.automation.ref
        self._list(ref, "")
        return self._fetch_ref(ref or CheckoutRef(branch=self._default))

    def _list(self, ref: CheckoutRef, branch: str) -> None:
        patterns = {f"refs/heads/{name}" for name in (branch, self.automation.push_branch, ref.branch) if name}
        if ref.name:
            patterns.add(self.git.check_ref(ref.name, "git.checkout.ref.name"))
        if ref.tag:
            patterns.add(f"refs/tags/{self.git.check_tag(ref.tag, 'git.checkout.ref.tag')}")
        if ref.branch:
            self.git.check_branch(ref.branch, "git.checkout.ref.branch")
        if ref.semver:
            patterns.add("refs/tags/*")
        self._listing = {}
        for line in self._ls_remote("--symref", "HEAD", *sorted(patterns)).splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                self._default = value.removeprefix("ref: refs/heads/")
            else:
                self._listing[name] = value
        self.prepare("sha256" if any(len(value) == 64 for value in self._listing.values()) else "sha1")
        if self.checkout and not ref:
            self._default = current_branch(self.checkout)
        if self._default and not ref:
            self._listing.setdefault(f"refs/heads/{self._default}", self._listing.get("HEAD", ""))

    def _ls_remote(self, option: str, *patterns: str) -> str:
        git = self.git.with_(environment={"GIT_LITERAL_PATHSPECS": "0"})
        return self._at_remote(lambda: git.run("ls-remote", option, "--end-of-options", self.name, *patterns)).text

    def _at_remote(self, command: Callable[[], CompletedCommand]) -> CompletedCommand:
        """Run a command; adds the remote's location to its error."""
        try:
            return command()
        except GitError as error:
            error.located(self.location())
            raise

    def _fetch_ref(self, ref: CheckoutRef) -> str:
        return self._fetch_commit(ref.commit) if ref.commit else self._fetch(self._full_name(ref))

    def _full_name(self, ref: CheckoutRef) -> str:
        """The ref on the remote, such as ``refs/heads/main``."""
        if ref.name:
            return ref.name
        if ref.semver:
            return f"refs/tags/{self._newest_tag(ref.semver)}"
        return f"refs/tags/{ref.tag}" if ref.tag else f"refs/heads/{ref.branch}"

    def _fetch(self, name: str) -> str:
        if not self._listing.get(name):
            hint = self._branches() if name.startswith("refs/heads/") else ""
            shown = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
            kind = {"heads": "branch", "tags": "tag"}.get(name.split("/")[1] if "/" in name else "", "ref")
            raise GitError(f"the remote has no {kind} {shown}", where=self.location(), hint=hint)
        self._fetch_refspec(f"+{name}:{self.scratch}/head")
        return self.git.commit_of(f"{self.scratch}/head")

    def _fetch_refspec(self, *refspecs: str, depth: str = "--depth=1") -> None:
        # A depth would make the user's own repository shallow, unless it is.
        options = [depth] if depth and (self.checkout is None or depth != "--depth=1") else []
        self._at_remote(
            lambda: self.git.run(
                *("fetch", "--quiet", "--no-tags", "--force", "--no-write-fetch-head", "--no-recurse-submodules"),
                *options,
                # Do not update the user's own remote-tracking refs.
                *("--refmap=", "--end-of-options", self.name, *refspecs),
            )
        )

    def _fetch_commit(self, commit: str) -> str:
        if not _HASH.fullmatch(commit):
            raise GitError(
                f"{commit!r} is not a full commit hash",
                where="git.checkout.ref.commit",
                hint="write all 40 or 64 digits",
            )
        try:
            self._fetch_refspec(f"+{commit}:{self.scratch}/head")
        except GitError:
            # Some servers do not send a commit that no ref points to; then it has to be in a branch.
            self._fetch_refspec(f"+refs/heads/*:{self.scratch}/heads/*", depth="")
        if not self.git.commit_of(commit):
            hint = "check git.checkout.ref.commit, and that the commit was pushed to a branch"
            raise GitError(f"the remote has no commit {commit}", where=self.location(), hint=hint)
        return commit

    def _newest_tag(self, version_range: str) -> str:
        tags = [name.removeprefix("refs/tags/") for name in self._listing if name.startswith("refs/tags/")]
        try:
            policy = TagPolicy(SemverRule(version_range), None, ())
            return select(policy, sorted((tag for tag in tags if not tag.endswith("^{}")), reverse=True))
        except ReportedError as error:
            raise error.located("git.checkout.ref.semver") from error

    def _branches(self) -> str:
        names = [line.partition("refs/heads/")[2] for line in self._ls_remote("--heads").splitlines()]
        return (
            f"its branches: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}" if names else "it has no branches"
        )

    def url(self, *, push: bool = True) -> str:
        """The URL of the remote, without credentials; empty if it has none."""
        if self.checkout is None:
            return redacted(self.automation.url)
        done = self.git.run(
            "remote", "get-url", *(["--push"] if push else []), "--end-of-options", self.name, accept=range(256)
        )
        return redacted(done.text) if done.status == 0 else ""

    def base(self) -> str:
        """The branch that a push branch is made from; the remote's default one for a tag or a commit."""
        return self.automation.ref.branch or branch_of(self.automation.ref.name) or self._default

    def location(self, *, push: bool = False) -> str:
        """The remote's location, or its push location, without credentials."""
        url = self.url(push=push)
        return url if self.checkout is None else ", ".join(filter(None, (self.name, url)))

    def push(self, start: StartingPoint, commit: str) -> None:
        """Push a commit to the push branch, unless that has moved since the start.

        Raises:
            PushRejected: the branch has moved.
            RefspecRefused: the branch is pushed, ``git.push.refspec`` is not.
            GitError: the remote refuses for another reason, or does not respond.
        """
        target = f"refs/heads/{start.branch}"
        refspec = self.refspec(start.branch, commit) if self.automation.refspec else ""
        try:
            self._push(f"--force-with-lease={target}:{start.expected}", f"{commit}:{target}")
        except PushRejected:
            raise
        except GitError as error:
            # The connection may have failed after the push, before the response.
            if not self._holds(target, commit):
                if start.is_new and start.expected and _NO_FORCE.search(str(error)):
                    error.hint = f"allow force pushes to {start.branch}, or delete it"
                raise
        if refspec:
            try:
                self._push("--no-force-with-lease", refspec)
            except GitError as error:
                # The branch is pushed already, so another try would find no changes.
                raise RefspecRefused(
                    f"{start.branch} was pushed, but git.push.refspec was not: {error}",
                    where=error.where,
                    hint=error.hint,
                ) from error

    def _holds(self, target: str, commit: str) -> bool:
        with contextlib.suppress(GitError):
            return self._ls_remote("--heads", target).startswith(f"{commit}\t")
        return False

    def _push(self, option: str, refspec: str) -> None:
        options = [f"--push-option={f'{key}={value}' if value else key}" for key, value in self.automation.push_options]
        done = self._at_remote(
            lambda: self.git.run(
                *("push", "--porcelain", "--no-follow-tags", "--no-recurse-submodules", "--no-signed"),
                *(option, *options, "--end-of-options", self.name, refspec),
                accept=range(256),
                hooks=True,
            )
        )
        if done.status == 0:
            return
        lines = done.stdout.decode(errors="replace").splitlines()
        refusals = [line for line in lines if line.startswith("!\t")]
        if not refusals:
            # A local hook writes its refusal to stdout, and git its own message to stderr.
            hooks = "".join(f"{line}\n" for line in lines if not _PORCELAIN.match(line))
            raise self.git.error("push", CompletedCommand(done.status, b"", hooks + done.stderr)).located(
                self.location(push=True)
            )
        reason = redacted(refusals[0].split("\t")[-1])
        remote_lines = [
            line for line in done.stderr.splitlines() if line.startswith("remote:") and line.strip() != "remote:"
        ]
        # stderr has the reason of a failed lock; it also repeats "failed to push some refs".
        raced = _RACE.search(refusals[0]) or any(_RACE.search(line) for line in remote_lines)
        if raced and not any(_CLASH.search(line) for line in remote_lines):
            hint = _STALE_LOCK if any(_LOCKED.search(line) for line in remote_lines) else ""
            raise PushRejected(f"the push was rejected: {reason}", hint=hint)
        words = "; ".join(redacted(line.removeprefix("remote:").strip()) for line in remote_lines[-5:])
        raise GitError(
            f"the remote refused the push: {reason}{f': {words}' if words else ''}", where=self.location(push=True)
        )

    def refspec(self, branch: str, commit: str) -> str:
        """What ``git.push.refspec`` pushes, with the commit for its source.

        Raises:
            GitError: its source is neither the branch nor HEAD.
        """
        where = "git.push.refspec"
        force = "+" if self.automation.refspec.startswith("+") else ""
        source, _, target = self.automation.refspec.removeprefix("+").partition(":")
        if source not in ("HEAD", branch, f"refs/heads/{branch}"):
            raise GitError(
                f"{self.automation.refspec!r} does not push the same commit as {branch}",
                where=where,
                hint=f"use refs/heads/{branch} or HEAD as its source, as in refs/heads/{branch}:refs/for/{branch}",
            )
        target = target or source
        if not target.startswith("refs/"):
            target = f"refs/heads/{target}"
        return f"{force}{commit}:{self.git.check_ref(target, where)}"
