"""Files and folders as a ResourceList, for whoever runs a function by hand.

Each document that is a resource becomes an item: its lines, comments included, indented by two blanks below a dash.
What the function gives back is outdented again, so a file keeps each byte of a document that the function left alone,
and everything between the documents. Documents that are not resources (values of a chart, fragments) are not items.

Line ends: a file of CRLF throughout is read as LF and written as CRLF; every other mixture stays as it is.
"""

import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from krm_functions import annotations as notes
from krm_functions.errors import InputError, ReportedError, UsageError
from krm_functions.item import Item
from krm_functions.resource_list import ResourceList
from krm_functions.result import File, Result
from krm_functions.yaml.comments import BREAK, BREAKS
from krm_functions.yaml.documents import is_boundary
from krm_functions.yaml.emit import dump
from krm_functions.yaml.encoding import decode_text, encode_text
from krm_functions.yaml.insertion import is_open
from krm_functions.yaml.load import load

_SUFFIXES = (".yaml", ".yml", ".json")
_LINE = re.compile(rf"[^{BREAKS}]*(?:{BREAK}|\Z)")
_NOTHING = re.compile(rf"(?:[ \t{BREAKS}]|#[^{BREAKS}]*|(?<![^{BREAKS}])%[^{BREAKS}]*)*")
_BARE_MARK = re.compile(rf"(?:---|\.\.\.)[ \t]*(?:#[^{BREAKS}]*)?(?:{BREAK}|\Z)")
_HEADER = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"


class Stretch(NamedTuple):
    """A stretch of a file's text: a resource, or what is between two of them."""

    text: str
    is_resource: bool
    list_line: int = 0
    """The line of a List, whose items are not read; else 0."""


class Source(NamedTuple):
    """A file that was read.

    Attributes:
        path: where it is.
        name: what an item's ``path`` calls it: relative to the folder that was named.
        data: its bytes.
        bom: whether it begins with a byte order mark.
        crlf: whether all its lines end in CRLF.
        parts: all of its text.
    """

    path: Path
    name: str
    data: bytes
    bom: bool
    crlf: bool
    parts: tuple[Stretch, ...]

    def with_texts(self, texts: Iterable[str | None]) -> bytes | None:
        """The file's bytes with other texts for its resources; None for a resource that goes, and for a file of none.

        A document goes with the ``---`` before it, the first one with the one behind it.
        """
        given = iter(texts)
        kept: list[str] = []
        skip_mark = left = False
        for part in self.parts:
            text = next(given) if part.is_resource else part.text
            if text is None:
                mark = bool(kept) and is_boundary(kept[-1], 0) and kept[-1][0] == "-"
                skip_mark = not mark
                if mark:
                    kept.pop()
                continue
            if skip_mark and is_boundary(text, 0):
                skip_mark = False
                continue
            left = left or part.is_resource or not _is_nothing(text)
            kept.append(text)
        if not left:
            return None
        text = "".join(kept)
        return encode_text(text.replace("\n", "\r\n") if self.crlf else text, bom=self.bom)


class FileChange(NamedTuple):
    """What a file is to hold; *before* is None for a new file, *after* for one that goes."""

    path: Path
    before: bytes | None
    after: bytes | None


class Folder:
    """Files as a ResourceList.

    Attributes:
        sources: the files.
        problems: warnings about files that are left alone because they cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read files, and the YAML and JSON files below folders, but for hidden folders.

        Raises:
            UsageError: a path does not exist, or a file that was named cannot be read.
        """
        self.problems: list[Result] = []
        self.sources: list[Source] = []
        self._root = next((path for path in paths if path.is_dir()), paths[0].parent)
        seen: set[Path] = set()
        for path, name, named in _found(paths):
            real = path.resolve()
            if real in seen:
                continue
            seen.add(real)
            try:
                self.sources.append(_read(path, name))
            except ReportedError as err:
                if named:
                    raise UsageError(err.what, where=err.where, hint=err.hint) from err
                left = InputError(err.what, where=err.where, hint="the file is left alone")
                self.problems.append(Result.from_error(left, severity="warning"))

        for source in self.sources:
            for line in [part.list_line for part in source.parts if part.list_line]:
                left = InputError(
                    "is a List, whose items are left alone",
                    where=f"{source.path}:{line}",
                    hint="write them as documents of their own, with --- between them",
                )
                self.problems.append(Result.from_error(left, severity="warning"))

    def resources(self, function_config: Mapping[str, Any] | None, needle: str = "") -> tuple[ResourceList, bytes]:
        """The list, and its text."""
        entries: list[str] = []
        files: dict[int, File] = {}
        for source in self.sources:
            index = 0
            for part in source.parts:
                if part.is_resource:
                    files[len(entries)] = File(source.name, index)
                    entries.append("-\n" + _indented(part.text))
                    index += 1
        text = _HEADER + ("items:\n" + "".join(entries) if entries else "items: []\n")
        data = text.encode()
        resources = ResourceList.parse(data, needle=needle, name="the files")
        resources.whole.files = files
        resources.function_config = dict(function_config) if function_config is not None else None
        return resources, data

    def changes(
        self, resources: ResourceList, answer: bytes, given: Sequence[Item | Mapping[str, Any]] | None
    ) -> list[FileChange]:
        """What has to be written so that the files hold what a function gave back.

        Args:
            resources: the list that was read.
            answer: the list that was given back, as text.
            given: its items: those of the list that was read, and new ones; None where it has those that were read.

        Raises:
            InputError: a new resource has no valid path or would overwrite a file; or an item was given back twice.
        """
        texts: dict[int, str] = {}
        new: list[str] = []
        for entry, text in zip(resources.items if given is None else given, _entries(answer.decode()), strict=True):
            if not isinstance(entry, Item) or entry.whole is not resources.whole:
                new.append(text)
            elif entry.number in texts:
                raise InputError("the function gave it back twice", where=str(entry.ref))
            else:
                texts[entry.number] = text
        found, number = [], 0
        for source in self.sources:
            wanted = []
            for part in source.parts:
                if part.is_resource:
                    wanted.append(_as_before(part.text, texts.get(number), str(source.path)))
                    number += 1
            after = source.with_texts(wanted)
            if after != source.data:
                found.append(FileChange(source.path, source.data, after))
        return [*found, *(self._new_file(text, found) for text in new)]

    def _new_file(self, text: str, others: Sequence[FileChange]) -> FileChange:
        data = load(text)
        assert isinstance(data, dict), "an entry that is no Item is a mapping"
        metadata = data.get("metadata") or {}
        given: dict[str, Any] = metadata.get("annotations") or {}
        folder = f"{metadata['namespace']}/" if metadata.get("namespace") else ""  # as kpt has it
        name = notes.path(given) or f"{folder}{data.get('kind', '')}_{metadata.get('name', '')}.yaml".lower()
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or pure.suffix not in _SUFFIXES or pure.stem.strip("_") == "":
            raise InputError(
                "is not a valid path for a new resource", where=name, hint="use one such as web/deploy.yaml"
            )
        if any(map(notes.is_internal, given)):
            kept = {key: value for key, value in given.items() if not notes.is_internal(key)}
            metadata.pop("annotations")
            data["metadata"] = {**metadata, "annotations": kept} if kept else metadata
            text = dump(data)
        path = self._root / pure
        if path.exists() or any(path == other.path and other.after for other in others):
            raise InputError("exists already; the new resource is not written", where=str(path))
        return FileChange(path, None, text.encode())


def write(changes: Sequence[FileChange]) -> None:
    """Make changes, each file at once: a reader sees the old bytes or the new ones.

    Raises:
        InputError: a file has changed since it was read, and nothing is written; or a file cannot be written, and those
            before it are.
    """
    for path, before, _ in changes:
        if before is not None and (not path.is_file() or path.read_bytes() != before):
            raise InputError("changed while the function was running; nothing was written", where=str(path))
    for path, before, after in changes:
        try:
            if after is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                _replace(
                    path.resolve(), after, 0o666 & ~_umask() if before is None else stat.S_IMODE(path.stat().st_mode)
                )
        except OSError as err:
            raise InputError(f"cannot be written: {err.strerror}", where=str(path)) from err


def _replace(path: Path, data: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _found(paths: Iterable[Path]) -> Iterator[tuple[Path, str, bool]]:
    """(file, its name for items, whether it was named itself)"""
    for path in paths:
        if not path.exists():
            raise UsageError("does not exist", where=str(path))
        if not path.is_dir():
            yield path, path.name, True
            continue
        root = path.resolve()
        for folder, folders, names in os.walk(path, onerror=_refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder, name)
                wanted = name.endswith(_SUFFIXES) or name == "Kptfile"
                if wanted and file.is_file() and file.resolve().is_relative_to(root):
                    yield file, file.relative_to(path).as_posix(), False


def _refuse(err: OSError) -> None:
    raise UsageError(f"cannot be read: {err.strerror}", where=str(err.filename)) from err


def _read(path: Path, name: str) -> Source:
    """A file and its parts.

    Raises:
        InputError: it cannot be read, or a resource is on the line of its ``---``.
        TextError: it is not UTF-8, or not YAML.
    """
    try:
        data = path.read_bytes()
    except OSError as err:
        raise InputError(f"cannot be read: {err.strerror}", where=str(path)) from err
    source = decode_text(data, name=str(path))
    text = source.text.replace("\r\n", "\n")
    crlf = "\r\n" in source.text and text.replace("\n", "\r\n") == source.text and "\r" not in text
    return Source(path, name, data, source.bom, crlf, tuple(_parts(text if crlf else source.text, str(path))))


def _parts(text: str, name: str) -> Iterator[Stretch]:
    gathered: list[str] = []
    first = 1
    for number, found in enumerate(_LINE.findall(text), 1):
        if not is_boundary(found, 0):
            gathered.append(found)
            continue
        yield from _part("".join(gathered), name, first)
        if not _BARE_MARK.fullmatch(found):
            hint = "put it on a line of its own"
            raise InputError("a document begins on the line of its ---", where=f"{name}:{number}", hint=hint)
        yield Stretch(found, False)
        gathered, first = [], number + 1
    yield from _part("".join(gathered), name, first)


def _part(text: str, name: str, line: int) -> Iterator[Stretch]:
    if text:
        data = None if _is_nothing(text) else load(text, name=name, first_line=line)
        fields: dict[str, Any] = data if isinstance(data, dict) else {}
        is_resource = all(isinstance(fields.get(key), str) and fields[key] for key in ("apiVersion", "kind"))
        is_list = is_resource and fields["kind"] == "List" and isinstance(fields.get("items"), list)
        yield Stretch(text, is_resource and not is_list, line if is_list else 0)


def _is_nothing(text: str) -> bool:
    return _NOTHING.fullmatch(text) is not None or _BARE_MARK.fullmatch(text) is not None


def _indented(text: str) -> str:
    lines = [f"  {line}" if line.strip(BREAKS) else line for line in _LINE.findall(text)]
    return "".join(lines) + ("" if text[-1] in BREAKS else "\n")


def _entries(text: str) -> Iterator[str]:
    """The items of a list that `Folder.resources` made, outdented."""
    lines: list[str] = []
    inside = False
    for line in _LINE.findall(text.partition("\nitems:")[2]):
        if line.startswith("-"):
            if inside:
                yield "".join(lines)
            inside, lines = True, []
            line = line[1:].lstrip(" ")
            if not line.strip(BREAKS):
                continue
        elif inside and line.startswith("  "):
            line = line[2:]
        lines.append(line)
    if inside:
        yield "".join(lines)


def _as_before(old: str, new: str | None, name: str) -> str | None:
    """The new text of a document, ended as the old one.

    Raises:
        InputError: it ended inside a block scalar that is no longer last: a line end would become part of the value.
    """
    if new is None or old[-1] in BREAKS:
        return new
    if is_open(old) and new.splitlines()[-1:] != old.splitlines()[-1:]:
        raise InputError(
            "ends inside a block scalar that is no longer the last value", where=name, hint="end its last line"
        )
    return new.removesuffix("\n")
