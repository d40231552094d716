"""What kustomizations make of Flux's resources: policies as the cluster gets them, not as one file begins them.

A policy in a file may be half of one: a kustomization adds its rule, a namespace or a prefix, or a Flux Kustomization
patches it and replaces its variables. Here these few steps are done on the resources alone, without kustomize: bases
and components, patches, ``namespace``, ``namePrefix`` and ``nameSuffix``, labels; of a Flux Kustomization its patches,
``targetNamespace`` and ``postBuild``. Generators, replacements, charts and remote bases are not read.

Of one resource there may be several forms (a base with two overlays). Each has the folders of all that took part, so
that the nearest one can be found for a file (`imagesetter.flux.nearest`).
"""

# Strings, not path objects: a repository has thousands of files.
# ruff: noqa: PTH100, PTH118, PTH120

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from imagesetter.files.read import read_inside, repository_of
from imagesetter.flux import resources as flux
from imagesetter.flux.deployments import Deployment, Deployments, File, substitutes
from imagesetter.flux.kustomization_file import read_kustomization
from imagesetter.flux.nearest import folder_of, is_at_or_above
from imagesetter.flux.patches import Patch, patch_files, patches_of
from imagesetter.flux.resources import Resource
from imagesetter.flux.variables import Values, substituted, unresolved
from krm_functions.errors import InputError, ReportedError
from krm_functions.yaml.encoding import decode_text

_KINDS = (*flux.FLUX_KINDS, "GitRepository", flux.RELEASE)
_CHANGES = (b"patch", b"namespace", b"nameprefix", b"namesuffix", b"labels", b"components")
"""Of a kustomization that changes a resource, one of these is a part."""


class Form(NamedTuple):
    """A resource on its way through kustomizations."""

    raw: Resource
    data: Mapping[str, Any]
    names: frozenset[tuple[str, str]]
    folders: tuple[str, ...]


class Kustomization(NamedTuple):
    """A kustomization file, loaded."""

    folder: str
    name: str
    data: Mapping[str, Any]


class PatchProblem(NamedTuple):
    """A patch that could not be followed: in which file, and why."""

    file: str
    message: str


class Completed(NamedTuple):
    """The resources as kustomizations complete them."""

    resources: tuple[Resource, ...]
    forms: Mapping[int, tuple[Resource, ...]]
    """The forms of each resource that was given, by its ``id``; none for the patches among them."""
    problems: tuple[PatchProblem, ...] = ()


class Builds:
    """The kustomizations of a tree, and what they make of its resources.

    Args:
        kustomizations: the files called ``kustomization.yaml`` and the like.
        deployments: the Flux Kustomizations.
    """

    def __init__(self, kustomizations: Iterable[File], deployments: Deployments) -> None:
        self._files = {folder_of(name): (name, data) for name, data in kustomizations}
        self._deployments = deployments
        self._loaded: dict[str, Kustomization | None] = {}
        self._built: dict[str, tuple[Form, ...]] = {}
        self._included: set[str] = set()
        self._by_file: dict[str, list[Resource]] = {}
        self._problems: list[PatchProblem] = []

    def complete(self, resources: Sequence[Resource]) -> Completed:
        """The resources as the kustomizations among the files complete them."""
        patches = self._patch_files()
        forms: dict[int, tuple[Resource, ...]] = {}
        files = [os.path.abspath(found.file) if found.file else "" for found in resources]
        others = zip(files, resources, strict=True)
        known = {(found.kind, name) for file, found in others if file not in patches for _, name in found.names}
        for file, found in zip(files, resources, strict=True):
            # A patch may say all that its kind is about; if nothing else is known of what it patches, it counts.
            is_known = any((found.kind, name) in known for _, name in found.names)
            if file in patches and (is_known or not flux.is_complete(found)):
                forms[id(found)] = ()
            elif file:
                self._by_file.setdefault(file, []).append(found)
        definitions = [found for found in resources if id(found) not in forms]
        if self._is_needed(definitions):
            forms |= self._outcomes(definitions)
        else:
            forms |= {id(found): (found,) for found in definitions}
        if self._deployments.values is not None:
            values = self._deployments.values_of(None)
            forms = {key: tuple(_substituted(form, values) for form in found) for key, found in forms.items()}
        every = {id(form): form for found in forms.values() for form in found}
        return Completed(tuple(every.values()), forms, tuple(dict.fromkeys(self._problems)))

    def _patch_files(self) -> set[str]:
        """The files that are patches of some kustomization."""
        found: set[str] = set()
        listed: set[str] = set()
        for folder, (_, data) in self._files.items():
            kustomization = self._load(folder) if b"atch" in data else None
            if kustomization:
                found |= {os.path.normpath(os.path.join(folder, path)) for path in patch_files(kustomization.data)}
                listed |= {os.path.normpath(os.path.join(folder, path)) for path in _texts(kustomization.data)}
        return found - listed

    def _is_needed(self, resources: Sequence[Resource]) -> bool:
        """Whether some kustomization may change one of the resources; most trees have none that does."""
        wanted = [found for found in resources if found.file and found.kind in _KINDS]
        if not wanted:
            return False
        if any(any(unresolved(found.data)) for found in wanted):
            return True
        kinds = tuple(kind.encode() for kind in _KINDS)
        if any(b"atch" in data and any(kind in data for kind in kinds) for _, data in self._deployments.files):
            return True
        if any(b"targetNamespace" in data or b"namePrefix" in data for _, data in self._deployments.files):
            return True
        for folder, (_, data) in self._files.items():
            if any(word in data.lower() for word in _CHANGES) and any(
                form.data is not form.raw.data for form in self._build(folder)
            ):
                return True
        return _ambiguous(wanted)

    def _outcomes(self, resources: Sequence[Resource]) -> dict[int, tuple[Resource, ...]]:
        outcomes: dict[int, list[Form]] = {}
        for folder in self._files:
            self._build(folder)
        for each in self._deployments.all:
            for form in self._deployed(each):
                outcomes.setdefault(id(form.raw), []).append(form)
        for folder in self._files:
            if folder not in self._included:
                for form in self._build(folder):
                    outcomes.setdefault(id(form.raw), []).append(form)
        return {
            id(found): tuple(_as_resources(found, outcomes.get(id(found)) or [_form(found)])) for found in resources
        }

    def _load(self, folder: str) -> Kustomization | None:
        if folder not in self._loaded:
            self._loaded[folder] = None
            if folder in self._files:
                name, data = self._files[folder]
                loaded = read_kustomization(data, name)
                if loaded is not None:
                    self._loaded[folder] = Kustomization(folder, name, loaded)
        return self._loaded[folder]

    def _build(self, folder: str, above: tuple[str, ...] = ()) -> tuple[Form, ...]:
        """What a kustomization gives, of the resources that are known."""
        if folder in self._built:
            return self._built[folder]
        kustomization = self._load(folder)
        if kustomization is None or folder in above or len(above) > 100:
            return ()
        forms: list[Form] = []
        data = kustomization.data
        for entry in _texts(data):
            path = os.path.normpath(os.path.join(folder, entry))
            if path in self._files:
                self._included.add(path)
                forms += self._build(path, (*above, folder))
            else:
                forms += (_form(raw) for raw in self._by_file.get(path, ()))
        for entry in _texts(data, "components"):
            path = os.path.normpath(os.path.join(folder, entry))
            component = self._load(path)
            if component:
                self._included.add(path)
                own = [
                    _form(raw)
                    for name in _texts(component.data)
                    for raw in self._by_file.get(os.path.normpath(os.path.join(path, name)), ())
                ]
                forms = self._transformed([*forms, *own], component.data, path, component.name)
        self._built[folder] = tuple(self._transformed(forms, data, folder, kustomization.name))
        return self._built[folder]

    def _transformed(self, forms: list[Form], spec: Mapping[str, Any], folder: str, name: str) -> list[Form]:
        """Forms after the patches, names and labels of a kustomization, in kustomize's order."""
        if not forms:
            return []
        for patch in patches_of(spec, lambda path: self._text(folder, path, name), name):
            if isinstance(patch, Patch):
                forms = [each for form in forms for each in self._patched(form, patch, name)]
            else:
                self._problems.append(PatchProblem(name, f"a patch could not be read: {patch}"))
        return [_named(form._replace(folders=(folder, *form.folders)), spec) for form in forms]

    def _text(self, folder: str, path: str, name: str) -> str:
        file = os.path.join(folder, path)
        data = read_inside(file, repository_of(folder) or folder)
        return decode_text(data, name=os.path.normpath(os.path.join(os.path.dirname(name), path))).text

    def _patched(self, form: Form, patch: Patch, name: str) -> Iterator[Form]:
        if not patch.selects(form.data, set(form.names)):
            yield form
            return
        try:
            data = patch.applied(form.data)
        except ReportedError as error:
            self._problems.append(PatchProblem(name, f"a patch could not be followed: {error}"))
            yield form
            return
        if data is not None:
            yield form._replace(data=data)

    def _deployed(self, each: Deployment) -> Iterator[Form]:
        """The forms of what a Flux Kustomization deploys."""
        if each.path in self._files:
            self._included.add(each.path)
            forms = list(self._build(each.path))
        else:  # the controller makes a kustomization of all that is below
            forms = []
            inner = ""
            for folder in self._below(self._folders, each.path):
                if not (inner and is_at_or_above(inner, folder)):
                    inner = folder
                    self._included.add(folder)
                    forms += self._build(folder)
            for file in self._below(self._names, each.path):
                if next(self._above(file, each.path), None) is None:
                    forms += (_form(raw) for raw in self._by_file[file])
        self._note_unfollowed(each, forms)
        spec = {**each.spec, "namespace": each.spec.get("targetNamespace")}
        for form in self._transformed(forms, spec, each.folder, each.name):
            if substitutes(each, form.data):
                form = form._replace(data=substituted(form.data, self._deployments.values_of(each)))
            yield form

    def _note_unfollowed(self, each: Deployment, forms: Sequence[Form]) -> None:
        """Take note of patches for image resources of which none is among the files."""
        for patch in patches_of(each.spec, _no_file, each.name):
            if not isinstance(patch, Patch) or not patch.mentions(flux.FLUX_KINDS):
                continue
            if not any(patch.selects(form.data, set(form.names)) for form in forms):
                message = f"the patch of an {patch.kind} is for none of the files in {each.spec.get('path') or '.'}"
                self._problems.append(PatchProblem(each.name, message))

    @cached_property
    def _folders(self) -> list[str]:
        return sorted(self._files)

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self._by_file)

    @staticmethod
    def _below(names: Sequence[str], folder: str) -> Sequence[str]:
        """Of sorted paths, those below a folder."""
        start = f"{folder.rstrip(os.sep)}{os.sep}"
        return names[bisect_left(names, start) : bisect_left(names, f"{start}\U0010ffff")]

    def _above(self, file: str, top: str) -> Iterator[str]:
        """The folders with a kustomization between a file and a folder above it."""
        folder = os.path.dirname(file)
        while folder != top and is_at_or_above(top, folder):
            if folder in self._files:
                yield folder
            folder = os.path.dirname(folder)


def _no_file(path: str) -> str:
    raise InputError("a Flux Kustomization has no patch files", where=path)


def _texts(data: Mapping[str, Any], *keys: str) -> list[str]:
    found = [data.get(key) for key in keys or ("resources", "bases")]
    return [each for entries in found if isinstance(entries, list) for each in entries if isinstance(each, str)]


def _form(raw: Resource) -> Form:
    return Form(raw, raw.data, frozenset(raw.names), raw.folders)


def _named(form: Form, spec: Mapping[str, Any]) -> Form:
    """A form with the namespace, the name and the labels that a kustomization gives it."""
    namespace = spec.get("namespace")
    prefix, suffix = (str(spec.get(key) or "") for key in ("namePrefix", "nameSuffix"))
    labels: dict[str, str] = {}
    if isinstance(given := spec.get("commonLabels"), Mapping):
        labels |= given
    entries = spec.get("labels")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(pairs := entry.get("pairs"), Mapping):
            labels |= pairs
    if not (namespace or prefix or suffix or labels):
        return form
    metadata = form.data.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    new = dict(metadata)
    if namespace:
        new["namespace"] = str(namespace)
    new["name"] = f"{prefix}{metadata.get('name', '')}{suffix}"
    if labels:
        own = metadata.get("labels")
        new["labels"] = {**(own if isinstance(own, Mapping) else {}), **labels}
    if new == metadata:
        return form
    names = form.names | {(str(new.get("namespace") or ""), new["name"])}
    return form._replace(data={**form.data, "metadata": new}, names=names)


def _as_resources(raw: Resource, forms: Sequence[Form]) -> Iterator[Resource]:
    """The different forms of a resource, each once, with the folders of all that gave it."""
    different: list[tuple[Mapping[str, Any], dict[str, None]]] = []
    for form in forms:
        same = next((folders for data, folders in different if data == form.data), None)
        if same is None:
            different.append((form.data, dict.fromkeys(form.folders)))
        else:
            same.update(dict.fromkeys(form.folders))
    for data, folders in different:
        if data == raw.data:
            yield raw._replace(folders=tuple(folders))
        else:
            made = flux.resource(data, raw.origin, file=raw.file)
            if made:
                # The name in the cluster comes first; the one in the file is what its authors call it.
                yield made._replace(names=tuple(dict.fromkeys([*made.names, *raw.names])), folders=tuple(folders))


def _substituted(form: Resource, values: Values) -> Resource:
    data = substituted(form.data, values)
    if data == form.data:
        return form
    made = flux.resource(data, form.origin, file=form.file)
    return made._replace(folders=form.folders) if made else form


def _ambiguous(resources: Iterable[Resource]) -> bool:
    """Whether two complete resources of one name differ, of some in which no variable is left."""
    complete: dict[tuple[str, str, str], list[Resource]] = {}
    for found in resources:
        if flux.says_all(found):
            complete.setdefault((found.kind, *found.names[0]), []).append(found)
    return any(len(same) > 1 and len(set(map(flux.inputs_of, same))) > 1 for same in complete.values())
