"""The tag that a policy selected from a list of tags, kept in the cache: an unchanged list is not ranked again.

What is kept is what `select` returned. That depends on the rule, the filters and the list, and on nothing else: holds,
ages and other rules about candidates, which depend on the lock and on the time, are decided anew in every run.

Whoever can write the cache's folder may have forged an answer. So it counts only if the list has that tag and the
policy allows it. That gives them no more than a forged scan does: a tag that the policy allows, but not the highest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import islice

from imagesetter import __version__
from imagesetter.errors import PolicyError
from imagesetter.policy.select import select
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.puller import Puller

FEWEST_TAGS = 100
"""Answers to shorter lists are not kept: to select from one takes no longer than to read a file."""
MOST_ANSWERS = 16
"""How many answers are kept for a repository, the latest first."""

_NOTE = "answers"
_FORMAT = 1


def select_once(policy: TagPolicy, tags: Sequence[str], puller: Puller) -> str:
    """The tag that the policy selects, as `imagesetter.policy.select.select`: from the cache, if it is there.

    Args:
        policy: the rule and its filters.
        tags: the list, in byte order.
        puller: its cache has the answers about the repository, and keeps a new one.

    Raises:
        PolicyError: as `select`; only answers are kept.
    """
    if len(tags) < FEWEST_TAGS:
        return select(policy, tags)
    key = _key(policy, tags)
    known = load_answers(puller.kept(_NOTE))
    tag = known.get(key, "")
    if tag in tags and _allows(policy, tag):
        return tag
    tag = select(policy, tags)
    others = ((each, known[each]) for each in known if each != key)
    puller.keep(_NOTE, dump_answers(dict([(key, tag), *islice(others, MOST_ANSWERS - 1)])))
    return tag


def dump_answers(answers: Mapping[str, str]) -> bytes:
    """Answers as a note: a line with the checksum of what follows, and JSON."""
    body = json.dumps(answers).encode()
    return b"%s\n%s" % (hashlib.sha256(body).hexdigest().encode(), body)


def load_answers(data: bytes | None) -> Mapping[str, str]:
    """The answers in a note, the latest first; none where it is damaged, or not ours."""
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


def _key(policy: TagPolicy, tags: Sequence[str]) -> str:
    """Stands for everything that decides: another version of this program may select otherwise."""
    return hashlib.sha256("\n".join((f"{_FORMAT} {__version__} {policy!r}", *tags)).encode()).hexdigest()


def _allows(policy: TagPolicy, tag: str) -> bool:
    try:
        return select(policy, [tag]) == tag
    except PolicyError:
        return False
