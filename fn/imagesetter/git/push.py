"""The push of a run: with a lease, and with the reason if the server refuses it."""

from __future__ import annotations

import contextlib
import re

from imagesetter.errors import GitError
from imagesetter.git.command import CompletedCommand, redacted
from imagesetter.git.remote import Remote
from imagesetter.git.starting_point import StartingPoint

# Answers of a server if another push was first. Another try does not help against other refusals.
_RACE = re.compile(r"\[rejected\]|cannot lock ref|failed to update ref|fetch first|stale info|incorrect old value")
_LOCKED = re.compile(r"Unable to create '.*\.lock': File exists")
_STALE_LOCK = "if no push is under way, a killed one left the lock of the branch: remove its .lock file in the remote"
_CLASH = re.compile(r"exists; cannot create")
_NO_FORCE = re.compile(r"non-fast-forward|force.?push", re.IGNORECASE)
# The lines of `git push --porcelain` itself; others are a hook's.
_PORCELAIN = re.compile(r"To |Done$|[ +\-*!=]\t")


class PushRejected(GitError):
    """The remote's branch moved during the run: fetch, and try again."""


class RefspecRefused(GitError):
    """The branch was pushed, but ``git.push.refspec`` was not: nothing to keep or to retry."""


def push(remote: Remote, start: StartingPoint, commit: str) -> None:
    """Push a commit to the push branch, unless that has moved since the start.

    Raises:
        PushRejected: the branch has moved.
        RefspecRefused: the branch is pushed, ``git.push.refspec`` is not.
        GitError: the remote refuses for another reason, or does not respond.
    """
    target = f"refs/heads/{start.branch}"
    refspec = check_refspec(remote, start.branch, commit) if remote.automation.refspec else ""
    try:
        _push(remote, f"--force-with-lease={target}:{start.expected}", f"{commit}:{target}")
    except PushRejected:
        raise
    except GitError as error:
        # The connection may have failed after the push, before the response.
        if not _holds(remote, target, commit):
            if start.is_new and start.expected and _NO_FORCE.search(str(error)):
                error.hint = f"allow force pushes to {start.branch}, or delete it"
            raise
    if refspec:
        try:
            _push(remote, "--no-force-with-lease", refspec)
        except GitError as error:
            # The branch is pushed already, so another try would find no changes.
            raise RefspecRefused(
                f"{start.branch} was pushed, but git.push.refspec was not: {error}",
                where=error.where,
                hint=error.hint,
            ) from error


def _holds(remote: Remote, target: str, commit: str) -> bool:
    with contextlib.suppress(GitError):
        return remote.ls_remote("--heads", target).startswith(f"{commit}\t")
    return False


def _push(remote: Remote, option: str, refspec: str) -> None:
    options = [f"--push-option={f'{key}={value}' if value else key}" for key, value in remote.automation.push_options]
    done = remote.at_remote(
        lambda: remote.git.run(
            *("push", "--porcelain", "--no-follow-tags", "--no-recurse-submodules", "--no-signed"),
            *(option, *options, "--end-of-options", remote.name, refspec),
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
        raise remote.git.error("push", CompletedCommand(done.status, b"", hooks + done.stderr)).located(
            remote.location(push=True)
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
        f"the remote refused the push: {reason}{f': {words}' if words else ''}", where=remote.location(push=True)
    )


def check_refspec(remote: Remote, branch: str, commit: str) -> str:
    """Check ``git.push.refspec``, and return what it pushes, with the commit for its source.

    Raises:
        GitError: its source is neither the branch nor HEAD.
    """
    where = "git.push.refspec"
    force = "+" if remote.automation.refspec.startswith("+") else ""
    source, _, target = remote.automation.refspec.removeprefix("+").partition(":")
    if source not in ("HEAD", branch, f"refs/heads/{branch}"):
        raise GitError(
            f"{remote.automation.refspec!r} does not push the same commit as {branch}",
            where=where,
            hint=f"use refs/heads/{branch} or HEAD as its source, as in refs/heads/{branch}:refs/for/{branch}",
        )
    target = target or source
    if not target.startswith("refs/"):
        target = f"refs/heads/{target}"
    return f"{force}{commit}:{remote.git.check_ref(target, where)}"
