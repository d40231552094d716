"""Go's strings are bytes, and quoted text reads back as itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from imagesetter.golang.strconv import unquote
from imagesetter.golang.strings import decode, encode, quote

quick = settings(max_examples=150)


@quick
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_text_reads_back_as_itself(text: str) -> None:
    assert unquote(quote(text)) == text
    assert unquote(quote(text, ascii_only=True)) == text


@quick
@given(st.binary())
def test_bytes_survive_as_text(data: bytes) -> None:
    assert encode(decode(data)) == data
    assert encode(unquote(quote(decode(data)))) == data
