"""A check that has nothing to look at does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagesetter.cli.commands import lint as lint_command
from support.sandbox import APP, IMAGE, Sandbox, open_sandbox

NO_FILE = "no YAML file, Kustomization or Kptfile was found\n  where:"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.write("empty/notes.txt", "nothing\n")
        opened.write("ignored/.krmignore", "*\n")
        opened.write("ignored/app.yaml", APP)
        opened.write("plain/a.yaml", "a: b\n")
        yield opened


COMMANDS = {
    "update": ("update",),
    "a strict check": ("update", "--check", "--strict"),
    "lint": ("lint",),
    "lint with policies": ("lint", "--policies", "policies.yaml"),
    "a strict lint": ("lint", "--strict"),
    "mark": ("mark", "--check"),
    "a rendered stream": ("lint", "--rendered", "app.yaml"),
}


@pytest.mark.parametrize("path", ["empty", "ignored"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_path_without_a_file_is_an_error(sandbox: Sandbox, command: tuple[str, ...], path: str) -> None:
    ran = sandbox.run(*command, path)
    assert (ran.status, f"{NO_FILE} {path}" in ran.err) == (2, True), str(ran)
    beside = sandbox.run(*command, "plain", path)
    assert (beside.status, f"{NO_FILE} {path}" in beside.err) == (2, True), str(beside)


@pytest.mark.parametrize("command", ["lock", "automate", "test"])
@pytest.mark.parametrize("path", ["empty", "ignored", "plain"])
def test_a_command_that_needs_more_than_a_file_says_what(sandbox: Sandbox, command: str, path: str) -> None:
    ran = sandbox.run(command, path)
    assert (ran.status, "no ImagePolicy" in ran.err or "no ImageUpdate" in ran.err or "no policy tests" in ran.err) == (
        2,
        True,
    ), str(ran)


@pytest.mark.parametrize("pattern", ["*", "*.yaml", "app.yaml"])
def test_a_path_whose_files_are_all_excluded_is_an_error(sandbox: Sandbox, pattern: str) -> None:
    sandbox.write("apps/app.yaml", APP)
    ran = sandbox.run("update", "--check", "--exclude", pattern, "apps")
    assert (ran.status, f"{NO_FILE} apps" in ran.err) == (2, True), str(ran)


@pytest.mark.parametrize("command", [("update", "--check"), ("lint",), ("mark", "--check")], ids=" ".join)
def test_files_without_a_marker_are_looked_at_and_fine(sandbox: Sandbox, command: tuple[str, ...]) -> None:
    """As pre-commit hands them over."""
    assert sandbox.run(*command, "plain/a.yaml").status == 0
    assert sandbox.run(*command, "plain").status == 0


def test_a_lock_may_be_made_in_a_directory_without_a_file(sandbox: Sandbox) -> None:
    assert sandbox.run("lock", "--policies", "policies.yaml", "empty").status == 0
    assert "tag: 1.4.0" in sandbox.text("empty/images.lock.yaml")


@pytest.mark.parametrize("source", ["empty", "ignored", "plain", "plain/a.yaml"])
@pytest.mark.parametrize("command", ["update", "lint", "lock", "mark", "explain"])
def test_a_source_of_policies_without_any_is_an_error(sandbox: Sandbox, command: str, source: str) -> None:
    ran = sandbox.run(command, "--policies", source, *(["web"] if command == "explain" else []))
    told = NO_FILE if source in ("empty", "ignored") else f"{source} contains neither an ImagePolicy"
    assert (ran.status, told in ran.err) == (2, True), str(ran)


STREAMS = {"nothing": "", "a separator": "---\n", "a comment": "# none\n", "null": "null\n", "blanks": "\n\n"}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_rendered_stream_without_a_resource_is_an_error(
    sandbox: Sandbox, stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lint_command, "read_stdin", stream.encode)
    ran = sandbox.run("lint", "--rendered", "-", "--policies", "policies.yaml")
    assert (ran.status, "contains no resource" in ran.err) == (2, True), str(ran)
    assert sandbox.run("lint", "--policies", "-", ".").status == 2


def test_a_rendered_stream_without_an_image_of_a_policy_is_a_warning(sandbox: Sandbox) -> None:
    sandbox.write("rendered.yaml", "kind: ConfigMap\nmetadata: {name: a}\n")
    command = ("lint", "--rendered", "rendered.yaml", "--policies", "policies.yaml")
    ran = sandbox.run(*command)
    assert (ran.status, "so nothing was compared" in ran.err) == (0, True), str(ran)
    assert sandbox.run(*command, "--strict").status == 1
    sandbox.write("rendered.yaml", f"kind: Pod\nspec: {{containers: [{{image: {IMAGE}:1.4.0}}]}}\n")
    assert sandbox.run(*command, "--strict").status == 0


def test_a_test_run_without_tests_is_an_error(sandbox: Sandbox) -> None:
    assert sandbox.run("test").status == 2
    assert sandbox.run("test", "--quiet", "--policies", "policies.yaml").status == 2
