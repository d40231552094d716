"""The tag that a policy selected from a list of tags, kept in the cache: an unchanged list is not ranked again.

What is kept is what `select` returned. That depends on the rule, the filters and the list, and on nothing else: holds,
ages and other rules about candidates, which depend on the lock and on the time, are decided anew in every run.

Whoever can write the cache's folder may have forged an answer. So it counts only if the list has that tag and the
policy allows it. That gives them no more than a forged scan does: a tag that the policy allows, but not the highest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from imagesetter import __version__
from imagesetter.errors import PolicyError
from imagesetter.policy.select import select
from imagesetter.policy.tag_policy import TagPolicy
from imagesetter.registry.answers import Answers

FEWEST_TAGS = 100
"""Answers to shorter lists are not kept: to select from one takes no longer than to look its answer up."""

_FORMAT = 1


def select_once(policy: TagPolicy, tags: Sequence[str], answers: Answers) -> str:
    """The tag that the policy selects, as `imagesetter.policy.select.select`: from the cache, if it is there.

    Args:
        policy: the rule and its filters.
        tags: the list, in byte order.
        answers: those that are known; takes a new one.

    Raises:
        PolicyError: as `select`; only answers are kept.
    """
    if len(tags) < FEWEST_TAGS:
        return select(policy, tags)
    key = _key(policy, tags)
    tag = answers.find(key)
    if tag in tags and _allows(policy, tag):
        return tag
    tag = select(policy, tags)
    answers.keep(key, tag)
    return tag


def _key(policy: TagPolicy, tags: Sequence[str]) -> str:
    """Stands for everything that decides: another version of this program may select otherwise."""
    return hashlib.sha256("\n".join((f"{_FORMAT} {__version__} {policy!r}", *tags)).encode()).hexdigest()


def _allows(policy: TagPolicy, tag: str) -> bool:
    try:
        return select(policy, [tag]) == tag
    except PolicyError:
        return False
