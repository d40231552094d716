"""The files that a kustomization names besides resources, components and patches, by the keys that name them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from krm_functions.errors import ReportedError
from krm_functions.yaml.load import load_all

CONFIGURATIONS: Final = ("generators", "transformers", "validators")
"""Keys whose files configure a plug-in, and may name further files."""
_CHARTS = "charts"
"""The default of ``helmGlobals.chartHome``."""


def texts(data: Mapping[str, Any], *keys: str) -> Iterator[str]:
    """The texts in the lists of some keys."""
    for key in keys:
        entries = data.get(key)
        yield from (entry for entry in entries if isinstance(entry, str)) if isinstance(entries, list) else ()


def mappings(data: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """The mappings in the list of a key."""
    entries = data.get(key)
    yield from (entry for entry in entries if isinstance(entry, Mapping)) if isinstance(entries, list) else ()


def other_entries(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and path of each entry; some name a folder, and some do not exist."""
    for key in ("configMapGenerator", "secretGenerator"):
        for entry in mappings(data, key):
            yield from ((key, name.partition("=")[2] or name) for name in texts(entry, "files"))
            yield from ((key, name) for name in [*texts(entry, "envs"), entry.get("env")] if isinstance(name, str))
    yield from (("helmCharts", name) for name in _charts(data))
    for key in ("crds", "configurations"):
        yield from ((key, name) for name in texts(data, key))
    for key, entries in (("replacements", mappings(data, "replacements")), ("openapi", [data.get("openapi")])):
        for found in entries:
            if isinstance(found, Mapping) and isinstance(found.get("path"), str):
                yield key, found["path"]
    for key in CONFIGURATIONS:
        yield from ((key, entry) for entry in texts(data, key) if "\n" not in entry)


def _charts(data: Mapping[str, Any]) -> Iterator[str]:
    globals_ = data.get("helmGlobals")
    home = globals_.get("chartHome") if isinstance(globals_, Mapping) else None
    for key in ("helmCharts", "helmChartInflationGenerator"):
        for entry in mappings(data, key):
            yield from texts(entry, "additionalValuesFiles")
            for field in ("valuesFile", "values"):
                if isinstance(entry.get(field), str):
                    yield entry[field]
            own = next((each for each in (entry.get("chartHome"), home) if isinstance(each, str) and each), _CHARTS)
            name = entry.get("name") or entry.get("chartName")
            if isinstance(name, str) and name:
                yield f"{own}/{name}"
                yield f"{own}/{name}-{entry.get('version', '')}"


def inline_configurations(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and text of each plug-in that is configured in the kustomization itself."""
    for key in CONFIGURATIONS:
        yield from ((key, entry) for entry in texts(data, key) if "\n" in entry)


def named_in(text: str) -> Iterator[str]:
    """What may be names of files in the configuration of a plug-in: its texts, and what follows ``=`` in them.

    The program of a function is in a text that is YAML itself: ``exec: {path: ./tool}``.
    """
    waiting = _documents(text)
    while waiting:
        match waiting.pop():
            case str(program) if "exec:" in program:
                waiting += [each for each in _documents(program) if not isinstance(each, str)]
            case str(name) if name and "\n" not in name and len(name) < 1024:
                yield name
                if "=" in name:
                    yield name.partition("=")[2]
            case Mapping() as mapping:
                waiting += mapping.values()
            case list(items):
                waiting += items


def _documents(text: str) -> list[object]:
    try:
        return [document for document, _ in load_all(text)]
    except ReportedError:
        return []
