"""Random ResourceLists: most lines are plain, and here and there stands what can mislead a reader of lines."""

from __future__ import annotations

import random

MARKER = '# {"$imagepolicy": "ns:p1"}'
KEYS = ("apiVersion", "kind", "metadata", "name", "annotations", "labels", "a", "b", "c.d/e", "items", "x")
PLAIN = (
    "x",
    "a:1",
    "'q'",
    '"d"',
    "-1",
    "--l=:80",
    "a#b",
    "it's",
    "[]",
    "{}",
    "[a, 'b,c']",
    "{k: v}",
    "é",
    "a b",
    "1.5",
)
SIMPLE = (*(value for value in PLAIN if value.isascii() and value[-1:] not in "]}"), "[]", "{}")
BLOCKS = ("|", "|-", ">", ">+", "|2")
ODD = (
    *(
        "",
        "null",
        "~",
        "# c",
        "&a z",
        "*a",
        "!!str x",
        "a: b",
        "[a, [b]]",
        "{a: b: c}",
        "a:",
        "b ",
        "'it''s'",
        '"e\\n"',
    ),
    *("'open", '"open', "[open", "]", "@x", "%x", "---", "...", "? x", "x #", "x # y", "- x", "''", '""', "{? k}", '"'),
)


def resource_list(rng: random.Random, *, simple: bool = False) -> str:
    """One text; ``rng`` also chooses how odd it is, and one in ten has no list in it.

    Args:
        rng: what the text is made from.
        simple: write no block scalars, no full flow collections, and nothing beyond ASCII where the text is not odd.
    """
    writer = _Writer(rng, rng.choice((0, 0, 0.02, 0.1, 0.5)), simple=simple)
    if rng.random() < 0.1:
        writer.node(0, 4)
    else:
        writer.lines += ["apiVersion: config.kubernetes.io/v1", "kind: ResourceList", "items:"]
        column = rng.choice((0, 0, 2))
        for _ in range(rng.randint(1, 4)):
            writer.entry(column, 3)
        if rng.random() < 0.3:
            writer.lines.append(rng.choice(("functionConfig:", "results:", "kind:", "items:")))
            writer.node(rng.choice((0, 2)), 2)
    return "\n".join(writer.lines) + ("\n" if rng.random() < 0.9 else "")


class _Writer:
    def __init__(self, rng: random.Random, oddness: float, *, simple: bool) -> None:
        self.rng = rng
        self.oddness = oddness
        self.values = SIMPLE if simple else PLAIN
        self.blocks = 0.0 if simple else 0.1
        self.lines: list[str] = []

    def odd(self, share: float = 1) -> bool:
        return self.rng.random() < share * self.oddness

    def node(self, column: int, depth: int) -> None:
        """A collection, or a mapping where nothing may nest any more."""
        if self.rng.random() < 0.6 or not depth:
            self.mapping(column, depth)
        else:
            for _ in range(self.rng.randint(1, 3)):
                self.entry(column, depth)

    def mapping(self, column: int, depth: int) -> None:
        keys = self.rng.sample(KEYS, self.rng.randint(1, 5))
        for key in [*keys, keys[0]] if self.odd(0.1) else keys:
            self.remark(column)
            if depth and self.rng.random() < 0.35:
                self.lines.append(f"{' ' * column}{key}:{self.rng.choice(('', '', ' ', ' # c', f' {MARKER}'))}")
                self.node(column + (self.rng.choice((0, 1, 3)) if self.odd() else self.rng.choice((0, 2))), depth - 1)
            else:
                self.value(f"{' ' * column}{key}:", column)

    def entry(self, column: int, depth: int) -> None:
        """A dash, and what it holds on the same line or below."""
        self.remark(column)
        dash = " " * column + "-"
        if not depth or self.rng.random() < 0.3:
            self.value(dash, column)
            return
        below = len(self.lines)
        margin = self.rng.choice((2, 2, 4))
        self.mapping(column + margin, depth - 1)
        first = self.lines[below]
        if first[: column + margin].strip() or self.odd():
            self.lines.insert(below, dash)
        else:
            self.lines[below] = dash + " " * (margin - 1) + first[column + margin :]

    def value(self, start: str, column: int) -> None:
        rng = self.rng
        if rng.random() < self.blocks:
            self.lines.append(f"{start} {rng.choice(BLOCKS[:4] if not self.odd() else BLOCKS)}{self.trailer()}")
            for _ in range(rng.randint(0, 3)):
                right = rng.choice((0, 1, 3, 4)) if self.odd() else 2
                self.lines.append(
                    " " * (column + right) + rng.choice(("text", "", "# c", MARKER, "a: b", "- x", "  deep"))
                )
            return
        self.lines.append(f"{start} {rng.choice(ODD if self.odd() else self.values)}{self.trailer()}")
        if self.odd(0.1):
            self.lines.append(
                " " * (column + rng.choice((0, 1, 2))) + rng.choice(("more", "- more", "a: b", "'", "]", "}"))
            )

    def trailer(self) -> str:
        return self.rng.choice(("", "", "", "", " ", f" {MARKER}", f" {MARKER} ", " # c", MARKER if self.odd() else ""))

    def remark(self, column: int) -> None:
        """Maybe a line of its own for a comment, a marker among them, or a blank one."""
        if self.rng.random() < 0.03 or self.odd(0.3):
            words = self.rng.choice(
                ("# c", "#", "", MARKER if self.odd() else "# d", f"# a: b {MARKER}" if self.odd() else "")
            )
            self.lines.append(" " * self.rng.choice((0, column, column + 1)) + words)
