"""Go's strings in Python: bytes that are usually UTF-8.

A Go string is a sequence of bytes; functions such as ``trunc`` cut it anywhere. Here it is a ``str`` in which a byte
that is not part of valid UTF-8 is held as a lone surrogate (PEP 383, ``surrogateescape``). Code points that only a
Python or YAML escape can smuggle in (``\\ud800``) are replaced on entry by `sanitize`.
"""

from __future__ import annotations

import re

_SURROGATES = "[\ud800-\udfff]"
_SMUGGLED = "[\ud800-\udc7f\udd00-\udfff]"
SPACES = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go's ``unicode.IsSpace`` accepts."""
_ESCAPES = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v"}


def encode(text: str) -> bytes:
    """The bytes of a Go string."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """The Go string of some bytes."""
    return data.decode("utf-8", "surrogateescape")


def length(text: str) -> int:
    """Go's ``len``: bytes."""
    return len(text) if text.isascii() else len(encode(text))


def cut(text: str, start: int, end: int) -> str:
    """Go's ``text[start:end]``, by bytes; the bounds are known to be good."""
    return text[start:end] if text.isascii() else decode(encode(text)[start:end])


def sanitize(text: str) -> str:
    """Replace by U+FFFD whatever UTF-8 cannot hold; halves of a character that met again are one first.

    Go writes broken bytes as they are; a commit message of ours is always valid UTF-8.
    """
    if not re.search(_SURROGATES, text):
        return text
    return to_valid_utf8(join_bytes(re.sub(_SMUGGLED, "\ufffd", text)))


def join_bytes(text: str) -> str:
    """Make characters of neighbouring bytes that form one, as Go's concatenation does by nature."""
    return text if text.isascii() or not re.search(_SURROGATES, text) else decode(encode(text))


def is_broken(char: str) -> bool:
    """Whether the character stands for a byte that is not UTF-8 (Go's ``RuneError``)."""
    return "\ud800" <= char <= "\udfff"


def is_space(char: str) -> bool:
    """Go's ``unicode.IsSpace``."""
    return char in SPACES


def is_letter(char: str) -> bool:
    """Go's ``unicode.IsLetter``."""
    return char.isalpha()


def _category(char: str) -> str:
    from unicodedata import category

    return category(char)


def is_number(char: str) -> bool:
    """Go's ``unicode.IsNumber``: categories Nd, Nl and No."""
    return _category(char)[0] == "N"


def is_punctuation(char: str) -> bool:
    """Go's ``unicode.IsPunct``: category P."""
    return _category(char)[0] == "P"


def is_upper(char: str) -> bool:
    """Go's ``unicode.IsUpper``: category Lu."""
    return _category(char) == "Lu"


def is_title(char: str) -> bool:
    """Go's ``unicode.IsTitle``: category Lt."""
    return _category(char) == "Lt"


def is_lower(char: str) -> bool:
    """Go's ``unicode.IsLower``: category Ll."""
    return _category(char) == "Ll"


def to_upper(char: str) -> str:
    """Upper case of one character by another one (Go knows no ``ß`` → ``SS``)."""
    upper = char.upper()
    return upper if len(upper) == 1 else to_title(char)


def to_title(char: str) -> str:
    """Title case of one character by another one."""
    title = char.title()
    return title if len(title) == 1 else char


def to_lower(char: str) -> str:
    """Lower case of one character by another one."""
    return "i" if char == "\u0130" else char.lower()


def upper(text: str) -> str:
    """Go's ``strings.ToUpper``."""
    return text.upper() if text.isascii() else "".join(map(to_upper, to_valid_utf8(text)))


def lower(text: str) -> str:
    """Go's ``strings.ToLower``."""
    return text.lower() if text.isascii() else "".join(map(to_lower, to_valid_utf8(text)))


def to_valid_utf8(text: str) -> str:
    """Replace broken bytes by U+FFFD, as Go functions do that walk over runes and write runes."""
    return re.sub(_SURROGATES, "\ufffd", text)


def quote(text: str, *, ascii_only: bool = False) -> str:
    """Go's ``strconv.Quote`` (and ``QuoteToASCII``)."""
    return '"' + "".join([_escape(char, '"', ascii_only) for char in text]) + '"'


def quote_bytes(text: str) -> str:
    """The text in quotes as package ``time`` writes it: whatever is not plain ASCII as ``\\xNN``."""
    return '"' + "".join(f"\\{chr(byte)}" if byte in b'"\\\\' else _byte(byte) for byte in encode(text)) + '"'


def _byte(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x80 else f"\\x{byte:02x}"


def quote_rune(code: int, *, ascii_only: bool = False) -> str:
    """Go's ``strconv.QuoteRune``; what is not a Unicode character is U+FFFD."""
    return "'" + _escape(rune(code), "'", ascii_only) + "'"


def rune(code: int) -> str:
    """The character with this number, or U+FFFD."""
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return chr(code)


def _escape(char: str, delimiter: str, ascii_only: bool) -> str:
    if char in (delimiter, "\\"):
        return "\\" + char
    if " " <= char <= "~":
        return char
    code = ord(char)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if not ascii_only and char.isprintable():
        return char
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def name_of(char: str) -> str:
    """Go's ``%#U``: ``U+00E9 'é'``."""
    code = 0xFFFD if is_broken(char) else ord(char)
    shown = f" '{chr(code)}'" if chr(code).isprintable() else ""
    return f"U+{code:04X}{shown}"
