"""What a pass over a text finds, and how to ask it for more: values, which every way of reading gives alike."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from krm_functions.yaml.comments import Place
from krm_functions.yaml.field_path import FieldPath

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
"""The plain scalars that mean nothing."""
NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})


class Collect(Enum):
    """What an outline wants of a node."""

    SPAN = "span"
    """As a key, with True: the node's span becomes a Node, and kept scalars below it are filed under it."""
    SCALAR = "scalar"
    """As a value: keep the scalar there."""
    TEXT = "text"
    """As a value: keep what the scalar there says, and not where it is; of thousands of resources that is less."""
    TREE = "tree"
    """As a value: keep every scalar there and below."""


SPAN: Final = Collect.SPAN
KEEP: Final = Collect.SCALAR
KEEP_TEXT: Final = Collect.TEXT
KEEP_ALL: Final = Collect.TREE
Outline = Mapping[Any, Any] | Collect
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


class ParseFailure(NamedTuple):
    """A document that does not parse. Lines and columns count from 1 in the whole text."""

    document: int
    start_line: int
    end_line: int
    line: int
    column: int
    problem: str


class NodeSpan(NamedTuple):
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
    """The texts of the scalars below it that the outline asked for by KEEP_TEXT, by the same paths; a null is empty."""


class Alias(NamedTuple):
    """A place that repeats an anchored node: ``*name``."""

    document: int
    path: FieldPath
    line: int
    column: int
    target: int
    """Where the anchored node starts (``Scalar.node``)."""


class ScanResult(NamedTuple):
    """What one pass over a text found."""

    comments: tuple[Comment, ...] = ()
    broken: tuple[ParseFailure, ...] = ()
    documents: tuple[NodeSpan, ...] = ()
    nodes: tuple[NodeSpan, ...] = ()
    aliases: tuple[Alias, ...] = ()
    events: int = 0
    """How many events the parser gave; 0 when the text was not parsed as a whole."""
