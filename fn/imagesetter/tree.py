"""Trees of files: which ones to read.

Departures from Flux (image-automation-controller internal/update/filereader.go): ``.git`` is never entered, a
``Kptfile`` is read too, ``.krmignore`` and ``--exclude`` are honoured, a symbolic link is never written through.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from imagesetter.errors import InputError, UsageError

_NAMES = ("Kustomization", "Kptfile")
_SUFFIXES = (".yaml", ".yml")
_IGNORE_FILE = ".krmignore"
_PART = 1 << 16
"""Bytes read at a time: more than most files hold, and few enough to cost nothing where they do not."""

Ignored = Callable[[str], bool]
"""Whether a path, relative to where the patterns stand and with a final slash for a directory, is left out."""


def find_files(paths: Sequence[str | Path], *, exclude: Iterable[str] = ()) -> Iterator[Path]:
    """The configuration files under the given paths, sorted, each once; see `find_names`.

    Raises:
        InputError, UsageError: as `find_names`.
    """
    return map(Path, find_names(paths, exclude=exclude))


def find_names(paths: Sequence[str | Path], *, exclude: Iterable[str] = ()) -> Iterator[str]:
    """The names of the configuration files under the given paths, sorted, each once, as ``str(Path(…))`` writes them.

    ``*.yaml``, ``*.yml``, ``Kustomization`` and ``Kptfile``, in hidden directories too, as Flux reads them. A file that
    is named itself is taken whatever its name. Symbolic links inside a directory are not followed: one that points
    into the tree is met as itself, one that points out of it is not ours to change.

    Args:
        paths: files and directories.
        exclude: patterns in the language of ``.gitignore``, relative to each directory given.

    Raises:
        InputError: a directory, or the patterns in it, cannot be read.
        UsageError: a path that does not exist.
    """
    seen: set[str] = set()
    patterns = list(exclude)
    for given in paths:
        if not str(given):
            raise UsageError("a path is empty", hint="is a variable of the shell not set? `.` is the working directory")
        root = Path(given)
        found = [str(root)]
        if root.is_dir():
            try:
                found = _walk(str(root), "", [(_matcher(patterns), "")] if patterns else [])
            except RecursionError as error:
                hint = "leave the deepest ones out with --exclude"
                raise InputError("its directories are nested too deeply", where=str(root), hint=hint) from error
        elif not root.exists():
            raise UsageError(
                f"{given}: no such file or directory", hint="name a file or directory of the configuration"
            )
        if len(paths) == 1:  # links are not followed, so one directory has each file once
            yield from found
            return
        for name in found:
            real = os.path.realpath(name)
            if real not in seen:
                seen.add(real)
                yield name


def _walk(directory: str, relative: str, rules: list[tuple[Ignored, str]]) -> list[str]:
    """The names of the files of one directory and of those below it.

    A repository has thousands of files, so names are strings, and the suffix decides before anything else is asked.

    Args:
        directory: its path.
        relative: the same from the top of the walk, with a final slash; empty at the top.
        rules: each matcher with the ``relative`` of the directory that it stands in.
    """
    base = "" if directory == "." else f"{directory.removesuffix('/')}/"
    entries: list[tuple[str, bool]] = []
    try:
        with os.scandir(directory) as listing:
            for entry in listing:
                name = entry.name
                if (name.endswith(_SUFFIXES) or name in _NAMES) and entry.is_file(follow_symlinks=False):
                    entries.append((name, False))
                elif entry.is_dir(follow_symlinks=False):
                    if name != ".git":
                        entries.append((name, True))
                elif name == _IGNORE_FILE and entry.is_file():
                    lines = read(entry.path).decode("utf-8", "replace").splitlines()
                    rules = [*rules, (_matcher(lines), relative)]
    except OSError as error:
        hint = "mend that, or leave it out with --exclude"
        raise InputError(f"cannot be read: {error.strerror}", where=directory, hint=hint) from error
    found: list[str] = []
    for name, is_directory in sorted(entries):
        if rules and _is_ignored(f"{relative}{name}/" if is_directory else f"{relative}{name}", rules):
            continue
        if is_directory:
            found += _walk(f"{base}{name}", f"{relative}{name}/", rules)
        else:
            found.append(f"{base}{name}")
    return found


def _is_ignored(name: str, rules: list[tuple[Ignored, str]]) -> bool:
    if not name.isascii():
        name = name.encode("utf-8", "replace").decode()  # the matcher takes text; what is none matches ? and *
        rules = [(ignored, base.encode("utf-8", "replace").decode()) for ignored, base in rules]
    return any(ignored(name[len(base) :]) for ignored, base in rules)


def _matcher(lines: Iterable[str]) -> Ignored:
    # Only a tree that has patterns pays for the import.
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(lines).match_file


def repository_root(start: Path) -> Path | None:
    """The nearest directory at or above *start* that holds ``.git``, or None."""
    start = start.resolve()
    for directory in (start, *start.parents):
        if (directory / ".git").exists():
            return directory
    return None


def start_directory(paths: Sequence[str | Path]) -> Path:
    """Where a run begins to look around: the directory of its first path, or the working directory."""
    start = Path(paths[0]) if paths else Path()
    return start if start.is_dir() else start.parent


def shown(path: Path) -> str:
    """A path as a user in the working directory would write it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read(path: str | Path) -> bytes:
    """The bytes of a file, or of a pipe to its end.

    Raises:
        InputError: it cannot be read.
    """
    parts: list[bytes] = []
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while part := os.read(handle, _PART):
                parts.append(part)
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return b"".join(parts)
