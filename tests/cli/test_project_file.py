"""The project file: the same settings for every run in a repository, and the command line wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import APP, Sandbox, open_sandbox

NEW = APP.replace("1.4.0", "1.5.0")


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        (tmp_path / ".git").mkdir()
        for name in ("apps/web.yaml", "apps/old/web.yaml", "clusters/prod/web.yaml", "clusters/dev/web.yaml"):
            opened.write(name, APP)
        yield opened


def project(sandbox: Sandbox, spec: str) -> None:
    sandbox.write(".imagesetter.yaml", f"apiVersion: imagesetter.dev/v1alpha1\nkind: Project\nspec: {spec}\n")


def changed(sandbox: Sandbox) -> list[str]:
    """The files that were updated."""
    return sorted(
        str(path.relative_to(sandbox.root)) for path in sandbox.root.rglob("*.yaml") if path.read_text() == NEW
    )


def test_only_its_paths_are_read_and_not_what_it_excludes(sandbox: Sandbox) -> None:
    project(sandbox, "{paths: [apps, clusters/prod], exclude: [old/]}")
    assert sandbox.run("update").status == 0
    assert changed(sandbox) == ["apps/web.yaml", "clusters/prod/web.yaml"]


def test_it_counts_below_its_folder_too(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    project(sandbox, "{paths: [apps, clusters/prod], exclude: [/apps/old]}")
    monkeypatch.chdir(sandbox.root / "clusters")
    assert sandbox.run("update", ".", "../apps").status == 0
    assert changed(sandbox) == ["apps/web.yaml", "clusters/prod/web.yaml"]


def test_files_that_a_hook_names_are_left_out_alike(sandbox: Sandbox) -> None:
    project(sandbox, "{exclude: [old/, dev]}")
    ran = sandbox.run("update", "apps/web.yaml", "apps/old/web.yaml", "clusters/dev/web.yaml")
    assert (ran.status, changed(sandbox)) == (0, ["apps/web.yaml"])


def test_names_with_signs_of_patterns_are_paths_all_the_same(sandbox: Sandbox) -> None:
    for folder in ("a [1]*", "a 1", "#b", "!c"):
        sandbox.write(f"{folder}/web.yaml", APP)
    project(sandbox, '{paths: ["a [1]*", "#b/web.yaml", "./!c/"]}')
    assert sandbox.run("update").status == 0
    assert changed(sandbox) == ["!c/web.yaml", "#b/web.yaml", "a [1]*/web.yaml"]


def test_exclude_on_the_command_line_replaces_that_of_the_file(sandbox: Sandbox) -> None:
    project(sandbox, "{paths: [apps], exclude: [old/]}")
    assert sandbox.run("update", "--exclude", "/apps/web.yaml").status == 0
    assert changed(sandbox) == ["apps/old/web.yaml"]


def test_the_lock_beside_it_is_read(sandbox: Sandbox) -> None:
    project(sandbox, "{paths: [apps], defaults: {from: lock}}")
    assert sandbox.run("lock").status == 0
    assert sandbox.run("update").status == 0
    assert changed(sandbox) == ["apps/old/web.yaml", "apps/web.yaml"]


@pytest.mark.parametrize(
    ("arguments", "status"), [((), 1), (("--from", "registry"), 0)], ids=["its default", "the command line"]
)
def test_a_default_is_that_of_the_option_and_the_command_line_wins(
    sandbox: Sandbox, arguments: tuple[str, ...], status: int
) -> None:
    project(sandbox, "{defaults: {from: lock}}")
    assert sandbox.run("update", *arguments).status == status  # there is no lock


def test_the_environment_wins_over_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    project(sandbox, "{defaults: {from: lock}}")
    monkeypatch.setenv("IMAGESETTER_FROM", "registry")
    assert sandbox.run("update").status == 0


def test_lint_rules_are_off_and_warnings_may_be_errors(sandbox: Sandbox) -> None:
    sandbox.write("db.yaml", sandbox.text("policies.yaml").replace("name: web", "name: db"))
    assert sandbox.run("lint").status == 0
    project(sandbox, "{defaults: {strict: true}}")
    assert sandbox.run("lint").status == 1
    project(sandbox, "{disable: [unused-policy], defaults: {strict: true}}")
    assert sandbox.run("lint").out == "nothing found (8 files read)\n"


def test_verbose_and_doctor_say_which_file_was_read(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    project(sandbox, "{}")
    monkeypatch.chdir(sandbox.root / "apps")
    assert sandbox.run("update", "-v").err.startswith(f"settings from {sandbox.root}/.imagesetter.yaml\n")
    monkeypatch.chdir(sandbox.root)
    assert sandbox.run("mark", "-v").err == "settings from .imagesetter.yaml\n"
    assert "Project\n  file  .imagesetter.yaml\n" in sandbox.run("doctor", "--offline").out
    assert "Project\n  file  none\n" in sandbox.run("--no-project", "doctor", "--offline").out


def test_a_file_of_another_repository_does_not_count(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    project(sandbox, "{paths: [clusters]}")
    (sandbox.root / "apps" / ".git").mkdir()
    monkeypatch.chdir(sandbox.root / "apps")
    sandbox.write("apps/policies.yaml", sandbox.text("policies.yaml"))
    assert sandbox.run("update").status == 0
    assert changed(sandbox) == ["apps/old/web.yaml", "apps/web.yaml"]


REFUSED = {
    "an unknown field": ("{excludes: [a]}", "spec.excludes: unknown field (did you mean exclude?)"),
    "an unknown default": ("{defaults: {form: lock}}", "spec.defaults.form: unknown field (did you mean from?)"),
    "an unknown value": (
        "{defaults: {from: locks}}",
        "spec.defaults.from: 'locks' is not accepted: write 'registry', 'lock' or 'status'",
    ),
    "no list": ("{paths: apps}", "spec.paths: must be a list, not the string 'apps'"),
    "a path above it": ("{paths: [../a]}", "spec.paths[0]: '../a' is not a path below the folder of this file"),
    "a path of the machine": ("{paths: [/etc]}", "spec.paths[0]: '/etc' is not a path below the folder of this file"),
    "a path that does not exist": ("{paths: [app]}", "spec.paths[0]: app does not exist"),
    "an unknown rule": ("{disable: [unused-polcy]}", "unknown rule 'unused-polcy' (did you mean unused-policy?)"),
}


@pytest.mark.parametrize(("spec", "what"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_in_it_is_wrong_usage_and_named(sandbox: Sandbox, spec: str, what: str) -> None:
    project(sandbox, spec)
    ran = sandbox.run("lint")
    assert ran.status == 2
    assert ran.err.startswith(f"error: {what}\n  where: .imagesetter.yaml\n  hint:  "), ran.err


@pytest.mark.parametrize("text", ["", "- a\n", "a: b: c\n"], ids=["empty", "a list", "not YAML"])
def test_what_is_no_project_is_refused(sandbox: Sandbox, text: str) -> None:
    sandbox.write(".imagesetter.yaml", text)
    ran = sandbox.run("lint")
    assert (ran.status, "\n  where: .imagesetter.yaml" in ran.err) == (2, True), ran.err


def test_a_command_that_reads_no_files_runs_without_it(sandbox: Sandbox) -> None:
    project(sandbox, "{excludes: [a]}")
    assert sandbox.run("schema").status == 0
