"""Newest: of the tags that a policy allows, the one that came last; so ``sha-3f2c1a`` and its like have an order.

``pushed`` is when a tag was uploaded, as the registry's own API has it, or else when the lock saw it first. ``created``
is what the image states of itself: whoever builds it writes that, so every text calls it untrusted.

The lock (``spec.seen``) keeps each tag that was seen, also while a registry leaves it out, so that it never counts as
new again; for tags that it has not seen, a ledger that locks share counts (`imagesetter.lock.ledger`). It also keeps by
what time it chose: `imagesetter.update.lock` allows no entry to go back in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from imagesetter.candidates.situation import Situation
from imagesetter.errors import PolicyError, ProtocolError, ResolveError
from imagesetter.lock.tag_age import Seen, timestamp
from imagesetter.policy.select import ranking
from imagesetter.registry.manifests import config_digest, read_config_object, read_index

MOST_SEEN: Final = 1000
"""How many first sights of one policy's tags the lock keeps."""
MOST_CREATED: Final = 100
"""How many images are asked when they were created; each costs a request in every run."""
MOST_TIED: Final = 20
"""How many tags that came between the same two runs are ordered by what their images state."""

_NARROW = "narrow filterTags"
_EPOCH = 86_400.0
_UPLOADED = "uploaded on {} according to the registry"


@dataclass(frozen=True, slots=True)
class NewestFirst:
    """Candidates from the newest to the oldest; those of one time as the policy ranks them.

    ``times`` has the time of each, in seconds since the epoch, as far as it is known, and ``words`` what it is.
    """

    ranked: tuple[str, ...]
    times: dict[str, float]
    words: str
    notes: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()

    def why(self, tag: str) -> str:
        """By what time a tag is the newest."""
        return f"{tag} was {self.words.format(timestamp(self.times[tag]))}" if tag in self.times else ""

    def recorded(self, tag: str) -> str:
        """The same for the lock: ``TIME (registry)``; empty where it is not known."""
        kind = {"c": "created, untrusted", "u": "registry", "f": "first seen"}[self.words[0]]
        return f"{timestamp(self.times[tag])} ({kind})" if tag in self.times else ""


def newest_first(situation: Situation, ranked: Sequence[str], allowed: Sequence[str]) -> NewestFirst:
    """The candidates of a policy by time.

    Args:
        situation: the policy has ``newest``.
        ranked: its candidates, as its own rule ranks them.
        allowed: those of them that no hold excludes.

    Raises:
        ResolveError: the times are not known, or there are more candidates than may be asked or remembered.
        RegistryError: an image cannot be read.
    """
    policy = situation.policy
    if situation.unseen == "refuse":
        raise ResolveError(
            f"{policy.name} takes the newest tag, and only a lock records which tag is newer",
            where=policy.origin,
            hint="run `imagesetter lock`, and apply it with --from lock",
        )
    if policy.newest == "created":
        return _by_created(situation, allowed)
    ranked = tuple(dict.fromkeys((*ranked, *allowed)))
    uploaded = _uploaded(situation, ranked)
    if uploaded:
        return _sorted(allowed, uploaded, _UPLOADED)
    if situation.entry and situation.entry.newest.endswith("(registry)"):
        raise ResolveError(
            f"{policy.name} takes the newest tag, and the registry sent no upload times in this run",
            where=policy.origin,
            hint="try again; or take its entry out of the lock, which then records when it saw a tag first",
        )
    found = _by_first_sight(situation, ranked)
    kept = frozenset(allowed)
    return _untied(situation, replace(found, ranked=tuple(tag for tag in found.ranked if tag in kept)))


def known_times(situation: Situation) -> NewestFirst:
    """What is known without a request: for a policy that is held at a tag, so that the lock goes on to see its tags."""
    try:
        ranked = ranking(situation.policy.tags, situation.scan.tags)
    except PolicyError:
        ranked = []
    uploaded = _uploaded(situation, ranked)
    if uploaded or situation.policy.newest == "created" or len(ranked) > MOST_SEEN:
        return _sorted(ranked, uploaded, _UPLOADED)
    return _by_first_sight(situation, ranked)


def _uploaded(situation: Situation, tags: Sequence[str]) -> dict[str, float]:
    return {tag: situation.scan.uploaded[tag] for tag in tags if tag in situation.scan.uploaded}


def _by_created(situation: Situation, ranked: Sequence[str]) -> NewestFirst:
    name = situation.policy.name
    if not situation.puller.online:
        raise ResolveError(
            f"{name} takes the tag whose image was created last, which only the registry knows", hint="omit --tags-file"
        )
    if len(ranked) > MOST_CREATED:
        raise ResolveError(
            f"{name} takes the tag whose image was created last, and {len(ranked)} tags would have to be asked "
            f"(at most {MOST_CREATED})",
            where=situation.policy.origin,
            hint=f"{_NARROW} or the range, or take the tag that was pushed last: imagesetter.dev/newest: pushed",
        )
    times = _created(situation, ranked)
    if not times:
        raise ResolveError(f"no image of {name} states when it was created", hint="use imagesetter.dev/newest: pushed")
    return _sorted(ranked, times, "created on {} according to its image (untrusted)")


def _by_first_sight(situation: Situation, ranked: Sequence[str]) -> NewestFirst:
    policy, entry, now = situation.policy, situation.entry, timestamp(situation.now)
    known = {each.tag: each._replace(since=min(each.since, now)) for each in situation.seen}
    if len(ranked) > MOST_SEEN:
        raise ResolveError(
            f"{policy.name} takes the newest of {len(ranked)} tags, and the lock records when it first saw a tag "
            f"for at most {MOST_SEEN}",
            where=policy.origin,
            hint=f"{_NARROW} or the range, or delete old tags from the registry",
        )
    since = now
    if entry and entry.inputs != policy.inputs and entry.tag in known:
        since = known[entry.tag].since  # what a changed filter lets in is not new
    shared: dict[str, str] = {}
    for (tag, _), time in situation.shared_sights.items():
        shared[tag] = min(shared.get(tag, time), time)
    rank = {tag: known.get(tag) or Seen(policy.name, tag, "", min(shared.get(tag, since), since)) for tag in ranked}
    gone = sorted((each for tag, each in known.items() if tag not in rank), key=lambda each: (each.since, each.tag))
    kept = gone[max(0, len(gone) - (MOST_SEEN - len(rank))) :] if len(rank) < MOST_SEEN else []
    found = _sorted(ranked, {tag: each.time for tag, each in rank.items()}, "first seen on {}")
    return replace(found, seen=(*rank.values(), *kept))


def _untied(situation: Situation, found: NewestFirst) -> NewestFirst:
    """The order where several tags came between the same two runs: the one in use first, else what images state."""
    latest = found.times[found.ranked[0]]
    tied = [tag for tag in found.ranked if found.times[tag] == latest]
    rest, entry = found.ranked[len(tied) :], situation.entry
    if len(tied) == 1:
        return found
    if entry and entry.tag in tied:
        return replace(found, ranked=(entry.tag, *(tag for tag in tied if tag != entry.tag), *rest))
    name = situation.policy.name
    if not situation.puller.online:
        return replace(found, notes=(f"{len(tied)} tags were first seen at the same time",))
    if len(tied) > MOST_TIED:
        raise ResolveError(
            f"{len(tied)} tags of {name} were first seen at the same time, so none of them is the newest",
            where=situation.policy.origin,
            hint=f"say which one is in use: imagesetter hold {name} --tag TAG --reason start, run `imagesetter lock`, "
            f"then imagesetter unhold {name}; what is pushed from now on is newer",
        )
    claims = _created(situation, tied)
    tied.sort(key=lambda tag: -claims.get(tag, 0.0))
    first = tied[0]
    by = f"its image states {timestamp(claims[first])} (untrusted)" if first in claims else "the policy ranks it first"
    note = f"{len(tied)} tags were first seen at the same time; {first} is taken, since {by}"
    return replace(found, ranked=(*tied, *rest), notes=(note,))


def _sorted(ranked: Sequence[str], times: dict[str, float], words: str) -> NewestFirst:
    return NewestFirst(tuple(sorted(ranked, key=lambda tag: -times.get(tag, 0.0))), times, words)


def _created(situation: Situation, tags: Sequence[str]) -> dict[str, float]:
    """What the images state; nothing for one that states no time, none since 1970, or one that is still to come."""
    found = {tag: _created_of(situation, tag) for tag in tags}
    return {tag: time for tag, time in found.items() if _EPOCH < time <= situation.now}


def _created_of(situation: Situation, tag: str) -> float:
    manifest = situation.puller.manifest(situation.puller.digest(tag))
    if manifest and manifest.is_index:
        try:
            images = read_index(manifest.document, tag)
        except ProtocolError:
            return 0.0  # it has the digest that the tag points to, so this is no outage
        manifest = situation.puller.manifest(images[0].digest) if images else None
    digest = config_digest(manifest.document) if manifest else ""
    data = situation.puller.blob(digest) if digest else None
    text = read_config_object(data).get("created") if data else None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and len(text) <= 64 else None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if moment else 0.0
    except (ValueError, OverflowError):
        return 0.0
