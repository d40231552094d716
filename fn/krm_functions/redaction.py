"""Text that may be shown: without the logins of URLs, wherever somebody wrote a URL.

People put a password where only a host belongs: into an image, a proxy, a GitRepository. Every error and every value
in a report passes `without_logins`. What a server repeats of a login that it was sent is another matter: see
`imagesetter.registry.http.redaction`.
"""

from __future__ import annotations

import functools
import re

HIDDEN = "***"

# Where a word begins, and what follows the @ of an image's digest, or of a workflow: …/release.yml@refs/heads/main.
_BEGIN = r"(?<![^\s'\"`=(,\[{<])"
_USER = r"[^\s/:@'\"`=(,\[{<]"
_NO_DIGEST = r"(?!sha[0-9]+:|md5:|refs/[a-z]+/)"


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compiled when first needed: most runs show nothing that could hold a login."""
    return (
        # Up to the last @ of the word: people forget to escape the characters of a password.
        (re.compile(rf"(?<=://)\S*@{_NO_DIGEST}"), f"{HIDDEN}@"),
        # USER:PASSWORD@HOST without a scheme; HOST:PORT/… is none.
        (re.compile(rf"{_BEGIN}{_USER}+:(?!//|[0-9]{{1,5}}(?:/|\s|$))[^\s'\"]+@{_NO_DIGEST}"), f"{HIDDEN}@"),
        # TOKEN@HOST/PATH
        (re.compile(rf"{_BEGIN}{_USER}+@(?=[\w.-]+(?::[0-9]+)?/)"), f"{HIDDEN}@"),
        (
            re.compile(
                r"([?&;][\w.-]*(?:token|secret|passw|pwd|sig|api[_-]?key|credential|auth)[\w.-]*=)[^&\s'\"]+",
                re.IGNORECASE,
            ),
            rf"\1{HIDDEN}",
        ),
    )


def without_logins(text: str, *, is_host: bool = False) -> str:
    """The text with ``***`` for each user and password before a host, and for each secret in a URL's query.

    Args:
        text: a message, a value, or a part of them.
        is_host: the text is where hosts are expected, so whatever is before an ``@`` is a login.
    """
    if "@" not in text and "=" not in text:
        return text
    if is_host:
        text = re.sub(r"[^\s/,='\"]+@", f"{HIDDEN}@", text)
    for pattern, shown in _patterns():
        text = pattern.sub(shown, text)
    return text
