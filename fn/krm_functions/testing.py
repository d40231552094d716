"""For the tests of a function: folders that hold an input and the answer to it, compared byte for byte.

A case is a folder with

* ``in.yaml``: the ResourceList that the function reads,
* ``functionconfig.yaml``, optional: a resource that is put into it as ``functionConfig``,
* ``out.yaml``: the answer, results included; absent where none is written,
* ``stderr.txt``, optional: what a person sees; without it, nothing,
* ``status.txt``, optional: the exit status; without it, 0.

Each case runs twice, and a third time on its own answer: a function should give the same answer to the same input, and
find nothing left to do in what it did.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from krm_functions.main import DONE, Process, Response, respond
from krm_functions.resource_list import ResourceList

IN, CONFIG, OUT, STDERR, STATUS = "in.yaml", "functionconfig.yaml", "out.yaml", "stderr.txt", "status.txt"


def find_cases(folder: Path) -> list[Path]:
    """The cases below a folder, sorted by name."""
    return sorted(path.parent for path in folder.rglob(IN))


def check_case(
    case: Path,
    process: Process,
    *,
    env: Mapping[str, str] | None = None,
    needle: str = "",
    idempotent: bool = True,
    update: bool = False,
) -> None:
    """Run a function on a case and compare.

    Args:
        case: the folder.
        process: the function, as for `krm_functions.main.run`.
        env: the environment that the function runs in.
        needle: as for `run`.
        idempotent: whether a second run has to leave the items of the first one's answer as they are.
        update: write what the function answers instead of comparing it.

    Raises:
        AssertionError: the answer is another one; the message shows the difference.
    """
    data = _input(case)
    answer = respond(process, data, env=env, needle=needle)
    if respond(process, data, env=env, needle=needle) != answer:
        raise AssertionError(f"{case}: the same input got two different answers")
    if idempotent and answer.status == DONE:
        _check_second_run(case, process, answer, env, needle)
    for name, found in (
        (OUT, answer.stdout),
        (STDERR, answer.stderr.encode()),
        (STATUS, b"%d\n" % answer.status if answer.status else b""),
    ):
        path = case / name
        if update:
            if found:
                path.write_bytes(found)
            else:
                path.unlink(missing_ok=True)
        else:
            _compare(path, path.read_bytes() if path.exists() else b"", found)


def _input(case: Path) -> bytes:
    data = (case / IN).read_bytes()
    config = case / CONFIG
    if not config.exists():
        return data
    lines = config.read_bytes().splitlines(keepends=True)
    return data + b"functionConfig:\n" + b"".join(b"  " + line for line in lines)


def _check_second_run(
    case: Path, process: Process, first: Response, env: Mapping[str, str] | None, needle: str
) -> None:
    second = respond(process, first.stdout, env=env, needle=needle)
    before, after = (
        "".join(item.text for item in ResourceList.parse(answer.stdout).items) for answer in (first, second)
    )
    _compare(case / "the answer to the answer", before.encode(), after.encode())


def _compare(path: Path, expected: bytes, found: bytes) -> None:
    if expected == found:
        return
    before, after = (text.decode("utf-8", "backslashreplace").splitlines() for text in (expected, found))
    lines = list(difflib.unified_diff(before, after, "expected", "found", lineterm=""))
    shown = "\n".join(lines) if lines else f"only line ends differ: {expected!r} {found!r}"
    raise AssertionError(f"{path}:\n{shown}")
