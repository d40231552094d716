"""Entries of a flow collection that come, go and move: ``{a: b}`` and ``[a, b]``, on one line or on several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from krm_functions.yaml.comments import BREAKS, after_line, line_start
from krm_functions.yaml.emit import flow_text
from krm_functions.yaml.structure.changes import Fresh, Moved, Place
from krm_functions.yaml.structure.scalars import quote_of
from krm_functions.yaml.structure.tree import CollectionNode, Entry

if TYPE_CHECKING:
    from krm_functions.yaml.structure.difference import Difference

_COMMA = re.compile(rf"(?:\s|#[^{BREAKS}]*+)*+(,)")


class FlowChange:
    """Makes a flow collection hold other entries.

    Args:
        change: takes the edits.
        node: the collection.
        final: its entries as they shall be: those that stay, and new and moved ones.
        place: where it is.
    """

    def __init__(
        self, change: Difference, node: CollectionNode, final: Sequence[Entry | Fresh | Moved], place: Place
    ) -> None:
        self._change = change
        self._text = change.text
        self._node = node
        self._final = final
        self._place = place
        self._json = change.style.json or _is_json(node)
        self._quote = quote_of(node, change.text)

    def make(self) -> None:
        """Add the edits."""
        node, text = self._node, self._text
        if text[node.content] not in "{[":
            # `[a: b]`: a mapping without braces, which can hold one entry only.
            entries = ", ".join(self._written(each) for each in self._final)
            self._change.replace(node.content, node.end, f"{{{entries}}}")
        elif not any(isinstance(each, Entry) for each in self._final):
            self._all_new()
        elif self._is_vertical():
            self._vertical()
        else:
            self._in_line()

    def _written(self, each: Entry | Fresh | Moved) -> str:
        """An entry's text."""
        if isinstance(each, Entry):
            return self._text[each.start : each.end]
        if isinstance(each, Moved):
            return each.text
        value = flow_text(each.value, as_json=self._json, quote=self._quote)
        if each.key is None:
            return value
        return f"{flow_text(each.key, as_json=self._json)}: {value}"

    def _all_new(self) -> None:
        node, text = self._node, self._text
        begin, end = node.content + 1, node.end - 1
        entries = [self._written(each) for each in self._final]
        if not node.entries:
            inner = text[begin:end]
            if entries and "#" in inner:
                # A comment in an empty collection: the entries go before it.
                self._change.insert(begin, ", ".join(entries))
            else:
                self._change.replace(begin, end, ", ".join(entries))
        elif self._is_vertical() and entries:
            first = node.entries[0]
            margin = text[line_start(text, first.start) : first.start]
            last = node.entries[-1]
            separator = f",{self._change.style.newline}{margin}"
            self._change.replace(first.start, last.end, separator.join(entries))
        else:
            self._change.replace(begin, end, ", ".join(entries))

    def _is_vertical(self) -> bool:
        """Whether each entry, and the bracket at the end, begins a line."""
        text, node = self._text, self._node
        starts = [entry.start for entry in node.entries] + [node.end - 1]
        return all(
            (begin := line_start(text, start)) > node.content and not text[begin:start].strip(" \t") for start in starts
        )

    def _comma(self, entry: Entry) -> int:
        """Where the comma behind an entry is; -1 where there is none."""
        found = _COMMA.match(self._text, entry.end, self._node.end - 1)
        return found.start(1) if found else -1

    def _vertical(self) -> None:
        """Whole lines come and go."""
        text, node, change = self._text, self._node, self._change
        trailing = self._comma(node.entries[-1]) >= 0
        kept = {id(each) for each in self._final if isinstance(each, Entry)}
        first = node.entries[0]
        margin = text[line_start(text, first.start) : first.start]
        newline = change.style.newline
        at = line_start(text, first.start)
        for number, each in enumerate(self._final):
            needs_comma = trailing or number < len(self._final) - 1
            if isinstance(each, Entry):
                comma = self._comma(each)
                if needs_comma and comma < 0:
                    change.insert(each.end, ",")
                elif comma >= 0 and not needs_comma:
                    change.replace(comma, comma + 1, "")
                at = after_line(text, max(each.end, comma))
            elif isinstance(each, Moved):
                change.insert(at, self._moved_lines(each, needs_comma))
            else:
                change.insert(at, f"{margin}{self._written(each)}{',' if needs_comma else ''}{newline}")
        for entry in node.entries:
            if id(entry) not in kept:
                start = self._head(entry)
                change.replace(start, after_line(text, max(entry.end, self._comma(entry))), "")

    def _moved_lines(self, each: Moved, needs_comma: bool) -> str:
        """The lines of an entry that leaves its place, its comments among them."""
        text, entry = self._text, each.entry
        comma = self._comma(entry)
        rest = text[entry.end : after_line(text, max(entry.end, comma))]
        if comma >= 0:
            rest = rest[: comma - entry.end] + rest[comma - entry.end + 1 :]
        return text[self._head(entry) : entry.start] + self._written(each) + ("," if needs_comma else "") + rest

    def _head(self, entry: Entry) -> int:
        """Where the comments start that are directly above an entry's line."""
        text = self._text
        start = line_start(text, entry.start)
        while start > self._node.content:
            above = line_start(text, start - (2 if text.startswith("\r\n", start - 2) else 1))
            if above <= self._node.content or not text[above:start].lstrip(" \t").startswith("#"):
                break
            start = above
        return start

    def _in_line(self) -> None:
        """Entries come and go with their commas; the first entry that stays is the fixed point."""
        text, node, change = self._text, self._node, self._change
        separator = self._separator()
        kept = [each for each in self._final if isinstance(each, Entry)]
        first = self._final.index(kept[0])
        if first:
            before = separator.join(self._written(each) for each in self._final[:first])
            change.insert(kept[0].start, before + separator)
        at = kept[0]
        for each in self._final[first + 1 :]:
            if isinstance(each, Entry):
                at = each
            else:
                change.insert(at.end, separator + self._written(each))
        keep = set(map(id, kept))
        before_first = True
        for number, entry in enumerate(node.entries):
            if id(entry) in keep:
                before_first = False
                continue
            if before_first:
                change.replace(entry.start, node.entries[number + 1].start, "")
                continue
            previous = node.entries[number - 1]
            if "#" in text[previous.end : entry.start]:
                self._cut(entry, number)
            else:
                change.replace(previous.end, entry.end, "")

    def _cut(self, entry: Entry, number: int) -> None:
        """Take an entry away and leave a comment before it alone: with the comma before it, or behind it."""
        comma = self._comma(self._node.entries[number - 1])
        if comma >= 0:
            self._change.replace(comma, comma + 1, "")
        self._change.replace(entry.start, entry.end, "")

    def _separator(self) -> str:
        entries, text = self._node.entries, self._text
        if len(entries) > 1:
            between = text[entries[0].end : entries[1].start]
            if "#" not in between and any(each in BREAKS for each in between):
                return between
        return ", " if len(entries) < 2 or text[entries[0].end : entries[1].start] != "," else ","


def _is_json(node: CollectionNode) -> bool:
    """Whether a mapping's keys are all in double quotes, as in JSON."""
    return node.is_map and bool(node.entries) and all(entry.key_style == '"' for entry in node.entries)
