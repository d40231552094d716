"""For the tests of a function: folders that hold an input and the answer to it, compared byte for byte.

A case is a folder with

* ``in.yaml``: the ResourceList that the function reads,
* ``functionconfig.yaml``, optional: a resource that is put into it as ``functionConfig``,
* ``out.yaml``: the answer, results included; absent where none is written,
* ``stderr.txt``, optional: what a person sees; without it, nothing,
* ``status.txt``, optional: the exit status; without it, 0.

Each case runs twice, and a third time on its own answer: a function should give the same answer to the same input, and
find nothing left to do in what it did.

`check_only_changed` needs no folder: it says which fields may differ between a list and the answer to it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from krm_functions.comparison import Side, own_lines
from krm_functions.function import DONE, Configured, Process, Response, respond
from krm_functions.resource_list import ResourceList
from krm_functions.yaml.emit import dump

IN, CONFIG, OUT, STDERR, STATUS = "in.yaml", "functionconfig.yaml", "out.yaml", "stderr.txt", "status.txt"


def find_cases(folder: Path) -> list[Path]:
    """The cases below a folder, sorted by name."""
    return sorted(path.parent for path in folder.rglob(IN))


def check_case(
    case: Path,
    process: Process | Configured,
    *,
    config: type[Any] | None = None,
    env: Mapping[str, str] | None = None,
    needle: str = "",
    idempotent: bool = True,
    update: bool = False,
) -> None:
    """Run a function on a case and compare.

    Args:
        case: the folder.
        process: the function, as for `krm_functions.main.run`.
        config: the model of its configuration, likewise.
        env: the environment that the function runs in.
        needle: as for `run`.
        idempotent: whether a second run has to leave the items of the first one's answer as they are.
        update: write what the function answers instead of comparing it.

    Raises:
        AssertionError: the answer is another one; the message shows the difference.
    """
    data = _input(case)
    answering = partial(respond, process, config=config, env=env, needle=needle)
    answer = answering(data)
    if answering(data) != answer:
        raise AssertionError(f"{case}: the same input got two different answers")
    if idempotent and answer.status == DONE:
        _check_second_run(case, answer, answering(answer.stdout))
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


def _check_second_run(case: Path, first: Response, second: Response) -> None:
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


def check_only_changed(before: bytes, after: bytes, *paths: str) -> None:
    """Compare a ResourceList with the answer to it: nothing but some fields of its items may differ.

    That goes for the data and for the text: every line that holds none of these fields has to be there, with its
    comments, as it was. The results may differ. ``check_only_changed(data, respond(f, data).stdout, "spec.replicas")``

    Args:
        before: the list.
        after: the answer.
        paths: the fields, such as ``metadata.labels`` or ``spec.template.spec.containers[*].image``.

    Raises:
        AssertionError: something else differs; the message shows what.
    """
    lists = [ResourceList.parse(data) for data in (before, after)]
    old, new = lists
    if len(old.items) != len(new.items):
        raise AssertionError(f"{len(old.items)} items became {len(new.items)}")
    lines = [own_lines(resources) for resources in lists]
    for pair in zip(old.items, new.items, strict=True):
        sides = [Side(item, paths) for item in pair]
        left, right = (side.remaining for side in sides)
        if left != right:
            _compare(Path(str(pair[0].ref)), *(dump(data).encode() for data in (left, right)))
        for number, side in enumerate(sides):
            for line in side.lines(sides[1 - number]):
                lines[number].pop(line, None)
    _compare(Path("other lines"), *("".join(each.values()).encode() for each in lines))
