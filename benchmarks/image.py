"""The container image: how large it is and what fills it, and what a run costs in it."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import inputs
from benchmarks.measuring import Program, interleaved
from benchmarks.page import Section, seconds, table

TITLE = "The container image"
TEXT = (
    "Built by `make image`'s script with buildah, on a stand-in for the base image, Debian's own Python, so that no "
    "registry is contacted. What stands on top of the base is what a release has, and the base itself is not. "
    "Runs are in the image's root file system, as its user, with its entrypoint; what an engine adds to start a "
    "container is not in them. Bare Python in the same root is the limit."
)
NOBODY = "65534:65534"


def image(folder: Path, quick: bool) -> Section:
    """Its size, and its start-up."""
    why = "building it takes minutes, which a quick run does not have" if quick else _obstacle()
    if why:
        return Section(TITLE, TEXT, [], skipped=why)
    with _built() as (base, root):
        filled = sizes(root)
        whole, before = sum(filled.values()), sum(sizes(base).values())
        rows = [
            [name, f"{size / whole:.0%}", f"{size / 1e6:.1f} MB"] for name, size in filled.items() if size > whole / 200
        ]
        found = interleaved(_programs(folder, root), 9)
    bare = found[BARE]
    runs = [
        [name, f"{each.over(bare, 'cpu'):.2f}", f"{each.over(bare):.2f}", seconds(each.cpu), seconds(each.wall),
         f"{each.peak:.0f} MiB"]
        for name, each in found.items()
    ]  # fmt: skip
    return Section(
        TITLE,
        TEXT,
        [
            f"{whole / 1e6:.0f} MB of files, of which {(whole - before) / 1e6:.0f} MB stand on top of the base:",
            table(["what", "share", "size"], rows),
            table(["run", "× bare, processor", "× bare, clock", "processor", "clock", "peak"], runs),
        ],
    )


BARE = "python -c pass"


def _programs(folder: Path, root: Path) -> dict[str, Program]:
    unmarked, locked = folder / "unmarked.yaml", folder / "locked.yaml"
    unmarked.write_text(inputs.resource_list(3, marked=False))
    locked.write_text(inputs.resource_list(1, 2, locked=True))
    inside = ["chroot", f"--userspec={NOBODY}", str(root), "/opt/imagesetter/bin/python", "-I"]
    function = [*inside, "-m", "imagesetter"]
    return {
        BARE: Program([*inside, "-c", "pass"]),
        "function, list without markers": Program(function, unmarked),
        "function, locked apply": Program(function, locked, env={"IMAGESETTER_FROM": "lock"}),
        "imagesetter --version": Program([*function, "--version"]),
    }


def _obstacle() -> str:
    """Why it cannot be built here, or nothing."""
    _see_tests()
    from image.conftest import TOOLS
    from tools import find_tool

    missing = [tool for tool in TOOLS if find_tool(tool) is None]
    if missing:
        return f"{', '.join(missing)} not there (`make tools` installs what builds it)"
    return "" if os.geteuid() == 0 else "only root can build it"


def _see_tests() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))


@contextmanager
def _built() -> Iterator[tuple[Path, Path]]:
    """The roots of the base and of the image, made as the tests make them."""
    _see_tests()
    from image.conftest import build_image, open_base, open_storage

    with open_storage() as buildah, build_image(buildah) as (_, root), open_base(buildah) as base:
        yield base, root


def sizes(root: Path) -> dict[str, int]:
    """Bytes of files by what they belong to, the most first; a file of several names counts once."""
    found: dict[str, int] = defaultdict(int)
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not Path(folder, name).is_mount()]
        for name in names:
            path = Path(folder, name)
            status = path.lstat()
            if (status.st_dev, status.st_ino) not in seen and not path.is_symlink():
                seen.add((status.st_dev, status.st_ino))
                found[_owner(path.relative_to(root))] += status.st_size
    return {name: found[name] for name in sorted(found, key=lambda name: -found[name])}


def _owner(path: Path) -> str:
    """What a file of the image belongs to."""
    parts = path.parts
    if "site-packages" in parts:
        package = parts[parts.index("site-packages") + 1].partition("-")[0].partition(".")[0].removeprefix("_")
        return f"`{package}`"
    if any(part.startswith("python3") for part in parts[:-1]):
        return "the standard library's bytecode" if path.suffix == ".pyc" else "the standard library"
    return "the base: its system and interpreter"
