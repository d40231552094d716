"""Which of a policy's candidates is taken: the best one that every rule allows, and why each better one is not.

A policy ranks tags. `choose` walks down that ranking and asks each rule about each candidate, until one passes all of
them. It is lazy: a candidate below the chosen one costs nothing, a rule is asked only about what the rules before it
allow, and a digest is requested when the first rule needs it, once. It is bounded: after `LIMIT` candidates it stops.

How to write a rule
-------------------

A rule has a module of its own here: a class with the attributes of `CandidateRule`, made from a `Situation`
(`imagesetter.candidates.situation`: the policy, its lock entry, the time, and ``puller`` for requests about its
repository: ``digest(tag)``, ``manifest(digest or tag)``, ``blob(digest)``, ``referrers(digest)``).
`imagesetter.candidates.rules` lists the rules, cheap ones first, and says which a policy has.

``judge(candidate)`` looks at ``candidate.tag`` and ``candidate.digest`` and returns

* ``YES``, or ``Verdict(allowed=True, reason=…)`` with something to report about the tag that is taken. A rule that
  vouches for contents returns ``Verdict(allowed=True, digest=candidate.digest)``: this digest is written then, whatever
  the tag points to by that time, and whether the policy reflects digests or not;
* ``no(reason)``: never, unless the tag or the rule changes;
* ``not_yet(reason, until)``: allowed from a time on (seconds since the epoch).

A reason is a whole clause that begins with the tag: ``1.5.0 is not 3d old until …``. It names what was expected and
what was found, and nothing from a registry is in it without `imagesetter.registry.http.redaction.printable`.

A rule that raises a `krm_functions.errors.ReportedError` gives no verdict: the policy fails then, and its fields stay
as they are. So an outage never makes a lower tag the best one. ``judge`` is called by several threads at once, for
several policies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

from imagesetter.lock.tag_age import Seen
from krm_functions.errors import ReportedError

LIMIT = 50
"""How many candidates are looked at; each may cost requests."""


class Candidate:
    """A tag that a policy ranks, and what is known of it.

    Args:
        tag: the tag.
        digest_of: requests the digest of a tag; may raise `ReportedError`.
    """

    def __init__(self, tag: str, digest_of: Callable[[str], str]) -> None:
        self.tag = tag
        self._digest_of = digest_of

    @cached_property
    def digest(self) -> str:
        """What the tag points to: requested when the first rule needs it, and the same for all rules.

        Raises:
            ReportedError: the registry gave no answer.
        """
        return self._digest_of(self.tag)

    @property
    def known_digest(self) -> str:
        """The digest, if any rule has asked for it; else empty."""
        return str(self.__dict__.get("digest", ""))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about one candidate; see `YES`, `no` and `not_yet`."""

    allowed: bool
    reason: str = ""
    until: float | None = None
    """When it is allowed, in seconds since the epoch; None where no time is known."""
    digest: str = ""
    """For an allowed candidate: the digest that has to be written."""
    seen: Seen | None = None
    """Since when the candidate has been seen, where the lock shall remember that."""
    signed_by: str = ""
    """For an allowed candidate: who signed its image, where the rule verified that."""


YES: Final = Verdict(allowed=True)


def no(reason: str) -> Verdict:
    """The candidate is not allowed."""
    return Verdict(allowed=False, reason=reason)


def not_yet(reason: str, until: float, seen: Seen | None = None) -> Verdict:
    """The candidate is not allowed before a time (seconds since the epoch)."""
    return Verdict(allowed=False, reason=reason, until=until, seen=seen)


class CandidateRule(Protocol):
    """What a rule has to define."""

    @property
    def name(self) -> str:
        """As the explanation, the reports and the lock call it: ``minimum-age``."""

    @property
    def asks_registry(self) -> bool:
        """Whether it can judge only by what the registry has: then it is left out where there is none to ask."""

    @property
    def unmet(self) -> str:
        """Ends the sentence ``no tag of NAMESPACE:NAME …`` where it allows no candidate: ``is 3d old yet``."""

    @property
    def hint(self) -> str:
        """What to do about that."""

    def judge(self, candidate: Candidate) -> Verdict:
        """Whether a candidate may be taken.

        Raises:
            ReportedError: that cannot be known now, so nothing is taken.
        """


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A candidate that was not taken: the rule that did not allow it, why, and until when, as in `Verdict`."""

    tag: str
    rule: str
    reason: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a walk down the ranking.

    ``tag`` is empty where no candidate passed; the candidates that were looked at before are ``passed_over``, best
    first. ``digest`` is the one that has to be written, ``known_digest`` the one that the rules looked at; each is
    empty where there is none. ``rules`` are the names of those that the chosen tag passed, and that no run without a
    registry can ask again. ``notes`` is what to report; ``error`` says why there is no tag.
    """

    tag: str = ""
    digest: str = ""
    known_digest: str = ""
    passed_over: tuple[PassedOver, ...] = ()
    rules: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()
    error: ReportedError | None = None
    signed_by: str = ""
    """Who signed the image with this digest, where a rule verified that."""
    newest: str = ""
    """By what time the tag is the newest, where the policy takes that (`imagesetter.candidates.newest`)."""


def choose(
    tags: Sequence[str], rules: Sequence[CandidateRule], digest_of: Callable[[str], str], *, locked: str = ""
) -> Decision:
    """The best tag that every rule allows.

    Args:
        tags: the candidates, best first.
        rules: in the order in which they are asked.
        digest_of: requests the digest of a tag.
        locked: the tag in use, if it is still there. It is looked at last, if it is a candidate beyond the limit, or if
            a better one has to wait only, although the policy ranks it no longer.

    Raises:
        ReportedError: what a rule or a request raises.
    """
    passed_over: list[PassedOver] = []
    seen: list[Seen] = []
    for tag in _walk(tags, locked, passed_over):
        candidate, notes, digest, signed_by = Candidate(tag, digest_of), [], "", ""
        for rule in rules:
            verdict = rule.judge(candidate)
            seen += [verdict.seen] if verdict.seen else []
            if not verdict.allowed:
                passed_over.append(PassedOver(tag, rule.name, verdict.reason, verdict.until))
                break
            notes += [verdict.reason] if verdict.reason else []
            digest = verdict.digest or digest
            signed_by = verdict.signed_by or signed_by
        else:
            passed = tuple(rule.name for rule in rules if rule.asks_registry)
            known = candidate.known_digest
            over = tuple(passed_over)
            return Decision(tag, digest, known, over, passed, tuple(notes), tuple(seen), signed_by=signed_by)
    return Decision(passed_over=tuple(passed_over), seen=tuple(seen))


def _walk(tags: Sequence[str], locked: str, passed_over: Sequence[PassedOver]) -> Iterator[str]:
    yield from tags[:LIMIT]
    if not locked or locked in tags[:LIMIT]:
        return
    if locked in tags or any(each.until is not None for each in passed_over):
        yield locked
