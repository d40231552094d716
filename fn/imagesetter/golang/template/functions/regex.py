"""sprig's regular expressions (sprig v3.3.0 regex.go): Go's syntax, on RE2.

The ``must`` functions report a bad pattern as an error, ``regexMatch`` as no match, the others as a panic, whose text
says more.
"""

from __future__ import annotations

import re

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault
from imagesetter.golang.fmt_flags import can_backquote
from imagesetter.golang.regexp.search import SearchPattern, compile_search
from imagesetter.golang.strings import decode, encode, quote
from imagesetter.golang.values import STRINGS, Slice


def _must_compile(budget: Budget, pattern: str) -> SearchPattern:
    """As Go's ``MustCompile``."""
    try:
        return compile_search(budget, pattern)
    except Fault as fault:
        shown = f"`{pattern}`" if can_backquote(pattern) else quote(pattern)
        raise Fault(f"regexp: Compile({shown}): {fault.message}") from fault


# --- matching


def regex_match(budget: Budget, pattern: str, text: str) -> bool:
    """``regexMatch``: false for a pattern that is none."""
    try:
        return must_regex_match(budget, pattern, text)
    except Fault:
        return False


def must_regex_match(budget: Budget, pattern: str, text: str) -> bool:
    """``mustRegexMatch``."""
    return compile_search(budget, pattern).search(budget, encode(text)) is not None


def regex_find(budget: Budget, pattern: str, text: str) -> str:
    """``regexFind``: the first match, or the empty text."""
    return _find(budget, _must_compile(budget, pattern), text)


def must_regex_find(budget: Budget, pattern: str, text: str) -> str:
    """``mustRegexFind``."""
    return _find(budget, compile_search(budget, pattern), text)


def _find(budget: Budget, pattern: SearchPattern, text: str) -> str:
    data = encode(text)
    spans = pattern.search(budget, data)
    return decode(data[slice(*spans[0])]) if spans else ""


def regex_find_all(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``regexFindAll``: at most so many matches, all for -1."""
    return _find_all(budget, _must_compile(budget, pattern), text, limit)


def must_regex_find_all(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``mustRegexFindAll``."""
    return _find_all(budget, compile_search(budget, pattern), text, limit)


def _find_all(budget: Budget, pattern: SearchPattern, text: str, limit: int) -> Slice:
    data = encode(text)
    found = [decode(data[start:end]) for start, end in pattern.find_all(budget, data, limit)]
    return Slice(STRINGS, found or None)


# --- replacing


def regex_replace_all(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``regexReplaceAll``: ``$1`` and ``${name}`` stand for groups."""
    return _replace(budget, _must_compile(budget, pattern), text, replacement, literal=False)


def must_regex_replace_all(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``mustRegexReplaceAll``."""
    return _replace(budget, compile_search(budget, pattern), text, replacement, literal=False)


def regex_replace_all_literal(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``regexReplaceAllLiteral``: a dollar is a dollar."""
    return _replace(budget, _must_compile(budget, pattern), text, replacement, literal=True)


def must_regex_replace_all_literal(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``mustRegexReplaceAllLiteral``."""
    return _replace(budget, compile_search(budget, pattern), text, replacement, literal=True)


def _replace(budget: Budget, pattern: SearchPattern, text: str, replacement: str, *, literal: bool) -> str:
    data, fixed = encode(text), encode(replacement)
    if literal or "$" not in replacement:
        return decode(pattern.replace_all(budget, data, lambda _: fixed))
    return decode(pattern.replace_all(budget, data, pattern.expander(replacement, data)))


# --- splitting


def regex_split(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``regexSplit``: at most so many parts, all for -1."""
    return _split(budget, _must_compile(budget, pattern), text, limit)


def must_regex_split(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``mustRegexSplit``."""
    return _split(budget, compile_search(budget, pattern), text, limit)


def _split(budget: Budget, pattern: SearchPattern, text: str, limit: int) -> Slice:
    if limit == 0:
        return Slice(STRINGS, None)
    if pattern.source.pattern and not text:
        return Slice(STRINGS, [""])
    data = encode(text)
    parts: list[str] = []
    begin = end = 0
    for start, stop in pattern.find_all(budget, data, limit):
        if limit > 0 and len(parts) == limit - 1:
            break
        end = start
        if stop:
            parts.append(decode(data[begin:start]))
        begin = stop
    if end != len(data):
        parts.append(decode(data[begin:]))
    return Slice(STRINGS, parts)


def regex_quote_meta(text: str) -> str:
    """``regexQuoteMeta``: a pattern that matches just this text."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", text)
