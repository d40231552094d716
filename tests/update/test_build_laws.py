"""A few of the generated kustomizations; `update.build_laws` runs thousands."""

from __future__ import annotations

import pytest

from tools import require_tool
from update.build_laws import run_case


@pytest.mark.parametrize("seed", [*range(8), 100140, 100196, 100563, 101749])
def test_what_reading_the_sources_cannot_follow_is_reported(seed: int) -> None:
    require_tool("kustomize")
    assert run_case(seed).name != "silent"


@pytest.mark.parametrize("seed", range(2))
def test_a_build_of_the_sources_gives_what_an_update_and_a_plain_build_give(seed: int) -> None:
    require_tool("kustomize")
    require_tool("imagesetter")
    assert run_case(seed, exact=True).name in ("built", "refused")
