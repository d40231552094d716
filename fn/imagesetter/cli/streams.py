"""The standard streams, which may be closed, on a full disk, or in an encoding that lacks some characters."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

from krm_functions.errors import InputError
from krm_functions.messages import os_error_hint

_OUTPUT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def prepare() -> None:
    """Make the standard streams safe to read and write.

    A closed stream becomes the null device: otherwise the next opened file gets its number, and a program that is
    started later would write into that file. A character that the encoding lacks is escaped; file names that are not
    UTF-8 are written unchanged.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as we run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # The same bytes on every system: Windows would end lines with CRLF, and write a pipe in an old code page.
            stream.reconfigure(newline="\n", encoding="utf-8" if sys.platform == "win32" else None)
            stream.reconfigure(errors="surrogateescape" if stream.encoding == "utf-8" else "backslashreplace")


def refusal(error: OSError) -> InputError | None:
    """The error for a failed system call, or None if its cause is a bug in imagesetter.

    Code that reads or writes a file reports its own error. What is left is standard output, which becomes the null
    device, since writing the rest of the buffer would fail again when the interpreter ends.
    """
    if error.filename is not None:
        where = os.fsdecode(error.filename)
        return InputError(f"cannot be used: {error.strerror}", where=where, hint=os_error_hint(error))
    if error.errno not in _OUTPUT:
        return None
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return InputError(f"cannot be written: {error.strerror}", where="standard output", hint=os_error_hint(error))
