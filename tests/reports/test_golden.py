"""Each report in each of its forms, byte for byte, and each machine's form as its schema says.

Set IMAGESETTER_UPDATE_GOLDENS=1 to write `golden/` anew, and read the diff before committing it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from imagesetter import __version__
from imagesetter.cli.main import main
from imagesetter.cli.schemas.kinds import schema_of
from tools import CHECKOUT

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
UPDATE = os.environ.get("IMAGESETTER_UPDATE_GOLDENS") == "1"
FORMS = {"text": "txt", "json": "json", "markdown": "md", "sarif": "sarif"}
STATUS = ("update", "--from", "status", "--policies", "policies.yaml")

# case -> the command, and the exit status that it has
CASES = {
    "changed": ((*STATUS, "web.yaml"), 0),
    "changed-with-diff": ((*STATUS, "--diff", "web.yaml"), 0),
    "check": ((*STATUS, "--check", "web.yaml"), 1),
    "kept-on-error": ((*STATUS, "--on-error", "keep", "web.yaml", "held.yaml"), 0),
    "held-up": ((*STATUS, "web.yaml", "held.yaml"), 1),
    "refused": ((*STATUS, "--on-error", "fail", "web.yaml", "held.yaml"), 1),
    "nothing-but-errors": ((*STATUS, "held.yaml"), 1),
    "up-to-date": ((*STATUS, "--check", "--only", "apps:right", "web.yaml"), 0),
    "lint": (("lint", "--policies", "policies.yaml", "web.yaml", "held.yaml"), 1),
    "lint-finds-nothing": (("lint", "--disable", "unused-policy", "right.yaml"), 0),
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shutil.copytree(HERE / "files", tmp_path, dirs_exist_ok=True)
    (tmp_path / "right.yaml").write_text("a: b\n")
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    yield


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_a_report_is_as_its_golden_file(case: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, status = CASES[case]
    assert main([*command, "--output", form]) == status
    printed = capsys.readouterr().out
    path = GOLDEN / f"{case}.{FORMS[form]}"
    shown = printed.replace(f'"version": "{__version__}"', '"version": "VERSION"')
    if UPDATE:
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")
    if form == "json":
        document: dict[str, Any] = json.loads(printed)
        Draft202012Validator(schema_of(document["kind"])).validate(document)
    if form == "sarif":
        oracle = CHECKOUT / "tests" / "oracle" / "sarif-schema-2.1.0.json"
        Draft7Validator(json.loads(oracle.read_text(encoding="utf-8"))).validate(json.loads(printed))


def test_every_golden_file_is_of_a_case() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{case}.{end}" for case in CASES for end in FORMS.values()}


def test_what_mark_prints_is_as_its_schema_says(capsys: pytest.CaptureFixture[str]) -> None:
    repository = {"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository", "metadata": {"name": "new"}}
    policy = {**repository, "kind": "ImagePolicy", "spec": {"imageRepositoryRef": {"name": "new"}}}
    resources = [{**repository, "spec": {"image": "registry.example.com/new"}}, policy]
    Path("new.yaml").write_text("\n---\n".join(map(json.dumps, resources)))
    Path("app.yaml").write_text("spec:\n  containers:\n    - image: registry.example.com/new:1.0.0\n")
    assert main(["mark", "--check", "--policies", "new.yaml", "--output", "json", "app.yaml"]) in (0, 1)
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(schema_of("MarkReport")).validate(document)
    assert document["kind"] == "MarkReport"
