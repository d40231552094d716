"""The files that are linted, read once, with their markers and Flux resources.

A pre-commit hook hands over the changed files only, and a policy is often far from the fields that follow it. So the
rest of the repository is read, too, where a rule needs it (does this policy exist? does a field follow this one?), but
nothing in it is reported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from imagesetter.fields.kustomize_entries import mappings
from imagesetter.files.find import display_path, find_files, repository_root, start_directory
from imagesetter.files.read import read
from imagesetter.flux import resources as flux
from imagesetter.flux.builds import Completed
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.kustomization_file import read_kustomization
from imagesetter.flux.markers import Marker, PolicyName, parse_comments
from imagesetter.flux.nearest import folder_of
from imagesetter.flux.resources import Resource
from imagesetter.flux.variables import substitute
from imagesetter.lint.scanned_file import LocatedResource, MarkerComment, ScannedFile, read_data, read_path
from imagesetter.registry.reference import parse_reference
from imagesetter.update.nearby import Nearby
from imagesetter.update.read_tree import STDIN, ScannedTree, flux_resources
from imagesetter.update.tree_catalog import FoundFiles, complete_into, completed_by, needs_search, no_policies
from krm_functions.errors import InputError, ReportedError


@dataclass(frozen=True)
class LintedTree:
    """Everything that rules check."""

    files: tuple[ScannedFile, ...]
    """The files under the given paths: their findings are reported."""
    policy_files: tuple[ScannedFile, ...]
    """The sources of ``--policies``: findings about their policies are reported, about their markers not."""
    around: tuple[ScannedFile, ...]
    """The rest of the repository: read, but not reported."""
    catalog: Catalog
    completed: tuple[Completed, ...]
    """What kustomizations make of the resources."""
    count: int
    """The number of files under the given paths."""
    paths: tuple[str | Path, ...] = (".",)
    """The given paths."""
    exclude: tuple[str, ...] = ()
    """The patterns of what is left out."""
    memo: list[Any] = field(default_factory=list, compare=False, repr=False)
    """What `imagesetter.lint.lenient_policies.definitions` read of the tree."""

    @cached_property
    def kustomized_images(self) -> frozenset[str]:
        """The names of images for which some kustomization sets a tag or digest."""
        found: set[str] = set()
        for file in (*self.files, *self.around):
            data = read_kustomization(file.kustomization, file.name) if b"mage" in file.kustomization else None
            for entry in mappings(data or {}, "images"):
                if entry.get("newTag") or entry.get("digest"):
                    found.add(str(entry.get("name")))
        return frozenset(found)

    @cached_property
    def given_names(self) -> frozenset[str]:
        """The names of the given files."""
        return frozenset(file.name for file in self.files)

    @cached_property
    def nearby(self) -> Nearby:
        """The locks, and which of several policies of one name counts for a file."""
        every = [file.lock for file in (*self.files, *self.around) if file.lock]
        locks = tuple((Path(found.name), found.text.encode()) for found in every)
        tree = ScannedTree((), (), locks, (), (), given=self.paths)
        return Nearby(self.catalog, tree, self.paths)

    def meant(self, policy: PolicyName, file: str) -> PolicyName:
        """The policy that a marker in a file means, where several go by its name."""
        return policy._replace(folder=folder_of(file))

    def forms(self, located: LocatedResource) -> Iterator[tuple[PolicyName, Resource]]:
        """What kustomizations make of a resource, each form with its name; none of a patch."""
        for completed in self.completed:
            for form in completed.forms.get(id(located.resource), ()):
                yield self.name_of(form)._replace(folder=form.folders[0] if form.folders else ""), form

    @cached_property
    def marker_comments(self) -> tuple[MarkerComment, ...]:
        """The comments of the given files that are markers, or look like them."""
        return tuple(mark for file in self.files for mark in self._marks(file))

    def _marks(self, file: ScannedFile) -> Iterator[MarkerComment]:
        """The marker comments of a file, with the variables in them replaced."""
        for mark in file.marker_comments:
            if "${" in mark.comment.text:
                text = substitute(mark.comment.text, self.catalog.values_for(folder_of(file.name)))
                (parsed,) = parse_comments([mark.comment._replace(text=text)])
                yield MarkerComment(file.name, *parsed, mark.registry)
            else:
                yield mark

    @cached_property
    def fields(self) -> tuple[MarkerComment, ...]:
        """Those that mark a field."""
        return tuple(mark for mark in self.marker_comments if mark.marker and mark.comment.scalar)

    @cached_property
    def followed(self) -> frozenset[PolicyName]:
        """Every policy that some field follows, anywhere in the repository."""
        everywhere = [*self.files, *self.around]
        names = {
            mark.marker.policy
            for file in everywhere
            for mark in self._marks(file)
            if mark.marker and mark.comment.scalar
        }
        return frozenset(names) | {reference.policy for file in everywhere for reference in file.references}

    def follows(self, located: LocatedResource) -> bool:
        """Whether some field follows a policy, by its name in the file or in the cluster."""
        names = {PolicyName(space or self.catalog.default_namespace, name) for space, name in located.resource.names}
        names |= {name.plain for name, _ in self.forms(located)}
        return not names.isdisjoint(self.followed)

    @cached_property
    def binds(self) -> bool:
        """Whether fields are bound by image somewhere, so that no policy counts as unused."""
        return any(file.binds for file in (*self.files, *self.around))

    @cached_property
    def tags(self) -> Mapping[PolicyName, tuple[str, ...]]:
        """The tags that fields hold now, and those that a cluster reported, by the policy that they follow."""
        found: dict[PolicyName, dict[str, None]] = {}
        for file in (*self.files, *self.around):
            for mark in self._marks(file):
                if mark.marker and mark.comment.scalar:
                    tag = tag_of(mark.marker, mark.comment.scalar.value)
                    if tag:
                        found.setdefault(mark.marker.policy, {})[tag] = None
        for name in self.catalog.policy_names:
            try:
                ref = self.catalog.recorded(name)
            except ReportedError:
                continue
            if ref:
                found.setdefault(name, {})[ref.tag] = None
        return {name: tuple(tags) for name, tags in found.items()}

    def located(self, kind: str) -> Iterator[tuple[PolicyName, LocatedResource]]:
        """The resources of a kind in the given files and in ``--policies``, in this order, each with its name."""
        for file in (*self.files, *self.policy_files):
            for located in file.resources:
                if located.resource.kind == kind and located.resource.api_version.startswith(f"{flux.GROUP}/"):
                    yield self.name_of(located.resource), located

    def name_of(self, resource: Resource) -> PolicyName:
        """A resource's namespace and name."""
        namespace, name = resource.names[0]
        return PolicyName(namespace or self.catalog.default_namespace, name)


def tag_of(marker: Marker, value: str) -> str:
    """The tag that a marked field holds; empty where it holds none."""
    if marker.part == "tag":
        return value
    if marker.part:
        return ""
    try:
        return parse_reference(value).tag
    except ReportedError:
        return ""


ReadFile = Callable[[Path, str, Sequence[str | Path]], ScannedFile | None]
"""Reads a file, given its path, how it is shown, and what the operator named (`read_path`)."""


def read_linted_tree(
    paths: Sequence[str | Path],
    *,
    policies: Sequence[str | Path],
    namespace: str,
    exclude: Iterable[str] = (),
    stdin: Callable[[], bytes],
    values: Mapping[str, str] | None = None,
    read_file: ReadFile = read_path,
) -> LintedTree:
    """Read the files to lint, and as much of the rest of the repository as the rules need.

    Without paths, that is the working directory. An editor reads files by a *read_file* of its own, which knows the
    texts that are not saved yet.

    Raises:
        UsageError: a path that does not exist or holds no file, or a source of policies without any.
    """
    exclude = tuple(exclude)
    needed = bool(paths) or not policies  # with --policies alone, these are what is checked
    paths = paths or (".",)
    found_files = find_files(paths, exclude=exclude, needed=needed)
    given = [(path, read_file(path, str(path), paths)) for path in found_files]
    known = {path.resolve(): found for path, found in given}
    files = [found for _, found in given if found]
    policy_files: list[ScannedFile] = []
    for source in policies:
        policy_files += _read_policy_files(source, known, stdin)
    catalog = Catalog(namespace, more=lambda: _referred([path for path, _ in given], paths))
    named = _found(policy_files)
    completed = [complete_into(catalog, named.resources, named, values)] if policies else []
    # As in `update`: a rendered stream or a cluster's export stands in for the bases that it was made from.
    own = _found(files, [path for path, _ in given])
    mine = completed_by(own.resources, own, values)[0] if policies else None
    if mine:
        completed.append(mine)
        catalog.add([resource for resource in mine.resources if not catalog.knows(resource)])
    else:
        completed.append(complete_into(catalog, own.resources, own, values, given=own.resources))
    tree = LintedTree(
        tuple(files), tuple(policy_files), (), catalog, tuple(completed), len(given), tuple(paths), exclude
    )
    root = _search(tree, paths, searched=bool(policies))
    if root is None:
        return tree
    others = [path for path in find_files([root]) if path.resolve() not in known]
    around = [found for path in others if (found := read_file(path, display_path(path), ()))]
    if not policies:
        every = _found([*files, *around], [*(path for path, _ in given), *others])
        catalog = Catalog(namespace, more=lambda: _referred([path for path, _ in given], paths))
        completed = [complete_into(catalog, every.resources, every, values, given=own.resources)]
    return replace(tree, around=tuple(around), catalog=catalog, completed=tuple(completed), memo=[])


def _found(files: Iterable[ScannedFile], paths: Iterable[Path] = ()) -> FoundFiles:
    """What scanned files hold of policies, and of what completes these; *paths* are all that were read."""
    found = FoundFiles([], [], [], [str(path) for path in paths])
    for file in files:
        found.resources.extend(located.resource for located in file.resources)
        if file.kustomization:
            found.kustomizations.append((file.name, file.kustomization))
        if file.deployment:
            found.deployments.append((file.name, file.deployment))
    return found


def _read_policy_files(
    source: str | Path, known: Mapping[Path, ScannedFile | None], stdin: Callable[[], bytes]
) -> list[ScannedFile]:
    """A source of ``--policies``, without the files that are *known* already.

    Raises:
        UsageError: it holds no policies.
    """
    if str(source) == "-":
        found = every = [read_data(stdin(), STDIN) or ScannedFile(STDIN)]
    else:
        files = [(path, path.resolve()) for path in find_files([source], needed=True)]
        found = [file for path, real in files if real not in known and (file := read_path(path, str(path), [source]))]
        every = [*found, *(file for _, real in files if (file := known.get(real)))]
    if not any(file.resources or file.unreadable for file in every):
        raise no_policies(source)
    return found


def _referred(paths: Iterable[Path], given: Sequence[str | Path]) -> Iterator[Resource]:
    """What a policy may refer to: Namespaces, which decide who may use an ImageRepository, GitRepositories and Secrets.

    They are read when one is wanted.
    """
    for path in paths:
        with contextlib.suppress(InputError):
            data = read(path, given)
            if flux.may_hold(data, *flux.OTHER_KINDS):
                yield from (each for each in flux_resources(data, str(path)) if each.kind in flux.OTHER_KINDS)


def _search(tree: LintedTree, paths: Sequence[str | Path], *, searched: bool) -> Path | None:
    """Where to look for the policies that markers name and for the fields that follow policies; None if all are known.

    Policies of markers are searched as `update` does it: in the repository, or in the working directory where
    there is none.
    """
    repository = repository_root(start_directory(paths))
    markers = [(mark.file, mark.marker) for mark in tree.fields if mark.marker]
    names = {reference.policy for file in tree.files for reference in file.references}
    locks = [file.lock.lock for file in tree.files if file.lock and file.lock.lock]
    names |= {name.plain for lock in locks for name in (*lock.entries, *(hold.policy for hold in lock.holds))}
    if not searched and needs_search(tree.catalog, markers, names, paths):
        return repository or Path()
    policies = (located for file in tree.files for located in file.resources if located.resource.kind == "ImagePolicy")
    if any(not tree.follows(located) for located in policies):
        return repository
    references = [found.spec.get("imageRepositoryRef") for _, found in tree.catalog.of_kind("ImagePolicy")]
    referred = {each.get("name") for each in references if isinstance(each, Mapping)}
    if any(name.name not in referred for name, _ in tree.located("ImageRepository")):
        return repository
    return None
