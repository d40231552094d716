"""Which of two tags a policy ranks higher, and which it allows; imported only where a tag might go back, or where a tag
has to be found in other text."""

from __future__ import annotations

from dataclasses import dataclass

from imagesetter.errors import PolicyError
from imagesetter.flux.annotations import NEWEST, allows_downgrade, annotation, has_chart_tags
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource
from imagesetter.lock.tag_age import recorded_time
from imagesetter.policy.explain import why_not
from imagesetter.policy.select import compare
from imagesetter.policy.tag_policy import TagPolicy, unchecked_tag_policy
from imagesetter.registry.reference import is_tag
from krm_functions.errors import ReportedError, ResourceError


def is_downgrade(catalog: Catalog, policy: PolicyName, old: str, new: str) -> bool:
    """Whether a policy ranks the old tag above the new one and still allows it, and nothing on it allows to go back."""
    return step_back(catalog, policy, old, new) == ""


def step_back(catalog: Catalog, policy: PolicyName, old: str, new: str) -> str | None:
    """Why a policy does not allow the old tag any more, if it ranks that above the new one; empty if it still does.

    None if this is not a step back, or if the policy may go back.
    """
    try:
        tags, allowed = read_tag_order(*catalog.behind(policy))
    except ReportedError:
        return None
    order = tags.order(old, new) if tags and not allowed else None
    return tags.refusal(old) if tags and order is not None and order > 0 else None


def is_earlier(catalog: Catalog, policy: PolicyName, old: str, old_time: str, new_time: str, now: float) -> bool:
    """Whether a policy that takes the newest tag would go back in time, from a tag that it still allows.

    Args:
        catalog: the policies.
        policy: the policy.
        old: the tag in use.
        old_time: by what time it was the newest, as the lock records that; empty where that is not known.
        new_time: the same of the tag that would take its place.
        now: the time, in seconds since the epoch; a recorded one that is still to come counts as now.
    """
    if not old_time or recorded_time(new_time) >= min(recorded_time(old_time), int(now)):
        return False
    try:
        tags, allowed = read_tag_order(*catalog.behind(policy))
    except ReportedError:
        return False
    return tags is not None and tags.by_time and not allowed and not tags.refusal(old)


def read_tag_order(policy: Resource, repository: Resource | None = None) -> tuple[TagOrder | None, bool]:
    """How a policy orders tags, None where it has no rule; and whether its fields may go back."""
    try:
        allowed, chart_tags = allows_downgrade(policy), has_chart_tags(policy)
    except ResourceError:  # allows nothing; whoever validates the policy says what is wrong with it
        allowed = chart_tags = False
    exclusions = repository.spec.get("exclusionList") if repository else None
    rule = unchecked_tag_policy(policy.spec, exclusions, chart_tags=chart_tags)
    return TagOrder(rule, by_time=bool(annotation(policy, NEWEST))) if rule else None, allowed


@dataclass(frozen=True)
class TagOrder:
    """How the rule of a policy orders tags, and which it allows."""

    rule: TagPolicy
    by_time: bool = False
    """Whether the policy takes the newest tag, so that only the lock knows their order: it never goes back."""

    def order(self, old: str, new: str) -> int | None:
        """How the rule ranks two tags, as `compare`; 0 where the old one is a placeholder, not a tag.

        None as well where the rule itself is wrong. Tags that are ordered by time are equal here.
        """
        try:
            order = compare(self.rule, old, new) if is_tag(old) else 0
            return 0 if self.by_time and order is not None else order
        except PolicyError:
            return None

    def refusal(self, tag: str) -> str:
        """Why the rule does not allow a tag (its range, its filter, the exclusion list); empty if it does."""
        try:
            found = why_not(self.rule, [tag], tag)
        except PolicyError:
            return ""
        return found.reason if found.step in ("excluded", "filtered", "out of range") else ""

    def can_be_tag(self, word: str) -> bool:
        """Whether a word can be a tag of the policy."""
        return is_tag(word) and self.order(word, word) is not None
