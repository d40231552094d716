"""sprig's arithmetic (sprig v3.3.0 numeric.go): 64-bit integers that wrap around, and decimals that become floats."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from imagesetter.golang.errors import Fault, LimitReached
from imagesetter.golang.template.functions.types import to_float64, to_int64
from imagesetter.golang.values import Int64, wrap64

_DIVISION_DIGITS = 16
_MAX_BITS = 50_000


def add(*values: object) -> Int64:
    """``add 1 2 3``."""
    return Int64(wrap64(sum(map(to_int64, values))))


def add1(value: object) -> Int64:
    """``add1``."""
    return add(value, 1)


def sub(a: object, b: object) -> Int64:
    """``sub 5 2``."""
    return Int64(wrap64(to_int64(a) - to_int64(b)))


def mul(first: object, *others: object) -> Int64:
    """``mul 2 3``."""
    product = to_int64(first)
    for other in others:
        product = wrap64(product * to_int64(other))
    return Int64(product)


def div(a: object, b: object) -> Int64:
    """``div 7 2``: towards zero."""
    quotient, _ = _divided(a, b)
    return Int64(wrap64(quotient))


def mod(a: object, b: object) -> Int64:
    """``mod 7 2``: with the sign of the first number."""
    _, remainder = _divided(a, b)
    return Int64(remainder)


def _divided(a: object, b: object) -> tuple[int, int]:
    dividend, divisor = to_int64(a), to_int64(b)
    if divisor == 0:
        raise Fault("runtime error: integer divide by zero")
    quotient = abs(dividend) // abs(divisor)
    if (dividend < 0) != (divisor < 0):
        quotient = -quotient
    return quotient, dividend - quotient * divisor


def max_(first: object, *others: object) -> Int64:
    """``max`` and ``biggest``."""
    return Int64(max(map(to_int64, (first, *others))))


def min_(first: object, *others: object) -> Int64:
    """``min``."""
    return Int64(min(map(to_int64, (first, *others))))


def maxf(first: object, *others: object) -> float:
    """``maxf``."""
    return _extreme(max, first, others)


def minf(first: object, *others: object) -> float:
    """``minf``."""
    return _extreme(min, first, others)


def _extreme(choose: Callable[[list[float]], float], first: object, others: tuple[object, ...]) -> float:
    values = [to_float64(value) for value in (first, *others)]
    return math.nan if any(map(math.isnan, values)) else choose(values)


def floor(value: object) -> float:
    """``floor``."""
    number = to_float64(value)
    return math.copysign(float(math.floor(number)), number) if math.isfinite(number) else number


def ceil(value: object) -> float:
    """``ceil``."""
    number = to_float64(value)
    return math.copysign(float(math.ceil(number)), number) if math.isfinite(number) else number


def round_(value: object, places: int, *on: float) -> float:
    """``round 123.5555 3``: up from .5, or from the third argument."""
    try:
        power = 10.0**places
    except OverflowError:
        power = math.inf
    digits = power * to_float64(value)
    if not math.isfinite(digits):
        rounded = digits
    else:
        fraction = math.fmod(digits, 1.0)
        rounded = float(math.ceil(digits) if fraction >= (on[0] if on else 0.5) else math.floor(digits))
        rounded = math.copysign(rounded, digits)
    if power == 0:
        return math.nan if rounded == 0 else math.copysign(math.inf, rounded)
    return rounded / power


# --- decimals (github.com/shopspring/decimal v1.4.0)


def addf(*values: object) -> float:
    """``addf 1.5 2``."""
    return _decimals(lambda a, b: a + b, 0.0, values)


def add1f(value: object) -> float:
    """``add1f``."""
    return addf(value, 1)


def subf(first: object, *others: object) -> float:
    """``subf``."""
    return _decimals(lambda a, b: a - b, first, others)


def mulf(first: object, *others: object) -> float:
    """``mulf``."""
    return _decimals(lambda a, b: a * b, first, others)


def divf(first: object, *others: object) -> float:
    """``divf``: 16 decimal places."""
    return _decimals(_quotient, first, others)


def _quotient(a: Fraction, b: Fraction) -> Fraction:
    if not b:
        raise Fault("decimal division by 0")
    scaled = abs(a / b) * 10**_DIVISION_DIGITS
    whole = math.floor(scaled + Fraction(1, 2))
    return Fraction(whole if (a < 0) == (b < 0) else -whole, 10**_DIVISION_DIGITS)


def _decimals(operation: Callable[[Fraction, Fraction], Fraction], first: object, others: tuple[object, ...]) -> float:
    result = _decimal(first)
    for other in others:
        result = operation(result, _decimal(other))
        if result.numerator.bit_length() + result.denominator.bit_length() > _MAX_BITS:
            raise LimitReached("the template calculates with numbers of thousands of digits")
    try:
        return float(result)
    except OverflowError:
        return math.inf if result > 0 else -math.inf


def _decimal(value: object) -> Fraction:
    number = to_float64(value)
    if not math.isfinite(number):
        shown = "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
        raise Fault(f"Cannot create a Decimal from {shown}")
    return Fraction(repr(number))
