"""Where new lines can be put into a text, and what has to be heeded there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from krm_functions.yaml.comments import BREAK, BREAKS
from krm_functions.yaml.emit import PLAIN, block_lines
from krm_functions.yaml.scan import scalars

_ABSORBED = re.compile(rf"[ \t]*(?:#|{BREAK})")


def block_entries(data: Iterable[object], column: int, newline: str, *, closed: bool = False) -> str:
    """The entries of a list in block style, as lines that are indented to a column.

    Args:
        data: the entries, which are written one by one, since there may be thousands.
        column: how far to indent.
        newline: what ends each line.
        closed: whether the last value must not be a block scalar, because of what follows: see `absorbs`.

    Raises:
        SpliceError: the data cannot be written as YAML.
    """
    texts: list[str] = []
    last: object = None
    for last in data:
        texts.append("".join([line + newline for line in block_lines([last], column)]))
    if closed and texts and is_open(texts[-1].removesuffix(newline)):
        texts[-1] = "".join([line + newline for line in block_lines([last], column, PLAIN, literal=False)])
    return "".join(texts)


def absorbs(text: str, at: int) -> bool:
    """Whether a block scalar put before an offset would take in what follows: a blank line, or a deeper comment."""
    return _ABSORBED.match(text, at) is not None


def is_open(text: str) -> bool:
    """Whether a text ends in a block scalar without a line end: one more line end would be part of its value."""
    if text[-1:] in BREAKS or ("|" not in text and ">" not in text):
        return False
    last = list(scalars(text))[-1:]
    return bool(last) and last[0].style in ("|", ">") and last[0].end == len(text)
