"""Where an automation works: a temporary working tree, of a clone or of the current checkout.

A run never edits the user's own working tree. Of the current checkout it uses the objects, the remote and the
settings (``git worktree``), so that whatever lets the user, or a CI job's checkout step, reach the remote works here as
well; a GitRepository's URL is cloned, shallowly. Each try begins at the remote's present head, so nothing that an
earlier, killed run left behind is ever pushed.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagesetter.automation.git import Git, redacted
from imagesetter.automation.spec import NO_PUSH, Automation, Ref
from imagesetter.errors import GitError, ImagesetterError, ResourceError

# What a server says when another push was first; everything else that it refuses, it will refuse again.
_RACE = re.compile(r"\[rejected\]|cannot lock ref|failed to update ref|fetch first|stale info|incorrect old value")
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class PushRejected(GitError):
    """The remote's branch moved while we were at work: fetch and do it again."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a try begins: the commit to work on, and what the remote's push branch must still hold at the push.

    Both are revisions. ``expected`` is empty where the branch must not be there yet.
    """

    commit: str
    branch: str
    expected: str


@dataclass(slots=True)
class Workspace:
    """A temporary working tree and its remote.

    ``checkout`` is the user's own, or None for a clone. ``scratch`` begins the names of the refs that it fetches to.
    """

    git: Git
    checkout: Git | None
    remote: str
    automation: Automation
    scratch: str
    _listing: dict[str, str] = field(default_factory=dict)
    _default: str = ""
    _staged_since: str = ""

    @property
    def root(self) -> Path:
        """The top of the working tree."""
        return self.git.directory

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
            ref = Ref(branch=self._default)
        push = branch or self.automation.push_branch or ref.branch
        if not push:
            raise ResourceError(NO_PUSH, where=f"ImageUpdateAutomation {self.automation.name}")
        self.git.check_branch(push, "the push branch")
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
        return self._fetch_ref(ref or Ref(branch=self._default))

    def _list(self, ref: Ref, branch: str) -> None:
        patterns = {f"refs/heads/{name}" for name in (branch, self.automation.push_branch, ref.branch) if name}
        if ref.name:
            patterns.add(self.git.check_ref(ref.name, "git.checkout.ref.name"))
        if ref.tag:
            patterns.add(f"refs/tags/{self.git.check_tag(ref.tag, 'git.checkout.ref.tag')}")
        if ref.branch:
            self.git.check_branch(ref.branch, "git.checkout.ref.branch")
        if ref.semver:
            patterns.add("refs/tags/*")
        git = self.git.with_(environment={"GIT_LITERAL_PATHSPECS": "0"})
        text = git.run("ls-remote", "--symref", "--end-of-options", self.remote, "HEAD", *sorted(patterns)).text
        self._listing = {}
        for line in text.splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                self._default = value.removeprefix("ref: refs/heads/")
            else:
                self._listing[name] = value
        if self.checkout and not ref:
            self._default = _current_branch(self.checkout)
        if self._default and not ref:
            self._listing.setdefault(f"refs/heads/{self._default}", self._listing.get("HEAD", ""))

    def _fetch_ref(self, ref: Ref) -> str:
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
            raise GitError(f"the remote has no {kind} {shown}", where=self._place(), hint=hint)
        self._fetch_refspec(f"+{name}:{self.scratch}/head")
        return self.git.commit_of(f"{self.scratch}/head")

    def _fetch_refspec(self, *refspecs: str, shallow: bool = True) -> None:
        # A depth would make the user's own repository shallow.
        depth = ["--depth=1"] if shallow and self.checkout is None else []
        self.git.run(
            *("fetch", "--quiet", "--no-tags", "--force", "--no-write-fetch-head", "--no-recurse-submodules"),
            *depth,
            *("--end-of-options", self.remote, *refspecs),
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
            raise GitError(f"the remote has no commit {commit}", where=self._place())
        return commit

    def _newest_tag(self, version_range: str) -> str:
        from imagesetter.policy.rules import Semver, TagPolicy
        from imagesetter.policy.select import select

        tags = [name.removeprefix("refs/tags/") for name in self._listing if name.startswith("refs/tags/")]
        try:
            policy = TagPolicy(Semver(version_range), None, ())
            return select(policy, sorted((tag for tag in tags if not tag.endswith("^{}")), reverse=True))
        except ImagesetterError as error:
            raise error.located("git.checkout.ref.semver") from error

    def _place(self) -> str:
        return redacted(self.automation.url) or self.remote

    def _branches(self) -> str:
        text = self.git.run("ls-remote", "--heads", "--end-of-options", self.remote).text
        names = [line.partition("refs/heads/")[2] for line in text.splitlines()]
        return f"it has {', '.join(names[:8])}{' …' if len(names) > 8 else ''}" if names else "it has no branch at all"

    def check_out(self, commit: str) -> None:
        """Make the working tree what the commit holds; only files that it holds are ever written there."""
        self.git.run("checkout", "--quiet", "--force", "--detach", "--no-recurse-submodules", commit, "--")
        self._staged_since = ""

    def stage(self, paths: Sequence[Path]) -> None:
        """Stage these files."""
        names = b"\0".join(os.fsencode(path.relative_to(self.root)) for path in paths)
        self.git.run("add", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=names)

    def staged(self) -> str:
        """The diff of what is staged, as git shows it."""
        return self.git.run(
            *("diff", "--cached", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"),
            *("--src-prefix=a/", "--dst-prefix=b/", self._staged_since or "HEAD", "--"),
        ).stdout.decode(errors="replace")

    def pass_over(self) -> None:
        """Let the next `staged` show only what is staged after this: a dry run of several commits."""
        self._staged_since = self.git.run("write-tree").text

    def commit(self, message: str, options: Sequence[str], git: Git) -> bool:
        """Commit what is staged; False where that is nothing.

        Args:
            message: taken as it is, not cleaned up, as Flux does.
            options: of ``git commit``.
            git: the git to commit with, prepared to sign.
        """
        # The committer is the author, as Flux's is. git wants a name where Flux takes none.
        email = self.automation.author_email
        name = self.automation.author_name or email.partition("@")[0]
        person = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", email))
        }
        done = git.with_(environment=person).run(
            *("commit", "--quiet", "--no-verify", "--cleanup=verbatim", "--allow-empty-message", "--file=-"),
            *options,
            stdin=message.encode(),
            accept=range(256),
        )
        if done.status and self.staged():
            raise self.git.error("commit", done)
        return not done.status

    def newest(self, count: int) -> list[str]:
        """The hashes of the last commits that were made, oldest first."""
        return self.git.run("rev-list", f"--max-count={count}", "--reverse", "HEAD", "--").text.split()

    def push(self, start: Start) -> None:
        """Push what was committed to the push branch, if that still is what we began with on the remote.

        Then to the refspec, without force.

        Raises:
            PushRejected: it is not.
            GitError: the remote refuses for another reason, or did not answer.
        """
        target = f"refs/heads/{start.branch}"
        self._push(f"--force-with-lease={target}:{start.expected}", f"HEAD:{target}")
        if self.automation.refspec:
            try:
                self._push("--no-force-with-lease", self._refspec(start.branch))
            except PushRejected as error:
                # The branch has it already, so doing it again would find nothing to do.
                raise GitError(f"{start.branch} was pushed, git.push.refspec was not: {error}") from error

    def _push(self, option: str, refspec: str) -> None:
        options = [f"--push-option={f'{key}={value}' if value else key}" for key, value in self.automation.push_options]
        done = self.git.run(
            *("push", "--porcelain", "--no-follow-tags", "--no-recurse-submodules", "--no-signed", option, *options),
            *("--end-of-options", self.remote, refspec),
            accept=range(256),
            hooks=True,
        )
        if done.status == 0:
            return
        refusals = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("!")]
        if refusals:
            reason = redacted(refusals[0].split("\t")[-1])
            said = [
                line for line in done.stderr.splitlines() if line.startswith("remote:") and line.strip() != "remote:"
            ]
            # stderr says why a lock was not got; it also repeats "failed to push some refs", which says nothing.
            if _RACE.search(refusals[0]) or any(_RACE.search(line) for line in said):
                raise PushRejected(f"the push was rejected: {reason}")
            words = "; ".join(redacted(line.removeprefix("remote:").strip()) for line in said[-5:])
            raise GitError(f"the push was refused: {reason}{f': {words}' if words else ''}", where=self._place())
        raise self.git.error("push", done).located(self._place())

    def _refspec(self, branch: str) -> str:
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
        return f"{force}HEAD:{self.git.check_ref(target, where)}"

    def keep(self, commit: str) -> str:
        """Keep work that could not be pushed on a local branch; says where it is."""
        name = self.automation.name
        branch = f"imagesetter/{name.namespace}-{name.name}"
        if self.checkout:
            self.checkout.run("update-ref", "-m", "imagesetter: not pushed", f"refs/heads/{branch}", commit)
            return f"the work is kept on the local branch {branch}"
        self.git.run("checkout", "--quiet", "--force", "-B", branch, commit, "--")
        target = _kept_folder() / f"{name.namespace}-{name.name}"
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if target.exists():
            shutil.rmtree(target)
        shutil.move(self.root, target)
        return f"the work is kept on the branch {branch} in {target}"

    def follow(self, start: Start, commit: str) -> str:
        """After a push, bring the user's own checkout along where that is plain: same branch, nothing changed.

        Returns what the user should know, or an empty text.
        """
        if self.checkout is None or self.checkout.run("symbolic-ref", "-q", "HEAD", accept=(0, 1)).text != (
            f"refs/heads/{start.branch}"
        ):
            return ""
        clean = not self.checkout.run("status", "--porcelain", "--untracked-files=no").text
        ahead = self.checkout.run("merge-base", "--is-ancestor", "HEAD", commit, accept=(0, 1)).status
        if (
            clean
            and not ahead
            and not self.checkout.run("merge", "--ff-only", "--quiet", commit, accept=range(256)).status
        ):
            return ""
        return f"your checkout of {start.branch} was left as it is: run `git pull`"


def _kept_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache") / "imagesetter" / "unpushed"


def _current_branch(git: Git) -> str:
    """The remote's name of the branch that a checkout is on; empty for a detached one."""
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text
    merged = git.setting(f"branch.{branch}.merge") if branch else ""
    return merged.removeprefix("refs/heads/") or branch
