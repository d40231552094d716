"""Opening a working tree for a run, and clearing away what killed runs left."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imagesetter.automation.git import Git, toplevel
from imagesetter.automation.spec import Automation
from imagesetter.automation.workspace import Workspace
from imagesetter.errors import ImagesetterError, UsageError

_PREFIX = "imagesetter-run-"
_TREE = "tree"
_ALIVE = "alive"
_REFS = "refs/imagesetter/"


@contextlib.contextmanager
def open_workspace(
    automation: Automation, directory: Path, *, timeout: float, allow_dirty: bool = False
) -> Iterator[Workspace]:
    """A working tree for a run, which is removed afterwards.

    Args:
        automation: says whether to clone, and what.
        directory: in the current checkout, for an automation without a URL.
        timeout: seconds for one git command.
        allow_dirty: do not mind changes in the checkout that are not committed.

    Raises:
        UsageError: there is neither a URL nor a checkout with a remote, or the checkout is dirty.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder, _held(Path(folder)):
        tree = Path(folder).resolve() / _TREE
        if automation.url:
            tree.mkdir()
            git = Git(tree, timeout)
            git.run("init", "--quiet", "--template=")
            git.run("config", "remote.origin.url", automation.url)
            yield Workspace(git, None, "origin", automation, f"{_REFS}clone")
        else:
            with _worktree(automation, directory, tree, timeout, allow_dirty=allow_dirty) as workspace:
                yield workspace


@contextlib.contextmanager
def _worktree(
    automation: Automation, directory: Path, tree: Path, timeout: float, *, allow_dirty: bool
) -> Iterator[Workspace]:
    top = toplevel(directory)
    if top is None:
        raise UsageError(
            f"{directory} is in no Git checkout, and no GitRepository with a URL is among the files",
            hint="run it in a checkout, or add the GitRepository that spec.sourceRef names",
        )
    own = Git(top, timeout)
    if not allow_dirty and (changed := own.run("status", "--porcelain", "--untracked-files=no").text):
        files = [line[3:] for line in changed.splitlines()]
        raise UsageError(
            f"the checkout {top} has changes that are not committed: {', '.join(files[:3])}"
            f"{' …' if len(files) > 3 else ''}",
            hint="commit or stash them, or say --allow-dirty: they are neither used nor committed",
        )
    remote = _remote(own)
    head = own.commit_of("HEAD")
    if not head:
        raise UsageError(f"the checkout {top} has no commit yet", hint="commit, and push, first")
    _sweep(own)
    own.run("worktree", "add", "--quiet", "--force", "--detach", "--no-checkout", str(tree), head)
    workspace = Workspace(Git(tree, timeout), own, remote, automation, f"{_REFS}{tree.parent.name}")
    try:
        yield workspace
    finally:
        _remove(own, tree.parent)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a lock in a run's folder for as long as its process lives, however that ends."""
    with (folder / _ALIVE).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_dead(folder: Path) -> bool:
    """Whether the run that had this folder has ended, or the folder is gone."""
    try:
        with (folder / _ALIVE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _sweep(own: Git) -> None:
    """Remove what killed runs left: their working trees, and the refs that kept their objects."""
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
    own.run("worktree", "prune")


def _remove(own: Git, folder: Path) -> None:
    with contextlib.suppress(ImagesetterError):
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
    raise UsageError(
        f"the checkout {git.directory} has no remote to push to"
        if not names[0]
        else f"which remote? {', '.join(names)}",
        hint="add one (`git remote add origin URL`), or keep the GitRepository with its URL among the files",
    )
