"""Every error about a command line says what is wrong, where, and what to do, whichever library noticed it."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cli.terminals import run_piped
from imagesetter.cli.main import TASKS, group, main

COMMANDS = [name for names in TASKS.values() for name in names]
# What a command needs before it looks at anything else.
NEEDED = {
    "hold": ["web", "--exclude-tag", "1.0.0", "--reason", "crashes"],
    "unhold": ["web"],
    "tags": ["registry.example.com/web"],
    "explain": ["web"],
}
THREE_PARTS = re.compile(r"error: \S.*\n  where: \S.*\n  hint:  \S.*\n\Z")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def error_of(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 2) -> str:
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def options_of(command: str) -> list[click.Option]:
    found = group.get_command(click.Context(group), command)
    assert found is not None
    return [each for each in found.params if isinstance(each, click.Option)]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_named_with_its_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of([command, "--zzz"], capsys) == (
        f"error: unknown option '--zzz'\n  where: imagesetter {command}\n  hint:  see `imagesetter {command} --help`\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_without_its_value_is_an_error_in_three_parts(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in options_of(command):
        if not option.is_flag:
            assert THREE_PARTS.match(error_of([command, option.opts[-1]], capsys)), option.opts


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_choice_is_answered_with_the_right_ones(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in options_of(command):
        if isinstance(option.type, click.Choice) and option.name != "outputs":
            name, (*others, last) = option.opts[-1], option.type.choices
            listed = f"{', '.join(map(str, others))} or {last}" if others else last
            assert error_of([command, *NEEDED.get(command, []), name, "quux"], capsys) == (
                f"error: 'quux' is not a valid value\n  where: {name}\n  hint:  write {listed}\n"
            )


WRONG = {
    "an unknown command": (["updat"], "unknown command 'updat'", "imagesetter", "did you mean update?"),
    "nothing like a command": (["quux"], "unknown command 'quux'", "imagesetter", "see `imagesetter --help`"),
    "a misspelled option": (
        ["update", "--fron", "lock"],
        "unknown option '--fron'",
        "imagesetter update",
        "did you mean --from?",
    ),
    "no argument": (
        ["tags"],
        "the argument IMAGE is missing",
        "imagesetter tags",
        "usage: imagesetter tags [OPTIONS] IMAGE",
    ),
    "no option that is required": (
        ["hold", "web", "--tag", "1.0.0"],
        "the option --reason is missing",
        "imagesetter hold",
        "usage: imagesetter hold [OPTIONS] POLICY",
    ),
    "one argument too many": (
        ["tags", "a.example/b", "c"],
        "got unexpected extra argument (c)",
        "imagesetter tags",
        "usage: imagesetter tags [OPTIONS] IMAGE",
    ),
    "a flag with a value": (
        ["update", "--check=1"],
        "option '--check' does not take a value",
        "--check",
        "see `imagesetter update --help`",
    ),
    "a number below its range": (
        ["tags", "a.example/b", "--limit", "0"],
        "0 is not an allowed number",
        "--limit",
        "write a number from 1",
    ),
    "a word for a number": (
        ["demo", "--serve", "x"],
        "'x' is not an allowed number",
        "--serve",
        "write a number from 0 to 65535",
    ),
    "a path that does not exist": (
        ["update", "nowhere"],
        "the file or directory does not exist",
        "nowhere",
        "check the path, or give another file or directory of your configuration",
    ),
    "a file that does not exist": (
        ["fn", "nowhere.yaml"],
        "file 'nowhere.yaml' does not exist",
        "FILE",
        "give the path of a file",
    ),
    "a directory for a file": (
        ["lock", "--lock-file", "."],
        "file '.' is a directory",
        "--lock-file",
        "give the path of a file",
    ),
    "a file for a directory": (
        ["update", "--cache-dir", __file__],
        f"directory {__file__!r} is a file",
        "--cache-dir",
        "give the path of a directory",
    ),
    "a list of tags that does not exist": (
        ["explain", "--semver", "1.x", "--tags-file", "nowhere", "a.example/web"],
        "cannot be read: No such file or directory",
        "nowhere",
        "check the path",
    ),
    "a directory for a list of tags": (
        ["explain", "--semver", "1.x", "--tags-file", ".", "a.example/web"],
        "cannot be read: Is a directory",
        ".",
        "check the path",
    ),
    "values that do not exist": (
        ["update", "--substitute-from", "nowhere.env"],
        "cannot be read: No such file or directory",
        "nowhere.env",
        "check the path",
    ),
    "a rendered stream that does not exist": (
        ["lint", "--rendered", "nowhere.yaml"],
        "cannot be read: No such file or directory",
        "nowhere.yaml",
        "check the path",
    ),
    "a report in a directory that does not exist": (
        ["update", "--output", "json=gone/report.json"],
        "gone/report.json is in a directory that does not exist",
        "--output",
        "choose a file in an existing directory",
    ),
    "a message in a directory that does not exist": (
        ["update", "--message-file", "gone/message"],
        "gone/message is in a directory that does not exist",
        "--message-file",
        "choose a file in an existing directory",
    ),
    "an unknown report format": (
        ["update", "--output", "jsn"],
        "unknown report format 'jsn' (did you mean json?)",
        "--output",
        "formats: text, json, markdown, sarif; write FORMAT or FORMAT=FILE",
    ),
    "a duration without a unit": (
        ["update", "--timeout", "30"],
        "'30' is not a duration such as 10m, 1h30m or 500ms",
        "--timeout",
        "write a duration above 0s, up to 24h",
    ),
    "a policy with three names": (
        ["update", "--only", "a:b:c"],
        "'a:b:c' is not the name of a policy",
        "--only",
        "write NAMESPACE:NAME, or NAME in the default namespace",
    ),
    "a date without a year": (
        ["hold", "web", "--tag", "1.0.0", "--reason", "x", "--until", "friday"],
        "'friday' is not a date such as 2026-12-01",
        "--until",
        "write the year, month and day with dashes",
    ),
    "an impossible shard": (
        ["lock", "--shard", "4/4", "--lock-file", "x.yaml"],
        "'4/4' is not a shard",
        "--shard",
        "write INDEX/COUNT: 0/4 is the first of four",
    ),
    "an unknown kind": (
        ["schema", "ImageLok"],
        "unknown kind 'ImageLok' (did you mean ImageLock?)",
        "imagesetter schema",
        "kinds: ImageLedger, ImageLock, ImageRelease, ImageSetter, Project, PolicyTest, AutomationReport, Explanation, "
        "InitReport, OutdatedReport, ParityReport, ImageLog, PolicyReport, PolicyTestReport, LockReport, LintReport, "
        "MarkReport, TagList, UpdateReport, VerifyReport",
    ),
    "standard input for two things": (
        ["lint", "--policies", "-", "--rendered", "-"],
        "--policies and --rendered cannot both read standard input",
        "imagesetter lint",
        "write one of them to a file",
    ),
}


@pytest.mark.parametrize(("arguments", "what", "where", "hint"), WRONG.values(), ids=WRONG)
def test_wrong_usage_says_what_where_and_what_to_do(
    arguments: list[str], what: str, where: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert error_of(arguments, capsys) == f"error: {what}\n  where: {where}\n  hint:  {hint}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["update", "nowhere"],
        ["lock", "nowhere"],
        ["lint", "nowhere"],
        ["mark", "nowhere"],
        ["automate", "nowhere"],
        ["test", "nowhere"],
        ["update", "--policies", "nowhere", "."],
        ["update"],
        ["lock"],
        ["lint"],
        ["mark"],
        ["test"],
        ["automate"],
        ["explain"],
        ["lint", "--rendered", "nowhere", "--policies", "."],
        ["lock", "--merge", "nowhere"],
        ["lock", "--merge"],
        ["explain", "--semver", "1.x", "--tags-file", "nowhere"],
        ["hold", "web", "--exclude-tag", "1.0.0", "--reason", "x", "--lock-file", "nowhere/lock.yaml"],
        ["unhold", "web"],
    ],
    ids=" ".join,
)
def test_a_missing_file_or_directory_is_an_error_in_three_parts(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) in (1, 2)
    captured = capsys.readouterr()
    assert THREE_PARTS.search(captured.err), captured.err


@pytest.mark.parametrize(
    ("variable", "what", "hint"),
    [
        ("IMAGESETTER_FROM", "'quux' is not a valid value", "write registry, lock or status"),
        ("IMAGESETTER_CHECK", "'quux' is neither true nor false", "write true or false"),
    ],
)
def test_a_wrong_value_in_the_environment_names_the_variable(
    variable: str, what: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "quux")
    assert error_of(["update"], capsys) == f"error: {what}\n  where: {variable}\n  hint:  {hint}\n"


def test_wrong_usage_is_coloured_as_every_error_is(tmp_path: Path) -> None:
    ran = run_piped("update", "--zzz", cwd=tmp_path, home=tmp_path, IMAGESETTER_COLOR="always")
    assert ran.status == 2
    assert ran.err.startswith("\x1b[31m\x1b[1merror\x1b[0m: unknown option '--zzz'\n")
