"""One scalar for another, in the quotes or the block that it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from krm_functions.yaml.comments import BREAKS, after_line
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.emit import flow_text, is_literal, literal_header, scalar_text, string_text
from krm_functions.yaml.quoting import double_quoted, is_printable, needs_quotes, single_quoted
from krm_functions.yaml.structure.chunks import lines_between
from krm_functions.yaml.structure.tree import CollectionNode, Node, ScalarNode

if TYPE_CHECKING:
    from krm_functions.yaml.structure.changes import Place
    from krm_functions.yaml.structure.difference import Difference

_CORE = "tag:yaml.org,2002:"
_HEADER = re.compile(r"[|>][-+0-9]*")
_TAG = re.compile(rf"(?:&[-0-9A-Za-z_]++\s*+|#[^{BREAKS}]*+\s++)*+(?P<tag>!(?:<[^>]*>|\S*+)[ \t]*+)")


def header_end(text: str, start: int) -> int:
    """Where the indicators of a block scalar end."""
    found = _HEADER.match(text, start)
    return found.end() if found else start


_ORCHESTRATORS = ("internal.config.kubernetes.io/", "config.kubernetes.io/", "config.k8s.io/")
"""Keys that kpt and kustomize write between a person's own, in quotes of their choice."""


def quote_of(node: CollectionNode, text: str) -> str:
    """The quotes that all strings of a collection have, though they need none; empty where they differ."""
    strings = [
        entry.value
        for entry in node.entries
        if isinstance(entry.value, ScalarNode)
        and isinstance(entry.value.data, str)
        and not (entry.key or "").startswith(_ORCHESTRATORS)
    ]
    styles = {each.style for each in strings}
    needless = any(not needs_quotes(each.value) for each in strings)
    fewest = 2 if node.is_map else 1
    (style,) = styles if len(styles) == 1 else ("",)
    return style if style in ("'", '"') and needless and len(strings) >= fewest else ""


def tag_edit(text: str, node: Node, wanted: Any) -> Edit | None:
    """The edit that takes a tag away which would make something else of a new value."""
    is_string = isinstance(wanted, str)
    if is_string and isinstance(node, ScalarNode) and not (node.tag.startswith(_CORE) and node.tag != _CORE + "str"):
        return None
    found = _TAG.match(text, node.start, node.content)
    return Edit(*found.span("tag"), "") if found else None


def scalar_change(change: Difference, node: ScalarNode, wanted: Any, place: Place) -> None:
    """Edits that make a scalar in a block collection another scalar, or an empty collection."""
    text = change.text
    if not isinstance(wanted, str):
        new = flow_text(wanted) if isinstance(wanted, (dict, list, tuple)) else scalar_text(wanted)
    elif node.style == "'":
        new = single_quoted(wanted)
    elif node.style == '"':
        new = double_quoted(wanted)
    elif node.style in ("|", ">") and _fits_block(wanted):
        _change_block(change, node, wanted, place)
        return
    elif not node.style and is_literal(wanted) and _to_literal(change, node, wanted, place):
        return
    else:
        new = string_text(wanted)
    if node.style in ("|", ">"):
        head = header_end(text, node.content)
        behind = min(after_line(text, head), node.end)
        change.replace(node.content, head, new)
        if behind < node.end:
            change.replace(behind, node.end, "")
    elif node.content < node.end:
        change.replace(node.content, node.end, _apart(text, node, new))
    else:
        change.insert(node.content, f" {new}" if place.entry is not None or node.start < node.content else new)


def _apart(text: str, node: ScalarNode, new: str) -> str:
    """A blank before what follows an anchor at once: ``&a:b`` is an anchor and a text, ``&anew`` another anchor."""
    return f" {new}" if node.content > node.start and not text[node.content - 1].isspace() else new


def _fits_block(value: str) -> bool:
    """Whether a string can be in a block scalar; one line may, too."""
    return is_literal(value) or (
        "\n" not in value.removesuffix("\n")
        and value.strip(" \t\n") != ""
        and value[0] not in " \t\n"
        and value.removesuffix("\n").strip(" \t") == value.removesuffix("\n")
        and is_printable(value.removesuffix("\n"))
    )


def _to_literal(change: Difference, node: ScalarNode, value: str, place: Place) -> bool:
    """Put a literal block in the place of a plain scalar; False where what follows would become part of it."""
    behind = after_line(change.text, node.end)
    if change.text[behind - 1 : behind] not in tuple(BREAKS) or change.takes_in(behind, place.column):
        return False
    change.literals.add(id(node))
    header = literal_header(value)
    newline = change.style.newline
    margin = " " * (max(place.column, 0) + max(change.style.step, 2))
    lines = [margin + line if line else "" for line in value.removesuffix("\n").split("\n")]
    if node.content < node.end:
        change.replace(node.content, node.end, _apart(change.text, node, header))
    else:
        change.insert(node.content, f" {header}")
    change.insert_lines(behind, "".join(line + newline for line in lines))
    return True


def _change_block(change: Difference, node: ScalarNode, value: str, place: Place) -> None:
    """Change the lines of a block scalar; its margin stays, and so do the comment on its first line and its fold."""
    text, newline = change.text, change.style.newline
    head = header_end(text, node.content)
    begin = min(after_line(text, head), node.end)
    style = text[node.content]
    margin = _margin(node, text, begin)
    if not margin:
        if change.takes_in(node.end, place.column):
            change.replace(node.content, head, double_quoted(value))
            if begin < node.end:
                change.replace(begin, node.end, "")
            return
        margin = " " * (max(place.column, 0) + max(change.style.step, 2))
    body = value.removesuffix("\n")
    if style == ">" and any(line[:1] in (" ", "\t") for line in body.split("\n")):
        style = "|"
    if style == ">":
        body = re.sub("\n+", lambda found: found[0] + "\n", body)
    lines = [margin + line if line else "" for line in body.split("\n")]
    header = f"{style}{literal_header(value)[1:]}"
    ended = text[node.end - 1 : node.end] in tuple(BREAKS) and node.end > head
    if not ended and value.endswith("\n"):
        ended = True  # the file gets the line end that the value has
    change.replace(node.content, head, header)
    lead = newline if begin == head or text[begin - 1] not in BREAKS else ""
    change.replace(begin, node.end, lead + newline.join(lines) + (newline if ended else ""))


def _margin(node: ScalarNode, text: str, begin: int) -> str:
    """The margin of a block scalar's lines, or nothing where it has no lines."""
    first = next((line for line in node.value.split("\n") if line.strip(" ")), None)
    if first is None:
        return ""
    for line in lines_between(text, begin, node.end):
        if line.comment.strip(" "):
            return " " * max(line.column - (len(first) - len(first.lstrip(" "))), 0)
    return ""
