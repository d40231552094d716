"""How a string is written as a YAML scalar so that every reader reads that string, in the style that was there.

A value such as ``1.10`` or ``on`` is a string to one YAML reader and a number or a boolean to another. A plain scalar
is put into double quotes when any of these would not read a string: YAML 1.1 (PyYAML; what kyaml asks yaml.v2 in
``yaml/compatibility.go``), YAML 1.2 core (ruamel.yaml, most JavaScript readers), Go's yaml.v3. Quoting too much is
harmless; too little turns the tag ``1e3`` into ``1000.0``.

Departures from Flux (kyaml), on purpose:

* ``123e4567``, a float beyond 64 bits, is quoted: Go reads a string, but YAML 1.2 readers read infinity. So are base 60
  numbers (``10:30``), ``=`` and ``<<``, which only YAML 1.1 readers such as PyYAML take for more than a string.
* A number, boolean, null or date replaced by a string never gets or keeps a type tag (Flux writes ``!!int 6.7.1``).
* A date such as ``2024-01-31`` is quoted whatever was there before; Flux writes ``!!int 2024-01-31`` over a number.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from krm_functions.errors import SpliceError
from krm_functions.yaml.comments import BREAK, BREAKS

if TYPE_CHECKING:
    from krm_functions.yaml.scan_result import Scalar

_WORDS = frozenset(
    spelling
    for word in ("y", "n", "yes", "no", "on", "off", "true", "false", "null", ".inf", "+.inf", "-.inf", ".nan")
    for spelling in (word, word.capitalize(), word.upper())
) | {"", "~", "=", "<<", ".Inf", "+.Inf", "-.Inf", ".NaN"}

_NUMBER = r"""(?x)[-+]?(?:
    0[bB][01]+ | 0[oO][-+]?[0-7]+ | 0[xX][0-9a-fA-F]+     # the bases of YAML 1.1, 1.2 and Go
  | (?:[0-9]+(?:\.[0-9]*)? | \.[0-9]+)(?:[eE][-+]?[0-9]+)?  # decimal, octal with a leading 0, and float
  | [0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?              # base 60 of YAML 1.1
)"""
_DATE = (
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)
_INDICATORS = frozenset("?:,[]{}#&*!|>'\"%@`")
"""What a plain scalar does not begin with."""
_FLOW = frozenset("?,[]{}")
"""What a plain scalar in a flow collection does not hold."""
_PRINTABLE = "[^\0-\x08\n-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]*"
"""What may be on one line of YAML as it is, by what may not: Python compiles that in a tenth of the time."""
_CORE = "tag:yaml.org,2002:"
_TAG = rf"(?:&[-0-9A-Za-z_]++\s++|#[^{BREAKS}]*+\s++)*(?P<tag>!(?:<[^>]*>|\S*+)[ \t]*+)"
_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v",
    "\f": "\\f", "\r": "\\r", "\x1b": "\\e", "\x85": "\\N", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip


def needs_quotes(value: str) -> bool:
    """Whether a value written plain would not be that string to every YAML reader, in block and flow collections."""
    return _known_to_need_quotes(value) if len(value) < 512 else _needs_quotes(value)


def may_stay_plain(value: str, before: str) -> bool:
    """Whether a value can take the place of a plain scalar without quotes.

    A comma or a brace, as in a list of images or in ``${VAR}``, may be where the scalar had it before: then it is in
    no flow collection.
    """
    if not needs_quotes(value):
        return True
    kept = _FLOW.intersection(value)
    if not kept or not kept.issubset(before) or value[0] in _INDICATORS:
        return False
    return not needs_quotes("".join("x" if char in kept else char for char in value))


@lru_cache(maxsize=1024)
def _known_to_need_quotes(value: str) -> bool:
    """One tag goes into many fields."""
    return _needs_quotes(value)


def _needs_quotes(value: str) -> bool:
    if value in _WORDS:
        return True
    if value[0] in "0123456789+-.":
        digits = value.replace("_", "")
        if re.fullmatch(_NUMBER, digits) or re.fullmatch(_DATE, value):
            return True
    start = value[1:2] if value[0] == "-" else value[0]
    return (
        (start in _INDICATORS and value[0] != "-")
        or not start
        or start.isspace()
        or value[-1] in " \t:"
        or ": " in value
        or " #" in value
        or "\t" in value
        or not _FLOW.isdisjoint(value)
        or value[:3] in ("---", "...")
        or not is_printable(value)
    )


def is_printable(value: str) -> bool:
    """Whether a text may be on one line of YAML as it is; tabs are allowed."""
    return value.isprintable() or re.fullmatch(_PRINTABLE, value) is not None


def single_quoted(value: str) -> str:
    """In single quotes; in double quotes where single ones cannot hold it (a line end, a control character)."""
    if not is_printable(value):
        return double_quoted(value)
    return "'" + value.replace("'", "''") + "'"


def double_quoted(value: str) -> str:
    """In double quotes on one line, with escapes for what may not be there as it is."""
    if is_printable(value) and "\\" not in value and '"' not in value and "\t" not in value:
        return f'"{value}"'
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    known = _ESCAPES.get(char)
    if known is not None:
        return known
    if re.fullmatch(_PRINTABLE, char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def typed_away(scalar: Scalar, text: str) -> tuple[int, int] | None:
    """The span, blanks behind it included, of a tag that has to go when the scalar becomes a string; None: it may stay.

    A tag of YAML's own types (``!!int``, ``!!null``, ``!!timestamp``) would make the new string that type, or an error;
    quotes do not help. ``!!str``, ``!`` and an application's own tags (``!env``) are kept.
    """
    if not scalar.tag.startswith(_CORE) or scalar.tag == _CORE + "str":
        return None
    found = re.compile(_TAG).match(text, scalar.node, scalar.start)
    if found is None:
        raise SpliceError("the plan is for a scalar with a tag, but none stands there", where=f"line {scalar.line}")
    return found.span("tag")


def render_scalar(value: str, scalar: Scalar, text: str) -> str:
    """The new text of a scalar's content, ``text[scalar.start:scalar.end]``, in the style that it has."""
    if scalar.style == "'":
        return single_quoted(value)
    if scalar.style == '"':
        return double_quoted(value)
    if scalar.style in ("|", ">"):
        return _with_other_words(value, scalar, text) or _block(value, scalar, text)
    return value if may_stay_plain(value, scalar.value) else double_quoted(value)


def _with_other_words(value: str, scalar: Scalar, text: str) -> str:
    """A block scalar in which words are others now, but all blanks and line ends the same, so that its lines stay.

    Empty where more is new, or where all of the text is one word.
    """
    words, new = scalar.value.split(), value.split()
    if (
        len(words) < 2
        or re.findall(r"\s+", value) != re.findall(r"\s+", scalar.value)
        or not all(map(is_printable, new))
    ):
        return ""
    head, newline, body = text[scalar.start : scalar.end].partition("\n")
    if body.split() != words:
        return ""
    following = iter(new)
    return head + newline + re.sub(r"\S+", lambda _: next(following), body)


def _block(value: str, scalar: Scalar, text: str) -> str:
    """A block scalar with one line of text; ``-`` in the header because the value has no line end.

    The margin of the old text stays, and so do the blank lines behind it. A value that cannot be on a line as it is
    goes into double quotes on the header's line, before its comment; and so does one that takes the place of nothing,
    where a comment follows that would become part of it.
    """
    old = re.compile(_BLOCK, re.DOTALL).fullmatch(text, scalar.start, scalar.end)
    if old is None:
        raise SpliceError("the plan is for a block scalar, but none stands there", where=f"line {scalar.line}")
    newline = old["break"] or ("\r\n" if "\r\n" in text else "\n")
    after = old["after"]
    if old["text"] is None:
        digit, margin = "", scalar.indent + 2
        after = (old["break"] or "") + old["before"]
    else:
        digit = old["signs"].strip("-+")
        first = next(line for line in scalar.value.split("\n") if line.strip(" "))
        margin = len(old["margin"]) - (len(first) - len(first.lstrip(" ")))
    after = re.sub(f" {{{margin + 1},}}", " " * margin, after)
    absorbs = old["text"] is None and re.compile(" *#").match(text, scalar.end) is not None
    if absorbs or not value or value.strip(" \t") != value or not is_printable(value):
        return double_quoted(value) + old["rest"] + after
    return f"{old['style']}{digit}-{old['rest']}{newline}{' ' * margin}{value}{after}"


_BLOCK = (  # compiled when it is needed, which is seldom
    rf"(?P<style>[|>])(?P<signs>[-+0-9]*)(?P<rest>[^{BREAKS}]*)"
    rf"(?P<break>{BREAK})?(?P<before>(?: *{BREAK})*)"
    rf"(?:(?P<margin> *)(?P<text>[^ {BREAKS}](?:.*[^ {BREAKS}])? *))?"
    rf"(?P<after>(?:{BREAK} *)*)"
)
"""A block scalar: its header line, blank lines, text from the first to the last character, blank lines."""
