"""Numbers and quoted text as Go writes them (Go 1.26 ``strconv``): for policies, the parser and sprig's conversions."""

from __future__ import annotations

import re
from math import isinf
from typing import TYPE_CHECKING, Final

from imagesetter.golang.errors import NotANumber, OutOfRange
from imagesetter.golang.strings import decode

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

    Exact = Decimal | Fraction

_MAX_UINT64: Final = (1 << 64) - 1
# An underscore is between two digits, or between the base prefix and a digit.
_DECIMAL = re.compile(
    r"[+-]?(?=\.?[0-9])(?:[0-9]+(?:_[0-9]+)*)?(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?"
    r"(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?"
)
_HEXADECIMAL = re.compile(
    r"(?P<sign>[+-]?)0[xX](?=_?\.?[0-9a-fA-F])(?P<whole>_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?"
    r"(?:\.(?P<fraction>[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?)?"
    r"[pP](?P<exponent>[+-]?[0-9]+(?:_[0-9]+)*)"
)
_SPECIAL: Final = {sign + name: float(sign + "inf") for sign in ("", "+", "-") for name in ("inf", "infinity")} | {
    "nan": float("nan")
}
_SIMPLE_ESCAPES: Final = dict(zip("abfnrtv\\", "\a\b\f\n\r\t\v\\", strict=True))
_HEX_LENGTHS: Final = {"x": 2, "u": 4, "U": 8}


def parse_uint(text: str, base: int = 0) -> int:
    """``strconv.ParseUint(text, base, 64)``; base 0 goes by the prefix and allows underscores.

    Raises:
        NotANumber: text that is not an unsigned number.
        OutOfRange: a number above 18446744073709551615.
    """
    digits = text
    if base == 0:
        base = 10
        if text[:1] == "0":
            prefix = text[1:2].lower()
            base, skip = {"x": (16, 2), "b": (2, 2), "o": (8, 2)}.get(prefix, (8, 1))
            if skip == 1 and len(text) == 1:
                return 0
            digits = text[skip:]
            if skip == 2 and len(text) < 3:
                raise NotANumber("invalid syntax")
        if "_" in digits:
            if not _underscores_ok(text):
                raise NotANumber("invalid syntax")
            digits = digits.replace("_", "")
    allowed = "0123456789abcdefghijklmnopqrstuvwxyz"[:base]
    if not digits or any(digit not in allowed for digit in digits.lower()) or not digits.isascii():
        raise NotANumber("invalid syntax")
    # A longer number cannot fit, and Python would be slow to tell.
    number = int(digits, base) if len(digits.lstrip("0")) <= 64 else _MAX_UINT64 + 1
    if number > _MAX_UINT64:
        raise OutOfRange("value out of range")
    return number


def parse_int(text: str, base: int = 0) -> int:
    """``strconv.ParseInt(text, base, 64)``.

    Raises:
        NotANumber: text that is not a number.
        OutOfRange: a number that 64 bits do not hold.
    """
    negative = text[:1] == "-"
    number = parse_uint(text[1:] if text[:1] in ("+", "-") else text, base)
    if number > (1 << 63) - (not negative):
        raise OutOfRange("value out of range")
    return -number if negative else number


def parse_float(text: str) -> float:
    """``strconv.ParseFloat(text, 64)``: ``5``, ``.5``, ``1e3``, ``1_000``, ``0x1p4``, ``inf`` and ``NaN`` in any case.

    Too small a number is zero, as in Go; ``0x10``, blanks and ``1e400`` are not numbers.

    Raises:
        NotANumber: text that is not a number.
        OutOfRange: a number beyond what 64 bits hold.
    """
    if _DECIMAL.fullmatch(text):
        number = float(text.replace("_", ""))
    elif _HEXADECIMAL.fullmatch(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError as err:
            raise OutOfRange("value out of range") from err
    elif text.isascii() and text.lower() in _SPECIAL:
        return _SPECIAL[text.lower()]
    else:
        raise NotANumber("invalid syntax")
    if isinf(number):
        raise OutOfRange("value out of range")
    return number


def exact(text: str, number: float) -> Exact:
    """The value of *text* without rounding, for comparing texts whose float64 *number* is the same.

    Two results compare with each other only when their *number* is equal. Its cost is bounded by the length of the
    text: exponents that would make it large have become infinite or zero, which need no exactness.
    """
    from decimal import Decimal
    from fractions import Fraction

    if number == 0 or isinf(number):
        return Decimal(0)
    match = _HEXADECIMAL.fullmatch(text)
    if match is None:
        return Decimal(text)
    whole, fraction = ((match[part] or "").replace("_", "") for part in ("whole", "fraction"))
    mantissa = int(whole + fraction, 16)
    exponent = int(Decimal(match["exponent"]))  # int() itself refuses a text of thousands of zeros
    return (-1 if match["sign"] == "-" else 1) * mantissa * Fraction(2) ** (exponent - 4 * len(fraction))


def _underscores_ok(text: str) -> bool:
    """Whether each underscore is between digits, or between the base prefix and a digit."""
    body = text.lstrip("+-")
    prefixed = body[:2].lower() in ("0x", "0b", "0o")
    digits = "0123456789abcdefABCDEF" if body[:2].lower() == "0x" else "0123456789"
    before = "digit" if prefixed else "start"
    for char in body[2 if prefixed else 0 :]:
        if char in digits:
            before = "digit"
        elif char == "_" and before == "digit":
            before = "underscore"
        elif char == "_" or before == "underscore":
            return False
        else:
            before = "other"
    return before != "underscore"


def unquote(text: str) -> str:
    """``strconv.Unquote`` of a quoted or raw string.

    Raises:
        ValueError: an escape that Go does not know.
    """
    body = text[1:-1]
    if text[0] == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    pieces: list[bytes] = []
    position = 0
    while position < len(body):
        backslash = body.find("\\", position)
        end = len(body) if backslash < 0 else backslash
        pieces.append(body[position:end].encode("utf-8", "surrogateescape"))
        position = end
        if position < len(body):
            data, position = _escape(body, position, '"')
            pieces.append(data)
    return decode(b"".join(pieces))


def unquote_char(text: str) -> int:
    """The number of a character constant such as ``'a'`` or ``'\\n'``.

    Raises:
        ValueError: with Go's message.
    """
    body = text[1:]
    if body[:1] == "'":
        raise ValueError("invalid syntax")
    if body[:1] != "\\":
        code, position = ord(body[0]), 1
    else:
        data, position = _escape(body, 0, "'")
        code = data[0] if body[1] in "x01234567" else ord(data.decode("utf-8"))
    if body[position:] != "'":
        raise ValueError(f"malformed character constant: {text}")
    return code


def _escape(text: str, position: int, delimiter: str) -> tuple[bytes, int]:
    r"""``\`` ( a b f n r t v \ delimiter | 3 octal digits | x 2 | u 4 | U 8 hexadecimal digits )."""
    char = text[position + 1 : position + 2]
    if char == delimiter:
        return char.encode(), position + 2
    if char and char in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[char].encode(), position + 2
    if char in _HEX_LENGTHS:
        end = position + 2 + _HEX_LENGTHS[char]
        digits = text[position + 2 : end]
        if not re.fullmatch(r"[0-9a-fA-F]+", digits) or len(digits) != _HEX_LENGTHS[char]:
            raise ValueError("invalid syntax")
        code = int(digits, 16)
        if char == "x":
            return bytes([code]), end
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError("invalid syntax")
        return chr(code).encode(), end
    digits = text[position + 1 : position + 4]
    if not re.fullmatch(r"[0-7]{3}", digits) or int(digits, 8) > 255:
        raise ValueError("invalid syntax")
    return bytes([int(digits, 8)]), position + 4


def float_bits(number: float) -> int:
    """The 64 bits of a float."""
    import struct

    bits: int = struct.unpack(">Q", struct.pack(">d", number))[0]
    return bits
