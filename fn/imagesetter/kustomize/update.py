"""The marked fields in the files that kustomize reads follow their policies, in a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from imagesetter.fields.kustomization import not_scanned
from imagesetter.files.find import IGNORE_FILE, display_path, find_names, is_configuration
from imagesetter.kustomize.copy import SourceTree
from imagesetter.update import read_tree as files
from krm_functions.result import Result


def marked_files(tree: SourceTree, exclude: Sequence[str] = (), *, nested: bool = False) -> files.ScannedTree:
    """What ``imagesetter update`` would read of the files that kustomize reads, but for what is excluded.

    If *nested*, with the markers inside the text of values.

    Raises:
        InputError: a folder cannot be read.
    """
    paths = list(dict.fromkeys(file.resolve() for file in tree.files if is_configuration(file.name)))
    folders = {folder for path in paths for folder in path.parents if folder.is_relative_to(tree.root)}
    if exclude or any((folder / IGNORE_FILE).exists() for folder in folders):
        wanted = {Path(name).resolve() for name in find_names([tree.root], exclude=exclude)}
        paths = [path for path in paths if path in wanted]
    if not paths:
        return files.ScannedTree((), (), (), (), ())
    return files.read_tree([display_path(path) for path in paths], nested=nested)


def not_updated(tree: SourceTree) -> Iterator[Result]:
    """What is said of entries of kustomizations that an update of the sources does not reach."""
    for sources in tree.found:
        yield from not_scanned(sources, others=False)
