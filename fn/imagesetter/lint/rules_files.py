"""Rules about markers where nothing reads them: inside other text, in files of other kinds, in sealed files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from imagesetter.fields.unfollowed import MAC, NESTED, SEAL_AGAIN, WRITE_APART
from imagesetter.files.find import find_others
from imagesetter.files.read import read
from imagesetter.lint.finding import Problem
from imagesetter.lint.linted_tree import LintedTree
from imagesetter.lint.scanned_file import SourcePosition
from krm_functions.errors import InputError

# What people write images into. Documentation shows markers, and is not meant.
_SUFFIXES = (
    *(".env", ".tf", ".tfvars", ".hcl", ".json", ".json5", ".jsonnet", ".libsonnet", ".cue", ".toml", ".ini", ".conf"),
    *(".properties", ".sh", ".bash", ".tpl", ".tmpl", ".gotmpl", ".j2", ".jinja", ".YAML", ".YML", ".Yaml", ".ytt"),
)
_NAMES = re.compile(
    r"(?:Dockerfile|Containerfile|Makefile|Justfile|justfile|Tiltfile|\.env|\.envrc)(?:[.-].*)?|.*[.-]Dockerfile"
)
_MARKER = re.compile(rb"""\{[ \t]*"\$imagepolicy"[ \t]*:[ \t]*"[^"\s]+"[ \t]*\}""")
_LARGEST = 1 << 20


def nested_marker(tree: LintedTree) -> Iterator[Problem]:
    """A marker inside the text of a value: a patch in a kustomization, a file in a ConfigMap."""
    for file in tree.files:
        for position in file.nested:
            yield Problem(position, NESTED, WRITE_APART)


def sops_mac(tree: LintedTree) -> Iterator[Problem]:
    """A marked field in a file whose every value is covered by a MAC of SOPS."""
    sealed = {file.name: file.sealed for file in tree.files if file.sealed}
    for mark in tree.fields:
        if mark.comment.scalar and mark.comment.scalar.document in sealed.get(mark.file, ()):
            yield Problem(mark.position, MAC.replace("this edit breaks", "an update of this field breaks"), SEAL_AGAIN)


def unread_file(tree: LintedTree) -> Iterator[Problem]:
    """A marker in a file that neither Flux nor imagesetter reads, by its name."""
    for name in find_others(tree.paths, exclude=tree.exclude):
        last = Path(name).name
        if not (last.endswith(_SUFFIXES) or _NAMES.fullmatch(last)):
            continue
        try:
            data = read(name, limit=_LARGEST)
        except InputError:
            continue  # too large for what people write, or not a file
        for found in _MARKER.finditer(data):
            line = data.count(b"\n", 0, found.start()) + 1
            column = found.start() - data.rfind(b"\n", 0, found.start())
            message = "this marker has no effect: Flux and imagesetter read *.yaml, *.yml and Kustomization only"
            yield Problem(
                SourcePosition(name, line, column), message, "keep the image in a YAML file, and mark it there"
            )
