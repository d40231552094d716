"""New data as text: the one writer, in block style with the indentation that a document has, and in flow style.

Strings are quoted by `krm_functions.yaml.quoting`, so that every reader reads the same string. One on several lines is
a literal block (``|``) where every reader gives its lines back, else it is in double quotes.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from krm_functions.errors import SpliceError
from krm_functions.yaml.quoting import double_quoted, is_printable, needs_quotes, single_quoted

_LONGEST_KEY = 900
"""A longer key has a ``?`` before it; a parser looks no further than 1,024 characters for the colon."""
_SHORT = 200
_COLLECTIONS = (dict, list, tuple, Mapping)
"""The common ones first: to ask whether something is a Mapping takes long."""
_ESCAPED = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
"""What JSON allows in a string and YAML does not, or not as itself."""


class Style(NamedTuple):
    """How a document writes its collections.

    Attributes:
        step: how far a mapping is indented in a mapping.
        dash: how far a list is indented in a mapping.
        gap: how many blanks are behind a dash.
        json: whether it is written as JSON.
        newline: what ends a line.
    """

    step: int = 2
    dash: int = 0
    gap: int = 1
    json: bool = False
    newline: str = "\n"


PLAIN = Style()
Emit = Callable[["Writer", object, int, str, bool], bool]


class Writer:
    """Writes data in block style.

    Args:
        style: the indentation.
        quote: the quotes that strings get even where they need none, or empty.
        literal: whether strings on several lines may be block scalars.
        special: asked first about each value; True where it has written it.
        spellings: how scalars are written that were read, by their identity.
    """

    def __init__(
        self,
        style: Style = PLAIN,
        *,
        quote: str = "",
        literal: bool = True,
        special: Emit | None = None,
        spellings: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.spellings = spellings
        self.style = style
        self.literal = literal
        self.quote = quote
        self.special = special
        self.lines: list[str] = []
        self.ends_in_block = False
        """Whether the last line is that of a block scalar, which needs its line end."""

    def entries(self, data: object, column: int, start: str) -> None:
        """The entries of a collection that is not empty, the first of which goes on from *start*."""
        margin = " " * column
        if isinstance(data, (dict, Mapping)):
            quote = self.quote
            for key, value in data.items():
                self.entry(start + key_text(key, quote), value, column, in_list=False)
                start = margin
        else:
            assert isinstance(data, (list, tuple)), "a collection"
            for value in data:
                self.entry(f"{start}-", value, column, in_list=True)
                start = margin

    def entry(self, before: str, value: object, column: int, *, in_list: bool) -> None:
        """One entry: its key with the colon, or its dash, in *before*, and then its value."""
        if self.special is not None and self.special(self, value, column, before, in_list):
            return
        self.ends_in_block = False
        if self.spellings and id(value) in self.spellings:
            self.lines.append(f"{before} {self.spellings[id(value)]}")
        elif type(value) is str and "\n" not in value and not self.quote:
            self.lines.append(f"{before} {string_text(value)}")
        elif isinstance(value, str):
            self.text(before, value, column)
        elif value is None or isinstance(value, int) or not isinstance(value, _COLLECTIONS) or not value:
            self.lines.append(f"{before} {scalar_text(value)}")
        elif in_list:
            gap = " " * self.style.gap
            self.entries(value, column + 1 + self.style.gap, before + gap)
        else:
            self.lines.append(before)
            inner = column + (self.style.dash if isinstance(value, (list, tuple)) else self.style.step)
            self.entries(value, inner, " " * inner)

    def text(self, before: str, value: str, column: int) -> None:
        """A string behind its key or dash."""
        if "\n" in value and self.literal and is_literal(value):
            self.lines.append(f"{before} {literal_header(value)}")
            margin = " " * (column + max(self.style.step, 2))
            self.lines += [margin + line if line else "" for line in str.__str__(value).removesuffix("\n").split("\n")]
            self.ends_in_block = True
        else:
            self.lines.append(f"{before} {string_text(value, self.quote)}")


def block_lines(data: object, column: int, style: Style = PLAIN, *, quote: str = "", literal: bool = True) -> list[str]:
    """The lines of a collection that is not empty; the first one is indented like the others.

    Raises:
        SpliceError: the data is nested too deeply.
    """
    writer = Writer(style, quote=quote, literal=literal)
    try:
        writer.entries(data, column, " " * column)
    except RecursionError as err:
        raise SpliceError("data is nested too deeply to be written") from err
    return writer.lines


def dump(data: object) -> str:
    """Data as YAML in block style, with two blanks and with lists that are not indented."""
    if isinstance(data, _COLLECTIONS) and data:
        return "".join([f"{line}\n" for line in block_lines(data, 0)])
    return f"{flow_text(data)}\n"


def key_text(key: str, quote: str = "") -> str:
    """A mapping key with its colon.

    Raises:
        SpliceError: it is not a string, or too long.
    """
    return _key_text(key) if not quote else f"{string_text(_checked(key))}:"


@lru_cache(256)
def _key_text(key: str) -> str:
    """Resources and results have the same few keys."""
    return f"{string_text(_checked(key))}:"


def _checked(key: object) -> str:
    if not isinstance(key, str):
        raise SpliceError(f"the key {key!r} is a {type(key).__name__}, expected a string")
    if len(key) > _LONGEST_KEY:
        raise SpliceError(f"the key {key[:40]!r}… is too long to be written")
    return key


def string_text(value: str, quote: str = "") -> str:
    """A string on one line; with quotes where it needs them, or where *quote* names some."""
    if type(value) is not str:
        value = str.__str__(value)  # of a StrEnum, or of ruamel.yaml's
    if quote:
        return single_quoted(value) if quote == "'" else double_quoted(value)
    return _short_text(value) if len(value) < _SHORT else _text(value)


@lru_cache(1024)
def _short_text(value: str) -> str:
    return _text(value)


def _text(value: str) -> str:
    return double_quoted(value) if needs_quotes(value) else value


def scalar_text(value: object) -> str:
    """A number, boolean or null, or an empty collection, as every reader takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return float_text(float(value))
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    raise SpliceError(f"a {type(value).__name__} cannot be written as YAML", hint="write it as a string")


def float_text(value: float) -> str:
    """A float with a point in it, without which PyYAML reads a string."""
    if value != value:
        return ".nan"
    text = repr(value)
    if text.endswith("inf"):
        return text.replace("inf", ".inf")
    digits, exponent, power = text.partition("e")
    return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"


def is_literal(value: str) -> bool:
    """Whether a string can be a literal block wherever it is."""
    return (
        "\n" in value
        and value[0] not in " \t\n"
        and value.removesuffix("\n").rpartition("\n")[2].strip(" \t") != ""
        and all(map(is_printable, value.split("\n")))
    )


def literal_header(value: str) -> str:
    """``|``, with ``-`` where the value does not end in a line end."""
    return "|" if value.endswith("\n") else "|-"


def flow_text(data: object, *, as_json: bool = False, quote: str = "") -> str:
    """Data on one line.

    Args:
        data: any.
        as_json: as JSON that is YAML as well.
        quote: the quotes that strings get, or empty for those that need some.

    Raises:
        SpliceError: the data is nested too deeply.
    """
    try:
        return json_text(data) if as_json else _flow(data, quote)
    except RecursionError as err:
        raise SpliceError("data is nested too deeply to be written") from err


def _flow(data: Any, quote: str) -> str:
    if isinstance(data, str):
        return string_text(data, quote)
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{key_text(key)} {_flow(value, quote)}" for key, value in data.items()) + "}"
    if isinstance(data, (list, tuple)):
        return "[" + ", ".join(_flow(value, quote) for value in data) + "]"
    return scalar_text(data)


def json_text(data: object) -> str:
    """Data as JSON on one line that is YAML as well."""
    if isinstance(data, str):
        text = json.dumps(str.__str__(data), ensure_ascii=False)
        return re.sub(_ESCAPED, lambda found: f"\\u{ord(found.group()):04x}", text)
    if isinstance(data, Mapping):
        return "{" + ", ".join(f"{json_text(_checked(key))}: {json_text(value)}" for key, value in data.items()) + "}"
    if isinstance(data, (list, tuple)):
        return "[" + ", ".join(map(json_text, data)) + "]"
    return scalar_text(data)
