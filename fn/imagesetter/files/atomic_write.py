"""Files are written at once: a reader, or a crash at any moment, sees the old bytes or the new ones.

Three functions: `write` and `write_all` replace files that were read before, and refuse one that has changed since;
`create` makes a file that must not exist yet; `put` writes whatever is there, for reports and the cache.
"""

# Strings, not path objects: these cost more than all the calls on a file together, and there are thousands of files.
# ruff: noqa: PTH105, PTH108, PTH116, PTH118, PTH120

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from imagesetter.errors import FileChangedError
from imagesetter.files.platform import AS_IT_IS, keep_owner, set_mode
from imagesetter.files.read import inside_its_repository, read, read_again
from imagesetter.files.rewrite import Rewrite, changed
from krm_functions.errors import InputError, ReportedError
from krm_functions.messages import one_line, os_error_hint

if TYPE_CHECKING:
    import threading
    from pathlib import Path

_FEW = 4
_THREADS = 16
_TRIES = 100
_TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)
_Item = TypeVar("_Item")

TEMPORARY_SUFFIX = ".imagesetter"
"""How the name of a temporary file ends; a killed run leaves one behind."""


def write(path: "Path", before: bytes, after: bytes) -> None:
    """Replace a file's bytes at once; see `write_all`.

    Raises:
        FileChangedError: the file no longer holds *before*; nothing was written.
        InputError: the directory or the file cannot be written.
    """
    (error,) = write_all([Rewrite.whole(path, before, after)])
    if error:
        raise error


def write_all(writes: Sequence[Rewrite]) -> list[ReportedError | None]:
    """Replace the bytes of files, each at once: a reader, or a crash at any moment, sees the old ones or the new ones.

    The new bytes go to a temporary file beside the old one, with its mode and, where allowed, its owner; they are
    flushed to the disk before the rename. A disk takes many flushes in little more time than one, so several files are
    replaced at a time. A link that is named itself is followed, not replaced.

    Returns:
        for each file why it was not written (FileChangedError: it no longer holds the bytes that were read;
        InputError), or None; a file that cannot be written keeps none of the others from it. Another exception, such
        as an interruption, has a note that names the files that were written.
    """
    errors: list[ReportedError | None] = [None] * len(writes)
    directories: dict[str, None] = {}

    def put(number: int) -> None:
        try:
            directories[_replace(writes[number])] = None
        except ReportedError as error:
            errors[number] = error

    try:
        _at_once(put, range(len(writes)))
        for number, error in enumerate(errors):
            if error and isinstance(error.__cause__, OSError) and error.__cause__.errno in _TOO_MANY_OPEN:
                errors[number] = None
                put(number)  # alone it needs few open files
        _at_once(_sync_directory, list(directories))
    except BaseException as stopped:
        note(stopped, [each.name for each in writes if _is_written(each)])
        raise
    return errors


@contextlib.contextmanager
def noted(written: Sequence[str]) -> Iterator[None]:
    """Whatever goes wrong inside has a note that names the files that were written before."""
    try:
        yield
    except BaseException as stopped:
        note(stopped, written)
        raise


def note(stopped: BaseException, written: Sequence[str]) -> None:
    """Add a note to an exception that names the files that were written before it, if there are any."""
    if written:
        count = "1 file was" if len(written) == 1 else f"{len(written)} files were"
        stopped.add_note("\n  ".join((f"{count} written before that:", *map(one_line, written))))


def _is_written(rewrite: Rewrite) -> bool:
    """Whether a file holds its new bytes. What a run remembers may lack the last file: it can be stopped anywhere."""
    try:
        rewrite.before(read_again(rewrite.name))
    except ReportedError:
        return False
    return True


def _replace(rewrite: Rewrite) -> str:
    """Replace a file's bytes; the directory, which has to be flushed as well.

    Raises:
        FileChangedError, InputError: as `write`.
    """
    shown = path = rewrite.name
    temporary = ""
    try:
        old = os.lstat(path)
        if stat.S_ISLNK(old.st_mode):
            path = inside_its_repository(path)
            old = os.stat(path)
        before = read(path)
        after = rewrite.after(before)
        handle, temporary = _make_temporary(path, old.st_mode & 0o777)
        try:
            keep_owner(handle, old)
            if os.fstat(handle).st_mode != old.st_mode:
                set_mode(handle, stat.S_IMODE(old.st_mode))
            _write_to(handle, after)
            os.fsync(handle)
        finally:
            os.close(handle)
        if read(path) != before:  # a flush takes long enough for another program to write
            raise changed(shown)
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=shown, hint=os_error_hint(error)) from error
    finally:
        if temporary:
            _discard(temporary)
    return os.path.dirname(path) or "."


def create(path: "Path", data: bytes) -> None:
    """Write a file that is not there yet, at once.

    Raises:
        FileChangedError: it is there by now; it was left alone.
        InputError: it cannot be written.
    """
    try:
        put(path, data, replace=False, flush=True)
    except FileExistsError as error:
        raise FileChangedError(
            "was created while imagesetter was running; it was not overwritten", where=str(path), hint="run it again"
        ) from error
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", where=str(path), hint=os_error_hint(error)) from error
    _sync_directory(str(path.parent))


def put(path: "Path", data: bytes, *, mode: int | None = None, replace: bool = True, flush: bool = False) -> None:
    """Write a file at once, whether it exists or not. A link is replaced, not followed.

    Args:
        path: the file.
        data: its bytes.
        mode: its permissions; None for those that the umask gives.
        replace: False if a file that exists must stay as it is.
        flush: whether the bytes must survive a power cut.

    Raises:
        FileExistsError: the file exists, and *replace* is False.
        OSError: it cannot be written.
    """
    handle, temporary = _make_temporary(str(path), 0o666 if mode is None else mode)
    try:
        try:
            if mode is not None:
                set_mode(handle, mode)
            _write_to(handle, data)
            if flush:
                os.fsync(handle)
        finally:
            os.close(handle)
        if replace:
            os.replace(temporary, path)
            temporary = ""
        else:
            os.link(temporary, path)
    finally:
        if temporary:
            _discard(temporary)


def _make_temporary(path: str, mode: int) -> tuple[int, str]:
    """A new file beside another one, with a mode as far as the umask lets it; the module tempfile takes longer to load.

    Raises:
        OSError: it cannot be made.
    """
    directory, name = os.path.split(path)
    for _ in range(_TRIES):
        temporary = os.path.join(directory, f".{name}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}")
        try:
            return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | AS_IT_IS, mode), temporary
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
    Where the system gives fewer threads than are wanted, these do all the work; where it gives none, the caller does.
    """
    if len(items) < _FEW:
        for item in items:
            work(item)
        return
    import signal
    import threading

    raised: list[BaseException] = []
    waiting = deque(items)

    def share() -> None:
        while not raised:
            try:
                item = waiting.popleft()
            except IndexError:
                break
            work(item)

    def run(busy: "threading.Lock") -> None:
        try:
            share()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
            raised.append(error)
        finally:
            busy.release()

    # Thread.start and Thread.join do not bear an interruption: a thread that runs is then taken for one that does not.
    running: list[threading.Lock] = []
    try:
        # Windows has no masks: there an interruption at this moment can leave a thread to its work for a while.
        masks = hasattr(signal, "pthread_sigmask")
        unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,)) if masks else set()
        try:
            for _ in range(min(_THREADS, len(items))):
                busy = threading.Lock()
                busy.acquire()
                try:
                    threading.Thread(target=run, args=(busy,)).start()
                except RuntimeError:  # the system has no more
                    break
                running.append(busy)
        finally:
            if masks:
                signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
        if running:
            _wait(running)
        else:
            share()
    except BaseException as error:
        raised.append(error)
        _wait(running)
        raise
    if raised:
        raise raised[0]


def _wait(running: "Iterable[threading.Lock]") -> None:
    for busy in running:
        with busy:
            pass


def _discard(temporary: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary)


def _sync_directory(directory: str) -> None:
    # A rename is only durable when its directory is; some file systems refuse to sync one, and that is not a failure.
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
