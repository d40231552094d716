"""What has to hold for every edit by difference, whatever the layout and whatever was done to the data.

The long run, ``PYTHONPATH=fn:tests python -m krm_yaml.edit_laws 100000 [FIRST]``, prints how many resources were
changed, and how many of them broke a law. ``--go PROGRAM`` names the program of ``yaml_v3/data``; without it Go is not
asked.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import yaml
from ruamel.yaml import YAML

from krm_functions.errors import ReportedError, TextError
from krm_functions.yaml.load import load
from krm_functions.yaml.scan import scalars
from krm_functions.yaml.structure.changes import EditNote
from krm_functions.yaml.structure.document import Document
from krm_functions.yaml.structure.editable import plain, same
from krm_yaml.resources import Change, change, resource

Reader = Callable[[str], Any]


class Unreadable(Exception):
    """A reader refuses a text."""


def by_pyyaml(text: str) -> Any:
    """What YAML 1.1 says."""
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError) as err:
        raise Unreadable(str(err)) from err


def by_ruamel(text: str) -> Any:
    """What YAML 1.2 says, read by code that shares nothing with libyaml."""
    reader = YAML(typ="safe", pure=True)
    try:
        return reader.load(io.StringIO(text))
    except Exception as err:
        raise Unreadable(str(err)) from err


def unshared(value: Any) -> Any:
    """The data without places that share a collection, as ours has them; keys as texts."""
    if isinstance(value, dict):
        return {str(key): unshared(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [unshared(inner) for inner in value]
    return value if not isinstance(value, (datetime.date, bytes)) else ("odd", str(value))


def alike(left: Any, right: Any) -> bool:
    """Whether two readings are the same."""
    if isinstance(left, tuple) or isinstance(right, tuple):
        return bool(left == right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(alike(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(alike, left, right))
    return same(left, right)


class Go:
    """Go's yaml.v3, as a process that answers text by text."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __call__(self, text: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        found = json.loads(self._process.stdout.readline())
        if isinstance(found, dict) and isinstance(found.get("error"), list):
            raise Unreadable(found["error"][0])
        return self._typed(found)

    def _typed(self, found: Any) -> Any:
        if isinstance(found, dict):
            return {key: self._typed(value) for key, value in found.items()}
        if isinstance(found, list):
            return [self._typed(value) for value in found]
        kind, _, value = found.partition(":")
        as_data: dict[str, Callable[[str], Any]] = {
            "n": lambda _: None, "s": str, "b": lambda text: text == "true", "f": float, "i": int,
            "t": lambda text: ("odd", text),
        }  # fmt: skip
        return as_data[kind](value)


# -- laws --------------------------------------------------------------------------------------------------------


def nothing_changes_nothing(text: str) -> None:
    document = Document(text)
    assert document.edited().edits == ()
    assert document.edited(plain(document.data)).edits == (), "equal data change the text"


def data_are_what_was_wanted(
    before: str, after: str, changes: Sequence[Change], wanted: Any, readers: Sequence[Reader]
) -> None:
    found = load(after)
    assert same(found, wanted), f"holds {found!r}, wanted {wanted!r}"
    for reader in readers:
        if reader is by_pyyaml and before.count("<<") > 1:
            continue  # of a mapping with a merge key that is merged itself, PyYAML takes the wrong value
        try:
            expected = unshared(reader(before))
            made(changes, expected)
        except (Unreadable, KeyError, TypeError, IndexError):
            continue  # the reader takes the text for something else to begin with
        try:
            read = unshared(reader(after))
        except Unreadable as err:
            raise AssertionError(f"{reader} refuses it: {err}") from err
        assert alike(read, expected), f"{reader} reads {read!r}, wanted {expected!r}"


_SHADOW = re.compile(r"\s*(?:- +)*")


def lines_without_a_change_stay(before: str, after: str, changes: Sequence[Change], notes: Sequence[EditNote]) -> None:
    """Every line that holds one scalar which is left alone, and the comments directly above it, or a note of them."""
    noted = " ".join(note.message for note in notes)
    old = before.replace("\r\n", "\n").split("\n")
    new = Counter(
        each
        for line in after.replace("\r\n", "\n").split("\n")
        for each in {line.replace(",", ""), _SHADOW.sub("", line, count=1).replace(",", "")}
    )
    for line in untouched_lines(before, changes):
        words = _SHADOW.sub("", old[line], count=1).replace(",", "")
        assert new[words], f"line {line + 1} is gone: {old[line]!r}"
        above = line - 1
        while above >= 0 and old[above].lstrip().startswith("#") and column(old[above]) == column(old[line]):
            kept = new[old[above].replace(",", "")] or repr(old[above].lstrip()) in noted
            assert kept, f"the comment on line {above + 1} is gone: {old[above]!r}"
            above -= 1


def column(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class _Leaf:
    """Stands for a scalar, so that it is known again wherever it goes."""

    def __init__(self, path: tuple[Any, ...]) -> None:
        self.path = path


def shadow(data: Any, path: tuple[Any, ...] = ()) -> Any:
    if isinstance(data, dict):
        return {key: shadow(value, (*path, key)) for key, value in data.items()}
    if isinstance(data, list):
        return [shadow(value, (*path, number)) for number, value in enumerate(data)]
    return _Leaf(path)


def leaves(data: Any, key: Any = None) -> Iterator[tuple[Any, _Leaf]]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield from leaves(value, name)
    elif isinstance(data, list):
        for value in data:
            yield from leaves(value)
    elif isinstance(data, _Leaf):
        yield key, data


def untouched_lines(text: str, changes: Sequence[Change]) -> list[int]:
    """The numbers, from 0, of the lines with one scalar each that the changes leave alone."""
    after = shadow(load(text))
    made(changes, after)
    alive = {leaf.path for key, leaf in leaves(after) if not leaf.path or key is None or key == leaf.path[-1]}
    lines: dict[int, list[Any]] = {}
    for each in scalars(text):
        last = each.line + text[each.start : each.end].count("\n")
        for line in range(each.line, last + 1):
            lines.setdefault(line, []).append(each)
    rows = text.replace("\r\n", "\n").split("\n")
    return [
        number - 1
        for number, (first, *others) in lines.items()
        if not others
        and first.path in alive
        and first.style not in ("|", ">")
        and "\n" not in text[first.start : first.end]
        and not any(sign in rows[number - 1].split(" #")[0] for sign in "{}[]&*?")
        and rows[number - 1].strip() not in ("-", "")
        and (first.start < first.end)
    ]


def made(changes: Sequence[Change], data: Any) -> None:
    for each in changes:
        each(data)


def there_and_back(before: str, after: str, changes: Sequence[Change]) -> None:
    """The way back gives the data, and on both ways the same lines stay."""
    back = Document(after).edited(load(before)).text
    assert same(load(back), load(before)), "the way back gives other data"
    assert Document(back).edited().edits == ()


def hold(seed: int, readers: Sequence[Reader]) -> int:
    """All laws for the resource of one seed; how many changes were made."""
    rng = random.Random(seed)
    text = resource(rng)
    try:
        document = Document(text)
    except TextError as err:
        assert "alias" in err.what or "<<" in err.what, f"{err.where}: {err.what}"
        return 0
    nothing_changes_nothing(text)
    changes: list[Change] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        each = change(rng, document.data)
        each(document.data)
        changes.append(each)
    wanted = plain(document.data)
    try:
        after, _, noted = document.edited()
    except ReportedError as err:
        raise AssertionError(f"refused: {err.where}: {err.what}") from err
    expected = unshared(load(text))
    made(changes, expected)
    assert same(wanted, expected), "the lists and mappings are not those of Python"
    data_are_what_was_wanted(text, after, changes, wanted, readers)
    lines_without_a_change_stay(text, after, changes, noted)
    try:
        there_and_back(text, after, changes)
    except ReportedError as err:
        raise AssertionError(f"the way back is refused: {err.where}: {err.what}") from err
    return len(changes)


def show(seed: int) -> str:
    """What a seed is about, for a person."""
    rng = random.Random(seed)
    text = resource(rng)
    document = Document(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        change(rng, document.data)(document.data)
    return f"{text}\n=== wanted\n{plain(document.data)}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", type=int, nargs="?", default=1000)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("--go", metavar="PROGRAM")
    parser.add_argument("--ruamel-every", type=int, default=1, metavar="N", help="ask the slowest reader less often")
    options = parser.parse_args(arguments)
    readers: list[Reader] = [by_pyyaml]
    if options.go:
        readers.append(Go(options.go))
    failures = changes = 0
    for seed in range(options.first, options.first + options.examples):
        try:
            changes += hold(seed, readers if seed % options.ruamel_every else [*readers, by_ruamel])
        except AssertionError as err:
            failures += 1
            print(f"seed {seed}: {err}"[:400], file=sys.stderr)
    print(f"resources: {options.examples}, changes: {changes}, failures: {failures}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
