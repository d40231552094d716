"""Bytes to text and back without losing one: UTF-8 only, the byte order mark kept aside, line ends untouched.

Everything behind this module works on ``str``: libyaml's marks count code points, so a span found by the parser is
a slice of the text, and no table from marks to bytes is needed. The byte order mark is taken off first because libyaml
does not count it while PyYAML's own reader does.
"""

from __future__ import annotations

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


def decode_text(data: bytes, *, name: str = "") -> DecodedText:
    """Read bytes as UTF-8, refusing what is not.

    Args:
        data: the whole file or stream.
        name: how errors call it, for example the path as the user wrote it.

    Raises:
        TextError: a byte sequence that is not UTF-8; *where* is ``name:line:column`` of its first byte.
    """
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
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the file is UTF-16; store it as UTF-8"
    return "store the file as UTF-8"
