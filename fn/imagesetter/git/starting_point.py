"""The commit that a run starts from, and the commit that the push branch must still have at the push.

Each try starts from the remote's current head, so leftovers of a killed run are never pushed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from imagesetter.errors import GitError
from imagesetter.git.automation import NO_PUSH, CheckoutRef
from imagesetter.git.branch_history import BranchCommit, parse_raw_log, stands_on
from imagesetter.git.ci_variables import branch_of
from imagesetter.git.remote import Remote
from krm_functions.errors import ResourceError

_NO_COMMITS = "no commits selected for shallow requests"


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The start of a try: the commit to work on, and the commit that the push branch must still have at the push.

    Both are revisions. ``expected`` is empty if the branch must not exist yet. ``replaces`` is the branch's head if the
    branch is made anew from ``commit`` while its own commits are on it already: the same files need no push.
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


def begin(
    remote: Remote, branch: str = "", *, after: StartingPoint | None = None, shared: Collection[str] = ()
) -> StartingPoint:
    """List the remote's refs, fetch the one to start from, and return it.

    As in Flux: if push branch and checkout ref differ, the push branch is made from the checkout ref in each run.
    Departure: a branch with commits of somebody else is added to instead, so that none is lost.

    Args:
        remote: where they are.
        branch: the push branch, if it is not the automation's own.
        after: the start of the last try, if another push was first; then fewer requests are needed.
        shared: push branches of several automations; these are added to, too.

    Raises:
        GitError: the remote does not respond, or does not have the ref.
        ResourceError: there is no branch to push to.
    """
    if after and after.expected and not after.is_new:
        remote.fetch_refspec(f"+refs/heads/{after.branch}:{remote.scratch}/head")
        return StartingPoint(f"{remote.scratch}/head", after.branch, f"{remote.scratch}/head")
    remote.list_refs(branch)
    ref = remote.ref()
    push = branch or remote.automation.push_branch or ref.branch or branch_of(ref.name)
    if not push:
        if remote.automation.ref:
            hint = "set spec.git.push.branch"
        else:
            no_branch = (
                "the checkout is not on a branch, and no variable of a CI system names one"
                if remote.checkout
                else "the remote has no default branch"
            )
            hint = f"{no_branch}: set spec.git.checkout.ref.branch"
        raise ResourceError(NO_PUSH, where=f"ImageUpdateAutomation {remote.automation.name}", hint=hint)
    remote.git.check_branch(push, "the push branch")
    if not remote.listing.get(f"refs/heads/{push}"):
        _check_room(remote, push)
        return StartingPoint(remote.fetch_ref(ref), push, "")
    if ref == CheckoutRef(branch=push) or ref == CheckoutRef(name=f"refs/heads/{push}"):
        commit = remote.fetch(f"refs/heads/{push}")
        return StartingPoint(commit, push, commit)
    return _begin_beside(remote, ref, push, is_shared=push in shared)


def _check_room(remote: Remote, push: str) -> None:
    """Refuse a new branch that git cannot have beside one that the remote has.

    Raises:
        GitError: one is a folder of the other, as ``images`` is of ``images/web``.
    """
    new = f"refs/heads/{push}"
    for name in sorted(remote.listing):
        if new.startswith(f"{name}/") or name.startswith(f"{new}/"):
            there = name.removeprefix("refs/heads/")
            raise GitError(
                f"the branch {push} cannot exist beside the branch {there}, which the remote has",
                hint=f"choose another name in spec.git.push.branch or --branch, or delete {there}",
            )


def _begin_beside(remote: Remote, ref: CheckoutRef, push: str, *, is_shared: bool) -> StartingPoint:
    """Start from the checkout ref, or from a push branch that has commits of somebody else."""
    base = remote.fetch_ref(ref)
    head, own = _beyond(remote, base, ref, push)
    email = remote.automation.author_email
    foreign = [commit for commit in own if not commit.is_by(email)]
    if not own or not (foreign or is_shared) or _adds_nothing(remote, base, head):
        return StartingPoint(base, push, head, replaces=head if stands_on(own, base) else "")
    if foreign:
        note = f"{push} has commits of somebody else, the newest {foreign[0].hash[:7]} by {foreign[0].author}"
    else:
        note = f"{push} is the push branch of several automations"
    if not _contains(remote, head, own, base):
        note += f"; it does not contain the newest commit of {ref.shown}: merge or rebase it"
    return StartingPoint(head, push, head, note=f"{note}. The run adds to the branch")


def _beyond(remote: Remote, base: str, ref: CheckoutRef, push: str) -> tuple[str, list[BranchCommit]]:
    """The head of the push branch, and its commits that the checkout ref does not contain, newest first."""
    target = f"refs/heads/{push}"
    refspec = f"+{target}:{remote.scratch}/push"
    if ref.commit or not remote.is_shallow():
        remote.fetch_refspec(refspec, depth="--unshallow" if remote.is_shallow() else "")
    else:
        try:
            remote.fetch_refspec(refspec, depth=f"--shallow-exclude={remote.full_name(ref)}")
        except GitError as error:
            if _NO_COMMITS not in str(error):
                raise
            return remote.listing[target], []
    head = remote.git.commit_of(f"{remote.scratch}/push")
    log = remote.git.run("log", "--format=raw", head, "--not", base, "--")
    return head, parse_raw_log(log.stdout.decode(errors="replace"))


def _contains(remote: Remote, head: str, own: list[BranchCommit], base: str) -> bool:
    """Whether the push branch contains the base. A shallow repository knows the true parents of `own` only."""
    if remote.is_shallow():
        return stands_on(own, base)
    return not remote.git.run("merge-base", "--is-ancestor", base, head, accept=(0, 1)).status


def _adds_nothing(remote: Remote, base: str, head: str) -> bool:
    """Whether a merge of the push branch would change nothing: it was merged, perhaps squashed.

    git before 2.38 cannot tell, and neither can a shallow repository.
    """
    if remote.is_shallow():
        return False
    merged = remote.git.run("merge-tree", "--write-tree", base, head, accept=range(256))
    return merged.status == 0 and merged.text == remote.git.run("rev-parse", f"{base}^{{tree}}").text
