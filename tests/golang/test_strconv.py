"""Numbers as Go's strconv.ParseFloat reads them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf, isnan

import pytest

from imagesetter.golang.strconv import exact, parse_float
from krm_functions.errors import InputError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5.0),
        ("+5", 5.0),
        ("-0", 0.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E+0_3", 1000.0),
        ("1_000.000_1", 1000.0001),
        ("0x1p4", 16.0),
        ("-0X_1.8p-1", -0.75),
        ("0x.8p1", 1.0),
        ("0x1p1_0", 1024.0),
        ("inf", inf),
        ("+Infinity", inf),
        ("-INF", -inf),
        ("1e-400", 0.0),
        ("0e999999999999", 0.0),
        ("0x1p-99999", 0.0),
        ("1.7976931348623158e308", 1.7976931348623157e308),
        ("2.4703282292062328e-324", 5e-324),
        ("9007199254740993", 9007199254740992.0),
    ],
)
def test_number_is_read(text: str, number: float) -> None:
    assert parse_float(text) == number


@pytest.mark.parametrize("text", ["NaN", "nan", "NAN"])
def test_not_a_number_is_a_number_to_go(text: str) -> None:
    assert isnan(parse_float(text))


NO_NUMBERS = [
    *("", " 5", "5 ", "5\n", "1,5", "latest", ".", "+", "1e", "0b1"),
    *("1__0", "_1", "1_", "1_.5", "1._5", "1e_5"),
    *("0x10", "0x", "0xp1", "0x1.8", "0x_p1"),
    *("+nan", "-nan", "infi", "٣", "ｉｎｆ", "ınf", "K"),
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_go_does_not_read_is_no_number(text: str) -> None:
    with pytest.raises(InputError, match="invalid syntax"):
        parse_float(text)


@pytest.mark.parametrize(
    "text", ["1e400", "-1e400", "1.7976931348623159e308", "0x1p1024", "1e" + "9" * 5000, "9" * 5000]
)
def test_number_beyond_float64_is_out_of_range(text: str) -> None:
    with pytest.raises(InputError, match="value out of range"):
        parse_float(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", Decimal(9007199254740993)),
        ("-0.1", Fraction(-1, 10)),
        ("0x20000000000001p0", 9007199254740993),
        ("-0x_1.8p-1", Fraction(-3, 4)),
        ("0x1p-1074", Fraction(1, 2**1074)),
        ("1_0.5e1", 105),
        ("1e-400", 0),
        ("inf", 0),
        ("0." + "0" * 5000 + "1e5001", 1),
        ("1e" + "0" * 5000 + "1", 10),
        ("0x1p" + "0" * 5000 + "1", 2),
        ("0x" + "f" * 5000 + "p-20000", Fraction(2**20000 - 1, 2**20000)),
    ],
)
def test_exact_value_is_not_rounded(text: str, value: object) -> None:
    assert exact(text, parse_float(text)) == value
