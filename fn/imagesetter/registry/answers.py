"""The tags that policies selected, in one file of the cache: thousands of policies cost one reading and one writing.

A line with the checksum of the rest, then JSON: the hash of a list and a policy → the tag. What is damaged, or
not ours, holds no answers. Whoever can write the file may have forged it, so its readers check what they find.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from itertools import islice

MOST_ANSWERS = 10_000
"""How many answers the file holds, the latest first."""


class Answers:
    """The answers that earlier runs kept, and those of this run; without a file, of this run only.

    Args:
        load: reads the file; None where there is none.
        store: replaces it.
        refresh: answers of earlier runs do not count.
    """

    def __init__(
        self,
        load: Callable[[], bytes | None] = lambda: None,
        store: Callable[[bytes], None] = lambda data: None,
        *,
        refresh: bool = False,
    ) -> None:
        self._load, self._store, self._refresh = load, store, refresh
        self._earlier: Mapping[str, str] | None = None
        self._used: dict[str, str] = {}
        self._is_changed = False

    def find(self, key: str) -> str:
        """The answer that is kept under a key, or an empty text."""
        if key not in self._used:
            if self._earlier is None:
                self._earlier = {} if self._refresh else load_answers(self._load())
            if key not in self._earlier:
                return ""
            self._used[key] = self._earlier[key]
        return self._used[key]

    def keep(self, key: str, tag: str) -> None:
        """Keep an answer; `save` writes it."""
        self._used[key] = tag
        self._is_changed = True

    def save(self) -> None:
        """Write the file, if there is something new; answers that other runs have written since stay in it."""
        if self._is_changed:
            every = {**self._used, **load_answers(self._load()), **self._used}
            self._store(dump_answers(dict(islice(every.items(), MOST_ANSWERS))))
            self._is_changed = False


def dump_answers(answers: Mapping[str, str]) -> bytes:
    """The bytes of a file of answers."""
    body = json.dumps(answers).encode()
    return b"%s\n%s" % (hashlib.sha256(body).hexdigest().encode(), body)


def load_answers(data: bytes | None) -> Mapping[str, str]:
    """The answers in a file, the latest first; none where it is damaged, or not ours."""
    checksum, _, body = (data or b"").partition(b"\n")
    if checksum != hashlib.sha256(body).hexdigest().encode():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict) or not all(isinstance(tag, str) for tag in document.values()):
        return {}
    return document
