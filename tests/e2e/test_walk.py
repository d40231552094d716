"""The README and the quick start, walked through block by block, with a real registry in place of the one they name.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write what came out into the pages, and read the diff before committing it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from e2e.conftest import WRITTEN_HOST, Stage
from support.outside import outside_registry
from support.registries import RunningRegistry, push_image
from support.walking import commands, same_each_time, sections, walk
from tools import CHECKOUT, require_tool

UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"
README = CHECKOUT / "README.md"
PODINFO = ("6.6.3", "6.7.0", "6.7.1", "6.8.0", "6.9.0", "latest")

# Section of the README → its commands, and the programs that it needs.
WAYS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "Why this tag?": (1, ()),
    "One short policy": (1, ()),
    "Flux": (1, ()),
    "kpt": (1, ("kpt",)),
    "kustomize": (2, ("kustomize",)),
    "Helm with Argo CD": (2, ()),
    "A tree without policies": (4, ()),
}
WITHOUT_FILES = ("Why this tag?", "One short policy", "A tree without policies")


@pytest.fixture(scope="module")
def outside(registry: RunningRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """ghcr.io with a few tags of podinfo."""
    push_image(registry, "stefanprodan/podinfo", PODINFO)
    with outside_registry("ghcr.io", played_by=registry.host, folder=tmp_path_factory.mktemp("ghcr")) as variables:
        yield variables


@pytest.mark.parametrize("way", WAYS)
def test_a_way_of_the_readme_is_true_in_a_directory_with_its_files_only(
    way: str, stage: Stage, outside: dict[str, str]
) -> None:
    number, programs = WAYS[way]
    for program in programs:
        require_tool(program)
    folder = stage.root / "podinfo"  # kpt prints the directory's name
    folder.mkdir()
    environment = {**stage.environment, **outside}
    readme = sections(README.read_text(encoding="utf-8"))
    if way not in WITHOUT_FILES:
        walk(readme["One short policy"].partition("```console")[0], folder, environment)
    walked = walk(readme[way], folder, environment, shown=same_each_time)
    if UPDATE:
        README.write_text(README.read_text(encoding="utf-8").replace(readme[way], walked), encoding="utf-8")
    assert walked == sections(README.read_text(encoding="utf-8"))[way]
    assert len(commands(walked)) == number


def test_the_readme_has_no_command_that_no_way_walks_through() -> None:
    text = README.read_text(encoding="utf-8")
    elsewhere = ("pre-commit run --all-files",)  # tests/e2e/test_pre_commit.py
    walked = [command for way in WAYS for command in commands(sections(text)[way])]
    assert sorted(commands(text)) == sorted([*walked, *elsewhere])


def test_the_quick_start_is_true_in_an_empty_directory(stage: Stage) -> None:
    require_tool("git")
    page = CHECKOUT / "docs" / "index.md"
    folder = stage.root / "empty"
    folder.mkdir()
    text = page.read_text(encoding="utf-8")
    walked = walk(
        text,
        folder,
        stage.environment,
        read=lambda part: part.replace(WRITTEN_HOST, stage.host),
        shown=lambda part: same_each_time(part.replace(stage.host, WRITTEN_HOST)),
    )
    if UPDATE:
        page.write_text(walked, encoding="utf-8")
    assert walked == page.read_text(encoding="utf-8")
    assert len(commands(text)) >= 5
