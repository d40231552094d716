"""(j) `imagesetter build --all` beside a plain loop of kustomize."""

from __future__ import annotations

from pathlib import Path

from benchmarks import inputs, peers
from benchmarks.comparing import CLEAN, OURS, comparison, growth
from benchmarks.measuring import Program, Series, interleaved
from benchmarks.page import Aim, Section, seconds

LOOP = "kustomize, a loop"
_SCRIPT = 'for folder in overlays/*; do "$0" build "$folder" || exit 1; done'
_PATCH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-00000, namespace: team-00}
spec: {replicas: 3}
"""


def write_overlays(folder: Path, count: int) -> None:
    """A repository with a base of five Deployments with markers, and overlays with a prefix, a patch and a tag each."""
    (folder / ".git").mkdir(parents=True)
    (folder / "base").mkdir()
    (folder / "policies.yaml").write_text(inputs.policy(0))
    names = [f"d{number}.yaml" for number in range(5)]
    for number, name in enumerate(names):
        (folder / "base" / name).write_text(inputs.deployment(number, 1))
    (folder / "base/kustomization.yaml").write_text(f"resources: [{', '.join(names)}]\n")
    tag = inputs.marker(0).replace('"}', ':tag"}')
    for number in range(count):
        overlay = folder / "overlays" / f"o{number:03}"
        overlay.mkdir(parents=True)
        (overlay / "patch.yaml").write_text(_PATCH)
        (overlay / "kustomization.yaml").write_text(
            f"resources: [../../base]\nnamePrefix: o{number}-\npatches: [{{path: patch.yaml}}]\n"
            f"images:\n- name: {inputs.image(0)}\n  newTag: {inputs.OLD} {tag}\n"
        )


def builds(folder: Path, quick: bool) -> Section:
    """(j) Overlays of one base, built after an update and as they are."""
    title = "(j) imagesetter build"
    program = peers.find("kustomize")
    if program is None:
        return Section(title, "`imagesetter build --all`, and a loop of `kustomize build`.", [], missing=["kustomize"])
    sizes = (1, 10, 50) if quick else (1, 50, 200)
    found: dict[int, dict[str, Series]] = {}
    for size in sizes:
        tree = folder / str(size)
        write_overlays(tree, size)
        ours = [peers.imagesetter(), "build", "--all", "--quiet", "--kustomize", program]
        programs = {
            OURS: Program(ours, cwd=tree, env={**CLEAN, "IMAGESETTER_FROM": "status"}),
            LOOP: Program(["sh", "-c", _SCRIPT, program], cwd=tree),
        }
        found[size] = interleaved(programs, 3 if size < 50 else 1, warm=1 if size < 50 else 0)
    largest = found[sizes[-1]]
    share = (largest[OURS].cpu - largest[LOOP].cpu) / sizes[-1]
    text = (
        "Overlays of one base of five Deployments, each with a prefix, a patch and an image. Every overlay has a "
        "marked tag that changes, and so has the base. `imagesetter build --all` copies the sources, updates the "
        "copy, and builds each overlay, one for each processor at a time; the loop builds the sources as they are, "
        "one after the other."
    )
    name = f"(j) build --all of {sizes[-1]} overlays over a loop of kustomize"
    aims = [
        Aim(f"{name}, processor", 2, largest[OURS].over(largest[LOOP], "cpu")),
        Aim(f"{name}, clock", 1.5, largest[OURS].over(largest[LOOP], "wall")),
    ]
    return Section(
        title,
        text,
        [comparison("overlays", found, [(LOOP, "loop", "wall"), (LOOP, "loop", "cpu")])],
        aims,
        findings=[
            f"**Its own share**: of {sizes[-1]} overlays, {seconds(share)} of processor time for each; of one, "
            f"{seconds(found[sizes[0]][OURS].cpu - found[sizes[0]][LOOP].cpu)}, most of it to start.",
            growth("overlays", found),
        ],
    )
