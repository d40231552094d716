"""What a server was told must not come back: its words are shown, without the logins and tokens that were sent to it.

Whatever is sent to log in is remembered for the question that is under way, and taken out of everything that leaves the
client: errors, warnings, labels, events, and so the cache. It is recognised as it is, percent-encoded, escaped as in
JSON or HTML, in base64 at any offset, and where a message was cut in the middle of it.
"""

from __future__ import annotations

import base64
import re
import threading
from urllib.parse import parse_qs, quote, quote_plus

from krm_functions.errors import ReportedError

_HIDDEN = "***"
_SHORTEST = 3
"""Shorter secrets are not looked for: every text holds them."""
_ALONE = 5
"""Shorter ones are taken out only where they stand alone."""
_LONGEST = 48
"""Characters of a token by which it is recognised; what follows them in one word goes with them."""
_CUT = "…"


class Redaction:
    """The secrets that one thread has sent for the question that it works on."""

    def __init__(self) -> None:
        self._local = threading.local()

    def begin(self) -> None:
        """A new question: nothing has been sent yet."""
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
        for name in ("refresh_token", "password"):
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
            text = pattern.sub(_HIDDEN, text)
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
    whole = len(secret) <= _LONGEST
    spelled = "".join(map(_character, secret[:_LONGEST])) + ("" if whole else "[!-~]*")
    if len(secret) < _ALONE:
        spelled = rf"(?<![A-Za-z0-9]){spelled}(?![A-Za-z0-9])"
    packed = "|".join(map(re.escape, _packed(secret[: 2 * _LONGEST])))
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
    """The letters in base64 that stand for a secret alone, whatever stands before it."""
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
                parts[number] = part[:-length] + _HIDDEN
                break
    return _CUT.join(parts)
