"""The other end: where a run begins, and what it pushes.

Each try begins at the remote's present head, so nothing that an earlier, killed run left behind is ever pushed. git
talks to the remote from the user's own directory, not from the temporary working tree, so that whatever lets the user,
or a CI job's checkout step, reach it works here as well: settings for that checkout only (``includeIf``), and keys and
certificates with relative paths.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from imagesetter.errors import GitError
from imagesetter.git.automation import NO_PUSH, Automation, CheckoutRef
from imagesetter.git.command import CompletedCommand, Git, redacted
from krm_functions.errors import ReportedError, ResourceError

# What a server says when another push was first; everything else that it refuses, it will refuse again.
_RACE = re.compile(r"\[rejected\]|cannot lock ref|failed to update ref|fetch first|stale info|incorrect old value")
_CLASH = re.compile(r"exists; cannot create")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# The lines of `git push --porcelain` itself; others are a hook's.
_PORCELAIN = re.compile(r"To |Done$|[ +\-*!=]\t")


class PushRejected(GitError):
    """The remote's branch moved while we were at work: fetch and do it again."""


class RefspecRefused(GitError):
    """The branch was pushed, ``git.push.refspec`` was not: there is nothing to keep, and nothing to do again."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a try begins: the commit to work on, and what the remote's push branch must still hold at the push.

    Both are revisions. ``expected`` is empty where the branch must not be there yet.
    """

    commit: str
    branch: str
    expected: str


@dataclass(slots=True)
class Remote:
    """A remote of the user's own checkout, or the one of a clone.

    Args:
        git: talks to it.
        name: git's name for it.
        automation: says what to check out and where to push.
        scratch: begins the names of the refs that it fetches to.
        checkout: the user's own, or None for a clone.
        prepare: is told how the remote names its objects (``sha1`` or ``sha256``) before anything is fetched.
    """

    git: Git
    name: str
    automation: Automation
    scratch: str
    checkout: Git | None = None
    prepare: Callable[[str], None] = lambda object_format: None
    _listing: dict[str, str] = field(default_factory=dict)
    _default: str = ""

    def begin(self, branch: str = "", *, after: Start | None = None) -> Start:
        """Ask the remote where things stand, fetch that, and find out where to begin.

        As Flux does it: where push branch and checkout differ, the push branch is made from the checkout, or, if the
        remote has it already, it is what is checked out.

        Args:
            branch: the push branch, where it is not the automation's own.
            after: where the last try began, if its push came second; the less is asked now, the sooner is the next.

        Raises:
            GitError: the remote cannot be asked, or has no such ref.
            ResourceError: there is no branch to push to.
        """
        if after and after.expected:
            self._fetch_refspec(f"+refs/heads/{after.branch}:{self.scratch}/head")
            return Start(f"{self.scratch}/head", after.branch, f"{self.scratch}/head")
        ref = self.automation.ref
        self._list(ref, branch)
        if not ref:
            ref = CheckoutRef(branch=self._default)
        push = branch or self.automation.push_branch or ref.branch
        if not push:
            if self.automation.ref:
                hint = "name the branch in spec.git.push.branch"
            else:
                no_branch = "the checkout is on no branch" if self.checkout else "the remote has no default branch"
                hint = f"{no_branch}: name one in spec.git.checkout.ref.branch"
            raise ResourceError(NO_PUSH, where=f"ImageUpdateAutomation {self.automation.name}", hint=hint)
        self.git.check_branch(push, "the push branch")
        if self.automation.refspec:
            self.refspec(push, "HEAD")
        head = self._listing.get(f"refs/heads/{push}", "")
        if head:
            commit = self._fetch(f"refs/heads/{push}")
            return Start(commit, push, commit)
        return Start(self._fetch_ref(ref), push, "")

    def source(self) -> str:
        """The commit of the checkout ref itself, whatever the push branch holds.

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
            self._default = _current_branch(self.checkout)
        if self._default and not ref:
            self._listing.setdefault(f"refs/heads/{self._default}", self._listing.get("HEAD", ""))

    def _ls_remote(self, option: str, *patterns: str) -> str:
        git = self.git.with_(environment={"GIT_LITERAL_PATHSPECS": "0"})
        return self._told(lambda: git.run("ls-remote", option, "--end-of-options", self.name, *patterns)).text

    def _told(self, talk: Callable[[], CompletedCommand]) -> CompletedCommand:
        """What came of talking to the remote; an error says which one that is."""
        try:
            return talk()
        except GitError as error:
            error.located(self.place())
            raise

    def _fetch_ref(self, ref: CheckoutRef) -> str:
        if ref.commit:
            return self._fetch_commit(ref.commit)
        if ref.name:
            return self._fetch(ref.name)
        if ref.semver:
            return self._fetch(f"refs/tags/{self._newest_tag(ref.semver)}")
        if ref.tag:
            return self._fetch(f"refs/tags/{ref.tag}")
        return self._fetch(f"refs/heads/{ref.branch}")

    def _fetch(self, name: str) -> str:
        if not self._listing.get(name):
            hint = self._branches() if name.startswith("refs/heads/") else ""
            shown = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
            kind = {"heads": "branch", "tags": "tag"}.get(name.split("/")[1] if "/" in name else "", "ref")
            raise GitError(f"the remote has no {kind} {shown}", where=self.place(), hint=hint)
        self._fetch_refspec(f"+{name}:{self.scratch}/head")
        return self.git.commit_of(f"{self.scratch}/head")

    def _fetch_refspec(self, *refspecs: str, shallow: bool = True) -> None:
        # A depth would make the user's own repository shallow.
        depth = ["--depth=1"] if shallow and self.checkout is None else []
        self._told(
            lambda: self.git.run(
                *("fetch", "--quiet", "--no-tags", "--force", "--no-write-fetch-head", "--no-recurse-submodules"),
                *depth,
                # Nor are the user's own refs moved, as git does by the way.
                *("--refmap=", "--end-of-options", self.name, *refspecs),
            )
        )

    def _fetch_commit(self, commit: str) -> str:
        if not _HASH.fullmatch(commit):
            raise GitError(f"{commit!r} is no full commit hash", where="git.checkout.ref.commit")
        try:
            self._fetch_refspec(f"+{commit}:{self.scratch}/head")
        except GitError:
            # Not every server gives out a commit that no ref points to; then it has to be in some branch.
            self._fetch_refspec(f"+refs/heads/*:{self.scratch}/heads/*", shallow=False)
        if not self.git.commit_of(commit):
            raise GitError(f"the remote has no commit {commit}", where=self.place())
        return commit

    def _newest_tag(self, version_range: str) -> str:
        from imagesetter.policy.select import select
        from imagesetter.policy.semver import SemverRule
        from imagesetter.policy.tag_policy import TagPolicy

        tags = [name.removeprefix("refs/tags/") for name in self._listing if name.startswith("refs/tags/")]
        try:
            policy = TagPolicy(SemverRule(version_range), None, ())
            return select(policy, sorted((tag for tag in tags if not tag.endswith("^{}")), reverse=True))
        except ReportedError as error:
            raise error.located("git.checkout.ref.semver") from error

    def _branches(self) -> str:
        names = [line.partition("refs/heads/")[2] for line in self._ls_remote("--heads").splitlines()]
        return f"it has {', '.join(names[:8])}{' …' if len(names) > 8 else ''}" if names else "it has no branch at all"

    def place(self, *, push: bool = False) -> str:
        """Where the remote is, or where it is pushed to, as it may be shown."""
        if self.checkout is None:
            return redacted(self.automation.url)
        which = ["--push"] if push else []
        done = self.git.run("remote", "get-url", *which, "--end-of-options", self.name, accept=range(256))
        return f"{self.name}, {redacted(done.text)}" if done.status == 0 and done.text else self.name

    def push(self, start: Start, commit: str) -> None:
        """Push a commit to the push branch, if that still is on the remote what we began with.

        Raises:
            PushRejected: it is not.
            RefspecRefused: the branch is pushed, ``git.push.refspec`` is not.
            GitError: the remote refuses for another reason, or did not answer.
        """
        target = f"refs/heads/{start.branch}"
        refspec = self.refspec(start.branch, commit) if self.automation.refspec else ""
        try:
            self._push(f"--force-with-lease={target}:{start.expected}", f"{commit}:{target}")
        except PushRejected:
            raise
        except GitError:
            # The connection may have died when all was done but the answer.
            if not self._holds(target, commit):
                raise
        if refspec:
            try:
                self._push("--no-force-with-lease", refspec)
            except GitError as error:
                # The branch has it already, so doing it again would find nothing to do.
                raise RefspecRefused(
                    f"{start.branch} was pushed, git.push.refspec was not: {error}", where=error.where, hint=error.hint
                ) from error

    def _holds(self, target: str, commit: str) -> bool:
        with contextlib.suppress(GitError):
            return self._ls_remote("--heads", target).startswith(f"{commit}\t")
        return False

    def _push(self, option: str, refspec: str) -> None:
        options = [f"--push-option={f'{key}={value}' if value else key}" for key, value in self.automation.push_options]
        done = self._told(
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
            # A hook of ours says no on stdout, and git what it makes of that on stderr.
            hooks = "".join(f"{line}\n" for line in lines if not _PORCELAIN.match(line))
            raise self.git.error("push", CompletedCommand(done.status, b"", hooks + done.stderr)).located(
                self.place(push=True)
            )
        reason = redacted(refusals[0].split("\t")[-1])
        said = [line for line in done.stderr.splitlines() if line.startswith("remote:") and line.strip() != "remote:"]
        # stderr says why a lock was not got; it also repeats "failed to push some refs", which says nothing.
        raced = _RACE.search(refusals[0]) or any(_RACE.search(line) for line in said)
        if raced and not any(_CLASH.search(line) for line in said):
            raise PushRejected(f"the push was rejected: {reason}")
        words = "; ".join(redacted(line.removeprefix("remote:").strip()) for line in said[-5:])
        raise GitError(f"the push was refused: {reason}{f': {words}' if words else ''}", where=self.place(push=True))

    def refspec(self, branch: str, commit: str) -> str:
        """What ``git.push.refspec`` pushes, with the commit for its source.

        Raises:
            GitError: it does not push what the branch gets.
        """
        where = "git.push.refspec"
        force = "+" if self.automation.refspec.startswith("+") else ""
        source, _, target = self.automation.refspec.removeprefix("+").partition(":")
        if source not in ("HEAD", branch, f"refs/heads/{branch}"):
            raise GitError(
                f"{self.automation.refspec!r} does not push what {branch} gets",
                where=where,
                hint=f"its source is refs/heads/{branch} or HEAD, as in refs/heads/{branch}:refs/for/{branch}",
            )
        target = target or source
        if not target.startswith("refs/"):
            target = f"refs/heads/{target}"
        return f"{force}{commit}:{self.git.check_ref(target, where)}"


def _current_branch(git: Git) -> str:
    """The remote's name of the branch that a checkout is on; empty for a detached one."""
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text
    merged = git.setting(f"branch.{branch}.merge") if branch else ""
    return merged.removeprefix("refs/heads/") or branch
