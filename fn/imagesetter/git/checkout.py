"""Open a working tree for a run, and remove what killed runs left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from imagesetter.errors import EgressRefused
from imagesetter.files.platform import FileLock
from imagesetter.git.address_rules import GitAddressRules
from imagesetter.git.automation import Automation
from imagesetter.git.command import Git, toplevel
from imagesetter.git.remote import Remote
from imagesetter.git.workspace import Workspace
from imagesetter.registry.http.limits import Deadline
from krm_functions.errors import ReportedError, UsageError

_PREFIX = "imagesetter-run-"
_TREE = "tree"
_ALIVE = "alive"
_YOUNG = 3600.0
"""Seconds after which a folder that no run has locked is one of a killed run."""
_REFS = "refs/imagesetter/"
_TOKEN = "IMAGESETTER_APP_TOKEN"  # noqa: S105 - the name of a variable
_HELPER = f'!f() {{ echo username=x-access-token; echo "password=${_TOKEN}"; }}; f'
"""A credential helper that reads the token from the environment: the list of processes shows arguments."""


@contextlib.contextmanager
def open_workspace(
    automation: Automation,
    directory: Path,
    address_rules: GitAddressRules,
    *,
    timeout: float,
    allow_dirty: bool = False,
    deadline: Deadline | None = None,
    token: str = "",
) -> Iterator[Workspace]:
    """A working tree for a run, which is removed afterwards.

    Args:
        automation: decides what to clone, if anything.
        directory: in the current checkout, for an automation without a URL.
        address_rules: which URLs may be cloned.
        timeout: seconds for one git command.
        deadline: the end of all waiting for remotes.
        allow_dirty: accept uncommitted changes in the checkout.
        token: of a GitHub App or of Entra, for the automation's URL; empty for git's own credentials.

    Raises:
        EgressRefused: the operator does not allow the automation's URL.
        UsageError: there is neither a URL nor a checkout with a remote, or the checkout is dirty.
    """
    _remove_stale_folders()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder, _run_lock(Path(folder)):
        tree = Path(folder).resolve() / _TREE
        if automation.url:
            try:
                settings = address_rules.check(automation.url)
            except EgressRefused as error:
                raise error.located(f"spec.url of GitRepository {automation.source}") from error.__cause__
            tree.mkdir()
            git = Git(tree, timeout)
            location = {"GIT_DIR": str(tree / ".git"), "GIT_WORK_TREE": str(tree)}
            remote_git = _without_prompts(Git(Path.cwd(), timeout, location, settings, deadline=deadline))
            if token:
                remote_git = remote_git.with_(
                    environment={_TOKEN: token}, config=("credential.helper=", f"credential.helper={_HELPER}")
                )

            def prepare(object_format: str) -> None:
                _init_clone(git, automation.url, object_format)

            prepare("sha1")
            remote = Remote(remote_git, "origin", automation, f"{_REFS}clone", prepare=prepare)
            yield Workspace(git, None, remote, automation)
        else:
            with _worktree(automation, directory, tree, timeout, deadline, allow_dirty=allow_dirty) as workspace:
                yield workspace


@contextlib.contextmanager
def _worktree(
    automation: Automation,
    directory: Path,
    tree: Path,
    timeout: float,
    deadline: Deadline | None,
    *,
    allow_dirty: bool,
) -> Iterator[Workspace]:
    top = toplevel(directory)
    if top is None:
        raise UsageError(
            f"{directory} is not in a Git checkout, and the files contain no GitRepository with a URL",
            hint="run it in a checkout, or add the GitRepository that spec.sourceRef refers to"
            + ("; GIT_DIR is ignored" if "GIT_DIR" in os.environ else ""),
        )
    own = Git(top, timeout, own=True)
    if not allow_dirty and (files := _changed_files(own)):
        raise UsageError(
            f"the checkout {top} has uncommitted changes: {', '.join(files[:3])}{' …' if len(files) > 3 else ''}",
            hint="commit or stash them, or ignore them with --allow-dirty",
        )
    name = _remote(own)
    head = own.commit_of("HEAD")
    if not head:
        raise UsageError(f"the checkout {top} has no commit yet", hint="commit and push first")
    _remove_stale_runs(own)
    own.run("worktree", "add", "--quiet", "--force", "--detach", "--no-checkout", str(tree), head)
    remote_git = replace(_without_prompts(own), deadline=deadline)
    remote = Remote(remote_git, name, automation, f"{_REFS}{tree.parent.name}", own)
    try:
        yield Workspace(Git(tree, timeout), own, remote, automation)
    finally:
        _remove(own, tree.parent)


def _init_clone(git: Git, url: str, object_format: str) -> None:
    """Create an empty repository with a remote; replaces one with another object format."""
    folder = git.directory / ".git"
    if folder.exists():
        if git.run("rev-parse", "--show-object-format").text == object_format:
            return
        shutil.rmtree(folder)
    git.run("init", "--quiet", "--template=", f"--object-format={object_format}")
    # Written to the file: the list of processes would show the password in an argument of `git config`.
    quoted = url.replace("\\", "\\\\").replace('"', '\\"')
    with (folder / "config").open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f'[remote "origin"]\n\turl = "{quoted}"\n')


def _without_prompts(git: Git) -> Git:
    """git with an ssh that does not prompt, unless the user configured ssh or a program for prompts."""
    set_by_user = ("GIT_SSH", "GIT_SSH_COMMAND", "SSH_ASKPASS")
    if any(os.environ.get(name) for name in set_by_user) or git.setting("core.sshCommand"):
        return git
    return git.with_(environment={"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"})


def _changed_files(own: Git) -> list[str]:
    """The files of a checkout that have changes, staged or not."""
    entries = iter(own.run("status", "--porcelain", "--untracked-files=no", "-z").text.split("\0"))
    files: list[str] = []
    for entry in filter(None, entries):
        files.append(entry[3:])
        if entry[0] in "RC":
            next(entries)  # its name before
    return files


@contextlib.contextmanager
def _run_lock(folder: Path) -> Iterator[None]:
    """Lock a run's folder as long as its process lives, however it ends."""
    lock = FileLock(folder / _ALIVE)
    with contextlib.suppress(OSError):  # without locks the folders of killed runs stay
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_dead(folder: Path) -> bool:
    """Whether the run that had this folder has ended, or the folder is gone."""
    if not (folder / _ALIVE).exists():
        return FileLock.supported() or not folder.exists()
    lock = FileLock(folder / _ALIVE)
    try:
        return lock.acquire()
    except OSError:
        return False
    finally:
        lock.release()


def _remove_stale_folders() -> None:
    """Remove the temporary folders of killed runs; a young one may be of a run that has not locked it yet."""
    if not FileLock.supported():
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            is_old = time.time() - (folder / _ALIVE).stat().st_mtime > _YOUNG
            if is_old and not folder.is_symlink() and _is_dead(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _remove_stale_runs(own: Git) -> None:
    """Remove the working trees of killed runs, and the refs that kept their objects."""
    listing = own.run("worktree", "list", "--porcelain").text.splitlines()
    trees = (Path(line.removeprefix("worktree ")) for line in listing if line.startswith("worktree "))
    folders = {tree.parent for tree in trees if tree.name == _TREE and tree.parent.name.startswith(_PREFIX)}
    refs = own.run("for-each-ref", "--format=%(refname)", _REFS).text.split()
    names = {name.removeprefix(_REFS).split("/")[0] for name in refs}
    folders |= {Path(tempfile.gettempdir()).resolve() / name for name in names if name.startswith(_PREFIX)}
    for folder in folders:
        if _is_dead(folder):
            _remove(own, folder)
            shutil.rmtree(folder, ignore_errors=True)


def _remove(own: Git, folder: Path) -> None:
    with contextlib.suppress(ReportedError):
        own.run("worktree", "remove", "--force", "--force", str(folder / _TREE), accept=range(256))
        refs = own.run("for-each-ref", "--format=%(refname)", f"{_REFS}{folder.name}/").text.split()
        own.run("update-ref", "--stdin", stdin="".join(f"delete {name}\n" for name in refs).encode())


def _remote(git: Git) -> str:
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD", accept=(0, 1)).text
    names = git.run("remote").text.split("\n")
    chosen = (git.setting(f"branch.{branch}.remote") if branch else "") or "origin"
    if chosen in names:
        return chosen
    if len(names) == 1 and names[0]:
        return names[0]
    if names[0]:
        raise UsageError(
            f"the checkout {git.directory} has several remotes, and none is origin: {', '.join(names)}",
            hint="switch to a branch that tracks one of them (`git branch --set-upstream-to REMOTE/BRANCH`)",
        )
    raise UsageError(
        f"the checkout {git.directory} has no remote to push to",
        hint="add one (`git remote add origin URL`), or add the GitRepository with its URL to the files",
    )
