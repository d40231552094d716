"""Why a policy chose the tag it did, and why not another: the funnel from all tags to the one.

Everything here runs the steps of :class:`imagesetter.policy.select.CompiledPolicy`, the same that ``select`` runs, and
looks at what is left after each. So an explanation and a choice cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Literal, get_args

from imagesetter.errors import NoTags, NothingSelected, PolicyError
from imagesetter.golang.semver.version import parse_tag
from imagesetter.policy.select import CompiledPolicy, compile_policy
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import InputError
from krm_functions.messages import shown

Step = Literal["unlisted", "excluded", "filtered", "shadowed", "unparsed", "out of range", "candidate", "chosen"]
"""How far a tag came: the step that dropped it, or one of the last two. They are in the order of the steps."""

_STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many tags each step took, in the order of the steps.

    Every listed tag is in one of the counts that follow, unless the policy itself is invalid: then they are 0.

    Args:
        listed: different tags given.
        excluded: those that the exclusion list drops.
        filtered_out: those in which filterTags.pattern is not found.
        shadowed: those of which filterTags.extract makes the same text as of another tag, which counts instead.
        unparsed: those that the rule cannot read; under the numerical rule one of them fails the policy.
        out_of_range: versions outside the range.
        candidates: those that are left; the best of them is chosen.
    """

    listed: int
    excluded: int = 0
    filtered_out: int = 0
    shadowed: int = 0
    unparsed: int = 0
    out_of_range: int = 0
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A tag, how far it came, and why no further; ``str()`` is a sentence."""

    tag: str
    step: Step
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.tag)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What a policy made of a list of tags.

    Args:
        chosen: the tag, or ``None``.
        error: why there is none.
        funnel: how many tags each step took.
        rejected: dropped tags: those that came furthest first, and of these versions before other tags, high ones
            first.
    """

    chosen: str | None
    error: PolicyError | None
    funnel: Funnel
    rejected: tuple[Rejected, ...]


def explain(policy: TagPolicy, tags: Iterable[str], *, limit: int = 10) -> Selection:
    """The choice with its funnel, and up to *limit* of the dropped tags with the reason of each. Raises nothing."""
    listed = list(dict.fromkeys(tags))
    try:
        walk = _walk(compile_policy(policy), listed)
    except PolicyError as err:
        return Selection(None, err, Funnel(len(listed)), ())
    steps = {tag: _step(walk, tag) for tag in listed}
    counts = Counter(steps.values())
    funnel = Funnel(
        listed=len(listed),
        excluded=counts["excluded"],
        filtered_out=counts["filtered"],
        shadowed=counts["shadowed"],
        unparsed=counts["unparsed"],
        out_of_range=counts["out of range"],
        candidates=counts["candidate"] + counts["chosen"],
    )
    dropped = [tag for tag, step in steps.items() if step not in ("candidate", "chosen")]
    best = nlargest(limit, dropped, key=lambda tag: (_STEPS.index(steps[tag]), _merit(tag)))
    return Selection(walk.chosen, walk.error, funnel, tuple(_rejected(walk, tag) for tag in best))


def why_not(policy: TagPolicy, tags: Iterable[str], tag: str) -> Rejected:
    """Why the policy does not choose *tag* among *tags*; if it is not among them, what would become of it if it were.

    Raises:
        InvalidPolicy: the policy cannot be asked at all.
        InvalidFilter: one of its patterns does not compile.
    """
    listed = dict.fromkeys(tags)
    answer = _rejected(_walk(compile_policy(policy), list(listed | {tag: None})), tag)
    if tag in listed:
        return answer
    return Rejected(tag, "unlisted", f"it is not among the {len(listed)} tags; if it were: {answer.reason}")


@dataclass(frozen=True, slots=True)
class _Walk:
    """One run through the steps of a selector.

    Args:
        selector: whose steps they are.
        kept: the tags that the exclusion list left.
        texts: the tags that filterTags left, each with the text that the rule read.
        ranked: the tags that the rule ranked.
        chosen: the best of them.
        error: why there is none.
    """

    selector: CompiledPolicy
    kept: frozenset[str] = frozenset()
    texts: Mapping[str, str] = field(default_factory=dict)
    ranked: frozenset[str] = frozenset()
    chosen: str | None = None
    error: PolicyError | None = None


def _walk(selector: CompiledPolicy, listed: list[str]) -> _Walk:
    kept: list[str] = []
    texts: dict[str, str] = {}
    try:
        kept = selector.keep(listed)
        keys = selector.keys(kept)
        texts = {keys.tag(text): text for text in keys.texts}
        ranked = selector.ranker.rank(keys)
        return _Walk(selector, frozenset(kept), texts, frozenset(ranked), selector.ranker.best(keys))
    except (NoTags, NothingSelected) as err:
        return _Walk(selector, frozenset(kept), texts, error=err)


def _step(walk: _Walk, tag: str) -> Step:
    """How far a listed tag came."""
    if tag not in walk.kept:
        return "excluded"
    if tag not in walk.texts:
        return "filtered" if _text(walk, tag) is None else "shadowed"
    if tag == walk.chosen:
        return "chosen"
    if tag in walk.ranked:
        return "candidate"
    if walk.selector.rule.problem(walk.texts[tag]):
        return "unparsed"
    return "out of range" if walk.selector.ranker.outside(walk.texts[tag]) else "candidate"


def _rejected(walk: _Walk, tag: str) -> Rejected:
    step = _step(walk, tag)
    match step:
        case "excluded":
            found = [shown(rule.pattern) for rule in walk.selector.exclusions if not rule.keep([tag])]
            reason = f"the exclusion list drops it: {found[0]} is found in it"
        case "filtered" | "shadowed":
            reason = _why_filtered(walk, tag)
        case "unparsed":
            reason = _why_unparsed(walk, tag)
        case "out of range":
            reason = walk.selector.ranker.outside(walk.texts[tag])
        case "chosen":
            reason = "it is the tag that the policy chooses"
        case _:
            reason = _why_outranked(walk, tag)
    return Rejected(tag, step, reason)


def _why_filtered(walk: _Walk, tag: str) -> str:
    tag_filter, text = walk.selector.filter, _text(walk, tag)
    assert tag_filter is not None
    if text is None:
        return f"filterTags.pattern {shown(tag_filter.pattern)} is not found in it"
    counts = next(other for other, same in walk.texts.items() if same == text)
    return (
        f"filterTags.extract makes {shown(text)!r} of it as of {shown(counts)}, which comes first in byte order and so "
        "is the one that counts"
    )


def _why_unparsed(walk: _Walk, tag: str) -> str:
    text = walk.texts[tag]
    what = "it" if text == tag else f"what filterTags.extract makes of it, {shown(text)!r},"
    rule = walk.selector.rule
    return f"{what} is not a {rule.noun}: {rule.problem(text)}"


def _why_outranked(walk: _Walk, tag: str) -> str:
    if walk.chosen is None:
        return f"it could be chosen, but the policy chooses nothing: {walk.error}"
    if walk.selector.ranker.compare(walk.texts[tag], walk.texts[walk.chosen]) == 0:
        tie = walk.selector.rule.tie
        return f"it ranks the same as {shown(walk.chosen)}, which comes {tie} in byte order and is chosen for that"
    return f"it could be chosen, but {shown(walk.chosen)} ranks above it"


def _text(walk: _Walk, tag: str) -> str | None:
    """What the rule reads of a tag, or ``None`` when filterTags drops it."""
    return walk.selector.filter.key(tag) if walk.selector.filter else tag


def _merit(tag: str) -> tuple[bool, object, str]:
    try:
        return True, parse_tag(tag).key, tag
    except InputError:
        return False, (), tag
