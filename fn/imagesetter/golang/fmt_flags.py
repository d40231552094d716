"""Widths, precisions and flags of one printf directive (package fmt, format.go of Go 1.26)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagesetter.golang.float_format import format_float
from imagesetter.golang.strings import encode, quote, quote_rune, rune

_NOT_RAW = re.compile("[\x00-\x08\x0a-\x1f`\x7f\ufeff\ud800-\udfff]")
_BASES = {"v": 10, "d": 10, "b": 2, "o": 8, "O": 8, "x": 16, "X": 16}
_DIGITS = {10: "d", 2: "b", 8: "o", 16: "x"}


@dataclass(slots=True)
class Flags:
    """What is between ``%`` and the verb."""

    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    plus_v: bool = False
    sharp_v: bool = False
    width: int | None = None
    precision: int | None = None

    def set(self, char: str) -> None:
        """Set the flag for ``#``, ``0``, ``+``, ``-`` or a blank."""
        setattr(self, {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}[char], True)

    def set_width(self, width: int) -> None:
        """A negative width, from ``*``, pads on the right and never with zeros."""
        if width < 0:
            self.minus = True
            self.zero = False
        self.width = abs(width)

    def go_syntax(self) -> None:
        """``%#v`` and ``%+v`` mean other things than ``#`` and ``+`` elsewhere."""
        self.sharp_v, self.sharp = self.sharp, False
        self.plus_v, self.plus = self.plus, False

    def pad(self, text: str, *, zero: bool | None = None) -> str:
        """The text, as wide as asked for, counted in characters."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if self.minus:
            return text + " " * missing
        return ("0" if (self.zero if zero is None else zero) else " ") * missing + text


class Padded:
    """Formats plain values under some flags."""

    __slots__ = ("_flags",)

    def __init__(self, flags: Flags) -> None:
        self._flags = flags

    def string(self, value: str) -> str:
        """``%s``."""
        return self._flags.pad(self._truncated(value))

    def _truncated(self, value: str) -> str:
        precision = self._flags.precision
        return value if precision is None else value[:precision]

    def quoted(self, value: str) -> str:
        """``%q``: raw quotes with ``#`` where they can hold the text, escapes beyond ASCII with ``+``."""
        value = self._truncated(value)
        if self._flags.sharp and can_backquote(value):
            return self._flags.pad(f"`{value}`")
        return self._flags.pad(quote(value, ascii_only=self._flags.plus))

    def hexadecimal(self, value: str, verb: str) -> str:
        """``%x`` of a string: its bytes."""
        flags = self._flags
        data = encode(value)
        if flags.precision is not None:
            data = data[: flags.precision]
        if not data:
            return ("0" if flags.zero and not flags.minus else " ") * (flags.width or 0)
        prefix = f"0{verb}" if flags.sharp else ""
        digits = [f"{byte:02{verb}}" for byte in data]
        text = prefix + (f" {prefix}".join(digits) if flags.space else "".join(digits))
        return flags.pad(text)

    def integer(self, value: int, verb: str, *, signed: bool) -> str | None:
        """``%d`` and its kin; None for a verb that integers do not have."""
        if verb == "c":
            return self._flags.pad(rune(value))
        if verb == "q":
            return self._flags.pad(quote_rune(value, ascii_only=self._flags.plus))
        if verb == "U":
            return self._unicode(value)
        if verb not in _BASES:
            return None
        if verb == "v" and self._flags.sharp_v and not signed:
            return self._digits(value, "x", 16, sharp=True)
        return self._digits(value, verb, _BASES[verb], sharp=self._flags.sharp)

    def _digits(self, value: int, verb: str, base: int, *, sharp: bool) -> str:
        flags = self._flags
        precision = flags.precision or 0
        if flags.precision == 0 and value == 0:
            return " " * (flags.width or 0)
        signs = value < 0 or flags.plus or flags.space
        if flags.precision is None and flags.zero and not flags.minus and flags.width is not None:
            precision = flags.width - signs
        digits = f"{abs(value):{_DIGITS[base]}}".rjust(precision, "0")
        if verb == "X":
            digits = digits.upper()
        if sharp and base == 2:
            digits = f"0b{digits}"
        elif sharp and base == 8 and not digits.startswith("0"):
            digits = f"0{digits}"
        elif sharp and base == 16:
            digits = f"0{'X' if verb == 'X' else 'x'}{digits}"
        if verb == "O":
            digits = f"0o{digits}"
        sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
        return flags.pad(sign + digits, zero=False)

    def _unicode(self, value: int) -> str:
        flags = self._flags
        code = value & ((1 << 64) - 1)
        text = f"U+{code:0{max(4, flags.precision or 0)}X}"
        if flags.sharp and code <= 0x10FFFF and chr(code).isprintable():
            text += f" '{chr(code)}'"
        return flags.pad(text, zero=False)

    def real(self, value: float, verb: str) -> str | None:
        """``%f`` and its kin; None for a verb that floats do not have."""
        if verb not in "vbgGxXfFeE":
            return None
        flags = self._flags
        default = 6 if verb in "feEF" else -1
        verb = {"v": "g", "F": "f"}.get(verb, verb)
        precision = default if flags.precision is None else flags.precision
        text = format_float(value, verb, precision)
        if text[0] not in "+-":
            text = f"+{text}"
        if flags.space and text[0] == "+" and not flags.plus:
            text = f" {text[1:]}"
        if text[1] in "IN":
            if text[1] == "N" and not flags.space and not flags.plus:
                text = text[1:]
            return flags.pad(text, zero=False)
        if flags.sharp and verb != "b":
            text = _with_point(text, verb, precision)
        if not flags.plus and text[0] == "+":
            return flags.pad(text[1:])
        if flags.zero and not flags.minus and (flags.width or 0) > len(text):
            return text[0] + text[1:].rjust((flags.width or 0) - 1, "0")
        return flags.pad(text)


def can_backquote(text: str) -> bool:
    """Whether a raw string can hold the text (``strconv.CanBackquote``)."""
    return not _NOT_RAW.search(text)


def _with_point(text: str, verb: str, precision: int) -> str:
    """``#``: always a decimal point, and the zeros that ``g`` drops."""
    wanted = (6 if precision == -1 else precision) if verb in "gGx" else 0
    marks = "pP" if verb in "xX" else "eE"
    split = next((index for index, char in enumerate(text) if char in marks), len(text))
    number, tail = text[:split], text[split:]
    significant = [char for char in number[1:] if char != "."]
    leading = next((index for index, char in enumerate(significant) if char != "0"), len(significant))
    wanted -= len(significant) - leading
    if "." not in number:
        wanted -= number[1:] == "0"
        number += "."
    return number + "0" * max(wanted, 0) + tail
