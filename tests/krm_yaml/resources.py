"""Random resources in odd layouts, and random changes of their data, for the laws of editing (`edit_laws.py`).

Every value and every comment of a text occurs once, so that a line can be found again by what stands on it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

KEYS = ("name", "image", "ports", "labels", "a", "b.c/d", "env", "x-y", "data")
ODD = (
    "on",
    "yes",
    "1:30",
    ".5e1",
    "1e3",
    "0o14",
    "08",
    "012",
    "0x1f",
    "~",
    "null",
    "true",
    "1.10",
    "2024-01-31",
    "=",
    "<<",
)
ODD_THERE = ("off", "Yes", "2:30", "Null", "NULL", "TRUE", "1.20", "2023-01-31", "N")
"""Others, which stand in texts: a new value that is equal to one of them as we read it would change nothing."""
NEW: tuple[Any, ...] = (
    *ODD, "", " ", "x", "a b", "a: b", "a #b", "- a", "it's", 'say "x"', "back\\slash", "é🚢", "tab\tx",
    "two\nlines\n", "two\nlines", "\nlead", "trail\n\n", "  in\n  dent\n", "#!/bin/sh\necho hi # x\n", "a\n\nb\n",
    "x \ny\n", "%x", "@x", "[x", "{x}", "a,b", "?", "? x", "-", "---", "...", "!t", "&a", "*a", "|", ">", "\x85",
    "\u2028", "\ufeff", "\x1b[0m", 0, 1, -5, 80, 2**40, True, False, None, 1.5, 1e20, -0.0, 1e-7, {}, [], {"a": 1},
    {"k": {"z": "on"}, "l": ["1", 2]}, [1, "x", {"a": "b\nc\n"}], [[1], [[]]], {"m": [{"n": None, "o": []}]},
)  # fmt: skip


class Layout:
    """Writes one random resource."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.count = 0
        self.step = rng.choice((2, 2, 2, 4, 1, 3))
        self.dash = rng.choice((0, 0, 2, 1, 4))
        self.gap = rng.choice((1, 1, 1, 3))
        self.remarks = rng.choice((0.0, 0.15, 0.4))
        self.anchors: list[tuple[str, bool]] = []
        self.with_anchors = rng.random() < 0.3
        self.json = rng.random() < 0.06
        self.pending: list[tuple[str, bool]] = []

    def odds(self, probability: float) -> bool:
        return self.rng.random() < probability

    def unique(self) -> str:
        self.count += 1
        return f"u{self.count}"

    def text(self) -> str:
        newline = self.rng.choice(("\n", "\n", "\n", "\n", "\r\n"))
        if self.json:
            body = self.flow(3, vertical=self.odds(0.5), mapping=True)
            return (body + "\n").replace("\n", newline)
        if self.odds(0.1):
            self.lines += ["# header", ""]
        if self.odds(0.1):
            self.lines.append("---")
        self.mapping(0, 3, "")
        if self.odds(0.1):
            self.own_line(0)
        text = newline.join(self.lines)
        return text + (newline if self.odds(0.85) else "")

    # -- comments ------------------------------------------------------------------------------------------------

    def remark(self) -> str:
        return f" # {self.unique()}" if self.odds(self.remarks) else ""

    def own_line(self, column: int) -> None:
        if self.odds(self.remarks):
            words = self.rng.choice(("# %s", "# %s", "#%s", "# - %s", "# %s: x"))
            self.lines.append(" " * column + words % self.unique())
        if self.odds(0.08):
            self.lines.append("")

    # -- block ---------------------------------------------------------------------------------------------------

    def keys(self) -> list[str]:
        return self.rng.sample(KEYS, self.rng.randint(1, 4))

    def mapping(self, column: int, depth: int, first: str) -> None:
        """Entries at a column; the first one goes on from *first*, where a dash stands."""
        start = first
        merge = [name for name, is_map in self.anchors if is_map] if self.with_anchors else []
        for key in self.keys():
            if not start:
                self.own_line(self.rng.choice((column, column, column, column + 2)))
            margin = start or " " * column
            start = ""
            if merge and self.odds(0.3):
                self.lines.append(f"{margin}<<: *{self.rng.choice(merge)}{self.remark()}")
                margin = " " * column
                merge = []
            written = self.rng.choice((key, key, key, key, f'"{key}"', f"'{key}'"))
            if self.odds(0.02):
                self.lines += [f"{margin}? {written}{self.remark()}"]
                self.value(f"{' ' * column}:", column, depth, in_list=False)
            else:
                self.value(f"{margin}{written}:", column, depth, in_list=False)

    def sequence(self, column: int, depth: int, first: str) -> None:
        start = first
        for _ in range(self.rng.randint(1, 4)):
            if not start:
                self.own_line(self.rng.choice((column, column, column + 2)))
            margin = start or " " * column
            start = ""
            self.value(f"{margin}-", column, depth, in_list=True)

    def properties(self, is_map: bool) -> str:
        if self.with_anchors and self.odds(0.3):
            name = f"n{len(self.anchors)}"
            self.anchors.append((name, is_map))
            return f" &{name}"
        return ""

    def value(self, before: str, column: int, depth: int, *, in_list: bool) -> None:
        kind = self.rng.random()
        if depth and kind < 0.3:
            self.collection(before, column, depth, in_list=in_list, mapping=True)
        elif depth and kind < 0.5:
            self.collection(before, column, depth, in_list=in_list, mapping=False)
        elif kind < 0.6:
            self.lines.append(f"{before} {self.flow(2, vertical=False)}{self.remark()}")
        elif kind < 0.63:
            body = self.flow(2, vertical=True).split("\n")
            self.lines += [f"{before} {body[0]}", *(" " * (column + 2) + line for line in body[1:])]
        elif kind < 0.66:
            self.lines.append(before + self.remark())
        elif kind < 0.7 and self.anchors:
            self.lines.append(f"{before} *{self.rng.choice(self.anchors)[0]}{self.remark()}")
        elif kind < 0.8:
            self.block_scalar(before, column)
        elif kind < 0.83:
            self.multi_line(before, column)
        else:
            self.lines.append(f"{before}{self.properties(False)} {self.scalar()}{self.remark()}")

    def collection(self, before: str, column: int, depth: int, *, in_list: bool, mapping: bool) -> None:
        write = self.mapping if mapping else self.sequence
        if in_list and self.odds(0.8):
            write(column + 1 + self.gap, depth - 1, before + " " * self.gap)
            return
        self.lines.append(f"{before}{self.properties_of_collection(mapping)}{self.remark()}")
        inner = column + (2 if in_list else self.step if mapping else self.dash)
        if not mapping and not in_list and self.odds(0.1):
            inner = column
        self.own_line(inner)
        anchored = len(self.anchors)
        write(inner, depth - 1, "")
        if self.pending and anchored <= len(self.anchors):
            self.anchors.append(self.pending.pop())

    def properties_of_collection(self, is_map: bool) -> str:
        if self.with_anchors and not self.pending and self.odds(0.3):
            name = f"m{self.unique()}"
            self.pending.append((name, is_map))
            return f" &{name}"
        return ""

    # -- scalars -------------------------------------------------------------------------------------------------

    def scalar(self) -> str:
        # What an alias stands for is written out as we read it, so nothing with anchors is read in several ways.
        if self.odds(0.15) and not self.with_anchors:
            return self.rng.choice(ODD_THERE)
        if self.odds(0.1):
            return self.rng.choice(("80", "1.5", "true", "null", "''", '""'))
        word = self.unique()
        return self.rng.choice(
            (word, word, f"'{word}'", f'"{word}"', f"{word} and more", f'"{word} \\t"', f"'{word}''s'")
        )

    def multi_line(self, before: str, column: int) -> None:
        margin = " " * (column + 2)
        word = self.unique()
        quote = self.rng.choice(("", "'", '"'))
        self.lines += [f"{before} {quote}{word}", f"{margin}more{quote}{self.remark()}"]

    def block_scalar(self, before: str, column: int) -> None:
        margin = " " * (column + self.rng.choice((1, 2, 4)))
        header = self.rng.choice(("|", "|", "|-", "|+", ">", ">-", ">+"))
        self.lines.append(f"{before} {header}{self.remark()}")
        for number in range(self.rng.randint(1, 3)):
            if number and self.odds(0.2):
                self.lines.append("")
            self.lines.append(f"{margin}{'  ' if number and self.odds(0.2) else ''}{self.unique()} # text")
        if self.odds(0.2):
            self.lines.append("")

    def flow(self, depth: int, *, vertical: bool, mapping: bool | None = None, column: int = 0) -> str:
        is_map = self.odds(0.5) if mapping is None else mapping
        inner = " " * (column + 2)
        parts = []
        for key in self.keys() if is_map else range(self.rng.randint(0, 3)):
            if depth and self.odds(0.3):
                value = self.flow(depth - 1, vertical=False)
            elif self.json:
                value = self.rng.choice((f'"{self.unique()}"', "1", "true", "null", '"off"'))
            else:
                odd = "1" if self.with_anchors else "off"
                value = self.rng.choice((self.unique(), f'"{self.unique()}"', "1", odd, "~"))
            if is_map and not self.json and self.odds(0.05):
                parts.append(str(key))
            else:
                written = f'"{key}"' if self.json else self.rng.choice((key, key, f'"{key}"'))
                parts.append(f"{written}: {value}" if is_map else value)
        opening, closing = "{}" if is_map else "[]"
        if vertical and parts:
            ends = [","] * (len(parts) - 1) + ["," if not self.json and self.odds(0.2) else ""]
            lines = [
                inner + part + end + ("" if self.json else self.remark()) for part, end in zip(parts, ends, strict=True)
            ]
            return "\n".join([opening, *lines, closing])
        return opening + self.rng.choice((", ", ", ", ",") if self.json else (", ",)).join(parts) + closing


def resource(rng: random.Random) -> str:
    """One random resource."""
    return Layout(rng).text()


# -- changes -----------------------------------------------------------------------------------------------------

Change = Callable[[Any], None]


def inside(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def collections(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all mappings and lists."""
    found = []
    if isinstance(data, (dict, list)):
        found.append(path)
        for step, value in data.items() if isinstance(data, dict) else enumerate(data):
            found += collections(value, (*path, step))
    return found


def change(rng: random.Random, data: Any) -> Change:
    """One random change of data, which can be made again to data of the same shape."""
    path = rng.choice(collections(data))
    target = inside(data, path)
    value = rng.choice(NEW)
    if isinstance(target, dict):
        return _of_mapping(rng, target, path, value)
    return _of_list(rng, target, path, value)


def _of_mapping(rng: random.Random, target: dict[str, Any], path: tuple[Any, ...], value: Any) -> Change:
    keys = list(target)
    kind = rng.random()
    if keys and kind < 0.3:
        key = rng.choice(keys)
        return lambda data: inside(data, path).__setitem__(key, fresh(value))
    if keys and kind < 0.55:
        key = rng.choice(keys)
        return lambda data: inside(data, path).pop(key)
    if keys and kind < 0.65:
        key, new = rng.choice(keys), f"r{rng.randint(0, 99)}"
        return lambda data: inside(data, path).__setitem__(new, inside(data, path).pop(key))
    if kind < 0.7:
        return lambda data: inside(data, path).clear()
    new = rng.choice(("new", "n", "1", "a b", "x: y", "é", "", "#", "on.off"))
    return lambda data: inside(data, path).__setitem__(new, fresh(value))


def _of_list(rng: random.Random, target: list[Any], path: tuple[Any, ...], value: Any) -> Change:
    size = len(target)
    at, other = rng.randint(0, max(size - 1, 0)), rng.randint(0, size)
    kind = rng.random()
    if not size or kind < 0.2:
        return lambda data: inside(data, path).append(fresh(value))
    if kind < 0.35:
        return lambda data: inside(data, path).insert(other, fresh(value))
    if kind < 0.55:
        return lambda data: inside(data, path).pop(at)
    if kind < 0.7:
        return lambda data: inside(data, path).__setitem__(at, fresh(value))
    if kind < 0.8:
        return lambda data: inside(data, path).reverse()
    if kind < 0.9:
        return lambda data: inside(data, path).insert(min(other, size - 1), inside(data, path).pop(at))
    if kind < 0.95:

        def keep_some(data: Any) -> None:
            parent = inside(data, path[:-1])
            parent[path[-1]] = [each for number, each in enumerate(parent[path[-1]]) if number != at]

        return keep_some
    return lambda data: inside(data, path).clear()


def fresh(value: Any) -> Any:
    """A copy, so that no two places share a collection."""
    if isinstance(value, dict):
        return {key: fresh(inner) for key, inner in value.items()}
    return [fresh(inner) for inner in value] if isinstance(value, list) else value
