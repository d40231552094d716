"""sprig's type questions, conversions and defaults (sprig v3.3.0: reflect.go, defaults.go, strings.go, numeric.go)."""

from __future__ import annotations

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault, NotANumber, OutOfRange
from imagesetter.golang.fmt import sprint
from imagesetter.golang.strconv import parse_float, parse_int
from imagesetter.golang.strings import length
from imagesetter.golang.values import (
    STRINGS,
    Int64,
    Slice,
    deep_equal,
    kind_of,
    truth,
    type_name,
    wrap64,
)


def type_of_(value: object) -> str:
    """``typeOf``: what ``%T`` prints."""
    return type_name(value)


def type_is(wanted: str, value: object) -> bool:
    """``typeIs``."""
    return wanted == type_name(value)


def type_is_like(wanted: str, value: object) -> bool:
    """``typeIsLike``: a pointer to the type will do."""
    return type_name(value) in (wanted, f"*{wanted}")


def kind_of_(value: object) -> str:
    """``kindOf``."""
    return kind_of(value)


def kind_is(wanted: str, value: object) -> bool:
    """``kindIs``."""
    return wanted == kind_of(value)


def deep_equal_(budget: Budget, a: object, b: object) -> bool:
    """``deepEqual``."""
    return deep_equal(a, b, budget)


# --- defaults


def empty(value: object) -> bool:
    """``empty``: nil, zero, false, and lists, maps and strings of length 0; never a struct."""
    return not truth(value)


def default(fallback: object, *given: object) -> object:
    """``default``: the fallback unless something that is not empty is given."""
    return given[0] if given and truth(given[0]) else fallback


def coalesce(*values: object) -> object:
    """``coalesce``: the first that is not empty."""
    return next((value for value in values if truth(value)), None)


def all_(*values: object) -> bool:
    """``all``: whether none is empty."""
    return all(map(truth, values))


def any_(*values: object) -> bool:
    """``any``: whether one is not empty."""
    return any(map(truth, values))


def ternary(yes: object, no: object, condition: bool) -> object:
    """``ternary``."""
    return yes if condition else no


def fail(message: str) -> str:
    """``fail``: ends the rendering with this message."""
    raise Fault(message)


# --- text of values


def text_of(budget: Budget, value: object) -> str:
    """``toString``: a string itself, else what ``%v`` prints."""
    if isinstance(value, str):
        return value
    text = sprint(budget, value)
    budget.size(length(text))
    return text


def to_strings(budget: Budget, value: object) -> Slice:
    """``toStrings``: a list of texts of a list; of anything else, a list of its text. A list of strings is itself."""
    return Slice(STRINGS, texts_of(budget, value))


def texts_of(budget: Budget, value: object) -> list[str]:
    """The texts of a list's elements, nil left out; the very same list if it is one of strings."""
    if isinstance(value, Slice):
        if value.go_type is STRINGS:
            return value.items
        return [text_of(budget, item) for item in value.items if item is not None]
    return [] if value is None else [text_of(budget, value)]


# --- numbers (github.com/spf13/cast v1.7.0: what cannot be converted is 0)


def to_int64(value: object) -> int:
    """The value as 64 bits hold it, as a Python integer."""
    if isinstance(value, int):
        return wrap64(int(value))
    if isinstance(value, float):
        return _truncate(value)
    if isinstance(value, str):
        try:
            return parse_int(_without_zero_decimals(value), 0)
        except (NotANumber, OutOfRange):
            return 0
    return 0


def _truncate(number: float) -> int:
    """A float as amd64 turns it into 64 bits: what does not fit is the lowest number."""
    if not -(2.0**63) <= number < 2.0**63:
        return -(1 << 63)
    return int(number)


def _without_zero_decimals(text: str) -> str:
    """``1.00`` is ``1``; other fractions stay, and are no integers."""
    whole, point, zeros = text.rpartition(".")
    return whole if point and zeros and not zeros.strip("0") else text


def to_float64(value: object) -> float:
    """``float64``."""
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return parse_float(value)
        except (NotANumber, OutOfRange):
            return 0.0
    return 0.0


def int_(value: object) -> int:
    """``int``."""
    return to_int64(value)


def int64(value: object) -> Int64:
    """``int64``."""
    return Int64(to_int64(value))


def atoi(text: str) -> int:
    """``atoi``: 0 for what is no decimal number; the nearest end for one too large."""
    try:
        return parse_int(text, 10)
    except NotANumber:
        return 0
    except OutOfRange:
        return -(1 << 63) if text.startswith("-") else (1 << 63) - 1


def to_decimal(budget: Budget, value: object) -> Int64:
    """``toDecimal``: reads an octal number, such as a file mode."""
    try:
        return Int64(parse_int(sprint(budget, value), 8))
    except (NotANumber, OutOfRange):
        return Int64(0)
