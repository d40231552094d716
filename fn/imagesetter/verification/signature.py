"""A signature as it was found beside an image, before anything in it is believed; and how untrusted JSON is read."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from imagesetter.errors import SignatureError

Form = Literal["bundle", "simple-signing", "notation"]
"""A Sigstore bundle (cosign 3), a payload with its signature in annotations (cosign 2), an envelope of notation."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a registry has beside an image, as bytes whose digest was verified."""

    form: Form
    content: bytes
    """The bundle, the signed payload, or the envelope."""
    media_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Those of the layer, for ``simple-signing``: they hold the signature."""


@dataclass(frozen=True, slots=True)
class Verified:
    """An image has a signature that is accepted."""

    by: str
    """The key, the identity or the certificate that signed it, in words; safe to print."""
    form: Form
    until: float | None = None
    """When this ends, in seconds since the epoch: a certificate or a signature expires; None: never."""


def read_object(data: bytes | str, what: str) -> Mapping[str, Any]:
    """The JSON object that *data* has to be.

    Raises:
        SignatureError: it is something else.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise SignatureError(f"{what} is not JSON") from None
    if not isinstance(document, dict):
        raise SignatureError(f"{what} is not a JSON object")
    return document


def member(document: Mapping[str, Any], name: str, what: str) -> Mapping[str, Any]:
    """The object under a name.

    Raises:
        SignatureError: there is none.
    """
    value = document.get(name)
    if not isinstance(value, dict):
        raise SignatureError(f"{what} has no {name}")
    return value


def decode_base64(text: object, what: str, *, url: bool = False) -> bytes:
    """The bytes of base64 text, by the alphabet for URLs without padding where *url*.

    Raises:
        SignatureError: it is not base64, or empty.
    """
    try:
        if not isinstance(text, str) or not text:
            raise ValueError(text)
        if not url:
            return base64.b64decode(text, validate=True)
        if "=" in text or "+" in text or "/" in text:
            raise ValueError(text)
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise SignatureError(f"{what} is not base64") from None
