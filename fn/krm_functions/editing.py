"""The edits of one item: any number of them, one after the other, each on what the one before left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from krm_functions.errors import ReportedError, SpliceError, TextError
from krm_functions.result import Field, Result
from krm_functions.yaml.comments import BREAKS, after_deeper_comments, after_line, line_start, newline_of
from krm_functions.yaml.edits import Edit, compose
from krm_functions.yaml.emit import Style, dump, flow_text
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.nodes import content_start
from krm_functions.yaml.structure.changes import EditNote
from krm_functions.yaml.structure.commented import rewritten
from krm_functions.yaml.structure.document import Document
from krm_functions.yaml.structure.editable import EditableMapping, check, plain
from krm_functions.yaml.structure.reading import read
from krm_functions.yaml.structure.remarks import Kind
from krm_functions.yaml.structure.styles import style_of

if TYPE_CHECKING:
    from krm_functions.item import Item


class ItemEdits:
    """What was done to an item so far.

    Attributes:
        text: the item's lines as they are now, comments below it included, the first one indented like the others.
        data: what they say; while an edit is open, what the caller has made of them.
        notes: what the edits had to do beside what they were asked for.
    """

    def __init__(self, item: Item) -> None:
        self._item = item
        self._end = _region_end(item)
        self._original = self.text = " " * item.margin + item.whole.text[item.start : self._end]
        self._edits: list[Edit] = []  # in the original text
        self._document: Document | None = None
        self._reading: Document | None = None  # the text as it is now, for its comments
        self._depth = 0
        self._later: list[tuple[FieldPath, Kind, str]] = []
        self.data: dict[str, Any] = {}
        self._kept = self.data  # while an edit is open: the data when it began
        self.notes: list[EditNote] = []

    @property
    def is_open(self) -> bool:
        """Whether an edit has begun and not ended."""
        return self._depth > 0

    @property
    def is_changed(self) -> bool:
        """Whether the text is another one."""
        return bool(self._edits)

    def begin(self) -> EditableMapping:
        """The data to be changed; an edit within an edit gets the same."""
        if not self._depth:
            self._document = self._read()
            self._kept, self.data = self.data, self._document.data
        self._depth += 1
        assert isinstance(self.data, EditableMapping), "an item is a mapping"
        return self.data

    def abandon(self) -> None:
        """End an edit and leave the text as it was when the outermost one began."""
        self._depth -= 1
        if not self._depth:
            self._document = None
            self._later = []
            self.data = self._kept

    def finish(self) -> None:
        """End an edit; the outermost one changes the text.

        Raises:
            SpliceError: the text cannot be changed so; it stays as it was.
        """
        self._depth -= 1
        if self._depth:
            return
        document, self._document = self._document, None
        assert document is not None, "an edit has begun"
        try:
            edited = document.edited()
        except SpliceError as err:
            self.data = self._kept
            raise SpliceError(err.what, where=self.where(err.where), hint=err.hint) from err
        self.data = plain(document.data)
        self._take(edited.edits, edited.text, edited.notes)
        later, self._later = self._later, []
        for path, kind, comment in later:
            self.set_comment(path, kind, comment)

    def comment(self, path: FieldPath, kind: Kind) -> str:
        """A comment of a field in the text as it is now; see `Document.comment`."""
        if self._reading is None:
            self._reading = self._read()
        return self._reading.comment(path, kind)

    def set_comment(self, path: FieldPath, kind: Kind, comment: str) -> None:
        """Set a comment of a field; within an open edit, when that ends.

        Raises:
            SpliceError: there is no such field, or no comment can be there.
        """
        if self.is_open:
            self._later.append((path, kind, comment))
            return
        try:
            edited = self._read().with_comment(path, kind, comment)
        except SpliceError as err:
            raise SpliceError(err.what, where=self.where(err.where), hint=err.hint) from err
        if not self.data:
            self.data = self._item.load()
        self._take(edited.edits, edited.text, edited.notes)

    def write_out(self, outside: Mapping[str, Any]) -> None:
        """Write out what the item repeats of other items where that has changed; its data stay as they are.

        Args:
            outside: the data of the anchors before the item, as they are now.

        Raises:
            SpliceError: the text cannot be changed so.
            TextError: the item is not data.
        """
        try:
            edited = self._read().edited(outside=outside)
        except SpliceError as err:
            raise SpliceError(err.what, where=self.where(err.where), hint=err.hint) from err
        if not self.data:
            self.data = self._item.load()
        self._take(edited.edits, edited.text, edited.notes)

    def rewrite(self, data: Mapping[str, Any]) -> None:
        """Write the item anew, with the comments that find their fields again.

        Raises:
            SpliceError: an edit is open, or the data cannot be written as YAML.
        """
        if self.is_open:
            raise SpliceError("an edit is open; write the item anew behind it", where=self.where(""))
        margin, newline = self._item.margin, newline_of(self._item.whole.text)
        check(data)
        is_flow = self.text[content_start(self.text, margin, len(self.text))] == "{"
        message = "is written anew by ruamel.yaml: its comments stay, its layout may be another"
        text = None if is_flow else rewritten(_dedented(self.text, margin), data, _style(self.text))
        if text is None:
            message = "is written anew, without its comments"
            text = f"{flow_text(data, as_json=True)}" if is_flow else dump(data)
        text = " " * margin + newline.join(
            " " * margin + line if number and line else line
            for number, line in enumerate(text.rstrip("\n").split("\n"))
        )
        if not is_flow and self.text[-1:] in tuple(BREAKS):
            text += newline
        edits = (Edit(margin, len(self.text), text[margin:]),)
        self.data = plain(dict(data))
        self._take(edits, text, (EditNote((), message, "warning"),))

    def _read(self) -> Document:
        item = self._item
        return Document(
            self.text,
            floor=item.margin,
            newline=newline_of(item.whole.text),
            outside=item.outside_anchors() if item.borrows else None,
            name=item.whole.name,
            first_line=item.line,
        )

    def _take(self, edits: tuple[Edit, ...], text: str, notes: tuple[EditNote, ...]) -> None:
        self._reading = None
        self._edits = compose(self._edits, edits, len(self._original))
        self.text = text
        self.notes += notes

    def where(self, path: FieldPath | str) -> str:
        """The item and a path in it."""
        return f"{self._item.ref} {path if isinstance(path, str) else format_path(path)}".strip()

    def edits(self) -> list[Edit]:
        """The edits in the list's text."""
        shift = self._item.start - self._item.margin
        return [Edit(edit.start + shift, edit.end + shift, edit.replacement) for edit in self._edits]

    def results(self) -> list[Result]:
        """The notes as results."""
        item = self._item
        return [
            Result(
                note.message, note.severity, item.ref, Field(format_path(note.path)) if note.path else None, item.file
            )
            for note in self.notes
        ]


def _dedented(text: str, margin: int) -> str:
    """An item's lines as they are at the left edge."""
    return "".join(line[margin:] if not line[:margin].strip(" ") else line for line in text.splitlines(keepends=True))


def _style(text: str) -> Style:
    """The indentation of an item; one that is not data has the usual one."""
    try:
        return style_of(read(text))
    except TextError:
        return Style()


def _region_end(item: Item) -> int:
    """Behind the item's last line, and behind the comments below that are its own: those right of its dash."""
    text = item.whole.text
    if text[content_start(text, item.start, item.end)] == "{":
        return item.end
    before = text[line_start(text, item.start) : item.start].rstrip(" \t")
    column = len(before) - 1 if before.endswith("-") else item.column - 2
    return after_deeper_comments(text, after_line(text, item.end), column)


def refuse_overlap(item: Item, edits: list[Edit], others: list[Edit]) -> None:
    """Refuse edits of an item that concern the same text as edits of another kind.

    Raises:
        SpliceError: two overlap; it names the item and the paths of both.
    """
    for mine in edits:
        for other in others:
            if (mine.start < other.end and other.start < mine.end) or (
                mine.start == other.start and (mine.start == mine.end or other.start == other.end)
            ):
                paths = [_path_at(item, edit) for edit in (mine, other)]
                raise SpliceError(
                    f"two edits change the same text, one of {paths[0]} and one of {paths[1]}",
                    where=str(item.ref),
                    hint="make both with item.edit()",
                )


def _path_at(item: Item, edit: Edit) -> str:
    """The path of the field that an edit is about."""
    try:
        scalars = item.scalars()
    except ReportedError:
        return "a field"
    for scalar in scalars:
        if scalar.end >= edit.start:
            return format_path(scalar.path) or "the item"
    return format_path(scalars[-1].path) if scalars else "the item"
