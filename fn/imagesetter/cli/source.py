"""Where the latest refs of a run come from: a registry, the lock or a status, as ``--from`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from imagesetter.cli import clock
from imagesetter.cli.network_options import NetworkOptions
from imagesetter.lock.document import Lock
from imagesetter.selection.lock_source import LockSource
from imagesetter.selection.sources import MakeSource
from imagesetter.selection.status_source import StatusSource

if TYPE_CHECKING:
    from imagesetter.candidates.situation import HeldTag, HeldTagOf
    from imagesetter.config.options import SourceName
    from imagesetter.flux.catalog import Catalog
    from imagesetter.flux.markers import PolicyName
    from imagesetter.lock.document import LockEntry
    from imagesetter.update.read_tree import ScannedTree


@contextmanager
def source_for(
    name: SourceName,
    lock: Callable[[], Lock],
    network: NetworkOptions,
    *,
    present: Callable[[], Lock | None] = lambda: None,
    held: HeldTagOf | None = None,
) -> Iterator[MakeSource]:
    """A factory of the run's source of latest refs; its sources share one client, closed when the block ends.

    Args:
        name: where latest refs come from.
        lock: reads the lock, for ``lock``.
        network: the operator's options, for ``registry``.
        present: reads the lock, if there is one: its holds apply, and for ``registry`` the ages of tags.
        held: what policies hold where the lock does not say (`held_in`).
    """
    match name:
        case "status":
            once = cache(present)  # each policy looks at its holds
            yield lambda catalog, known: StatusSource(catalog, once, clock.now())
        case "lock":
            recorded = lock()
            yield lambda catalog, known: LockSource(catalog, recorded, clock.now())
        case _:
            with ExitStack() as opened:

                @cache
                def registry() -> MakeSource:
                    # Imported here, since most lists from kpt have no marker, and such a run contacts no registry.
                    from imagesetter.cli.registry_refs import registry_refs

                    return opened.enter_context(registry_refs(network, present, held))

                if network.allow_registry or network.allow_auth_host:
                    registry()  # an invalid pattern is an error even if no registry is contacted
                yield lambda catalog, known: registry()(catalog, known)


def held_in(tree: ScannedTree, catalog: Catalog) -> HeldTagOf:
    """What the policies of a tree hold by the history of their files; git is imported when one is asked for."""

    @cache
    def made() -> HeldTagOf:
        from imagesetter.cli.history import held_tags

        return held_tags(tree, catalog)

    def held(policy: PolicyName, entry: LockEntry | None = None, lock: str = "") -> HeldTag | None:
        return made()(policy, entry, lock)

    return held
