"""ruamel.yaml's part: data with comments as text, and a document written anew where no edit can say what is wanted.

ruamel.yaml lays out what it writes; scalars get the quotes that `krm_functions.yaml.quoting` gives them, since it
leaves ``on`` and ``1:30`` plain. It is imported here only, and only when there is something for it to do.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from krm_functions.errors import TextError
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.emit import Style, Writer, scalar_text
from krm_functions.yaml.quoting import double_quoted, needs_quotes
from krm_functions.yaml.structure.editable import is_list, is_mapping, plain, same, same_scalar
from krm_functions.yaml.structure.reading import read
from krm_functions.yaml.structure.tree import CollectionNode, Node, ScalarNode, pristine


def write_commented(writer: Writer, value: object, column: int, before: str, in_list: bool) -> bool:
    """Write a value with ruamel.yaml where it has comments; False where it has none, and is left to the writer."""
    if not has_comments(value):
        return False
    wanted = plain([value] if in_list else {"k": value})
    text = _quoted(_dumped([value] if in_list else {"k": value}, writer.style), wanted)
    if text is None:
        return False
    heads, first, rest = _lines(text)
    margin = " " * column
    if not before[:column].strip(" "):
        writer.lines += [margin + line for line in heads]
    writer.lines.append(before + first.removeprefix("-" if in_list else "k:"))
    writer.lines += [margin + line if line else "" for line in rest]
    writer.ends_in_block = True  # maybe; what follows is looked at then
    return True


def _lines(text: str) -> tuple[list[str], str, list[str]]:
    """The comments above the first line, that line, and the others.

    ruamel.yaml writes a comment at the column at which it was read. Here it goes to that of the line below it, and at
    the end to where it belongs to what is above it.
    """
    lines = text.rstrip("\n").split("\n")
    indent = "  "
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith("#"):
            lines[number] = indent + lines[number]
        elif lines[number]:
            indent = lines[number][: len(lines[number]) - len(lines[number].lstrip(" "))]
    at = next(number for number, line in enumerate(lines) if line and not line.lstrip(" ").startswith("#"))
    return lines[:at], lines[at], lines[at + 1 :]


def has_comments(value: object) -> bool:
    """Whether data are ruamel.yaml's, with comments in them."""
    if not isinstance(value, (Mapping, list)) or not hasattr(value, "ca"):
        return False
    inner = value.values() if isinstance(value, Mapping) else value
    return bool(value.ca.items or value.ca.comment) or any(map(has_comments, inner))


def rewritten(text: str, data: Any, style: Style) -> str | None:
    """A document with other data, written by ruamel.yaml with its comments; None where it cannot.

    Args:
        text: the document; a key may be given twice in it.
        data: what it shall say.
        style: its indentation.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    reader = YAML()
    reader.allow_duplicate_keys = True
    reader.preserve_quotes = True
    try:
        document = reader.load(io.StringIO(text))
        _update(document, plain(data))
        dumped = _dumped(document, style)
    except (YAMLError, AttributeError, TypeError, ValueError, KeyError, AssertionError, RecursionError):
        return None
    return _quoted(dumped, plain(data))


def _update(there: Any, wanted: Any) -> None:
    """Make ruamel.yaml's data say what is wanted, and leave alone what says it."""
    if is_mapping(there) and is_mapping(wanted):
        for key in [key for key in there if key not in wanted]:
            del there[key]
        for key, value in wanted.items():
            if key in there and _is_alike(there[key], value):
                _update(there[key], value)
            elif key not in there or not same(plain_or_none(there[key]), value):
                there[key] = value
    elif is_list(there) and is_list(wanted):
        del there[len(wanted) :]
        for number, value in enumerate(wanted):
            if number >= len(there):
                there.append(value)
            elif _is_alike(there[number], value):
                _update(there[number], value)
            elif not same(plain_or_none(there[number]), value):
                there[number] = value


def plain_or_none(value: Any) -> Any:
    """Plain data, or something that equals nothing."""
    try:
        return plain(value)
    except (TypeError, ValueError):
        return {"": value}


def _is_alike(left: Any, right: Any) -> bool:
    return (is_mapping(left) and is_mapping(right)) or (is_list(left) and is_list(right))


def _dumped(data: Any, style: Style) -> str:
    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 1 << 20
    writer.indent(mapping=max(style.step, 2), sequence=style.dash + 1 + style.gap, offset=style.dash)
    made = io.StringIO()
    writer.dump(data, made)
    return made.getvalue()


def _quoted(text: str, wanted: Any) -> str | None:
    """The text with quotes where some reader needs them; None where it does not say what is wanted."""
    try:
        tree = read(text)
        edits: list[Edit] = []
        if tree.root is not None:
            _quote(tree.root, wanted, edits)
        made = splice(text, edits)
        root = read(made).root
    except TextError:
        return None
    return made if root is not None and same(pristine(root), wanted) else None


def _quote(node: Node, wanted: Any, edits: list[Edit]) -> None:
    if isinstance(node, CollectionNode):
        if node.is_map != is_mapping(wanted) or len(node.entries) != len(wanted):
            return
        for number, entry in enumerate(node.entries):
            key = entry.key
            if key is not None and key != "<<" and not entry.key_style and needs_quotes(key):
                edits.append(Edit(entry.key_start, entry.key_end, double_quoted(key)))
            if key is None or key in wanted:
                _quote(entry.value, wanted[number if key is None else key], edits)
    elif isinstance(node, ScalarNode) and not node.style:
        if isinstance(wanted, str) and needs_quotes(wanted):
            edits.append(Edit(node.content, node.end, double_quoted(wanted)))
        elif not isinstance(wanted, (str, dict, list)) and not same_scalar(node.data, wanted):
            edits.append(Edit(node.content, node.end, scalar_text(wanted)))
