"""What a kustomization is made of, as far as files go: its resources, components, bases and patches, recursively.

kustomize hands a function resources without comments. The comments are still in the files, and the function runs in the
directory of the kustomization that declares it, so the files can be found again.

Nothing is read outside *root*, however a link or a ``../..`` leads there; remote entries are named and not fetched.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from imagesetter.fields.field import ImagesEntry, Location
from imagesetter.fields.kustomize_entries import (
    CONFIGURATIONS,
    inline_configurations,
    mappings,
    named_in,
    other_entries,
    texts,
)
from imagesetter.fields.report import report
from imagesetter.files.read import read_inside
from imagesetter.flux.kustomization_file import FILE_NAMES, read_kustomization
from krm_functions.errors import ReportedError
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_all
from krm_functions.yaml.scan import NEEDLE

Role = Literal["resource", "patch", "kustomization"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a kustomization.

    ``target`` is the patch target of the kustomization entry, where one is written.
    """

    path: Path
    shown: str
    role: Role
    target: Mapping[str, Any] | None = None


class OtherFile(NamedTuple):
    """A file that is neither a resource nor a patch, and the key of the kustomization that names it."""

    path: Path
    shown: str
    key: str


class Step(NamedTuple):
    """Something that a kustomization does to the fields of its resources, but for ``images:``.

    ``file`` is a patch with its target, whose text is ``inline`` where it is in the kustomization itself; ``data``
    are the labels, annotations or replacements that are written there.
    """

    kustomization: Path
    kind: Literal["patch", "labels", "annotations", "replacements"]
    file: SourceFile
    inline: str = ""
    data: Any = None


@dataclass(slots=True)
class Sources:
    """All files of a kustomization, each once, and what could not be followed."""

    root: Path
    """Nothing outside this directory was read."""
    files: list[SourceFile] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    images: dict[Path, list[ImagesEntry]] = field(default_factory=dict)
    """The ``images:`` of each kustomization that has some."""
    steps: list[Step] = field(default_factory=list)
    """What kustomizations do to fields, in the order in which kustomize does it."""
    others: list[OtherFile] = field(default_factory=list)
    """Files that kustomize reads and the scan does not."""
    entries: list[Path] = field(default_factory=list)
    """Every local entry as it is written, links not followed; also those that lead out of the root."""
    contents: dict[Path, list[Path]] = field(default_factory=dict)
    """What each kustomization consists of: resource files, and other kustomizations. The outermost comes last."""
    component: str = ""
    """How the outermost kustomization is shown, if it is a component: then the scan sees nothing of its hosts."""
    hosts: dict[Path, list[Path]] = field(default_factory=dict)
    """The kustomizations that include a component: what they have, it works on."""

    _ways: dict[Path, tuple[set[Path], set[Path]]] = field(default_factory=dict, repr=False)

    def ways(self, path: Path) -> tuple[set[Path], set[Path]]:
        """What one kustomization's transformers work on, and what is in the build by a way past it; kept."""
        if path not in self._ways:
            self._ways[path] = self.reach(path), self.beyond(path)
        return self._ways[path]

    def shown(self, path: Path) -> str:
        """How a file is called for people."""
        return next((file.shown for file in self.files if file.path == path), str(path))

    def reach(self, *kustomizations: Path) -> set[Path]:
        """The files and kustomizations whose resources the transformers of some kustomizations work on."""
        return self._below([host for each in kustomizations for host in self.hosts.get(each) or [each]])

    def beyond(self, *kustomizations: Path) -> set[Path]:
        """What is in the build by a way that leads past all of some kustomizations."""
        passed = {host for each in kustomizations for host in self.hosts.get(each) or [each]}
        return self._below([path for path in list(self.contents)[-1:] if path not in passed], passed)

    def _below(self, waiting: list[Path], passed: Collection[Path] = ()) -> set[Path]:
        reached: set[Path] = set()
        while waiting:
            path = waiting.pop()
            if path not in reached and path not in passed:
                reached.add(path)
                waiting += self.contents.get(path, ())
        return reached


def find_kustomization(directory: Path) -> Path | None:
    """The kustomization file of a directory, or None."""
    return next((directory / name for name in FILE_NAMES if (directory / name).is_file()), None)


def find_sources(directory: Path, root: Path, seen: Collection[Path] = ()) -> Sources:
    """The files of the kustomization in a directory.

    Args:
        directory: where the kustomization is.
        root: nothing outside this directory is read.
        seen: kustomizations that are not read again.
    """
    sources = Sources(root.resolve())
    seen = set(seen)
    # A stack and not a recursion: nobody bounds how deep kustomizations are nested.
    walks = [_walk(directory.resolve(), root.resolve(), sources, seen)]
    while walks:
        inner = next(walks[-1], None)
        if inner is None:
            walks.pop()
        else:
            walks.append(_walk(inner, root.resolve(), sources, seen))
    return sources


def _walk(directory: Path, root: Path, sources: Sources, seen: set[Path]) -> Iterator[Path]:
    """Take note of one kustomization; the directories of those in it, each to be walked before the next is asked."""
    path = find_kustomization(directory)
    if path is None or path in seen:
        return
    seen.add(path)
    if not path.resolve().is_relative_to(root):
        sources.outside.append(_shown(path, root))
        return
    _add(sources, SourceFile(path, _shown(path, root), "kustomization"))
    data = None
    with contextlib.suppress(ReportedError):  # kustomize says so better
        data = read_kustomization(read_inside(path, root), str(path))
    if data is None:
        return
    if len(seen) == 1 and data.get("kind") == "Component":
        sources.component = _shown(path, root)
    if images := list(_images(data)):
        sources.images[path] = images
    for key, entry in other_entries(data):
        found = _inside(directory, entry, root, sources)
        if found is not None:
            _add_others(directory, found, key, sources, seen)
    for key, text in inline_configurations(data):
        _add_named(directory, text, key, sources)
    own: list[Path] = []
    for key in ("resources", "bases", "components"):  # in the order in which kustomize works
        for entry in texts(data, key):
            found = _inside(directory, entry, root, sources)
            inner = find_kustomization(found) if found is not None and found.is_dir() else None
            if found is None:
                continue
            if inner is not None:
                own.append(inner)
                if key == "components":
                    sources.hosts.setdefault(inner, []).append(path)
                yield found
            elif found.is_file():
                own.append(found)
                _add(sources, SourceFile(found, _shown(found, root), "resource"))
    sources.contents[path] = own
    _add_steps(directory, path, data, sources)


def _add_steps(directory: Path, kustomization: Path, data: Mapping[str, Any], sources: Sources) -> None:
    """Take note of what a kustomization does, in kustomize's order (``configureBuiltinTransformers``)."""
    own = SourceFile(kustomization, sources.shown(kustomization), "patch", {})
    for key in ("patchesStrategicMerge", "patches", "labels", "commonAnnotations", "patchesJson6902", "replacements"):
        if key == "labels":
            pairs = [entry.get("pairs") for entry in mappings(data, key)] + [data.get("commonLabels")]
            sources.steps += [Step(kustomization, "labels", own, data=each) for each in pairs if each]
        elif key == "commonAnnotations" and data.get(key):
            sources.steps.append(Step(kustomization, "annotations", own, data=data[key]))
        elif key == "replacements":
            for each in _replacements(directory, data, sources):
                sources.steps.append(Step(kustomization, "replacements", own, data=each))
        for name, inline, target in _patches(data, key):
            found = None if inline else _inside(directory, name, sources.root, sources)
            if inline:
                file = SourceFile(kustomization, own.shown, "patch", target)
                sources.steps.append(Step(kustomization, "patch", file, inline))
            elif found is not None and found.is_file():
                file = SourceFile(found, _shown(found, sources.root), "patch", target)
                _add(sources, file)
                sources.steps.append(Step(kustomization, "patch", file))


def _replacements(directory: Path, data: Mapping[str, Any], sources: Sources) -> Iterator[Mapping[str, Any]]:
    """The replacements of a kustomization, those in files of their own as well."""
    for entry in mappings(data, "replacements"):
        if not isinstance(entry.get("path"), str):
            yield entry
            continue
        with contextlib.suppress(ReportedError, OSError):
            text = decode_text(read_inside(directory / entry["path"], sources.root)).text
            for document, _ in load_all(text):
                every = document if isinstance(document, list) else [document]
                yield from (each for each in every if isinstance(each, Mapping))


def _add(sources: Sources, file: SourceFile) -> None:
    if file not in sources.files:
        sources.files.append(file)


def _patches(data: Mapping[str, Any], key: str) -> Iterator[tuple[str, str, Mapping[str, Any] | None]]:
    """Path or text of each patch under a key, and its target where one is written."""
    if key == "patchesStrategicMerge":
        yield from (("", entry, None) if "\n" in entry else (entry, "", None) for entry in texts(data, key))
    elif key in ("patches", "patchesJson6902"):
        for entry in mappings(data, key):
            target = entry.get("target")
            for name in ("path", "patch"):
                if isinstance(entry.get(name), str):
                    path, inline = (entry[name], "") if name == "path" else ("", entry[name])
                    yield path, inline, target if isinstance(target, Mapping) else None
                    break


def _images(data: Mapping[str, Any]) -> Iterator[ImagesEntry]:
    """One for each entry; an entry that kustomize refuses gets an empty name."""
    entries = data.get("images")
    for entry in entries if isinstance(entries, list) else ():
        written = entry if isinstance(entry, Mapping) else {}
        yield ImagesEntry(*(str(written.get(key) or "") for key in ("name", "newName", "newTag", "digest")))


def _add_others(directory: Path, path: Path, key: str, sources: Sources, seen: Collection[Path]) -> None:
    """Take note of a file that is neither resource nor patch, of what it names, and of all that a folder holds."""
    root = sources.root
    if path.is_file():
        other = OtherFile(path, _shown(path, root), key)
        if other in sources.others:
            return
        sources.others.append(other)
        if key in CONFIGURATIONS:
            with contextlib.suppress(ReportedError, OSError):
                _add_named(directory, decode_text(read_inside(path, root), name=other.shown).text, key, sources)
    elif find_kustomization(path) is not None:
        inner = find_sources(path, root, seen)
        sources.others += [OtherFile(file.path, file.shown, key) for file in inner.files]
        sources.others += inner.others
        sources.entries += inner.entries
        sources.remote += inner.remote
    elif path.is_dir():
        files = (found for found in sorted(path.rglob("*")) if found.is_file() and not found.is_symlink())
        sources.others += [OtherFile(found, _shown(found, root), key) for found in files]


def _add_named(directory: Path, text: str, key: str, sources: Sources) -> None:
    """Take note of the files that a generator or a transformer names, by whatever field: those that exist."""
    for name in named_in(text):
        path = directory / name
        with contextlib.suppress(OSError, ValueError):
            if path.is_file() and path.resolve().is_relative_to(sources.root):
                sources.entries.append(path)
                other = OtherFile(path.resolve(), _shown(path.resolve(), sources.root), key)
                if other not in sources.others:
                    sources.others.append(other)


def _inside(directory: Path, entry: str, root: Path, sources: Sources) -> Path | None:
    """The path of a local entry, or None: remote and outside ones are noted."""
    path = directory / entry
    try:
        sources.entries.append(path)
        there, real = path.exists(), path.resolve()
    except (OSError, ValueError, RuntimeError):
        return None  # too long, a NUL in it, links in a circle: kustomize itself refuses it, and says so better
    if "://" in entry or (not there and ("?" in entry or entry.startswith(("git@", "github.com", "git::")))):
        sources.remote.append(entry)
        return None
    if not real.is_relative_to(root):
        sources.outside.append(entry)
        return None
    return real


def not_scanned(sources: Sources, *, others: bool = True) -> Iterator[Result]:
    """What is said about the entries that were not scanned for markers; of the other files only where that is asked."""
    tags = {"error": "NotScanned"}
    for entry in dict.fromkeys(sources.remote):
        message = f"{entry} is remote and was not scanned for markers; name its fields in spec.targets"
        yield report("info", message, tags=tags)
    for entry in dict.fromkeys(sources.outside):
        message = f"{entry} lies outside the repository and was not scanned for markers"
        if not (sources.root / ".git").exists():
            message = (
                f"{entry} lies outside of {sources.root.name}/, and was not scanned for markers; without a Git "
                "repository nothing outside of the kustomization's own folder is"
            )
        yield report("warning", message, tags=tags)
    scanned = {file.path for file in sources.files}
    for other in dict.fromkeys(sources.others) if others else ():
        try:
            data = b"" if other.path in scanned else read_inside(other.path, sources.root)
        except (ReportedError, OSError):
            continue  # kustomize says so better
        before, needle, _ = data.partition(NEEDLE.encode())
        if needle:
            message = (
                f"markers in a file of {other.key} are not followed; write the value into a resource and mark it there"
            )
            yield report("warning", message, Location(file=other.shown, line=before.count(b"\n") + 1), tags=tags)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
