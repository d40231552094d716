"""What a stranger wrote is shown so that neither a terminal nor a reader is misled."""

from __future__ import annotations

import pytest

from krm_functions.messages import harmless, one_line

TEXTS = {
    "plain": ("web 1.4.2 → 1.5.0 ü 名", "web 1.4.2 → 1.5.0 ü 名", "web 1.4.2 → 1.5.0 ü 名"),
    "an escape sequence": ("\x1b[31mred", r"\x1b[31mred", r"\x1b[31mred"),
    "a C1 control": ("\x9b2J", r"\x9b2J", r"\x9b2J"),
    "lines and tabs": ("a\tb\nc", "a\tb\nc", "a b c"),
    "a carriage return": ("safe\revil", r"safe\revil", "safe evil"),
    "another line separator": ("a\u2028b\x85c", r"a\u2028b\x85c", "a b c"),
    "reading from the right": ("\u202e\u2066\u061c", r"\u202e\u2066\u061c", r"\u202e\u2066\u061c"),
    "nothing to see": ("a\u200b\xadb", r"a\u200b\xadb", r"a\u200b\xadb"),
    "no-break space": ("a\xa0b", r"a\xa0b", "a b"),
    "half a pair": ("\udcff", r"\udcff", r"\udcff"),
    "beyond the first plane": ("\U000e0041", r"\U000e0041", r"\U000e0041"),
}


@pytest.mark.parametrize(("text", "shown", "line"), TEXTS.values(), ids=TEXTS)
def test_only_what_is_printable_is_shown_as_it_is(text: str, shown: str, line: str) -> None:
    assert harmless(text) == shown
    assert one_line(text) == line
    assert one_line(text).isprintable()
    assert harmless(text, kept="").isprintable()
