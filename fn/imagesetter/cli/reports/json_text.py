"""JSON as every command prints it: readable, and nothing in it that a terminal or a CI system's log would obey."""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r"[ -~\n]*")
_LOG_COMMAND = re.compile(r"#(?=#\w*\[)")


def json_text(document: object, *, indent: int | None = 2) -> str:
    """A document as JSON that any encoding of Unicode can hold.

    What is not printable is written as JSON's escape: control characters, what turns the direction of reading, and
    halves of surrogate pairs, as which Python has the bytes of a file's name that is not UTF-8 (PEP 383). So is the
    beginning of ``##[…]`` and ``##vso[…]``, which CI systems obey wherever they stand. A line cannot begin with ``::``.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    if not _PLAIN.fullmatch(text):
        text = "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)
    return _LOG_COMMAND.sub(r"\\u0023", text)
