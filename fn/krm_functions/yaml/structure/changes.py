"""What a difference is made of: entries that are new or leave their place, and the place of a value."""

from typing import Any, Literal, NamedTuple

from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.structure.tree import Entry


class EditNote(NamedTuple):
    """Something that an edit had to do beside what it was asked for."""

    path: FieldPath
    message: str
    severity: Literal["info", "warning"] = "info"


class Fresh(NamedTuple):
    """A new entry: its key (None in a list) and its value."""

    key: str | None
    value: Any


class Moved(NamedTuple):
    """An entry that leaves its place, with the data that are wanted in it, and its text with these data."""

    entry: Entry
    value: Any
    text: str


class Place(NamedTuple):
    """Where a value is.

    Attributes:
        entry: the entry that it is the value of; None at the root.
        column: of that entry's collection; -1 at the root.
        in_list: whether the entry is an item.
        flow: whether it is in a flow collection.
        path: its path.
    """

    entry: Entry | None
    column: int
    in_list: bool
    flow: bool
    path: FieldPath


ROOT = Place(None, -1, False, False, ())
