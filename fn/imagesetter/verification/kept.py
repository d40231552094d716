"""The signature of an image that was accepted, as the cache keeps it: only as evidence, which is verified again."""

from __future__ import annotations

import base64
import json

from imagesetter.errors import SignatureError
from imagesetter.verification.signature import Signature, decode_base64, read_object

_FORMS = ("bundle", "simple-signing", "notation")


def dump_signature(signature: Signature) -> bytes:
    """The signature as bytes."""
    return json.dumps(
        {
            "form": signature.form,
            "mediaType": signature.media_type,
            "annotations": dict(signature.annotations),
            "content": base64.b64encode(signature.content).decode("ascii"),
        }
    ).encode()


def load_signature(data: bytes | None) -> Signature | None:
    """The signature that `dump_signature` wrote; None for anything else."""
    if data is None:
        return None
    try:
        document = read_object(data, "the kept signature")
        content = decode_base64(document.get("content"), "the kept signature")
    except SignatureError:
        return None
    form, kind, annotations = (document.get(name) for name in ("form", "mediaType", "annotations"))
    if form not in _FORMS or not isinstance(kind, str) or not isinstance(annotations, dict):
        return None
    if not all(isinstance(text, str) for text in annotations.values()):
        return None
    return Signature(form, content, kind, annotations)
