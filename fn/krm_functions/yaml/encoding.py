"""Bytes to text and back without losing one: UTF-8 only, the byte order mark kept aside, line ends untouched.

Everything behind this module works on ``str``: libyaml's marks count code points, so a span found by the parser is
a slice of the text, and no table from marks to bytes is needed. The byte order mark is taken off first because libyaml
does not count it while PyYAML's own reader does.
"""

from collections.abc import Iterable
from io import BytesIO
from typing import NamedTuple

from krm_functions.errors import TextError
from krm_functions.yaml.comments import breaks_between, line_start

_BOM = "\ufeff"


class DecodedText(NamedTuple):
    """One file or stream as text; ``encode(source.text, bom=source.bom)`` gives its bytes back exactly."""

    text: str
    """The decoded text without a leading byte order mark; CR, LF and every other line end as they were."""
    bom: bool
    """Whether the bytes began with a byte order mark."""


_MARKS = {
    b"\xff\xfe\0\0": "utf-32-le",
    b"\0\0\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_NULS: dict[tuple[bool, ...], str] = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}


def wide_encoding(data: bytes) -> str:
    """``utf-16-le`` and the like where a text is stored so, marked or not (YAML 5.2); else empty."""
    if data[:1] not in (b"\xff", b"\xfe", b"\0") and data[1:2] != b"\0":
        return ""
    found = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    return found or _NULS.get(tuple(byte == 0 for byte in data[:4]), "")


def mentions(data: bytes, *words: str) -> bool:
    """Whether one of some ASCII words is in a text, however that is stored."""
    if any(word.encode() in data for word in words):
        return True
    wide = wide_encoding(data)
    return bool(wide) and any(word.encode(wide) in data for word in words)


def decode_text(data: bytes, *, name: str = "") -> DecodedText:
    """Read bytes as UTF-8, refusing what is not.

    Args:
        data: the whole file or stream.
        name: how errors call it, for example the path as the user wrote it.

    Raises:
        TextError: a byte sequence that is not UTF-8; *where* is ``name:line:column`` of its first byte.
    """
    wide = wide_encoding(data)
    if wide and data[0] < 0xF0:  # without a byte order mark, some of it would be UTF-8
        what = f"the file is {wide[:6].upper()}"
        raise TextError(what, where=f"{name}:1:1" if name else "1:1", hint="store it as UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as err:
        before = data[: err.start].decode("utf-8", "replace")
        line, column = position(before, len(before))
        raise TextError(
            f"byte 0x{data[err.start]:02x} at offset {err.start} is not UTF-8",
            where=f"{name}:{line}:{column}" if name else f"{line}:{column}",
            hint=_hint(data),
        ) from err
    if text.startswith(_BOM):
        return DecodedText(text[1:], bom=True)
    return DecodedText(text, bom=False)


def encode_text(text: str, *, bom: bool) -> bytes:
    """The bytes of an edited text; the byte order mark comes back if there was one."""
    return encode_parts([text], bom=bom)


def encode_parts(parts: Iterable[str], *, bom: bool) -> bytes:
    """The bytes of a text in parts; joined, one character beyond Latin-1 would take twice the memory for all of it."""
    data = BytesIO()
    if bom:
        data.write(_BOM.encode("utf-8"))
    data.writelines(part.encode("utf-8") for part in parts)
    return data.getvalue()


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column, both from 1, of a code point offset; a line ends as in YAML 1.1: LF, CR, CRLF, NEL, LS or PS."""
    begin = line_start(text, index)
    return breaks_between(text, 0, begin) + 1, index - begin + 1


def _hint(data: bytes) -> str:
    if wide := wide_encoding(data):
        return f"the file is {wide[:6].upper()}; store it as UTF-8"
    return "store the file as UTF-8"
