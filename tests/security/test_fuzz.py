"""The fuzz targets stay fit: each holds for its seeds and some mutations of them. `make fuzz` goes further."""

from __future__ import annotations

import importlib
import sys
from itertools import islice
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
TARGETS = importlib.import_module("fuzz.__main__").TARGETS
inputs = importlib.import_module("fuzz.mutate").inputs


@pytest.mark.parametrize("name", TARGETS)
def test_a_fuzz_target_holds(name: str) -> None:
    target = TARGETS[name]
    for data in islice(inputs(target, 20261123), 150):
        target(data)


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_seed_gives_the_same_inputs(name: str) -> None:
    first, second = (list(islice(inputs(TARGETS[name], 7), 60)) for _ in range(2))
    assert first == second
    assert len(set(first)) > 30


def test_the_page_on_fuzzing_names_every_target() -> None:
    page = (ROOT / "docs" / "fuzzing.md").read_text(encoding="utf-8")
    assert [name for name in TARGETS if f"`{name}`" not in page] == []
