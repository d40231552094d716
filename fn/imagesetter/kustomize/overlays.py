"""The kustomizations of a tree that people build: those that no other one of the tree is made of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagesetter.fields.kustomization import find_kustomization
from imagesetter.fields.kustomize_entries import CONFIGURATIONS, texts
from imagesetter.files.find import repository_root
from imagesetter.files.read import read
from imagesetter.flux.kustomization_file import is_kustomization, read_kustomization
from imagesetter.kustomize.copy import in_git
from krm_functions.errors import ReportedError

_FLUX = "kustomize.toolkit.fluxcd.io/"


def find_overlays(top: Path) -> list[Path]:
    """The folders of a tree that are to be built, sorted: no bases, no components, nothing that Git ignores."""
    top = top.resolve()
    found: dict[Path, Mapping[str, Any]] = {}
    for path in _kustomizations(top):
        if find_kustomization(path.parent) == path:
            found[path.parent] = _load(path)
    below: set[Path] = set()
    for folder, data in found.items():
        for entry in texts(data, "resources", "bases", "components", *CONFIGURATIONS):
            if "\n" not in entry:
                below.add(Path(os.path.normpath(folder / entry)).resolve())
    return sorted(folder for folder, data in found.items() if folder not in below and _is_built(data))


def _is_built(data: Mapping[str, Any]) -> bool:
    """Whether a kustomization is neither a component nor a Kustomization of Flux, which may have the same file name."""
    return data.get("kind") != "Component" and not str(data.get("apiVersion", "")).startswith(_FLUX)


def _kustomizations(top: Path) -> Iterator[Path]:
    root = repository_root(top)
    known = [root / name for name in in_git(root) if is_kustomization(name)] if root else []
    if known:
        yield from (path for path in known if path.is_relative_to(top) and path.is_file())
        return
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != ".git"]
        yield from (Path(folder, name) for name in names if is_kustomization(name))


def _load(path: Path) -> Mapping[str, Any]:
    """What a kustomization says; nothing where it cannot be read: kustomize refuses it, and says so."""
    try:
        return read_kustomization(read(path), str(path)) or {}
    except ReportedError:
        return {}
