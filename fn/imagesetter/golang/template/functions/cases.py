"""sprig's ``camelcase``, ``snakecase`` and ``kebabcase`` (github.com/huandu/xstrings v1.5.0 convert.go).

Words are runs of one class: numbers, capitals, letters, connectors (``-``, ``_``, white space), punctuation, others.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from imagesetter.golang.budget import Budget
from imagesetter.golang.strings import (
    is_letter,
    is_number,
    is_punctuation,
    is_space,
    is_upper,
    to_lower,
    to_upper,
    to_valid_utf8,
)

_Class = Literal["", "number", "upper", "letters", "connector", "punctuation", "other"]


class _Word(NamedTuple):
    kind: _Class
    text: str


_NOTHING = _Word("", "")


def camelcase(budget: Budget, text: str) -> str:
    """``camelcase "http_server"`` is ``HttpServer``; connectors at the ends, and doubled ones, stay.

    Of connectors alone the last one is doubled, as xstrings does.
    """
    budget.step(len(text) >> 2)
    text = to_valid_utf8(text)
    start = next((index for index, char in enumerate(text) if not _is_connector(char)), len(text))
    if start == len(text):
        return text + text[-1:]
    out = [text[:start]]
    shouting = is_upper(text[start])
    before = to_upper(text[start])
    for char in text[start + 1 :]:
        if _is_connector(char) and _is_connector(before):
            out.append(before)
            before = char
            continue
        if _is_connector(before):
            shouting = is_upper(char)
            char = to_upper(char)
        else:
            if shouting and is_upper(char):
                char = to_lower(char)
            else:
                shouting = False
            out.append(before)
        before = char
    out.append(before)
    return "".join(out)


def snakecase(budget: Budget, text: str) -> str:
    """``snakecase "FirstName"`` is ``first_name``."""
    return _connected(budget, text, "_")


def kebabcase(budget: Budget, text: str) -> str:
    """``kebabcase "FirstName"`` is ``first-name``."""
    return _connected(budget, text, "-")


def _is_connector(char: str) -> bool:
    return char in "-_" or is_space(char)


def _is_letter(char: str) -> bool:
    """A letter, unless it is a Han ideograph."""
    return is_letter(char) and not ("\u3400" <= char <= "\u4d85" or "\u4e00" <= char <= "\u9fcc" or _is_rare_han(char))


def _is_rare_han(char: str) -> bool:
    return "\U00020000" <= char <= "\U0002b81d"


def _classify(char: str) -> _Class:
    if _is_connector(char):
        return "connector"
    if is_punctuation(char):
        return "punctuation"
    if is_upper(char):
        return "upper"
    if _is_letter(char):
        return "letters"
    return "number" if is_number(char) else "other"


def _is_other(char: str) -> bool:
    return _classify(char) == "other"


_BELONGS: Mapping[str, Callable[[str], bool]] = {
    "connector": _is_connector,
    "punctuation": is_punctuation,
    "number": is_number,
}


def _words(text: str) -> Iterator[_Word]:
    """The words of a text; ``HTTPServer`` is ``HTTP`` and ``Server``, a capital begins a word of small letters."""
    start = 0
    while start < len(text):
        kind = _classify(text[start])
        end = start + 1
        if kind == "upper":
            if end < len(text) and is_upper(text[end]):
                while end < len(text) and is_upper(text[end]):
                    end += 1
                if end < len(text) and _is_letter(text[end]):
                    end -= 1
            else:
                end = _end_of_small(text, end)
        elif kind == "letters":
            end = _end_of_small(text, end)
        else:
            # A connector that is punctuation as well, such as "-", does not end a word of punctuation.
            belongs = _BELONGS.get(kind, _is_other)
            while end < len(text) and belongs(text[end]):
                end += 1
        yield _Word(kind, text[start:end])
        start = end


def _end_of_small(text: str, end: int) -> int:
    while end < len(text) and _is_small(text[end]):
        end += 1
    return end


@lru_cache(maxsize=4096)  # a text has few different letters
def _is_small(char: str) -> bool:
    return _is_letter(char) and not is_upper(char)


def _connected(budget: Budget, text: str, connector: str) -> str:
    """Small words with connectors between them; a number belongs to the word before it, if one follows."""
    budget.step(len(text) >> 2)
    words = _words(to_valid_utf8(text))
    out: list[str] = []

    def put(word: _Word) -> None:
        if word.kind not in ("upper", "connector"):
            out.append(word.text)
            return
        for char in word.text:
            out.append(connector if _is_connector(char) else to_lower(char) if is_upper(char) else char)

    def following() -> _Word:
        return next(words, _NOTHING)

    word = following()
    upcoming = following()
    while upcoming.kind:
        if word.kind != "connector":
            put(word)
        previous, word = word, upcoming
        if previous.kind == "number":
            while word.kind in ("letters", "number"):
                put(word)
                word = following()
            if word.kind not in ("", "punctuation", "connector"):
                out.append(connector)
        elif previous.kind == "connector":
            put(previous)
        elif previous.kind != "punctuation":
            if word.kind != "number":
                if word.kind not in ("connector", "punctuation"):
                    out.append(connector)
            else:
                after = following()
                if after.kind:
                    number, word = word, after
                    if word.kind != "letters":
                        put(number)
                        if word.kind not in ("connector", "punctuation"):
                            out.append(connector)
                    else:
                        out.append(connector)
                        put(number)
                        while word.kind in ("letters", "number"):
                            put(word)
                            word = following()
                        if word.kind not in ("", "connector", "punctuation"):
                            out.append(connector)
        upcoming = following() if word.kind else _NOTHING
    put(word)
    return "".join(out)
