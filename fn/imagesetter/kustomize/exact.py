"""The answer of the function as ``imagesetter update`` and a plain build would give it, found out and not guessed.

Under exec on Linux the function sees who runs it. It lets the same kustomize build a copy of the sources in which the
marked fields are up to date, and inside of that build it writes down its input. What arrives there is what would have
arrived here: every layer, generator, chart and replacement has worked on it. Where nothing in the sources would
change, nothing is built.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from imagesetter.config.options import INPUTS_VARIABLE, FunctionOptions
from imagesetter.errors import BuildError
from imagesetter.fields.digests import FieldDigests
from imagesetter.fields.field import MarkedField
from imagesetter.fields.kustomization import find_kustomization
from imagesetter.fields.resource_list import renamed_images
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import PolicyName
from imagesetter.kustomize.caller import Caller, find_caller
from imagesetter.kustomize.copy import SourceTree, copy_of, find_tree
from imagesetter.kustomize.difference import differences, hidden, items_edit, not_followed, outdated
from imagesetter.kustomize.inputs import distinct, matching
from imagesetter.kustomize.order import is_about, split_marked
from imagesetter.kustomize.program import build
from imagesetter.kustomize.recording import recorded
from imagesetter.kustomize.update import marked_files, not_updated
from imagesetter.selection.sources import LatestRefSource, MakeSource
from imagesetter.update.files import FileUpdates, update_files
from imagesetter.update.plan import Guard
from imagesetter.update.policy_rules import PolicyRules
from imagesetter.update.read_tree import ScannedTree
from imagesetter.update.resource_list import (
    FromSources,
    ListUpdate,
    catalog_from_items,
    list_guards,
    update_resource_list,
)
from krm_functions.resource_list import ResourceList
from krm_functions.result import File, Result, failed
from krm_functions.yaml.edits import splice


class NotExact(NamedTuple):
    """Why the sources cannot be built, as a part of a sentence."""

    reason: str


def update_exactly(
    listing: ResourceList, config: FunctionOptions, make_source: MakeSource, *, now: float
) -> ListUpdate | NotExact:
    """The same as `imagesetter.update.resource_list.update_resource_list`, with the sources built.

    Raises:
        BuildError: kustomize cannot build the updated sources.
        InputError: the sources cannot be read or copied.
    """
    caller, folder = find_caller(), Path.cwd().resolve()
    if caller is None:
        return NotExact("the kustomize build that runs this function cannot be seen from here")
    directory = caller.directory.resolve() if caller.directory else folder
    tree = find_tree([directory])
    if folder not in tree.folders:
        directory = folder  # of a remote base: a clone of its own
        tree = find_tree([directory])
    catalog = catalog_from_items(listing, config)[0]
    marked = marked_files(tree, nested=config.nested)
    mine, late = split_marked(marked, tree.found[0], folder, is_outermost=directory == folder)
    updated, named = _update(mine, listing, config, catalog, make_source, now)
    names = None if late is None else set(mine.names)
    said = [*updated.results, *(each for each in not_updated(tree) if is_about(each, names))]
    if late and late.marked:
        later, _ = _update(late, listing, config, catalog, make_source, now)
        ours = os.path.relpath(find_kustomization(folder) or folder, tree.root)
        said += not_followed(later, ours, strict=config.strict)
    results = [_shown(result, tree) for result in said]
    if config.bind_by_image:
        results += renamed_images(tree.found[0], catalog)
    if failed(results) or not updated.rewrites:
        stopped = FromSources(tuple(results), named, len(updated.changes), updated.unchanged)
        return _finish(listing, listing, config, make_source, now, stopped)
    theirs = _build(caller, directory, folder, tree, updated, listing)
    if theirs is None:
        return NotExact("kustomize did not call this function in the same way for updated sources")
    found = differences(listing, theirs, updated.changes)
    if config.check:
        found = [outdated(result) for result in found]
    notes = [_shown(result, tree) for result in hidden(updated.changes, found)]
    changed = FromSources((*found, *notes, *results), named, len(found), updated.unchanged)
    return _finish(listing, theirs, config, make_source, now, changed)


def _update(
    marked: ScannedTree,
    listing: ResourceList,
    config: FunctionOptions,
    catalog: Catalog,
    make_source: MakeSource,
    now: float,
) -> tuple[FileUpdates, frozenset[PolicyName]]:
    def source_of(fields: Sequence[MarkedField]) -> LatestRefSource:
        return make_source(catalog, FieldDigests(fields))

    def guards_of(fields: Sequence[MarkedField]) -> Sequence[Guard]:
        return list_guards(listing, config, catalog, fields, now)

    updated = update_files(
        marked,
        source_of,
        keep_on_error=config.on_error == "keep",
        guards_of=guards_of,
        strict=config.strict,
        allow_unpin=config.allow_unpin,
        reads=PolicyRules(catalog).reads,
    )
    return updated, frozenset(marker.policy for file in marked.marked for _, marker in file.field_markers())


def _build(
    caller: Caller, directory: Path, folder: Path, tree: SourceTree, updated: FileUpdates, listing: ResourceList
) -> ResourceList | None:
    """Our input in a build of the updated sources; None where it cannot be told from others.

    Raises:
        BuildError: kustomize refuses them.
    """
    with copy_of(tree) as copy:
        copy.write(updated.rewrites)
        inputs = copy.folder / "inputs"
        inputs.mkdir()
        built = build(caller.program, copy.path(directory), {INPUTS_VARIABLE: str(inputs)}, stream=False)
        found = matching(recorded(inputs), copy.path(folder), listing)
        if len(distinct(found)) > 1:  # a component, or a base that is used several times: which call are we?
            before = copy.folder / "before"
            before.mkdir()
            build(caller.program, directory, {INPUTS_VARIABLE: str(before)}, stream=False)
            calls = matching(recorded(before), folder, listing)
            same = [number for number, call in enumerate(calls) if call.text == listing.text]
            found = [found[number] for number in same] if len(calls) == len(found) else []
        if not found and built.status:
            what = f"kustomize cannot build the updated sources: {copy.original(built.messages).strip()}"
            raise BuildError(
                what, hint="imagesetter update and kustomize build show the same; or set sourceScan: static"
            )
        return found[0] if len(distinct(found)) == 1 else None


def _finish(
    listing: ResourceList,
    theirs: ResourceList,
    config: FunctionOptions,
    make_source: MakeSource,
    now: float,
    from_sources: FromSources,
) -> ListUpdate:
    """Targets, annotations and bound images follow in what the sources gave."""
    rest = config._replace(source_scan="off")
    update = update_resource_list(theirs, rest, make_source, now=now, from_sources=from_sources)
    if theirs is listing:
        return update
    if config.check or failed(update.results):
        return update._replace(edits=())
    return update._replace(edits=tuple(items_edit(listing, splice(theirs.text, update.edits))))


def _shown(result: Result, tree: SourceTree) -> Result:
    """A result with its file as it is called in the repository."""
    if result.file is None:
        return result
    path = Path(result.file.path).resolve()
    shown = path.relative_to(tree.root).as_posix() if path.is_relative_to(tree.root) else result.file.path
    return result._replace(file=File(shown, result.file.index))
