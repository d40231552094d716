"""Lists of flat mappings ("records") in a block-style text, brought up to date in place: every comment stays.

For files that a program keeps and people comment in, such as a lock file. A record whose fields are equal keeps its
lines; a changed field changes its scalar alone; a new record takes the place that the order gives it; a record that is
gone takes its lines with it, but not the comment lines among them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from krm_functions.errors import TextError
from krm_functions.yaml.edits import Edit, splice
from krm_functions.yaml.emit import one_line
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.load import load
from krm_functions.yaml.quoting import render_scalar
from krm_functions.yaml.scan import scalars
from krm_functions.yaml.scan_result import Scalar

Record = Mapping[str, str | int]
"""One flat mapping; the order of its keys is the order in which a new one is written."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A record in the text: its scalars by field, and the lines it takes."""

    fields: dict[str, Scalar]
    first_line: int
    last_line: int
    indent: int


@dataclass(slots=True)
class _Lines:
    """A text by lines; edits are collected and applied at once."""

    text: str
    starts: list[int] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A new line by \n alone: offsets are mapped here, so YAML's rarer line breaks need not be known.
        self.starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        if self.starts[-1] != len(self.text):
            self.starts.append(len(self.text))

    def line(self, number: int) -> str:
        """A line by its number from 1, without its line break."""
        return self.text[self.starts[number - 1] : self.starts[number]].rstrip("\r\n")

    def number_at(self, offset: int) -> int:
        """The number of the line that an offset is on; an empty scalar at the very end is on the last one."""
        return max(min(bisect_right(self.starts, offset), len(self.starts) - 1), 1)

    def insert(self, before: int, block: str) -> None:
        """Put whole lines before a line; one beyond the last line appends."""
        at = self.starts[before - 1]
        lead = "" if not at or self.text[at - 1] == "\n" else "\n"
        self.edits.append(Edit(at, at, lead + block))

    def delete(self, number: int) -> None:
        """Take a line out."""
        self.edits.append(Edit(self.starts[number - 1], self.starts[number], ""))


def update_records(
    text: str,
    path: FieldPath,
    records: Sequence[Record],
    *,
    identity: Callable[[Mapping[str, str]], object],
) -> str:
    """The text with the list at *path* holding exactly these records, in this order where they are new.

    Args:
        text: one document in block style.
        path: keys to the list, such as ``("spec", "entries")``; the mapping around it has to be there.
        records: what the list shall hold, sorted as it shall be.
        identity: what makes two records the same one, though their fields differ.

    Raises:
        TextError: the list is not written as a block list of flat block mappings; nothing can be kept then.
    """
    if "\r\n" in text:
        plain = text.replace("\r\n", "\n")
        updated = update_records(plain, path, records, identity=identity)
        return text if updated == plain else updated.replace("\n", "\r\n")
    found = _records(text, path)
    wanted = {identity(_as_text(record)): record for record in records}
    if not wanted and not found:
        return text
    if not found:
        return _checked(_new_list(text, path, records), path, records)
    lines = _Lines(text)
    known = {identity({name: scalar.value for name, scalar in each.fields.items()}): each for each in found}
    for key, each in known.items():
        if key in wanted:
            _change(lines, each, wanted[key])
        else:
            _remove(lines, each)
    if not wanted:
        return _checked(_emptied(splice(text, lines.edits), path), path, records)
    order = list(wanted)
    indent = found[0].indent
    for number, key in enumerate(order):
        if key not in known:
            after = next((known[later] for later in order[number + 1 :] if later in known), None)
            line = _above(lines, after.first_line) if after else max(each.last_line for each in found) + 1
            lines.insert(line, _block(wanted[key], indent))
    return _checked(splice(text, _joined(lines.edits)), path, records)


def _joined(edits: Sequence[Edit]) -> list[Edit]:
    """Insertions at one offset become one, in the order in which they were made."""
    joined: list[Edit] = []
    for edit in sorted(edits, key=lambda each: (each.start, each.end > each.start)):
        if joined and joined[-1].start == joined[-1].end == edit.start:
            joined[-1] = Edit(edit.start, edit.end, joined[-1].replacement + edit.replacement)
        else:
            joined.append(edit)
    return joined


def _as_text(record: Record) -> dict[str, str]:
    return {name: str(value) for name, value in record.items()}


def _records(text: str, path: FieldPath) -> list[_Found]:
    grouped: dict[int, dict[str, Scalar]] = {}
    for scalar in scalars(text):
        if scalar.path[: len(path)] != path or len(scalar.path) == len(path):
            continue
        match scalar.path[len(path) :]:
            case (int(number), str(name)):
                grouped.setdefault(number, {})[name] = scalar
            case _:
                raise TextError("not a list of flat mappings", where=f"line {scalar.line}")
    lines = _Lines(text)
    found = []
    for fields in grouped.values():
        first = min(fields.values(), key=lambda scalar: scalar.start)
        last = max(lines.number_at(scalar.end - 1) for scalar in fields.values())
        first_line = lines.number_at(first.start)
        head = lines.line(first_line)
        dash = len(head) - len(head.lstrip(" "))
        if not head[dash:].startswith("- ") or "{" in head[dash : first.column]:
            raise TextError("a record is not in block style", where=f"line {first.line}")
        found.append(_Found(fields, first_line, last, dash))
    return found


def _above(lines: _Lines, number: int) -> int:
    """The line before which something goes that stands before a record: above the comments that belong to it."""
    while number > 1 and lines.line(number - 1).lstrip().startswith("#"):
        number -= 1
    return number


def _change(lines: _Lines, found: _Found, record: Record) -> None:
    for name, value in record.items():
        scalar = found.fields.get(name)
        if scalar is None:
            block = f"{' ' * (found.indent + 2)}{name}: {one_line(value)}\n"
            lines.insert(found.last_line + 1, block)
        elif scalar.value != str(value):
            text = str(value) if isinstance(value, int) else render_scalar(value, scalar, lines.text)
            lines.edits.append(Edit(scalar.start, scalar.end, text))
    for name, scalar in found.fields.items():
        if name not in record:
            number = lines.number_at(scalar.start)
            if number == found.first_line:
                raise TextError(f"the first field of a record, {name}, cannot go", where=f"line {number}")
            lines.delete(number)


def _remove(lines: _Lines, found: _Found) -> None:
    for number in range(found.first_line, found.last_line + 1):
        if not lines.line(number).lstrip().startswith("#"):
            lines.delete(number)


def _block(record: Record, indent: int) -> str:
    pad = " " * indent
    rows = [f"{name}: {one_line(value)}" for name, value in record.items()]
    return "".join(f"{pad}{'- ' if number == 0 else '  '}{row}\n" for number, row in enumerate(rows))


def _new_list(text: str, path: FieldPath, records: Sequence[Record]) -> str:
    """Write a list that is not there yet, or is ``[]``, behind what its mapping holds."""
    pad = "  " * (len(path) - 1)
    block = f"{pad}{path[-1]}:\n" + "".join(_block(record, len(pad) + 2) for record in records)
    head, rows = block.split("\n", 1)
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        found = re.match(rf"{re.escape(head)}(?: \[\])?(?P<comment>\s+#.*)?\s*$", line)
        if found:
            kept = f"{head}{(found['comment'] or '').rstrip()}\n"
            return "".join([*lines[:number], kept, rows, *lines[number + 1 :]])
    text = text if text.endswith("\n") else f"{text}\n"
    return f"{text}{block}"


def _emptied(text: str, path: FieldPath) -> str:
    """A list whose last record is gone: ``[]`` behind its key."""
    pad = "  " * (len(path) - 1)
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.split("#")[0].rstrip() == f"{pad}{path[-1]}:":
            lines[number] = line.replace(f"{path[-1]}:", f"{path[-1]}: []", 1)
            break
    return "".join(lines)


def _checked(text: str, path: FieldPath, records: Sequence[Record]) -> str:
    """The text, after reading it again: the list has to hold what was asked for.

    Raises:
        TextError: it does not.
    """
    data = load(text)
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    held = [_as_text(each) if isinstance(each, dict) else {} for each in data] if isinstance(data, list) else []
    if sorted(map(sorted, (each.items() for each in held))) != sorted(
        map(sorted, (_as_text(each).items() for each in records))
    ):
        raise TextError(f"{'.'.join(map(str, path))} cannot be brought up to date without losing its layout")
    return text
