"""sprig's encodings and checksums (sprig v3.3.0 strings.go, defaults.go, crypto.go; Go 1.26 ``encoding/json``).

Checksums are of the text's bytes, in hexadecimal; ``adler32sum`` is a decimal number.
"""

from __future__ import annotations

import math
import re
import zlib
from base64 import b32decode, b32encode, b64decode, b64encode
from typing import Any, Final

from imagesetter.golang.budget import Budget
from imagesetter.golang.errors import Fault
from imagesetter.golang.float_format import format_float
from imagesetter.golang.json_decode import decode_json
from imagesetter.golang.strings import decode, encode
from imagesetter.golang.values import Map, Slice, Type, type_of

_B64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_B32: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAD: Final = ord("=")
_MUST_ESCAPE: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029]')
_ESCAPE_HTML: Final = re.compile('[\x00-\x1f"\\\\\u2028\u2029<>&]')
_SHORT: Final = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


# --- checksums


def sha1sum(text: str) -> str:
    """``sha1sum``."""
    return _digest("sha1", text)


def sha256sum(text: str) -> str:
    """``sha256sum``."""
    return _digest("sha256", text)


def sha512sum(text: str) -> str:
    """``sha512sum``."""
    return _digest("sha512", text)


def adler32sum(text: str) -> str:
    """``adler32sum``."""
    return str(zlib.adler32(encode(text)))


def _digest(name: str, text: str) -> str:
    from hashlib import new

    return new(name, encode(text), usedforsecurity=False).hexdigest()


# --- base64 and base32


def b64enc(text: str) -> str:
    """``b64enc``."""
    return b64encode(encode(text)).decode("ascii")


def b32enc(text: str) -> str:
    """``b32enc``."""
    return b32encode(encode(text)).decode("ascii")


def b64dec(text: str) -> str:
    """``b64dec``: the error's text where the text is no base64, as sprig does."""
    data, kept = encode(text), bytearray()
    for at, byte in enumerate(data):
        if byte in b"\r\n":
            continue
        if byte == _PAD:
            wrong = _bad_base64_padding(data, at, len(kept) % 4)
            if wrong is not None:
                return f"illegal base64 data at input byte {wrong}"
            return decode(b64decode(kept + b"=="))
        if byte not in _B64:
            return f"illegal base64 data at input byte {at}"
        kept.append(byte)
    missing = len(kept) % 4
    return f"illegal base64 data at input byte {len(data) - missing}" if missing else decode(b64decode(kept))


def _bad_base64_padding(data: bytes, at: int, group: int) -> int | None:
    """Where Go notices that the padding from *at* on, behind so many characters of the last group, is bad."""
    if group < 2:
        return at
    at += 1
    if group == 2:
        at = _skip_line_ends(data, at)
        if at == len(data):
            return at
        if data[at] != _PAD:
            return at - 1
        at += 1
    at = _skip_line_ends(data, at)
    return at if at < len(data) else None


def _skip_line_ends(data: bytes, at: int) -> int:
    while at < len(data) and data[at] in b"\r\n":
        at += 1
    return at


def b32dec(text: str) -> str:
    """``b32dec``: the error's text where the text is no base32."""
    data, kept = encode(text).translate(None, b"\r\n"), bytearray()
    for at, byte in enumerate(data):
        group, rest = len(kept) % 8, len(data) - at - 1
        if byte == _PAD and group >= 2 and rest < 8:
            wrong = _bad_base32_padding(data, at, group, rest)
            if wrong is not None:
                return f"illegal base32 data at input byte {wrong}"
            return decode(b32decode(kept + b"=" * (8 - group)))
        if byte not in _B32:
            return f"illegal base32 data at input byte {at}"
        kept.append(byte)
    missing = len(kept) % 8
    return f"illegal base32 data at input byte {len(data) - missing}" if missing else decode(b32decode(kept))


def _bad_base32_padding(data: bytes, at: int, group: int, rest: int) -> int | None:
    if rest + group < 7:
        return len(data)
    for offset, byte in enumerate(data[at + 1 : at + 8 - group]):
        if byte != _PAD:
            return at + offset
    return at if group in (3, 6) else None


# --- JSON


def to_json(budget: Budget, value: object) -> str:
    """``toJson``: nothing for a value that JSON cannot hold."""
    return _or_nothing(budget, value, "")


def must_to_json(budget: Budget, value: object) -> str:
    """``mustToJson``."""
    return _Encoder(budget, "", html=True).text(value)


def to_pretty_json(budget: Budget, value: object) -> str:
    """``toPrettyJson``: indented by two blanks."""
    return _or_nothing(budget, value, "  ")


def must_to_pretty_json(budget: Budget, value: object) -> str:
    """``mustToPrettyJson``."""
    return _Encoder(budget, "  ", html=True).text(value)


def to_raw_json(budget: Budget, value: object) -> str:
    """``toRawJson``: ``<``, ``>`` and ``&`` as they are."""
    return _Encoder(budget, "", html=False).text(value)


def from_json(budget: Budget, text: str) -> object:
    """``fromJson``: nil for what is no JSON."""
    try:
        return decode_json(budget, text)[0]
    except Fault:
        return None


def must_from_json(budget: Budget, text: str) -> object:
    """``mustFromJson``."""
    value, fault = decode_json(budget, text)
    if fault is not None:
        raise fault
    return value


def _or_nothing(budget: Budget, value: object, indent: str) -> str:
    try:
        return _Encoder(budget, indent, html=True).text(value)
    except Fault:
        return ""


class _Encoder:
    """Go's ``json.Marshal``: keys sorted, struct fields in order, no blanks unless indented."""

    def __init__(self, budget: Budget, indent: str, *, html: bool) -> None:
        self._budget = budget
        self._indent = indent
        self._pattern = _ESCAPE_HTML if html else _MUST_ESCAPE

    def text(self, value: object) -> str:
        return self._value(value, "\n" if self._indent else "")

    def _value(self, value: Any, newline: str) -> str:
        self._budget.step()
        if value is None:
            return "null"
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(int(value))
        if isinstance(value, float):
            return _number(value)
        if isinstance(value, complex):
            raise Fault("json: unsupported type: complex128")
        inner = newline + self._indent
        if isinstance(value, Slice):
            if value.nil:
                return "null"
            return self._joined("[", [self._value(item, inner) for item in value.items], "]", newline)
        if isinstance(value, Map):
            return self._map(value, newline)
        return self._object(value, newline)

    def _map(self, value: Map, newline: str) -> str:
        key_type = value.go_type.key
        if key_type is None or key_type.kind != "string":
            raise Fault(f"json: unsupported type: {value.go_type.name}")
        return "null" if value.nil else self._members(value.sorted(), newline)

    def _object(self, value: object, newline: str) -> str:
        type_ = type_of(value)
        as_text = getattr(value, "json_text", None)
        if isinstance(as_text, str):
            return self._string(as_text)
        if type_.kind == "ptr":
            raise Fault(f"json: unsupported type: {type_.name}")
        return self._members(list(_members(value, type_)), newline)

    def _members(self, members: list[tuple[Any, Any]], newline: str) -> str:
        colon = ": " if self._indent else ":"
        inner = newline + self._indent
        parts = [f"{self._string(key)}{colon}{self._value(item, inner)}" for key, item in members]
        return self._joined("{", parts, "}", newline)

    def _joined(self, opening: str, parts: list[str], closing: str, newline: str) -> str:
        inner = newline + self._indent
        self._budget.size(sum(map(len, parts)) + len(parts) * (1 + len(inner)))
        if not parts:
            return opening + closing
        return f"{opening}{inner}{f',{inner}'.join(parts)}{newline}{closing}"

    def _string(self, text: str) -> str:
        self._budget.size(len(text))
        if not text.isascii():
            text = "".join("\\ufffd" if "\ud800" <= char <= "\udfff" else self._escaped(char) for char in text)
            return f'"{text}"'
        return f'"{self._escaped(text)}"'

    def _escaped(self, text: str) -> str:
        return self._pattern.sub(lambda match: _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}", text)


def _members(value: object, type_: Type) -> list[tuple[str, object]]:
    """The fields of a struct under their JSON names; embedded structs are lifted up."""
    members: list[tuple[str, object]] = []
    for field in type_.fields:
        item = getattr(value, field.attribute)
        if field.name in type_.inlined:
            members += _members(item, field.type)
        elif field.exported and not (field.omit_empty and item == ""):
            members.append((field.json or field.name, item))
    return members


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise Fault(f"json: unsupported value: {format_float(value, 'g', -1)}")
    if value and not 1e-6 <= abs(value) < 1e21:
        text = format_float(value, "e", -1)
        # Go writes e-09 as e-9.
        return re.sub(r"e-0(\d)$", r"e-\1", text)
    return format_float(value, "f", -1)
