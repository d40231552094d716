"""What POSIX has and Windows does not: flags of open, owners and modes, process groups, locks between processes.

A lock ends with the process that holds it, however that ends. The library is filelock: flock on POSIX, msvcrt on
Windows. Its other kind of lock, a file that is deleted, outlives a killed process, so where the system has no real
locks `FileLock.supported` is False and nothing is held.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from filelock import BaseFileLock

AS_IT_IS: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags for every open: bytes as they are (Windows would change line ends), and not for programs that we start."""


def keep_owner(handle: int, old: os.stat_result) -> None:
    """Give a file the owner of another one, where the system has owners and lets us."""
    if hasattr(os, "fchown"):
        made = os.fstat(handle)
        if (made.st_uid, made.st_gid) != (old.st_uid, old.st_gid):
            with contextlib.suppress(PermissionError):
                os.fchown(handle, old.st_uid, old.st_gid)


def set_mode(handle: int, mode: int) -> None:
    """Set the permissions of an open file, where the system has them."""
    if hasattr(os, "fchmod"):
        os.fchmod(handle, mode)


def kill(process: subprocess.Popen[bytes], *, politely: bool = False) -> None:
    """End a program that leads a process group, and what it has started; where there are no groups, only itself.

    Args:
        politely: so that it can take its locks and half-written files away.
    """
    import signal

    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGTERM if politely else signal.SIGKILL)
    elif politely:
        process.terminate()
    else:
        process.kill()


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Wait for other runs that are alone in a directory, and let them wait, where the system has such locks."""
    try:
        import fcntl

        handle = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):  # whoever writes there says what is wrong with it
        yield
        return
    try:
        with contextlib.suppress(OSError):  # some network file systems have none
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class FileLock:
    """A lock on a file, which is made where it is missing and may stay behind.

    Args:
        path: the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: BaseFileLock | None = None

    @staticmethod
    def supported() -> bool:
        """Whether this system has locks that end with their process."""
        if sys.platform == "win32":
            return True
        try:
            import fcntl  # noqa: F401
        except ImportError:
            return False
        return True

    def acquire(self) -> bool:
        """Take the lock now; False if another holder, in this process or another, has it.

        Raises:
            OSError: the file cannot be opened or locked, or there are no locks here.
        """
        if not self.supported():
            raise OSError("this system has no file locks")
        import filelock

        if self.path.is_dir() or not self.path.parent.is_dir():  # where it would be tried again and again
            raise FileNotFoundError(self.path)
        lock = filelock.FileLock(os.fspath(self.path), mode=0o600, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            return False
        self._lock = lock
        return True

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                self._lock.release()
            self._lock = None
