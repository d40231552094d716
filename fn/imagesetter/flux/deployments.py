"""Flux Kustomizations: which folder each deploys, and the values of variables that it has for that folder."""

# Strings, not path objects: a repository has thousands of files.
# ruff: noqa: PTH109, PTH118

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from imagesetter.files.read import repository_of
from imagesetter.flux import resources as flux
from imagesetter.flux.nearest import covering, folder_of
from imagesetter.flux.variables import Values
from krm_functions.errors import ReportedError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_all

GROUP = "kustomize.toolkit.fluxcd.io"
_SUBSTITUTE = f"{GROUP}/substitute"

File = tuple[str, bytes]
"""A file's name as it is shown, and its bytes."""
FindConfigMaps = Callable[[], Iterable[Mapping[str, Any]]]
"""The ConfigMaps among the files."""


class Deployment(NamedTuple):
    """A Flux Kustomization: what it deploys, and how it changes that."""

    folder: str
    """The folder of the file that it is in: its cluster's."""
    name: str
    """Where it is, for people."""
    spec: Mapping[str, Any]
    namespace: str
    path: str
    """The folder that it deploys, absolute."""


class Deployments:
    """The Flux Kustomizations among the files.

    Args:
        files: the files that contain one.
        values: values of variables from the command line; they come before all others. None for none.
        find_config_maps: reads the ConfigMaps among the files, once they are needed.
    """

    def __init__(
        self,
        files: Iterable[File] = (),
        values: Mapping[str, str] | None = None,
        find_config_maps: FindConfigMaps = tuple,
    ) -> None:
        self.files = list(files)
        self.values = values
        self._find_config_maps = find_config_maps

    @cached_property
    def all(self) -> list[Deployment]:
        """All of them, in the order of the files."""
        return [each for name, data in self.files for each in _deployments(name, data)]

    def covering(self, folder: str) -> list[Deployment]:
        """Those that deploy a folder, as far as no other one names a longer part of its path."""
        return covering(folder, ((each.path, each) for each in self.all))

    def values_for(self, folder: str) -> Values:
        """The values of the variables in the files of a folder."""
        found = [each for each in self.covering(folder) if _mapping(each.spec.get("postBuild"))]
        return self.values_of(found[0] if len(found) == 1 else None)

    def values_of(self, each: Deployment | None) -> Values:
        """The values that one of them has for what it deploys; without one, those of the command line."""
        if each is None:
            return Values(self.values or {}, complete=self.values is not None)
        known: dict[str, str] = {}
        complete = True
        post_build = _mapping(each.spec.get("postBuild"))
        sources = post_build.get("substituteFrom")
        for source in sources if isinstance(sources, list) else ():
            name = (each.namespace, str(_mapping(source).get("name")))
            data = self._config_maps.get(name) if _mapping(source).get("kind") == "ConfigMap" else None
            known |= data or {}
            complete &= data is not None
        own = _mapping(post_build.get("substitute"))
        known |= {str(key): value for key, value in own.items() if isinstance(value, str)}
        if self.values is not None:
            return Values({**known, **self.values}, complete=True)
        return Values(known, complete)

    @cached_property
    def _config_maps(self) -> dict[tuple[str, str], dict[str, str]]:
        found: dict[tuple[str, str], dict[str, str]] = {}
        for data in self._find_config_maps():
            metadata = _mapping(data.get("metadata"))
            key = (str(metadata.get("namespace") or flux.DEFAULT_NAMESPACE), str(metadata.get("name")))
            values = _mapping(data.get("data"))
            found[key] = {str(name): value for name, value in values.items() if isinstance(value, str)}
        return found


def substitutes(each: Deployment, data: Mapping[str, Any]) -> bool:
    """Whether a Flux Kustomization replaces the variables of a resource."""
    metadata = _mapping(data.get("metadata"))
    marks = (_mapping(metadata.get(key)).get(_SUBSTITUTE) for key in ("annotations", "labels"))
    return bool(_mapping(each.spec.get("postBuild"))) and "disabled" not in marks


def updated_folders(resources: Iterable[flux.Resource]) -> list[tuple[str, str]]:
    """The folder that each ImageUpdateAutomation updates, and one in which it is itself."""
    found: list[tuple[str, str]] = []
    for each in resources:
        if each.kind == "ImageUpdateAutomation":
            path = str(_mapping(each.spec.get("update")).get("path") or ".")
            found += [(_in_repository(folder, path), folder) for folder in each.folders]
    return found


def _in_repository(folder: str, path: str) -> str:
    """A path from the top of the repository that a folder is in."""
    return os.path.normpath(os.path.join(repository_of(folder) or os.getcwd(), path.lstrip("/")))


def _mapping(data: object) -> Mapping[Any, Any]:
    return data if isinstance(data, Mapping) else {}


def _deployments(name: str, data: bytes) -> Iterator[Deployment]:
    try:
        documents = list(load_all(decode_text(data, name=name).text, name=name))
    except ReportedError:
        return
    folder = folder_of(name)
    for document, line in documents:
        for item in flux.flatten(document):
            spec = item.get("spec")
            if not isinstance(spec, Mapping) or not ("path" in spec or "sourceRef" in spec):
                continue  # a patch for one: without a path, it would seem to deploy the whole repository
            if str(item.get("apiVersion", "")).startswith(f"{GROUP}/"):
                namespace = str(_mapping(item.get("metadata")).get("namespace") or flux.DEFAULT_NAMESPACE)
                path = _in_repository(folder, str(spec.get("path") or "."))
                yield Deployment(folder, f"{name}:{line}", spec, namespace, path)
