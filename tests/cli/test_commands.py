"""Laws of every command: its exit statuses, its environment variables, its help."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.terminals import run_piped
from imagesetter import __version__
from imagesetter.cli import main as command_line
from imagesetter.cli.main import group, main
from support.tables import each_row

CONTEXT = click.Context(group, info_name="imagesetter", auto_envvar_prefix="IMAGESETTER")
COMMANDS = {name: group.get_command(CONTEXT, name) for name in group.list_commands(CONTEXT)}
OPTIONS = [
    (name, parameter)
    for name, command in COMMANDS.items()
    if command
    for parameter in command.params
    if isinstance(parameter, click.Option)
]

MARKED = 'image: a.example/b:1 # {"$imagepolicy": "flux-system:none"}\n'
LIST = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems: []\n"
TEST = {"apiVersion": "imagesetter.dev/v1alpha1", "kind": "PolicyTest", "metadata": {"name": "t"}}
PICK = {"policy": {"semver": {"range": "1.x"}}, "tags": ["1.0.0"]}

# command -> arguments for done, a check that failed, and wrong usage; None where there is no such case
STATUSES: dict[str, tuple[str | None, str | None, str | None]] = {
    "update": ("update plain.yaml", "update marked.yaml", "update --from nowhere"),
    "lock": (None, "lock --no-cache asked", "lock gone"),
    "mark": ("mark plain.yaml", None, "mark --only a:b:c:d"),
    "explain": (
        "explain --semver 1.x --tags-file tags.txt",
        "explain --semver 2.x --tags-file tags.txt",
        "explain --semver 1.x --numerical asc --tags-file tags.txt",
    ),
    "tags": (None, "tags localhost:1/none", "tags"),
    "lint": ("lint plain.yaml", "lint marked.yaml", "lint --disable no-such-rule"),
    "test": ("test good.policy-test.yaml", "test bad.policy-test.yaml", "test wrong.policy-test.yaml"),
    "fn": ("fn list.yaml", "fn failing.yaml", "fn wrong.yaml"),
    "schema": ("schema PolicyTest", None, "schema Nothing"),
    "init": ("init plain.yaml", None, "init gone"),
    "outdated": ("outdated plain.yaml", "outdated --no-cache image.yaml", "outdated gone"),
    "automate": (None, None, "automate --nonsense"),
    "build": (None, None, "build gone"),
    "log": (None, None, "log --nonsense"),
    "rollback": (None, None, "rollback --nonsense"),
    "hold": (None, None, "hold --nonsense"),
    "unhold": (None, None, "unhold --nonsense"),
    "holds": (None, None, "holds --nonsense"),
    "completion": ("completion bash", None, "completion tcsh"),
    "report": (None, None, "report --nonsense"),
    "lsp": (None, None, "lsp --nonsense"),
    "verify": (None, None, "verify --nonsense"),
    "demo": (None, None, "demo --nonsense"),
    "doctor": (None, None, "doctor --nonsense"),
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("IMAGESETTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("plain.yaml").write_text("a: b\n")
    Path("marked.yaml").write_text(MARKED)
    Path("image.yaml").write_text("image: localhost:1/none:1.0.0\n")
    Path("tags.txt").write_text("1.0.0\n")
    Path("list.yaml").write_text(LIST)
    Path("failing.yaml").write_text(LIST.replace("[]", f"\n- kind: ConfigMap\n  {MARKED}"))
    Path("wrong.yaml").write_text("a: b\n")
    Path("good.policy-test.yaml").write_text(json.dumps({**TEST, "spec": {**PICK, "cases": [{"pick": "1.0.0"}]}}))
    Path("bad.policy-test.yaml").write_text(json.dumps({**TEST, "spec": {**PICK, "cases": [{"pick": "2.0.0"}]}}))
    Path("wrong.policy-test.yaml").write_text(json.dumps({**TEST, "spec": {}}))
    flux = {"apiVersion": "image.toolkit.fluxcd.io/v1", "metadata": {"name": "x"}}
    spec = {"imageRepositoryRef": {"name": "x"}, "policy": {"semver": {"range": "1.x"}}}
    asked = [{**flux, "kind": "ImageRepository", "spec": {"image": "localhost:1/x", "insecure": True}}]
    asked += [{**flux, "kind": "ImagePolicy", "spec": spec}]
    Path("asked").mkdir()
    Path("asked/policies.yaml").write_text("\n---\n".join(map(json.dumps, asked)))
    yield


def test_every_command_has_a_row_of_statuses() -> None:
    assert set(COMMANDS) - set(STATUSES) == set()


ROWS = [(line, status) for name in COMMANDS for status, line in enumerate(STATUSES.get(name, ())) if line is not None]


@pytest.mark.parametrize(("line", "status"), ROWS, ids=[f"{line}: {status}" for line, status in ROWS])
def test_a_command_exits_with_its_status(line: str, status: int) -> None:
    assert main(line.split()) == status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("demo", "--serve", "99999"), "99999 is not an allowed number"),
        (("update", ""), "a path is empty"),
        (("lint", ""), "a path is empty"),
        (("update", "--policies", ""), "a path is empty"),
        (("update", "--message-file", "gone/message"), "gone/message is in a directory that does not exist"),
        (("hold", "web", "--tag", "a b", "--reason", "x"), "a tag has up to 128 letters"),
    ],
)
def test_a_slip_is_told_before_anything_is_done(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_the_function_reads_standard_input_by_its_usual_name(tmp_path: Path) -> None:
    ran = run_piped("fn", "-", cwd=tmp_path, home=tmp_path, stdin=LIST)
    assert ran == run_piped("fn", cwd=tmp_path, home=tmp_path, stdin=LIST)
    assert (ran.status, "0 fields changed, 0 up to date" in ran.out) == (0, True)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bug_in_a_command_is_3_with_a_request_to_report_it_and_an_interrupt_130(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **options: object) -> int:
        raise error

    command = COMMANDS[name]
    assert command is not None
    monkeypatch.setattr(command, "callback", fail)
    monkeypatch.setattr(command, "params", [])
    error: BaseException = RuntimeError("oh")
    assert main([name]) == 3
    assert "Please report it" in capsys.readouterr().err
    error = KeyboardInterrupt()
    assert main([name]) == 130


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"Usage: imagesetter {name}")
    assert "Example" in out or name in ("schema", "fn", "demo")
    assert f"imagesetter {name}" in out


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_a_terminal_of_eighty_columns(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*name.split(), "--help"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80 or line.endswith("...")] == []


def sample(option: click.Option) -> str:
    """A value that the option accepts from the environment."""
    if isinstance(option.type, click.Choice):
        return str(next(iter(option.type.choices)))
    if isinstance(option.type, click.IntRange) or option.type is click.INT:
        return "3"
    if option.is_flag:
        return "1"
    return {"output": "json", "outputs": "json", "timeout": "3s", "only": "a:b"}.get(option.name or "", "x")


@each_row(OPTIONS, lambda row: f"{row[0]} {row[1].opts[0]}")
def test_every_option_has_an_environment_variable(row: tuple[str, click.Option]) -> None:
    name, option = row
    command = COMMANDS[name]
    assert command is not None
    prefix = f"IMAGESETTER_{name.upper()}"
    made = click.Context(command, parent=CONTEXT, info_name=name, auto_envvar_prefix=prefix)
    with made as context, pytest.MonkeyPatch.context() as environment:
        assert option.name is not None
        variable = option.envvar or f"{prefix}_{option.name.upper()}"
        assert isinstance(variable, str)
        assert variable.startswith("IMAGESETTER_")
        environment.setenv(variable, sample(option))
        _, source = option.consume_value(context, {})
    assert source is click.core.ParameterSource.ENVIRONMENT


def test_one_variable_means_one_thing_everywhere() -> None:
    """A variable that two commands read is the same option by the same words."""
    meanings: dict[str, set[str]] = {}
    for _, option in OPTIONS:
        if isinstance(option.envvar, str):
            meanings.setdefault(option.envvar, set()).add(max(option.opts, key=len))
    assert {variable: options for variable, options in meanings.items() if len(options) > 1} == {}


def test_version_says_what_matters_and_its_first_line_is_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"imagesetter {__version__}"
    assert re.fullmatch(r"Python 3\.\S+ on .+, PyYAML \S+ with libyaml \S+, google-re2 \S+, pydantic .*", second)


def test_an_unexpected_exception_before_any_command_is_a_bug_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError

    monkeypatch.setattr(command_line.Commands, "resolve_command", fail)
    assert main(["update"]) == 3


@pytest.mark.parametrize(
    ("shell", "words", "position", "offered"),
    [
        ("bash", "imagesetter up", "1", "plain,update"),
        ("bash", "imagesetter update --pol", "2", "plain,--policies"),
        ("bash", "imagesetter update --from ", "3", "plain,lock"),
        ("zsh", "imagesetter expl", "1", "explain"),
    ],
)
def test_a_shell_is_offered_commands_options_and_choices(
    shell: str, words: str, position: str, offered: str, tmp_path: Path
) -> None:
    asked = {"_IMAGESETTER_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": position}
    ran = run_piped(cwd=tmp_path, home=tmp_path, **asked)
    assert offered in ran.out.splitlines(), ran


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script_without_a_terminal(shell: str, tmp_path: Path) -> None:
    ran = run_piped(cwd=tmp_path, home=tmp_path, _IMAGESETTER_COMPLETE=f"{shell}_source")
    assert (ran.status, "imagesetter" in ran.out) == (0, True), ran
