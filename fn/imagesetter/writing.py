"""Files written without ever leaving half of one."""

# Strings, not path objects: these cost more than all the calls on a file together, and there are thousands of files.
# ruff: noqa: PTH105, PTH108, PTH116, PTH118, PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imagesetter.errors import FileChangedError, ImagesetterError, InputError
from imagesetter.local_files import inside_its_repository, read

if TYPE_CHECKING:
    import threading

_FEW = 4
_THREADS = 16
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
    flushed to the disk before the rename. A disk takes many flushes in little more time than one, so several files are
    replaced at a time. A link that is named itself is followed, not replaced.

    Returns:
        for each file why it was not written (FileChangedError: it no longer holds the bytes before; InputError), or
        None; a file that cannot be written keeps none of the others from it.
    """
    errors: list[ImagesetterError | None] = [None] * len(writes)
    directories: dict[str, None] = {}

    def put(number: int) -> None:
        path, before, after = writes[number]
        try:
            directories[_replace(str(path), before, after)] = None
        except ImagesetterError as error:
            errors[number] = error

    _at_once(put, range(len(writes)))
    _at_once(_sync_directory, list(directories))
    return errors


def _replace(shown: str, before: bytes, after: bytes) -> str:
    """Replace a file's bytes; the directory, which has to be flushed as well.

    Raises:
        FileChangedError, InputError: as `write`.
    """
    path, temporary = shown, ""
    try:
        old = os.lstat(path)
        if stat.S_ISLNK(old.st_mode):
            path = inside_its_repository(path)
            old = os.stat(path)
        handle, temporary = _make_temporary(path, old.st_mode & 0o777)
        try:
            made = os.fstat(handle)
            if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
                with contextlib.suppress(PermissionError):
                    os.fchown(handle, old.st_uid, old.st_gid)
            if made.st_mode != old.st_mode:
                os.fchmod(handle, stat.S_IMODE(old.st_mode))
            _write_to(handle, after)
            os.fsync(handle)
        finally:
            os.close(handle)
        if read(path) != before:
            message = "changed on disk while imagesetter was at work; it was left alone"
            raise FileChangedError(message, where=shown, hint="run it again")
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=shown) from error
    finally:
        if temporary:
            _discard(temporary)
    return os.path.dirname(path) or "."


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
    """Do what waits for the disk for several items at a time.

    An exception, an interruption too, comes out when every thread has done the item that it was at, and no other.
    """
    if len(items) < _FEW:
        for item in items:
            work(item)
        return
    import signal
    import threading

    raised: list[BaseException] = []

    def share(some: Sequence[_Item], busy: threading.Lock) -> None:
        try:
            for item in some:
                if raised:
                    break
                work(item)
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
            raised.append(error)
        finally:
            busy.release()

    # Thread.start and Thread.join do not bear an interruption: a thread that runs is then taken for one that does not.
    running: list[threading.Lock] = []
    try:
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            for number in range(min(_THREADS, len(items))):
                busy = threading.Lock()
                busy.acquire()
                threading.Thread(target=share, args=(items[number::_THREADS], busy)).start()
                running.append(busy)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        _wait(running)
    except BaseException as error:
        raised.append(error)
        _wait(running)
        raise
    if raised:
        raise raised[0]


def _wait(running: Iterable[threading.Lock]) -> None:
    for busy in running:
        with busy:
            pass


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
