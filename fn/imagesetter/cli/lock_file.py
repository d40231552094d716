"""The lock file: find it, change its holds, and merge its shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from imagesetter.cli import clock
from imagesetter.errors import LockError
from imagesetter.files.atomic_write import create, write
from imagesetter.files.find import start_directory
from imagesetter.files.read import inside, inside_its_repository, read, read_inside, read_named, repository_of
from imagesetter.lock.document import FILE_NAME, Lock, parse_lock
from imagesetter.lock.holds import Hold, midnight
from imagesetter.lock.render import render_holds, render_lock
from imagesetter.registry.reference import is_tag
from imagesetter.update.lock import Locked
from imagesetter.update.read_tree import ScannedTree, read_tree
from imagesetter.update.shards import Shard, merge_shards, parse_shard
from krm_functions.errors import UsageError
from krm_functions.yaml.encoding import DecodedText, decode_text, encode_text

lock_file_option = click.option(
    "--lock-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IMAGESETTER_LOCK_FILE",
    help=f"Path of the lock.  [default: the one under the working directory, else {FILE_NAME}]",
)


def lock_path(found: Sequence[Path], paths: Sequence[str | Path]) -> Path:
    """The path of the only lock under the paths, or of a new one.

    Raises:
        UsageError: there are several locks.
    """
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise UsageError(
            f"found several locks: {names}", hint="choose one with --lock-file, or lock each directory separately"
        )
    if found:
        return found[0]
    return start_directory(paths) / FILE_NAME


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file as it was read; ``before`` is empty if it does not exist yet.

    ``path`` is shown to users; ``real`` is the path after following links.
    """

    path: Path
    real: Path
    there: bool
    before: bytes
    text: DecodedText
    lock: Lock

    def rendered(self, render: Callable[[str], str]) -> bytes:
        """The file's new bytes: *render* returns the new text for the old one.

        Raises:
            LockError: from *render*; the file is added to an error that only has a line.
        """
        try:
            return encode_text(render(self.text.text), bom=self.text.bom)
        except LockError as error:
            if error.where.startswith("line "):
                error.where = f"{self.path}:{error.where.removeprefix('line ')}"
            raise

    def put(self, after: bytes) -> None:
        """Create the file, or replace its contents.

        Raises:
            FileChangedError: another program has changed the file since it was read.
            InputError: the file cannot be written.
        """
        if not self.there:
            create(self.real, after)
        elif after != self.before:
            write(self.real, self.before, after)


def open_lock(path: Path, *, named: bool = False) -> LockFile:
    """Read a lock file, which may be empty or not exist yet.

    Args:
        path: the file. A link is followed if it stays in the repository or, outside a repository, in the lock's
            directory.
        named: whether the operator named it. Then, outside a repository, a link may lead anywhere.

    Raises:
        LockError: the lock is not valid.
        InputError: the file cannot be read, is not YAML, or a link leaves the allowed directory.
    """
    top = None if named else repository_of(str(path.parent.absolute())) or path.parent
    real = Path(inside(path, top) if top else inside_its_repository(path))
    there = real.exists()
    before = read(real) if there else b""
    text = decode_text(before, name=str(path))
    return LockFile(
        path, real, there, before, text, parse_lock(text.text, str(path)) if text.text.strip() else Lock({})
    )


def check_hold(tag: str, option: str, reason: str, until: str) -> None:
    """Check what a person says of a hold.

    Args:
        tag: the tag, which *option* gives.
        option: its name.
        reason: why.
        until: the date on which it expires; empty for none.

    Raises:
        UsageError: the tag is not valid, the reason is empty, or the date is not valid or in the past.
    """
    if not is_tag(tag):
        hint = "a tag has up to 128 letters, digits, _, . and -"
        raise UsageError(f"{tag!r} is not a valid tag", where=option, hint=hint)
    if not reason.strip():
        raise UsageError("the reason is empty", where="--reason", hint="give a reason, such as 'crashes at start'")
    if until:
        try:
            over = midnight(until) <= clock.now()
        except ValueError as error:
            raise UsageError(str(error), where="--until", hint="write the year, month and day with dashes") from error
        if over:
            raise UsageError(f"{until} is in the past", where="--until", hint="choose a later date")


def own_lock_path(tree: ScannedTree) -> Path:
    """The path of the lock under the working directory, or of a new one; those of other repositories do not count.

    Raises:
        UsageError: there are several locks.
    """
    here = repository_of(os.getcwd())  # noqa: PTH109
    own = (path for path, _ in tree.locks if repository_of(str(path.parent.absolute())) == here)
    return lock_path(list(own), ())


def edit_holds(given: Path | None, change: Callable[[tuple[Hold, ...]], Iterable[Hold]]) -> tuple[Path, Lock]:
    """Change the holds of the lock, which is created if it does not exist; returns its path and its former content.

    Raises:
        LockError: the lock is not valid, or its layout cannot be kept.
        UsageError: there are several locks, or *change* raises it.
    """
    path = given or own_lock_path(read_tree((".",)))
    file = open_lock(path, named=given is not None)
    file.put(file.rendered(lambda text: render_holds(text, change(file.lock.holds))))
    return file.path, file.lock


def shard_option(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """The shard of ``--shard``; by default that of an Indexed Job's pod.

    Kubernetes sets JOB_COMPLETION_INDEX; the manifest has to set JOB_COMPLETIONS. Both are required.

    Raises:
        UsageError: the text, or the variables, are not INDEX/COUNT.
    """
    if text is None:
        index, count = environment.get("JOB_COMPLETION_INDEX", ""), environment.get("JOB_COMPLETIONS", "")
        text = f"{index}/{count}" if index and count else None
    return parse_shard(text) if text else None


def _files(part: str) -> list[tuple[str, bytes]]:
    """The name and bytes of a file, or of each ``*.yaml`` file in a directory (containers have no shell to expand it).

    Raises:
        InputError: a file cannot be read.
        UsageError: the directory contains no such file.
    """
    if not Path(part).is_dir():
        return [(part, read_named(part))]
    found = sorted(map(str, Path(part).glob("*.yaml")))
    if not found:
        raise UsageError(
            f"{part} contains no *.yaml file", hint="specify the directory that the shards were written to"
        )
    return [(name, read_inside(name, part)) for name in found]


def merge_files(parts: Sequence[str], path: Path, *, named: bool, check: bool) -> tuple[Locked, bool]:
    """Merge the locks of all shards into the lock at *path*; returns what changed, and whether the file changes.

    Args:
        parts: the shards' files, or directories that contain them and nothing else.
        path: the merged lock.
        named: whether the operator named *path*; see `open_lock`.
        check: write nothing.

    Raises:
        UsageError: no shard is given.
        LockError: a shard is not valid, or two shards have different entries for a policy.
    """
    if not parts:
        raise UsageError("--merge needs the files of all shards", hint="imagesetter lock --merge shards/*.yaml")
    files = [file for part in parts for file in _files(part)]
    locks = [parse_lock(decode_text(data, name=name).text, name) for name, data in files]
    file = open_lock(path, named=named)
    merged = merge_shards(file.lock, locks)
    after = file.rendered(lambda text: render_lock(text, merged.entries, merged.seen))
    if not check:
        file.put(after)
    return merged, after != file.before
