"""The fields of one ResourceList follow their policies.

The policies are items (or are in the functionConfig), the places are markers, targets or images, and what comes back
is the list's own text with the changed scalars and the results in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from imagesetter.config.options import FunctionOptions
from imagesetter.errors import LockError
from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.field import MarkedField
from imagesetter.fields.list_fields import location_of
from imagesetter.fields.report import failure, report
from imagesetter.fields.resource_list import find_fields
from imagesetter.fields.strip_annotations import strip_annotations
from imagesetter.flux import resources as flux
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.nearest import folder_of
from imagesetter.lock import document as lock
from imagesetter.selection.sources import MakeSource
from imagesetter.update.downgrades import downgrade_guard
from imagesetter.update.plan import Guard, Plan, plan_changes, scan_notes, summary
from imagesetter.update.policy_rules import PolicyRules
from krm_functions.errors import ReportedError
from krm_functions.item import Item
from krm_functions.resource_list import ResourceList
from krm_functions.result import Result, failed
from krm_functions.yaml.edits import Edit
from krm_functions.yaml.proof import edits as proved_edits

if TYPE_CHECKING:
    from imagesetter.fields.kustomize_sources import SourceMarks


class FromSources(NamedTuple):
    """What updated sources have brought into a list already: results, the policies that are followed, and counts."""

    results: tuple[Result, ...] = ()
    named: frozenset[PolicyName] = frozenset()
    changed: int = 0
    unchanged: int = 0


class ListUpdate(NamedTuple):
    """What the function gives back: edits of the list's text, and results."""

    edits: tuple[Edit, ...]
    results: tuple[Result, ...]


def update_resource_list(
    listing: ResourceList,
    config: FunctionOptions,
    make_source: MakeSource,
    *,
    now: float = 0.0,
    from_sources: FromSources = FromSources(),  # noqa: B008 a value that nobody can change
) -> ListUpdate:
    """Find the fields, resolve their policies, and plan the edits.

    Any error leaves the whole list as it is: the orchestrator writes nothing after a failure, and a rendered stream
    that is half updated would be worse than none. So does ``check``, under which each change is an error.

    Args:
        listing: the items.
        config: what is asked.
        make_source: makes the source of latest refs.
        now: the time, in seconds since the epoch; what counts of the holds in a lock among the items.
        from_sources: what the list has from updated sources.

    Raises:
        UsageError: a target in the functionConfig that cannot be read.
    """
    catalog, origins = catalog_from_items(listing, config)
    sources = _sources(listing, config)
    located = find_fields(listing, config, catalog, sources)
    located.fields = [_placed(catalog, marked) for marked in located.fields]
    names = dict.fromkeys(each.marker.policy for marked in located.fields for each in (marked, *marked.others))
    answers = make_source(catalog, FieldDigests(located.fields)).answers(names) if names else {}
    planned = plan_changes(
        located.fields,
        answers,
        keep_on_error=config.on_error == "keep",
        guards=list_guards(listing, config, catalog, located.fields, now),
        strict=config.strict,
        allow_unpin=config.allow_unpin,
        reads=PolicyRules(catalog).reads,
    )
    followed = {*names, *located.named, *from_sources.named}
    problems = [*from_sources.results, *located.results, *planned.results, *_unused(catalog, followed, origins, config)]
    problems += scan_notes(answers.values())
    changed, unchanged = len(planned.changes) + from_sources.changed, planned.unchanged + from_sources.unchanged
    if config.check:
        return ListUpdate((), (*_outdated(planned), *problems, summary(changed, unchanged, would=True)))
    if failed(problems):
        return ListUpdate((), (*problems, *_held_up(changed, config)))
    try:
        edits = _edits(listing, planned)
    except ReportedError as error:
        return ListUpdate((), (*problems, failure(error)))
    if config.strip_annotations:
        problems += strip_annotations(listing.items)
    changes = (change.result for change in planned.changes)
    return ListUpdate(tuple(edits), (*changes, *problems, summary(changed, unchanged)))


def _placed(catalog: Catalog, marked: MarkedField) -> MarkedField:
    """A field that follows the policy nearest to its item's file, where several in the package have that name."""
    if marked.others:
        marked = marked._replace(others=tuple(_placed(catalog, each) for each in marked.others))
    folder = folder_of(marked.location.file)
    try:
        several = catalog.nearest_to(marked.marker.policy, folder) if folder else None
    except ReportedError:
        return marked._replace(marker=marked.marker.in_folder(folder))  # whoever asks for its answer gets it
    if several is None or several[0] is None or not several[0].folders:
        return marked
    return marked._replace(marker=marked.marker.in_folder(several[0].folders[0]))


def _outdated(planned: Plan) -> Iterable[Result]:
    """Each change as an error, for a validator: kpt and kustomize look at the exit status alone."""
    for change in planned.changes:
        result = change.result
        message = f"not up to date: {change.field.marker.policy} selects {change.new}, and the field has {change.old}"
        yield result._replace(severity="error", message=message, tags={**result.tags, "error": "OutOfDate"})


def _held_up(count: int, config: FunctionOptions) -> Iterable[Result]:
    """How many changes an error stops: kpt and kustomize discard the output of a function that fails."""
    if count:
        fields = f"{count} field{'' if count == 1 else 's'}"
        way_out = "" if config.on_error == "keep" else "; onError: keep changes them, and makes policy errors warnings"
        message = f"{fields} would change, and nothing is changed because of the errors{way_out}"
        yield report("info", message, tags={"summary": "true"})


def list_guards(
    listing: ResourceList, config: FunctionOptions, catalog: Catalog, fields: Sequence[MarkedField], now: float
) -> list[Guard]:
    """The guard against going back, unless that is allowed; the lock among the items is read when a field would."""
    if config.allow_downgrade:
        return []
    present = cache(partial(lock_among_items, listing))

    def wanted(policy: PolicyName, old: str, new: str) -> bool:
        found = present()
        return found is not None and found.wants_downgrade(policy, old, new, now)

    return [downgrade_guard(catalog, fields, wanted=wanted, strict=config.strict)]


def _sources(listing: ResourceList, config: FunctionOptions) -> "SourceMarks | None":
    """The markers in the source files: only under kustomize build, where the list itself has no comments left."""
    if config.source_scan == "off" or not listing.by_kustomize:
        return None
    from pathlib import Path

    from imagesetter.fields.kustomize_sources import scan_sources

    return scan_sources(Path.cwd(), nested=config.nested)


def _edits(listing: ResourceList, planned: Plan) -> list[Edit]:
    """The edits of a plan, after the proof that the edited list reads as planned."""
    if any(change.field.nested for change in planned.changes):
        from imagesetter.fields.nested import edits as nested_edits

        every = [(change.field.scalar, change.text, change.field.nested) for change in planned.changes]
        return nested_edits(listing.text, every, listing.layout.scan)
    wanted = [(change.field.scalar, change.text) for change in planned.changes]
    return proved_edits(listing.text, wanted, scan=listing.layout.scan)


def _may_see_a_part(listing: ResourceList) -> bool:
    """Whether kpt may pass on less than the package: the Kptfile says so, unless it is hidden as well."""
    kptfiles = [item.text for item in listing.items if item.kind == "Kptfile"]
    return not kptfiles or any("selectors:" in text or "exclude:" in text for text in kptfiles)


def catalog_from_items(listing: ResourceList, config: FunctionOptions) -> tuple[Catalog, dict[str, Item]]:
    """The policies among the items and in the functionConfig, and the item behind each origin."""
    catalog = Catalog(config.namespace)
    catalog.elsewhere = "put {0} among the resources, or a policy into spec.policies of an ImageSetter"
    if any(item.package_path for item in listing.items) and _may_see_a_part(listing):
        catalog.elsewhere += "; the selectors or exclude of this function in the Kptfile may hide {0}"
    catalog.either = "name the fields in spec.targets, each with its policy as that is called now"
    catalog.rule_defaults = dict(config.rule_defaults)
    catalog.add(config.policies)
    origins: dict[str, Item] = {}
    for item in listing.items:
        wanted = flux.is_wanted(item.api_version, item.kind)
        if wanted or item.kind.endswith("List"):
            origin = f"{item.path}[{item.index}]" if item.path else f"item {item.ref}"
            names = [(identity.namespace, identity.name) for identity in item.identities]
            for data in flux.flatten(item.load()):
                found = flux.resource(data, origin, _spelled(names) if wanted else (), file=item.path)
                if found:
                    origins[origin] = item
                    catalog.add([found])
    return catalog, origins


def require_lock_among_items(listing: ResourceList) -> lock.Lock:
    """The lock among the items; several are taken together.

    Raises:
        LockError: none is there, or it cannot be used.
    """
    found = lock_among_items(listing)
    if found is None:
        raise LockError(f"no {lock.KIND} is among the items", hint=f"{lock.REMEDY} with the package")
    return found


def lock_among_items(listing: ResourceList) -> lock.Lock | None:
    """The lock among the items, several taken together; None where there is none.

    Raises:
        LockError: it cannot be used.
    """
    items = [item for item in listing.items if item.kind == lock.KIND]
    found = [
        lock.in_folder(lock.from_data(data, item.path or str(item.ref)), folder_of(item.path))
        for item in items
        if lock.is_lock(data := item.load())
    ]
    return lock.merge_locks(found) if found else None


def _spelled(names: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The names of a resource through kustomize's layers, in every reading that a marker may have.

    kustomize writes ``default`` for a namespace that was not set. A policy that got its namespace and its prefix from
    a kustomization is known to its authors as the new namespace with the old name, too.
    """
    spelled = list(names)
    spelled += [("", name) for namespace, name in names if namespace == "default"]
    spelled += [(names[-1][0], name) for _, name in names]
    return list(dict.fromkeys(spelled))


def _unused(
    catalog: Catalog, used: Iterable[PolicyName], origins: Mapping[str, Item], config: FunctionOptions
) -> Iterable[Result]:
    """A policy that no field follows: kustomize hides so much that silence here would be taken for success."""
    touched = {id(found) for name in used for found in catalog.named("ImagePolicy", name)}
    for name, found in catalog.of_kind("ImagePolicy"):
        if id(found) not in touched:
            item = origins.get(found.origin)
            yield report(
                "error" if config.strict else "warning",
                f"no field follows ImagePolicy {name}; mark one, name one in spec.targets, or remove the policy",
                location_of(item) if item else None,
                tags={"error": "UnusedPolicy", "policy": str(name)},
            )
