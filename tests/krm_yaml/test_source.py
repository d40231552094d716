"""Bytes become text and the same bytes again; what is not UTF-8 is refused with its place."""

from __future__ import annotations

import pytest

from krm_functions.errors import TextError
from krm_functions.yaml.encoding import DecodedText, decode_text, encode_text, position


@pytest.mark.parametrize(
    "data",
    [b"", b"a: b\n", b"\xef\xbb\xbfa: b\r\n", b"\xef\xbb\xbf", b"a\rb\r\n\n", "né 🚢\x85\u2028".encode()],
    ids=["nothing", "plain", "byte order mark", "nothing but a byte order mark", "mixed line ends", "beyond ASCII"],
)
def test_bytes_come_back(data: bytes) -> None:
    source = decode_text(data)
    assert encode_text(source.text, bom=source.bom) == data
    assert not source.text.startswith("\ufeff")


def test_only_the_first_byte_order_mark_is_taken_off() -> None:
    assert decode_text("\ufeff\ufeffa".encode()) == DecodedText("\ufeffa", bom=True)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"\xff", "x.yaml:1:1"),
        (b"a: b\nc: \xe9\n", "x.yaml:2:4"),
        ("🚢é".encode() + b"\xc3", "x.yaml:1:3"),
        (b"a\r\nb\xed\xa0\x80", "x.yaml:2:2"),
    ],
    ids=["at once", "latin-1", "cut off", "a surrogate"],
)
def test_what_is_not_utf8_is_refused_with_line_and_column(data: bytes, where: str) -> None:
    with pytest.raises(TextError) as caught:
        decode_text(data, name="x.yaml")
    assert caught.value.where == where


def test_utf16_is_named() -> None:
    with pytest.raises(TextError) as caught:
        decode_text("a: b".encode("utf-16"))
    assert "UTF-16" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("ab", 1, (1, 2)),
        ("a\nb", 2, (2, 1)),
        ("a\r\nb", 3, (2, 1)),
        ("a\rb\rc", 4, (3, 1)),
        ("a\x85b\u2028c\u2029d", 6, (4, 1)),
        ("a\x0bb\x0cc", 4, (1, 5)),
        ("🚢🚢x", 2, (1, 3)),
    ],
    ids=["first line", "LF", "CR LF counts once", "CR", "NEL, LS, PS", "VT and FF are no line ends", "code points"],
)
def test_positions_count_lines_as_yaml_does(text: str, index: int, expected: tuple[int, int]) -> None:
    assert position(text, index) == expected
