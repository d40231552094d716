"""Select one of a list of tags by a policy, as Flux does, and always the same one.

The order of the steps is Flux's (image-reflector-controller, ``imagerepository_controller.go`` and
``imagepolicy_controller.go``): the exclusion list, then filterTags, then the rule. ``str()`` of every error is Flux's
message; ``hint`` says what to do.

Departures from Flux:

* Tags of signatures are never selected: see :mod:`imagesetter.policy.filters`.
* With filterTags, Flux breaks ties at random; here they are broken as without filterTags: see
  :class:`imagesetter.policy.rule.Ranker`.
* Numbers that are equal as float64 are compared exactly: see :mod:`imagesetter.policy.numerical`.
* Patterns and templates are limited in size: see :mod:`imagesetter.golang.regexp.pattern` and ``expand`` beside it.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from imagesetter.errors import InvalidPolicy, NoTags, NothingSelected
from imagesetter.policy.filters import (
    CompiledFilter,
    Exclusion,
    compile_exclusions,
    compile_filter,
    without_signatures,
)
from imagesetter.policy.kinds import listed
from imagesetter.policy.rule import Keys, Ranker, Rule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.messages import shown


class CompiledPolicy(NamedTuple):
    """A compiled policy: the steps that tags go through, one method each."""

    exclusions: tuple[Exclusion, ...]
    filter: CompiledFilter | None
    rule: Rule
    ranker: Ranker
    chart_tags: bool = False

    def keep(self, tags: list[str]) -> list[str]:
        """The tags that are not those of signatures, and that the exclusion list leaves.

        Raises:
            NoTags: no tag is left.
        """
        kept = without_signatures(tags)
        for exclusion in self.exclusions:
            kept = exclusion.keep(kept)
        if not kept:
            hint = "the repository has no tags"
            if tags:
                hint = f"they are all signatures, or the exclusion list excludes them ({len(tags)})"
            if tags and without_signatures(tags) == tags:
                hint = f"the exclusion list excludes all of them ({len(tags)})"
            raise NoTags("no tags in database", hint=hint)
        return kept

    def keys(self, tags: list[str]) -> Keys:
        """The texts that the rule ranks, each with its tag.

        Raises:
            NothingSelected: no tag passes filterTags.
        """
        if self.filter is None:
            return _of_charts(Keys.of_tags(tags)) if self.chart_tags else Keys.of_tags(tags)
        keys = self.filter.keys(tags)
        if not keys.texts:
            raise NothingSelected(
                "version list argument cannot be empty",
                hint=f"no tag matches filterTags.pattern {shown(self.filter.pattern)} ({len(tags)} checked)",
            )
        return _of_charts(keys) if self.chart_tags else keys

    def key(self, tag: str) -> str | None:
        """The text of one tag that the rule ranks, or ``None`` if filterTags drops the tag."""
        text = self.filter.key(tag) if self.filter else tag
        return chart_version(text) if text is not None and self.chart_tags else text


def chart_version(tag: str) -> str:
    """The version that a tag of a Helm chart stands for: Helm writes ``_`` for ``+``, which no tag can have."""
    return tag.replace("_", "+")


def _of_charts(keys: Keys) -> Keys:
    """The texts as chart versions. If several give the same, the first in byte order is used, as with filterTags."""
    return Keys.of_texts({chart_version(text): keys.tag(text) for text in sorted(keys.texts, reverse=True)})


@lru_cache(maxsize=256)
def compile_policy(policy: TagPolicy) -> CompiledPolicy:
    """Compile the rule and the filters of a policy.

    Raises:
        InvalidPolicy: the policy has no rule, or an invalid range or order.
        InvalidFilter: a pattern of filterTags or of the exclusion list is invalid.
    """
    rule = policy.rule
    if rule is None:
        raise InvalidPolicy(
            "invalid policy: given ImagePolicyChoice object is invalid",
            hint=f"add a rule: {listed('or', 'policy.{}')}",
        )
    try:
        ranker = rule.ranker()
    except InvalidPolicy as err:
        raise InvalidPolicy(f"invalid policy: {err}", hint=err.hint) from err
    exclusions = compile_exclusions(policy.exclusion_list)
    tag_filter = compile_filter(policy.filter_tags) if policy.filter_tags else None
    return CompiledPolicy(exclusions, tag_filter, rule, ranker, policy.chart_tags)


def select(policy: TagPolicy, tags: Iterable[str]) -> str:
    """The tag that the policy selects; the order of the tags does not matter.

    Raises:
        InvalidPolicy: the rule is invalid.
        InvalidFilter: a pattern does not compile.
        NoTags: there are no tags, or all of them are excluded.
        NothingSelected: no tag passes, or the numerical rule got a text that is not a number.
    """
    selector = compile_policy(policy)
    return selector.ranker.best(selector.keys(selector.keep(list(tags))))


def ranking(policy: TagPolicy, tags: Iterable[str]) -> list[str]:
    """All candidates of the policy, best first: the selected tag, then the tag it would select without that, and so on.

    If filterTags.extract gives the same text for several tags, only the tag that is used is listed. Raises the same
    errors as :func:`select`.
    """
    selector = compile_policy(policy)
    return selector.ranker.rank(selector.keys(selector.keep(list(dict.fromkeys(tags)))))


def compare(policy: TagPolicy, a: str, b: str) -> int | None:
    """How the policy ranks two tags: 1 if *a* ranks higher than *b*, -1 if it ranks lower, 0 if they rank the same.

    ``None`` if it cannot rank one of them, because filterTags drops it or the rule cannot parse it. The exclusion list
    and the limits of a version range are ignored, so that a tag in use that is no longer allowed can be compared:
    going from 2.1.0 back to 1.9.0 with the range ``1.x`` is a downgrade.

    Raises:
        InvalidPolicy, InvalidFilter: as :func:`select`.
    """
    selector = compile_policy(policy)
    first, second = selector.key(a), selector.key(b)
    if first is None or second is None:
        return None
    return selector.ranker.compare(first, second)


def check(policy: TagPolicy) -> None:
    """Validate a policy; raises InvalidPolicy or InvalidFilter."""
    compile_policy(policy)
