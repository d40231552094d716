"""A planned change of a file: which bytes change, and by what the file is known again.

All changes of a run are known before the first one is made, and a fleet has tens of thousands of files. So a plan holds
what differs, not the files; they are read anew when they are written or shown, and one that has changed is refused.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from imagesetter.errors import FileChangedError
from imagesetter.files.read import read_again


def fingerprint(data: bytes) -> int:
    """A number by which this process knows bytes again: 64 bits, made with a key that each process chooses anew."""
    return hash(data)


class ByteEdit(NamedTuple):
    """One replacement: the bytes at an offset, and the bytes that replace them."""

    start: int
    old: bytes
    new: bytes


class Rewrite(NamedTuple):
    """A file, the fingerprint of the bytes that it held, and what changes in them: edits in order, none overlapping."""

    name: str
    fingerprint: int
    edits: tuple[ByteEdit, ...]

    @classmethod
    def whole(cls, name: str | Path, before: bytes, after: bytes) -> "Rewrite":
        """A file all of whose bytes are replaced, or one that does not exist yet (*before* is empty)."""
        return cls(str(name), fingerprint(before), (ByteEdit(0, before, after),))

    @property
    def path(self) -> Path:
        """The file's path; a path object takes as much memory as all the rest, so it is not kept."""
        return Path(self.name)

    def after(self, before: bytes) -> bytes:
        """What becomes of the file's bytes.

        Raises:
            FileChangedError: these are not the bytes from which the plan was made.
        """
        if fingerprint(before) != self.fingerprint:
            raise changed(self.name)
        return _replaced(before, self.edits)

    def before(self, after: bytes) -> bytes:
        """What the file held, from what it holds since it was written.

        Raises:
            FileChangedError: these are not the bytes that the plan makes.
        """
        back, shift = [], 0
        for start, old, new in self.edits:
            if not after.startswith(new, start + shift):
                raise changed(self.name)
            back.append(ByteEdit(start + shift, new, old))
            shift += len(new) - len(old)
        before = _replaced(after, back)
        if fingerprint(before) != self.fingerprint:
            raise changed(self.name)
        return before

    def versions(self) -> tuple[bytes, bytes]:
        """The file's bytes before and after, whether it has been written or not.

        Raises:
            FileChangedError: it holds neither.
            InputError: it cannot be read.
        """
        first = self.edits[0]
        if len(self.edits) == 1 and fingerprint(first.old) == self.fingerprint:
            return first.old, first.new
        held = read_again(self.name)
        if fingerprint(held) == self.fingerprint:
            return held, self.after(held)
        return self.before(held), held


def changed(name: str) -> FileChangedError:
    """The error for a file that another program has changed."""
    message = "changed on disk while imagesetter was running; it was not written"
    return FileChangedError(message, where=name, hint="run it again")


def _replaced(data: bytes, edits: Iterable[ByteEdit]) -> bytes:
    parts: list[bytes] = []
    done = 0
    for start, old, new in edits:
        parts += (data[done:start], new)
        done = start + len(old)
    return b"".join((*parts, data[done:]))
