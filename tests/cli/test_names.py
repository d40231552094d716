"""One name for one idea in every command; former names work with a notice, and help pages fit 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from imagesetter.cli.help_page import GROUPS
from imagesetter.cli.main import TASKS, group
from support.sandbox import IMAGE, Sandbox, open_sandbox

CONTEXT = click.Context(group, info_name="imagesetter")
COMMANDS = {
    name: command for names in TASKS.values() for name in names if (command := group.get_command(CONTEXT, name))
}
MEANINGS = {
    "--check": {"check"},
    "--only": {"only"},
    "--exclude": {"exclude"},
    "--strict": {"strict"},
    "--policies": {"policies"},
}
POD = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n    - image: {IMAGE}:1.4.0"
NOTICE = "notice: {} is now called {}; the old name goes with version 1.0\n"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        opened.write("pod.yaml", f"{POD}\n")
        opened.write("db.yaml", opened.text("policies.yaml").replace("name: web", "name: db").replace("/web", "/db"))
        yield opened


@pytest.mark.parametrize("option", MEANINGS)
def test_an_option_of_one_name_has_one_variable_in_every_command(option: str) -> None:
    variables = {
        (parameter.name, parameter.envvar)
        for command in COMMANDS.values()
        for parameter in command.params
        if option in parameter.opts
    }
    names = {name for name, _ in variables}
    assert names == MEANINGS[option]
    assert {variable for _, variable in variables} <= {f"IMAGESETTER_{option.strip('-').upper()}", None}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_page_fits_80_columns(name: str) -> None:
    context = click.Context(COMMANDS[name], parent=CONTEXT, info_name=name, terminal_width=80)
    assert [line for line in COMMANDS[name].get_help(context).splitlines() if len(line) > 80] == []


def test_the_options_of_a_help_page_stand_in_groups() -> None:
    context = click.Context(COMMANDS["update"], parent=CONTEXT, info_name="update", terminal_width=80)
    lines = COMMANDS["update"].get_help(context).splitlines()
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == [
        "Options:",
        *(f"{title}:" for title in GROUPS),
    ]


@pytest.mark.parametrize("old", [("--policy", "web"), ("--policy=flux-system:web",)], ids=["apart", "with ="])
def test_mark_takes_policy_for_only_with_a_notice(sandbox: Sandbox, old: tuple[str, ...]) -> None:
    ran = sandbox.run("mark", *old, "pod.yaml")
    assert (ran.status, ran.err) == (0, NOTICE.format("--policy", "--only"))
    assert "flux-system:web" in sandbox.text("pod.yaml")
    assert sandbox.run("mark", "--only", "db", "pod.yaml").err == ""


def test_the_former_variable_of_mark_counts_too(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGESETTER_POLICY", "db")
    ran = sandbox.run("mark", "pod.yaml")
    assert (ran.err, sandbox.text("pod.yaml")) == (NOTICE.format("IMAGESETTER_POLICY", "IMAGESETTER_ONLY"), f"{POD}\n")


def test_hold_takes_exclude_for_exclude_tag_with_a_notice(sandbox: Sandbox) -> None:
    ran = sandbox.run("hold", "web", "--exclude", "1.5.0", "--reason", "crashes")
    assert (ran.status, ran.err) == (0, NOTICE.format("--exclude", "--exclude-tag"))
    assert "exclude: 1.5.0" in sandbox.text()


def test_hold_checks_the_name_of_the_policy(sandbox: Sandbox) -> None:
    ran = sandbox.run("hold", "wbe", "--tag", "1.4.0", "--reason", "crashes")
    assert ran.status == 2
    assert ran.err == (
        "error: no policy flux-system:wbe is in the files or in the lock\n"
        "  where: POLICY\n  hint:  did you mean flux-system:web?\n"
    )
    assert not (sandbox.root / "images.lock.yaml").exists()


def test_hold_knows_the_policies_of_the_lock_too(sandbox: Sandbox) -> None:
    sandbox.run("lock", "--only", "web")
    (sandbox.root / "policies.yaml").unlink()
    assert sandbox.run("hold", "web", "--tag", "1.4.0", "--reason", "crashes").status == 0


def test_automate_says_which_options_need_a_pull_request(sandbox: Sandbox) -> None:
    ran = sandbox.run("automate", "--draft", "--reviewer", "anna", "--dry-run")
    assert ran.err.startswith("notice: --reviewer, --draft: no effect without --pull-request\n")
    assert "notice" not in sandbox.run("automate", "--dry-run").err
