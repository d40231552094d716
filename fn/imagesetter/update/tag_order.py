"""Which of two tags a policy ranks higher, and whether it may go back; imported only where a tag might go back."""

from __future__ import annotations

from imagesetter.flux.annotations import allows_downgrade, has_chart_tags
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.resources import Resource
from imagesetter.policy.select import compare
from imagesetter.policy.tag_policy import TagPolicy, unchecked_tag_policy
from imagesetter.registry.reference import is_tag, parse_flux_image
from krm_functions.errors import ReportedError, ResourceError


def is_downgrade(catalog: Catalog, policy: PolicyName, old: str, new: str) -> bool:
    """Whether a policy ranks the old tag above the new one, and nothing on it allows that."""
    try:
        rule = rule_against_downgrades(catalog.behind(policy)[0])
        order = compare(rule, old, new) if rule else None
    except ReportedError:
        return False
    return order is not None and order > 0


def rule_against_downgrades(policy: Resource) -> TagPolicy | None:
    """The rule of a policy; None where it has none, or may go back."""
    try:
        allowed, chart_tags = allows_downgrade(policy), has_chart_tags(policy)
    except ResourceError:  # allows nothing; whoever validates the policy says what is wrong with it
        allowed = chart_tags = False
    return None if allowed else unchecked_tag_policy(policy.spec, chart_tags=chart_tags)


def order_of(rule: TagPolicy, old: str, new: str) -> int | None:
    """How the rule ranks two tags, as `compare`; 0 where the old one is a placeholder, not a tag.

    Raises:
        PolicyError: the rule itself is wrong.
    """
    return compare(rule, old, new) if is_tag(old) else 0


def is_same_repository(old: str, new: str) -> bool:
    """Whether two image names are of one repository, however they are written."""
    try:
        return parse_flux_image(old).canonical == parse_flux_image(new).canonical
    except ReportedError:
        return False
