"""Comments that would be markers if their key were spelled right: ``# {"$image-policy": "flux-system:web"}``."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from imagesetter.flux.markers import KEY

_COMMENT = re.compile(rb"""#[ \t]*\{[ \t]*"([^"\n]{1,40})"[ \t]*:[ \t]*"[^"\s]+:[^"\s]+"[ \t]*[,}]""")
_LIKENESS = 0.8


def odd_keys(data: bytes) -> tuple[str, ...]:
    """The keys of JSON comments in a file that look like the key of a marker, and are not."""
    if b"{" not in data or b"#" not in data:
        return ()
    found = dict.fromkeys(match[1].decode("utf-8", "replace") for match in _COMMENT.finditer(data))
    return tuple(key for key in found if is_odd(key))


@lru_cache(maxsize=256)
def is_odd(key: str) -> bool:
    """Whether a key is like the marker's, letters apart: another case, other signs, a slip of the pen."""
    if key == KEY:
        return False
    letters = "".join(filter(str.isalpha, key.lower()))
    if "pull" in letters:  # imagePullPolicy, a field of containers
        return False
    return "imagepolic" in letters or SequenceMatcher(None, letters, "imagepolicy").ratio() >= _LIKENESS
