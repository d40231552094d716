"""The command: forms of the report, exit statuses, switches, and what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lint.conftest import FIELD, POLICIES, Lint
from tools import CHECKOUT

DANGLING = FIELD.replace(":web", ":wbe")
UNUSED = {"policies.yaml": POLICIES, "off.yaml": f"a: 1\n# {FIELD}"}


def test_findings_are_in_the_order_of_files_lines_and_columns(lint: Lint) -> None:
    ran = lint({"b.yaml": DANGLING, "a.yaml": f"a: 1\n{DANGLING}", "policies.yaml": POLICIES})
    assert [line.partition(": ")[0] for line in ran.findings] == ["a.yaml:2:39", "b.yaml:1:39", "policies.yaml:8:18"]
    assert ran.out.splitlines()[-1] == "2 errors, 1 warning (3 files read)"
    assert ran.err == ""


def test_an_error_fails_and_a_warning_fails_only_under_strict(lint: Lint) -> None:
    assert lint(UNUSED).status == 0
    assert lint(UNUSED, "--strict").status == 1
    assert lint({**UNUSED, "a.yaml": DANGLING}).status == 1


def test_a_note_never_fails(lint: Lint) -> None:
    ran = lint({"policies.yaml": POLICIES, "a.yaml": f"{FIELD}# {FIELD}"}, "--strict")
    assert ran.status == 0
    assert ran.out.splitlines()[-1] == "1 note (2 files read)"


def test_quiet_leaves_out_notes_and_the_summary(lint: Lint) -> None:
    ran = lint(UNUSED, "-q")
    assert [line.split()[1] for line in ran.out.splitlines()] == ["warning"]


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--disable", "dangling-marker", "--disable", "unused-policy"], None),
        (["--disable", "dangling-marker,unused-policy"], None),
        ([], "dangling-marker unused-policy"),
        ([], "dangling-marker,unused-policy"),
    ],
    ids=["options", "one option", "environment", "environment with a comma"],
)
def test_rules_can_be_switched_off(
    arguments: list[str], environment: str | None, lint: Lint, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment:
        monkeypatch.setenv("IMAGESETTER_DISABLE", environment)
    assert lint({"policies.yaml": POLICIES, "a.yaml": DANGLING}, *arguments).out == "nothing found (2 files read)\n"


def test_a_rule_that_is_not_there_cannot_be_switched_off(lint: Lint) -> None:
    ran = lint({}, "--disable", "dangling-markers")
    assert ran.status == 2
    assert "unknown rule 'dangling-markers' (did you mean dangling-marker?)" in ran.err


def test_json_holds_every_part_of_a_finding(lint: Lint) -> None:
    ran = lint({"policies.yaml": POLICIES, "a.yaml": DANGLING}, "--output", "json", "--disable", "unused-policy")
    assert ran.status == 1
    assert json.loads(ran.out) == {
        "apiVersion": "imagesetter.dev/v1alpha1",
        "kind": "LintReport",
        "findings": [
            {
                "rule": "dangling-marker",
                "severity": "error",
                "message": "ImagePolicy flux-system:wbe was not found",
                "hint": "did you mean flux-system:web?",
                "file": "a.yaml",
                "line": 1,
                "column": 39,
            }
        ],
    }


def test_a_hostile_pattern_can_neither_break_the_line_nor_talk_to_the_terminal(lint: Lint) -> None:
    rule = r'{semver: {range: 1.x}}, filterTags: {pattern: "(\e[2J\nfoo: \x07"}'
    ran = lint({"policies.yaml": POLICIES.replace("{semver: {range: 1.x}}", rule), "a.yaml": FIELD})
    (line,) = ran.about("invalid-pattern")
    assert "\\x1b[2J foo: \\x07" in line
    assert all(character.isprintable() for character in line)


def imported(arguments: list[str], directory: Path) -> set[str]:
    code = (
        f"import sys; sys.path.insert(0, {str(CHECKOUT / 'fn')!r})\n"
        "from imagesetter.cli.main import main\n"
        f"main({arguments!r})\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, check=True)
    return set(run.stderr.split())


def test_markers_alone_import_no_validation_and_nothing_imports_a_network(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FIELD)
    loaded = imported(["lint"], tmp_path)
    assert "imagesetter.lint.run" in loaded
    assert loaded & {"pydantic", "httpx", "httpcore", "ssl", "re2", "rich", "ruamel"} == set()
    (tmp_path / "policies.yaml").write_text(POLICIES)
    loaded = imported(["lint", "--output", "sarif"], tmp_path)
    assert "pydantic" in loaded
    assert loaded & {"httpx", "httpcore", "rich", "ruamel"} == set()
