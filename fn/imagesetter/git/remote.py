"""A remote: its refs, and what is fetched from it.

git runs in the user's own directory, not in the temporary working tree, so that the user's settings for the remote
apply: settings of that checkout only (``includeIf``), and relative paths of keys and certificates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from imagesetter.errors import GitError
from imagesetter.git.automation import Automation, CheckoutRef
from imagesetter.git.ci_variables import branch_of
from imagesetter.git.command import CompletedCommand, Git, redacted
from imagesetter.git.current_branch import current_branch
from imagesetter.git.history import COMMITS
from imagesetter.policy.select import select
from imagesetter.policy.semver import SemverRule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import ReportedError

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


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
    listing: dict[str, str] = field(default_factory=dict)
    """The commits of the refs that `list_refs` has found."""
    default: str = ""
    """The branch that is used without any ref: the checkout's, or the remote's default one; empty for none."""

    def is_shallow(self) -> bool:
        """Whether the local repository has no full history."""
        return self.git.run("rev-parse", "--is-shallow-repository").text == "true"

    def fetch_history(self, commit: str) -> None:
        """Fetch the last commits before one, where the repository is shallow."""
        if self.is_shallow():
            self.fetch_refspec(f"+{commit}:{self.scratch}/history", depth=f"--depth={COMMITS}")

    def ref(self) -> CheckoutRef:
        """The ref to check out, after `list_refs`."""
        return self.automation.ref or CheckoutRef(branch=self.default)

    def source(self) -> str:
        """The commit of the checkout ref, independent of the push branch.

        Raises:
            GitError: the remote does not respond, or does not have the ref.
        """
        self.list_refs("")
        return self.fetch_ref(self.ref())

    def list_refs(self, branch: str) -> None:
        """List the refs that a run needs.

        Args:
            branch: the push branch, if it is not the automation's own.

        Raises:
            GitError: the remote does not respond, or a name is not valid.
        """
        ref = self.automation.ref
        own = current_branch(self.checkout) if self.checkout and not ref else ""
        patterns = {f"refs/heads/{name}" for name in (branch, self.automation.push_branch, ref.branch, own) if name}
        if push := branch or self.automation.push_branch:
            folders = push.split("/")[:-1]
            patterns |= {f"refs/heads/{'/'.join(folders[: count + 1])}" for count in range(len(folders))}
            patterns.add(f"refs/heads/{push}/*")
        if ref.name:
            patterns.add(self.git.check_ref(ref.name, "git.checkout.ref.name"))
        if ref.tag:
            patterns.add(f"refs/tags/{self.git.check_tag(ref.tag, 'git.checkout.ref.tag')}")
        if ref.branch:
            self.git.check_branch(ref.branch, "git.checkout.ref.branch")
        if ref.semver:
            patterns.add("refs/tags/*")
        self.listing = {}
        self.default = ""
        for line in self.ls_remote("--symref", "HEAD", *sorted(patterns)).splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                self.default = value.removeprefix("ref: refs/heads/")
            else:
                self.listing[name] = value
        self.prepare("sha256" if any(len(value) == 64 for value in self.listing.values()) else "sha1")
        if self.default:
            self.listing.setdefault(f"refs/heads/{self.default}", self.listing.get("HEAD", ""))
        if self.checkout and not ref:
            self.default = own

    def ls_remote(self, option: str, *patterns: str) -> str:
        """The lines of ``git ls-remote``.

        Raises:
            GitError: the remote does not respond.
        """
        git = self.git.with_(environment={"GIT_LITERAL_PATHSPECS": "0"})
        return self.at_remote(lambda: git.run("ls-remote", option, "--end-of-options", self.name, *patterns)).text

    def at_remote(self, command: Callable[[], CompletedCommand]) -> CompletedCommand:
        """Run a command; adds the remote's location to its error."""
        try:
            return command()
        except GitError as error:
            error.located(self.location())
            raise

    def fetch_ref(self, ref: CheckoutRef) -> str:
        """Fetch a ref that was listed; returns its commit.

        Raises:
            GitError: the remote does not have it, or does not respond.
        """
        return self._fetch_commit(ref.commit) if ref.commit else self.fetch(self.full_name(ref))

    def full_name(self, ref: CheckoutRef) -> str:
        """The ref on the remote, such as ``refs/heads/main``."""
        if ref.name:
            return ref.name
        if ref.semver:
            return f"refs/tags/{self._newest_tag(ref.semver)}"
        return f"refs/tags/{ref.tag}" if ref.tag else f"refs/heads/{ref.branch}"

    def fetch(self, name: str) -> str:
        """Fetch a ref by its full name; see `fetch_ref`."""
        if not self.listing.get(name):
            hint = self._branches() if name.startswith("refs/heads/") else ""
            shown = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
            kind = {"heads": "branch", "tags": "tag"}.get(name.split("/")[1] if "/" in name else "", "ref")
            raise GitError(f"the remote has no {kind} {shown}", where=self.location(), hint=hint)
        self.fetch_refspec(f"+{name}:{self.scratch}/head")
        return self.git.commit_of(f"{self.scratch}/head")

    def fetch_refspec(self, *refspecs: str, depth: str = "--depth=1") -> None:
        """Fetch refs to others; a depth applies to a clone, and to a shallow checkout if it is not ``--depth=1``.

        Raises:
            GitError: the remote does not respond, or does not have the ref.
        """
        # A depth would make the user's own repository shallow, unless it is.
        options = [depth] if depth and (self.checkout is None or depth != "--depth=1") else []
        self.at_remote(
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
            self.fetch_refspec(f"+{commit}:{self.scratch}/head")
        except GitError:
            # Some servers do not send a commit that no ref points to; then it has to be in a branch.
            self.fetch_refspec(f"+refs/heads/*:{self.scratch}/heads/*", depth="")
        if not self.git.commit_of(commit):
            hint = "check git.checkout.ref.commit, and that the commit was pushed to a branch"
            raise GitError(f"the remote has no commit {commit}", where=self.location(), hint=hint)
        return commit

    def _newest_tag(self, version_range: str) -> str:
        tags = [name.removeprefix("refs/tags/") for name in self.listing if name.startswith("refs/tags/")]
        try:
            policy = TagPolicy(SemverRule(version_range), None, ())
            return select(policy, sorted((tag for tag in tags if not tag.endswith("^{}")), reverse=True))
        except ReportedError as error:
            raise error.located("git.checkout.ref.semver") from error

    def _branches(self) -> str:
        names = [line.partition("refs/heads/")[2] for line in self.ls_remote("--heads").splitlines()]
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
        return self.automation.ref.branch or branch_of(self.automation.ref.name) or self.default

    def location(self, *, push: bool = False) -> str:
        """The remote's location, or its push location, without credentials."""
        url = self.url(push=push)
        return url if self.checkout is None else ", ".join(filter(None, (self.name, url)))
