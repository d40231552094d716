"""Kustomize's patches, as far as Flux's resources need them: strategic merge and JSON 6902, with targets.

Flux's kinds are custom resources, of which kustomize knows no merge keys: mappings merge, a list replaces the other
list, null removes a field, ``$patch: delete`` and ``$patch: replace`` are heeded (kyaml ``merge2``). Targets select by
kind, group, version, name, namespace (anchored patterns), labels and annotations (``types.Selector``).
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from krm_functions.errors import InputError, ReportedError
from krm_functions.yaml.load import load_all

Data = Mapping[str, Any]
ReadFile = Callable[[str], str]
"""The text of a file, by its path as the kustomization writes it."""


class Patch(NamedTuple):
    """One patch: what it changes, and the resources that it is for."""

    content: Data | list[Any]
    """A partial resource, or the operations of a JSON 6902 patch."""
    target: Data | None
    """None: the resource that *content* names."""
    origin: str
    """The kustomization, or the file of the patch."""

    def selects(self, data: Data, names: set[tuple[str, str]]) -> bool:
        """Whether a resource, which goes by some (namespace, name) pairs, is one that the patch is for."""
        if self.target is not None:
            return _selects(self.target, data, names)
        if isinstance(self.content, list):
            return False
        metadata = _mapping(self.content.get("metadata"))
        namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
        return (
            _group(self.content) == _group(data)
            and self.content.get("kind") == data.get("kind")
            and any(its == name and (not namespace or other in ("", namespace)) for other, its in names)
        )

    def applied(self, data: Data) -> Data | None:
        """The patched resource; None where the patch removes it.

        Raises:
            InputError: an operation that does not fit the resource.
        """
        if isinstance(self.content, list):
            changed: Any = copy.deepcopy(dict(data))
            for operation in self.content:
                changed = _operated(changed, operation, self.origin)
            return changed if isinstance(changed, Mapping) else data
        content = {key: value for key, value in self.content.items() if key not in ("apiVersion", "kind")}
        if self.target is not None:
            metadata = _mapping(content.get("metadata"))
            content["metadata"] = {key: value for key, value in metadata.items() if key not in ("name", "namespace")}
        merged = _merged(data, content)
        return merged if isinstance(merged, Mapping) else None

    def mentions(self, kinds: tuple[str, ...]) -> bool:
        """Whether the patch is for a resource of one of these kinds by name."""
        return self.kind in kinds

    @property
    def kind(self) -> str:
        """The kind that the patch is for; empty where it does not say."""
        return str(_mapping(self.target or self.content).get("kind") or "")


def patches_of(spec: Data, read_file: ReadFile, origin: str) -> Iterator[Patch | ReportedError]:
    """The patches that a kustomization, or a Flux Kustomization's spec, lists; an error for each that cannot be read.

    Args:
        spec: ``patches``, ``patchesStrategicMerge`` and ``patchesJson6902``.
        read_file: reads a patch file.
        origin: what to call the kustomization.
    """
    for key in ("patchesStrategicMerge", "patches", "patchesJson6902"):
        entries = spec.get(key)
        for entry in entries if isinstance(entries, list) else ():
            try:
                yield from _entry(entry, read_file, origin)
            except ReportedError as error:
                yield error


def _entry(entry: object, read_file: ReadFile, origin: str) -> Iterator[Patch]:
    if isinstance(entry, Mapping):
        target = entry.get("target")
        target = target if isinstance(target, Mapping) else None
        content, path = entry.get("patch"), entry.get("path")
    elif isinstance(entry, str):  # of patchesStrategicMerge: a file, or the patch itself
        target = None
        content, path = (entry, None) if "\n" in entry or ":" in entry else (None, entry)
    else:
        return
    if isinstance(content, str):
        text, name = content, origin
    elif isinstance(path, str):
        text, name = read_file(path), path
    elif isinstance(content, Mapping | list):  # Flux's older inline form
        yield Patch(content, target, origin)
        return
    else:
        return
    for data, _ in load_all(text, name=name):
        if isinstance(data, Mapping | list):
            yield Patch(data, target, name)


def patch_files(spec: Data) -> Iterator[str]:
    """The paths of the patch files that a kustomization lists."""
    for key in ("patchesStrategicMerge", "patches", "patchesJson6902"):
        entries = spec.get(key)
        for entry in entries if isinstance(entries, list) else ():
            path = entry.get("path") if isinstance(entry, Mapping) else entry
            if isinstance(path, str) and "\n" not in path:
                yield path


def _mapping(data: object) -> Data:
    return data if isinstance(data, Mapping) else {}


def _group(data: Data) -> str:
    return str(data.get("apiVersion", "")).rpartition("/")[0]


def _selects(target: Data, data: Data, names: set[tuple[str, str]]) -> bool:
    group, _, version = str(data.get("apiVersion", "")).rpartition("/")
    texts = {"group": {group}, "version": {version}, "kind": {str(data.get("kind"))}}
    texts["name"] = {name for _, name in names}
    texts["namespace"] = {namespace or "default" for namespace, _ in names}
    for field, values in texts.items():
        wanted = target.get(field)
        if wanted and not any(_matches(str(wanted), value) for value in values):
            return False
    metadata = _mapping(data.get("metadata"))
    for field, source in (("labelSelector", "labels"), ("annotationSelector", "annotations")):
        if selector := target.get(field):
            from krm_functions.label_selector import LabelSelector

            labels = {str(key): str(value) for key, value in _mapping(metadata.get(source)).items()}
            if not LabelSelector.parse(str(selector)).matches(labels):
                return False
    return True


def _matches(pattern: str, text: str) -> bool:
    """Anchored, as kustomize reads them."""
    if pattern == text:
        return True
    from imagesetter.golang.regexp.pattern import compile_pattern

    try:
        return bool(compile_pattern(f"^(?:{pattern})$").find_all([text]))
    except ReportedError:
        return False


def _merged(base: Any, patch: Any) -> Any:
    """Strategic merge without a schema; None where the patch removes what it merges with."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    directive = patch.get("$patch")
    if directive == "delete":
        return None
    own = {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "replace" or not isinstance(base, Mapping):
        return {key: _merged(None, value) for key, value in own.items() if value is not None}
    result = dict(base)
    for key, value in own.items():
        merged = None if value is None else _merged(base.get(key), value)
        if merged is None:
            result.pop(key, None)
        else:
            result[key] = merged
    return result


def _operated(data: Any, operation: object, origin: str) -> Any:
    """What one operation of RFC 6902 makes of a document, which it may change."""
    given = _mapping(operation)
    kind, path = given.get("op"), given.get("path")
    value = copy.deepcopy(given.get("value"))
    if kind in ("move", "copy"):
        value = copy.deepcopy(_found(data, given.get("from"), origin))
        if kind == "move":
            data = _operated(data, {"op": "remove", "path": given.get("from")}, origin)
    if kind == "test":
        if _found(data, path, origin) != value:
            raise InputError(f"the test of {path} fails", where=origin)
        return data
    if kind not in ("add", "replace", "remove", "move", "copy"):
        raise InputError(f"{kind!r} is not an operation of a JSON 6902 patch", where=origin)
    *parents, last = _steps(path, origin)
    parent = data
    for step in parents:
        parent = _child(parent, step, path, origin)
    if isinstance(parent, list):
        index = len(parent) if last == "-" and kind != "remove" else _index(last, path, origin)
        if kind == "remove":
            _child(parent, last, path, origin)
            del parent[index]
        elif kind == "replace":
            _child(parent, last, path, origin)
            parent[index] = value
        else:
            parent.insert(index, value)
    elif isinstance(parent, dict):
        if kind in ("remove", "replace"):
            _child(parent, last, path, origin)
        if kind == "remove":
            del parent[last]
        else:
            parent[last] = value
    else:
        raise InputError(f"{path} is not in the resource", where=origin)
    return data


def _steps(path: object, origin: str) -> list[str]:
    if not isinstance(path, str) or not path.startswith("/"):
        raise InputError(f"{path!r} is not a path of a JSON 6902 patch", where=origin, hint="begin it with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def _found(data: object, path: object, origin: str) -> object:
    for step in _steps(path, origin):
        data = _child(data, step, path, origin)
    return data


def _child(parent: object, step: str, path: object, origin: str) -> object:
    if isinstance(parent, Mapping) and step in parent:
        return parent[step]
    if isinstance(parent, list) and step.isdigit() and int(step) < len(parent):
        return parent[int(step)]
    raise InputError(f"{path} is not in the resource", where=origin, hint="fix the path of the patch")


def _index(step: str, path: object, origin: str) -> int:
    if not step.isdigit():
        raise InputError(f"{path}: {step} is not an index", where=origin)
    return int(step)
