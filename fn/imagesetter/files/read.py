"""Files of this machine, opened safely: no link that leaves its tree, regular files only, never more than a limit.

Files are read in five ways, and each has a function:

* `read`: a file that was met in a directory. It is a regular file, and not a link.
* `read_again`: a regular file that was read before by one of these, and is about to be written or shown.
* `read_inside`: a file that is looked for by its name, such as a lock. A link is followed as long as it stays in the
  tree.
* `read_named`: a file that the operator named. It may be a pipe or a device, and a link to any place; only a link that
  is in a repository has to stay in it, since whoever wrote the repository wrote the link.
* `read_own`: a file of the operator's own settings, such as logins. It may be all of that, and any link is followed.

The type is that of the open file, not of what its name led to a moment before. A size that the system reports is not
believed (files in ``/proc`` have none): reading stops at the limit.
"""

# Strings, not path objects: these cost more than all the calls on a file together, and there are thousands of files.
# ruff: noqa: PTH100, PTH109, PTH113, PTH114, PTH118, PTH120

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection

from krm_functions.errors import InputError, UsageError
from krm_functions.messages import os_error_hint

LARGEST = 256 * 1024 * 1024
"""Bytes of one file, or of one stream: far more than configuration has, and few enough for a machine's memory."""

_PART = 1 << 16
"""Bytes read at a time: more than most files hold, and few enough to cost nothing where they do not."""
# Windows has none of the first three, and needs the last.
_NOFOLLOW, _NONBLOCK, _CLOEXEC, _BINARY = (
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)
_READ = os.O_RDONLY | _CLOEXEC | _BINARY
_PLAIN = _READ | _NOFOLLOW | _NONBLOCK  # not to wait for the writer of a pipe
_LINK = frozenset({errno.ELOOP, errno.EMLINK})
"""What systems say of a link that is not to be followed."""

StrPath = str | os.PathLike[str]


def read(path: StrPath, given: Collection[StrPath] = (), *, limit: int = LARGEST) -> bytes:
    """The bytes of a file that was met in a directory.

    Args:
        path: the file.
        given: what the operator named. A path among these is read as by `read_named`.
        limit: the most bytes that it may have.

    Raises:
        InputError: it cannot be read, is a link or no regular file, or is too large.
    """
    handle = _open_plain(path)
    if handle is None:
        name = os.path.normpath(path)
        if any(os.path.normpath(other) == name for other in given):
            return read_named(path, limit=limit)
        raise InputError(
            "is a link, or not a regular file", where=str(path), hint="replace it by a regular file, or leave it out"
        )
    return _read_open(handle, path, limit)


def read_named(path: StrPath, *, limit: int = LARGEST) -> bytes:
    """The bytes of a file that the operator named, or of a pipe to its end.

    Raises:
        InputError: it cannot be read, is too large, or is a link of a repository that leads out of it.
        UsageError: it does not exist, or is a directory (the cause is the system's error).
    """
    real = inside_its_repository(path)
    handle = _open_plain(real) if os.path.isfile(real) else None
    try:
        return read_own(path, limit=limit) if handle is None else _read_open(handle, path, limit)
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            raise UsageError(error.what, where=error.where, hint=error.hint) from error.__cause__
        raise


def read_again(path: StrPath) -> bytes:
    """The bytes of a regular file that was met in a directory or named by the operator, and was read before.

    Raises:
        InputError: it cannot be read, is not a regular file, or is a link of a repository that leads out of it.
    """
    return read(inside_its_repository(path) if os.path.islink(path) else path)


def read_own(path: StrPath, *, limit: int = LARGEST) -> bytes:
    """The bytes of a file of the operator's own settings, or of a pipe to its end.

    Raises:
        InputError: it cannot be read (the cause is the system's error), or is too large.
    """
    try:
        handle = os.open(path, _READ)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return _read_open(handle, path, limit)


def read_inside(path: StrPath, root: StrPath, *, limit: int = LARGEST) -> bytes:
    """The bytes of a file that is looked for by its name.

    Raises:
        InputError: it cannot be read, is not a regular file, is too large, or a link leads out of *root*.
    """
    real = inside(path, root)
    handle = _open_plain(real)
    if handle is None:
        raise InputError("is not a regular file", where=str(path), hint="replace it by a regular file")
    if os.path.realpath(real) != real:  # a directory on the way was replaced by a link since
        os.close(handle)
        raise _leaves(path, root)
    return _read_open(handle, path, limit)


def inside(path: StrPath, root: StrPath) -> str:
    """Where a path leads, links followed.

    Raises:
        InputError: out of *root*.
    """
    real = _real(path)
    if not _is_below(real, os.path.realpath(root)):
        raise _leaves(path, root)
    return real


def inside_its_repository(path: StrPath) -> str:
    """Where a path that the operator named leads, links followed.

    Raises:
        InputError: a link on the way is in a repository, and leads out of it.
    """
    real = _real(path)
    if real == os.path.abspath(path):
        return real
    name = os.path.join(os.getcwd(), path)  # with its `..`: behind a link they lead elsewhere
    while (parent := os.path.dirname(name)) != name:
        if os.path.islink(name):
            top = repository_of(parent)
            if top is not None and not _is_below(os.path.realpath(name), os.path.realpath(top)):
                raise _leaves(path, top)
        name = parent
    return real


def repository_of(directory: str, known: dict[str, str | None] | None = None) -> str | None:
    """The nearest directory at or above an absolute one that holds ``.git``, or None.

    Args:
        directory: where to begin.
        known: what was found before, which is believed, and takes what is found; for many directories of one run.
    """
    known = {} if known is None else known
    passed, found = [], None
    while directory not in known:
        passed.append(directory)
        if os.path.lexists(os.path.join(directory, ".git")):
            found = directory
            break
        parent = os.path.dirname(directory)
        if parent == directory:
            break
        directory = parent
    else:
        found = known[directory]
    known.update(dict.fromkeys(passed, found))
    return found


def _is_below(real: str, top: str) -> bool:
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def _leaves(path: StrPath, root: StrPath) -> InputError:
    return InputError(
        f"a link leads out of {os.fspath(root)}",
        where=str(path),
        hint="replace the link by the file or directory itself; imagesetter follows links inside of a repository only",
    )


def _open_plain(path: StrPath) -> int | None:
    """A regular file, open; None for a link, and for what is not a regular file.

    Raises:
        InputError: it cannot be opened.
    """
    if not _NOFOLLOW and os.path.islink(path):
        return None
    try:
        handle = os.open(path, _PLAIN)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and (error.errno in _LINK or error.errno == errno.ENXIO):  # ENXIO: a socket
            return None
        raise _unreadable(path, error) from error
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


def _read_open(handle: int, path: StrPath, limit: int) -> bytes:
    """The bytes of an open file, which is closed.

    Raises:
        InputError: it cannot be read, or has more than *limit* bytes.
    """
    parts: list[bytes] = []
    left = limit
    try:
        while left >= 0 and (part := os.read(handle, _PART)):
            parts.append(part)
            left -= len(part)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(handle)
    if left < 0:
        size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit} bytes"
        raise InputError(f"is larger than {size}", where=str(path), hint="split it, or leave it out")
    return b"".join(parts)


def _real(path: StrPath) -> str:
    try:
        return os.path.realpath(path)
    except ValueError as error:  # a NUL
        raise _unreadable(path, error) from error


def _unreadable(path: StrPath, error: OSError | ValueError) -> InputError:
    if isinstance(error, OSError):
        return InputError(f"cannot be read: {error.strerror}", where=str(path), hint=os_error_hint(error))
    return InputError(f"cannot be read: {error}", where=str(path), hint="check the path")
