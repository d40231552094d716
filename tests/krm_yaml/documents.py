"""Random YAML that knows its own answer: a text, and where in it the marked scalars stand.

The writer never asks the code under test: it notes the span of a scalar while it writes it, so that
``Document.edited`` is what a byte-exact tool has to produce. Around the marked scalars it puts everything that has
misled such tools: markers inside quoted and block text, on commented-out lines, above keys, behind collections,
aliases and keys, on second values of duplicate keys; flow inside block, anchors, tags, ``?`` keys, CR LF, emoji,
several documents with all their separators.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

PLAIN = ("old:1", "ghcr.io/acme/app:v1.2", "v1", "1.10", "12", "true", "~", "2024-01-31", "a#b", "it's", "né🚢:1")
SPELLINGS = (
    '{"$imagepolicy": "ns:%s"}',
    '{"$imagepolicy": "ns:%s"}',
    '{"$imagepolicy":"ns:%s"}',
    '{ "$imagepolicy" : "ns:%s", "note": "🚢 # {" }',
    '{"\\u0024imagepolicy": "ns:%s"}',
    '{"$ref": "#/definitions/io.k8s.cli.setters.ns:%s"}',
)


@dataclass(frozen=True)
class Field:
    """A marked scalar: where it is written, and how."""

    start: int
    end: int
    style: str
    policy: str
    head: str = ""
    """For a block scalar: what stands before the new value (header line and margin)."""
    tail: str = ""
    """For a block scalar: what stands behind it."""

    def text(self, value: str, quoted: bool) -> str:
        if self.style in "|>" and self.style:
            return self.head + value + self.tail
        if self.style == "'":
            return f"'{value}'"
        return f'"{value}"' if self.style == '"' or quoted else value


@dataclass(frozen=True)
class Document:
    """A text and its marked scalars, in order."""

    text: str
    fields: tuple[Field, ...]

    def edited(self, value: Callable[[Field], tuple[str, bool]]) -> str:
        """The text after every marked scalar got ``value(field)``: a value, and whether it needs quotes when plain."""
        parts, done = [], 0
        for each in self.fields:
            parts += [self.text[done : each.start], each.text(*value(each))]
            done = each.end
        return "".join([*parts, self.text[done:]])


def document(rng: random.Random, *, tabs: bool = True, broken: bool = False) -> Document:
    """One random text; ``tabs``: also where only libyaml takes them; ``broken``: with documents that do not parse."""
    writer = _Writer(rng, tabs=tabs)
    writer.stream(broken=broken)
    text = "".join(writer.parts)
    if rng.random() < 0.15 and text.endswith(writer.newline) and not writer.ends_in_block:
        text = text[: -len(writer.newline)]
    return Document(text, tuple(writer.fields))


@dataclass
class _Writer:
    rng: random.Random
    tabs: bool
    parts: list[str] = field(default_factory=list)
    at: int = 0
    fields: list[Field] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    names: int = 0
    ends_in_block: bool = False
    newline: str = "\n"
    after_comment: bool = False
    after_empty: bool = False
    exotic: bool = False
    """Whether markers may be spelled so that they do not contain the key itself; the text then has it elsewhere."""

    def put(self, text: str) -> None:
        self.parts.append(text)
        self.at += len(text)

    def end_line(self) -> None:
        self.put(self.newline)

    def odds(self, probability: float) -> bool:
        return self.rng.random() < probability

    # -- documents -----------------------------------------------------------------------------------------------

    def stream(self, *, broken: bool) -> None:
        self.newline = self.rng.choice(("\n", "\n", "\n", "\r\n"))
        count = self.rng.choice((1, 1, 1, 2, 3))
        self.exotic = self.odds(0.3)
        if self.exotic:
            self.put(f'# keep: "$imagepolicy"{self.newline}')
        for number in range(count):
            self.anchors = []
            self.after_empty = False
            open_before = number > 0
            if number == 0 and self.odds(0.05):
                self.put(f"%YAML 1.{self.rng.choice('12')}{self.newline}")
                open_before = True
            if self.odds(0.2):
                self.own_line(0, decoy=False)
            if open_before and number and self.odds(0.15):
                self.put(f"...{self.newline}")
            inline = False
            if open_before or self.odds(0.3):
                self.put("---")
                inline = self.odds(0.1)
                if inline:
                    self.put(" ")
                else:
                    self.put(self.rng.choice(("", "", "  ", " # a document", f" # {self.marker('x')}")))
                    self.end_line()
            if broken and self.odds(0.5):
                if inline:
                    self.put("x" + self.newline)
                    self.put("---" + self.newline)
                self.broken()
                continue
            if inline:
                self.scalar(0, live=True, block=True, value=False)
                continue
            kind = self.rng.random()
            if kind < 0.06:
                self.own_line(0, decoy=False)
            elif kind < 0.1:
                self.scalar(0, live=True, block=True, value=False)
            elif kind < 0.2:
                self.sequence(0, 3, live=True)
            else:
                self.mapping(0, 3, live=True)
        if self.odds(0.1):
            self.put(f"...{self.newline}")
        if self.odds(0.2):
            self.own_line(0, decoy=True)

    def broken(self) -> None:
        """A document that no parser takes, with markers that must not be followed."""
        text = self.rng.choice(
            (
                "a: [1, 2\nb: old:1 # MARKER\n",
                'a: "never closed\nb: old:1 # MARKER\n',
                "a:\n\tb: old:1 # MARKER\n",
                "image: {{ .Values.image }}:{{ .Values.tag }} # MARKER\nb: old:1 # MARKER\n",
                "{{- if .Values.on }}\nb: old:1 # MARKER\n{{- end }}\n",
                "b: old:1 # MARKER\nc: *nowhere\n",
                "a: b: c # MARKER\n",
                "- a\nb: c # MARKER\n",
                "a: 'x\n# MARKER\nb: '' c'\n",
            )
        )
        self.put(text.replace("MARKER", self.marker("never")).replace("\n", self.newline))

    # -- comments ------------------------------------------------------------------------------------------------

    def marker(self, policy: str) -> str:
        return self.rng.choice(SPELLINGS if self.exotic else SPELLINGS[:4]) % policy

    def own_line(self, indent: int, *, decoy: bool) -> None:
        """A comment with a line to itself; a decoy has a marker in it."""
        words = self.rng.choice(("# prose", "#", "# 🚢 prose", "# a: b"))
        if decoy:
            words = self.rng.choice(
                (f"# image: old:1 # {self.marker('x')}", f"# {self.marker('x')}", f"# - old # {self.marker('x')}")
            )
        self.put(" " * indent + words + self.newline)
        self.after_comment = True

    def blank(self) -> str:
        return self.rng.choice((" ", " ", " ", "  ", "     ", "\t" if self.tabs else " ", " \t" if self.tabs else " "))

    def trailer(self, policy: str, *, tight: bool = False) -> str:
        """A line comment with a marker."""
        sharp = self.rng.choice(("# ", "# ", "#", "## ", "#   "))
        gap = "" if tight and self.odds(0.2) else self.blank()
        return gap + sharp + self.marker(policy) + self.rng.choice(("", "", " ", "  "))

    def remark(self) -> str:
        """Maybe a comment without a marker of its own."""
        words = (" # prose", " #", " # x # {}", ' # see "$imagepolicy"', f" # no {self.marker('x')}", " # 🚢")
        return self.rng.choice(("", "", "", *words))

    def policy(self) -> str:
        self.names += 1
        return f"p{self.names}"

    # -- collections ---------------------------------------------------------------------------------------------

    def mapping(self, indent: int, depth: int, *, live: bool) -> None:
        keys: list[str] = []
        has_complex_key = False
        for number in range(self.rng.randint(1, 4)):
            if self.odds(0.15):
                self.own_line(indent, decoy=self.odds(0.6))
            elif self.odds(0.1):
                self.end_line()
            key, counts = f"k{number}", live
            if keys and self.odds(0.08):
                key, counts = self.rng.choice(keys), False
            self.put(" " * indent)
            if self.entry(key, indent, depth, live=counts, may_be_complex=not has_complex_key):
                keys.append(key)
            else:
                has_complex_key = True

    def entry(self, key: str, indent: int, depth: int, *, live: bool, may_be_complex: bool = False) -> bool:
        """One key with its value; False when the key is a collection instead of the text asked for."""
        named = True
        written = self.rng.choice((key, key, key, f"'{key}'", f'"{key}"'))
        if self.odds(0.06):
            self.put(
                f"? {written}" + self.rng.choice(("", f" # {self.marker('x')}")) + self.newline + " " * indent + ":"
            )
        elif live and self.odds(0.02) and may_be_complex:
            named = False
            self.put(f"? [{written}, # {self.marker('x')}{self.newline}{' ' * indent}  b]{self.newline}{' ' * indent}:")
        else:
            self.put(f"{written}:")
        self.node(indent, depth, live=live, sequence_here=True)
        return named

    def sequence(self, indent: int, depth: int, *, live: bool) -> None:
        for number in range(self.rng.randint(1, 4)):
            head = ""
            if self.odds(0.1):
                self.put(" " * indent + "# prose" + self.newline)
            elif self.odds(0.1):
                self.end_line()
            elif self.odds(0.2) and number and self.newline == "\n" and not (self.after_comment or self.after_empty):
                head = self.policy()
                self.put(f"{' ' * indent}# {self.marker(head)}{self.newline}")
            self.after_comment = False
            self.put(" " * indent + "-")
            if head:
                self.put(" ")
                self.scalar(indent, live=live, block=True, value=True, head=head)
            elif depth and self.odds(0.3):
                self.put(self.rng.choice((" ", "   ")))
                column = indent + len(self.parts[-1]) + 1
                self.entry("k", column, depth - 1, live=live)
                if self.odds(0.5):
                    self.put(" " * column)
                    self.entry("j", column, depth - 1, live=live)
            else:
                self.node(indent, depth, live=live, sequence_here=False)

    def node(self, indent: int, depth: int, *, live: bool, sequence_here: bool) -> None:
        """What follows a colon or a dash."""
        self.after_comment = self.after_empty = False
        kind = self.rng.random()
        if depth and kind < 0.16:
            self.put(self.props(scalar=False) or self.key_comment())
            self.end_line()
            self.mapping(indent + self.rng.choice((1, 2, 4)), depth - 1, live=live)
        elif depth and kind < 0.32:
            self.put(self.props(scalar=False) or self.key_comment())
            self.end_line()
            self.sequence(indent + self.rng.choice((0, 2, 4) if sequence_here else (2, 4)), depth - 1, live=live)
        elif kind < 0.44:
            self.put(" " + self.props(scalar=False).lstrip() + " ")
            self.flow(indent + 1, 2, live=live)
            self.put(self.rng.choice(("", f" # {self.marker('x')}", " # prose")))
            self.end_line()
        elif kind < 0.48 and self.anchors:
            self.put(f" *{self.rng.choice(self.anchors)}" + self.rng.choice(("", f" # {self.marker('x')}")))
            self.end_line()
        elif kind < 0.52:
            self.after_empty = True
            self.put(self.rng.choice(("", f" # {self.marker('x')}", " # prose")))
            self.end_line()
        elif kind < 0.58:
            self.put(self.key_comment())
            self.end_line()
            self.put(" " * (indent + 2))
            self.scalar(indent, live=live, block=True, value=True)
        else:
            self.put(" ")
            self.scalar(indent, live=live, block=True, value=True)

    def key_comment(self) -> str:
        return self.rng.choice(("", "", "", f" # {self.marker('x')}", " # prose"))

    def props(self, *, scalar: bool) -> str:
        """Maybe an anchor and a tag, in either order, with a blank before."""
        words = []
        if self.odds(0.1):
            words.append(f"&a{self.at}")
            if scalar:
                self.anchors.append(f"a{self.at}")
        if scalar and self.odds(0.05):
            words.append(self.rng.choice(("!!str", "!", "!<tag:yaml.org,2002:str>", "!custom")))
        self.rng.shuffle(words)
        return "".join(f" {word}" for word in words)

    # -- scalars -------------------------------------------------------------------------------------------------

    def scalar(self, indent: int, *, live: bool, block: bool, value: bool, head: str = "") -> None:
        """A scalar to the end of its line (block context), marked or not; ``head``: a head comment marks it already."""
        props = self.props(scalar=True).lstrip()
        if props:
            self.put(props + " ")
        kind = self.rng.random()
        if block and kind < 0.15:
            self.block_scalar(indent, live=live, value=value, head=head)
            return
        start, style = self.at, self.inline(indent, block=block, tagged=bool(props))
        if head:
            if live:
                self.fields.append(Field(start, self.at, style, head))
        elif self.odds(0.5):
            policy = self.policy()
            if live:
                self.fields.append(Field(start, self.at, style, policy))
            self.put(self.trailer(policy, tight=style != ""))
        else:
            self.put(self.remark())
        self.end_line()
        self.ends_in_block = False

    def inline(self, indent: int, *, block: bool, tagged: bool) -> str:
        """A plain or quoted scalar, perhaps over two lines; gives its style."""
        kind = self.rng.random()
        margin = self.newline + " " * (indent + 2)
        trap = self.marker("x").replace("'", "")
        if kind < 0.55:
            words = self.rng.choice(PLAIN)
            self.put(words + (margin + "more" if block and self.odds(0.1) else ""))
            return ""
        if kind < 0.75:
            self.put(self.rng.choice(("'old:1'", "''", "'it''s'", f"'x # {trap}'", f"'x{margin}y # {trap}'")))
            return "'"
        trap = trap.replace("\\", "\\\\").replace('"', '\\"')
        self.put(
            self.rng.choice(('"old:1"', '""', '"a\\tb"', '"\\U0001F6A2"', f'"x # {trap}"', f'"x{margin}# {trap}"'))
        )
        return '"'

    def block_scalar(self, indent: int, *, live: bool, value: bool, head: str) -> None:
        style = self.rng.choice("|>")
        signs = self.rng.choice(("", "", "-", "+", "2", "-2", "2+"))
        start = self.at
        margin = " " * (indent + 2)
        if "2" not in signs and value:
            margin += " " * self.rng.choice((0, 0, 1, 3))
        if not value:
            margin = "  "
        comment = ""
        policy = head
        if not head and self.odds(0.5):
            policy = self.policy()
            comment = self.trailer(policy)
        blanks = self.newline * self.rng.choice((0, 0, 0, 1))
        lines = self.rng.choice(
            (("old:1",), ("old:1", "", "more"), (f"x # {self.marker('x')}", "y"), ("# not", "a: b"))
        )
        body = blanks + self.newline.join(margin + line if line else "" for line in lines)
        tail = self.newline + self.newline * self.rng.choice((0, 0, 1, 2))
        self.put(style + signs + comment + self.newline + body + tail)
        digit = "2" if "2" in signs else ""
        if live and policy:
            new = f"{style}{digit}-{comment}{self.newline}{margin}"
            self.fields.append(Field(start, self.at, style, policy, new, tail))
        self.ends_in_block = True

    # -- flow ----------------------------------------------------------------------------------------------------

    def flow(self, indent: int, depth: int, *, live: bool) -> None:
        opening, closing = self.rng.choice(("[]", "{}"))
        wide = self.odds(0.5)
        margin = self.newline + " " * (indent + 1) if wide else ""
        self.put(opening)
        if wide and self.odds(0.3):
            self.put(f" # {self.marker('x')}")
        count = self.rng.randint(0, 3)
        for number in range(count):
            self.put(margin)
            if opening == "{":
                self.put(f"f{number}: ")
            elif self.odds(0.1):
                self.put("pair: ")
            last = number == count - 1
            if depth and self.odds(0.2):
                self.flow(indent + 2, depth - 1, live=live)
                self.put("" if last else ",")
                self.put(f" # {self.marker('x')}" if wide and self.odds(0.3) else " ")
                continue
            start, style = self.at, self.flow_scalar(indent)
            end = self.at
            if wide and self.odds(0.4):
                policy = self.policy()
                if live:
                    self.fields.append(Field(start, end, style, policy))
                comma = "" if last and self.odds(0.5) else self.rng.choice((",", " ,"))
                if self.odds(0.5):
                    self.put(comma + self.trailer(policy))
                else:
                    self.put(self.trailer(policy) + (margin + comma if comma else ""))
            else:
                self.put(" " if last else ", ")
        if wide:
            self.put(self.newline + " " * indent)
        self.put(closing)

    def flow_scalar(self, indent: int) -> str:
        kind = self.rng.random()
        if kind < 0.6:
            self.put(self.rng.choice(("old:1", "v1", "1.10", "~", "a#b", "né🚢")))
            return ""
        self.put(
            self.rng.choice(("'old:1'", "'it''s'", "'[,]'")) if kind < 0.8 else self.rng.choice(('"old:1"', '"a\\tb"'))
        )
        return "'" if kind < 0.8 else '"'
