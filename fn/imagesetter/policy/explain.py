"""Why a policy selects this tag and not another: the funnel from all tags to one.

It runs the steps of :class:`imagesetter.policy.select.CompiledPolicy`, the same that ``select`` runs, and records what
each step leaves. So an explanation and a selection cannot disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Literal, get_args

from imagesetter.errors import NoTags, NothingSelected, PolicyError
from imagesetter.golang.semver.version import parse_tag
from imagesetter.policy.filters import is_signature
from imagesetter.policy.select import CompiledPolicy, compile_policy
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.errors import InputError
from krm_functions.messages import shown

Step = Literal[
    "unlisted", "signature", "excluded", "filtered", "shadowed", "unparsed", "out of range", "candidate", "chosen"
]
"""How far a tag got: the step that dropped it, or one of the last two. Listed in the order of the steps."""

_STEPS: tuple[Step, ...] = get_args(Step)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many tags each step dropped, in the order of the steps.

    Each listed tag is in exactly one of the other counts, unless the policy is invalid: then they are 0.

    Args:
        listed: distinct tags in the list.
        signatures: tags of signatures, attestations and SBOMs.
        excluded: tags that the exclusion list excludes.
        filtered_out: tags that do not match filterTags.pattern.
        shadowed: tags for which filterTags.extract gives the same text as for another tag, which is used instead.
        unparsed: tags that the rule cannot parse; with the numerical rule, one of them makes the policy fail.
        out_of_range: versions outside the range.
        candidates: tags that are left; the best one is selected.
    """

    listed: int
    signatures: int = 0
    excluded: int = 0
    filtered_out: int = 0
    shadowed: int = 0
    unparsed: int = 0
    out_of_range: int = 0
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A tag, the step that dropped it, and the reason; ``str()`` is a sentence."""

    tag: str
    step: Step
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.tag)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Selection:
    """What a policy selects from a list of tags, and why.

    Args:
        chosen: the tag, or ``None``.
        error: why no tag was selected.
        funnel: how many tags each step dropped.
        rejected: the dropped tags. Tags that later steps dropped come first; within a step, versions come before other
            tags, the highest first.
    """

    chosen: str | None
    error: PolicyError | None
    funnel: Funnel
    rejected: tuple[Rejected, ...]


def explain(policy: TagPolicy, tags: Iterable[str], *, limit: int = 10) -> Selection:
    """The selection with its funnel, and up to *limit* dropped tags, each with its reason. Raises nothing."""
    listed = list(dict.fromkeys(tags))
    try:
        walk = _walk(compile_policy(policy), listed)
    except PolicyError as err:
        return Selection(None, err, Funnel(len(listed)), ())
    steps = {tag: _step(walk, tag) for tag in listed}
    counts = Counter(steps.values())
    funnel = Funnel(
        listed=len(listed),
        signatures=counts["signature"],
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
    """Why the policy does not select *tag* from *tags*. If *tags* does not contain it: what would happen if it did.

    Raises:
        InvalidPolicy: the policy itself is invalid.
        InvalidFilter: one of its patterns does not compile.
    """
    listed = dict.fromkeys(tags)
    answer = _rejected(_walk(compile_policy(policy), list(listed | {tag: None})), tag)
    if tag in listed:
        return answer
    return Rejected(tag, "unlisted", f"it is not one of the {len(listed)} tags; if it were: {answer.reason}")


@dataclass(frozen=True, slots=True)
class _Walk:
    """One run through the steps of a policy.

    Args:
        selector: the compiled policy.
        kept: the tags that the exclusion list left.
        texts: the tags that filterTags left, each with the text that the rule ranks.
        ranked: the tags that the rule ranked.
        chosen: the best of them.
        error: why no tag was selected.
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
    """How far a listed tag got."""
    if tag not in walk.kept:
        return "signature" if is_signature(tag) else "excluded"
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
        case "signature":
            reason = "it is the tag of a signature, an attestation or an SBOM, which is never an image"
        case "excluded":
            found = [shown(rule.pattern) for rule in walk.selector.exclusions if not rule.keep([tag])]
            reason = f"the exclusion list excludes it: it matches {found[0]}"
        case "filtered" | "shadowed":
            reason = _why_filtered(walk, tag)
        case "unparsed":
            reason = _why_unparsed(walk, tag)
        case "out of range":
            reason = walk.selector.ranker.outside(walk.texts[tag])
        case "chosen":
            reason = "it is the tag that the policy selects"
        case _:
            reason = _why_outranked(walk, tag)
    return Rejected(tag, step, reason)


def _why_filtered(walk: _Walk, tag: str) -> str:
    tag_filter, text = walk.selector.filter, _text(walk, tag)
    if text is None:
        assert tag_filter is not None
        return f"it does not match filterTags.pattern {shown(tag_filter.pattern)}"
    counts = next(other for other, same in walk.texts.items() if same == text)
    return (
        f"filterTags.extract gives {shown(text)!r}, the same as for {shown(counts)}, which is used because it comes "
        "first in byte order"
    )


def _why_unparsed(walk: _Walk, tag: str) -> str:
    text = walk.texts[tag]
    what = "it" if text == tag else f"the text that filterTags.extract gives, {shown(text)!r},"
    rule = walk.selector.rule
    return f"{what} is not a {rule.noun}: {rule.problem(text)}"


def _why_outranked(walk: _Walk, tag: str) -> str:
    if walk.chosen is None:
        return f"it is a candidate, but the policy selects nothing: {walk.error}"
    if walk.selector.ranker.compare(walk.texts[tag], walk.texts[walk.chosen]) == 0:
        tie = walk.selector.rule.tie
        return f"it ranks the same as {shown(walk.chosen)}, which is selected because it comes {tie} in byte order"
    return f"it is a candidate, but {shown(walk.chosen)} ranks higher"


def _text(walk: _Walk, tag: str) -> str | None:
    """The text of a tag that the rule ranks, or ``None`` if filterTags drops the tag."""
    return walk.selector.key(tag)


def _merit(tag: str) -> tuple[bool, object, str]:
    try:
        return True, parse_tag(tag).key, tag
    except InputError:
        return False, (), tag
