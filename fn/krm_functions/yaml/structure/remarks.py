"""The comments of a field: those on the lines above it (head), and the one behind it (line)."""

import re
from typing import Literal, NamedTuple

from krm_functions.errors import SpliceError
from krm_functions.yaml.comments import line_end
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.structure.changes import ROOT, Place
from krm_functions.yaml.structure.chunks import lines_between
from krm_functions.yaml.structure.difference import Difference
from krm_functions.yaml.structure.scalars import header_end
from krm_functions.yaml.structure.tree import CollectionNode, Entry, Node, ScalarNode

_COMMA = re.compile(r"[ \t]*,?")
Kind = Literal["head", "line"]


class _Field(NamedTuple):
    """A field: its entry, the collection that it is in, and that collection's place."""

    entry: Entry
    collection: CollectionNode
    place: Place


def comment_of(change: Difference, path: FieldPath, kind: Kind) -> str:
    """A comment without its ``#``; lines are joined by line ends. Empty where there is none.

    Raises:
        SpliceError: there is no such field.
    """
    field = _find(change, path)
    if kind == "line":
        at = _behind(change, field)
        rest = change.text[at : line_end(change.text, at)].strip(" \t")
        return _words(rest) if rest.startswith("#") else ""
    if field.collection.flow:
        return ""
    chunk = change.chunks_of(field.collection, field.place)[id(field.entry)]
    return "\n".join(_words(line.comment) for line in lines_between(change.text, chunk.lead, chunk.start))


def comment_edits(change: Difference, path: FieldPath, kind: Kind, comment: str) -> list[Edit]:
    """The edits that set a comment, or take it away where the new one is empty.

    Raises:
        SpliceError: there is no such field, or no place for a comment at it.
    """
    field = _find(change, path)
    if comment_of(change, path, kind) == comment:
        return []
    edit = _line(change, field, path, comment) if kind == "line" else _head(change, field, path, comment)
    return [edit]


def _line(change: Difference, field: _Field, path: FieldPath, comment: str) -> Edit:
    text = change.text
    at = _behind(change, field)
    end = line_end(text, at)
    rest = text[at:end].strip(" \t")
    if rest and not rest.startswith("#"):
        raise SpliceError("stands in a collection on one line, where no comment can be", where=format_path(path))
    if "\n" in comment or "\r" in comment:
        raise SpliceError("a comment behind a field has one line", where=format_path(path))
    if rest and comment:
        return Edit(text.index("#", at), end, _written(comment))  # its column stays
    return Edit(at, end, f" {_written(comment)}" if comment else "")


def _head(change: Difference, field: _Field, path: FieldPath, comment: str) -> Edit:
    if field.collection.flow:
        raise SpliceError("stands in a flow collection; put the comment above the whole of it", where=format_path(path))
    chunk = change.chunks_of(field.collection, field.place)[id(field.entry)]
    newline, margin = change.style.newline, " " * field.collection.column
    lines = [f"{margin}{_written(line)}{newline}" for line in comment.split("\n")] if comment else []
    if not chunk.compact:
        return Edit(chunk.lead, chunk.start, "".join(lines))
    if field.entry.start <= change.floor:
        return Edit(field.entry.start, field.entry.start, "".join(lines).removeprefix(margin) + margin)
    start = max(len(change.text[: field.entry.start].rstrip(" \t")), change.floor)
    return Edit(start, field.entry.start, newline + "".join(lines) + margin)


def _find(change: Difference, path: FieldPath) -> _Field:
    node: Node | None = change.tree.root
    place, found = ROOT, None
    for step in path:
        if not isinstance(node, CollectionNode):
            break
        entries = node.entries
        if node.is_map:
            entry = next((entry for entry in entries if entry.key == step), None)
        else:
            entry = entries[step] if isinstance(step, int) and 0 <= step < len(entries) else None
        if entry is None:
            break
        found = _Field(entry, node, place)
        place = Place(entry, node.column, not node.is_map, node.flow, (*place.path, step))
        node = entry.value
    if found is None or place.path != tuple(path):
        raise SpliceError("there is no such field", where=format_path(tuple(path)))
    return found


def _behind(change: Difference, field: _Field) -> int:
    """Where a comment behind a field can start: behind its value, or behind its key where the value begins below."""
    text, entry = change.text, field.entry
    value = entry.value
    if isinstance(value, CollectionNode) and not value.flow:
        place = Place(entry, field.collection.column, not field.collection.is_map, False, ())
        opening = change.opening(value, place)
        return opening if "\n" in text[opening : value.content] or "\r" in text[opening : value.content] else value.end
    at = header_end(text, value.content) if isinstance(value, ScalarNode) and value.style in ("|", ">") else entry.end
    found = _COMMA.match(text, at) if field.collection.flow else None
    return found.end() if found and found[0].endswith(",") else at


def _written(comment: str) -> str:
    return f"# {comment}" if comment else "#"


def _words(comment: str) -> str:
    return comment.removeprefix("#").removeprefix(" ")
