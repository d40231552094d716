"""Tags to one tag: what a policy chooses, as Flux does, and always the same.

The order of steps is Flux's (image-reflector-controller, ``imagerepository_controller.go`` and
``imagepolicy_controller.go``): the exclusion list, then filterTags, then the rule. ``str()`` of every error is Flux's
message, and ``hint`` what to do about it.

Departures from Flux:

* Ties under filterTags, which Flux settles at random, are settled as without: see
  :class:`imagesetter.policy.rule.Ranker`.
* Numbers that float64 cannot tell apart are told apart: see :mod:`imagesetter.policy.numerical`.
* Patterns and templates are bounded in size: see :mod:`imagesetter.golang.regexp`, :mod:`imagesetter.golang.expand`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from imagesetter.errors import InvalidPolicy, NoTags, NothingSelected
from imagesetter.policy.filters import CompiledFilter, Exclusion, compile_exclusions, compile_filter
from imagesetter.policy.kinds import listed
from imagesetter.policy.rule import Keys, Ranker, Rule
from imagesetter.policy.tag_policy import TagPolicy
from krm_functions.messages import shown


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A compiled policy: the steps that tags go through, one method each."""

    exclusions: tuple[Exclusion, ...]
    filter: CompiledFilter | None
    rule: Rule
    ranker: Ranker

    def keep(self, tags: list[str]) -> list[str]:
        """The tags that the exclusion list leaves.

        Raises:
            NoTags: none.
        """
        kept = tags
        for exclusion in self.exclusions:
            kept = exclusion.keep(kept)
        if not kept:
            hint = f"the exclusion list drops every tag, {len(tags)} of them" if tags else "the repository has no tags"
            raise NoTags("no tags in database", hint=hint)
        return kept

    def keys(self, tags: list[str]) -> Keys:
        """The texts that the rule reads, each with its tag.

        Raises:
            NothingSelected: filterTags lets nothing pass.
        """
        if self.filter is None:
            return Keys.of_tags(tags)
        keys = self.filter.keys(tags)
        if not keys.texts:
            raise NothingSelected(
                "version list argument cannot be empty",
                hint=f"filterTags.pattern {shown(self.filter.pattern)} is found in none of the {len(tags)} tags",
            )
        return keys


@lru_cache(maxsize=256)
def compile_policy(policy: TagPolicy) -> CompiledPolicy:
    """Compile everything that a policy holds.

    Raises:
        InvalidPolicy: the rule: no rule, a bad range, a bad order.
        InvalidFilter: a pattern of filterTags or of the exclusion list.
    """
    rule = policy.rule
    if rule is None:
        raise InvalidPolicy(
            "invalid policy: given ImagePolicyChoice object is invalid",
            hint=f"name a rule: {listed('or', 'policy.{}')}",
        )
    try:
        ranker = rule.ranker()
    except InvalidPolicy as err:
        raise InvalidPolicy(f"invalid policy: {err}", hint=err.hint) from err
    exclusions = compile_exclusions(policy.exclusion_list)
    tag_filter = compile_filter(policy.filter_tags) if policy.filter_tags else None
    return CompiledPolicy(exclusions, tag_filter, rule, ranker)


def select(policy: TagPolicy, tags: Iterable[str]) -> str:
    """The tag that the policy chooses, whatever the order in which the tags are given.

    Raises:
        InvalidPolicy: the rule itself is wrong.
        InvalidFilter: a pattern does not compile.
        NoTags: no tags, or all of them excluded.
        NothingSelected: no tag passes, or the numerical rule met one that is no number.
    """
    selector = compile_policy(policy)
    return selector.ranker.best(selector.keys(selector.keep(list(tags))))


def ranking(policy: TagPolicy, tags: Iterable[str]) -> list[str]:
    """All tags that the policy could choose: the one that it does, then the one it would without that, and so on.

    Of tags that filterTags.extract makes the same text of, only the one that counts is listed. Raises as
    :func:`select` does.
    """
    selector = compile_policy(policy)
    return selector.ranker.rank(selector.keys(selector.keep(list(dict.fromkeys(tags)))))


def compare(policy: TagPolicy, a: str, b: str) -> int | None:
    """How the policy ranks two tags: 1 if *a* is above *b*, -1 if it is below, 0 if they rank the same.

    ``None`` when it cannot rank one of them, because filterTags does not let it pass or the rule cannot read it. The
    exclusion list and the limits of a version range play no part, so a tag that is in use and no longer allowed can
    be compared: going from 2.1.0 back to 1.9.0 under ``1.x`` is a downgrade.

    Raises:
        InvalidPolicy, InvalidFilter: as :func:`select`.
    """
    selector = compile_policy(policy)
    if selector.filter is None:
        return selector.ranker.compare(a, b)
    first, second = selector.filter.key(a), selector.filter.key(b)
    if first is None or second is None:
        return None
    return selector.ranker.compare(first, second)


def check(policy: TagPolicy) -> None:
    """Compile everything that the policy holds, and raise InvalidPolicy or InvalidFilter if that fails."""
    compile_policy(policy)
