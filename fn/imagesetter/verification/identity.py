"""Whether a certificate is for a wanted identity: ``matchOIDCIdentity`` of Flux.

Flux hands both patterns to cosign, which searches for them anywhere in the text (``regexp.MatchString``, cosign v3.1
``CheckCertificatePolicy`` and sigstore-go v1.4 ``certificate_identity.go``). So ``https://github.com/me/app`` accepts
``https://github.com/me/app-of-somebody-else`` there.

Departure: here a pattern has to match the whole text, as if it was between ``^`` and ``$``. What Flux's documentation
recommends is written so; everything else that is not verified for this reason says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagesetter.golang.regexp.pattern import compile_pattern
from imagesetter.registry.http.redaction import printable

_SPECIAL = frozenset("\\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class IdentityMatch:
    """Patterns for the issuer and the subject of a certificate, in Go's syntax."""

    issuer: str
    subject: str

    def check(self) -> None:
        """Compile both patterns.

        Raises:
            InvalidPattern: one of them is not a regular expression of Go's.
        """
        for pattern in (self.issuer, self.subject):
            compile_pattern(pattern)
            compile_pattern(_whole(pattern))

    def matches(self, issuer: str, subjects: Sequence[str]) -> bool:
        """Whether the issuer and one of the subjects match."""
        return _matches(self.issuer, [issuer]) and _matches(self.subject, subjects)

    def almost(self, issuer: str, subjects: Sequence[str]) -> bool:
        """Whether they hold a match, with something else before or behind it."""
        return bool(_found(self.issuer, [issuer]) and _found(self.subject, subjects))


def mismatch(identities: Sequence[IdentityMatch], issuer: str, subjects: Sequence[str]) -> str:
    """Why none of the identities is that of a certificate; empty where one is."""
    if any(each.matches(issuer, subjects) for each in identities):
        return ""
    shown = ", ".join(printable(each, 200) for each in subjects[:3]) or "nobody"
    reason = f"it is by {shown} (issuer {printable(issuer, 200)}), which is not a wanted identity"
    if any(each.almost(issuer, subjects) for each in identities):
        reason += "; it holds one, but a pattern has to match the whole text: write .* where anything may stand"
    return reason


def literal(text: str) -> str:
    """A pattern that matches this text only."""
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in text)


def _matches(pattern: str, texts: Sequence[str]) -> bool:
    return bool(_found(_whole(pattern), texts))


def _found(pattern: str, texts: Sequence[str]) -> bool:
    return bool(compile_pattern(pattern).find_all(texts))


def _whole(pattern: str) -> str:
    """The pattern between ``^`` and ``$``, as one group where it may hold alternatives."""
    inner = pattern.removeprefix("^")
    if inner.endswith("$") and not inner.endswith("\\$"):
        inner = inner[:-1]
    return f"^(?:{inner})$" if "|" in inner or "(?" in inner else f"^{inner}$"
