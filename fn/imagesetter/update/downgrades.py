"""No field goes back unless somebody asks for it.

A tag that was deleted, or a registry that answered in part, would otherwise roll a deployment back without a word. What
ranks above what is the policy's own rule (`imagesetter.policy.select.compare`), which is built only for a field that is
about to go back: `imagesetter.update.tag_order` is imported only then, since it takes longer than the rest of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from imagesetter.errors import FieldError
from imagesetter.fields.field import MarkedField, Siblings
from imagesetter.fields.field_text import same_repository
from imagesetter.fields.report import report
from imagesetter.flux.annotations import ALLOW_DOWNGRADE
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.update.plan import Guard
from imagesetter.update.policy_rules import PolicyRules
from krm_functions.errors import InputError, ReportedError
from krm_functions.result import Result, Severity

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
    """A guard that keeps a field at a tag that its policy ranks above the new one and still allows.

    A tag that the policy does not allow any more (its range or filter was narrowed) gives way, as with Flux, and that
    is said.
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


def narrowed(policy: PolicyName, old: str, new: str, why: str) -> str:
    """The message if a policy's answer is lower because the policy does not allow the old tag any more."""
    return f"{policy} no longer allows {old} ({why}), so {new} takes its place"


class _Downgrades:
    def __init__(
        self, catalog: Catalog, beside: Mapping[Siblings, MarkedField], wanted: IsWanted, severity: Severity
    ) -> None:
        self.catalog = catalog
        self.beside = beside
        self.wanted = wanted
        self.severity = severity
        self.rules = PolicyRules(catalog)
        self.semver: dict[PolicyName, bool] = {}

    def __call__(self, marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        policy = marked.marker.policy
        sibling = None if _has_tag(marked) else self.beside.get(marked.siblings)
        decides = sibling or marked
        if not _has_tag(decides):
            return None
        old = self._tag(decides, ref)
        if old in ("", ref.tag) or self._goes_on(policy, old, ref.tag):
            return None
        if self.rules.may_go_back(policy):
            return None
        order = self.rules.order(policy, old, ref.tag)
        if order is not None and (order <= 0 or self.wanted(policy, old, ref.tag)):
            return None
        tags = {"policy": str(policy)}
        if why := self.rules.refusal(policy, old):
            message = narrowed(policy, old, ref.tag, why)
            said = report("info", message, marked.location, tags=tags | {"notice": "Narrowed"})
            return None if sibling else said
        if order is None:
            message = f"{policy} cannot rank {old}, so nothing prevents a downgrade to {ref.tag}"
            said = report("info", message, marked.location, tags=tags | {"notice": "Unranked"})
            return None if sibling else said
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
        from imagesetter.golang.semver.version import parse_tag

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

    def _tag(self, marked: MarkedField, ref: LatestRef) -> str:
        """The tag that a field holds now; empty where there is none, or where it is another repository's."""
        try:
            text = marked.read(ref, partial(self.rules.reads, marked.marker.policy))
        except FieldError:
            return ""
        keeps_name = marked.marker.part == "tag" or marked.images or (marked.parts and "name" not in marked.parts)
        return text.tag if keeps_name or same_repository(text.name, ref.name) else ""


def _has_tag(marked: MarkedField) -> bool:
    return marked.marker.part in ("", "tag") or bool(marked.parts) or marked.found_by == "image"
