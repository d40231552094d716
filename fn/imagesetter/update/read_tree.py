"""Reading a tree of files once: its markers, its policies, its lock.

Files without a marker, a Flux resource or a lock are read but never parsed.
"""

# Strings, not path objects: these cost more than all the calls on a file together, and there are thousands of files.
# ruff: noqa: PTH113

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from imagesetter.config.inline_policy import WORDS, policies_in_file, releases_in_file
from imagesetter.fields.digests import scalars_beside
from imagesetter.fields.field import Location, shared
from imagesetter.fields.nested import NestedMark, find_nested
from imagesetter.fields.report import failure
from imagesetter.fields.unfollowed import nested_markers, sealed_documents
from imagesetter.files.find import find_names
from imagesetter.files.read import read, read_again
from imagesetter.files.rewrite import changed, fingerprint
from imagesetter.flux import resources as flux
from imagesetter.flux.deployments import GROUP as DEPLOYMENTS
from imagesetter.flux.deployments import File
from imagesetter.flux.kustomization_file import is_kustomization
from imagesetter.flux.markers import Marker, parse_comments
from imagesetter.lock import document as lock
from krm_functions.errors import InputError, TextError
from krm_functions.result import ResourceRef, Result
from krm_functions.yaml.encoding import decode_text, mentions, wide_encoding
from krm_functions.yaml.field_path import FieldPath
from krm_functions.yaml.load import load, load_all
from krm_functions.yaml.scan import NEEDLE, scan
from krm_functions.yaml.scan_result import KEEP_TEXT, NOTHING, SPAN, Comment, Scalar, ScanResult

STDIN = "<stdin>"
_MARKED = NEEDLE.encode()
_FLUX = flux.GROUP.encode()
_RELEASE = flux.RELEASE.encode()
_LOCK = f"kind: {lock.KIND}".encode()
_DEPLOYS = DEPLOYMENTS.encode()
# What says which resource a field belongs to; collected in the pass that finds the markers.
_NAMES: Final = {"name": KEEP_TEXT, "namespace": KEEP_TEXT}
_RESOURCE: Final = {SPAN: True, "apiVersion": KEEP_TEXT, "kind": KEEP_TEXT, "metadata": _NAMES}
_OUTLINE: Final = {**_RESOURCE, "items": {"*": _RESOURCE}}


class MarkedFile(NamedTuple):
    """A file that holds markers, and what an update needs of its text, which is not kept: a fleet has many files."""

    name: str
    fingerprint: int
    """Of its bytes (`imagesetter.files.rewrite.fingerprint`)."""
    scan: ScanResult
    """Without its documents."""
    resources: tuple[tuple[int, FieldPath, ResourceRef], ...] = ()
    """The resources in it by document and path: the documents themselves, and the items of a List."""
    nested: tuple[NestedMark, ...] = ()
    """Fields in the text of values, where these are followed."""
    unfollowed: tuple[tuple[int, int], ...] = ()
    """Line and column of each marker in the text of a value."""
    beside: Mapping[int, Mapping[FieldPath, Scalar]] = NOTHING
    """The digests and registries beside its fields, by document and path."""
    sealed: tuple[int, ...] = ()
    """The documents that SOPS has sealed."""
    kept: bytes | None = None
    """Its bytes, if they cannot be read again: it is a pipe."""

    @property
    def path(self) -> Path:
        """Its path; a path object is not kept, since it takes much memory."""
        return Path(self.name)

    def read(self) -> bytes:
        """Its bytes, read anew.

        Raises:
            FileChangedError: it holds others by now.
            InputError: it cannot be read.
        """
        data = read_again(self.name) if self.kept is None else self.kept
        if fingerprint(data) != self.fingerprint:
            raise changed(self.name)
        return data

    def field_markers(self) -> Iterator[tuple[Comment, Marker]]:
        """The valid markers that are behind a value, also in the text of another one where these are followed."""
        for mark in self.nested:
            yield mark.comment, mark.marker
        for parsed in parse_comments(self.scan.comments):
            if parsed.marker and parsed.comment.scalar:
                yield parsed.comment, parsed.marker


class ScannedTree(NamedTuple):
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
    kustomizations: tuple[File, ...] = ()
    deployments: tuple[File, ...] = ()
    """Files that contain a Flux Kustomization."""
    invalid: tuple[Result, ...] = ()
    """Of the results, those about inline policies; a run that resolves all policies has to report them."""

    @property
    def files(self) -> int:
        """How many files were read."""
        return len(self.names)


def read_tree(
    paths: Sequence[str | Path], *, exclude: Iterable[str] = (), needed: bool = False, nested: bool = False
) -> ScannedTree:
    """Read every configuration file under the paths once, for its markers and for its Flux resources.

    Args:
        paths: files and directories.
        exclude: patterns of what is left out.
        needed: each directory has to hold a file.
        nested: follow markers inside the text of values, too.

    Raises:
        UsageError: a path that does not exist, or, if *needed*, a directory without a file.
    """
    marked: list[MarkedFile] = []
    resources: list[flux.Resource] = []
    locks: list[tuple[Path, bytes]] = []
    results: list[Result] = []
    unread: list[InputError] = []
    kustomizations: list[File] = []
    deployments: list[File] = []
    invalid: list[Result] = []
    names = tuple(find_names(paths, exclude=exclude, needed=needed))
    for name in names:
        try:
            data = read(name, paths)
            if is_kustomization(name):
                kustomizations.append((name, data))
            if _DEPLOYS in data:
                deployments.append((name, data))
            if wide_encoding(data) and mentions(data, NEEDLE, flux.GROUP):
                decode_text(data, name=name)  # refuses it
            if may_hold_policies(data):
                broken: list[InputError] = []
                resources += flux_resources(data, name, unread=unread, invalid=broken)
                unread += broken
                invalid += (failure(error, Location(file=name)) for error in broken)
            if _LOCK in data:
                locks.append((Path(name), data))
            if _MARKED in data:
                file = marked_file(name, data, nested=nested)
                marked.append(file if os.path.isfile(name) else file._replace(kept=data))
        except TextError as error:
            if mentions(data, NEEDLE) or wide_encoding(data):
                results.append(failure(error, Location(file=name)))
        except InputError as error:
            results.append(failure(error, Location(file=name)))
    return ScannedTree(
        tuple(marked),
        tuple(resources),
        tuple(locks),
        names,
        (*results, *invalid),
        tuple(unread),
        tuple(paths),
        tuple(kustomizations),
        tuple(deployments),
        tuple(invalid),
    )


def marked_file(name: str, data: bytes, *, nested: bool = False) -> MarkedFile:
    """A file with its markers; if *nested*, also with those inside the text of values.

    Raises:
        TextError: it is not UTF-8.
    """
    text = decode_text(data, name=name).text
    found = scan(text, NEEDLE, outline=_OUTLINE)
    return MarkedFile(
        name,
        fingerprint(data),
        ScanResult(tuple(map(_slim, found.comments)), found.broken, events=found.events),
        tuple(_resources(found)),
        find_nested(text) if nested else (),
        tuple(nested_markers(text, found)),
        scalars_beside(text, [comment.scalar for comment in found.comments if comment.scalar]),
        sealed_documents(text, found),
    )


def _slim(comment: Comment) -> Comment:
    scalar = comment.scalar
    if scalar:
        scalar = scalar._replace(path=shared(scalar.path), value=shared(scalar.value))
    return comment._replace(text=shared(comment.text), scalar=scalar)


def _resources(found: ScanResult) -> Iterator[tuple[int, FieldPath, ResourceRef]]:
    for node in found.nodes:
        kept = {path[-1]: value for path, value in node.texts.items()}
        if kept.get("apiVersion") and kept.get("kind"):
            of = (kept["apiVersion"], kept["kind"], kept.get("name", ""), kept.get("namespace", ""))
            yield node.document, shared(node.path), ResourceRef(*map(shared, of))


def may_hold_policies(data: bytes) -> bool:
    """Whether a file is worth parsing for Flux resources or inline policies."""
    return _FLUX in data or _RELEASE in data or all(word in data for word in WORDS)


def flux_resources(
    data: bytes,
    name: str,
    *,
    whole: bool = False,
    unread: list[InputError] | None = None,
    invalid: list[InputError] | None = None,
) -> list[flux.Resource]:
    """The Flux resources in a file's or stream's bytes, and those that its inline policies stand for.

    A document that does not parse holds none.

    Args:
        data: the bytes.
        name: how errors call them.
        whole: every document has to parse, and every inline policy has to be valid: for a file or stream that was
            named as one of policies.
        unread: takes what a document that does not parse is wrong with.
        invalid: takes what an inline policy is wrong with, instead of *unread*.

    Raises:
        TextError: the bytes are not UTF-8, or (if *whole*) not YAML.
        InputError: an inline policy is not valid (if *whole*).
    """
    found: list[flux.Resource] = []
    broken: list[InputError] = []
    text = decode_text(data, name=name).text
    for document, line in load_all(text, name=name) if whole else _documents(text, name, unread):
        for item in flux.flatten(document):
            resource = flux.resource(item, f"{name}:{line}", file="" if name == STDIN else name)
            if resource:
                found.append(resource)
            for policy in policies_in_file(item, name, line):
                if isinstance(policy, InputError):
                    broken.append(policy)
                else:
                    found += policy
            found += releases_in_file(item, name, line)
    if broken and whole:
        raise broken[0]
    taker = unread if invalid is None else invalid
    if taker is not None:
        taker += broken
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
