#!/usr/bin/env python3
"""Write fn/imagesetter/flux/known_fields.py: every field that Flux's API has for the kinds that lint checks.

Reads the Go types of the API modules, as the module proxy serves them. Run it after a release of Flux, with newer
versions below.
"""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

MODULES = {
    "image-automation-controller": ("v1.3.0", ("ImageUpdateAutomation",)),
    "image-reflector-controller": ("v1.3.0", ("ImagePolicy", "ImageRepository")),
}
TARGET = Path(__file__).resolve().parent.parent / "fn/imagesetter/flux/known_fields.py"
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r'^\t(?:(\w+) +)?([\w.*\[\]]+) +`json:"([\w-]*),?[^"]*"', re.MULTILINE)
# Types of other modules, by hand: what of them is not one scalar.
OTHERS = {
    "meta.LocalObjectReference": ["name"],
    "meta.NamespacedObjectReference": ["name", "namespace"],
    "acl.AccessFrom": ["namespaceSelectors", "namespaceSelectors.matchLabels"],
    "metav1.LabelSelector": [
        *("matchLabels", "matchExpressions", "matchExpressions.key"),
        *("matchExpressions.operator", "matchExpressions.values"),
    ],
    "sourcev1.GitRepositoryRef": ["branch", "tag", "semver", "name", "commit"],
}


def sources(module: str, version: str) -> str:
    """The Go text of an API module's package v1."""
    ran = subprocess.run(
        ["go", "mod", "download", "-json", f"github.com/fluxcd/{module}/api@{version}"], capture_output=True, text=True
    )
    with zipfile.ZipFile(json.loads(ran.stdout)["Zip"]) as archive:
        names = [name for name in archive.namelist() if "/v1/" in name and name.endswith(".go") and "zz_" not in name]
        return "\n".join(archive.read(name).decode() for name in names)


def fields(structs: dict[str, str], name: str, path: str) -> list[str]:
    """The paths below a struct."""
    found: list[str] = []
    for attribute, kind, key in FIELD.findall(structs[name]):
        inner = kind.lstrip("*[]").removeprefix("string]")
        if not attribute or not key:  # an embedded struct
            found += fields(structs, inner, path) if inner in structs else [f"{path}.{each}" for each in OTHERS[inner]]
            continue
        found.append(f"{path}.{key}")
        if inner in structs:
            found += fields(structs, inner, f"{path}.{key}")
        found += [f"{path}.{key}.{each}" for each in OTHERS.get(inner, ())]
    return found


def main() -> None:
    lines = [
        '"""The fields of Flux\'s API, by kind; written by .ci/flux_fields.py from the Go types."""',
        "",
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "",
    ]
    known: dict[str, list[str]] = {}
    versions: dict[str, str] = {}
    for module, (version, kinds) in MODULES.items():
        structs = dict(STRUCT.findall(sources(module, version)))
        for kind in kinds:
            known[kind] = sorted(set(fields(structs, f"{kind}Spec", "spec")))
            versions[kind] = f"{module} {version}"
    lines += ["API: Mapping[str, str] = {", *(f'    "{kind}": "{versions[kind]}",' for kind in sorted(known)), "}"]
    lines += ['"""Which release of which controller the fields of a kind are from."""', ""]
    lines += ["KNOWN_FIELDS: Mapping[str, frozenset[str]] = {"]
    for kind in sorted(known):
        lines += [
            f'    "{kind}": frozenset(',
            "        (",
            *(f'            "{path}",' for path in known[kind]),
            "        )",
            "    ),",
        ]
    lines += ["}", '"""The paths of all fields of a kind\'s spec, without indexes."""']
    TARGET.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
