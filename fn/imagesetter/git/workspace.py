"""The temporary working tree of a run, from a clone or from the current checkout.

A run never edits the user's own working tree. From the current checkout it uses the objects, the remote and the
settings (``git worktree``); a GitRepository's URL is cloned, without history.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imagesetter.git.automation import Automation
from imagesetter.git.command import Git
from imagesetter.git.remote import Remote
from imagesetter.git.starting_point import StartingPoint
from imagesetter.registry.settings import cache_folder
from imagesetter.update.plan import Change
from krm_functions.errors import ResourceError
from krm_functions.result import File, Result

if TYPE_CHECKING:
    from imagesetter.files.rewrite import Rewrite

_GITLINK = "160000"


@dataclass(slots=True)
class Workspace:
    """A temporary working tree; ``checkout`` is the user's own, or None for a clone."""

    git: Git
    checkout: Git | None
    remote: Remote
    automation: Automation
    _staged_since: str = ""

    @property
    def root(self) -> Path:
        """The top of the working tree."""
        return self.git.directory

    def check_out(self, commit: str) -> None:
        """Check out a commit; only its files are ever written to the working tree."""
        self.git.run("checkout", "--quiet", "--force", "--detach", "--no-recurse-submodules", commit, "--")
        self._staged_since = ""

    def submodule_of(self, path: str) -> str:
        """The submodule that a path is in; an empty string if it is in none."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts or not (self.root / ".gitmodules").exists():
            return ""
        outer = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        listed = self.git.run("ls-tree", "-z", "HEAD", "--", *outer).text.split("\0") if outer else []
        return next((line.partition("\t")[2] for line in listed if line.startswith(_GITLINK)), "")

    def stage(self, rewrites: Sequence[Rewrite]) -> None:
        """Stage the rewritten files.

        Byte by byte, without the line ends and filters of ``.gitattributes``, so that a commit has the changed lines
        only; with those filters only if they changed a file at checkout.
        """
        blobs = self._blobs()
        plain: list[tuple[str, bytes]] = []
        filtered: list[bytes] = []
        for rewrite in rewrites:
            name = os.fsencode(rewrite.path.relative_to(self.root))
            mode, blob = blobs.get(name, ("", ""))
            if b"\n" not in name and blob == _blob_name(rewrite.versions()[0], blob):
                plain.append((mode, name))
            else:
                filtered.append(name)
        if plain:
            names = b"".join(name + b"\n" for _, name in plain)
            hashes = self.git.run("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=names).text.split()
            entries = zip(plain, hashes, strict=True)
            lines = b"".join(f"{mode} {made}\t".encode() + name + b"\0" for (mode, name), made in entries)
            self.git.run("update-index", "-z", "--index-info", stdin=lines)
        if filtered:
            self.git.run("add", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=b"\0".join(filtered))

    def _blobs(self) -> dict[bytes, tuple[str, str]]:
        """The mode and the blob of each file in the index."""
        listed = self.git.run("ls-files", "--stage", "-z").stdout.split(b"\0")
        entries = (line.partition(b"\t") for line in listed if line)
        return {name: (head.split()[0].decode(), head.split()[1].decode()) for head, _, name in entries}

    def staged(self) -> str:
        """The diff of what is staged, as git shows it."""
        return self.git.run(
            *("diff", "--cached", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"),
            *("--src-prefix=a/", "--dst-prefix=b/", self._staged_since or "HEAD", "--"),
        ).stdout.decode(errors="replace")

    def start_next_diff(self) -> None:
        """Make the next `staged` show only later changes, for a dry run of several commits."""
        self._staged_since = self.git.run("write-tree").text

    def commit(self, message: str, options: Sequence[str], git: Git) -> bool:
        """Commit the staged changes; False if there are none.

        Args:
            message: used unchanged, as in Flux.
            options: of ``git commit``.
            git: the git to commit with, prepared to sign.
        """
        # The committer is the author, as in Flux. git needs a name, Flux does not.
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
            stdin=_encoded(message),
            accept=range(256),
        )
        if done.status and self.staged():
            error = self.git.error("commit", done)
            if not options and "sign" in error.what:
                error.hint = "commit.gpgSign makes git sign every commit: check the key of user.signingKey"
            raise error
        return not done.status

    def has_files_of(self, commit: str) -> bool:
        """Whether what is staged, and so committed, is just what a commit has."""
        return self.git.run("write-tree").text == self.git.run("rev-parse", f"{commit}^{{tree}}").text

    def newest(self, count: int) -> list[str]:
        """The hashes of the last commits, oldest first."""
        return self.git.run("rev-list", f"--max-count={count}", "--reverse", "HEAD", "--").text.split()

    def keep(self, commit: str) -> str:
        """Keep a commit that was not pushed on a local branch; returns a sentence that says where."""
        name = self.automation.name
        branch = f"imagesetter/{name.namespace}-{name.name}"
        if self.checkout:
            self.checkout.run("update-ref", "-m", "imagesetter: not pushed", f"refs/heads/{branch}", commit)
            return f"the commit is kept on the local branch {branch}"
        self.git.run("checkout", "--quiet", "--force", "-B", branch, commit, "--")
        target = _kept_folder() / f"{name.namespace}-{name.name}"
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if target.exists():
            shutil.rmtree(target)
        shutil.move(self.root, target)
        return f"the commit is kept on the branch {branch} in {target}"

    def follow(self, start: StartingPoint, commit: str) -> str:
        """After a push, fast-forward the user's own checkout if it is on the same branch and has no changes.

        Returns a note for the user, or an empty string.
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
        return f"your checkout of {start.branch} is unchanged: run `git pull`"


def _encoded(message: str) -> bytes:
    """A message as UTF-8. Other bytes of a file's name stay; half of a surrogate pair in a value is replaced."""
    try:
        return message.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return message.encode("utf-8", "replace")


def _kept_folder() -> Path:
    return cache_folder(os.environ, Path.home()) / "unpushed"


def _blob_name(data: bytes, like: str) -> str:
    """The name of a blob, with the hash algorithm of another name."""
    algorithm = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(data) + data).hexdigest()


def confined(root: Path, path: str, where: str) -> Path:
    """Resolve ``spec.update.path`` in a working tree, following links; it must not leave the tree by ``..`` or a link.

    Departure: Flux limits such a path to the top of the repository (SecureJoin), and so updates more than intended.

    Raises:
        ResourceError: it leaves the repository, is inside ``.git``, or does not exist.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if "\0" in path or (any(part == ".." for part in parts) and not _stays_inside(parts)):
        hint = "write a path below the top of the repository"
        raise ResourceError(f"spec.update.path: {path!r} leaves the repository", where=where, hint=hint)
    target = root.joinpath(*parts)
    real, top = Path(os.path.realpath(target)), Path(os.path.realpath(root))
    if real != top and top not in real.parents:
        hint = "write a path that is not a link out of the repository"
        raise ResourceError(f"spec.update.path: {path!r} leaves the repository through a link", where=where, hint=hint)
    if any(part.lower() == ".git" for part in (*parts, *real.relative_to(top).parts)):
        hint = "write the path of the files to update"
        raise ResourceError(f"spec.update.path: {path!r} is inside .git", where=where, hint=hint)
    if not target.exists():
        hint = "check the path, and the branch that is checked out"
        raise ResourceError(f"spec.update.path: {path!r} is not in the repository", where=where, hint=hint)
    return real


def _stays_inside(parts: Sequence[str]) -> bool:
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return False
    return True


def relocated(result: Result, root: Path) -> Result:
    """A result with paths relative to the repository instead of the temporary working tree."""
    message = result.message.replace(f"{root}/", "")
    file = File(result.file.path.removeprefix(f"{root}/"), result.file.index) if result.file else None
    return result._replace(message=message, file=file)


def relocated_change(change: Change, root: Path) -> Change:
    """A change with such a path."""
    location = change.field.location._replace(file=change.field.location.file.removeprefix(f"{root}/"))
    return change._replace(field=change.field._replace(location=location))
