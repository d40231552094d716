"""What a kustomization is made of, as far as files go: its resources, components, bases and patches, recursively.

kustomize hands a function resources without comments. The comments are still in the files, and the function runs in the
directory of the kustomization that declares it, so the files can be found again.

Nothing is read outside *root*, however a link or a ``../..`` leads there; remote entries are named and not fetched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from imagesetter.fields.field import ImagesEntry, Location
from imagesetter.fields.report import report
from imagesetter.files.read import read_inside
from krm_functions.errors import ReportedError
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import NEEDLE

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
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
    patches: dict[Path, list[Path]] = field(default_factory=dict)
    """The kustomizations that list a patch file."""
    unscanned: list[tuple[Path, str, str]] = field(default_factory=list)
    """Files that kustomize reads and the scan does not: path, how it is shown, the key that names it."""
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


def find_sources(directory: Path, root: Path) -> Sources:
    """The files of the kustomization in a directory.

    Args:
        directory: where the kustomization stands.
        root: nothing outside this directory is read.
    """
    sources = Sources(root.resolve())
    seen: set[Path] = set()
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
    try:
        data = load(decode_text(read_inside(path, root), name=str(path)).text, name=str(path))
    except ReportedError:
        return  # kustomize itself refuses such a file, and says so better
    if not isinstance(data, Mapping):
        return
    if len(seen) == 1 and data.get("kind") == "Component":
        sources.component = _shown(path, root)
    if images := list(_images(data)):
        sources.images[path] = images
    for key, entry in _unscanned(data):
        found = _inside(directory, entry, root, sources)
        if found is not None and found.is_file():
            sources.unscanned.append((found, _shown(found, root), key))
    own: list[Path] = []
    for key in ("resources", "bases", "components"):  # in the order in which kustomize works
        for entry in _texts(data, key):
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
    for entry, target in _patches(data):
        found = _inside(directory, entry, root, sources)
        if found is not None and found.is_file():
            _add(sources, SourceFile(found, _shown(found, root), "patch", target))
            sources.patches.setdefault(found, []).append(path)


def _add(sources: Sources, file: SourceFile) -> None:
    if file not in sources.files:
        sources.files.append(file)


def _texts(data: Mapping[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        entries = data.get(key)
        yield from (entry for entry in entries if isinstance(entry, str)) if isinstance(entries, list) else ()


def _patches(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    yield from ((entry, None) for entry in _texts(data, "patchesStrategicMerge") if "\n" not in entry)
    for key in ("patches", "patchesJson6902"):
        entries = data.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and isinstance(entry.get("path"), str):
                target = entry.get("target")
                yield entry["path"], target if isinstance(target, Mapping) else None


def _images(data: Mapping[str, Any]) -> Iterator[ImagesEntry]:
    """One for each entry; an entry that kustomize refuses gets an empty name."""
    entries = data.get("images")
    for entry in entries if isinstance(entries, list) else ():
        written = entry if isinstance(entry, Mapping) else {}
        yield ImagesEntry(*(str(written.get(key) or "") for key in ("name", "newName", "newTag", "digest")))


def _unscanned(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The local files of generators, charts and transformers: key and path."""
    for key in ("configMapGenerator", "secretGenerator", "helmCharts"):
        entries = data.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping):
                for name in _texts(entry, "files", "additionalValuesFiles"):
                    yield key, name.partition("=")[2] or name
                if isinstance(entry.get("valuesFile"), str):
                    yield key, entry["valuesFile"]
    for key in ("generators", "transformers"):
        yield from ((key, entry) for entry in _texts(data, key) if "\n" not in entry)


def _inside(directory: Path, entry: str, root: Path, sources: Sources) -> Path | None:
    """The path of a local entry, or None: remote and outside ones are noted."""
    path = directory / entry
    try:
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


def not_scanned(sources: Sources) -> Iterator[Result]:
    """What is said about the entries that were not scanned for markers."""
    tags = {"error": "NotScanned"}
    for entry in dict.fromkeys(sources.remote):
        message = f"{entry} is remote and was not scanned for markers; name its fields in spec.targets"
        yield report("info", message, tags=tags)
    for entry in dict.fromkeys(sources.outside):
        yield report("warning", f"{entry} lies outside the repository and was not scanned for markers", tags=tags)
    scanned = {file.path for file in sources.files}
    for path, shown, key in dict.fromkeys(sources.unscanned):
        try:
            data = b"" if path in scanned else read_inside(path, sources.root)
        except (ReportedError, OSError):
            continue  # kustomize says so better
        before, needle, _ = data.partition(NEEDLE.encode())
        if needle:
            message = f"markers in a file of {key} are not followed; write the value into a resource and mark it there"
            yield report("warning", message, Location(file=shown, line=before.count(b"\n") + 1), tags=tags)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
