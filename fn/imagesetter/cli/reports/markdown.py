"""Untrusted text in Markdown.

It is put into code spans or escaped, so that none of it can make a link, mention a person or break a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from krm_functions.messages import one_line, shown

MOST = 60_000
"""In characters. A pull request on GitHub can have 65,536; this leaves room for more text."""

_SPECIAL = r"([\\`*_\[\]<>|~&]|#(?=\d)|/(?=/))"
_MENTION = r"(?<![\w/])@(?=\w)"


def code(text: str) -> str:
    """A code span that no text can end, also inside a table; empty for an empty text."""
    text = shown(" ".join(text.split()))
    if not text:
        return ""
    ticks = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    text = text.replace("|", "\\|")
    return f"{ticks}{pad}{text}{pad}{ticks}"


def escaped(text: str) -> str:
    """The text without markup, links or mentions."""
    flat = re.sub(_SPECIAL, r"\\\1", " ".join(one_line(text).split()))
    return re.sub(_MENTION, "@\u200b", flat)


def fitted(rows: Iterable[str], room: int) -> str:
    """A table with as many rows as there is room for, and the number of the other rows."""
    lines, kept, size = list(rows), 0, 0
    while kept < len(lines) and (size := size + len(lines[kept]) + 1) <= room:
        kept += 1
    left = len(lines) - kept
    table = "\n".join(lines[:kept])
    return f"{table}\n\n{left} more row{'' if left == 1 else 's'} not shown." if left else table


def fence(text: str) -> str:
    """A code fence that nothing in the text closes."""
    return "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
