"""Floating-point numbers as Go prints them (Go 1.26 ``strconv.FormatFloat``)."""

from __future__ import annotations

import math

from imagesetter.golang.strconv import float_bits

_MANTISSA_BITS = 52
_BIAS = 1023


def format_float(number: float, verb: str, precision: int) -> str:
    """The number in one of Go's formats e, E, f, g, G, x, X, b; precision -1 is as short as possible.

    The sign is there for negative numbers only.
    """
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    if verb == "b":
        return _binary(number)
    if verb in "xX":
        text = _hexadecimal(number, precision)
        return text.upper() if verb == "X" else text
    upper = verb.isupper()
    verb = verb.lower()
    text = _shortest(number, verb) if precision < 0 else _exact(number, verb, precision)
    return text.upper() if upper else text


def _exact(number: float, verb: str, precision: int) -> str:
    if verb != "g":
        return f"{number:.{precision}{verb}}"
    # Python's g drops trailing zeros and picks the exponent form as Go does.
    return f"{number:.{precision or 1}g}"


def _shortest(number: float, verb: str) -> str:
    """The fewest digits that read back as the same number; ``g`` writes an exponent below -4 and from 6 on."""
    written = repr(number)
    minus = "-" if written[0] == "-" else ""
    mantissa, _, exponent = written.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0) if digits else 1
    digits = digits.rstrip("0") or "0"
    if verb == "e" or (verb == "g" and not -4 <= point - 1 < 6):
        after = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{minus}{digits[0]}{after}e{point - 1:+03d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return f"{minus}{digits}{'0' * (point - len(digits))}"
    return f"{minus}{digits[:point]}.{digits[point:]}"


def _binary(number: float) -> str:
    """``4503599627370496p-52``."""
    mantissa, exponent = _parts(number)
    sign = "-" if float_bits(number) >> 63 else ""
    return f"{sign}{mantissa}p{exponent - _MANTISSA_BITS:+d}"


def _parts(number: float) -> tuple[int, int]:
    bits = float_bits(number)
    exponent = bits >> _MANTISSA_BITS & 0x7FF
    mantissa = bits & ((1 << _MANTISSA_BITS) - 1)
    if exponent:
        mantissa |= 1 << _MANTISSA_BITS
    return mantissa, max(exponent, 1) - _BIAS


def _hexadecimal(number: float, precision: int) -> str:
    """``0x1.8p+01``."""
    sign = "-" if float_bits(number) >> 63 else ""
    mantissa, exponent = _parts(number)
    if not mantissa:
        exponent = 0
    while mantissa and mantissa < 1 << _MANTISSA_BITS:
        mantissa <<= 1
        exponent -= 1
    if 0 <= precision < 13:
        unit = 1 << (_MANTISSA_BITS - 4 * precision)
        low, mantissa = mantissa % unit, mantissa // unit
        mantissa += low > unit // 2 or (low == unit // 2 and mantissa % 2)
        mantissa *= unit
        if mantissa >= 2 << _MANTISSA_BITS:
            mantissa >>= 1
            exponent += 1
    fraction = f"{mantissa & ((1 << _MANTISSA_BITS) - 1):013x}"
    fraction = fraction.rstrip("0") if precision < 0 else fraction.ljust(precision, "0")[:precision]
    point = f".{fraction}" if fraction else ""
    return f"{sign}0x{mantissa >> _MANTISSA_BITS}{point}p{exponent:+03d}"
