"""One pass over a YAML text: every comment that holds the needle, and the scalar it belongs to by yaml.v3's rule.

The parser gives events with marks but no comments; a comment is what is between two events. So the needle is
searched in the text first, and the pass over the events only looks up, for each hit, between which two events it fell.
An *outline* collects other places in the same pass: spans of nodes and chosen scalars.

Where a comment belongs follows what kyaml and yaml.v3 make of it, since that is what Flux sees (``comment_owner.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from krm_functions.errors import TextError
from krm_functions.yaml.documents import walk_pieces
from krm_functions.yaml.event_walk import walk
from krm_functions.yaml.parser import Unreadable, parsing
from krm_functions.yaml.scan_result import KEEP_ALL, Outline, Scalar, ScanResult

NEEDLE: Final = "$imagepolicy"
SPELLINGS: Final = ("imagepolicy", "$ref", "\\u00")
"""Other texts that may turn out to be the needle once a comment's JSON is read; looked for only where the needle is."""


def scan(
    text: str,
    needle: str = NEEDLE,
    *,
    also: tuple[str, ...] = SPELLINGS,
    outline: Outline | None = None,
    pure: bool = False,
) -> ScanResult:
    """Find the comments with a needle, and what an outline asks for, in one pass.

    Without the needle and without an outline nothing is parsed and no YAML library is imported.

    Args:
        text: as ``source.decode`` gives it.
        needle: what a comment has to contain; no comment is looked for when it is empty.
        also: further texts that make a comment worth reporting, once the needle is somewhere in the text.
        outline: places to collect on the way.
        pure: use PyYAML's Python parser.
    """
    found = bool(needle) and needle in text
    if not found and outline is None:
        return ScanResult()
    hits = _hits(text, (needle, *also)) if found else []
    try:
        with parsing(text):
            return walk(text, hits, outline, pure)
    except Unreadable as err:
        return walk_pieces(text, hits, outline, pure, err.problem)


def scalars(text: str, *, pure: bool = False) -> Iterator[Scalar]:
    """Every scalar value of a text, or of a slice that is YAML by itself, in order.

    The values of a key that its mapping has already are left out.

    Raises:
        TextError: the text does not parse.
    """
    try:
        with parsing(text):
            found = walk(text, [], KEEP_ALL, pure)
    except Unreadable as err:
        problem = err.problem
        raise TextError(problem.reason, where=f"{problem.line}:{problem.column}") from err
    return (scalar for document in found.documents for scalar in document.kept.values())


def _hits(text: str, needles: tuple[str, ...]) -> list[int]:
    return [match.start() for match in _any_of(needles).finditer(text)]


@lru_cache(8)
def _any_of(needles: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(needle) for needle in dict.fromkeys(needles)))
