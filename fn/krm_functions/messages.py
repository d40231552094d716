"""Text in messages: names and values are a stranger's, and a terminal or a log obeys what it is sent."""

from __future__ import annotations

import errno
import re

# GitHub obeys a line that begins with "::", blanks aside, and "##[" anywhere; Azure "##vso[", TeamCity "##teamcity[".
_BREAKS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_LOG_COMMAND = rf"(?:(?<=[{_BREAKS}])|\A)([^\S{_BREAKS}]*):(?=:)|#(?=#\w*\[)"

MAX_SHOWN = 128
"""The longest that a tag can be."""


def harmless(text: str, kept: str = "\n\t") -> str:
    """The text as it may be shown: names and values in messages are a stranger's, and a terminal or a log obeys them.

    What Unicode does not count as printable is shown as Python's escape, but for the characters *kept*: control and
    format characters (those that turn the direction of reading among them), every separator but the space, halves of
    surrogate pairs, and what is private or unassigned.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text)


def shown(text: str) -> str:
    """A tag or a pattern in a message: the text itself if it is short and printable; else with escapes, and cut off."""
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}…"
    return harmless(text, kept="")


def without_log_commands(text: str) -> str:
    """The text, with one character escaped of whatever a CI system would obey when it reads these lines in a log."""
    if "::" not in text and "##" not in text:
        return text
    return re.sub(_LOG_COMMAND, lambda found: r"\x23" if found[0] == "#" else rf"{found[1]}\x3a", text)


def log_line(text: str) -> str:
    """The text as one line of a terminal or a log: a line break in it is shown as an escape."""
    return without_log_commands(harmless(text, kept="\t"))


def one_line(text: str) -> str:
    """The same for sentences that may have several lines: a space for every line break and other white space."""
    return log_line(text if text.isprintable() else "".join(" " if char.isspace() else char for char in text))


def os_error_hint(error: OSError) -> str:
    """What to do about a failed call of the system."""
    return _HINTS.get(error.errno or 0, "check the path and its permissions")


_HINTS = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG), "check the path"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "check its permissions, and the user that runs this program"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space, or use another file system"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more open files (ulimit -n)"),
    errno.EROFS: "the file system is read-only: use another directory",
    errno.ELOOP: "its links form a circle: remove one of them",
    errno.EBADF: "open it, or redirect it to a file",
    errno.EIO: "check the device or the network file system",
}
