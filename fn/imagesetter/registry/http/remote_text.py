"""How text that a stranger wrote may appear in a message: shortened, escaped, and without what is secret in a URL.

Error bodies, ``Warning`` headers, labels and URLs come from registries. A terminal would obey their escape sequences,
a log would keep their secrets; so nothing remote is printed except through the functions here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from krm_functions.messages import harmless

_LONGEST = 200
_LOGIN = re.compile(r"[^\s/,='\"]+@")
_AUTHORIZATION = re.compile(r"(?i)\b(basic|bearer)[\s:]+[!-~]+")


def safe(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, with everything that is not plainly printable escaped, and cut after *longest*."""
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return harmless(text, kept="")


def safe_url(url: str) -> str:
    """A URL of ours without user, password, query and fragment: the parts that carry secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return safe_origin(url)
    return safe(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def safe_origin(url: str) -> str:
    """The scheme and host of a URL that somebody else wrote: of the rest, any part may be a signature."""
    scheme, found, rest = url.partition("://")
    host = re.split(r"[/?#\\]", rest if found else url.removeprefix("//"), maxsplit=1)[0].rpartition("@")[2]
    return safe(f"{scheme}://{host}" if found else host, 100)


def without_login(text: str) -> str:
    """The text with ``***@`` for every user and password before a host: somebody took a URL for a host's name."""
    return _LOGIN.sub("***@", text)


def safe_reason(body: bytes, content_type: str, secrets: Iterable[str] = ()) -> str:
    """What a registry says about its refusal, or "": the messages of ``{"errors": […]}``, or a line of plain text.

    Anything else, such as the page of a proxy or of a single sign-on, is left out. Some servers repeat what they were
    told; *secrets*, and whatever follows ``Basic`` or ``Bearer``, are taken out.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        said = " ".join(body.decode("utf-8", "replace").split())
    elif kind.endswith("json") or body.lstrip()[:1] == b"{":
        said = _messages(body)
    else:
        return ""
    for secret in secrets:
        said = said.replace(secret, "***") if len(secret) > 4 else said
    return safe(_AUTHORIZATION.sub(r"\1 ***", said))


def duration_in_words(seconds: float) -> str:
    """A waiting time in words: "12 s", "5 min", "6 h"; rounded up."""
    whole = math.ceil(seconds)
    if whole <= 120:
        return f"{whole} s"
    return f"{math.ceil(whole / 60)} min" if whole <= 7200 else f"{math.ceil(whole / 3600)} h"


def _messages(body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    entries = errors if isinstance(errors, list) else [document]
    said = [_sentence(entry) for entry in entries[:3] if isinstance(entry, dict)]
    return "; ".join(sentence for sentence in said if sentence)


def _sentence(entry: dict[str, object]) -> str:
    parts = [str(entry[key]) for key in ("code", "message", "error", "details") if isinstance(entry.get(key), str)]
    return ": ".join(part for part in dict.fromkeys(parts) if part)
