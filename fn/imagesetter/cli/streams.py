"""The standard streams as a shell may hand them over: closed, on a full disk, or of an encoding without our signs."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

from krm_functions.errors import InputError

_OUTPUT = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def prepare() -> None:
    """Make the standard streams ones that can be read and written.

    A closed one becomes the null device: else the next file that is opened takes its number, and a program that is
    started later writes into that file. A sign that the encoding lacks is written as its escape; the bytes of a file's
    name that is not UTF-8 pass as they are.
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
    """What a failed call of the system is to the user; None where nothing outside of imagesetter is at fault.

    What reads or writes a file says so in an error of its own. What is left is standard output: it is the null device
    from then on, since what is still to be written would fail again when the interpreter ends.
    """
    if error.filename is not None:
        return InputError(f"cannot be used: {error.strerror}", where=os.fsdecode(error.filename))
    if error.errno not in _OUTPUT:
        return None
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return InputError(f"cannot be written: {error.strerror}", where="standard output")
