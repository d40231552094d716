"""The scan of a kustomization's sources: it reads below the repository, and nothing that it names can break it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from imagesetter.fields.kustomize_sources import scan_sources

MARKED = 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nimage: a:1 # {"$imagepolicy": "ns:secret"}\n'


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in which links lead out, beside a folder that is none of its business."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text(MARKED)
    image = 'images: [{name: a, newName: b, newTag: "1"}] # {"$imagepolicy": "ns:secret:tag"}\n'
    (outside / "kustomization.yaml").write_text(f"resources: [secret.yaml]\n{image}")
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (root / "folder").symlink_to(outside)
    (root / "link.yaml").symlink_to(outside / "secret.yaml")
    (root / "circle").symlink_to("circle")
    (root / "own.yaml").write_text(MARKED.replace("secret", "own"))
    return root


OUTSIDE = [
    "../outside",
    "../outside/secret.yaml",
    "folder",
    "link.yaml",
    "folder/../../outside",
    "{outside}/secret.yaml",
]


@pytest.mark.parametrize("key", ["resources", "components", "bases", "patchesStrategicMerge", "patches"])
@pytest.mark.parametrize("entry", OUTSIDE)
def test_the_source_scan_never_reads_outside_the_repository(repository: Path, key: str, entry: str) -> None:
    entry = entry.format(outside=repository.parent / "outside")
    item = f"{{path: {entry}}}" if key == "patches" else entry
    own = "" if key == "resources" else "resources: [own.yaml]\n"
    (repository / "kustomization.yaml").write_text(f"{key}:\n- {item}\n{own}")
    found = scan_sources(repository)
    assert "secret" not in {mark.marker.policy.name for mark in found.marks}
    assert any("lies outside the repository" in result.message for result in found.results)


def test_a_kustomization_that_is_a_link_out_of_the_repository_is_not_read(repository: Path) -> None:
    (repository / "base").mkdir()
    (repository / "base" / "kustomization.yaml").symlink_to(repository.parent / "outside" / "kustomization.yaml")
    (repository / "kustomization.yaml").write_text("resources: [base, own.yaml]\n")
    found = scan_sources(repository)
    assert {mark.marker.policy.name for mark in found.marks} == {"own"}
    assert any("lies outside the repository" in result.message for result in found.results)


ODD = {
    "a NUL": '"a\\0b"',
    "a name longer than any": "x" * 5000,
    "a link to itself": "circle",
    "a link to itself with more behind": "circle/x",
    "a home": '"~root/x"',
    "an escape": '"\\e[31m"',
    "itself": ".",
    "nothing": '""',
    "a file with more behind": "own.yaml/x",
    "a tree of its own": "/dev/zero",
}


@pytest.mark.parametrize("entry", ODD.values(), ids=ODD)
def test_an_entry_that_can_be_no_file_does_no_harm(repository: Path, entry: str) -> None:
    text = f"resources: [{entry}, own.yaml]\npatches: [{{path: {entry}}}]\ncomponents: [{entry}]\n"
    (repository / "kustomization.yaml").write_text(text)
    assert {mark.marker.policy.name for mark in scan_sources(repository).marks} == {"own"}


def test_kustomizations_that_are_nested_a_thousand_deep_are_scanned(repository: Path) -> None:
    directories = [repository] + [repository / f"base-{number}" for number in range(1_050)]
    for directory, inner in itertools.pairwise(directories):
        inner.mkdir()
        (directory / "kustomization.yaml").write_text(f"resources: [{os.path.relpath(inner, directory)}]\n")
    (directories[-1] / "kustomization.yaml").write_text("resources: [own.yaml]\n")
    (repository / "own.yaml").rename(directories[-1] / "own.yaml")
    found = scan_sources(repository)
    assert {mark.marker.policy.name for mark in found.marks} == {"own"}
    assert found.results == []
