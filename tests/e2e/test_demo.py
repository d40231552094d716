"""The demo tells its whole story, and touches nothing of the person who looks at it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_runs_to_its_end_and_leaves_nothing_behind(tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("home", "work", "tmp")}
    for place in places.values():
        place.mkdir()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(places["home"]),
        "TMPDIR": str(places["tmp"]),
    }
    done = subprocess.run(
        (sys.executable, "-m", "imagesetter", "demo"),
        cwd=places["work"], env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "+          image: 127.0.0.1:" in done.stdout
    assert "Done." in done.stdout
    assert {name: os.listdir(place) for name, place in places.items()} == {"home": [], "work": [], "tmp": []}
