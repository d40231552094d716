"""No pattern falls into a hole of Python before 3.11.5 (issue 106052 of CPython).

There a possessively repeated group that fails leaves the place where it looked last: behind what it consumed or looked
at ahead, or before what it looked at behind. So nothing may fail there but at the beginning of such a group.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest

import imagesetter

parser: Any = importlib.import_module("re._parser")
_REPEATS = (parser.MAX_REPEAT, parser.MIN_REPEAT, parser.POSSESSIVE_REPEAT)
_CHARACTERS = (parser.LITERAL, parser.NOT_LITERAL, parser.IN, parser.ANY)


def test_no_possessive_group_can_fail_behind_what_it_consumed() -> None:
    found = {name: holes(*pattern) for name, pattern in patterns()}
    assert len(found) > 100, "the patterns of all modules are looked at"
    assert [name for name, hole in found.items() if hole] == []


@pytest.mark.parametrize(
    ("pattern", "hole"),
    [
        (r"(?:ab)*+", True),
        (r"(?:x|ab)++", True),
        (r"(?:[^ ]++| ++(?=[^#]))*+", True),
        (r"(?:(?:a|b)c)?+", True),
        (r"(?:a|(?<!b)c)*+", True),
        (r"(?:(?=[&!]c*+ )[^ ]++)*+", True),
        (r"(?:(?!ab)[^ ]++)*+", True),
        (r"a*+b", False),
        (r"[ab]++", False),
        (r"(?:ab)*", False),
        (r"(?:a|(?= ++[^#]) ++)*+", False),
        (r"(?:a[bc]*+d?)*+", False),
        (r"(?:(?<=b)a|(?=cd)c)*+", False),
    ],
)
def test_what_is_such_a_group(pattern: str, *, hole: bool) -> None:
    assert holes(pattern) is hole


def patterns() -> Iterator[tuple[str, tuple[str | bytes, int]]]:
    """Name → text and flags, of patterns and of texts that become some, or parts of some, when they are needed."""
    for module in pkgutil.walk_packages(imagesetter.__path__, "imagesetter."):
        if module.name != "imagesetter.__main__":
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield f"{module.name}.{name}", (value.pattern, value.flags)
                elif isinstance(value, str) and "+" in value:
                    with contextlib.suppress(re.error, FutureWarning):  # of a text that is no pattern
                        re.compile(value)
                        yield f"{module.name}.{name}", (value, 0)


def holes(pattern: str | bytes, flags: int = 0) -> bool:
    return any(may_fail_elsewhere(body) for body in possessive(parser.parse(pattern, flags & ~re.UNICODE)))


def possessive(items: Any) -> Iterator[Any]:
    """The bodies of possessive repetitions, wherever they stand."""
    for code, argument in items:
        if code is parser.POSSESSIVE_REPEAT:
            yield argument[2]
        for part in parts(code, argument):
            yield from possessive(part)


def parts(code: Any, argument: Any) -> list[Any]:
    if code is parser.BRANCH:
        return list(argument[1])
    if code is parser.SUBPATTERN:
        return [argument[3]]
    if code in _REPEATS:
        return [argument[2]]
    if code in (parser.ASSERT, parser.ASSERT_NOT):
        return [argument[1]]
    return [argument] if code is parser.ATOMIC_GROUP else []


def may_fail_elsewhere(items: Any) -> bool:
    """Whether a sequence can fail at another place than its beginning, or after having looked from there.

    What comes first behind a look ahead is taken to be what that saw.
    """
    consumed = False
    for code, argument in items:
        if consumed and not (code in _REPEATS and argument[0] == 0):
            return True
        if code in (parser.ASSERT, parser.ASSERT_NOT):
            direction, body = argument
            if direction < 0 or code is parser.ASSERT_NOT or jumps_late(body):
                return True
        elif code is not parser.AT:
            ways = parts(code, argument)
            if code is parser.BRANCH and ways[-1][0][0] is parser.ASSERT:
                ways = ways[-1:]  # always tried, from the beginning, and so the one that fails
            if any(map(may_fail_elsewhere, ways)):
                return True
            consumed = True
    return False


def jumps_late(items: Any) -> bool:
    """Whether a look ahead does more than to see, or to repeat, one character and then to see others."""
    first = items[0]
    return any(code not in _CHARACTERS for body in (*parts(*first), items[1:]) for code, _ in body)
