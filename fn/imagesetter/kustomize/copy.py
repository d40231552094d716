"""A copy of the sources of a kustomization, in a temporary folder that is gone afterwards, also after a kill.

The copy holds what Git and kustomize would see: the files of the repository that Git does not ignore, and every file
that the kustomization names. Without a repository it holds the latter alone. Files are at the same path below the
copy as below ``/``, so that a way out of the repository leads to the same place. Links stay links: one that leads out
of the repository leads to the same file as before, and nothing is written through any of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagesetter.fields.kustomization import Sources, find_sources
from imagesetter.files.find import repository_root
from imagesetter.files.rewrite import Rewrite
from imagesetter.git.command import Git
from krm_functions.errors import InputError, ReportedError

PREFIX = "imagesetter-build-"
_LARGE = 1 << 20
"""Bytes from which on a file is linked and not copied, where the system allows that."""
_MOST_LINKS = 40
"""On the way to one file, as in Linux."""
_WATCH = 'trap "" HUP INT TERM; read _; exec rm -rf -- "$1"'
"""Waits for the end of its standard input, which comes when this process has ended, however it did."""


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The sources of some kustomizations: their repository (or the folder that holds all of them) and their files."""

    root: Path
    in_repository: bool
    found: tuple[Sources, ...]

    @property
    def files(self) -> list[Path]:
        """Every local file that kustomize reads, each once."""
        every = [file.path for sources in self.found for file in sources.files]
        every += [file.path for sources in self.found for file in sources.others]
        return [path for path in dict.fromkeys(every) if path.resolve().is_relative_to(self.root)]

    @property
    def folders(self) -> set[Path]:
        """The folders of the kustomizations."""
        return {file.path.parent for sources in self.found for file in sources.files if file.role == "kustomization"}


@dataclass(frozen=True, slots=True)
class SourceCopy:
    """A copy; *folder* is the temporary folder, of which *top* stands for ``/``."""

    folder: Path
    top: Path
    root: Path

    def path(self, original: Path) -> Path:
        """Where a path of the sources is in the copy."""
        return self.top / original.relative_to(original.anchor)

    def original(self, text: str) -> str:
        """A text with the paths of the sources in place of those in the copy."""
        return text.replace(f"{self.top}{os.sep}", os.sep)

    def write(self, rewrites: Iterable[Rewrite]) -> None:
        """Put new bytes into the copy; the file is replaced, since it may be a link to the original."""
        for rewrite in rewrites:
            path = self.path(rewrite.path.resolve())
            mode = path.stat().st_mode
            after = rewrite.after(path.read_bytes())
            path.unlink()
            path.write_bytes(after)
            path.chmod(stat.S_IMODE(mode))


def find_tree(directories: Sequence[Path]) -> SourceTree:
    """The sources of the kustomizations in some directories, which have to be in one repository."""
    starts = [directory.resolve() for directory in directories]
    root = repository_root(starts[0])
    found = tuple(find_sources(start, root or Path(start.anchor)) for start in starts)
    if root is None:
        folders = [*starts, *(entry.parent for sources in found for entry in sources.entries)]
        root = Path(os.path.commonpath([os.path.normpath(folder) for folder in folders]))
        return SourceTree(root, False, found)
    return SourceTree(root, True, found)


@contextlib.contextmanager
def copy_of(tree: SourceTree) -> Iterator[SourceCopy]:
    """A copy of sources, removed at the end.

    Raises:
        InputError: a file cannot be read, or the copy not written.
    """
    with temporary_folder() as folder:
        copy = SourceCopy(folder, folder / "sources", tree.root)
        try:
            _fill(copy, tree)
        except OSError as error:
            where = error.filename or str(folder)
            raise InputError(f"the sources cannot be copied: {error.strerror}", where=str(where)) from error
        yield copy


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end, and also when this process is killed.

    Raises:
        InputError: there is no place for it.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    except OSError as error:
        hint = "set TMPDIR to a folder that can be written"
        raise InputError(f"no temporary folder: {error.strerror}", where=tempfile.gettempdir(), hint=hint) from error
    watcher = None
    if os.name == "posix":
        with contextlib.suppress(OSError):
            watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, "sh", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    try:
        yield folder
    finally:
        if watcher is not None:
            watcher.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def _fill(copy: SourceCopy, tree: SourceTree) -> None:
    made: set[Path] = set()
    _folder(copy.path(tree.root), made)
    for sources in tree.found:
        for file in sources.files:
            _folder(copy.path(file.path).parent, made)
    names = in_git(tree.root) if tree.in_repository else []
    for name in names:
        _copy(copy, tree.root / name, made)
    for path in tree.files:
        _copy(copy, path, made)
        _copy(copy, path.resolve(), made)
    for entry in dict.fromkeys(entry for sources in tree.found for entry in sources.entries):
        _copy_links(copy, tree.root, Path(os.path.normpath(entry)), made)


def in_git(root: Path) -> list[str]:
    """The files that Git knows or would add; none where Git cannot say."""
    try:
        done = Git(root, own=True).run("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except ReportedError:
        return []
    return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def _folder(path: Path, made: set[Path]) -> None:
    if path not in made:
        path.mkdir(parents=True, exist_ok=True)
        made.add(path)


def _copy(copy: SourceCopy, path: Path, made: set[Path]) -> None:
    """Copy one file or link, unless it is there already or is neither."""
    target = copy.path(path)
    try:
        status = path.lstat()
    except OSError:
        return  # deleted, and not committed yet
    if os.path.lexists(target):
        return
    if stat.S_ISLNK(status.st_mode):
        _folder(target.parent, made)
        _link(copy, path, target)
    elif stat.S_ISREG(status.st_mode):
        _folder(target.parent, made)
        if status.st_size >= _LARGE:
            with contextlib.suppress(OSError):
                target.hardlink_to(path)
                return
        shutil.copy(path, target)


def _link(copy: SourceCopy, path: Path, target: Path) -> None:
    """A link in the copy: to the copy of what it leads to in the sources, or to the same place outside of them."""
    written = str(path.readlink())
    leads_to = Path(os.path.normpath(path.parent / written))
    if not leads_to.is_relative_to(copy.root):
        target.symlink_to(leads_to)
    else:
        target.symlink_to(copy.path(leads_to) if Path(written).is_absolute() else written)


def _copy_links(copy: SourceCopy, root: Path, entry: Path, made: set[Path]) -> None:
    """The links on the way to an entry, and one to an entry that is outside of the sources."""
    for _ in range(_MOST_LINKS):
        if not entry.is_relative_to(root):
            target = copy.path(entry)
            if os.path.lexists(entry) and not os.path.lexists(target):
                _folder(target.parent, made)
                target.symlink_to(entry)
            return
        way = [entry, *entry.parents]
        link = next((path for path in reversed(way) if path.is_relative_to(root) and path.is_symlink()), None)
        if link is None:
            return
        _copy(copy, link, made)
        entry = Path(os.path.normpath(link.parent / link.readlink() / entry.relative_to(link)))
