"""sprig's string functions (sprig v3.3.0 strings.go, goutils v1.1.1 wordutils.go and stringutils.go).

Lengths and positions are bytes, as in Go: ``trunc 1 "é"`` leaves half a character. A cut beyond the text is Go's
run-time error.
"""

from __future__ import annotations

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault
from imagesetter.golang.printf import sprintf
from imagesetter.golang.strings import (
    SPACES,
    cut,
    decode,
    encode,
    is_letter,
    is_lower,
    is_space,
    is_title,
    is_upper,
    length,
    lower,
    quote,
    to_lower,
    to_title,
    to_upper,
    to_valid_utf8,
    upper,
)
from imagesetter.golang.template.functions.types import text_of, texts_of
from imagesetter.golang.values import STRING_MAP, STRINGS, Map, Slice

__all__ = ["lower", "upper"]  # sprig's functions of these names are Go's own


def slice_bytes(text: str, start: int, end: int) -> str:
    """Go's ``text[start:end]`` with its run-time error."""
    size = length(text)
    if not 0 <= end <= size:
        raise Fault(f"runtime error: slice bounds out of range [:{end}]" + (f" with length {size}" if end >= 0 else ""))
    if not 0 <= start <= end:
        raise Fault(f"runtime error: slice bounds out of range [{start}:{end if start >= 0 else ''}]")
    return cut(text, start, end)


# --- cutting


def abbrev(width: int, text: str) -> str:
    """``abbrev 5 "hello world"`` is ``he...``; a width below 4 changes nothing."""
    return text if width < 4 else _abbreviate(text, 0, width)


def abbrevboth(left: int, right: int, text: str) -> str:
    """``abbrevboth 5 10 "1234 5678 9123"`` is ``...5678...``."""
    return text if right < 4 or (left > 0 and right < 7) else _abbreviate(text, left, right)


def _abbreviate(text: str, offset: int, width: int) -> str:
    size = length(text)
    if size <= width:
        return text
    offset = min(offset, size)
    if size - offset < width - 3:
        offset = size - (width - 3)
    if offset <= 4:
        return cut(text, 0, width - 3) + "..."
    if width < 7:
        return ""
    if offset + width - 3 < size:
        return "..." + _abbreviate(cut(text, offset, size), 0, width - 3)
    return "..." + cut(text, size - (width - 3), size)


def trunc(count: int, text: str) -> str:
    """``trunc 5``: the first five bytes; ``trunc -5``: the last five."""
    size = length(text)
    if count < 0 and size + count > 0:
        return cut(text, size + count, size)
    return cut(text, 0, count) if 0 <= count < size else text


def substr(start: int, end: int, text: str) -> str:
    """``substr 0 5``: bytes 0 to 5; a negative end, or one beyond the text, means its end."""
    size = length(text)
    if start < 0:
        return slice_bytes(text, 0, end)
    if end < 0 or end > size:
        if start > size:
            raise Fault(f"runtime error: slice bounds out of range [{start}:{size}]")
        return cut(text, start, size)
    return slice_bytes(text, start, end)


def trim(text: str) -> str:
    """``trim``: without the white space around it."""
    return text.strip(SPACES)


def trim_all(chars: str, text: str) -> str:
    """``trimAll "$"``: without these characters at both ends."""
    return text.strip(chars) if chars else text


def trim_prefix(prefix: str, text: str) -> str:
    """``trimPrefix``."""
    return text.removeprefix(prefix)


def trim_suffix(suffix: str, text: str) -> str:
    """``trimSuffix``."""
    return text.removesuffix(suffix)


def nospace(text: str) -> str:
    """``nospace``: without white space; what is not ASCII is mangled byte by byte, as sprig does."""
    chars = [chr(byte) for byte in encode(text)]
    kept = [char for char in chars if not is_space(char)]
    return text if len(kept) == len(chars) else "".join(kept)


# --- case


def title(text: str) -> str:
    """``title``: a capital at the start of each word."""
    out: list[str] = []
    before = " "
    for char in to_valid_utf8(text):
        out.append(to_title(char) if _is_separator(before) else char)
        before = char
    return "".join(out)


def _is_separator(char: str) -> bool:
    if char < "\x80":
        return not (char.isalnum() or char == "_")
    return not (is_letter(char) or char.isdecimal()) and is_space(char)


def untitle(text: str) -> str:
    """``untitle``: a small letter at the start of each word."""
    out: list[str] = []
    after_space = True
    for char in to_valid_utf8(text):
        if is_space(char):
            after_space = True
        elif after_space:
            char = to_lower(char)
            after_space = False
        out.append(char)
    return "".join(out)


def swapcase(text: str) -> str:
    """``swapcase``: small for capital letters and the other way round; title case after white space."""
    out: list[str] = []
    after_space = True
    for char in to_valid_utf8(text):
        if is_upper(char) or is_title(char):
            out.append(to_lower(char))
            after_space = False
        elif is_lower(char):
            out.append(to_title(char) if after_space else to_upper(char))
            after_space = False
        else:
            out.append(char)
            after_space = is_space(char)
    return "".join(out)


def initials(text: str) -> str:
    """``initials``: the first letter of each word; bytes, as sprig does."""
    out: list[str] = []
    gap = True
    for byte in encode(text):
        if is_space(chr(byte)):
            gap = True
        elif gap:
            out.append(chr(byte))
            gap = False
    return "".join(out)


# --- filling


def repeat(budget: Budget, count: int, text: str) -> str:
    """``repeat 3``."""
    if count < 0:
        raise Fault("strings: negative Repeat count")
    budget.size(count * length(text))
    return text * count if text else ""


def indent(budget: Budget, spaces: int, text: str) -> str:
    """``indent 4``: blanks in front of every line."""
    pad = repeat(budget, spaces, " ")
    budget.size(length(text) + (text.count("\n") + 1) * spaces)
    return pad + text.replace("\n", "\n" + pad)


def nindent(budget: Budget, spaces: int, text: str) -> str:
    """``nindent 4``: a new line, then `indent`."""
    return "\n" + indent(budget, spaces, text)


def replace(budget: Budget, old: str, new: str, text: str) -> str:
    """``replace "-" "_"``; an empty old text is found around every character."""
    count = text.count(old)
    budget.size(length(text) + count * max(0, length(new) - length(old)))
    return text.replace(old, new)


def wrap(budget: Budget, width: int, text: str) -> str:
    """``wrap 80``: lines broken at blanks; longer words stay whole."""
    return _wrap(budget, text, width, "\n", long_words=False)


def wrap_with(budget: Budget, width: int, newline: str, text: str) -> str:
    """``wrapWith 5 "\\t"``: lines joined by something else; longer words are cut."""
    return _wrap(budget, text, width, newline or "\n", long_words=True)


def _wrap(budget: Budget, text: str, width: int, newline: str, *, long_words: bool) -> str:
    data, out, offset = encode(text), [], 0
    width = max(width, 1)
    made = 0
    while len(data) - offset > width:
        if data[offset : offset + 1] == b" ":
            offset += 1
            continue
        end = offset + width + 1
        space = data.rfind(b" ", offset, end)
        if space < 0 and long_words:
            space = next_offset = offset + width
        else:
            if space < 0:
                space = data.find(b" ", offset + width)
            if space < 0:
                break
            next_offset = space + 1
        out += [data[offset:space], encode(newline)]
        made += space - offset + len(newline)
        budget.step()
        budget.size(made)
        made = 0
        offset = next_offset
    return decode(b"".join(out) + data[offset:])


# --- questions


def contains(part: str, text: str) -> bool:
    """``contains``."""
    return part in text


def has_prefix(prefix: str, text: str) -> bool:
    """``hasPrefix``."""
    return text.startswith(prefix)


def has_suffix(suffix: str, text: str) -> bool:
    """``hasSuffix``."""
    return text.endswith(suffix)


def plural(one: str, many: str, count: int) -> str:
    """``plural "image" "images" 2``."""
    return one if count == 1 else many


# --- joining and splitting


def quote_(budget: Budget, *values: object) -> str:
    """``quote``: each value in double quotes, nil left out."""
    return " ".join(quote(text_of(budget, value)) for value in values if value is not None)


def squote(budget: Budget, *values: object) -> str:
    """``squote``: each value in single quotes, nil left out; nothing is escaped."""
    return " ".join(f"'{text_of(budget, value)}'" for value in values if value is not None)


def cat(budget: Budget, *values: object) -> str:
    """``cat``: the values with blanks between them, nil left out."""
    values = tuple(value for value in values if value is not None)
    return sprintf(budget, ("%v " * len(values)).strip(), *values)


def join(budget: Budget, separator: str, values: object) -> str:
    """``join ", "``."""
    texts = texts_of(budget, values)
    budget.size(sum(map(length, texts)) + length(separator) * len(texts))
    return separator.join(texts)


def split_text(text: str, separator: str, limit: int = -1) -> list[str]:
    """Go's ``strings.SplitN``: an empty separator splits into characters."""
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    if limit < 0 or limit > len(text):
        return list(text)
    return [*text[: limit - 1], text[limit - 1 :]]


def _numbered(parts: list[str]) -> Map:
    return Map(STRING_MAP, {f"_{index}": part for index, part in enumerate(parts)})


def split(separator: str, text: str) -> Map:
    """``split ","``: a map with the keys ``_0``, ``_1`` and so on."""
    return _numbered(split_text(text, separator))


def splitn(separator: str, limit: int, text: str) -> Map:
    """``splitn "," 2``: no more than that many parts."""
    return _numbered(split_text(text, separator, limit))


def split_list(separator: str, text: str) -> Slice:
    """``splitList ","``."""
    return Slice(STRINGS, split_text(text, separator))


def sort_alpha(budget: Budget, values: object) -> Slice:
    """``sortAlpha``: by bytes. A list of strings is sorted where it is, as sprig does."""
    if not isinstance(values, Slice):
        return Slice(STRINGS, [text_of(budget, values)])
    texts = texts_of(budget, values)
    budget.charge(sum(map(length, texts)))
    texts.sort(key=encode)
    return Slice(STRINGS, texts)


def hello() -> str:
    """``hello``, sprig's own test."""
    return "Hello!"
