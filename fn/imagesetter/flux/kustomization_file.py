"""A kustomization as kustomize reads it, which is more lenient than Flux's and Kubernetes' readers of resources.

Measured with kustomize 5.8.2: only the first document counts; of a key given twice, the last value does; keys are the
names of Go's fields in any case (``patchesJSON6902``), and of several spellings the one that sorts last counts;
``imageTags`` is the old name of ``images``.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

from krm_functions.errors import ReportedError
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_first

FILE_NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What the file of a kustomization is called."""

_KEYS: Final = (
    "additionalValuesFiles", "apiVersion", "bases", "chartHome", "chartName", "commonAnnotations", "commonLabels",
    "components", "configMapGenerator", "configurations", "crds", "digest", "env", "envs", "fieldPath", "fieldPaths",
    "files", "generators", "group", "helmChartInflationGenerator", "helmCharts", "helmGlobals", "images", "kind",
    "labels", "name", "namePrefix", "nameSuffix", "namespace", "newName", "newTag", "openapi", "pairs", "patch",
    "patches", "patchesJson6902", "patchesStrategicMerge", "path", "reject", "replacements", "resources",
    "secretGenerator", "select", "source", "target", "targets", "transformers", "validators", "values", "valuesFile",
    "version",
)  # fmt: skip
"""The keys that imagesetter reads."""
_NAMES: Final = {key.lower(): key for key in _KEYS} | {"imagetags": "images"}
_OF_ITS_USER: Final = frozenset({"commonAnnotations", "commonLabels", "pairs"})
"""Keys whose mappings have names that are not kustomize's."""


def is_kustomization(name: str) -> bool:
    """Whether kustomize takes a file for its folder's kustomization; ``apps-kustomization.yaml`` is usually Flux's."""
    return os.path.basename(name) in FILE_NAMES  # noqa: PTH119 a repository has thousands of files


def read_kustomization(data: bytes, name: str) -> Mapping[str, Any] | None:
    """What a kustomization says, with its keys as kustomize's documentation spells them.

    Args:
        data: the file.
        name: how errors call it.

    Returns:
        None where it is not a mapping, or cannot be read: kustomize refuses it, and says so better.
    """
    try:
        found = load_first(decode_text(data, name=name).text, name=name)
    except ReportedError:
        return None
    return _spelled(found) if isinstance(found, Mapping) else None


def _spelled(data: Mapping[str, Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for written, value in sorted(data.items()):
        key = _NAMES.get(written.lower(), written)
        found[key] = value if key in _OF_ITS_USER else _entry(value)
    return found


def _entry(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _spelled(value)
    return [_entry(each) for each in value] if isinstance(value, list) else value
