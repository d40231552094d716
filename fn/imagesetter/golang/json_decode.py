"""Reads JSON as Go's ``json.Unmarshal`` into an ``interface{}`` does, with Go's messages (Go 1.26)."""

from __future__ import annotations

import re
from typing import Any, Final

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault, OutOfRange
from imagesetter.golang.strconv import parse_float
from imagesetter.golang.strings import encode, quote_rune, to_valid_utf8
from imagesetter.golang.values import DICT, LIST, Map, Slice

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_DIGITS: Final = re.compile(r"[0-9]*")
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_FINISHED_BY_BLANK: Final = (
    "in literal", "in numeric", "in exponent", "after decimal", "in string escape", "in \\u",
)  # fmt: skip
"""Go tries a blank at the end of the text, and complains about that where no blank may be."""
_MAX_NESTING: Final = 10_000


def decode_json(budget: Budget, text: str) -> tuple[object, Fault | None]:
    """The value of a JSON text: numbers are float64, objects ``map[string]interface{}``.

    A number that no float64 holds is nil, and the fault that Go reports for the whole; the rest is read.

    Raises:
        Fault: the text is not JSON.
    """
    reader = _Reader(budget, to_valid_utf8(text))
    value = reader.value()
    reader.skip()
    if reader.at < len(reader.source):
        raise reader.unexpected("after top-level value")
    return value, reader.out_of_range


class _Reader:
    def __init__(self, budget: Budget, source: str) -> None:
        self.source = source
        self.at = 0
        self._budget = budget
        self._depth = 0
        self.out_of_range: Fault | None = None

    def skip(self) -> None:
        match = _SPACE.match(self.source, self.at)
        assert match is not None
        self.at = match.end()

    def _char(self) -> str:
        return self.source[self.at : self.at + 1]

    def unexpected(self, where: str) -> Fault:
        """The character at hand does not belong there."""
        char = self._char()
        if not char and where.startswith(_FINISHED_BY_BLANK):
            char = " "
        if not char:
            return Fault("unexpected end of JSON input")
        shown = {"'": "'\\''", '"': "'\"'"}.get(char) or quote_rune(encode(char)[0])
        return Fault(f"invalid character {shown} {where}")

    def value(self) -> Any:
        self._budget.step()
        self.skip()
        char = self._char()
        if char == "{":
            return self._object()
        if char == "[":
            return self._array()
        if char == '"':
            self.at += 1
            return self._string()
        if char == "-" or (char and char in "0123456789"):
            return self._number()
        for word, value in (("true", True), ("false", False), ("null", None)):
            if char == word[0]:
                self._word(word)
                return value
        raise self.unexpected("looking for beginning of value")

    def _word(self, word: str) -> None:
        self.at += 1
        for expected in word[1:]:
            if self._char() != expected:
                raise self.unexpected(f"in literal {word} (expecting '{expected}')")
            self.at += 1

    def _enter(self) -> None:
        self.at += 1
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise Fault("exceeded max depth")
        self.skip()

    def _object(self) -> Map:
        self._enter()
        items: dict[str, Any] = {}
        if self._char() == "}":
            return Map(DICT, self._left(items))
        while True:
            self.skip()
            if self._char() != '"':
                raise self.unexpected("looking for beginning of object key string")
            self.at += 1
            key = self._string()
            self.skip()
            if self._char() != ":":
                raise self.unexpected("after object key")
            self.at += 1
            items[key] = self.value()
            self.skip()
            if self._char() == "}":
                return Map(DICT, self._left(items))
            if self._char() != ",":
                raise self.unexpected("after object key:value pair")
            self.at += 1

    def _array(self) -> Slice:
        self._enter()
        items: list[Any] = []
        if self._char() == "]":
            return Slice(LIST, self._left(items))
        while True:
            items.append(self.value())
            self.skip()
            if self._char() == "]":
                return Slice(LIST, self._left(items))
            if self._char() != ",":
                raise self.unexpected("after array element")
            self.at += 1

    def _left(self, items: Any) -> Any:
        self.at += 1
        self._depth -= 1
        return items

    def _string(self) -> str:
        """The rest of a string whose opening quote has been read."""
        pieces: list[str] = []
        while True:
            match = _PLAIN.match(self.source, self.at)
            assert match is not None
            pieces.append(match[0])
            self.at = match.end()
            char = self._char()
            if char == '"':
                self.at += 1
                return to_valid_utf8(
                    "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
                )
            if char != "\\":
                raise self.unexpected("in string literal")
            self.at += 1
            pieces.append(self._escape())

    def _escape(self) -> str:
        char = self._char()
        if char and char in _ESCAPES:
            self.at += 1
            return _ESCAPES[char]
        if char != "u":
            raise self.unexpected("in string escape code")
        self.at += 1
        start = self.at
        for _ in range(4):
            if not self._char() or self._char() not in "0123456789abcdefABCDEF":
                raise self.unexpected("in \\u hexadecimal character escape")
            self.at += 1
        return chr(int(self.source[start : self.at], 16))

    def _digits(self) -> None:
        match = _DIGITS.match(self.source, self.at)
        assert match is not None
        self.at = match.end()

    def _number(self) -> float | None:
        start = self.at
        if self._char() == "-":
            self.at += 1
            if not self._is_digit():
                raise self.unexpected("in numeric literal")
        if self._char() == "0":
            self.at += 1
        else:
            self._digits()
        if self._char() == ".":
            self.at += 1
            if not self._is_digit():
                raise self.unexpected("after decimal point in numeric literal")
            self._digits()
        if self._char() in ("e", "E"):
            self.at += 1
            if self._char() in ("+", "-"):
                self.at += 1
            if not self._is_digit():
                raise self.unexpected("in exponent of numeric literal")
            self._digits()
        text = self.source[start : self.at]
        try:
            return parse_float(text)
        except OutOfRange:
            message = f"json: cannot unmarshal number {text} into Go value of type float64"
            self.out_of_range = self.out_of_range or Fault(message)
            return None

    def _is_digit(self) -> bool:
        return "0" <= self._char() <= "9"
