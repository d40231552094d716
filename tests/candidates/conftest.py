"""The sandbox of the lock's tests: a policy, a registry that changes from day to day, and the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.sandbox import Sandbox, open_sandbox


@pytest.fixture
def sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox whose policy is locked at 1.4.0 in no lock yet."""
    with open_sandbox(tmp_path, capsys, monkeypatch) as made:
        yield made
