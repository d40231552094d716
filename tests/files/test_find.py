"""Which files are read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from imagesetter.files.find import find_files, repository_root
from krm_functions.errors import InputError, UsageError


def plant(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a: 1\n")


def found(root: Path, **options: list[str]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_files([root], **options)]


def test_configuration_files_are_found_in_hidden_directories_but_not_in_git(tmp_path: Path) -> None:
    plant(
        tmp_path, "b.yml", "a.yaml", "x/Kptfile", "x/Kustomization", ".github/c.yaml", ".git/d.yaml", "e.json", "f.YAML"
    )
    assert found(tmp_path) == [".github/c.yaml", "a.yaml", "b.yml", "x/Kptfile", "x/Kustomization"]


def test_excluded_and_ignored_files_are_left_out(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "a.yaml",
        "charts/templates/d.yaml",
        "pkg/keep.yaml",
        "pkg/drop.yaml",
        "pkg/sub/drop.yaml",
        "drop.yaml",
    )
    (tmp_path / "pkg/.krmignore").write_text("# a comment\ndrop.yaml\n")
    assert found(tmp_path, exclude=["templates/"]) == ["a.yaml", "drop.yaml", "pkg/keep.yaml"]


def test_names_that_are_not_utf_8_are_ignored_like_others(tmp_path: Path) -> None:
    folder, name = os.fsdecode(b"f\xff"), os.fsdecode(b"\xfe.yaml")
    plant(tmp_path, f"{folder}/{name}", f"{folder}/keep.yaml", name)
    (tmp_path / folder / ".krmignore").write_text("?.yaml\n")
    assert [path.name for path in find_files([tmp_path], exclude=["drop.yaml"])] == ["keep.yaml", name]


def test_an_ignore_file_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    plant(tmp_path, "a.yaml")
    os.mkfifo(tmp_path / ".krmignore")
    assert found(tmp_path) == ["a.yaml"]


def test_directories_nested_too_deeply_are_an_error_with_the_path(tmp_path: Path) -> None:
    try:
        outer = os.open(tmp_path, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir("a", dir_fd=outer)
            inner = os.open("a", os.O_RDONLY, dir_fd=outer)  # the path from the root would be too long
            os.close(outer)
            outer = inner
        os.close(outer)
        with pytest.raises(InputError, match="nested too deeply") as refused:
            found(tmp_path)
        assert refused.value.where == str(tmp_path)
    finally:
        subprocess.run(["rm", "-rf", "a"], cwd=tmp_path, check=True)


def test_a_link_out_of_the_tree_is_not_followed(tmp_path: Path) -> None:
    plant(tmp_path, "outside/secret.yaml", "tree/a.yaml")
    (tmp_path / "tree/link.yaml").symlink_to(tmp_path / "outside/secret.yaml")
    (tmp_path / "tree/linked").symlink_to(tmp_path / "outside", target_is_directory=True)
    assert found(tmp_path / "tree") == ["a.yaml"]


def test_a_named_file_is_taken_whatever_its_name_and_each_file_once(tmp_path: Path) -> None:
    plant(tmp_path, "values.txt", "a.yaml")
    paths = [tmp_path / "values.txt", tmp_path / "a.yaml", tmp_path]
    assert [path.name for path in find_files(paths)] == ["values.txt", "a.yaml"]


@pytest.mark.parametrize(
    "pattern",
    ["!", "foo\\", "[z-a]", "[[:alpha:]", "[[:alpha:]]", "\\", "a/\\", "x" * 100_000],
    ids=lambda text: text[:12],
)
def test_a_pattern_that_is_not_valid_is_an_error_with_its_line(tmp_path: Path, pattern: str) -> None:
    plant(tmp_path, "a.yaml")
    (tmp_path / ".krmignore").write_text(f"# fine\n*.json\n{pattern}\n")
    with pytest.raises(InputError, match="is not a valid pattern") as refused:
        found(tmp_path)
    assert refused.value.where == f"{tmp_path}/.krmignore:3"
    (tmp_path / ".krmignore").unlink()
    with pytest.raises(UsageError, match="is not a valid pattern") as misused:
        found(tmp_path, exclude=["*.json", pattern])
    assert misused.value.where == "--exclude"


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the file or directory does not exist"):
        list(find_files([tmp_path / "nowhere"]))


def test_repository_root_is_the_nearest_directory_with_git(tmp_path: Path) -> None:
    plant(tmp_path, "r/.git/config", "r/a/b/c.yaml")
    assert repository_root(tmp_path / "r/a/b") == (tmp_path / "r").resolve()
    assert repository_root(Path("/")) is None
