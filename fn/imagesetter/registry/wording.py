"""How text that a stranger wrote may appear in a message: shortened, escaped, and without what is secret in a URL.

Error bodies, ``Warning`` headers, labels and URLs come from registries. A terminal would obey their escape sequences,
a log would keep their secrets; so nothing remote is printed except through `safe` and `safe_url`.
"""

from __future__ import annotations

import json
import math
from urllib.parse import urlsplit

_LONGEST = 200


def safe(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, with everything that is not plainly printable escaped, and cut after *longest*."""
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def safe_url(url: str) -> str:
    """The URL without user, password, query and fragment: the parts that carry secrets."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return safe(url.partition("?")[0].rpartition("@")[2])
    return safe(f"{parts.scheme}://{host}{parts.path}" if parts.scheme else f"{host}{parts.path}")


def safe_reason(body: bytes, content_type: str) -> str:
    """What a registry says about its refusal, or "": the messages of ``{"errors": […]}``, or a line of plain text.

    Anything else, such as the page of a proxy or of a single sign-on, is left out.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        return safe(" ".join(body[: 4 * _LONGEST].decode("utf-8", "replace").split()))
    if not (kind.endswith("json") or body.lstrip()[:1] == b"{"):
        return ""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    entries = errors if isinstance(errors, list) else [document]
    said = [_sentence(entry) for entry in entries[:3] if isinstance(entry, dict)]
    return safe("; ".join(sentence for sentence in said if sentence))


def duration(seconds: float) -> str:
    """A waiting time in words: "12 s", "5 min", "6 h"; rounded up."""
    whole = math.ceil(seconds)
    if whole <= 120:
        return f"{whole} s"
    return f"{math.ceil(whole / 60)} min" if whole <= 7200 else f"{math.ceil(whole / 3600)} h"


def _sentence(entry: dict[str, object]) -> str:
    parts = [str(entry[key]) for key in ("code", "message", "error", "details") if isinstance(entry.get(key), str)]
    return ": ".join(part for part in dict.fromkeys(parts) if part)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
