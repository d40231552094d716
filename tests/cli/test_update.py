"""`imagesetter update` tells what it did, not what it meant to do; and a slip in an option is no silent success."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import APP, POLICIES, Sandbox, open_sandbox

LONG = f"{'a' * 240}.yaml"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


@pytest.mark.parametrize("source", ["registry", "lock"])
def test_a_policy_that_is_misspelt_in_only_is_an_error_with_the_nearest(sandbox: Sandbox, source: str) -> None:
    sandbox.run("lock")
    ran = sandbox.run("update", "--only", "flux-system:wbe", "--from", source)
    assert ran.status == 1
    assert "error: ImagePolicy flux-system:wbe was not found; did you mean flux-system:web?" in ran.err
    assert sandbox.text("app.yaml") == APP


def test_one_misspelt_policy_beside_another_stops_both(sandbox: Sandbox) -> None:
    ran = sandbox.run("update", "--only", "wbe", "--only", "web")
    assert (ran.status, sandbox.text("app.yaml")) == (1, APP)


def test_a_policy_that_no_field_here_follows_may_be_named_and_that_is_said(sandbox: Sandbox) -> None:
    sandbox.write(
        "policies.yaml", POLICIES + "---\n" + POLICIES.partition("---\n")[2].replace("name: web\n", "name: db\n", 1)
    )
    ran = sandbox.run("update", "--only", "db")
    told = "warning: no field follows flux-system:db, so nothing was checked\n"
    assert (ran.status, ran.err, sandbox.text("app.yaml")) == (0, told, APP)
    assert sandbox.run("update", "--check", "--strict", "--only", "db").status == 1


def test_a_policy_that_the_lock_alone_knows_may_be_named(sandbox: Sandbox) -> None:
    sandbox.run("lock")
    (sandbox.root / "policies.yaml").unlink()
    assert sandbox.run("update", "--from", "lock", "--only", "web").status == 0
    assert sandbox.text("app.yaml") == APP.replace("1.4.0", "1.5.0")


def test_a_file_that_cannot_be_written_is_not_counted_as_changed(sandbox: Sandbox) -> None:
    """The name leaves no room for that of the temporary file beside it."""
    sandbox.write(LONG, APP)
    ran = sandbox.run("update", "--diff", "--output", "json=report.json")
    assert ran.status == 1
    assert f"{LONG}: error: cannot be written: File name too long" in ran.err
    assert "1 field changed" in ran.out
    assert LONG not in ran.out
    report = json.loads(sandbox.text("report.json"))
    assert [change["file"] for change in report["changes"]] == ["app.yaml"]


def test_a_message_template_that_does_not_run_is_named_and_nothing_is_written(sandbox: Sandbox) -> None:
    ran = sandbox.run("update", "--message-file", "message", "--message-template", "{{ foo }}")
    assert (ran.status, sandbox.text("app.yaml")) == (1, APP)
    assert "  where: --message-template:1\n" in ran.err


def test_a_file_that_mark_cannot_write_is_not_counted_either(sandbox: Sandbox) -> None:
    bare = APP.partition(" #")[0] + "\n"
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n    - name: web\n      {bare}"
    sandbox.write(LONG, pod)
    sandbox.write("pod.yaml", pod)
    ran = sandbox.run("mark")
    assert (ran.status, "1 field marked" in ran.out, "$imagepolicy" in sandbox.text("pod.yaml")) == (1, True, True), (
        str(ran)
    )
    assert f"{LONG}: error: cannot be written" in ran.err


def test_a_registry_pattern_that_cannot_be_read_is_an_error_even_where_nothing_is_asked(sandbox: Sandbox) -> None:
    sandbox.write("app.yaml", "image: localhost:1/app:1.0.0\n")
    ran = sandbox.run("update", "--from", "registry", "--allow-registry", "http://ghcr.io/[")
    assert (ran.status, "'http://ghcr.io/[' is not a registry pattern" in ran.err) == (2, True), str(ran)
