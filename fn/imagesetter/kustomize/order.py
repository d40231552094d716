"""Which files of a build kustomize has read when it runs a function, and which it reads later.

A function works on the resources of the layers below it. What layers above it patch, generate or add is not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from imagesetter.fields.kustomization import Sources, find_kustomization, find_sources
from imagesetter.kustomize.copy import SourceTree
from imagesetter.update.plan import Change


def changes_after(tree: SourceTree, changes: Sequence[Change], folders: Iterable[Path]) -> list[Change]:
    """The changes in files that kustomize reads after every function of ours.

    Args:
        tree: of the outermost kustomization.
        changes: in its files.
        folders: of the kustomizations that declare our functions.
    """
    (sources,) = tree.found
    read = {path for folder in folders for path in _read_before(sources, folder)}
    return [change for change in changes if Path(change.field.location.file).resolve() not in read]


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
