"""The environment that commands share: a wrong value is blamed on its variable, and no command breaks another."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.terminals import run_piped
from imagesetter.cli.main import main

LIST = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("a: b\n")
    (tmp_path / "tags.txt").write_text("1.0.0\n")


@pytest.mark.parametrize(
    ("variable", "value", "command", "said"),
    [
        ("IMAGESETTER_FROM", "lokc", "update", "'lokc' is not a valid value\n  where: IMAGESETTER_FROM\n"),
        ("IMAGESETTER_CHECK", "maybe", "update", "'maybe' is neither true nor false\n  where: IMAGESETTER_CHECK\n"),
        (
            "IMAGESETTER_TAGS_LIMIT",
            "0",
            "tags a.example/app",
            "0 is not an allowed number\n  where: IMAGESETTER_TAGS_LIMIT\n",
        ),
        ("IMAGESETTER_TIMEOUT", "soon", "update", "where: IMAGESETTER_TIMEOUT\n"),
        ("IMAGESETTER_GIT_TIMEOUT", "soon", "automate", "where: IMAGESETTER_GIT_TIMEOUT\n"),
        ("IMAGESETTER_ONLY", "a:b:c", "update", "where: IMAGESETTER_ONLY\n"),
        ("IMAGESETTER_POLICY", "a:b:c", "mark", "where: --only\n"),
        ("IMAGESETTER_AUTOMATION", "a:b:c", "automate", "where: IMAGESETTER_AUTOMATION\n"),
        ("IMAGESETTER_OUTPUT", "markdwn", "update", "where: IMAGESETTER_OUTPUT\n"),
        ("IMAGESETTER_OUTPUT", "markdwn", "mark", "where: IMAGESETTER_OUTPUT\n"),
        ("IMAGESETTER_OUTPUT", "markdown=gone/body.md", "update", "where: IMAGESETTER_OUTPUT\n"),
    ],
)
def test_a_wrong_value_is_blamed_on_its_variable(
    variable: str,
    value: str,
    command: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    assert main(command.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("update --from lokc", "where: --from\n"),
        ("update --timeout soon", "where: --timeout\n"),
        ("update --only a:b:c", "where: --only\n"),
        ("mark --only a:b:c", "where: --only\n"),
        ("update --output markdwn", "where: --output\n"),
    ],
)
def test_and_on_the_option_where_that_was_given(
    arguments: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGESETTER_FROM", "lock")
    assert main(arguments.split()) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("markdown", ""),
        ("sarif=images.sarif", ""),
        ("text markdown=body.md", ""),
        ("json", "Explanation"),
        ("json=report.json markdown", ""),
        ("json markdown=gone/body.md", "Explanation"),
    ],
)
def test_reports_that_only_another_command_has_are_left_to_it(
    value: str, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGESETTER_OUTPUT", value)
    assert main(["explain", "--semver", "1.x", "--tags-file", "tags.txt"]) == 0
    out = capsys.readouterr().out
    assert (f'"kind": "{kind}"' in out) if kind else out.startswith("semver 1.x")
    assert sorted(path.name for path in Path().iterdir()) == ["a.yaml", "tags.txt"]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("IMAGESETTER_FROM", "lokc", "IMAGESETTER_FROM: from: 'lokc' is not one of registry, lock, status"),
        ("IMAGESETTER_STRICT", "maybe", "IMAGESETTER_STRICT: strict: 'maybe' is neither"),
        ("IMAGESETTER_STRICT", "1", ""),
        ("IMAGESETTER_SOURCE_SCAN", "off", ""),
    ],
)
def test_the_function_reads_a_variable_as_the_command_line_does(
    variable: str, value: str, said: str, tmp_path: Path
) -> None:
    configured = f"{LIST}functionConfig: {{apiVersion: v1, kind: ConfigMap, data: {{bindByImage: 'true'}}}}\n"
    ran = run_piped(cwd=tmp_path, home=tmp_path, stdin=configured, **{variable: value})
    assert (ran.status != 0, said in ran.out) == (bool(said), True), ran
