"""Streams and directories as a shell may hand them over: closed, full, of an old encoding, gone, or not to be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.terminals import environment
from imagesetter.lint.sarif import _location
from imagesetter.lint.scanned_file import SourcePosition
from support.runs import Ran
from tools import require_tool

DANGLING = 'image: a.example/app:1.0.0 # {"$imagepolicy": "flux-system:app"}\n'
POLICIES = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: app, namespace: flux-system}
spec: {imageRepositoryRef: {name: app}, policy: {semver: {range: 1.x}}}
status: {latestRef: {name: a.example/app, tag: 1.0.1}}
"""


def shell(line: str, *, cwd: Path, home: Path, **more: str) -> Ran:
    """What a line of a shell leaves; ``imagesetter`` in it is ours."""
    ours = f'imagesetter() {{ "{sys.executable}" -m imagesetter "$@"; }}\n'
    done = subprocess.run(
        ["sh", "-c", ours + line],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        cwd=cwd,
        env=environment(home, **more),
        check=False,
        timeout=300,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "app.yaml").write_text(DANGLING)
    (tmp_path / "policies.yaml").write_text(POLICIES)
    return folder


UPDATE = "imagesetter update --check --from status --policies ../policies.yaml"


@pytest.mark.parametrize(
    ("line", "status", "err"),
    [
        (f"{UPDATE} >&-", 1, ""),
        (f"{UPDATE} 2>&-", 1, ""),
        (f"{UPDATE} >/dev/full", 1, "error: cannot be written: No space left on device\n  where: standard output\n"),
        ("imagesetter --help >/dev/full", 1, "error: cannot be written: No space left on device\n"),
        ("imagesetter schema >/dev/full", 1, "error: cannot be written: No space left on device\n"),
        (
            "imagesetter update --check --from status --policies - <&-",
            2,
            "contains neither an ImagePolicy",
        ),
        (f"{UPDATE} --diff | head -n 0", 0, ""),
    ],
    ids=["no output", "no errors", "full disk", "full help", "full schema", "no input", "the reader has gone"],
)
def test_a_stream_that_cannot_be_used_ends_in_a_sentence(
    line: str, status: int, err: str, tree: Path, tmp_path: Path
) -> None:
    ran = shell(line, cwd=tree, home=tmp_path)
    assert (ran.status, "Traceback" in ran.err) == (status, False), ran
    assert err in ran.err
    assert err or ran.err == ""


def test_a_closed_stream_gives_its_number_to_no_other_file(tree: Path, tmp_path: Path) -> None:
    """The message file would be the first to be opened, and a later print would go into it."""
    line = "imagesetter update --from status --policies ../policies.yaml --message-file message >&-"
    assert shell(line, cwd=tree, home=tmp_path).status == 0
    assert "fields" not in (tree / "message").read_text()
    assert "1.0.1" in (tree / "app.yaml").read_text()


def test_a_sign_that_the_encoding_lacks_is_shown_as_its_escape(tree: Path, tmp_path: Path) -> None:
    ran = shell(UPDATE, cwd=tree, home=tmp_path, PYTHONIOENCODING="latin-1")
    assert (ran.status, ran.err) == (1, "")
    assert r"1.0.0 \u2192 1.0.1" in ran.out


@pytest.mark.parametrize("command", ["update", "lint", "lock", "mark", "explain app", "automate", "test", "doctor"])
def test_a_working_directory_that_is_gone_is_said(command: str, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    ran = shell(f'rmdir "$PWD"; imagesetter {command}', cwd=tmp_path / "gone", home=tmp_path)
    assert ran.status == 2
    assert ran.err == (
        "error: the working directory does not exist any more\n"
        "  where: imagesetter\n"
        "  hint:  change to an existing directory\n"
    )


@pytest.mark.parametrize("command", ["update", "lint", "lock", "mark"])
def test_a_directory_that_may_not_be_read_is_named(command: str, tree: Path, tmp_path: Path) -> None:
    (tree / "closed").mkdir()
    (tree / "closed").chmod(0)
    powers = "-dac_override,-dac_read_search"
    drop = f"{require_tool('setpriv')} --bounding-set={powers} --inh-caps={powers} " if os.geteuid() == 0 else ""
    ran = shell(f"{drop}{sys.executable} -m imagesetter {command} .", cwd=tree, home=tmp_path)
    (tree / "closed").chmod(0o755)
    assert ran.status == 1
    assert ran.err.startswith("error: cannot be read: Permission denied\n  where: closed\n  hint:  ")


FORMS = ["text", "json", "markdown", "sarif"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", [UPDATE, "imagesetter lint"], ids=["update", "lint"])
def test_a_name_that_is_not_utf_8_reaches_every_report(command: str, form: str, tree: Path, tmp_path: Path) -> None:
    (tree / os.fsdecode(b"caf\xe9.yaml")).write_text(DANGLING)
    ran = shell(
        f"{command} --output {form}={tmp_path}/report --output {form}",
        cwd=tree,
        home=tmp_path,
        PYTHONIOENCODING="utf-8:strict",
    )
    assert (ran.status, "Traceback" in ran.err) == (1, False), ran
    assert (tmp_path / "report").read_bytes().decode(errors="surrogateescape") == ran.out
    if form in ("json", "sarif"):
        assert "caf" in str(json.loads((tmp_path / "report").read_bytes()))


def test_sarif_names_a_file_by_its_bytes() -> None:
    spot = SourcePosition(os.fsdecode(b"caf\xe9.yaml"), 1, 1)
    assert _location(spot)["artifactLocation"] == {"uri": "caf%E9.yaml", "uriBaseId": "%SRCROOT%"}
