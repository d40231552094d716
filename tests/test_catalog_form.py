"""The form of the KRM functions catalog: metadata, the page's sections, and an example that gives what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from imagesetter.config.function_config import _FLAT
from krm_functions.yaml.load import load
from tools import require_tool

ROOT = Path(__file__).parents[1]
CATALOG = ROOT / "kustomization-examples" / "catalog"
FUNCTION = CATALOG / "functions" / "imagesetter"
EXAMPLES = sorted((CATALOG / "examples").iterdir())
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"


class Metadata(BaseModel):
    """The fields of a function's metadata.yaml in the catalog; no others are read there."""

    model_config = ConfigDict(extra="forbid", strict=True)
    image: str
    description: str
    tags: list[str]
    sourceURL: str  # noqa: N815
    examplePackageURLs: list[str]  # noqa: N815
    license: str


def metadata() -> Metadata:
    return Metadata.model_validate(load((FUNCTION / "metadata.yaml").read_text()))


def test_metadata_is_what_the_catalog_reads() -> None:
    found = metadata()
    assert set(found.tags) <= {"mutator", "validator", "generator"}
    assert [url.rpartition("/")[2] for url in found.examplePackageURLs] == [path.name for path in EXAMPLES]
    assert ":" not in found.image


def test_the_page_has_the_sections_that_kpt_reads() -> None:
    page = (FUNCTION / "README.md").read_text()
    parts = re.findall(r"<!--mdtogo:(\w+)-->\n(.*?)<!--mdtogo-->", page, flags=re.DOTALL)
    assert [name for name, _ in parts] == ["Short", "Long", "Examples"]
    assert dict(parts)["Short"].strip() == metadata().description
    assert page.startswith("# imagesetter\n")


def test_the_page_names_options_that_there_are() -> None:
    named = re.findall(r"^\| `(\w+)` \|", (FUNCTION / "README.md").read_text(), flags=re.MULTILINE)
    assert named
    assert set(named) <= set(_FLAT)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_the_files_of_the_catalog_and_its_image(example: Path) -> None:
    names = {path.relative_to(example).as_posix() for path in example.rglob("*") if path.is_file()}
    wanted = {"Kptfile", "README.md", "resources.yaml", ".krmignore"}
    assert names == wanted | {f".expected/{name}" for name in ("config.yaml", "diff.patch", "results.yaml")}
    assert (example / ".krmignore").read_text() == ".expected\n"
    assert f"image: {metadata().image}:" in (example / "Kptfile").read_text()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_kpt_makes_of_an_example_what_stands_beside_it(example: Path, tmp_path: Path) -> None:
    """The function as a command in place of its image: the image's own tests are in tests/image."""
    kpt, git = require_tool("kpt"), require_tool("git")
    package, results = tmp_path / example.name, tmp_path / "results"
    shutil.copytree(example, package, ignore=shutil.ignore_patterns(".expected"))
    kptfile = package / "Kptfile"
    original = kptfile.read_text()
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": place}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=package, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(git, "init", "--quiet")
    kptfile.write_text(re.sub(r"image: \S+", "exec: imagesetter", original))
    run(git, "add", ".")
    run(kpt, "fn", "render", "--allow-exec", "--results-dir", str(results))
    answers = {
        "diff.patch": run(git, "diff", "--no-color"),
        "results.yaml": (results / "results.yaml")
        .read_text()
        .replace(
            "exec: imagesetter",
            re.search(r"image: \S+", original)[0],
        ),
    }
    for name, text in answers.items():
        golden = example / ".expected" / name
        if UPDATE:
            golden.write_text(text)
        assert golden.read_text() == text
    run(git, "add", ".")
    run(kpt, "fn", "render", "--allow-exec")
    assert run(git, "diff", "--no-color") == ""
