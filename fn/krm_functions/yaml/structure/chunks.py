"""Which lines belong to an entry of a block collection, its comments among them: every comment has one owner.

* Comments directly above an entry, without a blank line between, are its own (its head).
* Comments below it that are indented deeper are its own, too, also behind blank lines (its tail). Behind an entry of
  one line they are the next entry's where they are directly above it.
* A line such as ``# - b`` behind a list that is not indented was an item of that list, and not the next key's.
* All other comments, and blank lines, stand for themselves and stay where they are.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from krm_functions.yaml.comments import BREAK, BREAKS, after_line, line_start
from krm_functions.yaml.structure.tree import CollectionNode, Entry, Node, ScalarNode, nodes_of

_LINE = re.compile(rf"(?P<indent>[ \t]*)(?P<rest>[^{BREAKS}]*)(?:{BREAK}|\Z)")
_COMMENT = re.compile(r"(?<!\S)#")
_WAS_ITEM = re.compile(r"#+[ \t]*-(?:[ \t]|\Z)")


class Chunk(NamedTuple):
    """The lines of an entry.

    Attributes:
        lead: where its head starts, or its own first line; of an entry on a line that began before: the entry itself.
        start: where its own first line starts; as *lead*, of such an entry.
        stop: behind its last line.
        compact: whether its first line began before it, with a dash or a key.
    """

    lead: int
    start: int
    stop: int
    compact: bool


class Line(NamedTuple):
    """A line without a token: blank, or a comment at a column."""

    start: int
    stop: int
    comment: str
    column: int


def lines_between(text: str, start: int, end: int) -> Iterator[Line]:
    """The lines from one line's start to another's."""
    while start < end:
        line = _LINE.match(text, start, end)
        if line is None or line.end() == start:
            return
        yield Line(start, line.end(), line["rest"], len(line["indent"]))
        start = line.end()


def chunks(text: str, node: CollectionNode, above: int, floor: int) -> list[Chunk]:
    """The lines of each entry of a block collection.

    Args:
        text: the document.
        node: the collection.
        above: where the first line starts that may hold a comment of the first entry.
        floor: where the part of the text begins that can be edited.
    """
    found: list[Chunk] = []
    for number, entry in enumerate(node.entries):
        start = line_start(text, entry.start)
        compact = start < floor or bool(text[start : entry.start].strip(" \t"))
        if compact:
            lead = start = entry.start
        else:
            lead = _lead(text, found[-1].stop if found else above, start)
        following = node.entries[number + 1].start if number + 1 < len(node.entries) else -1
        found.append(Chunk(lead, start, _stop(text, node, entry, following), compact))
    return found


def _lead(text: str, above: int, start: int) -> int:
    """Where the comments start that are directly above a line."""
    for line in reversed(list(lines_between(text, above, start))):
        if not line.comment.startswith("#"):
            break
        start = line.start
    return start


def _stop(text: str, node: CollectionNode, entry: Entry, following: int) -> int:
    """Behind the last line of an entry, comments below it included."""
    stop = after_line(text, entry.end)
    column = node.column
    value = entry.value
    nested = isinstance(value, CollectionNode) and not value.flow
    was_item = isinstance(value, CollectionNode) and nested and not value.is_map and value.column == column
    end = line_start(text, following) if following >= 0 else len(text)
    for line in lines_between(text, stop, end):
        if not line.comment:
            continue
        if not line.comment.startswith("#"):
            break
        own = line.column > column or (was_item and line.column == column and _WAS_ITEM.match(line.comment) is not None)
        if not own:
            break
        if not nested and following >= 0 and _joins(text, line, end):
            break
        stop = line.stop
    return stop


def was_items(text: str, node: CollectionNode, entry: Entry, chunk: Chunk) -> Iterator[str]:
    """The comments of an entry that could also be the next one's: ``# - b`` behind a list that is not indented."""
    for line in lines_between(text, after_line(text, entry.end), chunk.stop):
        if line.column == node.column and line.comment:
            yield line.comment


def has_comments(text: str, entry: Entry, chunk: Chunk) -> bool:
    """Whether a comment is in the lines of an entry."""
    spans = [(entry.key_start, entry.key_end), (chunk.stop, chunk.stop)]
    for node in nodes_of(entry.value):
        if isinstance(node, CollectionNode):
            spans += [(each.key_start, each.key_end) for each in node.entries]
        else:
            spans.append((after_line(text, node.content + 1) if is_block_scalar(node) else node.content, node.end))
    at = chunk.lead
    for start, end in sorted(spans):
        if _COMMENT.search(text, at, start):
            return True
        at = max(at, end)
    return False


def _joins(text: str, line: Line, end: int) -> bool:
    """Whether nothing but comments is between a comment's line and the line that starts at *end*."""
    return all(each.comment for each in lines_between(text, line.stop, end))


def last_leaf(node: Node) -> Node:
    """The value with which a value ends."""
    while isinstance(node, CollectionNode) and not node.flow and node.entries:
        node = node.entries[-1].value
    return node


def keeps_blank_lines(text: str, node: Node) -> bool:
    """Whether a value ends in a block scalar that takes in the blank lines behind it: ``|+``."""
    leaf = last_leaf(node)
    return is_block_scalar(leaf) and "+" in text[leaf.content : leaf.content + 3]


def is_block_scalar(node: Node) -> bool:
    """Whether a value is a literal or folded block scalar."""
    return isinstance(node, ScalarNode) and node.style in ("|", ">")
