"""One pass over a YAML text: every comment that holds the needle, and the scalar it belongs to by yaml.v3's rule.

The parser gives events with marks but no comments; a comment is what stands between two events. So the needle is
searched in the text first, and the pass over the events only looks up, for each hit, between which two events it fell.
An *outline* collects other places in the same pass: spans of nodes and chosen scalars.

Where a comment belongs follows what kyaml and yaml.v3 make of it, since that is what Flux sees (``gaps.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from imagesetter.text.comments import Place
from imagesetter.text.events import Unreadable, parsing
from imagesetter.text.fieldpath import FieldPath

NEEDLE: Final = "$imagepolicy"
SPELLINGS: Final = ("imagepolicy", "$ref", "\\u00")
"""Other texts that may turn out to be the needle once a comment's JSON is read; looked for only where the needle is."""

LARGE: Final = 1 << 16
"""How many characters a text has to have for its lines to be read as lines first, where they can be."""

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""The plain scalars that mean nothing."""
NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


class Take(Enum):
    """What an outline wants of a node."""

    SPAN = "span"
    """As a key, with True: the node's span becomes a Node, and kept scalars below it are filed under it."""
    SCALAR = "scalar"
    """As a value: keep the scalar there."""
    TEXT = "text"
    """As a value: keep what the scalar there says, and not where it stands; of thousands of resources that is less."""
    TREE = "tree"
    """As a value: keep every scalar there and below."""


SPAN: Final = Take.SPAN
KEEP: Final = Take.SCALAR
KEEP_TEXT: Final = Take.TEXT
KEEP_ALL: Final = Take.TREE
Outline = Mapping[Any, Any] | Take
"""A trie of mapping keys (``"*"``: any key, any item) whose leaves are KEEP, KEEP_TEXT or KEEP_ALL; SPAN is of
collections only.

Example: ``{"items": {"*": {SPAN: True, "kind": KEEP}}}``."""


class Scalar(NamedTuple):
    """A scalar value and its place. Offsets are code points into the scanned text."""

    document: int
    """Which document of the text, from 0; broken ones count."""
    path: FieldPath
    """The keys and indexes that lead to it from the document's root."""
    start: int
    end: int
    """Its content: quotes, or block header and text, included; anchor and tag excluded."""
    value: str
    style: str
    """``""`` plain, ``"'"``, ``'"'``, ``"|"`` or ``">"``."""
    line: int
    column: int
    """Where the content starts, from 1."""
    anchor: str
    tag: str
    """Without ``&``; the tag resolved (``tag:yaml.org,2002:int``). Empty when not written."""
    node: int
    """Where the node starts, anchor and tag included; equals ``start`` when it has neither."""
    indent: int
    """The column (from 0) that a block scalar's text here has to be right of."""
    lead: int = -1
    """How far before ``node`` the line starts with which it can be read by itself (see proof.py); -1: not at all."""


class Comment(NamedTuple):
    """A comment that contains the needle or one of its other spellings."""

    text: str
    """From ``#`` to the end of the line."""
    start: int
    line: int
    column: int
    scalar: Scalar | None
    """The scalar whose line or head comment this is, or None; ``place`` says why."""
    place: Place


class Broken(NamedTuple):
    """A document that does not parse. Lines and columns count from 1 in the whole text."""

    document: int
    start_line: int
    end_line: int
    line: int
    column: int
    problem: str


class Node(NamedTuple):
    """A node that the outline asked for by SPAN, or a whole document."""

    document: int
    path: FieldPath
    start: int
    end: int
    """From its first token (anchor and tag included) to the end of its last one; trailing comments are outside."""
    line: int
    column: int
    kept: Mapping[FieldPath, Scalar]
    """The kept scalars below it that no inner Node has, by their path from this node."""
    texts: Mapping[FieldPath, str] = NOTHING
    """What scalars below it say of which no more was asked, by the same paths; empty for a plain null."""


class Alias(NamedTuple):
    """A place that repeats an anchored node: ``*name``."""

    document: int
    path: FieldPath
    line: int
    column: int
    target: int
    """Where the anchored node starts (``Scalar.node``)."""


class Scan(NamedTuple):
    """What one pass over a text found."""

    comments: tuple[Comment, ...] = ()
    broken: tuple[Broken, ...] = ()
    documents: tuple[Node, ...] = ()
    nodes: tuple[Node, ...] = ()
    aliases: tuple[Alias, ...] = ()
    events: int = 0
    """How many events the parser gave; 0 when the text was not parsed as a whole."""

    def followers(self, scalar: Scalar) -> tuple[Alias, ...]:
        """The aliases that repeat an anchored scalar and so change with it."""
        if not scalar.anchor:
            return ()
        return tuple(
            alias for alias in self.aliases if alias.target == scalar.node and alias.document == scalar.document
        )


def scan(
    text: str,
    needle: str = NEEDLE,
    *,
    also: tuple[str, ...] = SPELLINGS,
    outline: Outline | None = None,
    pure: bool = False,
) -> Scan:
    """Find the comments with a needle, and what an outline asks for, in one pass.

    Without the needle and without an outline nothing is parsed and no YAML library is imported.

    Args:
        text: as ``source.decode`` gives it.
        needle: what a comment has to contain.
        also: further texts that make a comment worth reporting, once the needle is somewhere in the text.
        outline: places to collect on the way.
        pure: use PyYAML's Python parser.
    """
    found = needle in text
    if not found and outline is None:
        return Scan()
    from imagesetter.text.pieces import walk_pieces
    from imagesetter.text.walk import walk

    hits = _hits(text, (needle, *also)) if found else []
    if len(text) > LARGE and not pure:
        from imagesetter.text.plain import read_plain

        plain = read_plain(text, hits, outline)
        if plain is not None:
            return plain
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
    from imagesetter.errors import TextError
    from imagesetter.text.walk import walk

    try:
        with parsing(text):
            found = walk(text, [], KEEP_ALL, pure)
    except Unreadable as err:
        problem = err.problem
        raise TextError(problem.reason, where=f"{problem.line}:{problem.column}") from err
    return (scalar for document in found.documents for scalar in document.kept.values())


def _hits(text: str, needles: tuple[str, ...]) -> list[int]:
    pattern = re.compile("|".join(re.escape(needle) for needle in dict.fromkeys(needles)))
    return [match.start() for match in pattern.finditer(text)]
