"""What a server sent or a stranger wrote, as it may appear in a message: short, printable and without secrets.

Error bodies, ``Warning`` headers, labels and URLs come from registries. A terminal would obey their escape sequences,
and a log would keep their secrets; so nothing remote is printed except through the functions here.

`Redaction` remembers every login and token that is sent for the current operation and removes it from everything that
leaves the client: errors, warnings, labels, events, and so the cache, since some servers repeat what they were sent. A
secret is recognised as it is, percent-encoded, escaped as in JSON or HTML, in base64 at any offset, and where a message
was cut in the middle of it.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

from krm_functions.errors import ReportedError
from krm_functions.messages import harmless
from krm_functions.redaction import HIDDEN

_LONGEST = 200
_AUTHORIZATION = re.compile(r"(?i)\b(basic|bearer)[\s:]+[!-~]+")
_SHORTEST = 3
"""Shorter secrets are not looked for: every text holds them."""
_ALONE = 5
"""Shorter ones are taken out only where they stand alone."""
_LONGEST_SECRET = 48
"""Characters of a token by which it is recognised; what follows them in one word goes with them."""
_CUT = "…"


def printable(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, with everything that is not plainly printable escaped, and cut after *longest*."""
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return harmless(text, kept="")


def redacted_url(url: str) -> str:
    """A URL of ours without user, password, query and fragment: the parts that carry secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return redacted_origin(url)
    return printable(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def redacted_origin(url: str) -> str:
    """The scheme and host of a URL that somebody else wrote: of the rest, any part may be a signature."""
    scheme, found, rest = url.partition("://")
    host = re.split(r"[/?#\\]", rest if found else url.removeprefix("//"), maxsplit=1)[0].rpartition("@")[2]
    return printable(f"{scheme}://{host}" if found else host, 100)


def error_reason(body: bytes, content_type: str, secrets: Iterable[str] = ()) -> str:
    """The reason that a registry gives in an error response: the messages of ``{"errors": […]}``, or plain text.

    "" for anything else, such as the web page of a proxy or a single sign-on. *secrets*, and whatever follows ``Basic``
    or ``Bearer``, are removed.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "text/plain":
        reason = " ".join(body.decode("utf-8", "replace").split())
    elif kind.endswith("json") or body.lstrip()[:1] == b"{":
        reason = _messages(body)
    else:
        return ""
    for secret in secrets:
        reason = reason.replace(secret, "***") if len(secret) > 4 else reason
    return printable(_AUTHORIZATION.sub(r"\1 ***", reason))


def _messages(body: bytes) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    error = document.get("error")
    entries = errors if isinstance(errors, list) else [errors or (error if isinstance(error, dict) else document)]
    sentences = [entry if isinstance(entry, str) else _sentence(entry) for entry in entries[:3]]
    return "; ".join(filter(None, sentences))


_WORDS = ("code", "message", "Message", "error", "error_description", "title", "details", "detail")
"""Members of an error as registries, clouds, OAuth 2 (RFC 6749) and proxies (RFC 9457) name them."""


def _sentence(entry: object) -> str:
    if not isinstance(entry, dict):
        return ""
    parts = [str(entry[key]) for key in _WORDS if isinstance(entry.get(key), str)]
    return ": ".join(part for part in dict.fromkeys(parts) if part)


class Redaction:
    """The secrets that each thread has sent for its current operation."""

    def __init__(self) -> None:
        self._local = threading.local()

    def begin(self) -> None:
        """Begin an operation: nothing has been sent yet."""
        self._local.secrets = {}

    def learn(self, authorization: str = "", form: str = "") -> None:
        """Remember what a request carries.

        Args:
            authorization: the value of an ``Authorization`` or ``Proxy-Authorization`` header.
            form: the body of a token request.
        """
        scheme, _, value = authorization.partition(" ")
        self._add(value)
        if scheme.lower() == "basic":
            try:
                login = base64.b64decode(value).decode()
            except ValueError:
                login = ""
            self._add(login)
            self._add(login.partition(":")[2])
        for name in ("refresh_token", "access_token", "password"):
            for secret in parse_qs(form).get(name, []):
                self._add(secret)

    def _add(self, secret: str) -> None:
        if len(secret) >= _SHORTEST:
            secrets: dict[str, re.Pattern[str]] = self._secrets()
            if secret not in secrets:
                secrets[secret] = _pattern(secret)

    def _secrets(self) -> dict[str, re.Pattern[str]]:
        if not hasattr(self._local, "secrets"):
            self.begin()
        found: dict[str, re.Pattern[str]] = self._local.secrets
        return found

    def text(self, text: str) -> str:
        """The text without any of the secrets."""
        for secret, pattern in self._secrets().items():
            text = pattern.sub(HIDDEN, text)
            if _CUT in text:
                text = _without_beginning(text, secret)
        return text

    def error(self, error: ReportedError) -> None:
        """Take the secrets out of an error; its causes go where they might hold one."""
        parts = error.what, error.where, error.hint
        shown = tuple(self.text(part) for part in parts)
        if self._secrets():
            error.__cause__ = None
            error.__suppress_context__ = True
        if shown != parts:
            error.what, error.where, error.hint = shown
            error.args = (error.what,)


def _pattern(secret: str) -> re.Pattern[str]:
    whole = len(secret) <= _LONGEST_SECRET
    spelled = "".join(map(_character, secret[:_LONGEST_SECRET])) + ("" if whole else "[!-~]*")
    if len(secret) < _ALONE:
        spelled = rf"(?<![A-Za-z0-9]){spelled}(?![A-Za-z0-9])"
    packed = "|".join(map(re.escape, _packed(secret[: 2 * _LONGEST_SECRET])))
    return re.compile(f"{spelled}|(?:{packed})[A-Za-z0-9+/_-]*=*" if packed else spelled)


def _character(character: str) -> str:
    """A pattern for one character, however it is escaped."""
    number = ord(character)
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "replace"))
    escaped = [percent, rf"\\u{number:04x}", rf"\\x{number:02x}", f"&#x0*{number:x};", f"&#0*{number};"]
    named = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", " ": r"\+"}.get(character)
    forms = [rf"\\?{re.escape(character)}", *(f"(?i:{form})" for form in escaped), *([named] if named else [])]
    return f"(?:{'|'.join(forms)})"


def _packed(secret: str) -> list[str]:
    """The letters in base64 that stand for a secret alone, whatever is before it."""
    data = secret.encode("utf-8", "replace")
    found = []
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        letters = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")[skipped:]
        core = letters[:-1] if (len(data) + offset) % 3 else letters
        if len(core) > _ALONE:
            found += [core, core.replace("+", "-").replace("/", "_")]
    return list(dict.fromkeys(found))


def _without_beginning(text: str, secret: str) -> str:
    """The text without the beginning of a secret where it was cut in the middle of one."""
    parts = text.split(_CUT)
    for number, part in enumerate(parts[:-1]):
        for form in (secret, quote(secret), quote_plus(secret), quote(secret, safe=""), *_packed(secret)):
            longest = min(len(form), len(part), 4096)
            length = next((length for length in range(longest, _SHORTEST, -1) if part.endswith(form[:length])), 0)
            if length:
                parts[number] = part[:-length] + HIDDEN
                break
    return _CUT.join(parts)
