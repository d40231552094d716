"""JSON as every command prints it."""

from __future__ import annotations

import json
import re

_LONE = re.compile("[\ud800-\udfff]")


def json_text(document: object, *, indent: int | None = 2) -> str:
    """A document as JSON that any encoding of Unicode can hold.

    A byte of a file's name that is not UTF-8 is half a surrogate pair in Python (PEP 383), and is escaped here.
    """
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _LONE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
