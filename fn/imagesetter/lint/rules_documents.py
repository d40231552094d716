"""Rules about files as such: what cannot be read cannot be kept up to date either."""

from __future__ import annotations

from collections.abc import Iterator

from imagesetter.lint.finding import Problem
from imagesetter.lint.subject import Subject


def unreadable_document(subject: Subject) -> Iterator[Problem]:
    """A file or document with markers or Flux resources that cannot be read."""
    for file in (*subject.files, *subject.named):
        for unread in file.unread:
            yield Problem(unread.spot, unread.message, unread.hint)
