"""Which file is the lock, and changing the holds in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from imagesetter.errors import LockError, UsageError
from imagesetter.lock.document import FILE_NAME, Lock, parse, render_holds
from imagesetter.lock.holds import Hold
from imagesetter.reading import read_tree
from imagesetter.text.source import decode, encode
from imagesetter.tree import read
from imagesetter.writing import create, write

lock_file_option = click.option(
    "--lock-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="IMAGESETTER_LOCK_FILE",
    help=f"The lock; else the one under the working directory, else {FILE_NAME}.",
)


def lock_path(found: Sequence[Path], paths: Sequence[str | Path]) -> Path:
    """The one lock under the paths, or where it shall be.

    Raises:
        UsageError: there are several.
    """
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise UsageError(f"there are several locks: {names}", hint="name one with --lock-file, or lock each directory")
    if found:
        return found[0]
    start = Path(paths[0]) if paths else Path()
    return (start if start.is_dir() else start.parent) / FILE_NAME


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error about a line of the lock's text name the file."""
    try:
        yield
    except LockError as error:
        if error.where.startswith("line "):
            error.where = f"{path}:{error.where.removeprefix('line ')}"
        raise


def edit_holds(given: Path | None, change: Callable[[tuple[Hold, ...]], Iterable[Hold]]) -> tuple[Path, Lock]:
    """Change the holds of the lock, which is made if there is none; its path, and what it held before.

    Raises:
        LockError: the lock cannot be read, or its layout not kept.
        UsageError: there are several locks; or as *change*.
    """
    path = given or lock_path([found for found, _ in read_tree((".",)).locks], ())
    there = path.exists()
    before = read(path) if there else b""
    text = decode(before, name=str(path))
    lock = parse(text.text, str(path)) if text.text.strip() else Lock({})
    with naming(path):
        after = encode(render_holds(text.text, change(lock.holds)), bom=text.bom)
    if not there:
        create(path, after)
    elif after != before:
        write(path, before, after)
    return path, lock
