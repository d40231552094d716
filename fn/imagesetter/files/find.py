"""Trees of files: which ones to read.

Departures from Flux (image-automation-controller internal/update/filereader.go): ``.git`` is never entered, a
``Kptfile`` is read too, ``.krmignore`` and ``--exclude`` are honoured, a symbolic link is never written through.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from imagesetter.files.read import inside_its_repository, read_inside, repository_of
from krm_functions.errors import InputError, UsageError

_NAMES = ("Kustomization", "Kptfile")
_SUFFIXES = (".yaml", ".yml")
IGNORE_FILE = ".krmignore"
_MOST_PATTERNS = 1 << 20
"""Bytes of an ignore file: each line of it is compared with every name."""

Ignored = Callable[[str], bool]
"""Whether a path, relative to where the patterns are and with a final slash for a directory, is left out."""


class ScopedPattern(str):
    """A pattern that is relative to a folder of its own, and counts for files that are named as well.

    Several of one folder belong together, in their order, as the lines of one ``.gitignore`` do.
    """

    folder: str

    def __new__(cls, text: str, folder: str) -> ScopedPattern:
        """A pattern, and the absolute path of its folder."""
        made = super().__new__(cls, text)
        made.folder = folder
        return made


def find_files(paths: Sequence[str | Path], *, exclude: Iterable[str] = (), needed: bool = False) -> Iterator[Path]:
    """The configuration files under the given paths, sorted, each once; see `find_names`.

    Raises:
        InputError, UsageError: as `find_names`.
    """
    return map(Path, find_names(paths, exclude=exclude, needed=needed))


def find_names(paths: Sequence[str | Path], *, exclude: Iterable[str] = (), needed: bool = False) -> Iterator[str]:
    """The names of the configuration files under the given paths, sorted, each once, as ``str(Path(…))`` writes them.

    ``*.yaml``, ``*.yml``, ``Kustomization`` and ``Kptfile``, in hidden directories too, as Flux reads them. A file that
    is named itself is taken whatever its name. Symbolic links inside a directory are not followed: one that points
    into the tree is met as itself, one that points out of it is not ours to change.

    Args:
        paths: files and directories.
        exclude: patterns in the language of ``.gitignore``, relative to each directory given (a `ScopedPattern` to its
            own).
        needed: each directory has to hold a file: a check that looks at nothing must not pass.

    Raises:
        InputError: a directory, or the patterns in it, cannot be read.
        UsageError: a path that does not exist, or, if *needed*, a directory without a file.
    """
    seen: set[str] = set()
    excluded, scopes = _excluded(exclude)
    for given in paths:
        if not str(given):
            raise UsageError("a path is empty", hint="is a variable of the shell not set? `.` is the working directory")
        root = Path(given)
        found = [str(root)]
        inside_its_repository(root)
        if root.is_dir():
            try:
                found = _walk(str(root), "", [*excluded, *_scoped(root, scopes)])
            except RecursionError as error:
                hint = "leave the deepest ones out with --exclude"
                raise InputError("its directories are nested too deeply", where=str(root), hint=hint) from error
            if needed and not found:
                raise UsageError(
                    "no YAML file, Kustomization or Kptfile was found",
                    where="the working directory" if str(root) == "." else str(root),
                    hint="give the directory of your configuration; .krmignore, .imagesetter.yaml and --exclude skip "
                    "files",
                )
        elif not root.exists():
            hint = "check the path, or give another file or directory of your configuration"
            raise UsageError("the file or directory does not exist", where=str(given), hint=hint)
        elif any(ignored(root.name) for ignored, _ in _scoped(root.parent, scopes)):
            found = []
        if len(paths) == 1:  # links are not followed, so one directory has each file once
            yield from found
            return
        for name in found:
            real = os.path.realpath(name)
            if real not in seen:
                seen.add(real)
                yield name


def find_others(paths: Sequence[str | Path], *, exclude: Iterable[str] = ()) -> Iterator[str]:
    """The names of all other files in the given directories: those that `find_names` leaves out by their names.

    Raises:
        InputError, UsageError: as `find_names`.
    """
    excluded, scopes = _excluded(exclude)
    for given in paths:
        if Path(given).is_dir():
            yield from _walk(str(Path(given)), "", [*excluded, *_scoped(Path(given), scopes)], others=True)


def _excluded(exclude: Iterable[str]) -> tuple[list[tuple[Ignored, str]], list[tuple[str, Ignored]]]:
    """What patterns leave out: those for every directory given, and those with a folder of their own."""
    plain: list[str] = []
    scoped: dict[str, list[str]] = {}
    for each in exclude:
        (scoped.setdefault(each.folder, []) if isinstance(each, ScopedPattern) else plain).append(each)
    excluded = [(_matcher(plain, ""), "")] if plain else []
    return excluded, [(folder, _matcher(lines, "")) for folder, lines in scoped.items()]


def _scoped(directory: Path, scopes: Iterable[tuple[str, Ignored]]) -> Iterator[tuple[Ignored, str]]:
    """The rules of scoped patterns for what is in a directory; nothing outside of their folder is left out."""
    place = os.path.realpath(directory)
    for folder, ignored in scopes:
        relative = os.path.relpath(place, os.path.realpath(folder))
        if relative != os.pardir and not relative.startswith(f"{os.pardir}{os.sep}"):
            before = "" if relative == os.curdir else f"{relative.replace(os.sep, '/')}/"
            yield partial(_below, ignored, before), ""


def _below(ignored: Ignored, before: str, name: str) -> bool:
    return ignored(f"{before}{name}")


def is_configuration(name: str) -> bool:
    """Whether a file of that name is read if it is found in a directory."""
    return name.endswith(_SUFFIXES) or name in _NAMES


def _walk(directory: str, relative: str, rules: list[tuple[Ignored, str]], *, others: bool = False) -> list[str]:
    """The names of the files of one directory and of those below it.

    A repository has thousands of files, so names are strings, and the suffix decides before anything else is asked.

    Args:
        directory: its path.
        relative: the same from the top of the walk, with a final slash; empty at the top.
        rules: each matcher with the ``relative`` of the directory that it is in.
        others: the files with other names, in place of those that are read.
    """
    base = "" if directory == "." else f"{directory.removesuffix('/')}/"
    entries: list[tuple[str, bool]] = []
    try:
        with os.scandir(directory) as listing:
            for entry in listing:
                name = entry.name
                if is_configuration(name) != others and entry.is_file(follow_symlinks=False):
                    entries.append((name, False))
                elif entry.is_dir(follow_symlinks=False):
                    if name != ".git":
                        entries.append((name, True))
                elif name == IGNORE_FILE and entry.is_file():
                    top = directory.removesuffix("/")[: -len(relative.removesuffix("/")) or None] or "."
                    root = repository_of(str(Path(top).absolute())) or top
                    text = read_inside(entry.path, root, limit=_MOST_PATTERNS).decode("utf-8", "replace")
                    rules = [*rules, (_matcher(text.split("\n"), entry.path), relative)]
    except OSError as error:
        hint = "fix that, or leave it out with --exclude"
        raise InputError(f"cannot be read: {error.strerror}", where=directory, hint=hint) from error
    found: list[str] = []
    for name, is_directory in sorted(entries):
        if rules and _is_ignored(f"{relative}{name}/" if is_directory else f"{relative}{name}", rules):
            continue
        if is_directory:
            found += _walk(f"{base}{name}", f"{relative}{name}/", rules, others=others)
        else:
            found.append(f"{base}{name}")
    return found


def _is_ignored(name: str, rules: list[tuple[Ignored, str]]) -> bool:
    if not name.isascii():
        name = name.encode("utf-8", "replace").decode()  # the matcher takes text; what is none matches ? and *
        rules = [(ignored, base.encode("utf-8", "replace").decode()) for ignored, base in rules]
    return any(ignored(name[len(base) :]) for ignored, base in rules)


def _matcher(lines: Sequence[str], file: str) -> Ignored:
    """What some patterns leave out.

    Args:
        lines: the patterns.
        file: where they are; empty for ``--exclude``.

    Raises:
        InputError, UsageError: one of them is not a pattern.
    """
    # Only a tree that has patterns pays for the import.
    import warnings

    from pathspec import GitIgnoreSpec

    def read(some: Sequence[str]) -> Ignored:
        if any("[[:" in line for line in some):
            raise ValueError("classes such as [:alpha:] are not supported")  # what pathspec makes of them is not that
        return GitIgnoreSpec.from_lines(some).match_file

    # pathspec compiles with RE2 or with re, each of which has errors of its own, and re has warnings.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return read(lines)
        except Exception as error:
            for number, line in enumerate(lines, 1):
                try:
                    read([line])
                except Exception as wrong:
                    raise _bad_pattern(f"{line[:80]!r} is not a valid pattern", file, f":{number}") from wrong
            raise _bad_pattern(f"the patterns cannot be used together: {error}", file) from error


def _bad_pattern(what: str, file: str, line: str = "") -> InputError | UsageError:
    hint = r"write \! or \# for a sign at the beginning, \[ for a bracket, [a-z] for a class, and no \ at the end"
    if file:
        return InputError(what, where=f"{file}{line}", hint=hint)
    return UsageError(what, where="--exclude", hint=hint)


def repository_root(start: Path) -> Path | None:
    """The nearest directory at or above *start* that holds ``.git``, or None."""
    root = repository_of(str(start.resolve()))
    return None if root is None else Path(root)


def start_directory(paths: Sequence[str | Path]) -> Path:
    """Where a run begins to look around: the directory of its first path, or the working directory."""
    start = Path(paths[0]) if paths else Path()
    return start if start.is_dir() else start.parent


def display_path(path: Path) -> str:
    """A path as a user in the working directory would write it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
