"""What an update would do to a tree of files, planned alike by ``update`` and ``build``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from imagesetter.cli import clock
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.cli.options import RunOptions, read_stdin
from imagesetter.cli.source import held_in, source_for
from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.field import MarkedField
from imagesetter.files.read import repository_of
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.latest_ref import LatestRef
from imagesetter.flux.markers import PolicyName
from imagesetter.flux.nearest import folder_of
from imagesetter.flux.releases import with_releases
from imagesetter.lock.document import Lock
from imagesetter.selection.sources import LatestRefSource
from imagesetter.update.downgrades import downgrade_guard
from imagesetter.update.files import FileUpdates, update_files
from imagesetter.update.nearby import Nearby, stray_holds
from imagesetter.update.plan import Guard
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree
from imagesetter.update.tree_catalog import catalog_from_tree, with_values
from krm_functions.result import Result


@dataclass(frozen=True, slots=True)
class PlannedUpdate:
    """The changes, and what they were planned from: the tree with its variables' values, the policies, the locks."""

    tree: ScannedTree
    catalog: Catalog
    updates: FileUpdates
    lock: Callable[[], Lock | None]
    """Reads the locks that count, once."""


def plan_update(
    tree: ScannedTree,
    paths: Sequence[str],
    options: RunOptions,
    network: NetworkOptions,
    *,
    allow_downgrade: bool,
    allow_unpin: bool,
    strict: bool,
) -> PlannedUpdate:
    """Read the policies and locks nearest to the fields, get latest refs, and plan; writes nothing.

    Raises:
        ReportedError: the policies, a lock or an option cannot be used.
    """
    read_policies = partial(
        catalog_from_tree,
        tree,
        paths=paths,
        policies=options.policies,
        namespace=options.namespace,
        stdin=cache(read_stdin),
        values=options.values,
    )
    catalog = read_policies()
    tree = with_values(tree, catalog)
    nearby = Nearby(catalog, tree, paths)
    present = cache(nearby.lock)
    with source_for(
        options.source, nearby.require_lock, network, present=present, held=held_in(tree, catalog)
    ) as make_source:

        def source_of(fields: Sequence[MarkedField]) -> LatestRefSource:
            return make_source(catalog, FieldDigests(fields))

        def wanted(policy: PolicyName, old: str, new: str) -> bool:
            found = present()
            return found is not None and found.wants_downgrade(policy, old, new, clock.now())

        def guards_of(fields: Sequence[MarkedField]) -> Sequence[Guard]:
            guards = [] if allow_downgrade else [downgrade_guard(catalog, fields, wanted=wanted, strict=strict)]
            return [*guards, _revert_guard(tree, catalog, fields)]

        updates = update_files(
            tree,
            source_of,
            keep_on_error=options.on_error == "keep",
            only=with_releases(catalog, options.only) if options.only else options.only,
            guards_of=guards_of,
            strict=strict,
            allow_unpin=allow_unpin,
            reads=PolicyRules(catalog).reads,
            place=nearby.place,
        )
    if not options.only:
        updates = replace(updates, results=(*updates.results, *_stray_holds(nearby, catalog, read_policies)))
    return PlannedUpdate(tree, catalog, updates, present)


def _stray_holds(nearby: Nearby, catalog: Catalog, read_policies: Callable[..., Catalog]) -> Iterator[Result]:
    """A warning for each hold of an unknown policy, in the locks that were needed anyway."""
    for file, lock in nearby.read_locks():
        unknown = {hold.policy for hold in lock.holds if not catalog.has_policy(hold.policy)}
        if unknown:  # perhaps it is elsewhere in the repository, where no field of this run needed it
            yield from stray_holds(lock, read_policies(wanted=unknown), file)


def _revert_guard(tree: ScannedTree, catalog: Catalog, fields: Sequence[MarkedField]) -> Guard:
    """A guard that keeps a field that somebody set back; git is imported when the first field is about to change."""

    @cache
    def made(repository: str) -> Guard:
        from imagesetter.cli.history import field_guard

        return field_guard(tree, catalog, fields, Path(repository))

    tops: dict[str, str | None] = {}

    def guard(marked: MarkedField, ref: LatestRef, new: str) -> Result | None:
        repository = repository_of(folder_of(marked.location.file), tops)
        return made(repository)(marked, ref, new) if repository else None

    return guard
