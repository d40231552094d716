"""Generated kustomizations: the function's output is that of an update of the sources, or what differs is reported.

``PYTHONPATH=fn:tests python -m update.build_laws 2000`` runs two thousand of them, ``--exact`` each also through the
real ``kustomize build`` with its caller, ``--seed 7`` one alone, with its files and what came of it.

The reference is a build of the sources after the marked fields in them were updated. kustomize runs a function that
writes down its input in place of ours, so that each side costs one build, and ours runs in this process.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, suppress
from pathlib import Path
from typing import NamedTuple

from imagesetter.config.options import FunctionOptions
from imagesetter.files.atomic_write import write_all
from imagesetter.selection.status_source import StatusSource
from imagesetter.update.files import update_files
from imagesetter.update.read_tree import read_tree
from imagesetter.update.resource_list import update_resource_list
from imagesetter.update.tree_catalog import catalog_from_tree
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result
from krm_functions.yaml.edits import splice
from krm_functions.yaml.scan import NEEDLE
from tools import find_tool

WEB, API = "registry.example.com/web", "registry.example.com:5000/team/api"
LATEST = {"web": f"{WEB}:1.0.5", "api": f"{API}:2.3.4", "other": f"{WEB}:1.0.9"}
IMAGES = [f"{WEB}:1.0.0", f"{WEB}:1.0.0", f"{WEB}:0.9.0", f"{API}:2.0.0", f"{API}:1.0.0", "debug.example.com/web:7"]
TAGS = ["1.0.0", "1.0.0", "0.9.0", "2.0.0", "1.0.5"]
NAMES = ["web", "api", "aside"]
KINDS = ["Deployment", "StatefulSet", "HelmRelease"]
RECORD = (
    "apiVersion: x.dev/v1\nkind: Record\nmetadata:\n  name: r\n  annotations:\n    config.kubernetes.io/function: |\n"
)
FUNCTION = RECORD.replace("Record", "ImageSetter").replace("x.dev/v1", "imagesetter.dev/v1alpha1")
FUNCTION += "      exec: {path: imagesetter}\n"


_PROGRESS = 50


def policies() -> str:
    local = 'annotations: {config.kubernetes.io/local-config: "true"}'
    group = "apiVersion: image.toolkit.fluxcd.io/v1\nkind:"
    texts = []
    for name, latest in LATEST.items():
        image, _, tag = latest.rpartition(":")
        metadata = f"metadata: {{name: {name}, namespace: flux-system, {local}}}\n"
        texts.append(f"{group} ImageRepository\n{metadata}spec: {{image: {image}, interval: 5m}}\n")
        texts.append(
            f"{group} ImagePolicy\n{metadata}spec: {{imageRepositoryRef: {{name: {name}}}, policy: {{semver: "
            f"{{range: '>=0.0.0-0'}}}}}}\nstatus: {{latestRef: {{name: {image}, tag: {tag}}}}}\n"
        )
    return "---\n".join(texts)


class Trees:
    """A generator of kustomizations; everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.files: dict[str, str] = {}
        self.resources: list[tuple[str, str]] = []
        self.names = 0

    def new_name(self) -> str:
        """A container's name that no other one has."""
        self.names += 1
        return f"new{self.names}"

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def mark(self, part: str = "", chance: float = 0.6) -> str:
        if not self.maybe(chance):
            return ""
        policy = self.random.choice(["web", "web", "api", "other"])
        return f' # {{"{NEEDLE}": "flux-system:{policy}{part}"}}'

    def make(self) -> dict[str, str]:
        """The files; the outermost kustomization is in ``ov``."""
        bases = ["base"] + (["base2"] if self.maybe(0.25) else [])
        for base in bases:
            self.base(base)
        below = [f"../{base}" for base in bases]
        if self.maybe(0.2):
            for name in ("left", "right"):
                self.layer(name, below, prefix=f"{name}-")
            below = ["../left", "../right"]
        elif self.maybe(0.4):
            self.layer("mid", below)
            below = ["../mid"]
        self.layer("ov", below, top=True)
        self.files["ov/policies.yaml"] = policies()
        return self.files

    def base(self, folder: str) -> None:
        names = []
        for number in range(self.random.choice([1, 1, 2])):
            kind, name = self.random.choice(KINDS), self.random.choice(NAMES)
            if (kind, name) in self.resources and self.maybe(0.7):
                continue
            names.append(f"r{number}.yaml")
            self.resources.append((kind, name))
            text = self.resource(kind, name)
            self.files[f"{folder}/{names[-1]}"] = text
            if len(names) == 2 and (kind, name) == self.resources[-2]:
                names.pop()
        lines = [f"resources: [{', '.join(names)}]\n"]
        lines += self.transformers(folder, chance=0.25)
        self.files[f"{folder}/kustomization.yaml"] = "".join(lines)

    def resource(self, kind: str, name: str, chance: float = 0.6) -> str:
        head = self.head(kind, name, chance)
        if kind == "HelmRelease":
            return head + self.values(chance)
        return head + self.pods(chance, whole=True)

    def head(self, kind: str, name: str, chance: float) -> str:
        group = "helm.toolkit.fluxcd.io/v2" if kind == "HelmRelease" else "apps/v1"
        text = f"apiVersion: {group}\nkind: {kind}\nmetadata:\n  name: {name}\n"
        if self.maybe(0.4):
            text += f"  labels:\n    version: '{self.random.choice(TAGS)}'{self.mark(':tag', chance)}\n"
        return text

    def values(self, chance: float) -> str:
        text = "spec:\n  values:\n    image:\n"
        text += f"      repository: {self.random.choice([WEB, API])}{self.mark(':name', chance / 2)}\n"
        text += f"      tag: '{self.random.choice(TAGS)}'{self.mark(':tag', chance)}\n"
        if self.maybe(0.4):
            text += f"    list:\n    - {self.random.choice(IMAGES)}{self.mark('', chance)}\n"
        return text

    def pods(self, chance: float, *, whole: bool) -> str:
        text = "spec:\n  template:\n"
        if self.maybe(0.3):
            value = f"'{self.random.choice(TAGS)}'{self.mark(':tag', chance)}"
            text += f"    metadata:\n      annotations:\n        v: {value}\n"
        text += "    spec:\n"
        anchored = whole and self.maybe(0.2)
        image = self.random.choice(IMAGES)
        if anchored:
            text += f"      initContainers:\n      - name: init\n        image: &img {image}{self.mark('', chance)}\n"
        text += "      containers:\n"
        for number, name in enumerate(self.random.sample(NAMES, self.random.choice([1, 1, 2]))):
            text += f"      - name: {name}\n"
            if anchored and number == 0:
                text += "        image: *img\n"
            else:
                text += f"        image: {self.random.choice(IMAGES)}{self.mark('', chance)}\n"
            if self.maybe(0.25):
                value = f"'{self.random.choice(TAGS)}'{self.mark(':tag', chance)}"
                text += f"        env:\n        - name: VERSION\n          value: {value}\n"
        return text

    def layer(self, folder: str, below: Sequence[str], *, top: bool = False, prefix: str = "") -> None:
        below = [*below, "policies.yaml"] if top else below
        lines = [f"resources: [{', '.join(below)}]\n"]
        if self.maybe(0.25):
            self.component(f"{folder}-component")
            lines.append(f"components: [../{folder}-component]\n")
        if prefix:
            lines.append(f"namePrefix: {prefix}\n")
        elif self.maybe(0.2):
            lines.append("namePrefix: p-\n")
        if self.maybe(0.2):
            lines.append("namespace: shop\n")
        lines += self.transformers(folder, chance=0.5)
        self.files[f"{folder}/kustomization.yaml"] = "".join(lines)

    def component(self, folder: str) -> None:
        head = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        self.files[f"{folder}/kustomization.yaml"] = head + "".join(self.transformers(folder, chance=0.5))

    def transformers(self, folder: str, chance: float) -> Iterator[str]:
        if self.maybe(chance):
            yield from self.patches(folder)
        if self.maybe(chance / 3):
            yield f"labels:\n- pairs: {{version: '{self.random.choice(TAGS)}'}}\n"
        if self.maybe(chance):
            yield from self.images()
        if self.maybe(chance / 3):
            yield from self.generator(folder)
        if self.maybe(chance / 3):
            yield from self.replacement()

    def patches(self, folder: str) -> Iterator[str]:
        yield "patches:\n"
        for number in range(self.random.choice([1, 1, 2])):
            kind, name = self.random.choice(self.resources)
            form = self.random.choice(["file", "file", "inline", "json", "json inline"])
            target = f"  target: {{kind: {kind}, name: {self.random.choice([name, '.*', f'.*{name}'])}}}\n"
            text = self.json_patch(kind) if form.startswith("json") else self.merge_patch(kind, name)
            if form.endswith("inline"):
                yield "- patch: |\n" + "".join(f"    {line}\n" for line in text.splitlines())
            else:
                self.files[f"{folder}/p{number}.yaml"] = text
                yield f"- path: p{number}.yaml\n"
            if form.startswith("json") or self.maybe(0.4):
                yield target

    def merge_patch(self, kind: str, name: str) -> str:
        head = self.head(kind, name, 0.4)
        return head + (self.values(0.4) if kind == "HelmRelease" else self.pods(0.4, whole=False))

    def json_patch(self, kind: str) -> str:
        if kind == "HelmRelease":
            path, value = "/spec/values/image/tag", f"'{self.random.choice(TAGS)}'{self.mark(':tag', 0.4)}"
            return f"- op: {self.random.choice(['add', 'replace'])}\n  path: {path}\n  value: {value}\n"
        image = f"{self.random.choice(IMAGES)}{self.mark('', 0.4)}"
        containers = "/spec/template/spec/containers"
        match self.random.choice(["replace", "add", "front", "copy"]):
            case "replace":
                return f"- op: replace\n  path: {containers}/0/image\n  value: {image}\n"
            case "add":
                return f"- op: add\n  path: {containers}/-\n  value:\n    name: {self.new_name()}\n    image: {image}\n"
            case "front":
                return f"- op: add\n  path: {containers}/0\n  value:\n    name: {self.new_name()}\n    image: {image}\n"
        return f"- op: copy\n  from: {containers}/0/image\n  path: {containers}/0/workingDir\n"

    def images(self) -> Iterator[str]:
        yield "images:\n"
        for name in self.random.sample([WEB, API, "debug.example.com/web"], self.random.choice([1, 1, 2])):
            yield f"- name: {name}\n"
            form = self.random.choice(["tag", "tag", "name", "both", "digest"])
            if form in ("name", "both"):
                yield f"  newName: {self.random.choice(['mirror.example.com/web', WEB, API])}\n"
            if form in ("tag", "both"):
                yield f"  newTag: {self.random.choice(TAGS)}{self.mark(':tag', 0.5)}\n"
            if form == "digest":
                yield f"  digest: sha256:{'c' * 64}\n"

    def generator(self, folder: str) -> Iterator[str]:
        self.files[f"{folder}/values.yaml"] = f"tag: {self.random.choice(TAGS)}{self.mark(':tag')}\n"
        yield f"configMapGenerator:\n- name: {folder}-values\n  files: [values.yaml]\n"

    def replacement(self) -> Iterator[str]:
        kind, name = self.random.choice([each for each in self.resources if each[0] != "HelmRelease"] or [("", "")])
        if not kind:
            return
        path = "spec.template.spec.containers.0.image"
        options = self.random.choice(["", "options: {delimiter: ':', index: 1}"])
        target = self.random.choice(["metadata.annotations.copied", "spec.template.spec.containers.*.image"])
        create = "options: {create: true}" if "annotations" in target else ""
        if "*" in target:
            options = ""
        yield (
            f"replacements:\n- source:\n    kind: {kind}\n    name: {name}\n    fieldPath: {path}\n"
            + (f"    {options}\n" if options else "")
            + f"  targets:\n  - select: {{kind: {self.random.choice([kind, 'Deployment'])}}}\n"
            + f"    fieldPaths: [{target}]\n"
            + (f"    {create}\n" if create else "")
        )


class Outcome(NamedTuple):
    """What came of one case: ``built``, ``refused`` (by kustomize), ``error`` or ``silent``, and the details."""

    name: str
    details: str = ""


def run_case(seed: int, *, exact: bool = False, show: bool = False) -> Outcome:
    """Build one generated kustomization both ways, and compare."""
    files = Trees(seed).make()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder, "tree").resolve()
        (top / ".git").mkdir(parents=True)
        for name, text in files.items():
            (top / name).parent.mkdir(exist_ok=True)
            (top / name).write_text(text)
        if exact:
            return _run_exact(top)
        plain = _input(top, Path(folder, "plain"))
        if plain is None:
            return Outcome("refused")
        found, results = _static(top, plain)
        with chdir(top):
            changed = _update(top)
        wanted = _input(top, Path(folder, "wanted"))
        if wanted is None:
            return Outcome("refused")
        if found is None:
            return Outcome("error", "\n".join(map(str, results)))
        silent = [] if found == wanted else list(_silent(found, wanted, results, changed))
        details = "\n".join(silent)
        if show:
            details = "\n".join(f"--- {name}\n{text}" for name, text in files.items()) + f"\n{details}\n"
            details += "\n".join(map(str, results))
        return Outcome("silent" if silent else "built" if found == wanted else "reported", details)


def _input(top: Path, record: Path) -> str | None:
    """What kustomize hands to a function of the outermost kustomization; None where it refuses to build."""
    script = record.with_name("record.sh")  # its name is in the input
    script.write_text(f"#!/bin/sh\ntee {record}\n")
    script.chmod(0o755)
    kustomization = top / "ov/kustomization.yaml"
    written = kustomization.read_text()
    (top / "ov/record.yaml").write_text(f"{RECORD}      exec: {{path: {script}}}\n")
    kustomization.write_text(f"{written}transformers: [record.yaml]\n")
    done = _kustomize(top)
    kustomization.write_text(written)
    (top / "ov/record.yaml").unlink()
    return record.read_text() if done.returncode == 0 else None


def _kustomize(top: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {"PATH": programs, "GOGC": "off", **environment}
    command = [find_tool("kustomize") or "kustomize", "build", "--enable-alpha-plugins", "--enable-exec", "ov"]
    return subprocess.run(
        command, cwd=top, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def _update(top: Path) -> dict[str, set[str]]:
    """Update the sources in place; the new texts by the file and line of their markers."""
    tree = read_tree([str(top)])
    catalog = catalog_from_tree(tree, policies=(), stdin=bytes, namespace="flux-system", paths=[str(top)])
    updated = update_files(tree, lambda fields: StatusSource(catalog))
    assert not updated.failed, updated.results
    write_all(updated.rewrites)
    changed: dict[str, set[str]] = {}
    for change in updated.changes:
        location = change.field.location
        where = f"{Path(location.file).resolve().relative_to(top).as_posix()}:{location.line}"
        changed.setdefault(where, set()).update({change.new, change.ref.tag, change.ref.name})
    return changed


def _static(top: Path, plain: str) -> tuple[str | None, Sequence[Result]]:
    """The answer of our function to an input, by reading the sources."""
    listing = ResourceList.parse(plain.encode(), needle=NEEDLE)
    options = FunctionOptions(source="status", source_scan="static", allow_downgrade=True)
    with chdir(top / "ov"):
        update = update_resource_list(listing, options, lambda catalog, known: StatusSource(catalog))
    if any(result.severity == "error" for result in update.results):
        return None, update.results
    return splice(listing.text, update.edits), update.results


def _run_exact(top: Path) -> Outcome:
    """Compare what kustomize prints with our function to what it prints of updated sources without it."""
    kustomization = top / "ov/kustomization.yaml"
    written = kustomization.read_text()
    (top / "ov/imagesetter.yaml").write_text(FUNCTION)
    kustomization.write_text(f"{written}transformers: [imagesetter.yaml]\n")
    found = _kustomize(top, IMAGESETTER_FROM="status", IMAGESETTER_ALLOW_DOWNGRADE="true")
    kustomization.write_text(written)
    (top / "ov/imagesetter.yaml").unlink()
    with chdir(top):
        _update(top)
    wanted = _kustomize(top)
    if wanted.returncode:
        return Outcome("refused")
    lines = difflib.unified_diff(wanted.stdout.splitlines(), found.stdout.splitlines(), "wanted", "found", lineterm="")
    return Outcome("silent" if found.stdout != wanted.stdout else "built", "\n".join([*lines, found.stderr]))


def _silent(found: str, wanted: str, results: Sequence[Result], changed: Mapping[str, set[str]]) -> Iterator[str]:
    """The fields that differ and that no warning or error names."""
    ours, theirs = (ResourceList.parse(text.encode()) for text in (found, wanted))
    if len(ours.items) != len(theirs.items):
        yield "other items"
        return
    loud = [result for result in results if result.severity != "info"]
    for mine, other in zip(ours.items, theirs.items, strict=True):
        old = {scalar.path: scalar.value for scalar in mine.scalars()}
        new = {scalar.path: scalar.value for scalar in other.scalars()}
        for path in old.keys() | new.keys():
            if old.get(path) == new.get(path):
                continue
            field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]
            named = any(
                result.resource_ref == mine.ref
                and result.field
                and result.field.path.replace('["', ".").replace('"]', "") == field
                for result in loud
            ) or any(
                result.file
                and any(
                    text in str(new.get(path))
                    for text in changed.get(f"{result.file.path}:{result.tags.get('line')}", ())
                )
                for result in loud
            )
            if not named:
                yield f"{mine.kind} {mine.name} {field}: {old.get(path)!r}, expected {new.get(path)!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--exact", action="store_true")
    options = parser.parse_args()
    if options.seed is not None:
        outcome = run_case(options.seed, exact=options.exact, show=True)
        print(outcome.details, outcome.name, sep="\n")
        return outcome.name == "silent"
    counts: dict[str, int] = {}
    with suppress(KeyboardInterrupt):  # what was counted until then is worth something
        for seed in range(options.start, options.start + options.count):
            outcome = run_case(seed, exact=options.exact)
            counts[outcome.name] = counts.get(outcome.name, 0) + 1
            if outcome.name == "silent":
                print(f"seed {seed}: {outcome.details}", flush=True)
            if sum(counts.values()) % _PROGRESS == 0:
                print(f"{sum(counts.values())} cases: {counts}", file=sys.stderr, flush=True)
    print(counts)
    return 1 if counts.get("silent") else 0


if __name__ == "__main__":
    sys.exit(main())
