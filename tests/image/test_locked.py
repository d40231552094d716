"""The container image without a network applies a lock that is a resource of the package."""

from __future__ import annotations

from e2e.conftest import Stage
from image.conftest import NAME, Image
from tools import require_tool


def test_kpt_without_network_applies_the_lock_of_the_package(image: Image, stage: Stage) -> None:
    package = stage.example("locked")
    before = (package / "deployment.yaml").read_text()
    lock = (package / "images.lock.yaml").read_bytes()
    kptfile = package / "Kptfile"
    kptfile.write_text(kptfile.read_text().replace("exec: imagesetter", f"image: {NAME}"))
    done = image.run(require_tool("kpt"), "fn", "render", cwd=package)
    assert done.returncode == 0, done.stderr.decode()
    assert (package / "deployment.yaml").read_text() == before.replace("1.4.2", "1.4.1")
    assert (package / "images.lock.yaml").read_bytes() == lock
    (run,) = image.runs()
    assert run[run.index("--network") + 1] == "none"
