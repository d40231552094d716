"""The rules of a run's policies, each read when a field asks for it: most fields go on to a later version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagesetter.fields.field_text import looks_like_a_version
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from krm_functions.errors import ReportedError

if TYPE_CHECKING:
    from imagesetter.policy.tag_policy import TagPolicy


class PolicyRules:
    """What the policies of a catalog make of single tags; of a policy that cannot be read, nothing is known."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._rules: dict[PolicyName, tuple[TagPolicy | None, bool]] = {}
        self._orders: dict[tuple[PolicyName, str, str], int | None] = {}

    def may_go_back(self, policy: PolicyName) -> bool:
        """Whether nothing keeps the policy's fields from going back: an annotation allows it, or there is no rule."""
        rule, allowed = self._rule(policy)
        return allowed or rule is None

    def reads(self, policy: PolicyName, word: str) -> bool:
        """Whether a word can be a tag of the policy: what looks like a version, where the rule is not known."""
        from imagesetter.update.tag_order import can_be_tag

        rule, _ = self._rule(policy)
        return can_be_tag(rule, word) if rule else looks_like_a_version(word)

    def order(self, policy: PolicyName, old: str, new: str) -> int | None:
        """How a policy ranks two tags, as `imagesetter.update.tag_order.order_of`; many fields ask about the same."""
        key = (policy, old, new)
        if key not in self._orders:
            from imagesetter.update.tag_order import order_of

            rule, _ = self._rule(policy)
            self._orders[key] = order_of(rule, old, new) if rule else None
        return self._orders[key]

    def refusal(self, policy: PolicyName, tag: str) -> str:
        """Why a policy does not allow a tag (its range, its filter, the exclusion list); empty if it does."""
        from imagesetter.update.tag_order import refusal

        rule, _ = self._rule(policy)
        return refusal(rule, tag) if rule else ""

    def _rule(self, policy: PolicyName) -> tuple[TagPolicy | None, bool]:
        if policy not in self._rules:
            try:
                resource, repository = self.catalog.behind(policy)
            except ReportedError:
                self._rules[policy] = (None, False)
            else:
                from imagesetter.update.tag_order import read_rule

                self._rules[policy] = read_rule(resource, repository)
        return self._rules[policy]
