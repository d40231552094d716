"""Every test of the lock gets a small repository of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.house import House, open_house


@pytest.fixture
def house(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with open_house(tmp_path, capsys, monkeypatch) as opened:
        yield opened
