"""The policies of a run: from the files under its paths, from ``--policies``, and from the rest of the repository."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from imagesetter.fields.field import Location
from imagesetter.fields.report import failure
from imagesetter.files.find import display_path, find_files, repository_root, start_directory
from imagesetter.files.read import read
from imagesetter.flux import resources as flux
from imagesetter.flux.builds import Builds, Completed
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.deployments import GROUP, Deployments, File, updated_folders
from imagesetter.flux.kustomization_file import is_kustomization
from imagesetter.flux.markers import Marker, PolicyName
from imagesetter.flux.nearest import covering, folder_of
from imagesetter.flux.variables import substitute
from imagesetter.update.read_tree import STDIN, ScannedTree, flux_resources, may_hold_policies
from krm_functions.errors import InputError, UsageError
from krm_functions.result import Result
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load_all

_FLUX = flux.GROUP.encode()
_DEPLOYS = GROUP.encode()


class FoundFiles(NamedTuple):
    """What files hold of policies, and of what completes these."""

    resources: list[flux.Resource]
    """Resources that are given several times are the same objects each time."""
    kustomizations: list[File]
    deployments: list[File]
    names: list[str]

    def take(self, name: str, data: bytes, unread: list[InputError], *, whole: bool = False) -> None:
        """Note what is in one file."""
        self.names.append(name)
        if is_kustomization(name):
            self.kustomizations.append((name, data))
        if _DEPLOYS in data:
            self.deployments.append((name, data))
        if whole or may_hold_policies(data):
            self.resources.extend(flux_resources(data, name, whole=whole, unread=unread))


def catalog_from_tree(
    tree: ScannedTree,
    *,
    policies: Sequence[str | Path],
    stdin: Callable[[], bytes],
    namespace: str,
    paths: Sequence[str | Path],
    wanted: Iterable[PolicyName] = (),
    values: Mapping[str, str] | None = None,
) -> Catalog:
    """The policies of a run: those named with ``--policies``, and of those in the tree the ones that they leave out.

    A rendered stream or a cluster's export thus stands in for the bases that it was made from.
    Without ``--policies``, a policy that a marker or *wanted* names and that is not under the given paths (a hook is
    given changed files only), or is not complete there, is looked for in the whole repository, or under the working
    directory where there is none. Policies are as the kustomizations among the files complete them.

    Raises:
        UsageError: a path that does not exist, or a source of policies without any.
        TextError: a policies file that cannot be read.
    """
    catalog = Catalog(namespace, more=partial(_others, tree))
    unread = list(tree.unread)
    own = FoundFiles(list(tree.resources), list(tree.kustomizations), list(tree.deployments), list(tree.names))
    if policies:
        named = _named_policies(policies, stdin, unread)
        complete_into(catalog, named.resources, named, values)
        completed = completed_by(own.resources, own, values)[0]
        catalog.add([found for found in completed.resources if not catalog.knows(found)])
    else:
        complete_into(catalog, own.resources, own, values, given=own.resources)
        markers = [(file.name, marker) for file in tree.marked for _, marker in file.field_markers()]
        if needs_search(catalog, markers, wanted, paths):
            root = repository_root(start_directory(paths)) or Path()
            known = {folder_of(name) + "/" + Path(name).name for name in own.names}
            unread.clear()  # what the tree could not read is met again
            around = FoundFiles(list(own.resources), list(own.kustomizations), list(own.deployments), list(own.names))
            for path in find_files([root]):
                if str(path.absolute()) not in known:
                    try:
                        around.take(display_path(path), read(path), unread)
                    except InputError as error:
                        unread.append(error)
            unread = [*tree.unread, *unread]
            catalog = Catalog(namespace, more=partial(_others, tree))
            complete_into(catalog, around.resources, around, values, given=own.resources)
    catalog.unread = [f"{error.where}: {error.what}" for error in unread]
    return catalog


def needs_search(
    catalog: Catalog,
    markers: Iterable[tuple[str, Marker]],
    wanted: Iterable[PolicyName],
    paths: Sequence[str | Path],
) -> bool:
    """Whether the policies of a run may be elsewhere in the repository: unknown, incomplete, or nearer than the known.

    Args:
        catalog: what is known of the given paths.
        markers: the markers there, each with its file.
        wanted: further policies.
        paths: the given paths. Nothing outside of a directory is nearer to a file in it than what is in it.
    """
    whole = len(paths) == 0 or (len(paths) == 1 and Path(paths[0]).is_dir())
    for name in wanted:
        if not catalog.has_policy(name):
            return True
    seen: set[tuple[str, PolicyName]] = set()
    for file, marker in markers:
        key = ("" if whole else folder_of(file), marker.policy)
        if key in seen:
            continue
        seen.add(key)
        found = catalog.named("ImagePolicy", marker.policy)
        if not any(flux.is_complete(each) for each in found):
            return True
        if not whole and not any(key[0] in each.folders for each in found):
            return True
    return False


def completed_by(
    resources: Sequence[flux.Resource], found: FoundFiles, values: Mapping[str, str] | None
) -> tuple[Completed, Deployments]:
    """Resources as the kustomizations among some files complete them."""
    deployments = Deployments(found.deployments, values, partial(_config_maps, found.names))
    return Builds(found.kustomizations, deployments).complete(resources), deployments


def complete_into(
    catalog: Catalog,
    resources: Sequence[flux.Resource],
    found: FoundFiles,
    values: Mapping[str, str] | None,
    *,
    given: Iterable[flux.Resource] = (),
) -> Completed:
    """Add resources to a catalog as the kustomizations among some files complete them."""
    completed, deployments = completed_by(resources, found, values)
    mine = {id(each) for raw in given for each in completed.forms.get(id(raw), ())}
    catalog.add(each for each in completed.resources if id(each) not in mine)
    catalog.add((each for each in completed.resources if id(each) in mine), given=True)
    updating = updated_folders(completed.resources)
    catalog.covering = lambda folder: (
        [each.folder for each in deployments.covering(folder)],
        covering(folder, updating),
    )
    catalog.values_for = deployments.values_for
    return completed


def with_values(tree: ScannedTree, catalog: Catalog, folder: Callable[[str], str] = folder_of) -> ScannedTree:
    """The tree with the variables in its markers replaced, as far as they have values.

    Args:
        tree: the files.
        catalog: knows the values.
        folder: finds the folder that decides about the values in a file.
    """
    marked = []
    for file in tree.marked:
        comments = file.scan.comments
        if any("${" in comment.text for comment in comments):
            values = catalog.values_for(folder(file.name))
            changed = tuple(comment._replace(text=substitute(comment.text, values)) for comment in comments)
            file = file._replace(scan=file.scan._replace(comments=changed))
        marked.append(file)
    return tree._replace(marked=tuple(marked))


def unknown_policies(tree: ScannedTree, catalog: Catalog) -> Iterable[Result]:
    """A warning for each marker of an unknown policy; known policies may belong to another automation."""
    for file in tree.marked:
        for comment, marker in file.field_markers():
            if not catalog.has_policy(marker.policy):
                location = Location(file=file.name, line=comment.line, column=comment.column)
                yield failure(catalog.unknown(marker.policy), location, severity="warning")


def _others(tree: ScannedTree) -> Iterable[flux.Resource]:
    """What a policy may refer to besides its repository.

    Few policies do, so these files are looked for, in a second reading of the tree, only when one does.
    """
    for name in tree.names:
        with contextlib.suppress(InputError):
            data = read(name, tree.given)
            if _FLUX not in data and flux.may_hold(data, *flux.OTHER_KINDS):
                yield from flux_resources(data, name)


def _config_maps(names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
    """The ConfigMaps in some files; few Flux Kustomizations take values from one."""
    for name in names:
        with contextlib.suppress(InputError):
            data = read(name, [name])
            if flux.may_hold(data, "ConfigMap"):
                for document, _ in load_all(decode_text(data, name=name).text, name=name):
                    yield from (each for each in flux.flatten(document) if each.get("kind") == "ConfigMap")


def _named_policies(policies: Sequence[str | Path], stdin: Callable[[], bytes], unread: list[InputError]) -> FoundFiles:
    every = FoundFiles([], [], [], [])
    for given in policies:
        before = len(every.resources), len(unread)
        if str(given) == "-":
            every.resources.extend(flux_resources(stdin(), STDIN, whole=True))
        else:
            for path in find_files([given], needed=True):
                every.take(str(path), read(path, [given]), unread, whole=not Path(given).is_dir())
        if before == (len(every.resources), len(unread)):  # whoever misses a policy reports what could not be read
            raise no_policies(given)
    return every


def no_policies(given: str | Path) -> UsageError:
    """What is wrong with a source of ``--policies`` that holds none."""
    where = "standard input" if str(given) == "-" else given
    return UsageError(
        f"{where} contains neither an ImagePolicy nor another resource of Flux",
        where="--policies",
        hint="did the command before the pipe fail?" if str(given) == "-" else "name the file that holds the policies",
    )
