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


def split_marked(marked: ScannedTree, sources: Sources, folder: Path) -> tuple[ScannedTree, ScannedTree]:
    """What a function works on, and what none of ours does though a layer above the function reads it.

    Args:
        marked: all marked files of the build.
        sources: of the outermost kustomization.
        folder: of the kustomization that declares the function.
    """
    mine = _read_before(sources, folder)
    followed = {path for each in _declaring(sources) for path in _read_before(sources, each)} | mine
    late = {Path(name).resolve() for name in marked.names} - followed
    return _only(marked, mine), _only(marked, late)


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
        inner = find_sources(start, sources.root)
        files |= {file.path.resolve() for file in inner.files} | {other.path.resolve() for other in inner.others}
    return files


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
        path = kustomization.parent / entry
        if "\n" in entry:
            yield entry
        elif path.is_dir():
            inner = find_sources(path, root)
            yield from (decode_text(read_inside(each.path, root)).text for each in inner.files)
        else:
            yield decode_text(read_inside(path, root)).text
