"""Whatever goes wrong after files were written: the user is told which ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import APP, POLICIES, Sandbox, open_sandbox

STATUS = "status: {latestRef: {name: registry.example.com/web, tag: 1.5.0}}\n"


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with open_sandbox(tmp_path, capsys, monkeypatch) as opened:
        opened.registry.push("1.5.0")
        yield opened


def test_a_report_that_cannot_be_written_does_not_hide_which_files_were(sandbox: Sandbox) -> None:
    sandbox.write("b/app.yaml", APP)
    ran = sandbox.run("update", "--output", "markdown=/dev/full")
    assert ran.status == 1
    assert ran.err.splitlines()[-3:] == ["2 files were written before that:", "  app.yaml", "  b/app.yaml"]
    assert ":1.5.0" in sandbox.text("app.yaml")


FULL = {
    "update": (("update", "--from", "status"), "1 file was written before that:\n  app.yaml\n"),
    "mark": (("mark",), "1 file was written before that:\n  bare.yaml\n"),
    "a check": (("update", "--check", "--from", "status"), ""),
}


@pytest.mark.parametrize(("command", "told"), FULL.values(), ids=FULL)
def test_a_full_standard_output_does_not_hide_which_files_were_written(
    tmp_path: Path, command: tuple[str, ...], told: str
) -> None:
    (tmp_path / "policies.yaml").write_text(POLICIES + STATUS)
    (tmp_path / "app.yaml").write_text(APP)
    (tmp_path / "bare.yaml").write_text("spec:\n  containers:\n  - image: registry.example.com/web:1.4.0\n")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "imagesetter", *command],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    assert "cannot be written: No space left on device" in done.stderr
    assert done.stderr.endswith(told)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="limits of processes are POSIX")
@pytest.mark.parametrize("limit", [8, 10, 12, 16])
def test_a_run_that_may_open_few_files_writes_all_of_them_or_names_those_it_wrote(tmp_path: Path, limit: int) -> None:
    (tmp_path / "policies.yaml").write_text(POLICIES + STATUS)
    for number in range(60):
        (tmp_path / f"{number}.yaml").write_text(APP)
    line = f'ulimit -n {limit} && exec "$0" -m imagesetter update --from status'
    done = subprocess.run(["sh", "-c", line, sys.executable], cwd=tmp_path, capture_output=True, text=True, check=False)
    written = {path.name for path in tmp_path.glob("*.yaml") if ":1.5.0 " in path.read_text()}
    assert "Traceback" not in done.stderr
    assert all(name in done.stdout + done.stderr for name in written)
    assert len(written) == 60, done.stderr
