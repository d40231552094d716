"""Reading a tree of files once: its markers, its policies, its lock.

Files without a marker, a Flux resource or a lock are read but never parsed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from imagesetter.errors import LockError
from imagesetter.fields.field import Location
from imagesetter.fields.report import failure
from imagesetter.files.find import display_path, find_files, find_names, repository_root, start_directory
from imagesetter.files.read import read, read_inside
from imagesetter.flux import resources as flux
from imagesetter.flux.catalog import Catalog
from imagesetter.flux.markers import Marker, PolicyName, parse_comments
from imagesetter.lock import document as lock
from krm_functions.errors import InputError, TextError, UsageError
from krm_functions.result import Result
from krm_functions.yaml.encoding import DecodedText as Text
from krm_functions.yaml.encoding import decode_text
from krm_functions.yaml.load import load, load_all
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP, SPAN, Comment, ScanResult

STDIN = "<stdin>"
_MARKED = NEEDLE.encode()
_FLUX = flux.GROUP.encode()
_LOCK = f"kind: {lock.KIND}".encode()
# Plain words: a pattern would cost more than all the rest of the screening.
_OTHERS = (b"kind: Secret", b"kind: ServiceAccount", b"kind: Namespace", b"kind: GitRepository")
# What says which resource a field belongs to; collected in the pass that finds the markers.
_RESOURCE: Final = {SPAN: True, "apiVersion": KEEP, "kind": KEEP, "metadata": {"name": KEEP, "namespace": KEEP}}
_OUTLINE: Final = {**_RESOURCE, "items": {"*": _RESOURCE}}


class MarkedFile(NamedTuple):
    """A file that holds markers: its bytes, its text, and where the markers are."""

    path: Path
    data: bytes
    text: Text
    scan: ScanResult

    def field_markers(self) -> Iterator[tuple[Comment, Marker]]:
        """The valid markers that stand behind a value."""
        for parsed in parse_comments(self.scan.comments):
            if parsed.marker and parsed.comment.scalar:
                yield parsed.comment, parsed.marker


class Tree(NamedTuple):
    """What was read of a tree: the files with markers, the Flux resources, and what could not be read.

    ``locks`` are files with an ImageLock, as bytes; ``names`` are all files.
    """

    marked: tuple[MarkedFile, ...]
    resources: tuple[flux.Resource, ...]
    locks: tuple[tuple[Path, bytes], ...]
    names: tuple[str, ...]
    results: tuple[Result, ...]
    unread: tuple[InputError, ...] = ()
    """Flux resources that do not parse; those of templates never will."""
    given: tuple[str | Path, ...] = ()
    """The paths as the operator named them."""

    @property
    def files(self) -> int:
        """How many files were read."""
        return len(self.names)


def read_tree(paths: Sequence[str | Path], *, exclude: Iterable[str] = (), needed: bool = False) -> Tree:
    """Read every configuration file under the paths once, for its markers and for its Flux resources.

    Args:
        paths: files and directories.
        exclude: patterns of what is left out.
        needed: each directory has to hold a file.

    Raises:
        UsageError: a path that does not exist, or, if *needed*, a directory without a file.
    """
    marked: list[MarkedFile] = []
    resources: list[flux.Resource] = []
    locks: list[tuple[Path, bytes]] = []
    results: list[Result] = []
    unread: list[InputError] = []
    names = tuple(find_names(paths, exclude=exclude, needed=needed))
    for name in names:
        try:
            data = read(name, paths)
            if _FLUX in data:
                resources += flux_resources(data, name, unread=unread)
            if _LOCK in data:
                locks.append((Path(name), data))
            if _MARKED in data:
                text = decode_text(data, name=name)
                marked.append(MarkedFile(Path(name), data, text, scan(text.text, NEEDLE, outline=_OUTLINE)))
        except TextError as error:
            if _MARKED in data:
                results.append(failure(error, Location(file=name)))
        except InputError as error:
            results.append(failure(error, Location(file=name)))
    return Tree(tuple(marked), tuple(resources), tuple(locks), names, tuple(results), tuple(unread), tuple(paths))


def flux_resources(
    data: bytes, name: str, *, whole: bool = False, unread: list[InputError] | None = None
) -> list[flux.Resource]:
    """The Flux resources in a file's or stream's bytes; a document that does not parse holds none.

    Args:
        data: the bytes.
        name: how errors call them.
        whole: every document has to parse: for a file or stream that was named as one of policies.
        unread: takes what a document that does not parse is wrong with.

    Raises:
        TextError: the bytes are not UTF-8, or (if *whole*) not YAML.
    """
    found: list[flux.Resource] = []
    text = decode_text(data, name=name).text
    for document, line in load_all(text, name=name) if whole else _documents(text, name, unread):
        for item in flux.flatten(document):
            resource = flux.resource(item, f"{name}:{line}")
            if resource:
                found.append(resource)
    return found


def _documents(text: str, name: str, unread: list[InputError] | None) -> Iterable[tuple[object, int]]:
    """Every document that parses, with its first line; the ones beside a broken one as well."""
    try:
        return list(load_all(text, name=name))
    except TextError as error:
        if unread is not None:
            unread.append(error)
        found: list[tuple[object, int]] = []
        for node in scan(text, outline={}).documents:
            with contextlib.suppress(TextError):
                found.append((load(text[node.start : node.end], name=name, first_line=node.line), node.line))
        return found


def catalog_from_tree(
    tree: Tree,
    *,
    policies: Sequence[str | Path],
    stdin: Callable[[], bytes],
    namespace: str,
    paths: Sequence[str | Path],
    wanted: Iterable[PolicyName] = (),
) -> Catalog:
    """The policies of a run: those named with ``--policies``, and of those in the tree the ones that they leave out.

    A rendered stream or a cluster's export thus stands in for the bases that it was made from.
    Without ``--policies``, a policy that a marker or *wanted* names and that is not under the given paths (a hook is
    given changed files only) is looked for in the whole repository, or under the working directory where there is none.

    Raises:
        UsageError: a path that does not exist, or a source of policies without any.
        TextError: a policies file that cannot be read.
    """
    catalog = Catalog(namespace, more=partial(_others, tree))
    unread = list(tree.unread)
    if policies:
        catalog.add(_named_policies(policies, stdin, unread))
        catalog.add([found for found in tree.resources if not catalog.knows(found)])
    else:
        catalog.add(tree.resources)
        named = {*wanted, *(marker.policy for file in tree.marked for _, marker in file.field_markers())}
        if any(not catalog.has_policy(name) for name in named):
            root = repository_root(start_directory(paths)) or Path()
            known = {resource.origin for resource in tree.resources}
            unread.clear()  # what the tree could not read is met again
            catalog.add(found for found in _resources_below(root, unread) if found.origin not in known)
    catalog.unread = [f"{error.where}: {error.what}" for error in unread]
    return catalog


def _resources_below(root: Path, unread: list[InputError]) -> Iterable[flux.Resource]:
    for path in find_files([root]):
        try:
            data = read(path)
            if _FLUX in data:
                yield from flux_resources(data, display_path(path), unread=unread)
        except InputError as error:
            unread.append(error)


def _others(tree: Tree) -> Iterable[flux.Resource]:
    """What a policy may refer to besides its repository.

    Few policies do, so these files are looked for, in a second reading of the tree, only when one does.
    """
    for name in tree.names:
        with contextlib.suppress(InputError):
            data = read(name, tree.given)
            if _FLUX not in data and any(words in data for words in _OTHERS):
                yield from flux_resources(data, name)


def require_lock(tree: Tree, paths: Sequence[str | Path]) -> lock.Lock:
    """The lock of a run; see `nearest_lock`.

    Raises:
        LockError: none is there, or it cannot be used.
        TextError: it is not YAML.
    """
    found = nearest_lock(tree, paths)
    if found is None:
        raise LockError(f"there is no {lock.FILE_NAME}", where=str(paths[0]) if paths else ".", hint=lock.REMEDY)
    return found


def nearest_lock(tree: Tree, paths: Sequence[str | Path]) -> lock.Lock | None:
    """What the tree holds of locks, else the nearest one above the first path; None where there is none.

    Raises:
        LockError: it cannot be used.
        TextError: it is not YAML.
    """
    found = tree.locks
    if not found:
        start = (Path(paths[0]) if paths else Path()).resolve()
        root = repository_root(start) or start
        for directory in (start, *start.parents):
            path = directory / lock.FILE_NAME
            if path.is_symlink() or path.exists():
                found = ((path, read_inside(path, root)),)
            if found or directory == root:
                break
    if not found:
        return None
    return lock.merge_locks(
        [lock.parse_lock(decode_text(data, name=str(path)).text, str(path)) for path, data in found]
    )


def _named_policies(
    policies: Sequence[str | Path], stdin: Callable[[], bytes], unread: list[InputError]
) -> Iterable[flux.Resource]:
    for given in policies:
        found: list[flux.Resource] = []
        broken = len(unread)
        if str(given) == "-":
            found += flux_resources(stdin(), STDIN, whole=True)
        else:
            for path in find_files([given], needed=True):
                found += flux_resources(read(path, [given]), str(path), whole=not Path(given).is_dir(), unread=unread)
        if not found and len(unread) == broken:  # what could not be read is told by whoever misses a policy
            raise no_policies(given)
        yield from found


def no_policies(given: str | Path) -> UsageError:
    """What is wrong with a source of ``--policies`` that holds none."""
    where = "standard input" if str(given) == "-" else given
    return UsageError(
        f"{where} contains neither an ImagePolicy nor another resource of Flux",
        where="--policies",
        hint="did the command before the pipe fail?" if str(given) == "-" else "name the file that holds the policies",
    )
