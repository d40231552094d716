"""Editing YAML by difference: change plain data, and the text follows.

::

    document = Document(text)
    document.data["metadata"]["labels"]["team"] = "five"
    text = document.edited().text

`Document.data` are mutable mappings and lists. Whatever is done to them (set, delete, append, insert, move, rename,
replace whole subtrees) becomes the fewest edits of the text: a changed scalar is written in its own quotes, new keys
and items in the indentation of their neighbours, what is removed goes with the comments that belong to it, and
everything else keeps its bytes. Before an edited text is given back, it is read again and has to hold exactly the data
that were wanted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from krm_functions.errors import SpliceError, TextError
from krm_functions.yaml.comments import breaks_between
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.load import load
from krm_functions.yaml.structure.changes import ROOT, EditNote
from krm_functions.yaml.structure.difference import Difference
from krm_functions.yaml.structure.editable import check, is_list, is_mapping, plain, same
from krm_functions.yaml.structure.reading import read
from krm_functions.yaml.structure.remarks import Kind, comment_edits, comment_of
from krm_functions.yaml.structure.styles import style_of
from krm_functions.yaml.structure.tree import CollectionNode, pristine

_HINT = "nothing was changed; please report this with the resource"


class Edited(NamedTuple):
    """What became of a document.

    Attributes:
        text: the new text.
        edits: what made it of the old one.
        notes: what had to be done beside it: an alias or a merge key written out.
    """

    text: str
    edits: tuple[Edit, ...]
    notes: tuple[EditNote, ...]


class Document:
    """One YAML document whose root is a mapping or a list.

    Attributes:
        text: as it is written.
        data: what it holds; change it, then ask for `edited`. It is read as Go's yaml.v3 reads it, so ``yes``
            and ``on`` are strings and ``012`` is ten. What repeats another part (``*alias``) can be changed by itself.

    Args:
        text: without a byte order mark.
        floor: where the part begins that can be edited; before it there is nothing but blanks.
        newline: what ends its lines, where the text is a part of another one; else what ends its first one.
        dash: how far a list is indented in a mapping, where there is none yet.
        outside: the data of the anchors that it uses and does not define.
        name: how errors call it.
        first_line: the number of its first line.

    Raises:
        TextError: not YAML, more than one document, or YAML that is not data: a key given twice, a mapping as a key.
    """

    def __init__(
        self,
        text: str,
        *,
        floor: int = 0,
        newline: str = "",
        dash: int = 0,
        outside: Mapping[str, Any] | None = None,
        name: str = "",
        first_line: int = 1,
    ) -> None:
        self.text = text
        self._floor = floor
        self._tree = read(text, outside=outside, name=name, first_line=first_line)
        root = self._tree.root
        if not isinstance(root, CollectionNode):
            where = f"{name}:{first_line}" if name else ""
            raise TextError("is neither a mapping nor a list, and cannot be edited", where=where)
        self.data: Any = root.data
        self._style = style_of(self._tree, newline, dash)

    def edited(
        self, data: Any = None, *, comments_stay: bool = False, outside: Mapping[str, Any] | None = None
    ) -> Edited:
        """The text that holds the changed data, or the given ones.

        Args:
            data: what the text shall hold, instead of ``data``.
            comments_stay: whether comments on lines of their own stay where their entries go.
            outside: the data of the anchors outside as they are now, where they are others; what it repeats of them
                is written out.

        Raises:
            SpliceError: the data cannot be written as YAML, or the edited text does not hold them; *where* is the path.
        """
        wanted = self.data if data is None else data
        check(wanted)
        if is_mapping(wanted) != self._tree.root.is_map or not (is_mapping(wanted) or is_list(wanted)):  # type: ignore[union-attr]
            raise SpliceError("a mapping can only become another mapping, and a list another list")
        difference = Difference(self._tree, self._style, floor=self._floor, comments_stay=comments_stay)
        outside = self._tree.outside if outside is None else outside
        difference.anchors = dict(outside)
        difference.placed = frozenset(_collections(wanted))
        root = self._tree.root
        assert root is not None, "a document has a root"
        difference.value(root, wanted, ROOT)
        edits = difference.edits()
        if not edits:
            return Edited(self.text, (), ())
        text = splice(self.text, edits)
        self._prove(text, wanted, outside)
        return Edited(text, tuple(edits), tuple(difference.notes))

    def comment(self, path: FieldPath, kind: Kind) -> str:
        """The comment above a field (``head``) or behind it (``line``), without ``#``; empty where there is none.

        Raises:
            SpliceError: there is no such field.
        """
        return comment_of(Difference(self._tree, self._style, floor=self._floor), path, kind)

    def with_comment(self, path: FieldPath, kind: Kind, comment: str) -> Edited:
        """The text with another comment above or behind a field, or without one where it is empty.

        Raises:
            SpliceError: there is no such field, or no comment can be there; *where* is the path.
        """
        edits = comment_edits(Difference(self._tree, self._style, floor=self._floor), path, kind, comment)
        text = splice(self.text, edits)
        self._prove(text, pristine(self._tree.root), self._tree.outside)
        again = Document(text, floor=self._floor, outside=self._tree.outside)
        if again.comment(path, kind) != comment:
            raise SpliceError("the comment would not belong to the field", where=format_path(path), hint=_HINT)
        return Edited(text, tuple(edits), ())

    def _prove(self, text: str, wanted: Any, outside: Mapping[str, Any]) -> None:
        """Read the new text again: as plain data, by the other reader, unless it needs anchors from outside."""
        try:
            found = pristine(read(text, outside=outside).root) if outside else load(text)
        except TextError as err:
            raise SpliceError(f"the edited text cannot be read: {err.what}", where=err.where, hint=_HINT) from err
        if not same(found, wanted):
            path, was, now = first_difference(found, plain(wanted))
            what = f"the edited text holds {_shown(was)} where {_shown(now)} is wanted"
            raise SpliceError(what, where=format_path(path), hint=_HINT)

    def line(self, offset: int) -> int:
        """The number of the line of an offset, from 1."""
        return 1 + breaks_between(self.text, 0, offset)


def _collections(data: Any) -> Iterator[int]:
    """The identities of the mappings and lists in data."""
    stack = [data]
    while stack:
        each = stack.pop()
        if is_mapping(each) or is_list(each):
            yield id(each)
            stack += each.values() if is_mapping(each) else each


def first_difference(left: Any, right: Any, path: FieldPath = ()) -> tuple[FieldPath, Any, Any]:
    """Where two values differ first, and what they are there."""
    if is_mapping(left) and is_mapping(right):
        for key in [*left, *right]:
            if key not in left or key not in right or not same(left[key], right[key]):
                return first_difference(left.get(key), right.get(key), (*path, key))
    if is_list(left) and is_list(right):
        for number in range(min(len(left), len(right))):
            if not same(left[number], right[number]):
                return first_difference(left[number], right[number], (*path, number))
    return path, left, right


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}…"
