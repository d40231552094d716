"""No field goes back unless somebody asks for it.

A tag that was deleted, or a registry that answered in part, would otherwise roll a deployment back without a word. What
ranks above what is the policy's own rule (`imagesetter.policy.select.compare`), which is built only for a field that is
about to go back: `imagesetter.update.tag_order` is imported only then, since it takes longer than the rest of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from imagesetter.errors import PolicyError
from imagesetter.fields.field import MarkedField, Siblings, split_image
from imagesetter.fields.report import report
from imagesetter.flux.annotations import ALLOW_DOWNGRADE
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.golang.semver.version import parse_tag
from imagesetter.update.plan import Guard
from krm_functions.errors import InputError, ReportedError
from krm_functions.result import Result, Severity

if TYPE_CHECKING:
    from imagesetter.policy.tag_policy import TagPolicy

IsWanted = Callable[[PolicyName, str, str], bool]
"""Whether a policy's fields are meant to go from the first tag back to the second."""

ALLOW = f'allow it with --allow-downgrade, or with the annotation {ALLOW_DOWNGRADE}: "true" on the ImagePolicy'


def downgrade_guard(
    catalog: Catalog,
    fields: Iterable[MarkedField],
    *,
    wanted: IsWanted = lambda policy, old, new: False,
    strict: bool = False,
) -> Guard:
    """A guard that keeps a field at a tag that its policy ranks above the new one.

    A field of a ``:name`` or ``:digest`` marker does what the ``:tag`` field of the same policy in the same mapping
    does. A tag that the policy cannot rank (``latest``, a branch build) is replaced, and that is said. Another
    repository's tags are not compared, nor is anything where the policy itself is not known (a package that travels
    with its lock alone).

    Args:
        catalog: the policies.
        fields: all fields of the run.
        wanted: whether somebody asked for this very step back (`imagesetter.lock.document.Lock.wants_downgrade`).
        strict: whether a field that stays is an error, not a warning.
    """
    beside = {marked.siblings: marked for marked in fields if marked.marker.part == "tag" and not marked.parts}
    return _Downgrades(catalog, beside, wanted, "error" if strict else "warning")


class _Downgrades:
    def __init__(
        self, catalog: Catalog, beside: Mapping[Siblings, MarkedField], wanted: IsWanted, severity: Severity
    ) -> None:
        self.catalog = catalog
        self.beside = beside
        self.wanted = wanted
        self.severity = severity
        self.rules: dict[PolicyName, TagPolicy | None] = {}
        self.semver: dict[PolicyName, bool] = {}
        self.orders: dict[tuple[PolicyName, str, str], int | None] = {}

    def __call__(self, marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        policy = marked.marker.policy
        sibling = None if _has_tag(marked) else self.beside.get(marked.siblings)
        decides = sibling or marked
        if not _has_tag(decides):
            return None
        old = self._tag(decides, ref)
        if old in ("", ref.tag) or self._goes_on(policy, old, ref.tag) or not (rule := self._rule(policy)):
            return None
        try:
            order = self._order(policy, rule, old, ref.tag)
        except PolicyError:
            return None
        tags = {"policy": str(policy)}
        if order is None and not sibling:
            message = f"{policy} cannot rank {old}, so nothing prevents a downgrade to {ref.tag}"
            return report("info", message, marked.location, tags=tags | {"notice": "Unranked"})
        if order is None or order <= 0 or self.wanted(policy, old, ref.tag):
            return None
        if sibling:
            message = f"stays as it is, since the tag beside it stays at {old}"
        else:
            message = f"stays at {old}, which {policy} ranks above the selected tag, {ref.tag}: a tag was "
            message += f"deleted, or the registry did not return all tags; {ALLOW}"
        return report(
            self.severity,
            message,
            marked.location,
            old=marked.scalar.value,
            new=new,
            tags=tags | {"error": "Downgrade"},
        )

    def _goes_on(self, policy: PolicyName, old: str, new: str) -> bool:
        """Whether a field goes from one version to a later one by a semver rule: no need to compile the rule for that.

        Most fields do in most runs, and what reads rules takes longer to import than all of them to follow.
        """
        if not self._ranks_versions(policy):
            return False
        try:
            return parse_tag(old).key < parse_tag(new).key
        except InputError:  # not a version
            return False

    def _ranks_versions(self, policy: PolicyName) -> bool:
        """Whether a policy's rule is a semver range over tags as they are."""
        if policy not in self.semver:
            try:
                spec = self.catalog.behind(policy)[0].spec
            except ReportedError:
                spec = {}
            choice = spec.get("policy")
            rule = choice.get("semver") if isinstance(choice, Mapping) else None
            self.semver[policy] = isinstance(rule, Mapping) and not spec.get("filterTags")
        return self.semver[policy]

    def _order(self, policy: PolicyName, rule: TagPolicy, old: str, new: str) -> int | None:
        """How the policy ranks two tags; many fields go from the same one to the same one."""
        key = (policy, old, new)
        if key not in self.orders:
            from imagesetter.update.tag_order import order_of

            self.orders[key] = order_of(rule, old, new)
        return self.orders[key]

    def _rule(self, policy: PolicyName) -> TagPolicy | None:
        """The policy's rule; None where there is none to compare by, or going back is allowed."""
        if policy not in self.rules:
            try:
                resource, _ = self.catalog.behind(policy)
            except ReportedError:
                self.rules[policy] = None
            else:
                from imagesetter.update.tag_order import rule_against_downgrades

                self.rules[policy] = rule_against_downgrades(resource)
        return self.rules[policy]

    def _tag(self, marked: MarkedField, ref: LatestRef) -> str:
        """The tag that a field holds now; empty where there is none, or where it is another repository's."""
        if marked.marker.part == "" or marked.parts or marked.found_by == "image":
            name, tag, _ = split_image(marked.scalar.value)
            return tag if marked.images or name == ref.name or _is_same_repository(name, ref.name) else ""
        return marked.scalar.value.partition("@")[0]  # Helm charts take tag@digest as a tag


def _has_tag(marked: MarkedField) -> bool:
    return marked.marker.part in ("", "tag") or bool(marked.parts) or marked.found_by == "image"


def _is_same_repository(old: str, new: str) -> bool:
    from imagesetter.update.tag_order import is_same_repository

    return is_same_repository(old, new)
