"""Data as text that can be put into another text, and where it can be put."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from krm_functions.errors import SpliceError
from krm_functions.yaml.comments import BREAK, BREAKS
from krm_functions.yaml.emit import dump
from krm_functions.yaml.quoting import double_quoted
from krm_functions.yaml.scan import scalars
from krm_functions.yaml.scan_result import Scalar

LINE_END: Final = re.compile(BREAK)
"""What ends a line of YAML."""

_LINE = re.compile(rf"([^{BREAKS}]*)({BREAK})")
_ABSORBED = re.compile(rf"[ \t]*(?:#|{BREAK})")
_ESCAPED = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
"""What JSON allows in a string and YAML does not, or not as itself."""


def block(data: Mapping[str, object] | Iterable[object], column: int, newline: str, *, closed: bool = False) -> str:
    """Data in block style, each line indented to a column and ended by *newline*.

    Args:
        data: a mapping, or the entries of a list; these are written one by one, since there may be thousands.
        column: how far to indent.
        newline: what ends each line.
        closed: whether the last value must not be a block scalar, because of what follows: see `absorbs`.

    Raises:
        SpliceError: the data is nested too deeply.
    """
    with _shallow_enough():
        texts = [dump(data)] if isinstance(data, Mapping) else [dump([entry]) for entry in data]
    if closed and (last := _last_block_scalar(texts[-1])):
        texts[-1] = f"{texts[-1][: last.start]}{double_quoted(last.value)}\n"
    text = "".join(texts)
    if not column and newline == "\n":
        return text
    margin = " " * column
    return "".join(
        (margin if line else "") + line + (newline if line_break == "\n" else line_break)
        for line, line_break in _LINE.findall(text)
    )


def flow(data: object) -> str:
    """Data as JSON on one line that is YAML as well."""
    with _shallow_enough():
        text = json.dumps(data, ensure_ascii=False)
    return re.compile(_ESCAPED).sub(lambda found: f"\\u{ord(found.group()):04x}", text)


@contextmanager
def _shallow_enough() -> Iterator[None]:
    try:
        yield
    except RecursionError as err:
        raise SpliceError("data is nested too deeply to be written") from err


def newline_of(text: str) -> str:
    """What ends the lines of a text: what ends its first one."""
    found = LINE_END.search(text)
    return found.group() if found and found.group() in ("\n", "\r\n", "\r") else "\n"


def after_line(text: str, at: int) -> int:
    """Where the line after that of an offset starts; the offset itself, where it is a line's start."""
    if at and LINE_END.match(text, at - 1):
        return at
    found = LINE_END.search(text, at)
    return found.end() if found else len(text)


def absorbs(text: str, at: int) -> bool:
    """Whether a block scalar put before an offset would take in what follows: a blank line, or a deeper comment."""
    return _ABSORBED.match(text, at) is not None


def is_open(text: str) -> bool:
    """Whether a text ends in a block scalar without a line end: one more line end would be part of its value."""
    return not LINE_END.match(text, len(text) - 1) and _last_block_scalar(text) is not None


def _last_block_scalar(text: str) -> Scalar | None:
    """The block scalar that a text ends in."""
    last = list(scalars(text))[-1:] if "|" in text or ">" in text else []
    return last[0] if last and last[0].style in ("|", ">") and last[0].end == len(text) else None
