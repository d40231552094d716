"""sprig's regular expressions (sprig v3.3.0 regex.go): Go's syntax, on RE2.

The ``must`` functions report a bad pattern as an error, ``regexMatch`` as no match, the others as a panic, whose text
says more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault
from imagesetter.golang.fmt_flags import can_backquote
from imagesetter.golang.regexp.search import compile_search
from imagesetter.golang.strings import decode, encode, quote
from imagesetter.golang.values import STRINGS, Slice

T = TypeVar("T")


# --- as errors


def must_regex_match(budget: Budget, pattern: str, text: str) -> bool:
    """``mustRegexMatch``."""
    return compile_search(budget, pattern).search(budget, encode(text)) is not None


def must_regex_find(budget: Budget, pattern: str, text: str) -> str:
    """``mustRegexFind``: the first match, or the empty text."""
    data = encode(text)
    spans = compile_search(budget, pattern).search(budget, data)
    return decode(data[slice(*spans[0])]) if spans else ""


def must_regex_find_all(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``mustRegexFindAll``: at most so many matches, all for -1."""
    data = encode(text)
    found = [decode(data[start:end]) for start, end in compile_search(budget, pattern).find_all(budget, data, limit)]
    return Slice(STRINGS, found or None)


def must_regex_replace_all(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``mustRegexReplaceAll``: ``$1`` and ``${name}`` stand for groups."""
    if "$" not in replacement:
        return must_regex_replace_all_literal(budget, pattern, text, replacement)
    data, compiled = encode(text), compile_search(budget, pattern)
    return decode(compiled.replace_all(budget, data, compiled.expander(replacement, data)))


def must_regex_replace_all_literal(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``mustRegexReplaceAllLiteral``: a dollar is a dollar."""
    fixed = encode(replacement)
    return decode(compile_search(budget, pattern).replace_all(budget, encode(text), lambda _: fixed))


def must_regex_split(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``mustRegexSplit``: at most so many parts, all for -1."""
    compiled = compile_search(budget, pattern)
    if limit == 0:
        return Slice(STRINGS, None)
    if pattern and not text:
        return Slice(STRINGS, [""])
    data = encode(text)
    parts: list[str] = []
    begin = end = 0
    for start, stop in compiled.find_all(budget, data, limit):
        if limit > 0 and len(parts) == limit - 1:
            break
        end = start
        if stop:
            parts.append(decode(data[begin:start]))
        begin = stop
    if end != len(data):
        parts.append(decode(data[begin:]))
    return Slice(STRINGS, parts)


# --- as panics


def _panicking(function: Callable[..., T]) -> Callable[..., T]:
    """The function without ``must``: Go's ``MustCompile`` reads the pattern."""

    def call(budget: Budget, pattern: str, *arguments: object) -> T:
        try:
            compile_search(budget, pattern)
        except Fault as fault:
            shown = f"`{pattern}`" if can_backquote(pattern) else quote(pattern)
            raise Fault(f"regexp: Compile({shown}): {fault.message}") from fault
        return function(budget, pattern, *arguments)

    return call


regex_find = _panicking(must_regex_find)
regex_find_all = _panicking(must_regex_find_all)
regex_replace_all = _panicking(must_regex_replace_all)
regex_replace_all_literal = _panicking(must_regex_replace_all_literal)
regex_split = _panicking(must_regex_split)


def regex_match(budget: Budget, pattern: str, text: str) -> bool:
    """``regexMatch``: false for a pattern that is none."""
    try:
        return must_regex_match(budget, pattern, text)
    except Fault:
        return False


def regex_quote_meta(text: str) -> str:
    """``regexQuoteMeta``: a pattern that matches just this text."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
