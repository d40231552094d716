"""One line of YAML of the plain kind, which reads the same wherever it stands in block context.

A line is plain when it holds dashes, a plain key with its colon, and at most one value: a plain or quoted scalar that
ends on the line, a flow collection of such scalars that does, or the header of a block scalar. Anchors, tags, aliases,
quoted keys, ``?`` and nested flow collections are not plain, and neither is a line without a dash or a key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

OPEN: Final = 0
"""Nothing stands behind the last key or dash: what it holds is on the lines below, or null."""
SCALAR: Final = 1
"""A scalar that ends on the line."""
FLOW: Final = 2
"""A flow collection that ends on the line."""
BLOCK: Final = 3
"""The header of a block scalar, whose text is on the lines below."""
UNKNOWN: Final = 4
"""Something that is not plain, behind a dash."""
NOTHING: Final = 5
"""The line is blank, or a comment."""

Line = tuple[tuple[tuple[int, str | None], ...], int, int, int, int, int]
"""(entries, kind, start, end, comment, events): entries are (place, key), None for a dash; start and end are columns,
those of the value, or both that of the last entry's end; comment is the column where the comment starts, or -1; events
is how many of libyaml's events the keys and the value make.

The place is twice the column, and one more for a dash: so the list that begins at the column of a key is inside the
mapping of that key, as it is in YAML. A plain tuple because one is unpacked for every line of a text."""

# Before Python 3.11.5 a group that is repeated possessively keeps what a repetition consumed before it failed, so such
# a group looks ahead first. Ranges are written out, since Python tries a class such as \w at each character on its own;
# and the only blank that comes here is the space.
_KEY: Final = r"[A-Za-z0-9_./$][-A-Za-z0-9_./$]{0,200}+"
_WORDS: Final = r"(?:[^-?: ,\[\]{}#&*!|>'\"%@`]|[-?:](?=[^ ]))(?:[^ :#]++|(?=:[^ ]):|(?<=[^ ])#|(?= ++[^ #]) ++)*+"
_QUOTED: Final = r"'[^']*+'|\"(?:[^\"\\]++|\\[\"\\]?+)*+\""
_SHORT: Final = rf"(?:[A-Za-z0-9_./$][-+=A-Za-z0-9_./$]*+|{_QUOTED}) *+"
"""A scalar in a flow collection; ``''`` in single quotes is left out, here and above, and so are texts with blanks."""
_LINE: Final = re.compile(
    rf" *+((?:-(?: ++|\Z))*)(?:({_KEY}):(?: ++|\Z))?"  # dashes, key
    rf"(({_WORDS}|{_QUOTED})|([|>][-+]?)"  # value: a scalar, a header
    rf"|\[ *+(?:{_SHORT}(?:, *+{_SHORT})*)?\]"
    rf"|\{{ *+(?:{_KEY}: ++{_SHORT}(?:, *+{_KEY}: ++{_SHORT})*)?\}})?"
    r" *+((?<![^ ])#.*+)?",  # comment
    re.DOTALL,
)
_PART: Final = re.compile(rf"{_QUOTED}|[^ ,\[\]{{}}:]++")
"""A scalar of a flow collection that is known to be one of the kind above."""


def read_line(line: str) -> Line | None:
    """What a line holds; None when it is not plain, and does not begin with a dash either."""
    found = _LINE.fullmatch(line)
    if found is None:
        column = len(line) - len(line.lstrip(" "))
        return (((2 * column + 1, None),), UNKNOWN, 0, 0, -1, 0) if line.startswith("- ", column) else None
    _, (first, behind), (begin, end), (start, stop), scalar, header, (comment, _) = found.regs
    entries: tuple[tuple[int, str | None], ...] = ()
    if behind > first:
        entries = tuple([(2 * at + 1, None) for at in range(first, behind) if line[at] == "-"])
    if end >= 0:
        entries += ((2 * begin, line[begin:end]),)
    if not entries:
        return (entries, NOTHING, 0, 0, comment, 0) if stop < 0 else None
    kind, events = OPEN, 0
    if stop < 0:
        start = stop = 1 + (end if end >= 0 else entries[-1][0] // 2)
    elif scalar[1] >= 0:
        kind, events = SCALAR, 1
    elif header[1] >= 0:
        kind, events = BLOCK, 1
    else:
        kind, events = FLOW, 2 + len(_PART.findall(line, start, stop))
    return entries, kind, start, stop, comment, events + (end >= 0)


known_line = lru_cache(1024)(read_line)
"""The same for lines of up to ``SHORT`` characters: those of resources are much alike."""
SHORT: Final = 250
