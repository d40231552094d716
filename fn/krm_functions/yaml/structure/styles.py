"""How a document writes its collections, from those that it has."""

from __future__ import annotations

from collections import Counter

from krm_functions.yaml.comments import BREAKS, newline_of
from krm_functions.yaml.emit import PLAIN, Style
from krm_functions.yaml.structure.tree import CollectionNode, Tree


def style_of(tree: Tree, newline: str = "", dash: int = PLAIN.dash) -> Style:
    """The indentation that most collections of a document have; where there are none, two blanks and no indented lists.

    Args:
        tree: the document.
        newline: what ends its lines, where the document is a part of a text that says so.
        dash: how far a list is indented where there is none yet.
    """
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    gaps: Counter[int] = Counter()
    for node in tree.nodes():
        if not isinstance(node, CollectionNode) or node.flow:
            continue
        for entry in node.entries:
            value = entry.value
            is_block = isinstance(value, CollectionNode) and not value.flow
            if node.is_map and is_block and isinstance(value, CollectionNode):
                (steps if value.is_map else dashes)[value.column - node.column] += 1
            elif not node.is_map and value.start > entry.colon:
                between = tree.text[entry.colon : value.start]
                if not any(each in BREAKS for each in between):
                    gaps[len(between)] += 1
    root = tree.root
    return Style(
        step=_most(steps, PLAIN.step),
        dash=_most(dashes, dash),
        gap=_most(gaps, PLAIN.gap),
        json=isinstance(root, CollectionNode) and root.flow and _is_json(root),
        newline=newline or newline_of(tree.text),
    )


def _most(counted: Counter[int], default: int) -> int:
    return counted.most_common(1)[0][0] if counted else default


def _is_json(root: CollectionNode) -> bool:
    return bool(root.entries) and all(entry.key_style == '"' for entry in root.entries if root.is_map)
