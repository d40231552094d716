"""The captured cases of Flux's setter pass, through `imagesetter update`: the same fields, and not one other byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flux.test_setters_oracle import CASES, expected
from imagesetter.cli.main import main

OTHERWISE: dict[str, str] = {}
"""Cases that the command treats otherwise than the setter alone, by their note, and why."""


def policies(case: dict[str, Any]) -> str:
    """The case's policies as a cluster exports them."""
    text = ""
    for policy in case["policies"]:
        latest = policy["latestRef"]
        where = f"{{name: {policy['name']}, namespace: {policy['namespace']}}}"
        text += f"apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {where}\n"
        text += "spec: {imageRepositoryRef: {name: any}, policy: {alphabetical: {}}}\n"
        if latest:
            digest = f', digest: "{latest["digest"]}"' if latest["digest"] else ""
            text += f'status: {{latestRef: {{name: "{latest["name"]}", tag: "{latest["tag"]}"{digest}}}}}\n'
        text += "---\n"
    return text


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["note"]))
def test_update_changes_what_flux_changes(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "all.yaml").write_text(policies(case))
    (tmp_path / "files").mkdir()
    for path, text in case["files"].items():
        (tmp_path / "files" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / path).write_bytes(text.encode())
    main(["update", "--from", "status", "--policies", "policies", "files"])
    after = {path: (tmp_path / "files" / path).read_bytes().decode() for path in case["files"]}
    wanted = {path: expected(case, path) for path in case["files"]}
    if case["note"] in OTHERWISE:
        assert after != wanted
    else:
        assert after == wanted, capsys.readouterr().err
