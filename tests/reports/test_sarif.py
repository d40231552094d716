"""SARIF as code hosts read it: the specification's own schema, and what their documentation asks for besides."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from imagesetter.cli.main import main
from imagesetter.lint.finding import Finding, Problem
from imagesetter.lint.run import RULES
from imagesetter.lint.sarif import as_sarif
from imagesetter.lint.scanned_file import SourcePosition
from tools import CHECKOUT, require_tool

SCHEMA = CHECKOUT / "tests" / "oracle" / "sarif-schema-2.1.0.json"
POLICY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.y}}}
"""
FIELDS = """\
a: web:1 # {"$imagepolicy": "flux-system:wbe"}
# b: web:1 # {"$imagepolicy": "flux-system:web"}
"""


def finding(rule: int = 0, message: str = "m", **spot: Any) -> Finding:
    return Finding(
        RULES[rule], Problem(SourcePosition(**{"file": "a.yaml", "line": 3, "column": 7, **spot}), message, "h")
    )


def log(*findings: Finding) -> dict[str, Any]:
    return as_sarif(findings, RULES)["runs"][0]  # type: ignore[index, no-any-return]


def check(path: Path) -> subprocess.CompletedProcess[str]:
    # One pattern in the schema is no ECMAScript regular expression.
    command = [require_tool("check-jsonschema"), "--regex-variant", "python", "--schemafile", str(SCHEMA), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_of_the_command_follows_the_specifications_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies.yaml").write_text(POLICY)
    (tmp_path / "fields.yaml").write_text(FIELDS)
    (tmp_path / "latin 1.yaml").write_bytes(FIELDS.encode() + b"\xff")
    assert main(["lint", "--output", "sarif"]) == 1
    text = capsys.readouterr().out
    levels = {result["level"] for result in json.loads(text)["runs"][0]["results"]}
    assert levels == {"error", "warning", "note"}
    written = tmp_path / "log.sarif"
    written.write_text(text)
    run = check(written)
    assert run.returncode == 0, run.stdout
    # The check itself works: the schema refuses what it has to refuse.
    written.write_text(text.replace('"level": "note"', '"level": "info"'))
    assert check(written).returncode == 1


def test_nothing_found_is_a_run_with_an_empty_list_and_all_rules() -> None:
    run = log()
    assert run["results"] == []
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [rule.name for rule in RULES]


def test_a_result_points_at_its_rule_its_page_and_its_line() -> None:
    run = log(finding(3))
    (result,) = run["results"]
    assert result["ruleId"] == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == RULES[3].name
    assert run["tool"]["driver"]["rules"][3]["helpUri"].endswith(f"/docs/lint.md#{RULES[3].name}")
    assert result["message"] == {"text": "m; h"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a.yaml", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 3, "startColumn": 7},
            }
        }
    ]


@pytest.mark.parametrize(
    ("spot", "location"),
    [
        ({"file": "ä b/c#d.yaml"}, {"uri": "%C3%A4%20b/c%23d.yaml", "uriBaseId": "%SRCROOT%"}),
        ({"file": "/srv/a b.yaml"}, {"uri": "file:///srv/a%20b.yaml"}),
    ],
    ids=["relative", "absolute"],
)
def test_paths_are_written_as_uris(spot: dict[str, Any], location: dict[str, str]) -> None:
    (result,) = log(finding(**spot))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_a_whole_file_has_no_region_and_a_stream_no_location() -> None:
    file, stream = log(finding(line=0, column=0), finding(file="<stdin>"))["results"]
    assert "region" not in file["locations"][0]["physicalLocation"]
    assert "locations" not in stream


def test_a_finding_that_moves_keeps_its_fingerprint_and_another_has_its_own() -> None:
    results = log(finding(), finding(line=9, column=1), finding(1), finding(message="n"), finding(file="b.yaml"))
    prints = [result["partialFingerprints"]["imagesetter/v1"] for result in results["results"]]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4
