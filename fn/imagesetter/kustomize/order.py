"""Which files of a build kustomize has read when it runs a function, and which it reads later, or for another one.

A function works on the resources of the layers below it. What layers above it patch, generate or add is not there yet,
and what is beside it never comes to it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from imagesetter.fields.kustomization import Sources, find_kustomization, find_sources
from imagesetter.fields.kustomize_entries import texts
from imagesetter.files.read import read_inside
from imagesetter.flux.kustomization_file import read_kustomization
from imagesetter.update.read_tree import ScannedTree
from krm_functions.errors import ReportedError
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text

_NAME = "imagesetter"
"""What a transformer of ours says: its kind is ImageSetter, or a ConfigMap's annotation names the program or image."""


def split_marked(
    marked: ScannedTree, sources: Sources, folder: Path, *, is_outermost: bool
) -> tuple[ScannedTree, ScannedTree | None]:
    """What a function works on, and what none of ours does though kustomize reads it after the function.

    The second is None where the function works on everything.

    Args:
        marked: all marked files of the build.
        sources: of the outermost kustomization.
        folder: of the kustomization that declares the function.
        is_outermost: whether that is the outermost one.
    """
    names = {Path(name).resolve() for name in marked.names}
    if is_outermost:
        late = _read_after(folder, sources.root) & names
        return (_only(marked, names - late), _only(marked, late)) if late else (marked, None)
    mine = _read_before(sources, folder)
    followed = {path for each in _declaring(sources) for path in _read_before(sources, each)} | mine
    return _only(marked, mine), _only(marked, names - followed)


def is_about(result: Result, names: Collection[str] | None) -> bool:
    """Whether a result is about one of some files, or about none at all; None: any file will do."""
    if names is None or result.file is None:
        return True
    return Path(result.file.path).resolve() in {Path(name).resolve() for name in names}


def _only(marked: ScannedTree, files: set[Path]) -> ScannedTree:
    names = tuple(name for name in marked.names if Path(name).resolve() in files)
    return marked._replace(
        marked=tuple(file for file in marked.marked if file.path.resolve() in files),
        names=names,
        results=tuple(result for result in marked.results if is_about(result, names)),
    )


def _read_before(sources: Sources, folder: Path) -> set[Path]:
    """The files of a kustomization; of a component also those of the resources and components of its hosts."""
    waiting, starts, files = [find_kustomization(folder)], [folder], set[Path]()
    while waiting:
        for host in sources.hosts.get(waiting.pop() or folder, ()):
            waiting.append(host)
            for path in sources.contents.get(host, ()):
                if path in sources.contents:
                    starts.append(path.parent)
                else:
                    files.add(path)
    for start in dict.fromkeys(starts):
        files |= _below(start, sources.root)
    return files - _read_after(folder, sources.root)


def _read_after(folder: Path, root: Path) -> set[Path]:
    """The files of the transformers behind the last function of ours in a kustomization, and of its validators."""
    files, ours = set[Path](), set[Path]()
    with contextlib.suppress(ReportedError, OSError):  # kustomize says so better
        path = find_kustomization(folder)
        data = (read_kustomization(read_inside(path, root), str(path)) if path else None) or {}
        for entry in texts(data, "transformers"):
            if any(_NAME in text.lower() for text in _texts_of(folder, entry, root)):
                ours, files = ours | files | _files_of(folder, entry, root), set()
            else:
                files |= _files_of(folder, entry, root)
        for entry in texts(data, "validators"):
            files |= _files_of(folder, entry, root)
    return files - ours


def _files_of(folder: Path, entry: str, root: Path) -> set[Path]:
    """The files of an entry: none of an inline one."""
    path = folder / entry
    if "\n" in entry:
        return set()
    return _below(path, root) if path.is_dir() else {path.resolve()}


def _below(folder: Path, root: Path) -> set[Path]:
    """The files of a kustomization."""
    inner = find_sources(folder, root)
    return {file.path.resolve() for file in inner.files} | {other.path.resolve() for other in inner.others}


def _declaring(sources: Sources) -> Iterator[Path]:
    """The folders of the kustomizations that declare a function of ours."""
    for file in sources.files:
        if file.role == "kustomization":
            with contextlib.suppress(ReportedError, OSError):  # kustomize says so better
                if any(_NAME in text.lower() for text in _transformers(file.path, sources.root)):
                    yield file.path.parent


def _transformers(kustomization: Path, root: Path) -> Iterator[str]:
    """The texts of the transformers of a kustomization."""
    data = read_kustomization(read_inside(kustomization, root), str(kustomization))
    for entry in texts(data or {}, "transformers"):
        yield from _texts_of(kustomization.parent, entry, root)


def _texts_of(folder: Path, entry: str, root: Path) -> Iterator[str]:
    """The texts of an entry of ``transformers``."""
    path = folder / entry
    if "\n" in entry:
        yield entry
    elif path.is_dir():
        inner = find_sources(path, root)
        yield from (decode_text(read_inside(each.path, root)).text for each in inner.files)
    else:
        yield decode_text(read_inside(path, root)).text
