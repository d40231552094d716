"""Files written without ever leaving half of one."""

# Strings, not path objects: these cost more than all the calls on a file together, and there are thousands of files.
# ruff: noqa: PTH105, PTH108, PTH116, PTH118, PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from imagesetter.errors import FileChangedError, ImagesetterError, InputError
from imagesetter.tree import read

_TOGETHER = 128
"""Files that are written together; each is open meanwhile, and a process may have no more than 256 open files."""
_FEW = 4
_THREADS = 8
_TRIES = 100
_Item = TypeVar("_Item")

Write = tuple[Path, bytes, bytes]
"""A file, the bytes that it holds, and those that it shall hold."""


def write(path: Path, before: bytes, after: bytes) -> None:
    """Replace a file's bytes at once; see `write_all`.

    Raises:
        FileChangedError: the file no longer holds *before*; nothing was written.
        InputError: the directory or the file cannot be written.
    """
    (error,) = write_all([(path, before, after)])
    if error:
        raise error


def write_all(writes: Sequence[Write]) -> list[ImagesetterError | None]:
    """Replace the bytes of files, each at once: a reader, or a crash at any moment, sees the old ones or the new ones.

    The new bytes go to a temporary file beside the old one, with its mode and, where allowed, its owner; they are
    flushed to the disk before the rename. A disk takes many flushes in little more time than one, so that is done for
    many files together. A link that is named itself is followed, not replaced.

    Returns:
        for each file why it was not written (FileChangedError: it no longer holds the bytes before; InputError), or
        None; a file that cannot be written keeps none of the others from it.
    """
    errors: list[ImagesetterError | None] = []
    for first in range(0, len(writes), _TOGETHER):
        errors += _write_together(writes[first : first + _TOGETHER])
    return errors


def _write_together(writes: Sequence[Write]) -> list[ImagesetterError | None]:
    staged: list[_Staged] = []
    try:
        for path, before, after in writes:
            each = _Staged(str(path), before)
            staged.append(each)
            each.fill(after)
        _at_once(_Staged.flush, staged)
        for each in staged:
            each.take_place()
    finally:
        for each in staged:
            each.discard()
    _at_once(_sync_directory, list(dict.fromkeys(each.directory for each in staged if each.error is None)))
    return [each.error for each in staged]


class _Staged:
    """New bytes on their way to a file's place; what goes wrong is kept in ``error``, and nothing is done after it."""

    __slots__ = ("before", "directory", "error", "handle", "path", "shown", "temporary")

    def __init__(self, path: str, before: bytes) -> None:
        self.shown = path
        self.path = path
        self.directory = ""
        self.before = before
        self.temporary = ""
        self.handle = -1
        self.error: ImagesetterError | None = None

    def fill(self, data: bytes) -> None:
        """Write the bytes to a temporary file."""
        try:
            old = os.lstat(self.path)
            if stat.S_ISLNK(old.st_mode):
                self.path = os.path.realpath(self.path)
                old = os.stat(self.path)
            self.directory = os.path.dirname(self.path) or "."
            self.handle, self.temporary = _make_temporary(self.path, old.st_mode & 0o777)
            made = os.fstat(self.handle)
            if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
                with contextlib.suppress(PermissionError):
                    os.fchown(self.handle, old.st_uid, old.st_gid)
            if made.st_mode != old.st_mode:
                os.fchmod(self.handle, stat.S_IMODE(old.st_mode))
            _write_to(self.handle, data)
        except OSError as error:
            self._fail(error)

    def flush(self) -> None:
        """Wait until the disk has them."""
        if self.error is None:
            try:
                os.fsync(self.handle)
            except OSError as error:
                self._fail(error)

    def take_place(self) -> None:
        """Put the temporary file in the place of the old one, if that still holds what it held."""
        if self.error is not None:
            return
        try:
            if read(self.path) != self.before:
                message = "changed on disk while imagesetter was at work; it was left alone"
                self.error = FileChangedError(message, where=self.shown, hint="run it again")
            else:
                os.replace(self.temporary, self.path)
                self.temporary = ""
        except OSError as error:
            self._fail(error)
        except InputError as error:
            self.error = error

    def discard(self) -> None:
        """Close and remove what is left of the temporary file."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
        if self.temporary:
            _discard(self.temporary)
            self.temporary = ""

    def _fail(self, error: OSError) -> None:
        self.error = InputError(f"cannot be written: {error.strerror}", where=self.shown)
        self.error.__cause__ = error


def create(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, at once.

    Raises:
        FileChangedError: it is there by now; it was left alone.
        InputError: it cannot be written.
    """
    try:
        handle, temporary = _make_temporary(str(path), 0o666)
        try:
            try:
                _write_to(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            path.hardlink_to(temporary)
        finally:
            _discard(temporary)
    except FileExistsError as error:
        raise FileChangedError("appeared while imagesetter was at work; it was left alone", where=str(path)) from error
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path)) from error
    _sync_directory(str(path.parent))


def _make_temporary(path: str, mode: int) -> tuple[int, str]:
    """A new file beside another one, with a mode as far as the umask lets it; the module tempfile takes longer to load.

    Raises:
        OSError: it cannot be made.
    """
    directory, name = os.path.split(path)
    for _ in range(_TRIES):
        temporary = os.path.join(directory, f".{name}.{os.urandom(4).hex()}.imagesetter")
        try:
            return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), temporary
        except FileExistsError:
            continue
    raise FileExistsError(errno.EEXIST, "no name is left for a temporary file", path)


def _write_to(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _at_once(work: Callable[[_Item], None], items: Sequence[_Item]) -> None:
    """Do what waits for the disk for several items at a time."""
    if len(items) < _FEW:
        for item in items:
            work(item)
        return
    import threading

    def share(number: int) -> None:
        for item in items[number::_THREADS]:
            work(item)

    threads = [threading.Thread(target=share, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _discard(temporary: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def _sync_directory(directory: str) -> None:
    # A rename is only durable when its directory is; some file systems refuse to sync one, and that is no failure.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
