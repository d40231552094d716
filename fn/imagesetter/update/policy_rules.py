"""The rules of a run's policies, each read when a field asks for it: most fields go on to a later version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagesetter.fields.field_text import looks_like_a_version
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from krm_functions.errors import ReportedError

if TYPE_CHECKING:
    from imagesetter.update.tag_order import TagOrder


class PolicyRules:
    """What the policies of a catalog make of single tags; of a policy that cannot be read, nothing is known."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._tags: dict[PolicyName, tuple[TagOrder | None, bool]] = {}
        self._orders: dict[tuple[PolicyName, str, str], int | None] = {}

    def may_go_back(self, policy: PolicyName) -> bool:
        """Whether nothing keeps the policy's fields from going back: an annotation allows it, or there is no rule."""
        tags, allowed = self._read(policy)
        return allowed or tags is None

    def reads(self, policy: PolicyName, word: str) -> bool:
        """Whether a word can be a tag of the policy: what looks like a version, where the rule is not known."""
        tags, _ = self._read(policy)
        return tags.can_be_tag(word) if tags else looks_like_a_version(word)

    def order(self, policy: PolicyName, old: str, new: str) -> int | None:
        """How a policy ranks two tags, as `imagesetter.update.tag_order`; many fields ask about the same."""
        key = (policy, old, new)
        if key not in self._orders:
            tags, _ = self._read(policy)
            self._orders[key] = tags.order(old, new) if tags else None
        return self._orders[key]

    def refusal(self, policy: PolicyName, tag: str) -> str:
        """Why a policy does not allow a tag (its range, its filter, the exclusion list); empty if it does."""
        tags, _ = self._read(policy)
        return tags.refusal(tag) if tags else ""

    def _read(self, policy: PolicyName) -> tuple[TagOrder | None, bool]:
        if policy not in self._tags:
            try:
                resource, repository = self.catalog.behind(policy)
            except ReportedError:
                self._tags[policy] = (None, False)
            else:
                from imagesetter.update.tag_order import read_tag_order

                self._tags[policy] = read_tag_order(resource, repository)
        return self._tags[policy]
