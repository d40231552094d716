"""sprig's regular expressions (sprig v3.3.0 regex.go; Go 1.26 ``regexp``), on RE2.

Searching, replacing and splitting follow Go: an empty match right behind another match does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imagesetter.errors import InvalidFilter
from imagesetter.flux.template.faults import Budget, Fault, LimitReached
from imagesetter.flux.template.formats import can_backquote
from imagesetter.flux.template.gostrings import decode, encode, quote
from imagesetter.flux.template.values import STRINGS, Slice

if TYPE_CHECKING:
    from imagesetter.policy.expand import Template
    from imagesetter.policy.regexp import Regexp, Spans

_META = re.compile(r"[\\.+*?()|\[\]{}^$]")


def _compile(pattern: str) -> Regexp:
    from imagesetter.policy.regexp import compile_pattern

    try:
        return compile_pattern(pattern)
    except InvalidFilter as err:
        raise Fault(str(err)) from err


def _must_compile(pattern: str) -> Regexp:
    """As Go's ``MustCompile``, which says more."""
    try:
        return _compile(pattern)
    except Fault as fault:
        shown = f"`{pattern}`" if can_backquote(pattern) else quote(pattern)
        raise Fault(f"regexp: Compile({shown}): {fault.message}") from fault


def _spans(budget: Budget, regexp: Regexp, data: bytes, at: int) -> tuple[int, int] | None:
    # RE2 may read to the end of the text for each match; that much must not be free.
    budget.step()
    budget.charge((len(data) - at) >> 6)
    start, end = regexp.match(data, at, len(data))[0]
    return None if start < 0 else (start, end)


def _width(data: bytes, at: int) -> int:
    """The length of the character there."""
    if at >= len(data):
        return 0
    lead = data[at]
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _matches(budget: Budget, regexp: Regexp, data: bytes, limit: int) -> Iterator[tuple[int, int]]:
    """All matches, at most *limit* unless that is negative (``FindAll``)."""
    at, previous, found = 0, -1, 0
    while at <= len(data) and found != limit:
        span = _spans(budget, regexp, data, at)
        if span is None:
            return
        empty = span[1] == at
        if not (empty and span[0] == previous):
            found += 1
            yield span
        at = at + (_width(data, at) or 1) if empty else span[1]
        previous = span[1]


# --- matching


def regex_match(budget: Budget, pattern: str, text: str) -> bool:
    """``regexMatch``: false for a pattern that is none."""
    try:
        return must_regex_match(budget, pattern, text)
    except Fault:
        return False


def must_regex_match(budget: Budget, pattern: str, text: str) -> bool:
    """``mustRegexMatch``."""
    return _spans(budget, _compile(pattern), encode(text), 0) is not None


def regex_find(budget: Budget, pattern: str, text: str) -> str:
    """``regexFind``: the first match, or the empty text."""
    return _find(budget, _must_compile(pattern), text)


def must_regex_find(budget: Budget, pattern: str, text: str) -> str:
    """``mustRegexFind``."""
    return _find(budget, _compile(pattern), text)


def _find(budget: Budget, regexp: Regexp, text: str) -> str:
    data = encode(text)
    span = _spans(budget, regexp, data, 0)
    return decode(data[span[0] : span[1]]) if span else ""


def regex_find_all(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``regexFindAll``: at most so many matches, all for -1."""
    return _find_all(budget, _must_compile(pattern), text, limit)


def must_regex_find_all(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``mustRegexFindAll``."""
    return _find_all(budget, _compile(pattern), text, limit)


def _find_all(budget: Budget, regexp: Regexp, text: str, limit: int) -> Slice:
    data = encode(text)
    return Slice(STRINGS, [decode(data[start:end]) for start, end in _matches(budget, regexp, data, limit)] or None)


# --- replacing


def regex_replace_all(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``regexReplaceAll``: ``$1`` and ``${name}`` stand for groups."""
    return _replace(budget, _must_compile(pattern), text, replacement, literal=False)


def must_regex_replace_all(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``mustRegexReplaceAll``."""
    return _replace(budget, _compile(pattern), text, replacement, literal=False)


def regex_replace_all_literal(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``regexReplaceAllLiteral``: a dollar is a dollar."""
    return _replace(budget, _must_compile(pattern), text, replacement, literal=True)


def must_regex_replace_all_literal(budget: Budget, pattern: str, text: str, replacement: str) -> str:
    """``mustRegexReplaceAllLiteral``."""
    return _replace(budget, _compile(pattern), text, replacement, literal=True)


def _replace(budget: Budget, regexp: Regexp, text: str, replacement: str, *, literal: bool) -> str:
    from imagesetter.policy.expand import parse_template

    data, out = encode(text), []
    fixed = encode(replacement)
    try:
        template = None if literal or "$" not in replacement else parse_template(replacement, regexp)
    except InvalidFilter as err:
        raise LimitReached("the template replaces by a text that is too long or has too many groups") from err
    at = last = 0
    while at <= len(data):
        span = _spans(budget, regexp, data, at)
        if span is None:
            break
        start, end = span
        out.append(data[last:start])
        if end > last or start == 0:
            new = fixed if template is None else _expanded(template, data, regexp.match(data, at, len(data)))
            budget.size(len(new))
            out.append(new)
        last = end
        at = max(end, at + (_width(data, at) or 1))
    out.append(data[last:])
    return decode(b"".join(out))


def _expanded(template: Template, data: bytes, spans: Spans) -> bytes:
    return encode(template.expand_all([("", data, spans)])[0])


# --- splitting


def regex_split(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``regexSplit``: at most so many parts, all for -1."""
    return _split(budget, _must_compile(pattern), text, limit)


def must_regex_split(budget: Budget, pattern: str, text: str, limit: int) -> Slice:
    """``mustRegexSplit``."""
    return _split(budget, _compile(pattern), text, limit)


def _split(budget: Budget, regexp: Regexp, text: str, limit: int) -> Slice:
    if limit == 0:
        return Slice(STRINGS, None)
    if regexp.pattern and not text:
        return Slice(STRINGS, [""])
    data = encode(text)
    parts: list[str] = []
    begin = end = 0
    for start, stop in _matches(budget, regexp, data, limit):
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
    return _META.sub(lambda match: f"\\{match[0]}", text)
