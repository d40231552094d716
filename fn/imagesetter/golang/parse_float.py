"""Numbers as Go's ``strconv.ParseFloat`` reads them, compared without float64's rounding.

Flux's numerical policy (image-reflector-controller ``internal/policy/numerical.go``) turns every tag into a float64.
What that reads is a number here too, and what it refuses is refused: ``5``, ``+5``, ``.5``, ``5.``, ``1e3``, ``1_000``,
``0x1p4``, ``inf`` and ``NaN`` in any case are numbers; ``0x10``, blanks and ``1e400`` are not.

Departure from Flux: two texts that round to the same float64 are told apart by their exact values, so that build
9007199254740993 is above build 9007199254740992. Where float64 tells two numbers apart, the exact values agree with
it. As in Go, what is too small for float64 is zero.
"""

from __future__ import annotations

import re
from math import isinf
from typing import TYPE_CHECKING

from krm_functions.errors import InputError

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

    Exact = Decimal | Fraction

# An underscore stands between two digits, or between the base prefix and a digit.
_DECIMAL = re.compile(
    r"[+-]?(?=\.?[0-9])(?:[0-9]+(?:_[0-9]+)*)?(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?"
    r"(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?"
)
_HEXADECIMAL = re.compile(
    r"(?P<sign>[+-]?)0[xX](?=_?\.?[0-9a-fA-F])(?P<whole>_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?"
    r"(?:\.(?P<fraction>[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?)?"
    r"[pP](?P<exponent>[+-]?[0-9]+(?:_[0-9]+)*)"
)
_INFINITIES = {sign + name: float(sign + "inf") for sign in ("", "+", "-") for name in ("inf", "infinity")}


def parse_number(text: str) -> float:
    """Read a tag as a float64, rounded to nearest even; ``inf`` and ``NaN`` are numbers.

    Raises:
        InputError: not a number for Go, or too large for a float64.
    """
    if _DECIMAL.fullmatch(text):
        number = float(text.replace("_", ""))
    elif _HEXADECIMAL.fullmatch(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError as err:
            raise InputError("value out of range") from err
    elif text.isascii() and text.lower() in _INFINITIES:
        return _INFINITIES[text.lower()]
    elif text.isascii() and text.lower() == "nan":
        return float("nan")
    else:
        raise InputError("invalid syntax")
    if isinf(number):
        raise InputError("value out of range")
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
