"""The lists of the lock, brought up to date in place: what people wrote beside them stays.

A record whose fields are equal keeps its lines; a changed field changes its scalar alone; a new record takes the place
that the order gives it; a record that is gone takes its lines with it, but not the comments on lines of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from krm_functions.errors import SpliceError, TextError
from krm_functions.yaml.field_path import FieldPath, format_path
from krm_functions.yaml.scan import scalars
from krm_functions.yaml.structure.document import Document

Record = Mapping[str, str | int]
"""One flat mapping; the order of its keys is the order in which a new one is written."""
Identity = Callable[[Mapping[str, str]], object]
"""What makes two records the same one, though their fields differ."""


def update_records(text: str, path: FieldPath, records: Sequence[Record], *, identity: Identity) -> str:
    """The text with the list at *path* holding exactly these records, in this order where they are new.

    Args:
        text: one document.
        path: keys to the list, such as ``("spec", "entries")``.
        records: what the list shall hold, sorted as it shall be.
        identity: what a record is known by.

    Raises:
        TextError: the list is none of flat mappings, or the text is not data.
    """
    document = Document(text, dash=2)
    parent: Any = document.data
    for depth, key in enumerate(path):
        if not isinstance(parent, dict):
            raise TextError("not a mapping", where=format_path(path[:depth]))
        if depth < len(path) - 1:
            if parent.get(str(key)) is None:
                parent[str(key)] = {}
            parent = parent[str(key)]
    name = str(path[-1])
    if not parent.get(name):
        if records:
            parent[name] = [dict(record) for record in records]
    else:
        _update(parent[name], _texts(text, path, parent[name]), records, identity)
    try:
        return document.edited(comments_stay=True).text
    except SpliceError as error:
        raise TextError(error.what, where=error.where) from error


def _texts(text: str, path: FieldPath, there: Any) -> list[dict[str, str]]:
    """The fields of each record as they are written: ``1.10`` is a tag, not a number."""
    if not isinstance(there, list) or not all(isinstance(each, dict) for each in there):
        raise TextError("not a list of mappings", where=format_path(path))
    found: list[dict[str, str]] = [{} for _ in there]
    for scalar in scalars(text):
        if scalar.path[: len(path)] == path:
            match scalar.path[len(path) :]:
                case (int(number), str(field)):
                    found[number][field] = scalar.value
                case _:
                    raise TextError("not a list of flat mappings", where=f"line {scalar.line}")
    return found


def _update(there: list[Any], texts: Sequence[dict[str, str]], records: Sequence[Record], identity: Identity) -> None:
    wanted = {identity({field: str(value) for field, value in record.items()}): record for record in records}
    known = {identity(fields): (record, fields) for record, fields in zip(there, texts, strict=True)}
    kept = [record for key, (record, _) in known.items() if key in wanted]
    for number in range(len(there) - 1, -1, -1):
        if not any(there[number] is each for each in kept):
            del there[number]
    order = list(wanted)
    for number, key in enumerate(order):
        record = wanted[key]
        if key in known:
            _change(*known[key], record)
            continue
        after = next((known[later][0] for later in order[number + 1 :] if later in known), None)
        at = next((at for at, each in enumerate(there) if each is after), len(there))
        there.insert(at, dict(record))


def _change(there: dict[str, Any], texts: Mapping[str, str], record: Record) -> None:
    for field in [field for field in there if field not in record]:
        del there[field]
    for field, value in record.items():
        if texts.get(field) != str(value):
            there[field] = value
