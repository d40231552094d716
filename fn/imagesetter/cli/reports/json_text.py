"""JSON as every command prints it: readable, and without text that a terminal or a CI system would execute."""

from __future__ import annotations

import json
import re

_PLAIN = r"[ -~\n]*"
_LOG_COMMAND = r"#(?=#\w*\[)"


def json_text(document: object, *, indent: int | None = 2) -> str:
    """A document as JSON that can be written in every Unicode encoding.

    Unprintable characters are escaped: control characters, characters that change the text direction, and lone
    surrogates, which are Python's form of file names that are not UTF-8 (PEP 383). The start of ``##[…]`` and
    ``##vso[…]`` is escaped, too: CI systems execute them anywhere in a line. A line cannot begin with ``::``.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    if not re.fullmatch(_PLAIN, text):
        text = "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)
    return re.sub(_LOG_COMMAND, r"\\u0023", text)
